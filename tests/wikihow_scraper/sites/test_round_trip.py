"""What ``generate`` writes as schema.org data, ``scrape`` reads back to the same article."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from illinstr.articles import Article, Material, Provenance, Step, clean_text
from illinstr.sampling.pages.page import render_html
from illinstr.wikihow_scraper.pipeline import reading
from illinstr.wikihow_scraper.sites.site import WebPage
from tests.sampling.test_page import make_record
from tests.support.shard_articles import make_image

lines = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).map(clean_text).filter(bool)


@st.composite
def articles(draw):
    steps = []
    for _ in range(draw(st.integers(1, 4))):
        headline = draw(lines)
        body = draw(st.just("") | lines.filter(lambda text, headline=headline: text != headline))
        bullets = tuple(draw(st.lists(lines, max_size=2)))
        caption, states = draw(st.none() | lines), draw(st.dictionaries(lines, lines, max_size=2))
        steps.append(Step(headline=headline, body=body, bullets=bullets, caption=caption, states=states))
    return Article(
        id="generated-0",
        goal=draw(lines),
        method=draw(st.none() | lines),
        language=draw(st.sampled_from(["en", "de", "ja"])),
        steps=tuple(steps),
        provenance=Provenance(source="generated"),
        license=draw(st.sampled_from([None, "CC BY 4.0", "CC0 1.0"])),
        materials=tuple(draw(st.lists(st.builds(Material, name=lines, amount=st.none() | lines), max_size=2))),
        tools=tuple(draw(st.lists(lines, max_size=2))),
        total_time=draw(st.sampled_from([None, "PT5M", "P1DT2H"])),
        tips=tuple(draw(st.lists(lines, max_size=2))),
        warnings=tuple(draw(st.lists(lines, max_size=1))),
    )


def told(article: Article) -> dict[str, object]:
    fields = article.model_dump(exclude={"id", "provenance", "extra", "steps"})
    steps = [(step.headline, step.body, step.bullets, step.caption, step.states) for step in article.steps]
    return fields | {"steps": steps}


def read_back(article: Article) -> Article:
    (made,) = reading.read(WebPage(render_html(article, make_record()).encode())).articles
    assert isinstance(made, Article), made
    return made


@given(articles())
@example(
    Article(
        id="generated-0",
        goal="Write <b>bold</b> &amp; 1. go",
        steps=(
            Step(headline="1. Type <p>", body="1. Type <p>. Then </p>"),
            Step(headline="2. Save. Close.", bullets=("a.", "b.")),
        ),
        provenance=Provenance(source="generated"),
    )
)
@settings(max_examples=40, deadline=None)
def test_every_word_comes_back(article):
    assert told(read_back(article)) == told(article)


def test_images_are_named_as_they_lie_beside_the_page():
    shown = Step.model_validate({"headline": "Wash it."}).model_copy(
        update={"image": Article.with_images(_bare(), {0: make_image()}).steps[0].image}
    )
    article = _bare().model_copy(update={"steps": (shown, Step(headline="Dry it."))})
    first, second = read_back(article).extra["step_images"]
    assert (first["local_path"], first["license_kind"], second) == ("step-01.png", "cc", None)


def _bare() -> Article:
    return Article(
        id="generated-0",
        goal="How to wash",
        steps=(Step(headline="Wash it."), Step(headline="Dry it.")),
        provenance=Provenance(source="generated"),
        license="CC BY 4.0",
    )
