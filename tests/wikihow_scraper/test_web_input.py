"""What the web sends: encodings, codings, labels that are wrong, robots.txt and sitemaps as people write them."""

import dataclasses
import gzip
import io
import itertools
import json
import zlib

import brotli
import pytest
import zstandard
from PIL import Image

from illinstr.errors import FetchError, PartialError
from illinstr.progress import SilentReporter
from illinstr.wikihow_scraper.fetching.coding import decoded, decoded_head
from illinstr.wikihow_scraper.fetching.robots import MAX_ROBOTS_BYTES, Robots
from illinstr.wikihow_scraper.fetching.sitemaps import read_sitemap
from illinstr.wikihow_scraper.fetching.sniffing import is_page, sniff
from illinstr.workflows.scrape import ScrapeRequest, scrape_job
from illinstr.workflows.scrape_job import run_scrape
from tests.support.command_line import calling
from tests.support.pages import render
from tests.support.site import Answer, html, serve
from tests.wikihow_scraper.test_cli import NETWORK, articles, how_to, jpeg, rows


def png() -> bytes:
    stream = io.BytesIO()
    Image.open(io.BytesIO(jpeg())).save(stream, "PNG")
    return stream.getvalue()


UNICODE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")
URL = "https://x.example/a"
PNG = png()
TEXT = b"All of it, to the end. " * 500
BLOB = zstandard.ZstdCompressor().compress


def raw_deflate(content):
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(content) + stream.flush()


@pytest.fixture
def run(monkeypatch, capsys):
    return calling(monkeypatch, capsys, "scrape")


@pytest.mark.parametrize(
    ("coding", "content"),
    [
        ("", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("X-GZIP", gzip.compress(TEXT[:50]) + gzip.compress(TEXT[50:9000]) + gzip.compress(TEXT[9000:])),
        ("gzip", gzip.compress(TEXT) + b"\0\0\0 what is behind the last member"),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)),
        ("br", brotli.compress(TEXT)),
        ("zstd", BLOB(TEXT)),
        ("zstd", BLOB(TEXT[:70]) + BLOB(TEXT[70:])),
        ("none", TEXT),
        ("UTF-8", TEXT),
        ("identity, gzip", gzip.compress(TEXT)),
        ("gzip, br", brotli.compress(gzip.compress(TEXT))),
    ],
    ids=itertools.count(),  # a compressed file holds the time: no name of a test
)
def test_codings(coding, content):
    assert decoded(content, coding, len(TEXT) + 100) == TEXT
    with pytest.raises(FetchError, match="over the limit"):
        decoded(content, coding, 1000)
    assert TEXT.startswith(decoded_head(content, coding, 1000)) or "," in coding


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_costs_the_limit(coding):
    zeros = b"\0" * 30_000_000
    make = {"gzip": gzip.compress, "deflate": zlib.compress, "br": lambda data: brotli.compress(data, quality=1)}
    with pytest.raises(FetchError, match="over the limit"):
        decoded(make.get(coding, BLOB)(zeros), coding, 100_000)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "compress", "gzip,gzip,gzip,gzip,gzip"])
def test_damage_is_refused(coding):
    with pytest.raises(FetchError):
        decoded(b"neither of them", coding, 1000)


@pytest.mark.parametrize("coding", ["gzip", "br"])
def test_what_ends_early_is_refused(coding):
    content = gzip.compress(TEXT) if coding == "gzip" else brotli.compress(TEXT)
    with pytest.raises(FetchError, match="ended early"):
        decoded(content[:-10], coding, 100_000)


@pytest.mark.parametrize("encoding", UNICODE)
def test_robots_in_any_unicode_are_obeyed(encoding):
    robots = Robots.from_answer(200, "User-agent: *\nDisallow: /\nCrawl-delay: 5\n".encode(encoding))
    assert robots.why_not(URL) == "disallowed by robots.txt"
    assert robots.crawl_delay() == 5


@pytest.mark.parametrize("name", ["illinstr", "illinstr/1.0", "ILLINSTR/2.1 # us", "illinstr/1.0 (+https://x.example)"])
def test_our_name_with_a_version_is_our_name(name):
    text = f"User-agent: *\nDisallow:\n\nUser-agent: {name}\nDisallow: /a\nContent-Signal: ai-train=yes\n"
    assert Robots.from_answer(200, text.encode()).why_not(URL) is not None
    other = text.replace("llinstr", "llinstrument").replace("LLINSTR", "LLINSTRUMENT")
    assert Robots.from_answer(200, other.encode()).why_not(URL) is None


