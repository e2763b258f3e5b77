# ruff: noqa: E501 (markup and texts that are data stay on their lines)
"""iFixit, Instructables, MediaWiki and numbered lists; the answers of interfaces are made in their documented form."""

from __future__ import annotations

import json

import pytest

from illinstr.wikihow_scraper.page import Page
from illinstr.wikihow_scraper.sites import registry
from illinstr.wikihow_scraper.sites.site import NotAnArticle, WebPage


def read(content: str | dict[str, object], url: str | None = None, site: str | None = None) -> Page:
    text = content if isinstance(content, str) else json.dumps(content)
    (page,) = registry.read(WebPage(text.encode(), url), site)
    return page


def told(page: Page) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(step.headline, step.body, step.bullets) for method in page.methods for step in method.steps]


def shown(page: Page) -> list[str | None]:
    return [step.visual.url if step.visual else None for method in page.methods for step in method.steps]


GUIDE = {
    "guideid": 123,
    "title": "Lamp Bulb Replacement",
    "locale": "en",
    "category": "Lamp",
    "url": "https://www.ifixit.com/Guide/Lamp+Bulb+Replacement/123",
    "author": {"userid": 1, "username": "Ada"},
    "introduction_rendered": "<p>Change a bulb.</p>",
    "time_required": "20 minutes",
    "tools": [{"text": "Screwdriver", "quantity": 1}],
    "parts": [{"text": "Bulb", "quantity": 2}],
    "steps": [
        {
            "title": "",
            "lines": [
                {"text_rendered": "Unplug the lamp.", "bullet": "black", "level": 0},
                {"text_rendered": "The bulb is <b>hot</b>.", "bullet": "icon_caution", "level": 0},
                {"text_rendered": "Let it cool.", "bullet": "red", "level": 1},
            ],
            "media": {"type": "image", "data": [{"medium": "https://i.example/a.medium", "original": "https://i.example/a"}]},
        },
        {"title": "Bulb", "lines": [{"text_raw": "Turn it."}], "media": {"type": "video", "data": {
            "image": {"image": {"large": "https://i.example/v.large"}}, "encodings": [{"url": "https://i.example/v.mp4"}]}}},
        {"title": "", "lines": None, "media": None},
        "nothing",
    ],
}  # fmt: skip


def test_a_guide_from_the_interface():
    page = read(GUIDE, "https://www.ifixit.com/api/2.0/guides/123")
    assert told(page) == [("Unplug the lamp.", "", ("Let it cool.",)), ("Bulb", "", ("Turn it.",))]
    assert [(note.kind, note.text) for note in page.methods[0].steps[0].notes] == [("warning", "The bulb is hot.")]
    assert shown(page) == ["https://i.example/a", "https://i.example/v.large"]
    assert {step.visual.license for step in page.methods[0].steps} == {page.license} == {"CC BY-NC-SA 3.0"}
    assert (page.page_id, page.authors, page.tools, page.total_time) == (123, ("Ada",), ("Screwdriver",), "PT20M")
    assert [(one.amount, one.name) for one in page.materials] == [("2", "Bulb")]
    assert (page.canonical_url, page.intro, page.source) == (GUIDE["url"], "Change a bulb.", "ifixit")


def test_the_interface_is_asked_in_place_of_a_guides_page():
    site = registry.site_named("ifixit")
    assert site.address("https://www.ifixit.com/Guide/Lamp/123#s4") == "https://www.ifixit.com/api/2.0/guides/123"
    for other in ("https://www.ifixit.com/Device/Lamp", "https://other.example/Guide/Lamp/123"):
        assert site.address(other) == other


GUIDE_PAGE = """<html lang="de"><h1>Lampe</h1><ol><li class="step step-wrapper" id="s1"><h3><strong>Schritt 1</strong>
Stecker</h3><div class="step-images"><img src="/i/1.thumbnail" srcset="/i/1.medium 592w, /i/1.large 800w"></div>
<ul class="step-lines"><li class="icon-caution">Strom.</li><li>Zieh ihn.</li></ul></li>
<li class="step" id="s2"><h3><strong>Schritt 2</strong></h3><ul class="step-lines"><li>Warte.</li><li>Noch etwas.</li></ul>
</li></ol></html>"""


def test_a_guides_page():
    page = read(GUIDE_PAGE, "https://de.ifixit.com/Anleitung/Lampe/5")
    assert told(page) == [("Stecker", "", ("Zieh ihn.",)), ("Warte.", "", ("Noch etwas.",))]
    assert shown(page) == ["https://de.ifixit.com/i/1.large", None]
    assert (page.language, page.license) == ("de", "CC BY-NC-SA 3.0")
    elsewhere = read(GUIDE_PAGE, "https://shop.example.org/Guide/1")
    assert (elsewhere.license, elsewhere.source) == (None, "shop.example.org")


