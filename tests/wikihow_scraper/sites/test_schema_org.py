"""schema.org data in every form pages carry it in; the pages are made up, their forms are real."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illinstr.wikihow_scraper.page import Page
from illinstr.wikihow_scraper.sites import registry
from illinstr.wikihow_scraper.sites.schema_org.json_ld import values
from illinstr.wikihow_scraper.sites.schema_org.json_repair import repaired
from illinstr.wikihow_scraper.sites.site import NotAnArticle, WebPage

URL = "https://garden.example.org/repot"


def page_of(*blocks: object, body: str = "", head: str = "") -> str:
    scripts = "".join(
        f'<script type="application/ld+json">{one if isinstance(one, str) else json.dumps(one)}</script>'
        for one in blocks
    )
    return f'<html lang="en-GB"><head><title>x</title>{head}{scripts}</head><body>{body}</body></html>'


def read(*blocks: object, **parts: str) -> Page:
    (page,) = registry.read(WebPage(page_of(*blocks, **parts).encode(), URL), "schema_org")
    return page


def howto(steps: object, **fields: object) -> dict[str, object]:
    return {"@context": "https://schema.org", "@type": "HowTo", "name": "Repot a Plant", "step": steps} | fields


def told(page: Page) -> list[tuple[str | None, list[tuple[str, str]]]]:
    return [(method.name, [(step.headline, step.body) for step in method.steps]) for method in page.methods]


TWO = [(None, [("Water it.", ""), ("Lift it out.", "Gently.")])]
STEP = {"@type": "HowToStep"}


@pytest.mark.parametrize(
    "steps",
    [
        ["Water it.", "Lift it out. Gently."],
        [STEP | {"text": "Water it."}, STEP | {"text": "Lift it out. Gently."}],
        [STEP | {"name": "Step 1", "text": "Water it."}, STEP | {"name": "Step 2", "text": "Lift it out. Gently."}],
        [STEP | {"name": "Water it.", "text": "Water it."}, STEP | {"name": "Lift it out.", "text": "Gently."}],
        [STEP | {"text": "1. Water it."}, STEP | {"text": "2. Lift it out. Gently."}],
        [STEP | {"text": "<p>Water it.</p>"}, STEP | {"text": "&lt;b&gt;Lift it out.&lt;/b&gt; Gently."}],
        [[STEP | {"text": "Water it."}], [STEP | {"text": "Lift it out. Gently."}]],
        {"0": STEP | {"text": "Water it."}, "1": STEP | {"text": "Lift it out. Gently."}},
        {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": STEP | {"text": "Water it."}},
                                                  {"item": STEP | {"text": "Lift it out. Gently."}}]},
        {"@type": "HowToSection", "itemListElement": [STEP | {"text": "Water it."},
                                                      STEP | {"text": "Lift it out. Gently."}]},
        [STEP | {"itemListElement": {"@type": "HowToDirection", "text": "Water it."}},
         STEP | {"itemListElement": [{"@type": "HowToDirection", "text": "Lift it out. Gently."}]}],
        "Water it.\nLift it out. Gently.",
        ["Water it.\nLift it out. Gently."],
        "1. Water it. 2. Lift it out. Gently.",
        "<ol><li>Water it.</li><li>Lift it out. Gently.</li></ol>",
        "&lt;p&gt;Water it.&lt;/p&gt;&lt;p&gt;Lift it out. Gently.&lt;/p&gt;",
        "<p>1. Water it.<br>2. Lift it out. Gently.</p>",
        STEP | {"text": "<ul><li>Water it.</li><li>Lift it out. Gently.</li></ul>"},
        {"@list": [STEP | {"text": {"@value": "Water it.", "@language": "en"}}, "Lift it out. Gently."]},
    ],
    ids=lambda steps: json.dumps(steps)[:60],
)  # fmt: skip
def test_steps_in_every_form(steps):
    assert told(read(howto(steps))) == TWO


def test_entities_escaped_twice_in_markup():
    page = read(howto("<ol><li>Cut &amp;amp;amp; peel.</li><li>Boil them.</li></ol>"))
    assert [step.headline for step in page.methods[0].steps] == ["Cut & peel.", "Boil them."]


def test_one_text_is_cut_where_the_page_cuts_it():
    text = "Water it well a day before. Let it drain. Lift it out by the stem. Shake off the soil."
    blocks = "<p>Water it well a day before. Let it drain.</p><p>Lift it out by the stem. Shake off the soil.</p>"
    assert [len(method.steps) for method in read(howto(text), body=blocks).methods] == [2]
    assert [len(method.steps) for method in read(howto(text)).methods] == [4]  # sentences, where nothing tells more
    glued = read(howto(text.replace("drain. Lift", "drain.Lift")))
    assert [step.headline for step in glued.methods[0].steps] == [
        "Water it well a day before.",
        "Lift it out by the stem.",
    ]


def test_sections_are_methods():
    sections = [
        {"@type": "HowToSection", "name": "Indoors", "itemListElement": [STEP | {"text": "Open."}, "Wait."]},
        {"@type": "HowToSection", "name": "Outdoors", "steps": [STEP | {"text": "Dig."}]},
    ]
    page = read(howto(["First.", *sections]))
    assert told(page) == [
        (None, [("First.", "")]),
        ("Indoors", [("Open.", ""), ("Wait.", "")]),
        ("Outdoors", [("Dig.", "")]),
    ]
    recipe = {"@type": "Recipe", "name": "Tea", "recipeInstructions": sections}
    assert {method.label for method in read(recipe).methods} == {"part"}


def test_a_name_is_the_headline_and_the_parts_of_a_step_are_points():
    step = STEP | {
        "name": "Lift it out",
        "itemListElement": [
            {"@type": "HowToDirection", "text": "Hold the stem."},
            {"@type": "HowToDirection", "text": "Turn the pot."},
            {"@type": "HowToTip", "text": "Tap it."},
        ],
    }
    first, second = read(howto(["Water it.", step])).methods[0].steps
    assert (second.headline, second.body, second.bullets) == ("Lift it out", "", ("Hold the stem.", "Turn the pot."))
    assert [note.text for note in second.notes] == ["Tap it."]
    assert first.headline == "Water it."


PHOTO = "https://garden.example.org/big.jpg"


@pytest.mark.parametrize(
    ("given", "also"),
    [
        (PHOTO, ()),
        ("/big.jpg", ()),
        ([PHOTO, "/other.jpg"], ()),
        ({"@type": "ImageObject", "url": PHOTO, "width": 800, "height": "600px"}, ()),
        ({"@type": "ImageObject", "contentUrl": PHOTO}, ()),
        ([{"@type": "ImageObject", "@id": PHOTO}], ()),
        ({"@type": "ImageObject", "url": {"@id": PHOTO}}, ()),
        ({"@id": "#shot"}, ({"@type": "ImageObject", "@id": "#shot", "url": PHOTO},)),
        ("#shot", ({"@type": "ImageObject", "@id": "#shot", "contentUrl": PHOTO},)),
    ],
)
def test_images_in_every_form(given, also):
    page = read({"@graph": [howto([STEP | {"text": "Water it.", "image": given}, "Wait."]), *also]})
    image = page.methods[0].steps[0].image
    assert image is not None
    assert image.url == PHOTO
    assert page.methods[0].steps[1].visual is None
    if isinstance(given, dict) and "width" in given:
        assert (image.width, image.height) == (800, 600)


def test_videos_and_their_stills():
    video = {"@type": "VideoObject", "contentUrl": "/v.mp4", "thumbnailUrl": ["/still.jpg"]}
    given = [STEP | {"text": "Water it.", "video": video}, STEP | {"text": "Wait.", "image": "/film.mp4#t=9"}]
    first, second = read(howto(given)).methods[0].steps
    assert first.image is None and first.video.url.endswith("/v.mp4")
    assert first.visual.url == "https://garden.example.org/still.jpg"
    assert second.video.url == second.visual.url == "https://garden.example.org/film.mp4#t=9"


def test_everything_else_a_work_says():
    page = read(
        howto(
            ["Water it.", "Wait."],
            supply=[{"@type": "HowToSupply", "name": "soil", "requiredQuantity": "2 bags"}, "1 pot"],
            tool=[{"@type": "HowToTool", "name": "trowel"}, "knife"],
            totalTime={"@type": "Duration", "@value": "P0DT1H70M"},
            prepTime="PT5M",
            **{"yield": "1 plant"},
            author=[{"@type": "Person", "name": "Ada"}, {"@id": "#b"}],
            license="https://creativecommons.org/licenses/by-sa/4.0/",
            description="Plants &amp;amp; pots.",
            inLanguage="fr-FR",
            datePublished="2024-02-03T10:00:00Z",
        ),
        {"@type": "Person", "@id": "#b", "name": "Ben"},
    )
    assert [(one.amount, one.name) for one in page.materials] == [("2 bags", "soil"), ("1", "pot")]
    assert (page.tools, page.total_time, page.times) == (("trowel", "knife"), "PT2H10M", {"prepTime": "PT5M"})
    assert (page.servings, page.authors, page.intro) == ("1 plant", ("Ada", "Ben"), "Plants & pots.")
    assert (page.license, page.license_found) == ("CC BY-SA 4.0", "license in its data")
    assert (page.language, page.published, page.canonical_url) == ("fr", "2024-02-03", URL)
    assert (page.source, page.goal) == ("garden.example.org", "Repot a Plant")


def test_images_of_a_work_stand_under_its_licence_unless_they_state_their_own():
    own = {"@type": "ImageObject", "url": "/a.jpg", "license": "https://creativecommons.org/publicdomain/zero/1.0/"}
    given = [STEP | {"text": "Water it.", "image": own}, STEP | {"text": "Wait.", "image": "/b.jpg"}]
    steps = read(howto(given, license="https://creativecommons.org/licenses/by/4.0")).methods[0].steps
    assert [(step.image.license, step.image.license_kind) for step in steps] == [
        ("CC0 1.0", "public-domain"),
        ("CC BY 4.0", "cc"),
    ]
    assert {step.image.license_kind for step in read(howto(given[1:] * 2)).methods[0].steps} == {"unknown"}


GOOD = json.dumps(howto(["Water it.", "Lift it out. Gently."]))


@pytest.mark.parametrize(
    "block",
    [
        f"<!-- {GOOD} -->",
        f"//<![CDATA[\n{GOOD}\n//]]>",
        f"/*<![CDATA[*/{GOOD}/*]]>*/",
        f"\ufeff {GOOD};",
        f"[{GOOD},]",
        '{"@graph":[null, 7, ' + GOOD + "]}",
        GOOD.replace('"HowTo"', '["Thing", "https://schema.org/HowTo"]'),
        GOOD.replace('"step"', '"schema:step"').replace('"HowTo"', '"schema:HowTo"'),
        GOOD.replace('"name"', '/* what */ "name"').replace('"]', '",]'),
        GOOD[:-1] + ", // end\n}",
        GOOD.replace("Lift it out.", "Lift\tit\nout."),
        GOOD.replace("Gently.", "Gentl\\y."),
        GOOD.replace('"', "&quot;"),
        f'{{"@type": "WebSite"}}{GOOD}',
        json.dumps({"@type": "WebPage", "mainEntity": json.loads(GOOD)}),
    ],
    ids=lambda block: block[:40],
)
def test_broken_data_is_read_as_testers_read_it(block):
    assert told(read(block)) == TWO


SINGLE = GOOD.replace('"', "'")


@pytest.mark.parametrize(
    "block",
    [
        SINGLE,
        SINGLE.replace("a Plant", "a Plant\\'s Pot"),
        SINGLE.replace("a Plant", "a Plant's Pot"),
        SINGLE.replace("a Plant", 'a "Plant"'),
        GOOD.replace('"step"', "'step'").replace('"Water it."', "'Water it.'"),
        GOOD.replace('"name"', "\u201cname\u201d"),
        GOOD.replace('"name"', "name").replace('"step"', "step"),
        GOOD.replace('"name"', '<!-- it\'s so --> "name"'),
        GOOD.replace('"name"', '# what\n"name"'),
        GOOD.replace(', "step"', '\n "step"'),
        GOOD.replace('"Water it.", ', '"Water it."\n'),
        GOOD.replace('["Water', '[, "Water'),
        GOOD.replace('"name"', '\ufeff"name"'),
        GOOD[:-1],
        GOOD[:-2],
        GOOD[:-1] + ', "description": "Cut o',
        GOOD[:-1] + ', "image": undefined}',
        GOOD[:-1] + ', "a": True, "b": None, "c": +5, "d": .5, "e": 007, "f": }',
        f"var data = {GOOD};",
        f"({GOOD})",
        GOOD.replace("Water", "W\\x61ter"),
        SINGLE.replace("Water", "W\\x61ter"),
    ],
    ids=lambda block: block[:40],
)
def test_a_script_s_object_is_read_as_the_json_it_stands_for(block):
    assert told(read(block)) == TWO


@pytest.mark.parametrize("broken", ['["Say "water" twice.", "Lift it."]', '["Say "" twice."]', "['kids', toys', 'x']"])
def test_texts_whose_end_cannot_be_told_make_no_steps(broken):
    assert values(f'{{"@type": "HowTo", "step": {broken}}}') == []


TEXTS = st.text("ab1'\"\\,:{]\xe9\n\x00 ", max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=30, deadline=None)
@given(st.lists(JSON, max_size=3))
def test_what_python_writes_of_a_value_is_that_value(value):
    assert json.loads(repaired(repr(value))) == json.loads(repaired(json.dumps(value))) == value


@pytest.mark.parametrize("text", ["[" * 20_000, "{a:" * 9999, "[" * 9999 + "}" * 9999, "' " * 9999, "[''" * 9999])
def test_repair_takes_time_in_proportion(text):
    values(text)
    assert len(repaired(text)) < 10 * len(text)


A, B = STEP | {"text": "Water it."}, STEP | {"text": "Lift it out. Gently."}


@pytest.mark.parametrize(
    "steps",
    [
        [B | {"position": 2}, A | {"position": 1}],
        [B | {"position": "2"}, A | {"position": "1"}],
        [B | {"position": "Step 2"}, A | {"position": "Step 1"}],
        [B | {"position": 1}, A | {"position": 0}],
        [A | {"position": 1}, B | {"position": 1}],
        [A, B | {"position": 1}],
        [A | {"position": True}, B | {"position": 0}],
        {"@type": "ItemList", "itemListElement": [{"position": 2, "item": B}, {"position": 1, "item": A}]},
        {"@type": "HowToSection", "itemListElement": [B | {"position": 2}, A | {"position": 1}]},
        {"@type": "HowToSection", "itemListElement": {"@type": "ItemList", "itemListElement": [A, B]}},
        [{"@type": "HowToSection", "steps": [{"@type": "HowToSection", "itemListElement": [A, B]}]}],
        json.dumps([A, B]),
        [json.dumps(A), json.dumps(B)],
    ],
    ids=lambda steps: json.dumps(steps)[:60],
)
def test_steps_stand_in_the_order_their_positions_state(steps):
    assert told(read(howto(steps))) == TWO


def test_sections_and_directions_stand_in_the_order_their_positions_state():
    section = {"@type": "HowToSection"}
    page = read(
        howto(
            [section | {"name": "B", "position": 2, "step": [B]}, section | {"name": "A", "position": 1, "step": [A]}]
        )
    )
    assert [name for name, _ in told(page)] == ["A", "B"]
    parts = [
        {"@type": "HowToDirection", "text": text, "position": at} for at, text in ((2, "Tip it."), (1, "Hold it."))
    ]
    (step,) = read(howto([STEP | {"name": "Lift it out.", "itemListElement": parts}])).methods[0].steps
    assert step.bullets == ("Hold it.", "Tip it.")


def test_a_broken_block_does_not_hide_another():
    assert told(read('{"@type": "HowTo", "name": ', GOOD, "", "null")) == TWO


def test_what_is_said_in_two_places_is_put_together_and_said_once():
    whole = howto(["Water it.", "Lift it out. Gently."]) | {"@id": "#it"}
    named = {"@type": "HowTo", "@id": "#it", "totalTime": "PT5M"}
    page = read({"@graph": [named, whole, whole]}, GOOD)
    assert told(page) == TWO
    assert page.total_time == "PT5M"


def test_data_that_only_mentions_works_is_no_article():
    listing = {"@type": "ItemList", "itemListElement": [{"@type": "Recipe", "name": f"Soup {n}"} for n in range(9)]}
    with pytest.raises(NotAnArticle):
        registry.read(WebPage(page_of(listing, body="<h1>How to pick a soup</h1>").encode()))


def test_steps_the_data_leaves_out_are_read_under_their_heading():
    body = """<h1>Tea</h1><h2>Ingredients</h2><ul><li>Tea</li></ul><h2>Preparation of the tea</h2>
    <p>Boil the water.</p><p>Pour it over.</p><h2>More teas</h2><p>Read on.</p>"""
    recipe = {"@type": "Recipe", "name": "Tea", "recipeIngredient": ["2 tsp of black tea"]}
    page = read(recipe, body=body)
    assert told(page) == [(None, [("Boil the water.", ""), ("Pour it over.", "")])]
    assert "heading" in page.missing["steps"]
    assert [(one.amount, one.name) for one in page.materials] == [("2 tsp", "black tea")]


MICRODATA = """<div itemscope itemtype="http://schema.org/Recipe"><h1 itemprop="name">Tea</h1>
<span itemprop="author" itemscope itemtype="http://schema.org/Person"><b itemprop="name">Ada</b></span>
<time itemprop="totalTime" datetime="PT10M">ten</time><li itemprop="recipeIngredient">1 cup of <b>water</b></li>
{steps}<link itemprop="license" href="https://creativecommons.org/licenses/by/4.0/"></div>"""


@pytest.mark.parametrize(
    "steps",
    [
        '<ol itemprop="recipeInstructions"><li>Boil it.<img src="/1.jpg"></li><li>Pour it. Slowly.</li></ol>',
        '<p itemprop="recipeInstructions">Boil it.<img src="/1.jpg"></p>'
        '<p itemprop="recipeInstructions">Pour it. Slowly.</p>',
        '<div itemprop="recipeInstructions" itemscope itemtype="http://schema.org/HowToStep">'
        '<p itemprop="text">Boil it.</p><img itemprop="image" src="x.svg" data-src="/1.jpg"></div>'
        '<div itemprop="recipeInstructions" itemscope itemtype="http://schema.org/HowToStep">'
        '<p itemprop="text">Pour it. Slowly.</p></div>',
    ],
)
@pytest.mark.parametrize("syntax", ["microdata", "RDFa"])
def test_microdata_and_rdfa(steps, syntax):
    html = MICRODATA.format(steps=steps)
    if syntax == "RDFa":
        html = html.replace("itemscope itemtype=", "typeof=").replace("itemprop", "property")
    (page,) = registry.read(WebPage(html.encode(), URL))
    assert told(page) == [(None, [("Boil it.", ""), ("Pour it.", "Slowly.")])]
    assert page.methods[0].steps[0].image.url == "https://garden.example.org/1.jpg"
    assert (page.authors, page.total_time, page.license) == (("Ada",), "PT10M", "CC BY 4.0")
    assert [(one.amount, one.name) for one in page.materials] == [("1 cup", "water")]


def test_values_that_are_not_json_are_none():
    assert values("") == values("x") == values("7") == values("{") == []
