"""An article rendered in the markup of any age and parsed back is the article."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from illinstr.wikihow_scraper.page import Method, PageStep
from illinstr.wikihow_scraper.sentences import normalise
from illinstr.wikihow_scraper.sites.wikihow.parse import parse
from tests.support.pages import LAYOUTS, OPEN, RESERVED, HowTo, make_image, render, video

MODERN = tuple(layout for layout in LAYOUTS if layout.startswith("202"))


def line(maximum: int = 60) -> st.SearchStrategy[str]:
    """Text a page can hold as one line: letters of several scripts, markup characters, digits."""
    alphabet = "abcdefgh éßñ中文日Жq&<>'\"-()0123456789 "
    return st.text(alphabet, min_size=1, max_size=maximum).filter(
        lambda text: normalise(text) == text and any(character.isalpha() for character in text)
    )


@st.composite
def howtos(draw: st.DrawFn, layout: str) -> HowTo:
    modern = layout.startswith("202")
    methods = []
    count = draw(st.integers(1, 3))
    for m in range(count):
        steps = []
        for s in range(draw(st.integers(1, 4))):
            image = clip = None
            kind = draw(st.sampled_from(["picture", "video", "none"]))
            if kind == "picture" and layout != "2007":
                image = make_image(
                    f"Thing-{m}-{s}", license=draw(st.sampled_from([RESERVED, OPEN])) if modern else None
                )
                if layout == "2025" or not modern:
                    image = image.model_copy(update={"small_url": image.url})
                if layout in ("2013", "2009"):
                    image = image.model_copy(update={"small_url": None})
            elif kind == "video" and modern:
                clip = video(f"Thing-{m}-{s}")
            steps.append(
                PageStep(
                    headline=draw(line()) + " first.",
                    body=draw(st.one_of(st.just(""), line())),
                    bullets=tuple(draw(st.lists(line(), max_size=3))),
                    image=image,
                    video=clip,
                )
            )
        name = draw(line(20)) + " way" if count > 1 else None
        labelled = name is not None and modern
        methods.append(Method(name=name, label="method" if labelled else None, steps=tuple(steps)))
    return HowTo(
        title="How to " + draw(line(30)),
        methods=tuple(methods),
        intro=draw(line()),
        ingredients=((None, tuple(draw(st.lists(line(), min_size=1, max_size=2)))), ("Sauce", ("1/2 cup of it",))),
        things=tuple(draw(st.lists(line(), max_size=2))),
        tips=tuple(draw(st.lists(line(), max_size=2))),
        warnings=tuple(draw(st.lists(line(), max_size=2))),
        references=draw(st.integers(0, 14)),
        views=draw(st.integers(1, 10**7)),
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_rendered_article_parses_back(layout, data):
    howto = data.draw(howtos(layout))
    page = parse(render(howto, layout).encode(), url=howto.url)
    assert page.methods == howto.methods
    assert page.title == howto.title
    assert page.intro == howto.intro
    assert page.tips == howto.tips
    assert page.warnings == howto.warnings
    assert [item for group in page.things_needed for item in group.items] == list(howto.things)
    assert page.page_id == howto.page_id
    assert page.canonical_url == howto.url
    if layout not in ("2007", "2009"):
        assert [(group.name, group.items) for group in page.ingredients] == list(howto.ingredients)
        assert page.references == howto.references
        assert page.views == howto.views
        assert page.categories == howto.categories
        assert (page.published, page.modified) == (howto.published, howto.modified)
        assert page.revision_id == howto.revision_id
        assert page.disagreements == ()


def example(layout: str) -> HowTo:
    image = make_image("Juice-1") if layout.startswith("202") else None
    steps = (
        PageStep(headline="Wash the apples.", body="Use cold water.", bullets=("Rub them dry.",), image=image),
        PageStep(headline="Press them.", body="Slowly."),
    )
    return HowTo(title="How to Make Juice", methods=(Method(name="By hand", label=None, steps=steps),))


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        ("2007", "desktop-2007"),
        ("2009", "desktop-2009"),
        ("2013", "desktop-2013"),
        ("2016", "desktop-2013"),
        ("2020", "responsive-2020"),
        ("2025", "responsive-2025"),
    ],
)
def test_the_layout_is_named(layout, name):
    assert parse(render(example(layout), layout)).layout == name


@pytest.mark.parametrize("layout", MODERN)
def test_part_and_method_labels(layout):
    steps = (PageStep(headline="Do it."), PageStep(headline="Be done."))
    for label in ("part", "method"):
        howto = HowTo("How to Do", (Method(name="A", label=label, steps=steps),) * 2, label=label)
        assert [method.label for method in parse(render(howto, layout)).methods] == [label, label]


def test_a_method_of_bullets_only_is_kept_with_no_numbered_step():
    steps = (PageStep(headline="Do it."), PageStep(headline="Be done."))
    methods = (Method(name="Steps", steps=steps), Method(name="Paste", bullets=("Rub it on.",)))
    for layout in ("2009", "2013", "2016", "2020"):
        page = parse(render(HowTo("How to Do", methods), layout))
        assert [(m.name, len(m.steps), m.bullets) for m in page.methods] == [
            ("Steps", 2, ()),
            ("Paste", 0, ("Rub it on.",)),
        ]


def test_text_before_the_list_is_the_methods_intro():
    steps = (PageStep(headline="Do it."), PageStep(headline="Be done."))
    howto = HowTo("How to Do", (Method(name="A", intro="Mind the cat.", steps=steps),))
    assert parse(render(howto)).methods[0].intro == "Mind the cat."


def test_absent_fields_say_why():
    page = parse("<h1>Do</h1><ol class='steps_list_2'><li><b class='whb'>Do it.</b></li></ol>")
    assert set(page.missing) >= {"page_id", "revision_id", "modified", "views", "tips", "ingredients", "categories"}
    assert all(page.missing.values())
    full = HowTo("How to Do", (Method(steps=(PageStep(headline="Do it."),)),), tips=("Rest.",))
    assert "tips" not in parse(render(full)).missing


def test_other_languages_and_the_pages_own():
    howto = HowTo(
        "How to Do", (Method(steps=(PageStep(headline="Do it."),)),), languages={"it": "https://www.wikihow.it/Fare"}
    )
    page = parse(render(howto))
    assert page.language == "en"
    assert page.other_languages == {"it": "https://www.wikihow.it/Fare"}
    foreign = render(howto).replace('<html lang="en">', '<html lang="de">')
    german = parse(foreign)
    assert german.language == "de"
    assert german.goal == german.title  # only English goals are given "How to"


def test_json_ld_disagreement_is_recorded_not_acted_on():
    howto = HowTo("How to Do", (Method(steps=(PageStep(headline="Do it."), PageStep(headline="Be done."))),))
    html = render(howto)
    assert parse(html).disagreements == ()
    other = parse(html.replace('"text": "Do it. "', '"text": "Something else. "'))
    assert other.disagreements == ("method 1 step 1: the words differ",)
    assert other.methods == parse(html).methods
    fewer = parse(html.replace(', {"@type": "HowToStep", "text": "Be done. "}', ""))
    assert fewer.disagreements == ("method 1: JSON-LD has 1 steps, the markup 2",)


def test_an_amp_page():
    howto = example("2020")
    image = howto.methods[0].steps[0].image
    page = re.sub(r' data-src="[^"]*"', "", render(howto)).replace("<img ", "<amp-img ")
    read = parse(page.replace("data-srclarge=", "src="))
    assert read.layout == "amp"
    assert [step.image and step.image.url for step in read.methods[0].steps] == [image.url, None]
    assert [step.headline for step in read.methods[0].steps] == ["Wash the apples.", "Press them."]


def test_a_printable_page_has_its_images_in_src():
    """``?printable=yes`` turns lazy loading off: the large image stands in ``src`` itself."""
    howto = example("2020")
    image = howto.methods[0].steps[0].image
    page = render(howto)
    start, end = page.index('<div class="mwimg'), page.index('<div class="step_num"')
    inner = f'<a class="image" href="#"><img class="whcdn" alt="x" src="{image.url}"></a>'
    shown = f'<div class="mwimg  largeimage">{inner}</div>'
    read = parse(page[:start] + shown + page[end:])
    assert [step.image and step.image.url for step in read.methods[0].steps] == [image.url, None]


def test_a_mobile_page_before_2020():
    """The small image alone, sections wrapped by number."""
    howto = example("2020")
    image = howto.methods[0].steps[0].image
    page = re.sub(r' data-srclarge="[^"]*"', "", render(howto))
    page = page.replace('<div class="section steps', '<div class="mf-section-1"><div class="section steps', 1)
    page = re.sub(r'<div class="image_details".*?</div>(?=</a>)', "", page, flags=re.DOTALL)
    read = parse(page)
    assert [step.image and step.image.url for step in read.methods[0].steps] == [image.small_url, None]
    assert read.methods[0].name == "By hand"
