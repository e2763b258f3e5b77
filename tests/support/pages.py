"""Synthetic how-to pages: one article rendered in the markup of every age, with the noise that surrounds it.

The structure follows the real pages of each period; every word is made up. A rendered page parsed back must give the
article it was rendered from, so the builder is the parser's second half.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html import escape
from urllib.parse import quote

from illinstr.wikihow_scraper.page import Image, Method, PageStep, Video

RESERVED = "© 2020 wikiHow, Inc. All rights reserved. This image is not licensed under the Creative Commons license."
OPEN = "License: Creative Commons"
LAYOUTS = ("2007", "2009", "2013", "2016", "2020", "2020-picture", "2025")


@dataclass(frozen=True)
class HowTo:
    """An article to render. Images and licences are given per step by ``PageStep.image``."""

    title: str
    methods: tuple[Method, ...]
    intro: str = "A short word before we begin."
    label: str = "method"
    ingredients: tuple[tuple[str | None, tuple[str, ...]], ...] = ()
    things: tuple[str, ...] = ()
    tips: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    references: int = 0
    page_id: int = 4711
    revision_id: int = 28000001
    published: str = "2011-04-19"
    modified: str = "2020-08-12"
    views: int = 417402
    categories: tuple[str, ...] = ("Food", "Drinks")
    languages: dict[str, str] = field(default_factory=dict)
    robots: str = "index,follow"
    head: str = ""
    origin: str = "https://www.wikihow.com"

    @property
    def name(self) -> str:
        return quote(self.title.removeprefix("How to ").replace(" ", "-"))

    @property
    def url(self) -> str:
        return f"{self.origin}/{self.name}"


def make_image(name: str, *, license: str | None = RESERVED, origin: str = "https://www.wikihow.com") -> Image:
    """A still image as the 2020 pages name one."""
    thumb = f"{origin}/images/thumb/a/ab/{name}.jpg"
    kind = {RESERVED: "reserved", OPEN: "cc", None: "unknown"}[license]
    return Image(
        url=f"{thumb}/aid4711-v4-728px-{name}.jpg",
        small_url=f"{thumb}/v4-460px-{name}.jpg",
        width=728,
        height=546,
        alt=f"Image titled {name}",
        license=license,
        license_kind=kind,
    )


def video(name: str) -> Video:
    """A step video and its still."""
    poster = f"https://www.wikihow.com/images/thumb/b/bc/{name}.jpg/550px-nowatermark-{name}.jpg"
    return Video(url=f"https://www.wikihow.com/video/9/9d/{quote(name)}%20Step%201.360p.mp4", poster=Image(url=poster))


def render(howto: HowTo, layout: str = "2020") -> str:
    """The page's HTML in one of ``LAYOUTS``."""
    if layout in ("2007", "2009"):
        return _classic(howto, layout)
    return _sectioned(howto, layout)


REFERENCE = (
    '<sup class="reference trusted" id="_ref-1"><a href="#_note-1">[1]</a><span class="ts_popup" hidden="">'
    '<span class="ts_close">X</span><span class="ts_name">Trustworthy Source</span>'
    '<picture><img class="ts_expert" data-src="/images/thumb/0/01/Expert.jpg/30px-Expert.jpg" width="300"></picture>'
    '<span class="ts_description">World Organization of Popups</span></span></sup>'
)
ADVERT = (
    '<div class="wh_ad_inner" data-service="dfp"><div id="method_ad_1"></div><div class="al_method">Advertisement</div>'
    "</div><script>WH.ads.addBodyAd('method_ad_1')</script>"
)
VOTES = (
    '<div class="wh_vote_container"><span class="wh_thumb_response">Thanks!</span>'
    '<div><a class="vote_up">Helpful <span class="tr_vote">0</span></a>'
    '<a class="vote_down">Not Helpful <span class="tr_vote">0</span></a></div></div>'
)
QUIZ = '<div id="qz_container_1" class="qz_container qz_mobile"><ol><li>Quiz answer</li></ol>Score 0 / 0</div>'


def _bullets(step: PageStep) -> str:
    if not step.bullets:
        return ""
    return "<ul>" + "".join(f"<li>{escape(text)}{REFERENCE}</li>" for text in step.bullets) + "</ul>"


