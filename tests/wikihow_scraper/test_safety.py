"""Addresses, images and saved files that must not be trusted."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from illinstr.errors import DataError, FetchError
from illinstr.wikihow_scraper.fetching import safety
from illinstr.wikihow_scraper.fetching.safety import (
    GuardedTransport,
    check_image,
    check_url,
    is_public,
    reservations,
    resolve,
)
from illinstr.wikihow_scraper.imports.saved_pages import saved_files, saved_pages
from tests.support.image_bytes import encoded
from tests.support.site import html, serve


def image_bytes(size=(8, 8), kind="JPEG", **options) -> bytes:
    return encoded(Image.new("RGB", size, (200, 30, 30)), kind, **options)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_private_addresses(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "151.101.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses(address):
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_wrapped_addresses_are_judged_like_bare_ones(address):
    for form in (f"::ffff:{address}", str(ipaddress.IPv6Address((0x64FF9B << 96) | int(address)))):
        assert is_public(ipaddress.ip_address(form)) == is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x.org/", "file:///etc/passwd", "http://", "http:///x", "x.org", "javascript:alert(1)", "http://a b/",
        "http://user@x.org/", "http://user:pw@x.org/", "http://x.org:0/", "http://x.org:99999/", "http://[::1/",
        "http://x.org/\r\nEvil: 1",
    ],
)  # fmt: skip
def test_addresses_that_are_never_asked(url):
    with pytest.raises(FetchError):
        check_url(url)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_known_error(text):
    for url in (text, f"http://{text}", f"https://x.org/{text}"):
        with contextlib.suppress(FetchError):
            assert check_url(url)


def test_a_dot_is_no_host():
    with pytest.raises(FetchError, match="not an address"):
        check_url("http://.")
    assert check_url("http://Example.ORG./a") == "example.org"


def test_names_that_lead_inside_are_refused_unless_named():
    with pytest.raises(FetchError, match="off the public internet"):
        asyncio.run(resolve("localhost", 80, ()))
    assert asyncio.run(resolve("localhost", 80, ("localhost",)))
    with pytest.raises(FetchError, match="resolved"):
        asyncio.run(resolve("no-such-host.invalid", 80, ()))


def test_the_judged_address_is_the_one_connected_to(monkeypatch):
    """A name server that answers inside the house on the second question gains nothing: there is no second question."""
    questions = []

    def answer(host, port, *rest, **named):
        questions.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    with serve() as site:
        site.answers["/a"] = html("hello")
        monkeypatch.setattr(socket, "getaddrinfo", answer)

        async def run():
            async with httpx.AsyncClient(transport=GuardedTransport(("site.example",)), trust_env=False) as client:
                return await client.get(f"http://site.example:{site.port}/a")

        assert asyncio.run(run()).text == "hello"
        assert questions.count("site.example") == 1
        assert site.requests[0].headers["Host"] == f"site.example:{site.port}"


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch):
    def answer(host, port, *rest, **named):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in ("8.8.8.8", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    with pytest.raises(FetchError, match="off the public internet"):
        asyncio.run(resolve("mixed.example", 80, ()))


@given(st.lists(st.tuples(st.sampled_from(["X-Robots-Tag", "tdm-reservation", "x"]), st.text(max_size=30)), max_size=4))
def test_any_headers_are_read(headers):
    assert reservations(headers) <= safety.RESERVATIONS


def test_repeated_headers_are_read_apart():
    found = reservations([("X-Robots-Tag", "googlebot: noindex, nofollow"), ("X-Robots-Tag", "noai")])
    assert found == {"noai"}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_good_images(kind):
    check_image(image_bytes(kind=kind))


def test_images_over_the_pixel_limit_are_not_decoded(monkeypatch):
    monkeypatch.setattr(safety, "MAX_IMAGE_PIXELS", 63)
    with pytest.raises(DataError, match="8x8 pixels"):
        check_image(image_bytes())


def test_a_image_that_claims_to_be_huge_is_refused_by_its_header():
    bomb = bytearray(image_bytes(kind="PNG"))
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(DataError):
        check_image(bytes(bomb))


def test_other_formats_and_animations_are_refused():
    with pytest.raises(DataError):
        check_image(image_bytes(kind="GIF"))
    with pytest.raises(DataError):
        check_image(image_bytes(kind="BMP"))
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    with pytest.raises(DataError, match="animated"):
        check_image(encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]))


@given(st.data())
def test_damaged_images_are_known_errors(data):
    content = bytearray(image_bytes(kind=data.draw(st.sampled_from(["JPEG", "PNG", "WEBP"]))))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DataError):
        check_image(bytes(content[: data.draw(st.integers(0, len(content)))]))


def test_saved_images_stay_inside_the_pages_folder(tmp_path):
    inside = tmp_path / "pages"
    (inside / "How_files").mkdir(parents=True)
    (inside / "How.html").write_text("<html>")
    (inside / "How_files" / "a b.jpg").write_bytes(b"picture")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (inside / "How_files" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    source = next(iter(saved_pages(inside, saved_files(inside))))

    def find(path):
        return source.find_image({"local_path": path})

    assert find("How_files/a%20b.jpg") == b"picture"
    for path in (
        "../secret.jpg",
        "%2e%2e/secret.jpg",
        str(tmp_path / "secret.jpg"),
        "How_files/link.jpg",
        "x\0",
        "",
        None,
    ):
        assert find(path) is None