PROJECT = """<html lang="en"><body><h1 class="header-title">Paper Lamp</h1><a class="author">Ada</a>
<section id="intro" class="step" data-stepid="A"><h2 class="step-title">Introduction: Paper Lamp</h2><div class="step-body">
<p>A lamp.</p><h3>Supplies</h3><ul><li>2 sheets of paper</li></ul></div></section>
<section id="step1" class="step" data-stepid="B"><h2 class="step-title">Step 1: Cut</h2><div class="photoset">
<img src="data:image/gif;base64,xx" data-src="/F1.jpg"><noscript><img src="/F1.jpg"></noscript></div>
<div class="step-body"><p>Cut it.</p><ul><li>Slowly.</li></ul></div></section>
<section id="step2" class="step" data-stepid="C"><h2 class="step-title">Step 2: Fold</h2><div class="step-body"><p>Fold it.</p>
</div></section><a href="https://creativecommons.org/licenses/by-nc-sa/4.0/">licence</a></body></html>"""


def test_a_project():
    page = read(PROJECT, "https://www.instructables.com/Paper-Lamp/")
    assert told(page) == [("Cut", "Cut it.", ("Slowly.",)), ("Fold", "Fold it.", ())]
    assert shown(page) == ["https://www.instructables.com/F1.jpg", None]
    assert (page.license, page.intro, page.authors) == ("CC BY-NC-SA 4.0", "A lamp.", ("Ada",))
    assert [(one.amount, one.name) for one in page.materials] == [("2", "sheets of paper")]
    assert page.methods[0].steps[0].image.license_kind == "cc"


WIKI = """<div class="mw-parser-output"><p>A <b>pie</b>.</p><h2>Ingredients<span class="mw-editsection">[edit]</span></h2>
<ul><li>3 apples</li><li>1 crust</li></ul><h2>Equipment</h2><ul><li>Oven</li></ul><h2>Procedure</h2>{steps}
<h2>Notes, tips and variations</h2><ul><li>Pears do.</li></ul><h2>See also</h2><ol><li><a href="/a">A pie</a></li></ol></div>"""
STEPS = {
    "list": """<ol><li>Peel the apples.<sup class="reference">[1]</sup><figure><img src="//u.example/a.jpg" srcset="//u.example/a2.jpg 2x">
<figcaption>Peeled</figcaption></figure></li><li>Bake it. Long.</li></ol>""",
    "rows": """<table><tr><td>1.</td><td>Peel the apples.<img src="//u.example/a2.jpg"></td></tr>
<tr><td>2.</td><td>Bake it. Long.</td></tr></table>""",
    "template": """<div class="recipe-step"><span>1</span> Peel the apples.<img src="//u.example/a2.jpg"></div>
<div class="recipe-step"><span>2</span> Bake it. Long.</div>""",
    "terms": """<dl><dt>Step 1</dt><dd>Peel the apples.<img src="//u.example/a2.jpg"></dd><dt>Step 2</dt>
<dd>Bake it. Long.</dd></dl>""",
}


@pytest.mark.parametrize("form", STEPS)
@pytest.mark.parametrize("kind", ["page", "answer", "old answer"])
def test_a_wiki(form, kind):
    html = WIKI.format(steps=STEPS[form])
    url = "https://en.wikibooks.org/wiki/Cookbook:Apple_Pie"
    if kind == "page":
        given: str | dict[str, object] = (
            f'<html lang="en"><h1 id="firstHeading">Cookbook:Apple Pie</h1><div id="mw-content-text">{html}</div>'
            '<script>RLCONF={"wgArticleId":7,"wgRevisionId":9}</script></html>'
        )
    else:
        text = html if kind == "answer" else {"*": html}
        given = {"parse": {"title": "Cookbook:Apple Pie", "pageid": 7, "revid": 9, "text": text,
                           "categories": [{"category": "Pie_recipes"}]}}  # fmt: skip
        url = "https://en.wikibooks.org/w/api.php?action=parse&page=Cookbook%3AApple_Pie"
    page = read(given, url)
    assert told(page) == [("Peel the apples.", "", ()), ("Bake it.", "Long.", ())]
    assert shown(page) == ["https://u.example/a2.jpg", None]
    assert (page.title, page.page_id, page.revision_id, page.language) == ("Apple Pie", 7, 9, "en")
    assert [(one.amount, one.name) for one in page.materials] == [("3", "apples"), ("1", "crust")]
    assert (page.tools, page.tips, page.intro) == (("Oven",), ("Pears do.",), "A pie.")
    assert page.canonical_url == "https://en.wikibooks.org/wiki/Cookbook:Apple_Pie"
    assert (page.license, page.license_found) == ("CC BY-SA 4.0", "the terms of en.wikibooks.org")
    assert page.methods[0].steps[0].image.license_kind == "unknown"  # files of a wiki have licences of their own


