"""The licence a page states for itself, and where it states it.

Counted are statements about the page's main content: structured data, ``rel="license"`` (HTML Living Standard,
4.6.6.12), Dublin Core in the head. A bare link to a licence counts only where a site is known to link its own so: on
other pages it often belongs to one photograph.
"""

from __future__ import annotations

from illinstr.wikihow_scraper.page import Image, Method, PageStep
from illinstr.wikihow_scraper.permissions import Licence, kind_of, name_of
from illinstr.wikihow_scraper.sites.elements import attribute, meta, text_of
from illinstr.wikihow_scraper.sites.site import WebPage

_IN_HEAD = ("dcterms.license", "dc.license", "dcterms.rights", "dc.rights", "license", "copyright", "rights")


def found(named: str, where: str) -> Licence:
    """A licence from what names it."""
    return Licence(name_of(named), where)


def of_page(page: WebPage) -> Licence:
    """What the page says of itself; nothing where it says nothing."""
    for tag in page.tree.iter("a", "link"):
        if "license" in attribute(tag, "rel").lower().split():
            named = attribute(tag, "href")
            known = name_of(named)
            if known is not None and kind_of(known) == "unknown" and tag.tag == "a":
                known = name_of(text_of(tag)) or known
            if known:
                return Licence(known, 'rel="license"')
    for name in _IN_HEAD:
        if said := meta(page, name):
            return Licence(name_of(said), f"meta {name}")
    return Licence()


def linked(page: WebPage, where: str) -> Licence:
    """The first Creative Commons deed the page links, for sites that link their own licence."""
    for tag in page.tree.iter("a", "link"):
        address = attribute(tag, "href")
        if "creativecommons.org/" in address:
            return Licence(name_of(address), where)
    return Licence()


def inherited(methods: tuple[Method, ...], licence: Licence) -> tuple[Method, ...]:
    """The methods with the work's licence on every image that states none of its own, for images of the steps are part
    of the work."""
    if licence.name is None:
        return methods
    return tuple(
        method.model_copy(update={"steps": tuple(_step(step, licence) for step in method.steps)}) for method in methods
    )


def _step(step: PageStep, licence: Licence) -> PageStep:
    video = step.video
    if video is not None and video.poster is not None:
        video = video.model_copy(update={"poster": _image(video.poster, licence)})
    return step.model_copy(
        update={
            "image": _image(step.image, licence) if step.image is not None else None,
            "extra_images": tuple(_image(one, licence) for one in step.extra_images),
            "video": video,
        }
    )


def _image(image: Image, licence: Licence) -> Image:
    if image.license is not None:
        return image
    return image.model_copy(update={"license": licence.name, "license_kind": licence.kind})