def test_robots_are_read_to_500_kib():
    early = b"User-agent: *\nDisallow: /a\n" + b"# " + b"x" * 5_000_000
    late = b"User-agent: *\n#" + b"x" * MAX_ROBOTS_BYTES + b"\nDisallow: /\n"
    assert Robots.from_answer(200, early).why_not(URL) is not None
    assert Robots.from_answer(200, late).why_not(URL) is None


def test_a_long_robots_file_is_obeyed_and_not_read_whole(run, tmp_path):
    with serve() as site:
        howto = how_to("Wash", origin=site.origin)
        site.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /Private\n" + b"#\n" * 2_500_000)
        site.answers[f"/{howto.name}"] = html(render(howto))
        code, _, errors = run(howto.url, f"{site.origin}/Private-X", *NETWORK, "--no-images", "--out", tmp_path / "x")
        assert code == 0, errors
        assert {row["status"]: row["reason"] for row in rows(tmp_path / "x")}["failed"].startswith("robots: disallowed")


class Listener(SilentReporter):
    """Keeps what it is told."""

    def __init__(self):
        self.lines = []

    def log(self, message):
        self.lines.append(message)


def scraped(urls, out, **fetching):
    """What came of a crawl that asks as ``fetching`` says, and what was told."""
    request = ScrapeRequest(
        urls=urls, out=out, contact="me@example.org", min_interval=0.0, accept_terms=True, images=False,
        allow_private_hosts=["127.0.0.1"],
    )  # fmt: skip
    job, told = scrape_job(request), Listener()
    result = run_scrape(dataclasses.replace(job, fetch=job.fetch.model_copy(update=fetching)), told)
    return result, "\n".join([*told.lines, result.error.message if result.error else ""])


@pytest.mark.parametrize("status", [503, 429])
def test_robots_in_trouble_close_the_site_while_that_lasts(tmp_path, status):
    """Closed, said, partial beside a healthy site, and asked again by the same command."""
    with serve() as healthy, serve() as site:
        howtos = [how_to("Wash", origin=healthy.origin), how_to("Cook", origin=site.origin, page_id=2)]
        for place, howto in zip((healthy, site), howtos, strict=True):
            place.answers[f"/{howto.name}"] = html(render(howto))
        site.answers["/robots.txt"] = Answer(b"", status, {"Retry-After": "1"})
        urls = [howto.url for howto in howtos]
        result, told = scraped(urls, tmp_path / "x", attempts=2, backoff_s=0.01)
        assert isinstance(result.error, PartialError), told
        assert f"robots.txt answered {status}" in told
        assert len(articles(tmp_path / "x")) == 1
        assert howtos[1].url.removeprefix(site.origin) not in site.paths()
        del site.answers["/robots.txt"]
        result, told = scraped(urls, tmp_path / "x")
        assert result.error is None, told
        assert len(articles(tmp_path / "x")) == 2


def test_robots_that_answer_the_second_time_are_enough(run, tmp_path):
    with serve() as site:
        howto = how_to("Wash", origin=site.origin)
        site.answers[f"/{howto.name}"] = html(render(howto))
        asked = []

        def robots(request):
            asked.append(request)
            return Answer(b"", 503, {"Retry-After": "0"}) if len(asked) == 1 else Answer(b"", 404)

        site.answers["/robots.txt"] = robots
        code, _, errors = run(howto.url, *NETWORK, "--no-images", "--out", tmp_path / "x")
        assert code == 0, errors


