"""Instructions that come as one text, or as the page's own markup, cut into their steps.

What marks a step is taken in the order of how sure it is: numbered headings, items of a numbered list, items of a list,
numbered paragraphs, paragraphs, sentences that stand glued together where a paragraph's end was lost, sentences.
"""

from __future__ import annotations

import html
import itertools
import re
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from lxml import etree

from illinstr.wikihow_scraper.sentences import first_sentence
from illinstr.wikihow_scraper.sites.elements import BLOCKS, HEADINGS, SILENT, fragment, normalise, text_of

LISTS = frozenset({"ul", "ol"})
MAX_LABEL = 80  # characters of a line that names what follows it
_MAX_ALIGNED, _MAX_BLOCKS = 50_000, 20_000

_KNOWN_TAG = re.compile(
    r"</?(?:p|br|b|i|u|s|em|strong|span|div|a|ul|ol|li|h[1-6]|img|sup|sub|small|font|table|tbody|tr|td|th|hr|center|"
    r"figure|figcaption|blockquote|section|article|video|iframe|noscript|style|script)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"^\(?(\d{1,3})(?:\s*[.):]|\s+[-–])\s+|^(\d{1,3})[.)](?=[^\W\d])")
_STEP_WORDS = (
    "step|schritt|passo|paso|étape|etape|stap|steg|trin|krok|lépés|adım|шаг|крок|βήμα|bước|langkah|ขั้นตอนที่|단계|步骤|"
    "步驟|手順|ステップ|工程"
)
_COUNT = r"(?:n[.o°º]\s*)?#?(\d{1,3})(?:\s*(?:/|of|de|von|di|van|av|из)\s*\d{1,3})?"
_GENERIC = re.compile(
    rf"^(?:(?:{_STEP_WORDS})\s*{_COUNT}(?:\s*[:.)\-–—]+\s*|\s+|$)"
    rf"|#?(\d{{1,3}})\s*(?:{_STEP_WORDS})?(?:\s*[:.)\-–—]+(?:\s+|$)|$))",
    re.IGNORECASE,
)
_INLINE_NUMBER = re.compile(r"(?:(?<=\s)|^)\(?(\d{1,2})[.)](?=\s*[^\W\d_])")
_GLUED = re.compile(r"(?<=[^\W\d_A-ZÀ-Þ][.!?])(?=[A-ZÀ-ÞА-Я])|(?<=[)\]\d][.!?])(?=[A-ZÀ-Þ])")
_LABEL_END = re.compile(r"[:：]$")

Kind = Literal["ol", "ul", "text", "heading", "image"]


class Line(NamedTuple):
    """A block of the text: what kind of block, its words, and the element they stand in where there is one.

    Images outside list items are blocks without words.
    """

    kind: Kind
    text: str
    element: Any = None
    level: int = 0


@dataclass
class CutStep:
    """A step as cut: its name where the text gives it one, its words, and the elements they stand in."""

    text: str
    name: str = ""
    elements: list[Any] = field(default_factory=list)


@dataclass
class CutPart:
    """Steps under a heading, or under none."""

    name: str | None = None
    steps: list[CutStep] = field(default_factory=list)


def holds_html(text: str) -> bool:
    """Whether a text is markup: it holds a tag that every page uses."""
    return _KNOWN_TAG.search(text) is not None


def unescaped(text: str) -> str:
    """Entities as characters, also where they were escaped twice."""
    for _ in range(3):
        if "&" not in text:
            break
        after = html.unescape(text)
        if after == text:
            break
        text = after
    return text


def plain(text: str) -> str:
    """A string of structured data as one line of words."""
    text = unescaped(text)
    if holds_html(text):
        root = fragment(text)
        return text_of(root) if root is not None else normalise(_KNOWN_TAG.sub(" ", text))
    return normalise(text)


def generic_name(text: str) -> bool:
    """Whether a step's name only counts it ("Step 3", "Passo 3", "3.")."""
    match = _GENERIC.match(text)
    return match is not None and not text[match.end() :].strip()


def unnumbered(text: str) -> tuple[int | None, str]:
    """The number a heading or a line begins with, and the rest."""
    match = _GENERIC.match(text) or _NUMBERED.match(text)
    if match is None:
        return None, text
    return int(next(group for group in match.groups() if group)), text[match.end() :].strip()


