"""The socket of a site: another one is added from outside, and a page is read by the site that is surest of it."""

import pytest

from illinstr.articles import Article
from illinstr.errors import UsageError
from illinstr.wikihow_scraper.page import Method, Page, PageStep
from illinstr.wikihow_scraper.pipeline import reading
from illinstr.wikihow_scraper.sites import registry
from illinstr.wikihow_scraper.sites.site import NotAnArticle, Site, Trust, WebPage


class Cards(Site):
    """Recipe cards: a heading, and a paragraph a step. A whole site, as ``docs/extending.md`` shows it."""

    name = "cards"
    parser = "cards/1"
    about = "recipe cards"

    def claim(self, page):
        return Trust.MARKUP if 'class="card"' in page.text else None

    def read(self, page):
        (card,) = page.tree.find_class("card")
        steps = tuple(PageStep(headline=line.text_content().strip()) for line in card.iter("p"))
        if not steps:
            raise NotAnArticle("an empty card")
        title = card.findtext("h2")
        return [
            Page(
                source=page.host or "cards",
                parser=self.parser,
                layout="card",
                title=title,
                goal=f"How to {title}",
                canonical_url=page.url,
                methods=(Method(steps=steps),),
            )
        ]


CARD = b'<div class="card"><h2>Boil Water</h2><p>Fill the pot.</p><p>Heat it.</p></div>'
MARKUP = (
    "<h1>Fold a Hat</h1><div id='steps'><ol class='steps_list_2'><li><b class='whb'>Fold it.</b> Twice.</li></ol></div>"
)


@pytest.fixture
def cards():
    with registry.registered(Cards()) as site:
        yield site


def test_a_site_from_outside_reads_its_pages(cards):
    (article,) = reading.read(WebPage(CARD, "https://cards.example.org/water")).articles
    assert isinstance(article, Article)
    assert [step.headline for step in article.steps] == ["Fill the pot.", "Heat it."]
    assert (article.provenance.source, article.provenance.parser) == ("cards.example.org", "cards/1")
    assert "cards" in [site.name for site in registry.sites()]
    assert "cards/1" in registry.parsers()


def test_without_it_nobody_does():
    assert "cards" not in [site.name for site in registry.sites()]
    with pytest.raises(NotAnArticle):
        registry.read(WebPage(CARD))


def test_two_sites_of_one_name_are_refused(cards):
    with pytest.raises(ValueError, match="already"):
        registry.register(Cards())


def test_the_surest_site_reads_the_page(cards):
    both = WebPage(CARD + MARKUP.encode(), "https://www.wikihow.com/Fold-a-Hat")
    assert registry.read(both)[0].parser.startswith("wikihow/")
    assert registry.read(both, "cards")[0].parser == "cards/1"


def test_a_site_that_finds_nothing_leaves_the_page_to_the_next(cards):
    empty = MARKUP.replace("<li>", "<!--").replace("</li>", "-->").encode()
    assert registry.read(WebPage(empty + CARD))[0].parser == "cards/1"


def test_a_site_that_knows_what_the_page_is_ends_the_search(cards):
    category = WebPage(CARD + b'<title>x - wikiHow</title><script>{"wgNamespaceNumber":14}</script>')
    with pytest.raises(NotAnArticle, match="a category page"):
        registry.read(category)


def test_an_unknown_site_is_refused():
    with pytest.raises(UsageError, match="no site 'wikihau'") as caught:
        registry.site_named("wikihau")
    assert "wikihow" in str(caught.value.hint)


def test_markup_on_another_host_is_recorded_under_that_host():
    url = "https://howto.example.org/Fold-a-Hat"
    page = WebPage(f"<link rel='canonical' href='{url}'>{MARKUP}".encode())
    (article,) = reading.read(page).articles
    assert isinstance(article, Article)
    assert article.provenance.source == "howto.example.org"
    assert article.id.startswith("howto-example-org-")
    assert article.provenance.url == url


def test_what_a_page_says_against_its_use_is_found_for_every_site(cards):
    assert reading.read(WebPage(b'<meta name="robots" content="noai">' + CARD)).opt_out == {"noai"}