@pytest.mark.parametrize("label", ["text/html, text/html", "application/octet-stream", "", "text/plain", "TEXT/HTML;x"])
def test_a_page_is_what_its_bytes_are(run, tmp_path, label):
    with serve() as site:
        howto = how_to("Wash", origin=site.origin)
        for step in howto.methods[0].steps:
            site.answers[step.image.url.removeprefix(site.origin)] = Answer(
                PNG, headers={"Content-Type": {"": "", "text/plain": "image/jpg"}.get(label, "image/pjpeg")}
            )
        site.answers[f"/{howto.name}"] = Answer(
            b"\xef\xbb\xbf<!-- made -->\n<!doctype html>" + render(howto).encode(), 203, {"Content-Type": label}
        )
        code, _, errors = run(howto.url, *NETWORK, "--out", tmp_path / "x")
        assert code == 0, errors
        assert articles(tmp_path / "x")[0].steps[0].image.data == PNG


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"<p>x", "html"), (b"\n <!doctype HTML>", "html"), (b"\xfe\xff" + "<html>".encode("utf-16-be"), "html"),
        (b"<?xml version='1.0'?><html xmlns='x'>", "html"), (b"<?xml?><urlset>", "xml"), (b"%PDF-1.7", "other"),
        (b'{"a": 1}', "json"), (b"\x1f\x8b", "gzip"), (PNG, "image"), (b"\0\0\0\x20ftypavif", "image"), (b"x", "text"),
    ],
)  # fmt: skip
def test_sniffing(content, what):
    assert sniff(content) == what
    assert not is_page(PNG, "text/html")


SPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
IMAGE = 'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'
VIDEO = 'xmlns:v="http://www.google.com/schemas/sitemap-video/1.1"'


@pytest.mark.parametrize(
    "text",
    [
        f"<urlset {SPACE} {IMAGE}><url><loc>{URL}</loc><image:image><image:loc>{URL}.jpg</image:loc></image:image>"
        "</url></urlset>",
        f"<urlset {SPACE} {VIDEO}><url><v:video><v:loc>{URL}.mp4</v:loc></v:video><loc> {URL} </loc></url></urlset>",
        f"\n\n<?xml version='1.0' encoding='UTF-8'?>\n<urlset><url><loc>{URL}</loc></url></urlset>",
        f"<s:urlset {SPACE.replace('xmlns', 'xmlns:s')}><s:url><s:loc>{URL}</s:loc></s:url></s:urlset>",
        f"<urlset {SPACE}><url><loc>{URL}</loc><note>Fish & Chips</note></url></urlset>",
        f"<urlset {SPACE.replace('http:', 'https:')}><url><loc>{URL}</loc></url></urlset>",
        f"{URL}\n",
        f"# pages\n{URL}\n",
        f"<URLSET><URL><LOC>{URL}</LOC></URL></URLSET>",
        f"<br />\n<b>Warning</b>: x in y\n<?xml version='1.0'?><urlset><url><loc>{URL}</loc></url></urlset>",
        f"<urlset><url><loc>{URL}</loc></url><url><loc>{URL}-and-mo",
        f"<urlset><url><loc><![CDATA[{URL}]]></loc></url></urlset>",
        f"<urlset><url><loc>{URL.removeprefix('https://x.example')}</loc></url></urlset>",
        f"<rss version='2.0'><channel><link>http://a.example/</link><item><link>{URL}</link></item></channel></rss>",
        f"<feed xmlns='http://www.w3.org/2005/Atom'><link href='http://a.example/'/><entry><link href='{URL}'/>"
        "<updated>2026-01-01T00:00:00Z</updated></entry></feed>",
    ],
)
@pytest.mark.parametrize("encoding", [*UNICODE, "gzip"])
def test_sitemaps_as_people_write_them(text, encoding):
    content = gzip.compress(text.encode()) if encoding == "gzip" else text.encode(encoding)
    kind, entries = read_sitemap(content, "https://x.example/sitemap.xml")
    assert (kind, [entry.url for entry in entries]) == ("urlset", [URL])


def test_a_bare_ampersand_in_an_address():
    _, entries = read_sitemap(
        f"<urlset><url><loc>{URL}?a=1&b=2&amp;c=3</loc></url><url><loc><![CDATA[{URL}?a=1&b=2]]></loc></url></urlset>".encode()
    )
    assert [entry.url for entry in entries] == [f"{URL}?a=1&b=2&c=3", f"{URL}?a=1&b=2"]


@pytest.mark.parametrize("content", [b"", b"\n", b"<html><p>no", b"one\ntwo\n" + URL.encode(), b"{}", b"<a/>"])
def test_what_is_no_sitemap(content):
    with pytest.raises(FetchError, match="not a sitemap"):
        read_sitemap(content)


