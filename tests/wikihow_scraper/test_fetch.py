"""The fetcher against a real server: rules obeyed, limits kept, nothing asked twice."""

from __future__ import annotations

import asyncio
import email.utils
import gzip
import itertools
import time

import pytest

from illinstr.config import validate
from illinstr.errors import ConfigError, FetchError, UsageError
from illinstr.wikihow_scraper.fetching.cache import Cache
from illinstr.wikihow_scraper.fetching.fetch import FetchConfig, Fetcher, NotAllowed, OptedOut, retry_after_s
from illinstr.wikihow_scraper.sites import registry
from tests.support.site import Answer, Site, html, serve

PAGE = "<html><h1>How to Do</h1></html>"


@pytest.fixture
def site():
    with serve() as made:
        yield made


def config(**changes) -> FetchConfig:
    quick = {"min_interval_s": 0.0, "backoff_s": 0.01, "attempts": 3, "timeout_s": 5.0, "longest_wait_s": 5.0}
    return FetchConfig(contact="me@example.org", **{"allowed_private_hosts": ("127.0.0.1",), **quick, **changes})


def get(site: Site, folder, *paths: str, refresh: bool = False, kind: str = "page", **changes):
    """Fetch paths one after the other with one fetcher; each result is a body or the error."""

    async def run():
        found = []
        async with Fetcher(config(**changes), Cache(folder), terms_of=registry.terms_of, refresh=refresh) as fetcher:
            for path in paths:
                try:
                    url = path if "://" in path else site.origin + path
                    found.append((await fetcher.get(url, kind))[1])
                except FetchError as error:
                    found.append(error)
        return found

    return asyncio.run(run())


def test_an_honest_name_and_robots_first(site, tmp_path):
    site.answers["/a"] = html(PAGE)
    assert get(site, tmp_path, "/a") == [PAGE.encode()]
    assert site.paths() == ["/robots.txt", "/a"]
    agents = {request.headers["User-Agent"] for request in site.requests}
    assert len(agents) == 1
    assert agents.pop().startswith("illinstr/")
    assert "(+me@example.org)" in site.requests[0].headers["User-Agent"]
    assert site.requests[1].headers["Host"] == f"127.0.0.1:{site.port}"


def test_disallow_is_obeyed_with_wildcards_and_by_product_token(site, tmp_path):
    rules = "User-agent: fetch\nDisallow: /\n\nUser-agent: *\nDisallow: /*feed=rss\nDisallow: /Special:\n"
    rules += "Allow: /Special:Ok\n"
    site.answers["/robots.txt"] = Answer(rules.encode())
    for path in ("/a", "/a?feed=rss", "/Special:X", "/Special:Ok"):
        site.answers[path] = html(PAGE)
    found = get(site, tmp_path, "/a", "/a?feed=rss", "/Special:X", "/Special:Ok")
    assert found[0] == found[3] == PAGE.encode()
    assert isinstance(found[1], NotAllowed)
    assert isinstance(found[2], NotAllowed)
    assert site.paths() == ["/robots.txt", "/a", "/Special:Ok"]


def test_rules_addressed_to_us(site, tmp_path):
    site.answers["/robots.txt"] = Answer(b"User-agent: illinstr\nDisallow: /\n")
    site.answers["/a"] = html(PAGE)
    assert isinstance(get(site, tmp_path, "/a")[0], NotAllowed)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_unreadable_robots_fail_closed(site, tmp_path, status):
    site.answers["/robots.txt"] = Answer(b"", status)
    site.answers["/a"] = html(PAGE)
    found = get(site, tmp_path, "/a", "/a")
    assert all(isinstance(error, NotAllowed) and str(status) in error.message for error in found)
    assert set(site.paths()) == {"/robots.txt"}


def test_unreachable_robots_fail_closed(site, tmp_path):
    site.answers["/robots.txt"] = Answer(chunks=itertools.chain([b"x"], iter(_hang, None)))
    found = get(site, tmp_path, "/a", deadline_s=0.3, attempts=1)
    assert isinstance(found[0], NotAllowed)
    assert "/a" not in site.paths()


def _hang() -> bytes:
    time.sleep(0.05)
    return b"x"


@pytest.mark.parametrize("status", [404, 403, 410])
def test_no_robots_means_no_rules(site, tmp_path, status):
    site.answers["/robots.txt"] = Answer(b"", status)
    site.answers["/a"] = html(PAGE)
    assert get(site, tmp_path, "/a") == [PAGE.encode()]


