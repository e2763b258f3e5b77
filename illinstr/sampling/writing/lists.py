"""Steps that a model wrote as a list in words: numbered, bold, under headings; and the markup taken off them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_NUMBER = re.compile(
    r"^(?:step|schritt|étape|paso|passo)?\s{0,3}\(?\d{1,3}\s{0,3}(?:[.):\u2013\u2014-]|\\\.)\s{0,9}", re.IGNORECASE
)
_BULLET = re.compile(r"^(?:[-*•+]|\u2013)\s{1,9}")
_HEADING = re.compile(r"^#{1,6}\s{0,9}")
_EMPHASIS = re.compile(r"(\*\*\*|\*\*|__|\*|`)(?=\S)([^*`\n]{1,400}?)(?<=\S)\1")


def plain_line(text: str) -> str:
    """One line without Markdown: no number or bullet in front, no heading mark, no emphasis, no code marks.

    >>> plain_line("### **Step 2:** Loosen the `nuts`")
    'Loosen the nuts'
    """
    line, before = text.strip()[:20_000], None
    while line != before:  # each round takes a mark away
        before = line
        line = _EMPHASIS.sub(r"\2", _BULLET.sub("", _HEADING.sub("", line))).strip()
        line = _NUMBER.sub("", line, count=1).strip()
    return line.strip("*_ ") if line.count("*") % 2 else line


def listed(text: str) -> list[tuple[str, str]]:
    """(headline, body) of each entry of the list in ``text``; lines that belong to no entry are words around it.

    Headings that carry a number begin an entry, and so do numbered lines; where there are neither, bullets do. What
    follows an entry's first line without a blank line, or indented, is its body; under headings, up to the next one.
    """
    lines = text.splitlines()
    for begins, blank_ends in ((_numbered_heading, False), (_numbered, True), (_bulleted, True)):
        entries = list(_entries(lines, begins, blank_ends=blank_ends))
        if entries:
            return entries
    return []


def _entries(lines: list[str], begins: Callable[[str], bool], *, blank_ends: bool) -> Iterator[tuple[str, str]]:
    headline: str | None = None
    body: list[str] = []
    ended = False
    for line in lines:
        if begins(line):
            if headline is not None:
                yield _entry(headline, body)
            headline, body, ended = line, [], False
        elif not line.strip():
            ended = ended or blank_ends or bool(body)
        elif not ended or line[:1] in " \t":
            body.append(plain_line(line))
    if headline is not None:
        yield _entry(headline, body)


def _entry(headline: str, body: list[str]) -> tuple[str, str]:
    """An entry; ``**Loosen the nuts**: slowly.`` is a headline and the beginning of its body."""
    bare = _NUMBER.sub("", _BULLET.sub("", _HEADING.sub("", headline.strip())), count=1).strip()
    match = re.match(r"^(\*\*|__)(?=\S)(.{1,300}?)(?<=\S)\1\s{0,3}[:.\u2013\u2014-]?\s{0,9}(.*)$", bare)
    if (
        match
        and match[2].strip(" :.")
        and not re.fullmatch(r"(?:step\s*)?\d{1,3}", match[2].strip(" :."), re.IGNORECASE)
    ):
        first, rest = match[2].rstrip(" :"), match[3]
        return plain_line(first), " ".join(filter(None, (plain_line(rest), *body)))
    return plain_line(headline), " ".join(filter(None, body))


def _numbered_heading(line: str) -> bool:
    return bool(_HEADING.match(line)) and _is_numbered(_HEADING.sub("", line))


def _numbered(line: str) -> bool:
    return line[:1] not in " \t" and _is_numbered(line)


def _bulleted(line: str) -> bool:
    return bool(_BULLET.match(line)) or bool(_HEADING.match(line))


def _is_numbered(line: str) -> bool:
    return bool(_NUMBER.match(line.strip().lstrip("*_ ")))
