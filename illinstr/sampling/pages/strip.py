"""One long image of an article: goal on top, then every step with its number and words. For chats and slides."""

from __future__ import annotations

from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING

from illinstr.articles import Article

if TYPE_CHECKING:
    from PIL import Image, ImageFont

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

PANEL_PX = 512
MARGIN_PX = 40
GAP_PX = 16
TITLE_PX = 36
CAPTION_PX = 21
LINE_SPACING = 1.3
PAPER, INK, ACCENT = (251, 249, 244), (31, 27, 22), (154, 61, 22)
MAX_CAPTION_LINES = 4


def draw_strip(article: Article) -> Image.Image:
    """Draw all images of an article one below the other, ``PANEL_PX`` wide; steps without one show their words alone.

    Returns:
        An RGB image of ``PANEL_PX + 2 * MARGIN_PX`` pixels across.

    Raises:
        DataError: an image is described but its bytes are not there.
    """
    from PIL import Image, ImageDraw

    title_font, caption_font = load_font("DejaVuSerif", TITLE_PX), load_font("DejaVuSans", CAPTION_PX)
    blocks: list[tuple[list[str], Font, int, Image.Image | None]] = []
    blocks.append((wrap(article.goal, title_font, PANEL_PX), title_font, TITLE_PX, None))
    for index, step in enumerate(article.steps):
        lines = wrap(f"{index + 1}.  {step.headline}", caption_font, PANEL_PX) or [f"{index + 1}."]
        panel = _panel(step.image.decode(f"the image of step {index + 1}")) if step.image else None
        blocks.append((lines, caption_font, CAPTION_PX, panel))

    def height_of(lines: list[str], size: int, panel: Image.Image | None) -> int:
        words = round(len(lines) * size * LINE_SPACING)
        return words + GAP_PX + (panel.height + MARGIN_PX if panel else GAP_PX)

    height = 2 * MARGIN_PX + sum(height_of(lines, size, panel) for lines, _, size, panel in blocks)
    strip = Image.new("RGB", (PANEL_PX + 2 * MARGIN_PX, height), PAPER)
    draw = ImageDraw.Draw(strip)
    top = MARGIN_PX
    for number, (lines, font, size, panel) in enumerate(blocks):
        for row, line in enumerate(lines):
            colour = ACCENT if number == 0 else INK
            draw.text((MARGIN_PX, top + round(row * size * LINE_SPACING)), line, fill=colour, font=font)
        if panel is not None:
            strip.paste(panel, (MARGIN_PX, top + round(len(lines) * size * LINE_SPACING) + GAP_PX))
        top += height_of(lines, size, panel)
    return strip


def load_font(name: str, size_px: int) -> Font:
    """A font that comes with matplotlib (Latin, Greek and Cyrillic letters), or Pillow's own where it was taken out."""
    from PIL import ImageFont

    spec = util.find_spec("matplotlib")  # its files alone are wanted; importing it takes half a second
    for place in (spec.submodule_search_locations or []) if spec else []:
        path = Path(place) / "mpl-data" / "fonts" / "ttf" / f"{name}.ttf"
        if path.is_file():
            return ImageFont.truetype(str(path), size_px, layout_engine=ImageFont.Layout.BASIC)
    return ImageFont.load_default(size_px)


def wrap(text: str, font: Font, width_px: int) -> list[str]:
    """Break text into lines of at most ``width_px``; a word too long for a line is cut.

    Text the font has no shapes for gives no lines at all, for a row of boxes helps nobody; beyond
    ``MAX_CAPTION_LINES`` the text ends in an ellipsis.
    """
    if not can_show(text, font):
        return []
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if font.getlength(longer) <= width_px:
            line = longer
            continue
        if line:
            lines.append(line)
        while font.getlength(word) > width_px:
            cut = next(i for i in range(len(word) - 1, 0, -1) if i == 1 or font.getlength(word[:i]) <= width_px)
            lines.append(word[:cut])
            word = word[cut:]
        line = word
    lines.append(line)
    if len(lines) > MAX_CAPTION_LINES:
        last = lines[MAX_CAPTION_LINES - 1]
        while last and font.getlength(f"{last} …") > width_px:
            last = last[:-1]
        lines = [*lines[: MAX_CAPTION_LINES - 1], f"{last.rstrip()} …"]
    return lines


def can_show(text: str, font: Font) -> bool:
    """Whether ``font`` has a shape of its own for every character."""
    missing = bytes(font.getmask("\uffff"))
    return all(character.isspace() or bytes(font.getmask(character)) != missing for character in set(text))


def _panel(rgb: Image.Image) -> Image.Image:
    from PIL import Image

    height = max(1, round(rgb.height * PANEL_PX / rgb.width))
    return rgb.resize((PANEL_PX, height), Image.Resampling.LANCZOS)