def test_the_interface_is_asked_in_place_of_a_known_wikis_page():
    site = registry.site_named("mediawiki")
    asked = site.address("https://en.wikibooks.org/wiki/Cookbook:Apple_Pie")
    assert asked.startswith("https://en.wikibooks.org/w/api.php?action=parse&format=json")
    assert "page=Cookbook%3AApple_Pie" in asked
    for other in ("https://wiki.example.org/wiki/Pie", "https://en.wikibooks.org/w/index.php?title=Pie"):
        assert site.address(other) == other


def test_another_wiki_states_its_licence_itself():
    link = '<a rel="license" href="https://creativecommons.org/licenses/by-sa/3.0/">x</a>'
    html = f'<h1 id="firstHeading">Pie</h1>{WIKI.format(steps=STEPS["list"])}'
    assert read(html + link, "https://wiki.example.org/wiki/Pie").license == "CC BY-SA 3.0"
    assert read(html, "https://wiki.example.org/wiki/Pie").license is None


BLOG = "<html lang=en><article><h1>How to Sew a Button</h1>{}</article></html>"


@pytest.mark.parametrize(
    ("body", "images"),
    [
        ("<ol><li><b>Thread it.</b> Use a short thread.<img src=/a.jpg></li><li><b>Push it</b>. Twice, and again.</li></ol>",
         ["/a.jpg", None]),
        ("<h2>1. Thread it.</h2><p>Use a short thread.</p><img src=/a.jpg><h2>2. Push it.</h2><p>Twice, and again.</p>"
         "<figure><img src=/b.jpg></figure>", ["/a.jpg", "/b.jpg"]),
        ("<h2>Step 1: Thread it.</h2><p>Use a short thread.</p><h2>Step 2: Push it.</h2><p>Twice, and again.</p>",
         [None, None]),
        ("<h2>Supplies</h2><ol><li>1 needle and thread</li><li>1 button of some kind</li></ol><h2>Instructions</h2>"
         "<ol><li>Thread it. Use a short thread.</li><li>Push it. Twice, and again.</li></ol>", [None, None]),
    ],
)  # fmt: skip
def test_numbered_lists_and_headings(body, images):
    page = read(BLOG.format(body), "https://blog.example.org/sew")
    assert told(page) == [("Thread it.", "Use a short thread.", ()), ("Push it.", "Twice, and again.", ())]
    assert shown(page) == [f"https://blog.example.org{one}" if one else None for one in images]
    assert (page.layout, page.license) == ("guess", None)
    assert "guess" in page.missing["steps"]


SENTENCES = "<ol><li>You agree to the following terms.</li><li>You may not sell the service.</li></ol>"


@pytest.mark.parametrize(
    "html",
    [
        f"<h1>Terms of Use</h1>{SENTENCES}",
        "<h1>The 10 Best Lamps of the Year</h1><h2>1. A lamp to love</h2><p>It is bright.</p><h2>2. One more lamp</h2><p>So so.</p>",
        "<h1>How to choose the best lamp for you</h1><ol><li><a href=/1>A lamp to love and keep</a></li><li><a href=/2>One more lamp to see</a></li></ol>",
        "<h1>How to sew</h1><nav><ol><li>Home of the page here</li><li>Blog of the page here</li></ol></nav>",
        "<h1>How to sew</h1><ol class=toc><li>Threads and what they are</li><li>Needles and what they are</li></ol>",
        "<h1>How to sew</h1><ol class=references><li>Smith, A book about sewing, 1990</li><li>Doe, A second book, 1991</li></ol>",
        "<h1>How to sew</h1><div id=comments><ol><li>What a nice page this is</li><li>I will try it soon</li></ol></div>",
        "<h1>How to sew</h1><p>Call us, and we will tell you.</p><ol><li>Linen</li><li>Wool</li></ol>",
        f'<h1>How do I leave an editor?</h1><script type="application/ld+json">{{"@type": "QAPage"}}</script>{SENTENCES}',
        "<h1>Recipes</h1><ul><li>Soup of the day is here</li><li>Bread of the day is here</li></ul>",
        "<h1>A Year of News</h1><h2>1. What was decided in May</h2><p>Much.</p><h2>2. What was decided in June</h2><p>More.</p>",
        f"<h1>Committee Report</h1><h2>Method</h2>{SENTENCES}",
        '{"a": 1}',
        "<p>nothing",
        "",
    ],
    ids=lambda html: html[:60],
)
def test_pages_that_hold_no_instructions_give_none(html):
    with pytest.raises(NotAnArticle):
        registry.read(WebPage(html.encode(), "https://blog.example.org/x"))


def test_pages_of_wikis_that_hold_no_instructions_give_none():
    html = '<h1 id="firstHeading">History of Pie</h1><div class="mw-parser-output"><p>Old.</p><h2>References</h2><ol><li>A book on pies.</li><li>Another book.</li></ol></div>'
    with pytest.raises(NotAnArticle):
        registry.read(WebPage(html.encode(), "https://en.wikibooks.org/wiki/History_of_Pie"))
