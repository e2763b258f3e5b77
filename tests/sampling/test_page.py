"""The printed page: safe with hostile text, whole in itself, readable by people and machines."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from typing import Any

import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from illinstr.articles import Article, Provenance, Step, clean_text
from illinstr.errors import DataError
from illinstr.images import METADATA_KEY
from illinstr.sampling.pages.page import Card, credit_line, escape_markdown, render_batch, render_html, render_pages
from illinstr.sampling.pages.strip import MAX_CAPTION_LINES, can_show, load_font, wrap
from tests.support.tiny_run import make_article, make_image, make_record

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(1)</script>",
    "<!-- <script> ]]>",
    "[red]bold[/red] [link=http://evil.example]x[/link]",
    "{{ 7 * 7 }} {% raw %}",
    "' onmouseover='alert(1)",
    "&lt;b&gt; &amp; \\u003c",
    "javascript:alert(1)",
    "](http://evil.example) ![x](http://evil.example/x.png)",
]


def hostile_article(text: str, num_steps: int = 3) -> Article:
    text = clean_text(text)
    steps = tuple(
        Step(
            headline=f"{i} {text}",
            body=f"b {text}",
            bullets=(f"u {text}",),
            image=make_image((i, 9, 9)).model_copy(update={"alt": f"alt {text}"}),
        )
        for i in range(num_steps)
    )
    return Article(id="generated-0", goal=f"How to {text}", steps=steps, provenance=Provenance(source="generated"))


def parse(page: str) -> BeautifulSoup:
    return BeautifulSoup(page, "lxml")


def check_safe(page: str) -> BeautifulSoup:
    """Assert that nothing in the page can run or be fetched; return it parsed."""
    soup = parse(page)
    scripts = soup.find_all("script")
    assert [script.get("type") for script in scripts] in ([], ["application/ld+json"])
    allowed = set(
        re.findall(
            r"\w+",
            "html head meta title link style script body main header h1 p ol ul li figure img span div h2 a footer "
            "section",
        )
    )
    for tag in soup.find_all(True):
        assert tag.name in allowed
        for name, value in tag.attrs.items():
            assert not name.startswith("on") and name not in {"style", "srcset", "background", "ping"}
            if name in {"src", "href"}:
                local = tag.name == "a" and re.fullmatch(r"[\w%.~-]+/index\.html", value)
                assert value.startswith("data:") or local
    style = soup.find("style")
    assert style is not None
    assert "url(" not in style.text and "@import" not in style.text
    policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
    assert policy is not None
    digest = base64.b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
    rules = dict(rule.strip().split(" ", 1) for rule in str(policy["content"]).split(";"))
    assert rules == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return soup


def check_content(page: str, article: Article) -> None:
    soup = check_safe(page)
    assert [h.text for h in soup.find_all("h1")] == [article.goal]
    headings = soup.find_all("h2")
    assert [h.text for h in headings] == [f"Step {i}: {s.headline}" for i, s in enumerate(article.steps, start=1)]
    figures = soup.select("ol > li > figure > img")
    assert len(figures) == article.num_steps
    for figure, step in zip(figures, article.steps, strict=True):
        assert step.image is not None
        assert figure["alt"] == step.image.alt
        kind, _, encoded = str(figure["src"]).partition(";base64,")
        assert kind == f"data:{step.image.media_type}"
        assert base64.b64decode(encoded) == step.image.data
    assert [p.text for p in soup.select(".words > p")] == [s.body for s in article.steps]
    data = linked(soup)
    assert data["name"] == article.goal
    assert [entry.get("name", entry["text"]) for entry in data["step"]] == [s.headline for s in article.steps]


def linked(soup: BeautifulSoup) -> dict[str, Any]:
    block = soup.find("script", type="application/ld+json")
    assert block is not None
    data: dict[str, Any] = json.loads(block.text)
    return data


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_and_does_nothing(text: str) -> None:
    article = hostile_article(text)
    check_content(render_html(article, make_record()), article)


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=60), st.integers(1, 12))
def test_any_text_is_shown_as_it_is(text: str, num_steps: int) -> None:
    article = hostile_article(text, num_steps)
    check_content(render_html(article, make_record(num_steps=num_steps)), article)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_of_models_and_writers(text: str) -> None:
    record = make_record(model_id=text, planner=text, sampler=text, goal=text)
    page = render_html(make_article(), record)
    assert parse(page).footer is not None
    check_safe(page)


def test_a_step_may_have_no_image_but_never_half_a_one() -> None:
    steps = (Step(headline="Think"), Step(headline="Do", image=make_image((1, 2, 3))))
    article = make_article().model_copy(update={"steps": steps})
    assert len(check_safe(render_html(article, make_record())).select("ol img")) == 1
    bare = Article.from_json(article.to_json())
    with pytest.raises(DataError, match="step 2 has an image without bytes"):
        render_html(bare, make_record())


def test_language_and_direction() -> None:
    article = make_article().model_copy(update={"language": "ar", "goal": "كيفية صنع الشاي"})
    soup = parse(render_html(article, make_record()))
    assert soup.html is not None and soup.html["lang"] == "ar"
    assert all(tag.get("dir") == "auto" for tag in soup.find_all(["h1", "h2"]))


def test_same_article_same_bytes() -> None:
    one, other = make_record(timings={"draw_s": 1.0}), make_record(timings={"draw_s": 2.0})
    assert render_pages(make_article(), one) == render_pages(make_article(), other)


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    digits = colour.lstrip("#")
    digits = "".join(c * 2 for c in digits) if len(digits) == 3 else digits
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_can_be_read_on_its_paper_in_every_scheme() -> None:
    style = parse(render_html(make_article(), make_record())).style
    assert style is not None
    schemes = [
        dict(re.findall(r"--(\w+): (#[0-9a-f]+);", block)) for block in re.findall(r":root \{(.*?)\}", style.text, re.S)
    ]
    assert len(schemes) == 3  # light, dark, print
    for scheme in schemes:
        for name in ("ink", "soft", "accent"):
            dark, light = sorted((luminance(scheme[name]), luminance(scheme["paper"])))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, scheme)


def test_print_and_phone_rules_are_there() -> None:
    soup = parse(render_html(make_article(), make_record()))
    assert soup.style is not None
    printed = soup.style.text.partition("@media print")[2]
    assert "grid-template-columns: 1fr 1fr" in printed and "break-inside: avoid" in printed
    viewport = soup.find("meta", attrs={"name": "viewport"})
    assert viewport is not None and "width=device-width" in viewport["content"]


def test_the_licence_is_on_the_page_and_in_its_data() -> None:
    article = make_article().model_copy(update={"license": "CC-BY-4.0"})
    soup = parse(render_html(article, make_record()))
    assert soup.footer is not None and "Licence: CC-BY-4.0." in soup.footer.text
    assert linked(soup)["license"] == "https://creativecommons.org/licenses/by/4.0/"
    assert "Licence" not in credit_line(make_record())


def test_credit_line_names_model_and_seed_but_no_home_folder() -> None:
    line = credit_line(make_record(model_id="/home/somebody/secret/models/juice", seed=41))
    assert "seed 41" in line and "juice" in line and "somebody" not in line


class TestMarkdown:
    @pytest.mark.parametrize(
        ("text", "escaped"),
        [
            ("Wash the medium-sized apples (twice)!", "Wash the medium-sized apples (twice)!"),
            ("# not a heading", r"\# not a heading"),
            ("1. not a list", r"1\. not a list"),
            ("- not a list", r"\- not a list"),
            ("<b> & *x* [y](z)", r"&lt;b&gt; &amp; \*x\* \[y\](z)"),
            ("`code` a_b", r"\`code\` a\_b"),
        ],
    )
    def test_escapes(self, text: str, escaped: str) -> None:
        assert escape_markdown(text) == escaped

    @pytest.mark.parametrize("text", HOSTILE)
    def test_hostile_text_makes_no_markup(self, text: str) -> None:
        article = hostile_article(text)
        markdown = render_pages(article, make_record())["article.md"]
        assert isinstance(markdown, str)
        assert "<" not in markdown
        targets = re.findall(r"(?<!\\)\]\((.*?)\)", markdown)
        assert targets == ["step-03.png", "step-01.png", "step-02.png", "step-03.png"]  # the cover first
        assert len(re.findall(r"^## \d+\. ", markdown, re.M)) == 3


class TestStrip:
    def test_every_image_is_in_it_in_order(self) -> None:
        strip = render_pages(make_article(3), make_record())["strip.png"]
        assert isinstance(strip, bytes)
        with Image.open(io.BytesIO(strip)) as opened:
            image = opened.convert("RGB")
        middle = [image.getpixel((image.width // 2, y)) for y in range(image.height)]
        panels = [p for p in middle if isinstance(p, tuple) and p[2] == 200]
        order = list(dict.fromkeys(panels))
        assert order == [(0, 5, 200), (10, 5, 200), (20, 5, 200)]
        assert all(panels.count(colour) == 512 * 6 // 8 for colour in order)

    def test_metadata_can_be_left_out(self) -> None:
        for metadata in (True, False):
            strip = render_pages(make_article(), make_record(), metadata=metadata)["strip.png"]
            assert isinstance(strip, bytes)
            with Image.open(io.BytesIO(strip)) as image:
                assert (METADATA_KEY in image.info) is metadata

    def test_no_images_no_strip(self) -> None:
        bare = make_article().model_copy(update={"steps": (Step(headline="Think"),)})
        assert set(render_pages(bare, make_record())) == {"index.html", "article.md"}

    @given(st.text(" abcdefghijklmnopqrstuvwxyzMW", min_size=1, max_size=400), st.integers(40, 500))
    @settings(deadline=None, max_examples=50)
    def test_lines_fit_and_lose_nothing(self, text: str, width: int) -> None:
        font = load_font("DejaVuSans", 20)
        text = " ".join(text.split())
        lines = wrap(text, font, width)
        assert len(lines) <= MAX_CAPTION_LINES
        assert all(font.getlength(line) <= width for line in lines)
        if not lines[-1].endswith("…"):
            assert "".join(lines).replace(" ", "") == text.replace(" ", "")

    def test_words_without_shapes_are_left_out(self) -> None:
        font = load_font("DejaVuSans", 20)
        assert can_show("Crème brûlée, 180 °C – ½ чашки", font)
        assert not can_show("泡茶", font)
        assert wrap("泡茶", font, 300) == []


def test_a_batch_links_to_every_article() -> None:
    cards = [Card(f"make-{i}-s0", hostile_article(text), make_record()) for i, text in enumerate(HOSTILE)]
    soup = check_safe(render_batch("All & <b>everything</b>", cards, 2))
    assert soup.h1 is not None and soup.h1.text == "All & <b>everything</b>"
    assert [a["href"] for a in soup.find_all("a")] == [f"make-{i}-s0/index.html" for i in range(len(HOSTILE))]
    assert [a.text for a in soup.find_all("a")] == [card.article.goal for card in cards]
    assert "2 could not be made" in soup.text
    last = soup.find_all("img")[0]["src"]
    image = cards[0].article.steps[-1].image
    assert image is not None and image.data is not None
    assert last == f"data:image/png;base64,{base64.b64encode(image.data).decode()}"
