"""About 2007 to 2012: ``div#steps``, with further methods inside it or as the sibling ``div`` elements after it.

Also the last resort for a fragment: a bare ``ol.steps_list_2``.
"""

from __future__ import annotations

from bs4 import BeautifulSoup, Tag

_OTHER_SECTIONS_WORDS = (
    "tips warnings thingsyoullneed relatedwikihows sources sourcesandcitations references video ingredients qa"
)
_OTHER_SECTIONS = frozenset(_OTHER_SECTIONS_WORDS.split())


def containers(soup: BeautifulSoup) -> list[Tag]:
    """The steps section and the heading-bearing siblings that carry on from it."""
    first = soup.find(id="steps")
    if not isinstance(first, Tag):
        return _bare_lists(soup)
    found = [first]
    for sibling in first.find_next_siblings():
        if sibling.get("id") in _OTHER_SECTIONS or sibling.find("h2") is not None or sibling.name == "h2":
            break
        if sibling.name == "div" and sibling.find("h3") is not None and sibling.find(["ol", "ul"]) is not None:
            found.append(sibling)
    return found


def _bare_lists(soup: BeautifulSoup) -> list[Tag]:
    lists = [tag for tag in soup.find_all("ol", class_="steps_list_2") if tag.find_parent("li") is None]
    return [tag.parent for tag in lists[:1] if tag.parent is not None]


def name(soup: BeautifulSoup) -> str:
    """A finer name for the record: numbered items (c. 2009 to 2012), plain lists (c. 2007), or a fragment."""
    if soup.find(id="steps") is None:
        return "fragment"
    return "desktop-2009" if soup.find(class_="steps_list_2") is not None else "desktop-2007"
