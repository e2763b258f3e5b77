"""Elements and texts set into a Beautiful Soup tree, as Beautiful Soup itself would set them.

Its own way (``handle_starttag``, ``handle_data``, ``handle_endtag``) keeps account of tags nobody closed, of namespaces
and of filters, and takes half of the time of reading a page. lxml's tree is whole, so none of that is needed. A test
holds both ways to the same tree.
"""

from __future__ import annotations

from typing import Any

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString

_SPACES = BeautifulSoup.ASCII_SPACES


class Planter:
    """Grows the tree of an empty soup.

    Args:
        soup: the soup, which has its builder.
    """

    def __init__(self, soup: BeautifulSoup) -> None:
        self._soup = soup
        self._builder = soup.builder
        self._open: list[Tag] = [soup]
        self._last: Tag | NavigableString | None = None
        self._texts: list[str] = []
        self._patterns: dict[str, dict[str, Any]] = {}
        self._special = {"meta", *self._builder.preserve_whitespace_tags, *self._builder.string_containers}
        self._kept = 0  # open elements whose white space counts
        self._holders: list[Any] = []  # open elements whose texts are of a class of their own

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """Open an element inside the one that is open."""
        if self._texts:
            self.flush()
        pattern = self._patterns.get(name)
        if pattern is None:
            pattern = self._patterns[name] = dict(Tag(self._soup, self._builder, name).__dict__)
        tag = Tag.__new__(Tag)
        state = dict(pattern)
        state["attrs"] = self._builder.attribute_dict_class(attributes)
        state["contents"] = []
        tag.__dict__ = state
        self._set(tag, state)
        self._open.append(tag)
        if name in self._special:
            self._builder.set_up_substitutions(tag)
            self._kept += name in self._builder.preserve_whitespace_tags
            if name in self._builder.string_containers:
                self._holders.append(self._builder.string_containers[name])

    def end(self) -> None:
        """Close the element that is open."""
        if self._texts:
            self.flush()
        name = self._open.pop().name
        if name in self._special:
            self._kept -= name in self._builder.preserve_whitespace_tags
            if name in self._builder.string_containers:
                self._holders.pop()

    def text(self, text: str) -> None:
        """Append a text; what follows without an element between becomes one."""
        self._texts.append(text)

    def end_of_page(self) -> None:
        """Set what is left."""
        if self._texts:
            self.flush()

    def flush(self) -> None:
        """Set what texts there are."""
        text = "".join(self._texts)
        self._texts.clear()
        if not self._kept and not text.strip(_SPACES):
            text = "\n" if "\n" in text else " "
        made = str.__new__(self._holders[-1] if self._holders else NavigableString, text)
        state: dict[str, Any] = {"hidden": False}
        made.__dict__ = state
        self._set(made, state)

    def _set(self, made: Any, state: dict[str, Any]) -> None:
        parent, last = self._open[-1], self._last
        beside = parent.contents[-1] if parent.contents else None
        state["parent"] = parent
        state["previous_element"] = last
        state["next_element"] = None
        state["previous_sibling"] = beside
        state["next_sibling"] = None
        if last is not None:
            last.next_element = made
        if beside is not None:
            beside.next_sibling = made
        parent.contents.append(made)
        self._last = made