def test_several_sitemaps_and_those_of_robots(run, tmp_path):
    with serve() as site:
        howtos = [how_to(name, origin=site.origin, page_id=n) for n, name in enumerate(("Wash", "Cook", "Draw"), 1)]
        for howto in howtos:
            site.answers[f"/{howto.name}"] = html(render(howto))
        for number, howto in enumerate(howtos):
            site.answers[f"/map{number}.txt"] = Answer(
                f"{howto.url}\n".encode(), headers={"Content-Type": "text/plain"}
            )
        site.answers["/robots.txt"] = Answer(f"Sitemap: {site.origin}/map0.txt\nSitemap: /map1.txt\n".encode())
        named = ["--sitemap", f"{site.origin}/robots.txt", "--sitemap", f"{site.origin}/map2.txt"]
        code, _, errors = run(*named, *NETWORK, "--no-images", "--out", tmp_path / "x")
        assert code == 0, errors
        assert len(articles(tmp_path / "x")) == 3
        code, lines, _ = run(*named, *NETWORK, "--out", tmp_path / "x", "--dry-run", "--json")
        assert code == 0
        assert json.loads(lines[-1])["unknown_lists"] == [f"{site.origin}/robots.txt"]


def test_one_bad_line_of_a_file_is_counted_and_the_others_are_fetched(run, tmp_path):
    with serve() as site:
        howto = how_to("Wash", origin=site.origin)
        site.answers[f"/{howto.name}"] = html(render(howto))
        (tmp_path / "urls.txt").write_text(f"{howto.url}\n{site.origin}/a b\n", encoding="utf-16")
        code, _, errors = run("--urls-file", tmp_path / "urls.txt", *NETWORK, "--no-images", "--out", tmp_path / "x")
        assert code == 3, errors
        failed = [row["reason"] for row in rows(tmp_path / "x") if row["status"] == "failed"]
        assert len(failed) == 1
        assert failed[0].startswith("urls.txt:2: not an address")


def test_an_avif_image_is_stored_as_jpeg(run, tmp_path):
    stream = io.BytesIO()
    Image.open(io.BytesIO(jpeg())).save(stream, "AVIF", quality=90)
    with serve() as site:
        howto = how_to("Wash", origin=site.origin)
        site.answers[f"/{howto.name}"] = html(render(howto))
        for step in howto.methods[0].steps:
            site.answers[step.image.url.removeprefix(site.origin)] = Answer(stream.getvalue())
        code, _, errors = run(howto.url, *NETWORK, "--out", tmp_path / "x")
        assert code == 0, errors
        stored = articles(tmp_path / "x")[0].steps[0].image
        assert (stored.media_type, stored.width) == ("image/jpeg", 96)


def test_a_site_can_be_forced_and_sites_are_listed(run, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.html").write_text(render(how_to("Wash")), encoding="utf-8")
    code, lines, _ = run("--list-sites")
    assert code == 0
    assert lines[-1].startswith("wikihow ")
    code, _, errors = run("--from-html", tmp_path / "in", "--out", tmp_path / "x", "--site", "ifixit")
    assert code == 1
    assert "1 not an article" in errors
    code, _, errors = run("--from-html", tmp_path / "in", "--out", tmp_path / "x", "--site", "nobody")
    assert code == 2
    assert "wikihow" in errors.split("hint:")[1]


def test_the_hint_of_a_failed_page_can_be_followed(run, tmp_path):
    """``--retry-failed`` is for fetched pages: pages from disk get another hint, and the command again works."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.html").write_text(render(how_to("Wash")), encoding="utf-8")
    (tmp_path / "in" / "b.html").write_text("<html><p class=steps_list_2>" + "<div>" * 3000, encoding="utf-8")
    command = ["--from-html", tmp_path / "in", "--out", tmp_path / "x"]
    code, _, errors = run(*command)
    assert code == 3
    assert "--retry-failed" not in errors
    (tmp_path / "in" / "b.html").write_text(render(how_to("Cook", page_id=2)), encoding="utf-8")
    code, _, errors = run(*command)
    assert code == 0, errors
    with serve() as site:
        howto = how_to("Draw", origin=site.origin)
        site.answers[f"/{howto.name}"] = html(render(howto))
        command = [howto.url, f"{site.origin}/none", *NETWORK, "--no-images", "--out", tmp_path / "y"]
        code, _, errors = run(*command)
        assert code == 3
        assert "--retry-failed" in errors
        site.answers["/none"] = html(render(how_to("Cook", origin=site.origin, page_id=2)))
        code, _, errors = run(*command, "--retry-failed")
        assert code == 0, errors