def test_crawl_delay_is_kept_between_requests(site, tmp_path):
    site.answers["/robots.txt"] = Answer(b"User-agent: *\nCrawl-delay: 0.3\n")
    for path in ("/a", "/b", "/c"):
        site.answers[path] = html(PAGE)
    get(site, tmp_path, "/a", "/b", "/c")
    times = [request.at for request in site.requests[1:]]
    assert all(later - earlier >= 0.3 for earlier, later in itertools.pairwise(times))


def test_an_absurd_crawl_delay_is_a_refusal(site, tmp_path):
    site.answers["/robots.txt"] = Answer(b"User-agent: *\nCrawl-delay: 1000000\n")
    assert isinstance(get(site, tmp_path, "/a")[0], NotAllowed)


def test_the_least_interval_and_one_request_at_a_time(site, tmp_path):
    for number in range(4):
        site.answers[f"/{number}"] = html(PAGE)

    async def run():
        async with Fetcher(config(min_interval_s=0.1), Cache(tmp_path), terms_of=registry.terms_of) as fetcher:
            await asyncio.gather(*(fetcher.get(f"{site.origin}/{number}") for number in range(4)))

    asyncio.run(run())
    times = sorted(request.at for request in site.requests)
    assert len(times) == 6
    assert all(later - earlier >= 0.1 for earlier, later in itertools.pairwise(times))
    assert site.most_open == 1


def test_too_many_requests_waits_as_long_as_asked_then_goes_on(site, tmp_path):
    answers = iter([Answer(b"", 429, {"Retry-After": "1"}), html(PAGE)])
    site.answers["/a"] = lambda request: next(answers)
    assert get(site, tmp_path, "/a") == [PAGE.encode()]
    first, second = (request.at for request in site.requests if request.path == "/a")
    assert second - first >= 1.0


def test_a_pause_asked_by_one_host_holds_for_all(site, tmp_path):
    answers = iter([Answer(b"", 503, {"Retry-After": "1"}), html(PAGE)])
    site.answers["/a"] = lambda request: next(answers)
    with serve() as other:
        other.answers["/b"] = html(PAGE)

        async def run():
            both = config(allowed_private_hosts=("127.0.0.1", "localhost"))
            async with Fetcher(both, Cache(tmp_path), terms_of=registry.terms_of) as fetcher:
                first = asyncio.create_task(fetcher.get(f"{site.origin}/a"))
                while "/a" not in site.paths():
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.1)
                await fetcher.get(f"http://localhost:{other.port}/b")
                await first

        asyncio.run(run())
        paused = next(request.at for request in site.requests if request.path == "/a")
        assert other.paths() == ["/robots.txt", "/b"]
        assert all(request.at - paused >= 1.0 for request in other.requests)


def test_too_long_a_pause_ends_the_host(site, tmp_path):
    site.answers["/a"] = Answer(b"", 429, {"Retry-After": "86400"})
    site.answers["/b"] = html(PAGE)
    found = get(site, tmp_path, "/a", "/b")
    assert "86400" in found[0].message
    assert "86400" in found[1].message
    assert site.paths() == ["/robots.txt", "/a"]


def test_server_trouble_is_retried_then_given_up(site, tmp_path):
    answers = iter([Answer(b"", 500), Answer(b"", 502), html(PAGE)])
    site.answers["/a"] = lambda request: next(answers)
    site.answers["/b"] = Answer(b"", 500)
    found = get(site, tmp_path, "/a", "/b")
    assert found[0] == PAGE.encode()
    assert found[1].message == "HTTP 500"
    assert site.paths().count("/b") == 3


def test_not_found_is_asked_once(site, tmp_path):
    assert get(site, tmp_path, "/gone")[0].message == "HTTP 404"
    assert site.paths().count("/gone") == 1


def test_a_host_that_keeps_refusing_is_left_alone(site, tmp_path):
    for number in range(6):
        site.answers[f"/{number}"] = Answer(b"", 403)
    found = get(site, tmp_path, *(f"/{number}" for number in range(6)), max_refusals=3)
    assert all(isinstance(error, FetchError) for error in found)
    assert "refused 3 times" in found[5].message
    assert site.paths() == ["/robots.txt", "/0", "/1", "/2"]