def lines_of(root: Any) -> list[Line]:
    """The blocks of text under ``root`` in document order; a list item is one block, without its inner lists."""
    reader = _Blocks(root)
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        if event == "end":
            reader.close(element)
        elif not reader.open(element):
            walk.skip_subtree()
    reader.flush()
    return reader.found


class _Blocks:
    """Gathers the words of a tree block by block."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.found: list[Line] = []
        self._words: list[str] = []
        self._images: list[Any] = []
        self._open: list[Any] = [root]

    def flush(self) -> None:
        """End the block of text that is open."""
        text = normalise("".join(self._words))
        self._words.clear()
        if text:
            self.found.append(Line("text", text, self._open[-1]))
        self.found += [Line("image", "", image) for image in self._images]
        self._images.clear()

    def open(self, element: Any) -> bool:
        """Take an element in; whether what is inside it is to be read."""
        tag = element.tag
        whole = _whole(element) if element is not self.root else None
        if whole is not None or tag in SILENT or tag == "br":
            if whole is not None or tag == "br":
                self.flush()
            self.found += [whole] if whole is not None else []
            return False
        if tag in ("img", "amp-img"):
            self._images.append(element)
        elif tag in BLOCKS:
            self.flush()
            self._open.append(element)
        self._words.append(element.text or "")
        return True

    def close(self, element: Any) -> None:
        """Leave an element."""
        if element is self.root:
            return
        if element.tag in BLOCKS:
            self.flush()
            if self._open[-1] is element:
                self._open.pop()
        self._words.append(element.tail or "")


def _whole(element: Any) -> Line | None:
    """The element as one line: a heading, a list item with words of its own, a table's row that a number begins."""
    tag = element.tag
    if tag == "tr":
        cells = [text_of(cell) for cell in element if cell.tag in ("td", "th")]
        counted = len(cells) > 1 and unnumbered(cells[0])[0] is not None and not unnumbered(cells[0])[1]
        rest = " ".join(filter(None, cells[1:]))
        return Line("ol", rest, element) if counted and rest else None
    if tag == "dt" and unnumbered(text_of(element))[0] is not None:
        return Line("heading", text_of(element), element, 6)
    if tag in HEADINGS:
        text = text_of(element)
        return Line("heading", text, element, int(tag[1])) if text else None
    if tag == "li":
        parent = element.getparent()
        text = text_of(element, prune=LISTS)
        kind: Kind = "ol" if parent is not None and parent.tag == "ol" else "ul"
        return Line(kind, text, element) if text else None
    return None


def lines_of_text(text: str) -> list[Line]:
    """The lines of a text; those a blank and a tab begin are list items whose markup was taken away."""
    found: list[Line] = []
    for line in re.split(r"[\r\n]+", text):
        if words := normalise(line):
            item = re.match(r"\s*\t\s*|\s*[•●▪*‣◦]\s+|\s*[-–]\s+", line)
            found.append(Line("ul" if item else "text", words.lstrip("•●▪*‣◦- –"), None))
    return found


def cut(text: str, page: list[Line] | None = None) -> list[CutPart]:
    """One string into its steps.

    Args:
        text: words, or markup, entities escaped or not.
        page: the page's blocks; where they say what the string says, they tell where a step ends.
    """
    if holds_html(text) or holds_html(text := unescaped(text)):
        root = fragment(text)
        lines = lines_of(root) if root is not None else []
        lines = [line._replace(text=normalise(unescaped(line.text))) for line in lines]  # escaped twice
    else:
        lines = lines_of_text(text)
    aligned = _aligned(" ".join(line.text for line in lines), page) if page else []
    for candidate in (aligned, lines):
        parts = parts_of(candidate)
        if sum(len(part.steps) for part in parts) > 1:
            return parts
    return parts_of([Line("text", piece) for piece in _one_text(" ".join(line.text for line in lines))])


def _one_text(text: str) -> list[str]:
    """A text without any mark of its own: at numbers that count from one, else at glued sentences, else at all."""
    places, expected = [], 1
    for match in _INLINE_NUMBER.finditer(text):
        if int(match[1]) == expected:
            places.append(match.start())
            expected += 1
    if len(places) > 1:
        return [text[a:b].strip() for a, b in zip(places, [*places[1:], len(text)], strict=True)]
    glued = [piece.strip() for piece in _GLUED.split(text) if piece.strip()]
    return glued if len(glued) > 1 else sentences(text)


def sentences(text: str) -> list[str]:
    """The sentences of a text."""
    found: list[str] = []
    rest = text
    while rest and len(found) < 200:
        first, rest = first_sentence(rest)
        if found and found[-1].endswith((":", "：")):
            found[-1] += f" {first}"
        else:
            found.append(first)
    return [*found, rest] if rest else found


