# ruff: noqa: E501
"""Values, not labels; addresses by RFC 3986; images behind placeholders; text in its place."""

import pytest

from illinstr.errors import DataError
from illinstr.wikihow_scraper.imports.saved_pages import saved_files, saved_pages
from illinstr.wikihow_scraper.pipeline import reading
from illinstr.wikihow_scraper.sites import registry
from illinstr.wikihow_scraper.sites.site import Site, Trust, WebPage
from illinstr.wikihow_scraper.sites.wikihow.parse import parse


def page(
    image: str = "",
    *,
    head: str = "",
    byline: str = "",
    crumbs: str = "",
    step: str = "<b class=whb>Lay it flat.</b> On a table.",
) -> str:
    details = (
        '<div class="image_details" style="display:none"><span>{"licensing": "<p>License: Creative Commons</p>"}</span>'
        "</div>"
    )
    frame = f'<div class="mwimg"><a class="image" href="#x">{image}{details}</a></div>' if image else ""
    return (
        f'<!DOCTYPE html><html lang="en"><head><title>How to Fold a Hat - wikiHow</title>{head}</head>'
        f'<body class="skin-minervawh"><div id="breadcrumb">{crumbs}</div><h1 class=title_lg>How to Fold a Hat</h1>{byline}'
        f'<div class="section steps"><h3><span class="mw-headline">By hand</span></h3><div class="section_text">'
        f'<ol class="steps_list_2"><li>{frame}<div class="step">{step}</div></li>'
        '<li><div class="step"><b class="whb">Fold it.</b> Once.</div></li></ol></div></div></body></html>'
    )


@pytest.mark.parametrize(
    ("head", "url", "canonical", "image"),
    [
        ('<link rel="canonical" href="/Fold">', "https://a.example/x/Fold?p=1", "https://a.example/Fold", "https://a.example/x/i/1.jpg"),
        ('<link rel="canonical" href="Fold">', "https://a.example/x/y", "https://a.example/x/Fold", "https://a.example/x/i/1.jpg"),
        ('<link rel="canonical" href="https://b.example/Fold">', "https://a.example/x", "https://a.example/x", "https://a.example/i/1.jpg"),
        ('<link rel="canonical" href="https://www.a.example/Fold">', "https://m.a.example/x", "https://www.a.example/Fold", "https://m.a.example/i/1.jpg"),
        ('<base href="https://cdn.example/y/"><link rel="canonical" href="https://a.example/Fold">', "https://a.example/x", "https://a.example/Fold", "https://cdn.example/y/i/1.jpg"),
        ('<base href="https://cdn.example/y/"><link rel="canonical" href="https://a.example/Fold">', None, "https://a.example/Fold", "https://cdn.example/y/i/1.jpg"),
        ('<base href="/y/">', "https://a.example/x", "https://a.example/x", "https://a.example/y/i/1.jpg"),
        ('<link rel="canonical" href="/Fold">', None, None, "https://www.wikihow.com/i/1.jpg"),
        ('<link rel="canonical" href="http://[bad/Fold"><base href="http://[bad/">', "https://a.example/x", "https://a.example/x", "https://a.example/i/1.jpg"),
    ],
)  # fmt: skip
def test_addresses(head, url, canonical, image):
    read = parse(page('<img data-src="i/1.jpg">', head=head).encode(), url=url)
    assert read.canonical_url == canonical
    assert read.methods[0].steps[0].image.url == image


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ('<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" data-srcset="/i/1.jpg 320w, /i/2.jpg 640w">', "/i/2.jpg"),
        ('<img src="/images/loading.gif" data-lazy-src="/i/1.jpg">', "/i/1.jpg"),
        ('<img src="/i/small.jpg" srcset="/i/1.jpg, /i/2.jpg 2x">', "/i/2.jpg"),
        ('<picture><source srcset="/i/1.webp 400w, /i/2.webp 900w"><img src="/img/placeholder.png"></picture>', "/i/2.webp"),
        ('<img src="/images/spacer.gif" data-src="/images/lazyload.png" data-original="/i/1.jpg">', "/i/1.jpg"),
        ('<img src="/images/loading.gif">', None),
        ('<img src="/grey.png" width="1" height="1" data-src="/i/1.jpg">', "/i/1.jpg"),
        ('<img src="/grey.png" width="1" height="1">', None),
        ('<img src="/skins/placeholder-image.png" data-url="/i/1.jpg?x=2">', "/i/1.jpg?x=2"),
        ('<img src="/i/small.jpg" data-hires="/i/1.jpg" data-thumb="/i/t.jpg">', "/i/1.jpg"),
        ('<img src="/i/1.jpg" data-thumb="/i/t.jpg">', "/i/1.jpg"),
        ('<img data-src="/i/small.jpg" data-srcset="/i/1.jpg 320w, /i/2.jpg 640w">', "/i/2.jpg"),
        ('<img src="http://[bad/1.jpg" data-src="/i/1.jpg">', "/i/1.jpg"),
        ('<img src="i/1.jpg">', "/i/1.jpg"),
        ('<img src="Page_files/1.jpg">', None),
        ('<img data-srcset="/i/a,b.jpg 1x, /i/c.jpg 2x">', "/i/c.jpg"),
        ('<img src="/i/1.jpg">', "/i/1.jpg"),
    ],
)  # fmt: skip
def test_the_largest_real_image(image, expected):
    found = parse(page(image).encode(), url="https://a.example/x").methods[0].steps[0].image
    assert (found.url if found is not None else None) == (f"https://a.example{expected}" if expected else None)