def _image_2020(image: Image, layout: str, number: int) -> str:
    large = image.url if layout == "2025" else image.url.removeprefix("https://www.wikihow.com")
    data = {"smallUrl": image.small_url, "bigUrl": large, "bigWidth": "728", "bigHeight": "546"}
    if image.license:
        data["licensing"] = f'<div class="mw-parser-output"><p>{escape(image.license)}<br>\n</p></div>'
    details = (
        f'<div class="image_details" style="display:none"><span>{escape(json.dumps(data), quote=False)}</span></div>'
    )
    alt = escape(image.alt or "")
    if layout == "2020-picture":
        inner = (
            f'<picture id="p{number}"><source type="image/webp" data-srcset="{large}.webp 728w">'
            f'<img alt="{alt}" class="whcdn nodefer" data-src="{image.small_url}" data-srclarge="{large}" '
            f'data-width="460" data-height="345" data-widthlarge="728" data-heightlarge="546" loading="lazy"></picture>'
        )
    elif layout == "2025":
        inner = (
            f'<div class="content-spacer"><img alt="{alt}" class="content-fill img-loading-alt" data-nowebp="0" '
            f'data-src="{image.url}" data-src-nowebp="{image.url}" data-width="728" data-height="546" '
            f'src="data:image/gif;base64,R0lGODlhAQABAAAAACw="><script>WH.shared.addLazyImage("{number}")</script>'
            f'<noscript><img class="scrolldefer" src="{image.url}"></noscript></div>'
        )
    else:
        tag = (
            f'<img alt="{alt}" class="whcdn content-fill" %s="{image.small_url}" data-srclarge="{large}" '
            'data-width="460" data-height="345">'
        )
        inner = (
            f'<div class="content-spacer">{tag % "data-src"}<script>WH.shared.addScrollLoadItem("{number}")</script>'
            f"</div><noscript>{tag % 'src'}</noscript>"
        )
    return (
        f'<div class="mwimg  largeimage  floatcenter " style="max-width:728px"><a href="#/Image:x.jpg" class="image">'
        f"{inner}{details}</a></div>"
    )


def _video_2020(clip: Video) -> str:
    source = clip.url.removeprefix("https://www.wikihow.com/video").replace("%20", " ")
    return (
        '<div class="mwimg  largeimage "><div class="content-spacer"><div class="video-player"><div class="'
        f'video-container"><video class="m-video content-fill" data-src="{escape(source)}" '
        f'data-poster="{clip.poster.url}" muted loop></video></div><div class="m-video-controls">Play</div>'
        '<div class="m-video-wm"><img class="m-video-wm-img" src="/skins/WikiHow/images/WH_logo.svg"></div>'
        "</div></div></div>"
    )


def _image_desktop(image: Image, layout: str) -> str:
    alt = escape(image.alt or "")
    if layout == "2016":
        tag = f'<img alt="{alt}" width="728" height="546" class="whcdn content-fill" %s="{image.url}">'
        return (
            '<div class="mwimg  largeimage  floatcenter "><a href="#/Image:x.jpg" class="image lightbox">'
            f'<div class="content-spacer">{tag % "data-src"}</div><noscript>{tag % "src"}</noscript></a></div>'
        )
    tag = f'<img alt="{alt}" src="{image.url}" width="728" height="546">'
    if layout == "2013":
        return f'<div class="mwimg  largeimage  floatcenter " style="max-width:670px">{tag}</div>'
    return f'<div class="mwimg floatright"><a href="/Image:x.jpg" class="image">{tag}</a></div>'


def _step(step: PageStep, method: int, index: int, layout: str, *, last: bool) -> str:
    headline, body = escape(step.headline), escape(step.body)
    number = f'<div class="step_num" aria-label="Step {index + 1}">{index + 1}</div>'
    advert = ADVERT if last or index == 0 else ""
    if layout.startswith("202"):
        visual = _image_2020(step.image, layout, index) if step.image else ""
        visual += _video_2020(step.video) if step.video else ""
        mark = "<script>WH.performance.mark('step1_rendered');</script>"
        return (
            f'<li id="step-id-{method}{index}"><a name="step_{method + 1}_{index + 1}" class="stepanchor"></a>{visual}'
            f'{number}<div class="step"><b class="whb">{headline}</b> {body}{REFERENCE}{mark}{_bullets(step)}</div>'
            f'<div class="clearall"></div>{advert}</li>'
        )
    visual = _image_desktop(step.image, layout) if step.image else ""
    if layout == "2016":
        inner = f'<div class="step"><b class="whb">{headline}</b> {body}{REFERENCE}{_bullets(step)}</div>'
        return f'<li class="hasimage">{visual}{number}{inner}<div class="clearall"></div></li>'
    if layout in ("2013", "2009"):
        final = ' class="final_li"' if last else ""
        script = "<script>google_ad_client = 'x';</script>"
        return (
            f'<li{final}>{visual}{number}<b class="whb">{headline}</b> {body}{REFERENCE}{_bullets(step)}{script}</li>'
        )
    return f"<li>{visual}{headline} {body}{REFERENCE}{_bullets(step)}</li>"


