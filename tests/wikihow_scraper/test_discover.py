"""Pages from a sitemap."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from illinstr.errors import FetchError
from illinstr.wikihow_scraper.fetching.sitemaps import read_sitemap
from tests.support.command_line import calling
from tests.support.pages import render
from tests.support.site import Answer, html, serve
from tests.wikihow_scraper.test_cli import NETWORK, articles, how_to

XML = {"Content-Type": "application/xml"}
SPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def urlset(*entries: tuple[str, str | None]) -> bytes:
    listed = "".join(f"<url><loc>{url}</loc>{f'<lastmod>{day}</lastmod>' if day else ''}</url>" for url, day in entries)
    return f'<?xml version="1.0"?><urlset {SPACE}>{listed}</urlset>'.encode()


@pytest.fixture
def site():
    with serve() as made:
        for number, name in enumerate(("Wash", "Cook", "Draw"), start=1):
            howto = how_to(name, origin=made.origin, page_id=number)
            made.answers[f"/{howto.name}"] = html(render(howto))
        made.answers["/sitemap_index.xml"] = Answer(
            f"<sitemapindex {SPACE}><sitemap><loc>{made.origin}/one.xml</loc></sitemap>"
            f"<sitemap><loc>{made.origin}/two.xml.gz</loc></sitemap>"
            f"<sitemap><loc>{made.origin}/sitemap_index.xml</loc></sitemap></sitemapindex>".encode(),
            headers=XML,
        )
        one = urlset((f"{made.origin}/Wash-Things", "2026-01-10T08:00:00+00:00"), ("http://elsewhere.org/x", None))
        two = urlset((f"{made.origin}/Cook-Things", "2025-12-31"), (f"{made.origin}/Draw-Things", None))
        made.answers["/one.xml"] = Answer(one, headers=XML)
        made.answers["/two.xml.gz"] = Answer(gzip.compress(two), headers={"Content-Type": "application/gzip"})
        yield made


@pytest.fixture
def run(monkeypatch, capsys):
    call = calling(monkeypatch, capsys, "scrape")
    return lambda *arguments: call(*arguments)[::2]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), {"Wash", "Cook", "Draw"}),
        (("--since", "2026-01-01"), {"Wash", "Draw"}),
        (("--limit", "1"), {"Wash"}),
    ],
)
def test_pages_of_an_index(run, site, tmp_path, options, expected):
    where = ("--sitemap", f"{site.origin}/sitemap_index.xml")
    assert run(*where, *NETWORK, "--no-images", *options, "--out", tmp_path / "out")[0] == 0
    assert {article.goal.split()[2] for article in articles(tmp_path / "out")} == expected
    assert len(site.paths()) == len(set(site.paths()))


def test_a_sitemap_with_a_hole_stops_the_run(run, site, tmp_path):
    site.answers["/two.xml.gz"] = Answer(b"", 404)
    where = ("--sitemap", f"{site.origin}/sitemap_index.xml")
    code, errors = run(*where, *NETWORK, "--out", tmp_path / "out")
    assert code == 1
    assert "/two.xml.gz: HTTP 404" in errors
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--since", "2026-01-01", "http://x.org/"), "--sitemap"),
        (("--sitemap", "nowhere"), "--sitemap"),
        (("--sitemap", "http://x.org/s.xml", "--since", "yesterday"), "no day"),
        (("--sitemap", "https://www.wikihow.com/sitemap_index.xml"), "--accept-terms"),
        (("--sitemap", "http://x.org/s.xml", "--from-html", "."), "not both"),
    ],
)
def test_wrong_requests(run, tmp_path, arguments, said):
    code, errors = run(*arguments, "--contact", "me@example.org", "--out", tmp_path / "out")
    assert code == 2
    assert said in errors


def test_a_dry_run_does_not_ask_for_the_sitemap(run, site, tmp_path):
    assert run("--sitemap", f"{site.origin}/one.xml", *NETWORK, "--dry-run", "--out", tmp_path / "out")[0] == 0
    assert site.requests == []


@given(st.binary(max_size=200))
def test_any_bytes(content):
    for form in (content, b"\x1f\x8b" + content, b"<urlset>" + content + b"</urlset>"):
        try:
            read_sitemap(form)
        except FetchError as error:
            assert error.message


def test_entities_are_not_expanded():
    bomb = b'<!DOCTYPE x [<!ENTITY a "AAAA"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/hostname">]>'
    kind, entries = read_sitemap(bomb + b"<urlset><url><loc>http://x.org/&b;&f;</loc></url></urlset>")
    assert kind == "urlset"
    assert all("AAAA" not in entry.url for entry in entries)