def test_a_block_page_with_status_200_is_a_refusal_and_is_not_kept(site, tmp_path):
    site.answers["/a"] = html("<title>Attention Required! | Cloudflare</title>")
    assert get(site, tmp_path, "/a")[0].message == "block page"
    assert Cache(tmp_path).get(f"{site.origin}/a") is None


def test_redirects_are_followed_and_judged_again(site, tmp_path):
    site.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /private\n")
    site.answers["/a"] = Answer(b"", 302, {"Location": "/b"})
    site.answers["/b"] = html(PAGE)
    site.answers["/c"] = Answer(b"", 301, {"Location": "/private/x"})
    site.answers["/private/x"] = html(PAGE)
    found = get(site, tmp_path, "/a", "/c")
    assert found[0] == PAGE.encode()
    assert isinstance(found[1], NotAllowed)
    assert "/private/x" not in site.paths()
    assert Cache(tmp_path).entry(f"{site.origin}/a").final_url == f"{site.origin}/b"


def test_redirect_loops_end(site, tmp_path):
    site.answers["/a"] = Answer(b"", 302, {"Location": "/b"})
    site.answers["/b"] = Answer(b"", 302, {"Location": "/a"})
    for number in range(9):
        site.answers[f"/{number}"] = Answer(b"", 302, {"Location": f"/{number + 1}"})
    found = get(site, tmp_path, "/a", "/0")
    assert found[0].message == "redirect loop"
    assert "more than 5 redirects" in found[1].message


@pytest.mark.parametrize(
    "target",
    [
        "http://localhost/x",
        "http://[::1]/x",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "http://u:p@127.0.0.1/",
    ],
)
def test_redirects_to_private_places_are_refused(site, tmp_path, target):
    site.answers["/a"] = Answer(b"", 302, {"Location": target})
    assert isinstance(get(site, tmp_path, "/a")[0], FetchError)
    assert site.paths() == ["/robots.txt", "/a"]


def test_private_hosts_need_leave_by_name(site, tmp_path):
    site.answers["/a"] = html(PAGE)
    error = get(site, tmp_path, "/a", allowed_private_hosts=())[0]
    assert isinstance(error, FetchError)
    assert "off the public internet" in error.message
    assert get(site, tmp_path, "/a", allowed_private_hosts=("localhost",))[0].message == error.message
    assert site.requests == []


def test_an_endless_answer_is_cut_by_size(site, tmp_path):
    site.answers["/a"] = Answer(headers={"Content-Type": "text/html"}, chunks=itertools.repeat(b"x" * 10_000))
    assert "over the limit of 50000 bytes" in get(site, tmp_path, "/a", max_page_bytes=50_000)[0].message
    site.answers["/b"] = html("x" * 60_000)
    assert "over the limit" in get(site, tmp_path, "/b", max_page_bytes=50_000)[0].message


def test_an_endless_slow_answer_is_cut_by_time(site, tmp_path):
    site.answers["/a"] = Answer(headers={"Content-Type": "text/html"}, chunks=iter(_hang, None))
    assert "took longer" in get(site, tmp_path, "/a", deadline_s=0.5)[0].message


def test_a_gzip_bomb_is_cut_after_decompression(site, tmp_path):
    bomb = gzip.compress(b"\0" * 200_000_000, compresslevel=1)
    site.answers["/a"] = Answer(bomb, headers={"Content-Type": "text/html", "Content-Encoding": "gzip"})
    site.answers["/b"] = Answer(
        gzip.compress(PAGE.encode()), headers={"Content-Type": "text/html", "Content-Encoding": "gzip"}
    )
    site.answers["/c"] = Answer(b"not gzip", headers={"Content-Type": "text/html", "Content-Encoding": "gzip"})
    site.answers["/d"] = Answer(b"x", headers={"Content-Type": "text/html", "Content-Encoding": "compress"})
    site.answers["/e"] = Answer(
        gzip.compress(PAGE.encode())[:-12], headers={"Content-Type": "text/html", "Content-Encoding": "gzip"}
    )
    found = get(site, tmp_path, "/a", "/b", "/c", "/d", "/e", max_page_bytes=5_000_000)
    assert "over the limit" in found[0].message
    assert found[1] == PAGE.encode()
    assert "decompressed" in found[2].message
    assert "encoding" in found[3].message
    assert "ended early" in found[4].message


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"X-Robots-Tag": "noai"}, True),
        ({"X-Robots-Tag": "noindex"}, True),
        ({"X-Robots-Tag": "googlebot: noindex"}, False),
        ({"X-Robots-Tag": "illinstr: noml"}, True),
        ({"X-Robots-Tag": "max-snippet: 20, NoAI"}, True),
        ({"X-Robots-Tag": "noimageai"}, False),
        ({"TDM-Reservation": "1"}, True),
        ({"TDM-Reservation": "0"}, False),
        ({"X-Robots-Tag": "nofollow"}, False),
    ],
)
def test_opt_out_headers(site, tmp_path, headers, refused):
    site.answers["/a"] = Answer(PAGE.encode(), headers={"Content-Type": "text/html", **headers})
    found = get(site, tmp_path, "/a")[0]
    assert isinstance(found, OptedOut) == refused
    assert (Cache(tmp_path).get(f"{site.origin}/a") is None) == refused


