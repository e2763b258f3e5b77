"""What wikiHow's sections and labels are called in its languages.

Ids and classes of a section are its *localised* heading, lower case, without spaces and punctuation ("Was du brauchst"
becomes ``wasdubrauchst``); only some are renamed to the English one. Steps need no names: their markup is the same in
every language. Headings are compared the same way, so a page that has no ids is read by its headings.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_HEADINGS = {
    "tips": (
        "Tips / Tipps / Consejos / Conseils / Consigli / Dicas / Советы / ポイント / "
        "コツ / 小提示 / 小贴士 / 팁 / أفكار مفيدة / نصائح / सलाह / टिप्स / เคล็ดลับ / "
        "Lời khuyên / Tipy / İpuçları / نکات / توصیه‌ها"
    ),
    "warnings": (
        "Warnings / Warnungen / Advertencias / Avertissements / Avvertenze / "
        "Avisos / Waarschuwingen / Предупреждения / 注意 / 注意事項 / 警告 / 경고 / 주의 / "
        "تحذيرات / चेतावनी / चेतावनियाँ / คำเตือน / Cảnh báo / Peringatan / "
        "Varování / Upozornění / Uyarılar / هشدارها"
    ),
    "thingsyoullneed": (
        "Things You'll Need / Was du brauchst / Cosas que necesitarás / "
        "Éléments nécessaires / Cose che ti Serviranno / Materiais Necessários / "
        "Benodigdheden / Что вам понадобится / 必要なもの / 你需要准备 / 所需物品 / 필요한 것 / "
        "الأشياء التي ستحتاج إليها / चीज़ें जिनकी आपको आवश्यकता होगी / "
        "สิ่งของที่ใช้ / Những thứ bạn cần / Hal yang Anda Butuhkan / "
        "Co budete potřebovat / İhtiyacın Olan Şeyler / "
        "İhtiyacınız Olan Şeyler / چیزهایی که لازم دارید / موارد مورد نیاز"
    ),
    "ingredients": (
        "Ingredients / Zutaten / Ingredientes / Ingrédients / Ingredienti / "
        "Ingrediënten / Ингредиенты / 材料 / 原料 / 食材 / 재료 / المكونات / المكوّنات / "
        "सामग्री / ส่วนผสม / Nguyên liệu / Bahan / Ingredience / Přísady / "
        "Suroviny / Malzemeler / مواد لازم"
    ),
    "sources": (
        "Sources and Citations / Sources / References / Quellenangaben / "
        "Quellen und Zitate / Referencias / Fuentes y citaciones / Références / "
        "Sources et citations / Riferimenti / Fonti e Citazioni / Referências / "
        "Bronnen / Bronnen en citaten / Источники / Источники и ссылки / 出典 / "
        "参考 / 参考文献 / 출처 / المصادر / المصادر والاستشهادات / रेफरेन्स / "
        "ข้อมูลอ้างอิง / Nguồn / Tham khảo / Sumber / Referensi / Reference / "
        "Zdroje a citace / Referanslar / Kaynaklar / منابع"
    ),
}
# The words of "Method 1 of 3" and "Part 1 of 3".
_PART_WORDS = (
    "part / teil / parte / partie / deel / часть / část / phần / bagian / "
    "ส่วน / 파트 / 부분 / パート / 部分 / جزء / भाग / bölüm / kısım / بخش"
)
_METHOD_WORDS = (
    "method / methode / método / méthode / metodo / метод / metoda / "
    "phương pháp / metode / cara / วิธีการ / วิธี / 방법 / 方法 / طريقة / विधि / तरीका / "
    "yöntem / روش"
)


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """A heading as an id: case folded, letters, marks and digits only."""
    kept = (character for character in unicodedata.normalize("NFC", text).casefold() if _counts(character))
    return "".join(kept)


def _counts(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN"


NAMES: dict[str, frozenset[str]] = {
    role: frozenset(canonical(heading) for heading in headings.split("/")) for role, headings in _HEADINGS.items()
}
PART_WORDS = tuple(word.strip() for word in _PART_WORDS.split("/"))
METHOD_WORDS = tuple(word.strip() for word in _METHOD_WORDS.split("/"))