@pytest.mark.parametrize(("names", "kept"), [("ss", "ss"), ("sss", ""), ("s1ss", "1"), ("12ss", "12ss")])
def test_an_image_at_three_steps_is_a_placeholder(names, kept):
    steps = "".join(
        f'<li><div class=mwimg><img src="/i/{name}.jpg"></div><div class=step>Fold.</div></li>' for name in names
    )
    html = page().replace('<ol class="steps_list_2">', f'<ol class="steps_list_2">{steps}')
    images = [step.image for step in parse(html).methods[0].steps]
    assert "".join(one.url[-5] for one in images if one is not None) == kept


@pytest.mark.parametrize(
    "label",
    [
        "Author Info",
        "References",
        "Expert Interview",
        "Reviewed by",
        "AUTHOR INFO",
        "Expert Co-Authors",
        "Contributors",
        "About the author",
    ],
)
def test_a_label_is_no_author(label):
    byline = '<div id="byline_info"><a class="coauthor_link" href="#social_proof_anchor">{}</a></div>'
    assert parse(page(byline=byline.format(label)).encode()).authors == ()
    assert parse(page(byline=byline.format(label)).encode()).missing["authors"] == "no byline"
    assert parse(page(byline=byline.format("Ann Authorson")).encode()).authors == ("Ann Authorson",)


@pytest.mark.parametrize(
    "listing", ["/Special:Categories", "/wikiHow:Categories", "/Special:CategoryListing", "/Spezial:Kategorien"]
)
def test_the_list_of_categories_is_no_category(listing):
    crumbs = f'<ul><li><a href="{listing}">Categories</a></li><li><a href="/Category:Hats">Hats</a></li></ul>'
    assert parse(page(crumbs=crumbs).encode()).categories == ("Hats",)


def test_who_began_the_page_is_no_intro():
    steps = "<div id='steps' class='editable'><ol class='steps_list_2'><li><b class='whb'>Wash it.</b></li></ol></div>"
    text = (
        "<html lang=en><body><h1 class='firstHeading'>How to Polish a Ring</h1><p id='originators'>originated by:"
        "<span><a href='/User:A'>Ann A</a></span></p><div id='bodycontents'><div class='article_inner editable'>"
        f"<p>Rings get dull.</p><p>See below.</p></div>{steps}<p>Not this.</p></div></body></html>"
    )
    assert parse(text.encode()).intro == "Rings get dull. See below."


@pytest.mark.parametrize(
    ("step", "body", "bullets"),
    [
        ("<b class=whb>Go.</b> First:<ul><li>one</li><li>two</li></ul>Then rest.", "First:", ("one", "two", "Then rest.")),
        ("<b class=whb>Go.</b><ul><li>one<ul><li>inner</li></ul>rest of one</li><li>two</li></ul>", "", ("one rest of one", "inner", "two")),
        ("<b class=whb>Go.</b> A.<ul><li>1<ul><li>2<ul><li>3</li></ul>4</li></ul>5</li></ul>B.<ul></ul>C.", "A.", ("1 5", "2 4", "3", "B.", "C.")),
        ("<ul><li>one</li></ul><b class=whb>Go.</b> Now.", "Now.", ("one",)),
    ],
)  # fmt: skip
def test_text_after_a_list_keeps_its_place(step, body, bullets):
    read = parse(page(step=step).encode()).methods[0].steps[0]
    assert (read.headline, read.body, read.bullets) == ("Go.", body, bullets)


@pytest.mark.parametrize("address", ["http://[bad/How-to-X", "http://:80/", "http://x.example:99999/"])
def test_a_saved_page_with_a_bad_address_is_read(tmp_path, address):
    text = f"<!-- saved from url=(0020){address} -->\n" + page(head=f'<link rel="canonical" href="{address}">')
    (tmp_path / "a.html").write_text(text, encoding="utf-8")
    (source,) = saved_pages(tmp_path, saved_files(tmp_path))
    assert source.url is None
    (article,) = reading.read(WebPage(source.content, source.url)).articles
    assert article.num_steps == 2


class Broken(Site):
    name, parser, about = "broken", "broken/1", "raises"

    def claim(self, page):
        return Trust.OWN

    def read(self, page):
        raise KeyError("steps")


def test_a_site_that_fails_costs_its_page_alone():
    with registry.registered(Broken()):
        with pytest.raises(DataError, match="broken/1 cannot read the page: KeyError"):
            registry.read(WebPage(b"<p>nothing"))
        assert registry.read(WebPage(page().encode()))[0].parser.startswith("wikihow/")