def test_images_honour_image_reservations_and_types(site, tmp_path):
    jpeg = {"Content-Type": "image/jpeg"}
    site.answers["/a.jpg"] = Answer(b"x", headers={**jpeg, "X-Robots-Tag": "noimageai"})
    site.answers["/b.jpg"] = Answer(b"x", headers=jpeg)
    site.answers["/c.jpg"] = html(PAGE)
    found = get(site, tmp_path, "/a.jpg", "/b.jpg", "/c.jpg", kind="picture")
    assert isinstance(found[0], OptedOut)
    assert found[1] == b"x"
    assert "not an image" in found[2].message
    assert "not a page" in get(site, tmp_path / "other", "/b.jpg")[0].message


def test_what_is_kept_is_not_asked_again(site, tmp_path):
    site.answers["/a"] = html(PAGE)
    get(site, tmp_path, "/a")
    asked = len(site.requests)
    assert get(site, tmp_path, "/a") == [PAGE.encode()]
    assert len(site.requests) == asked


def test_refresh_asks_with_validators(site, tmp_path):
    date = "Wed, 12 Aug 2020 10:00:00 GMT"

    def answer(request):
        if request.headers.get("If-None-Match") == '"v1"' and request.headers.get("If-Modified-Since") == date:
            return Answer(b"", 304)
        return html(PAGE, ETag='"v1"', Last_Modified=date)

    site.answers["/a"] = answer
    get(site, tmp_path, "/a")
    assert get(site, tmp_path, "/a", refresh=True) == [PAGE.encode()]
    assert "If-None-Match" in site.requests[-1].headers
    site.answers["/a"] = html("<html>new</html>", ETag='"v2"')
    assert get(site, tmp_path, "/a", refresh=True) == [b"<html>new</html>"]
    assert get(site, tmp_path, "/a") == [b"<html>new</html>"]


def test_a_damaged_cache_is_asked_again(site, tmp_path):
    site.answers["/a"] = html(PAGE)
    get(site, tmp_path, "/a")
    body = next(tmp_path.rglob("*.body"))
    body.write_bytes(b"half")
    assert get(site, tmp_path, "/a") == [PAGE.encode()]
    next(tmp_path.rglob("*.json")).write_text("{")
    assert get(site, tmp_path, "/a") == [PAGE.encode()]
    assert site.paths().count("/a") == 3


def test_one_run_a_cache(tmp_path):
    with (
        Cache(tmp_path).locked(),
        pytest.raises(UsageError, match="another run"),
        Cache(tmp_path).locked(),
    ):
        pass
    with Cache(tmp_path).locked():
        pass


@pytest.mark.parametrize("contact", ["", "me", "me@x", "a b@c.de", "x@y.z)\r\nA: 1", "ftp://x.org", "mé@example.org"])
def test_a_contact_must_reach_someone(contact):
    with pytest.raises(ConfigError, match="contact"):
        validate(FetchConfig, {"contact": contact})


@pytest.mark.parametrize("contact", ["me@example.org", "https://example.org/bot"])
def test_good_contacts(contact):
    assert contact in FetchConfig(contact=contact).user_agent


def test_wikihow_is_not_asked_without_accepted_terms(site, tmp_path):
    found = get(site, tmp_path, "https://www.wikihow.com/Make-Juice")
    assert "--accept-terms" in found[0].message


def test_retry_after_forms():
    assert retry_after_s("120") == 120.0
    assert retry_after_s(None) == retry_after_s("soon") == retry_after_s("-5") == 0.0
    later = email.utils.formatdate(time.time() + 60, usegmt=True)
    assert 50.0 < retry_after_s(later) <= 60.0
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
