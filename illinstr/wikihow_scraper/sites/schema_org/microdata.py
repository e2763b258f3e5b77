"""Microdata and RDFa Lite as the same objects that JSON-LD gives.

Microdata: HTML Living Standard, 5.2. RDFa Lite 1.1: https://www.w3.org/TR/rdfa-lite/. Only what schema.org names is
read. A property whose value is markup stays the element it is, so that instructions can be cut by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lxml import etree

from illinstr.wikihow_scraper.sites.elements import attribute
from illinstr.wikihow_scraper.sites.images import image_of
from illinstr.wikihow_scraper.sites.schema_org.json_ld import Graph, Node

_ADDRESSES = {"a": "href", "link": "href", "area": "href", "source": "src", "video": "src", "audio": "src",
              "iframe": "src", "embed": "src", "object": "data"}  # fmt: skip


@dataclass(frozen=True)
class Syntax:
    """The names of the attributes: what opens an object, names its type, names a property, and names the object."""

    scope: str
    kind: str
    property: str
    identity: str


MICRODATA = Syntax("itemscope", "itemtype", "itemprop", "itemid")
RDFA = Syntax("typeof", "typeof", "property", "resource")


def graph_of(root: Any, base: str | None) -> Graph:
    """The page's objects; those of microdata, and those of RDFa where there are none."""
    for syntax in (MICRODATA, RDFA):
        found = _objects(root, syntax, base)
        if found:
            graph = Graph()
            graph.nodes = found
            for node in found:
                graph.add(node)
            return graph
    return Graph()


def _objects(root: Any, syntax: Syntax, base: str | None) -> list[Node]:
    found: list[Node] = []
    open_objects: list[tuple[Any, Node]] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "end":
            if open_objects and open_objects[-1][0] is element:
                open_objects.pop()
            continue
        node: Node | None = None
        if element.get(syntax.scope) is not None:
            node = {"@type": attribute(element, syntax.kind).split()}
            if identity := attribute(element, syntax.identity):
                node["@id"] = identity
        for name in attribute(element, syntax.property).split()[:8]:
            if open_objects:
                short = name.rsplit("/", 1)[-1].rsplit(":", 1)[-1]
                value = node if node is not None else _value(element, base)
                open_objects[-1][1].setdefault(short, []).append(value)
        if node is not None:
            found.append(node)
            open_objects.append((element, node))
    return [node for node in found if any("schema.org" in kind or ":" not in kind for kind in node["@type"])]


def _value(element: Any, base: str | None) -> Any:
    """HTML Living Standard, 5.2.4; ``content`` counts on every element, for pages use it so."""
    for name in ("content", "datetime"):
        if element.get(name) is not None:
            return attribute(element, name)
    if element.tag in ("img", "amp-img"):
        image = image_of(element, base)
        return (image.url or image.local_path) if image is not None else None
    if element.tag in _ADDRESSES and attribute(element, _ADDRESSES[element.tag]):
        return attribute(element, _ADDRESSES[element.tag])
    if element.tag in ("data", "meter") and element.get("value") is not None:
        return attribute(element, "value")
    return element if len(element) else (element.text or "")