def _steps(method: Method, index: int, layout: str) -> str:
    items = [
        _step(step, index, place, layout, last=place == len(method.steps) - 1)
        for place, step in enumerate(method.steps)
    ]
    name = "" if layout == "2007" else ' class="steps_list_2"'
    return f"<ol{name}>{''.join(items)}</ol>" if items else ""


def _sectioned(howto: HowTo, layout: str) -> str:
    parts = []
    for index, method in enumerate(howto.methods):
        heading, place = "", "steps"
        if method.name is not None:
            text = f"{howto.label.title()} <span>{index + 1}</span> of {len(howto.methods)}:" if method.label else ""
            heading = (
                f'<h3 class="in-block"><div class="altblock">{text}</div><a class="editsection" href="#">Edit</a>'
                f'<span class="mw-headline" id="m{index}">{escape(method.name)}</span></h3>'
            )
            place = f"steps_{index + 1}"
        intro = f"<p>{escape(method.intro)}</p>" if method.intro else ""
        points = "<ul>" + "".join(f"<li>{escape(point)}</li>" for point in method.bullets) + "</ul>"
        parts.append(
            f'<div class="section steps {"steps_first" if index == 0 else ""} sticky">{heading}'
            f'<div id="{place}" class="section_text">{intro}{_steps(method, index, layout)}'
            f'{points if method.bullets else ""}<div class="clearall"></div></div>{QUIZ}</div>'
        )
    sample = '<div class="section steps sample"><h3>Sample</h3><ol class="steps_list_2"><li>Not a step.</li></ol></div>'
    body = f"{_head_line(howto, layout)}{''.join(parts)}{sample}{_lists(howto)}{_about(howto)}"
    skin = "mediawiki ltr ns-0 stable skin-minervawh action-view" if layout.startswith("202") else "mediawiki ltr"
    return _document(howto, body, skin, modern=True)


def _head_line(howto: HowTo, layout: str) -> str:
    crumbs = '<li><a href="/Special:CategoryListing">Categories</a></li>' + "".join(
        f'<li><a href="/Category:{quote(name)}">{escape(name)}</a></li>' for name in howto.categories
    )
    title, intro = escape(howto.title), escape(howto.intro)
    toc = '<div id="method_toc"><p>Explore this Article</p></div>'
    byline = '<div id="coauthor_byline"><p>Co-authored by nobody</p></div>'
    if layout.startswith("202"):
        heading = f'<h1 class="title_lg" id="section_0"><a href="{howto.url}">{title}</a></h1>'
        return (
            f'<ul id="breadcrumb" class="breadcrumbs">{crumbs}</ul>{heading}<div id="intro" class="section">'
            f"{toc}{byline}"
            f'<div class="mf-section-0" id="mf-section-0"><p>{intro}{REFERENCE}</p></div>{ADVERT}</div>'
        )
    heading = f'<h1 class="firstHeading"><a href="{howto.url}">{title}</a></h1>'
    return f'<ul id="breadcrumb">{crumbs}</ul><div id="intro" class="section">{heading}<p>{intro}</p></div>'


def _lists(howto: HowTo) -> str:
    found = ""
    if howto.ingredients:
        groups = ""
        for name, items in howto.ingredients:
            if name is not None:
                groups += f'<h3 class="in-block"><span class="mw-headline">{escape(name)}</span></h3>'
            groups += (
                "<ul>" + "".join(f'<li><div class="checkmark"></div>{escape(item)}</li>' for item in items) + "</ul>"
            )
        found += f'<div class="section ingredients"><div id="ingredients" class="section_text">{groups}</div></div>'
    for place, items in (("tips", howto.tips), ("warnings", howto.warnings)):
        if items:
            listed = "".join(
                f'<li><div>{escape(item)}{REFERENCE}<div class="clearall"></div></div>{VOTES}</li>' for item in items
            )
            submit = '<div class="addTipElement"><ul><li>Submit a Tip</li></ul></div>'
            found += f'<div class="section {place}"><div id="{place}"><ul>{listed}</ul>{submit}</div></div>'
    if howto.things:
        listed = "".join(f'<li><div class="checkmark"></div>{escape(item)}</li>' for item in howto.things)
        found += f'<div class="section thingsyoullneed"><div id="thingsyoullneed"><ul>{listed}</ul></div></div>'
    return found


