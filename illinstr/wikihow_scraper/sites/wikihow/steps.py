"""One list item of the page to one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bs4 import Tag

from illinstr.wikihow_scraper.page import Image, Method, Note, NoteKind, PageStep
from illinstr.wikihow_scraper.sentences import first_sentence
from illinstr.wikihow_scraper.sites.wikihow.images import step_images, step_video
from illinstr.wikihow_scraper.sites.wikihow.text import (
    LISTS,
    Piece,
    classes,
    in_noise,
    is_bold,
    join,
    pieces,
    plain,
    split_headline,
)

REPEATED = 3  # steps; what stands at so many is none's image
_NOTE_LABELS: tuple[tuple[str, NoteKind], ...] = (
    ("tip", "tip"),
    ("warning", "warning"),
    ("variation", "variation"),
    ("did you know", "did-you-know"),
)


def parse_step(item: Tag, base: str) -> PageStep:
    """Read one ``li`` of a list of steps.

    The words come from its ``div.step``, or from the item itself on the layouts that have none. Anything that is a
    image, a remark or a sub-point is taken out of the running text and kept in its own field.
    """
    tags: list[Tag] = item.find_all(True)  # once: a search of its own for each question costs more than the questions
    body = _body_of(item, tags)
    headline, text = _headline_and_body(body)
    images = step_images(item, tags, base)
    return PageStep(
        headline=headline,
        body=text,
        bullets=tuple(bullets(body, own_text=bool(next(_segments(body))[0]))),
        image=images[0] if images else None,
        extra_images=tuple(images[1:]),
        video=step_video(item, tags, base),
        notes=tuple(_notes(tags)),
    )


def without_repeated(methods: list[Method]) -> list[Method]:
    """The methods without images that stand at three steps or more: those are placeholders, whatever they are called,
    and no step's image."""
    seen = Counter(name for method in methods for step in method.steps for name in {_name(one) for one in _all(step)})
    repeated = {name for name, count in seen.items() if count >= REPEATED}
    if not repeated:
        return methods
    return [
        method.model_copy(update={"steps": tuple(_without(step, repeated) for step in method.steps)})
        for method in methods
    ]


def _all(step: PageStep) -> list[Image]:
    return [one for one in (step.image, *step.extra_images) if one is not None]


def _name(image: Image) -> str:
    return image.url or image.local_path or ""


def _without(step: PageStep, names: set[str]) -> PageStep:
    kept = [one for one in _all(step) if _name(one) not in names]
    return step.model_copy(update={"image": kept[0] if kept else None, "extra_images": tuple(kept[1:])})


def _body_of(item: Tag, tags: list[Tag]) -> Tag:
    for candidate in tags:
        if candidate.name != "div" or "step" not in classes(candidate):
            continue
        if next((parent for parent in candidate.parents if parent.name == "li"), item) is item:
            return candidate
    return item


def _headline_and_body(body: Tag) -> tuple[str, str]:
    parts = _before_lists(list(pieces(body, prune=LISTS)))
    split = split_headline(parts)
    if split is None:
        bold = split_headline(_before_lists(list(pieces(body, prune=LISTS, strong_if=is_bold))))
        if bold is not None and (not bold[1] or bold[0][-1] in ".!?:。！？："):
            split = bold
    return split if split is not None else first_sentence(join(parts))


def _before_lists(parts: list[Piece]) -> list[Piece]:
    """What is said before the first list, or all where nothing is."""
    at = next((index for index, part in enumerate(parts) if part.left_out is not None), len(parts))
    return parts[:at] if join(parts[:at]) else parts


def bullets(root: Tag, *, own_text: bool = False) -> Iterator[str]:
    """The sub-points under ``root`` in document order, each without the points nested inside it.

    With ``own_text``, what ``root`` itself says after its first list comes after the points of the list it follows.
    """
    after = _put_off(list(_segments(root))[1:]) if own_text else {}
    yield from after.get(0, [])
    for point in root.find_all("li"):
        if not in_noise(point, root):
            text = plain(point, prune=LISTS)
            if text:
                yield text
        yield from after.get(id(point), [])


def _segments(point: Tag) -> Iterator[tuple[str, Tag | None]]:
    """The texts before, between and after the lists inside ``point``, each with the list it follows."""
    parts: list[Piece] = []
    follows: Tag | None = None
    for part in pieces(point, prune=LISTS):
        if part.left_out is None:
            parts.append(part)
            continue
        yield join(parts), follows
        parts, follows = [], part.left_out
    yield join(parts), follows


def _put_off(segments: list[tuple[str, Tag | None]]) -> dict[int, list[str]]:
    """Texts by the last point of the list they follow (its ``id()``; 0 where all before them are empty)."""
    found: dict[int, list[str]] = {}
    last = 0
    for text, follows in segments:
        points = follows.find_all("li") if follows is not None else []
        last = id(points[-1]) if points else last
        if text:
            found.setdefault(last, []).append(text)
    return found


def _notes(tags: list[Tag]) -> Iterator[Note]:
    for box in tags:
        if not _is_note_box(box) or any(_is_note_box(parent) for parent in box.parents if isinstance(parent, Tag)):
            continue
        text = join(part for child in _inner(box) for part in pieces(child))
        if text:
            yield Note(kind=_note_kind(box, text), text=text)


def _is_note_box(tag: Tag) -> bool:
    return "green_box" in classes(tag)


def _inner(box: Tag) -> Iterator[Tag]:
    # The pieces of a box carry green_box_* names themselves and would count as noise; their content does not.
    yield box
    yield from box.find_all(lambda tag: any(name.startswith("green_box") for name in classes(tag)))


def _note_kind(box: Tag, text: str) -> NoteKind:
    lead = text.casefold()
    for label, kind in _NOTE_LABELS:
        if lead.startswith(label):
            return kind
    names = " ".join(classes(box)) + " " + " ".join(name for part in box.find_all(True) for name in classes(part))
    if "green_box_expert" in names:
        return "expert"
    return "question" if "green_box_qa" in names or "_qa" in names else "note"
