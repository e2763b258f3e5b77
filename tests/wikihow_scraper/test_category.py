"""Pages from categories: all of their pages, and sub-categories as deep as asked."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illinstr.wikihow_scraper.sites.wikihow.category import read_category
from tests.support.pages import render
from tests.support.site import Answer, html, serve
from tests.wikihow_scraper.test_cli import NETWORK, articles, how_to, run

__all__ = ["run"]  # a fixture
WORDS = [*NETWORK, "--no-images"]


def thumbs(*names: str) -> str:
    cells = "".join(f'<div class="responsive_thumb"><a href="/{name}#x">{name}</a></div>' for name in names)
    return f'<div id="cat_all"><div class="cat_grid">{cells}</div></div>'


def responsive(*names: str, last: int = 1, below: tuple[str, ...] = ()) -> str:
    """A category page as of 2020."""
    numbers = "".join(f"<li>{n}</li>" if n == 1 else f'<li><a href="?pg={n}">{n}</a></li>' for n in range(1, last + 1))
    containers = "".join(
        f'<li><span class="subcat_container"><span><a href="/Category:{name}">{name}</a></span></span></li>'
        for name in below
    )
    featured = '<div id="cat_featured"><div class="responsive_thumb"><a href="/Elsewhere">x</a></div></div>'
    pages = f'<div id="large_pagination"><ul>{numbers}</ul></div>' if last > 1 else ""
    return f'<html>{featured}{thumbs(*names)}<div id="subcats"><ul>{containers}</ul></div>{pages}</html>'


@pytest.fixture
def site():
    with serve() as made:
        for number, name in enumerate(("Wash", "Cook", "Draw", "Fold", "Grow"), start=1):
            howto = how_to(name, origin=made.origin, page_id=number)
            made.answers[f"/{howto.name}"] = html(render(howto))
        made.answers["/Category:Top"] = html(responsive("Wash-Things", last=3, below=("Sub", "Gone")))
        made.answers["/Category:Top?pg=2"] = html(responsive("Cook-Things", "Wash-Things", last=3))
        made.answers["/Category:Top?pg=3"] = html(responsive("Draw-Things", last=3))
        made.answers["/Category:Sub"] = html(responsive("Fold-Things", below=("Deep", "Top")))
        made.answers["/Category:Deep"] = html(responsive("Grow-Things"))
        yield made


def goals(out) -> set[str]:
    return {article.goal.split()[2] for article in articles(out)}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), {"Wash", "Cook", "Draw"}),
        (("--category-depth", "1"), {"Wash", "Cook", "Draw", "Fold"}),
        (("--category-depth", "5"), {"Wash", "Cook", "Draw", "Fold", "Grow"}),
        (("--limit", "2"), {"Wash", "Cook"}),
    ],
)
def test_every_page_of_a_category_and_its_sub_categories(run, site, tmp_path, options, expected):
    command = ["--category", f"{site.origin}/Category:Top", *WORDS, *options, "--out", tmp_path / "x"]
    assert run(*command)[0] == 0
    assert goals(tmp_path / "x") == expected
    assert len(site.paths()) == len(set(site.paths()))
    asked = len(site.requests)
    assert run(*command)[0] == 0
    again = site.requests[asked:]
    assert {request.path for request in again} <= {"/robots.txt", "/.well-known/tdmrep.json", "/Category:Gone"}


def test_several_categories_and_addresses_together(run, site, tmp_path):
    lists = ["--category", f"{site.origin}/Category:Deep", "--category", f"{site.origin}/Category:Sub"]
    assert run(f"{site.origin}/Cook-Things", *lists, *WORDS, "--out", tmp_path / "x")[0] == 0
    assert goals(tmp_path / "x") == {"Cook", "Grow", "Fold"}


def test_a_category_with_a_hole_stops_the_run(run, site, tmp_path):
    site.answers["/Category:Top?pg=2"] = Answer(b"", 404)
    code, _, errors = run("--category", f"{site.origin}/Category:Top", *WORDS, "--out", tmp_path / "x")
    assert code == 1
    assert "/Category:Top?pg=2: HTTP 404" in errors
    assert not (tmp_path / "x").exists()


def test_robots_hold_for_categories_too(run, site, tmp_path):
    site.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /*pg=\n")
    code, _, errors = run("--category", f"{site.origin}/Category:Top", *WORDS, "--out", tmp_path / "x")
    assert code == 1
    assert "disallowed by robots.txt" in errors


def test_a_dry_run_reads_lists_that_are_kept(run, site, tmp_path):
    command = ["--category", f"{site.origin}/Category:Top", *WORDS, "--out", tmp_path / "x"]
    code, lines, _ = run(*command, "--dry-run")
    assert code == 0
    assert f"ask   {site.origin}/Category:Top (how many pages it lists is not known yet)" in lines
    assert site.requests == []
    assert run(*command)[0] == 0
    code, lines, _ = run(*command, "--refresh", "--dry-run")
    assert code == 0
    assert [line for line in lines if line.startswith("fetch")] == [
        f"fetch {site.origin}/{name}-Things" for name in ("Wash", "Cook", "Draw")
    ]
    assert "3 pages: 0 settled already, 3 to fetch" in lines
    code, lines, _ = run(*command, "--dry-run")
    assert "3 pages: 3 settled already, 0 to fetch" in lines


def test_the_page_of_2009_and_any_mediawiki():
    old = """<div id="mw-subcategories"><ul class="category_column"><li><a href="/Category:Books">Books</a>
      <ul><li><a href="/Category:Book-Clubs">Clubs</a></li></ul></li></ul></div>
      <div id="mw-pages"><a href="/Category:X?pagefrom=M">next 200</a><ul><li><a href="/Be-Poetic">Be Poetic</a></li>
      <li><a href="/wikiHow:Weekly/Arts">no article</a></li><li><a href="/Bake-a-Cake:-Part-2">Cake</a></li>
      <li><a href="https://elsewhere.org/A">away</a></li><li><a href="javascript:x">no</a></li></ul></div>"""
    found = read_category(old.encode(), "https://wiki.example.org/Category:X")
    assert found.articles == ("https://wiki.example.org/Be-Poetic", "https://wiki.example.org/Bake-a-Cake:-Part-2")
    assert found.subcategories == tuple(f"https://wiki.example.org/Category:{name}" for name in ("Books", "Book-Clubs"))
    assert found.further == ("https://wiki.example.org/Category:X?pagefrom=M",)


def test_further_pages_are_counted_up_to_the_highest_number():
    found = read_category(responsive("A-B", last=4).encode(), "https://x.org/Category:X?pg=2&a=b")
    assert found.further == tuple(f"https://x.org/Category:X?a=b&pg={number}" for number in (2, 3, 4))


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b'<p id="cat_all"><a href="', b'<p id="mw-pages"><li><a href="']))
def test_any_bytes(content, before):
    found = read_category(before + content, "https://x.org/Category:X")
    if found is not None:
        assert all(url.startswith("https://x.org") for url in (*found.articles, *found.subcategories, *found.further))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--category", "nowhere"), "--category"),
        (("--category-depth", "1", "http://x.org/a"), "--category-depth belongs to --category"),
        (("--category", "https://www.wikihow.com/Category:Food"), "--accept-terms"),
        (("--category", "http://x.org/Category:X", "--from-html", "."), "not both"),
    ],
)
def test_wrong_requests(run, tmp_path, arguments, said):
    code, _, errors = run(*arguments, "--contact", "me@example.org", "--out", tmp_path / "x")
    assert code == 2
    assert said in errors