def _about(howto: HowTo) -> str:
    first = "".join(f"<li>source {number}</li>" for number in range(min(howto.references, 9)))
    rest = "".join(f"<li>source {number}</li>" for number in range(9, howto.references))
    found = f'<div class="section references"><ol class="firstref references">{first}</ol></div>' if first else ""
    found += (
        f'<div class="section references aidata"><ol class="references" start="10">{rest}</ol></div>' if rest else ""
    )
    return (
        f'{found}<div class="section relatedwikihows"><div id="relatedwikihows"><ul><li>How to Do Another</li></ul>'
        f'</div></div><div class="sp_box"><div class="sp_text">Views:\xa0<span class="x">{howto.views:,}</span>'
        "</div></div>"
    )


def _document(howto: HowTo, body: str, skin: str, *, modern: bool) -> str:
    links = "".join(
        f'<link rel="alternate" hreflang="{code}" href="{url}">'
        for code, url in {"en": howto.url, **howto.languages}.items()
    )
    head = (
        f'<meta charset="utf-8"><title>{escape(howto.title)}: 3 Steps (with Pictures) - wikiHow</title>'
        f'<meta name="robots" content="{howto.robots}">{howto.head}'
    )
    if modern:
        variables = (
            f'RLCONF={{"wgNamespaceNumber":0,"wgPageName":"{howto.name}","wgRevisionId":{howto.revision_id},'
            f'"wgArticleId":{howto.page_id},"wgCategories":{json.dumps(howto.categories)}}};'
        )
        head += f'<link rel="canonical" href="{howto.url}">{links}<script>{variables}</script>'
        body += f'<script type="application/ld+json">{json.dumps(_json_ld(howto))}</script>'
    return f'<!DOCTYPE html><html lang="en"><head>{head}</head><body class="{skin}">{body}</body></html>'


def _json_ld(howto: HowTo) -> dict:
    sections = [
        {"@type": "HowToSection", "name": method.name, "itemListElement": [_ld_step(step) for step in method.steps]}
        for method in howto.methods
        if len(method.steps) > 1
    ]
    return {
        "@context": "http://schema.org",
        "@type": "HowTo",
        "name": howto.title,
        "datePublished": howto.published,
        "dateModified": howto.modified,
        "step": sections,
    }


def _ld_step(step: PageStep) -> dict:
    made = {"@type": "HowToStep", "text": " ".join((step.headline, step.body, *step.bullets))}
    if step.visual is not None and step.visual.url is not None:
        made["image"] = step.visual.small_url or step.visual.url
    return made


def _classic(howto: HowTo, layout: str) -> str:
    inside, beside = "", ""
    for index, method in enumerate(howto.methods):
        heading = f'<h3><span class="mw-headline">{escape(method.name)}</span></h3>' if method.name else ""
        points = "<ul>" + "".join(f"<li>{escape(point)}</li>" for point in method.bullets) + "</ul>"
        block = heading + _steps(method, index, layout) + (points if method.bullets else "")
        if layout == "2009" or index == 0:
            inside += block
        else:
            beside += f'<div><a name="m{index}"></a>{block}</div>'
    edit = '<span class="editsection1">[<a href="#">edit</a>]</span>'
    editable = ' class="editable"' if layout == "2009" else ""
    steps = f'<div id="steps"{editable}><h2>{edit} <span>Steps</span></h2>{inside}</div>'
    tail = ""
    for place, items in (("tips", howto.tips), ("warnings", howto.warnings), ("thingsyoullneed", howto.things)):
        if items:
            listed = "".join(f"<li>{escape(item)}</li>" for item in items)
            tail += f'<div id="{place}"><h2>{edit} <span>{place}</span></h2><ul>{listed}</ul></div>'
    related = '<div id="relatedwikihows"><h2><span>Related</span></h2><ul><li>How to Do Another Thing</li></ul></div>'
    heading = f'<h1 class="firstHeading"><a href="{howto.url}">{escape(howto.title)}</a></h1>'
    body = (
        f"{heading}<p><br>{escape(howto.intro)}</p><script>var xchannels = '1';</script>"
        f'<div id="embed_ads">Hide these ads</div>{steps}{beside}{tail}{related}'
        f'<script>wgNamespaceNumber = 0; wgArticleId = "{howto.page_id}";</script>'
    )
    return _document(howto, body, "", modern=False)
