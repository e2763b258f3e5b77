"""Pages in wikiHow's other languages: sections, labels and links under their own names."""

from __future__ import annotations

import re

import pytest

from illinstr.wikihow_scraper.page import Method, PageStep
from illinstr.wikihow_scraper.sites.wikihow.parse import parse
from illinstr.wikihow_scraper.sites.wikihow.section_names import NAMES, canonical
from tests.support.pages import HowTo, render

STEPS = (PageStep(headline="Erst dies."), PageStep(headline="Dann das."))
HEADINGS = {
    "de": ("Tipps", "Warnungen", "Was du brauchst"),
    "es": ("Consejos", "Advertencias", "Cosas que necesitarás"),
    "fr": ("Conseils", "Avertissements", "Éléments nécessaires"),
    "it": ("Consigli", "Avvertenze", "Cose che ti Serviranno"),
    "pt": ("Dicas", "Avisos", "Materiais Necessários"),
    "nl": ("Tips", "Waarschuwingen", "Benodigdheden"),
    "ru": ("Советы", "Предупреждения", "Что вам понадобится"),
    "ja": ("ポイント", "注意事項", "必要なもの"),
    "zh": ("小提示", "警告", "你需要准备"),
    "ko": ("팁", "경고", "필요한 것"),
    "ar": ("أفكار مفيدة", "تحذيرات", "الأشياء التي ستحتاج إليها"),
    "hi": ("सलाह", "चेतावनी", "चीज़ें जिनकी आपको आवश्यकता होगी"),
    "th": ("เคล็ดลับ", "คำเตือน", "สิ่งของที่ใช้"),
    "vi": ("Lời khuyên", "Cảnh báo", "Những thứ bạn cần"),
    "id": ("Tips", "Peringatan", "Hal yang Anda Butuhkan"),
    "cs": ("Tipy", "Varování", "Co budete potřebovat"),
    "tr": ("İpuçları", "Uyarılar", "İhtiyacın Olan Şeyler"),
    "fa": ("نکات", "هشدارها", "چیزهایی که لازم دارید"),
}


def foreign(code: str, *, ids: bool = True) -> str:
    """A rendered page whose sections carry the language's own ids and classes, or only its headings."""
    howto = HowTo("Saft machen", (Method(steps=STEPS),), tips=("Eins.", "Zwei."), warnings=("Drei.",), things=("Vier",))
    page = render(howto).replace('<html lang="en">', f'<html lang="{code}">')
    for name, heading in zip(("tips", "warnings", "thingsyoullneed"), HEADINGS[code], strict=True):
        own = canonical(heading) if ids else "x"
        shown = f'<div class="section {own}"><h2><span class="mw-headline">{heading}</span></h2><div id="{own}"'
        page = page.replace(f'<div class="section {name}"><div id="{name}"', shown)
        assert f'id="{own}"' in page
    return page


@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize("code", sorted(HEADINGS))
def test_sections_are_found_under_their_own_names(code, ids):
    page = parse(foreign(code, ids=ids))
    assert page.language == code
    assert page.tips == ("Eins.", "Zwei.")
    assert page.warnings == ("Drei.",)
    assert [group.items for group in page.things_needed] == [("Vier",)]
    assert not {"tips", "warnings", "things_needed"} & set(page.missing)
    assert [step.headline for step in page.methods[0].steps] == ["Erst dies.", "Dann das."]
    assert page.goal == "Saft machen"


def test_no_name_means_two_sections():
    for role, names in NAMES.items():
        for other, others in NAMES.items():
            assert role == other or not names & others


METHODS = """Methode 1 von 3: | Método 1 de 3: | Méthode 1 sur 3: | Метод 1 из 3: | 方法 1（3の方法）：
| 방법 1 의 3: | طريقة 1 من 3: | Phương pháp 1 của 3: | Yöntem 1 | Method 1 of 3: | วิธีการ 1 ของ 3:
| Metode 1 dari 3: | Metodo 1 di 3:"""
PARTS = """Teil 2 von 2: | Parte 1 de 3: | Partie 1 sur 2: | Часть 1 из 3: | パート 1 の 3: | 部分 1 的 3:
| 파트 1 의 3: | جزء 1 من 3: | Phần 1 của 3: | Bagian 1 dari 3: | Bölüm 1 | Part 1 of 3: | ส่วน 1 ของ 3:
| Deel 1 van 3: | Část 1 ze 3:"""


@pytest.mark.parametrize(
    ("marker", "label"),
    [
        *((marker.strip(), "method") for marker in METHODS.split("|")),
        *((marker.strip(), "part") for marker in PARTS.split("|")),
        ("", None),
        ("1:", None),
    ],
)
def test_labels(marker, label):
    page = render(HowTo("Saft machen", (Method(name="So", label="method", steps=STEPS),)))
    page = re.sub(r'(<div class="altblock">).*?(</div>)', rf"\g<1>{marker}\g<2>", page)
    method = parse(page).methods[0]
    assert (method.name, method.label) == ("So", label)


@pytest.mark.parametrize(
    ("host", "code"),
    [("de.wikihow.com", "de"), ("www.wikihow.jp", "ja"), ("ja.wikihow.com", "ja"), ("www.wikihow.it", "it"),
     ("www.wikihowfarsi.com", "fa"), ("www.wikihow-kr.com", "ko"), ("www.wikihow.vn", "vi"),
     ("www.wikihow.com.tr", "tr"),
     ("www.wikihow.cz", "cs"), ("es.m.wikihow.com", "es")],
)  # fmt: skip
def test_the_host_tells_the_language_where_the_page_does_not(host, code):
    howto = HowTo("Saft machen", (Method(steps=STEPS),), origin=f"https://{host}")
    assert parse(render(howto).replace('<html lang="en">', "<html>")).language == code


def test_languages_a_reader_sees_count_where_the_head_has_none():
    links = (
        '<div class="section aboutthisarticle" id="aboutthisarticle"><div id="language_links">'
        '<div class="language_link"><span>Deutsch: </span><a href="https://de.wikihow.com/Saft">Saft</a></div>'
        '<div class="language_link"><span>日本語: </span><a href="https://www.wikihow.jp/x">x</a></div></div></div>'
    )
    page = parse(render(HowTo("How to Make Juice", (Method(steps=STEPS),))).replace("</body>", f"{links}</body>"))
    assert page.other_languages == {"de": "https://de.wikihow.com/Saft", "ja": "https://www.wikihow.jp/x"}


def test_steps_without_a_image_are_named():
    page = parse(render(HowTo("How to Make Juice", (Method(name="A", steps=STEPS), Method(name="B", steps=STEPS)))))
    assert page.missing["step_images"] == "neither image nor video at 4 of 4 steps: 1.1, 1.2, 2.1, 2.2"


def test_references_are_counted_in_any_language():
    howto = HowTo("Saft machen", (Method(steps=STEPS),))
    listed = '<div class="section x"><h2>Quellenangaben</h2><ul><li>a</li><li>b</li></ul></div>'
    assert parse(render(howto).replace("</body>", f"{listed}</body>")).references == 2
    assert "references" in parse(render(howto)).missing
