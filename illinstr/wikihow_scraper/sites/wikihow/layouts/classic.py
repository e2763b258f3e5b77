"""About 2007 to 2012: ``div#steps``, with further methods inside it or as the sibling ``div`` elements after it.

Also the last resort for a fragment: a bare ``ol.steps_list_2``.
"""

from __future__ import annotations

from bs4 import Tag

from illinstr.wikihow_scraper.sites.wikihow.document import Document

_OTHER_SECTIONS_WORDS = (
    "tips warnings thingsyoullneed relatedwikihows sources sourcesandcitations references video ingredients qa"
)
_OTHER_SECTIONS = frozenset(_OTHER_SECTIONS_WORDS.split())


def containers(document: Document) -> list[Tag]:
    """The steps section and the heading-bearing siblings that carry on from it."""
    first = document.id("steps")
    if first is None:
        return _bare_lists(document)
    found = [first]
    for sibling in first.find_next_siblings():
        if sibling.get("id") in _OTHER_SECTIONS or sibling.find("h2") is not None or sibling.name == "h2":
            break
        if sibling.name == "div" and sibling.find("h3") is not None and sibling.find(["ol", "ul"]) is not None:
            found.append(sibling)
    return found


def _bare_lists(document: Document) -> list[Tag]:
    lists = [tag for tag in document.classed("steps_list_2", "ol") if tag.find_parent("li") is None]
    return [tag.parent for tag in lists[:1] if tag.parent is not None]


def name(document: Document) -> str:
    """A finer name for the record: numbered items (c. 2009 to 2012), plain lists (c. 2007), or a fragment."""
    if document.id("steps") is None:
        return "fragment"
    return "desktop-2009" if document.classed("steps_list_2") else "desktop-2007"
