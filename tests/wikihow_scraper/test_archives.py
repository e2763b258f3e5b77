"""Archives as crawlers leave them: other kinds of records, redirects, repeated answers, every compression."""

import gzip
import hashlib

import brotli
import pytest
import zstandard

from illinstr.wikihow_scraper.imports.warc import address_key, warc_pages
from illinstr.wikihow_scraper.imports.zim import _paths
from illinstr.wikihow_scraper.pipeline import reading
from illinstr.wikihow_scraper.sites.site import WebPage
from tests.support.pages import render
from tests.wikihow_scraper.test_cli import how_to, jpeg

HOWTO = how_to("Wash", steps=1)
PAGE = render(HOWTO).encode()
URL = HOWTO.url
IMAGE = HOWTO.methods[0].steps[0].image.url
HTML = "text/html; charset=utf-8"


def record(kind: str, url: str, block: bytes, **headers: str) -> bytes:
    named = {"WARC-Type": kind, "WARC-Target-URI": url, "WARC-Date": "2020-08-15T12:00:00Z"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    named |= {"WARC-Record-ID": "<urn:uuid:1>", "Content-Length": str(len(block))}
    named.setdefault("Content-Type", "application/http; msgtype=response")
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"WARC/1.0\r\n{head}\r\n".encode() + block + b"\r\n\r\n"


def answer(content: bytes, status: str = "200 OK", **headers: str) -> bytes:
    said = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\n{said}\r\n".encode() + content


def digest(content: bytes) -> str:
    return f"sha1:{hashlib.sha1(content, usedforsecurity=False).hexdigest().upper()}"


def html(**headers: str) -> bytes:
    return record("response", URL, answer(PAGE, Content_Type=HTML), **headers)


def photo(url: str = IMAGE) -> bytes:
    return record("response", url, answer(jpeg(1), Content_Type="image/jpeg"))


def goals(path):
    return [reading.read(WebPage(one.content, one.url, one.charset)).articles[0].goal for one in warc_pages(path)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.warc"


@pytest.mark.parametrize(
    "block",
    [
        record("resource", URL, PAGE, Content_Type="text/html"),
        record("response", URL, answer(PAGE, "203 Non-Authoritative Information", Content_Type=HTML)),
        record("response", URL, answer(PAGE)),
        record("response", f"<{URL}>", answer(PAGE, Content_Type="text/html, text/html")),
        record("response", URL, answer(PAGE, Content_Type="application/octet-stream")),
        record("response", URL, answer(brotli.compress(PAGE), Content_Type=HTML, Content_Encoding="br")),
        record("response", URL, answer(zstandard.compress(PAGE), Content_Type=HTML, Content_Encoding="zstd")),
        record("response", URL, answer(gzip.compress(PAGE[:99]) + gzip.compress(PAGE[99:]), Content_Encoding="gzip")),
        record("response", URL, answer(PAGE, Content_Type=HTML, Content_Encoding="none")),
    ],
)
def test_pages_in_every_kind_of_record(path, block):
    path.write_bytes(record("warcinfo", "", b"x", Content_Type="application/warc-fields") + block)
    assert goals(path) == [HOWTO.title]
    assert next(warc_pages(path)).url == URL


def test_a_repeated_page_is_read_or_counted(path):
    told = answer(b"", Content_Type=HTML)
    again = record("revisit", URL, told, WARC_Payload_Digest=digest(PAGE))
    other = record("revisit", f"{URL}?x", told, WARC_Payload_Digest="sha1:NONE", WARC_Refers_To_Target_URI=URL)
    lost = record("revisit", "https://x.example/", told, WARC_Payload_Digest="sha1:NO")
    path.write_bytes(html(WARC_Payload_Digest=digest(PAGE)) + again + other + lost)
    found = list(warc_pages(path))
    assert [one.content == PAGE for one in found] == [True, True, True, False]
    assert found[3].error == ("failed", "page: it repeats a record that is not in this archive")


@pytest.mark.parametrize(
    "blocks",
    [
        [photo(IMAGE.replace("https:", "http:"))],
        [photo(IMAGE.replace("Wash", "%57ash"))],
        [record("response", IMAGE, answer(b"", "302 Found", Location="/there.jpg")), photo("https://www.wikihow.com/there.jpg")],
        [record("revisit", IMAGE, answer(b""), WARC_Refers_To_Target_URI="http://b.example/i.jpg"), photo("https://b.example/i.jpg")],
        [record("resource", IMAGE, jpeg(1), Content_Type="image/jpeg")],
        [record("response", IMAGE, answer(jpeg(1), Content_Type="image/jpg"))],
        [record("response", IMAGE, answer(jpeg(1)))],
        [record("response", IMAGE, answer(jpeg(1), Content_Type="application/octet-stream"))],
    ],
)  # fmt: skip
def test_images_however_they_are_kept(path, blocks):
    path.write_bytes(html() + b"".join(blocks))
    (source,) = warc_pages(path)
    assert source.find_image({"url": IMAGE}) == jpeg(1)
    assert source.find_image({"url": "https://x.example/no.jpg", "small_url": "http://[bad"}) is None


def test_redirects_in_a_circle_end(path):
    circle = record("response", IMAGE, answer(b"", "302 Found", Location=IMAGE))
    path.write_bytes(html() + circle)
    assert next(warc_pages(path)).find_image({"url": IMAGE}) is None


@pytest.mark.parametrize("packing", ["plain", "by record", "whole", "zstd", "zstd by record", "zstd with a dictionary"])
def test_every_compression(path, packing):
    blocks = [html(), photo()]
    if packing == "by record":
        content = b"".join(gzip.compress(block) for block in blocks)
    elif packing == "whole":
        content = gzip.compress(b"".join(blocks))
    elif packing.startswith("zstd"):
        known = zstandard.ZstdCompressionDict(b"wikiHow steps " * 99, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        used = known if "dictionary" in packing else None
        compress = zstandard.ZstdCompressor(dict_data=used).compress
        content = b"".join(compress(block) for block in (blocks if "by record" in packing else [b"".join(blocks)]))
        if used is not None:
            head = used.as_bytes()
            content = b"\x5d\x2a\x4d\x18" + len(head).to_bytes(4, "little") + head + content
    else:
        content = b"".join(blocks)
    path.write_bytes(content)
    assert goals(path) == [HOWTO.title]
    assert next(warc_pages(path)).find_image({"url": IMAGE}) == jpeg(1)


def test_a_large_first_record_is_told_from_one_stream(path):
    big = record("resource", "https://x.example/big", b"<p>" + b"x" * 3_000_000, Content_Type="text/html")
    path.write_bytes(gzip.compress(big) + gzip.compress(html()))
    assert len(list(warc_pages(path))) == 2
    path.write_bytes(gzip.compress(big + html()))
    assert len(list(warc_pages(path))) == 2


def test_equal_addresses():
    assert address_key("http://A.example:80/%41%20b?x=%31#top") == address_key("https://a.example/A b?x=1")
    assert address_key("http://a.example:8080/") != address_key("http://a.example/")


def test_where_a_zim_keeps_an_image():
    home = "https://www.wikihow.com/"
    relative = list(_paths({"local_path": "../images/a%20b.jpg?v=1"}, "A/Wash", home))
    assert relative == ["images/a b.jpg?v=1", "images/a%20b.jpg?v=1", "images/a b.jpg", "images/a%20b.jpg"]
    rooted = list(_paths({"url": "https://www.wikihow.com/images/a.jpg?v=1"}, "Wash", home))
    assert "images/a.jpg" in rooted
    assert "www.wikihow.com/images/a.jpg?v=1" in rooted
    assert list(_paths({"url": "http://[bad", "local_path": 5}, "Wash", home)) == []