def parts_of(lines: list[Line]) -> list[CutPart]:
    """Lines into named parts of steps, by the surest mark of a step among them."""
    if _counting_headings(lines):
        return _by_headings(lines)
    kinds: list[Kind] = [line.kind for line in lines if line.kind != "image"]
    listed: tuple[Kind, Kind] = ("ol", "ul")
    kind: Kind = next((one for one in listed if kinds.count(one) > 1), "text")
    parts = [CutPart()]
    following = iter([*kinds[1:], None])
    last: CutStep | None = None  # the step that an image right behind it belongs to
    for line in lines:
        if line.kind == "image":
            if last is not None:
                last.elements.append(line.element)
            continue
        upcoming, last = next(following), None
        if line.kind == "heading" or (line.kind == "text" and _is_label(line.text) and upcoming == kind):
            parts.append(CutPart(name=_LABEL_END.sub("", line.text).strip() or None))
        elif line.kind == kind:
            last = CutStep(line.text, elements=_elements(line))
            parts[-1].steps.append(last)
    return [part for part in map(_renumbered, parts) if part.steps]


def _elements(line: Line) -> list[Any]:
    """Where the line's images stand; those of a text are lines of their own."""
    return [line.element] if line.element is not None and line.kind != "text" else []


def _is_label(text: str) -> bool:
    return bool(_LABEL_END.search(text)) and len(text) <= MAX_LABEL and not re.search(r"[.!?]\s", text)


def _renumbered(part: CutPart) -> CutPart:
    """Written numbers taken off where the lines count; what stands before the first number is no step, and what
    stands between two belongs to the one before."""
    numbers = [unnumbered(step.text) for step in part.steps]
    counted = [number for number, _ in numbers if number is not None]
    if len(counted) < 2 or counted != list(range(counted[0], counted[0] + len(counted))) or counted[0] > 1:
        return part
    steps: list[CutStep] = []
    for step, (number, text) in zip(part.steps, numbers, strict=True):
        if number is not None and text:
            steps.append(CutStep(text, elements=step.elements))
        elif steps and number is None:
            steps[-1].text += f" {step.text}"
            steps[-1].elements += step.elements
    return CutPart(part.name, steps)


def _counting_headings(lines: list[Line]) -> bool:
    numbers = [unnumbered(line.text)[0] for line in lines if line.kind == "heading"]
    counted = [number for number in numbers if number is not None]
    return (
        len(counted) > 1
        and counted[0] in (0, 1)
        and all(b - a in (0, 1) or b == 1 for a, b in itertools.pairwise(counted))
    )


def _by_headings(lines: list[Line]) -> list[CutPart]:
    """Steps that begin at "Step 1", "1. ..." and end at the next heading of that level or higher."""
    parts, level = [CutPart()], 7
    step: CutStep | None = None
    for line in lines:
        number, rest = unnumbered(line.text) if line.kind == "heading" else (None, "")
        if number is not None:
            step, level = CutStep("", name=rest, elements=_elements(line)), line.level
            parts[-1].steps.append(step)
        elif line.kind == "heading" and line.level <= level:
            step = None
            parts.append(CutPart(name=line.text))
        elif step is not None:
            step.text = f"{step.text} {line.text}".strip()
            step.elements += _elements(line)
    for part in parts:
        part.steps = [step for step in part.steps if step.text or step.name]
    return [part for part in parts if part.steps]


def _aligned(text: str, page: list[Line]) -> list[Line]:
    """The page's own blocks whose words, in order, make up the text; empty where they make up less than most of it."""
    wanted = _key(text)
    if not 40 <= len(wanted) <= _MAX_ALIGNED:
        return []
    found: list[Line] = []
    at = covered = 0
    for line in page[:_MAX_BLOCKS]:
        key = _key(line.text)
        if line.kind == "image" and found:
            found.append(line)
        if not key or len(key) > len(wanted) - at:
            continue
        # A word or two may stand anywhere by chance, so a short block must follow the one before it.
        place = wanted.find(key, at, at + len(key) + (400 if len(key) >= 24 else 0))
        if place >= 0:
            found.append(line)
            at = place + len(key)
            covered += len(key)
    return found if covered >= 0.8 * len(wanted) else []


def _key(text: str) -> str:
    return re.sub(r"\W+", "", text.casefold())
