"""What a site reserves is not kept: told by headers, meta elements or its TDM file, heard before a byte is stored."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illinstr.wikihow_scraper.fetching.cache import Cache
from illinstr.wikihow_scraper.fetching.fetch import NotAllowed, OptedOut
from illinstr.wikihow_scraper.fetching.opt_out import TdmRules, binding, meta_directives
from tests.support.site import TDM_FILE, Answer, html, serve
from tests.wikihow_scraper.test_fetch import PAGE, get

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def site():
    with serve() as made:
        yield made


def meta(content: str, name: str = "robots") -> Answer:
    return html(f'<html><head><meta name="{name}" content="{content}"></head><h1>How to Do</h1></html>')


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (meta("noai"), True),
        (meta("index, NoML"), True),
        (meta("noindex"), True),
        (meta("noai", "illinstr"), True),
        (meta("noai", "ROBOTS"), True),
        (meta("1", "tdm-reservation"), True),
        (meta("0", "tdm-reservation"), False),
        (meta("noimageai"), False),
        (meta("noai", "googlebot"), False),
        (meta("index,follow"), False),
    ],
)
def test_meta_elements_bind_before_the_page_is_kept(site, tmp_path, answer, refused):
    site.answers["/a"] = answer
    found = get(site, tmp_path, "/a")[0]
    assert isinstance(found, OptedOut) == refused
    assert (Cache(tmp_path).get(f"{site.origin}/a") is None) == refused
    assert (list(tmp_path.rglob("*.body")) == []) == refused


def test_a_page_that_opts_out_later_is_removed_from_the_cache(site, tmp_path):
    site.answers["/a"] = html(PAGE, ETag='"1"')
    site.answers["/b"] = html(PAGE, ETag='"1"')
    get(site, tmp_path, "/a", "/b")
    assert len(list(tmp_path.rglob("*.body"))) == 2
    site.answers["/a"] = meta("noai")
    site.answers["/b"] = Answer(b"", 304, {"X-Robots-Tag": "noai"})  # unchanged, but no longer to be had
    found = get(site, tmp_path, "/a", "/b", refresh=True)
    assert all(isinstance(error, OptedOut) for error in found)
    assert list(tmp_path.rglob("*.body")) == []
    assert all(Cache(tmp_path).entry(f"{site.origin}/{name}") is None for name in "ab")


def test_the_tdm_file_is_asked_once_and_binds(site, tmp_path):
    rules = [
        {"location": "/closed/", "tdm-reservation": 1, "tdm-policy": "https://example.org/policy"},
        {"location": "/*.jpg$", "tdm-reservation": 1},
        {"location": "/open/", "tdm-reservation": 0},
    ]
    site.answers[TDM_FILE] = Answer(json.dumps(rules).encode(), headers=JSON)
    for path in ("/closed/a", "/open/b", "/closed/c", "/closed/d"):
        site.answers[path] = html(PAGE)
    site.answers["/closed/c"] = html(PAGE, TDM_Reservation="0")  # nearer, so it wins
    site.answers["/closed/d"] = meta("0", "tdm-reservation")
    found = get(site, tmp_path, "/closed/a", "/open/b", "/closed/c", "/closed/d")
    assert isinstance(found[0], OptedOut)
    assert [isinstance(one, bytes) for one in found[1:]] == [True, True, True]
    site.answers["/a.jpg"] = Answer(b"x", headers={"Content-Type": "image/jpeg"})
    site.answers["/a.png"] = Answer(b"x", headers={"Content-Type": "image/png"})
    images = get(site, tmp_path, "/a.jpg", "/a.png", kind="picture")
    assert isinstance(images[0], OptedOut)
    assert images[1] == b"x"
    asked = [request.path for request in site.requests]
    assert asked.count(TDM_FILE) == 2  # once a run
    assert asked.index("/robots.txt") < asked.index(TDM_FILE) < asked.index("/closed/a")


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_tdm_file_that_cannot_be_read_forbids_everything(site, tmp_path, status):
    site.answers[TDM_FILE] = Answer(b"", status)
    site.answers["/a"] = html(PAGE)
    error = get(site, tmp_path, "/a")[0]
    assert isinstance(error, NotAllowed)
    assert str(status) in error.message
    assert "/a" not in site.paths()


def test_no_tdm_file_or_none_to_be_asked_for_means_no_rules(site, tmp_path):
    site.answers["/a"] = html(PAGE)
    assert get(site, tmp_path, "/a") == [PAGE.encode()]
    site.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /.well-known/\n")
    assert get(site, tmp_path / "other", "/a") == [PAGE.encode()]
    assert [request.path for request in site.requests].count(TDM_FILE) == 1
    site.answers[TDM_FILE] = Answer(b"<html>", headers=JSON)
    assert get(site, tmp_path / "third", "/a") == [PAGE.encode()]


@pytest.mark.parametrize(
    ("location", "path", "covered"),
    [
        ("/", "/anything", True),
        ("/a/", "/a/b", True),
        ("/a/", "/b/a/", False),
        ("a/", "/a/b", True),
        ("/*.jpg", "/x/y.jpg?z", True),
        ("/*.jpg$", "/x/y.jpg?z", False),
        ("/*.jpg$", "/x/y.jpg", True),
        ("*", "/x", True),
        ("/a*b*c", "/axbxc/d", True),
        ("/a*b*c", "/axcxb", False),
        ("/a$", "/a", True),
        ("/a$", "/ab", False),
        ("/%C3%A4", "/ä", True),
        ("/a.b", "/axb", False),
    ],
)
def test_locations_are_read_as_robots_paths(location, path, covered):
    rules = TdmRules.from_answer(200, json.dumps([{"location": location, "tdm-reservation": 1}]).encode())
    assert rules.reserves(f"https://example.org{path}") == covered


JSON_VALUES = st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.lists(inner, max_size=3))
FILES = st.lists(st.fixed_dictionaries({"location": JSON_VALUES, "tdm-reservation": st.just(1)}), max_size=3)


@settings(deadline=None)
@given(st.binary(max_size=300) | FILES.map(lambda rules: json.dumps(rules).encode()))
def test_any_file_and_any_markup(content):
    TdmRules.from_answer(200, content).reserves("https://example.org/a")
    meta_directives(content)
    meta_directives(b'<meta name="robots" content="' + content)


def test_the_nearer_declaration_wins():
    everything = frozenset({"tdm-reservation"})
    assert binding(frozenset(), False, {}, True) == everything
    assert binding(frozenset(), True, {}, True) == frozenset()
    assert binding(everything, True, {"tdm-reservation": "0"}, True) == frozenset()
    assert binding(frozenset(), True, {"tdm-reservation": "1", "noai": "1"}, False) == everything | {"noai"}


@pytest.mark.parametrize(
    ("robots", "refused"),
    [
        ("User-agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /\n", True),
        ("User-agent: *\nContent-Signal: search=yes,ai-train=yes\nAllow: /\n", False),
        ("User-agent: other\nContent-Signal: ai-train=no\n\nUser-agent: *\nAllow: /\n", False),
        ("User-agent: other\nUser-agent: *\nContent-Signal: ai-train=no\n", True),
        ("User-agent: *\nContent-Signal: ai-train=no\n\nUser-agent: illinstr\nAllow: /\n", False),
        ("User-agent: illinstr\nAllow: /\nContent-Usage: bots=y, train-ai=n\n", True),
        ("# Content-Signal: ai-train=no\nUser-agent: *\nAllow: /\n", False),
    ],
)
def test_signals_in_robots_txt(site, tmp_path, robots, refused):
    site.answers["/robots.txt"] = Answer(robots.encode())
    site.answers["/a"] = html(PAGE)
    found = get(site, tmp_path, "/a")[0]
    assert isinstance(found, NotAllowed) == refused
    assert ("/a" in site.paths()) != refused
