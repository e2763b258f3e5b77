"""HTML read by lxml under limits, so that no page costs more time or memory than a page may."""

from __future__ import annotations

import re
from typing import Any

import lxml.html
from lxml import etree

from illinstr.errors import DataError

MAX_DEPTH = 512  # real pages stay under 40
MAX_TAGS = 120_000  # real pages have some 3,000
MAX_ATTRIBUTES = 1000  # of one tag; libxml2 takes time by the square of them
_LONG_TAG, _LONGEST_TAG, _MANY_LONG_TAGS = 4096, 16_384, 40
_TAG = re.compile(r"<[a-zA-Z](?:[^>=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+')?+)*+")
# What follows the end of the page is still on the page (HTML Living Standard, 13.2.6.4.22); libxml2 drops it.
_EARLY_END = re.compile(r"</(?:body|html)[\s/]*>", re.IGNORECASE)
_ONLY_ENDS = re.compile(r"(?:\s|</body>|</html>)*")


def check_size(html: str) -> None:
    """Refuse a page that would cost absurd time or memory.

    Raises:
        DataError: absurdly many tags, or attributes of one tag.
    """
    if html.count("<") > MAX_TAGS:
        raise DataError(f"the page has more than {MAX_TAGS} tags")
    lengths = [length for tag in _TAG.finditer(html) if (length := tag.end() - tag.start()) > _LONG_TAG]
    if len(lengths) < _MANY_LONG_TAGS and max(lengths, default=0) <= _LONGEST_TAG:
        return  # as on every real page, whose scripts look like a few long tags
    counter = _AttributeCounter()
    try:
        parser = etree.HTMLParser(huge_tree=True, target=counter)  # builds no tree, so the square does not arise
        parser.feed(html)
        parser.close()
    except (etree.LxmlError, UnicodeError):
        pass  # the real reading will say so
    if counter.most > MAX_ATTRIBUTES:
        raise DataError(f"the page has a tag of more than {MAX_ATTRIBUTES} attributes")


class _AttributeCounter:
    """A target for lxml's parser that remembers the most attributes any tag had."""

    most = 0

    def start(self, tag: str, attributes: Any) -> None:
        self.most = max(self.most, len(attributes))

    def end(self, tag: str) -> None:
        return None

    def data(self, text: str) -> None:
        return None

    def close(self) -> None:
        return None


def without_ends(markup: str) -> str:
    """The markup without ends of ``body`` and ``html`` that are not at its end."""
    last = markup.rfind("</body>")
    usual = last >= 0 and _ONLY_ENDS.fullmatch(markup, last) is not None
    if usual and markup.find("</body>") == last and markup.find("</html>") in (-1, markup.rfind("</html>")):
        return markup
    return _EARLY_END.sub("", markup)


def tree_of(html: str) -> Any:
    """The root element of the page (``lxml.html``), comments and processing instructions left out.

    Raises:
        DataError: markup no parser takes, too many tags or attributes, or nested too deep.
    """
    check_size(html)
    # Without huge_tree, libxml2 cuts a deep page off in silence; size and depth have limits of our own.
    parser = lxml.html.HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        parser.feed(without_ends(html))
        root = parser.close()
    except (etree.LxmlError, UnicodeError) as error:
        raise DataError(f"the page's markup cannot be read: {type(error).__name__}") from error
    if root is None:
        raise DataError("the page's markup cannot be read: it has no element")
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > MAX_DEPTH:
            raise DataError(f"the page's markup is nested more than {MAX_DEPTH} deep")
    return root
