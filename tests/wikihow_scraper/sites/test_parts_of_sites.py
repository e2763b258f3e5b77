# ruff: noqa: E501 (markup and texts that are data stay on their lines)
"""Parts all sites share: licences, amounts and durations, the images an element offers, the marks of a step."""

from __future__ import annotations

import pytest
from lxml import html

from illinstr.wikihow_scraper.materials import duration, material
from illinstr.wikihow_scraper.permissions import admits, allows, kind_of, name_of
from illinstr.wikihow_scraper.sites import page_licence
from illinstr.wikihow_scraper.sites.cutting import unnumbered
from illinstr.wikihow_scraper.sites.images import candidates, image_of, images_in, local_path
from illinstr.wikihow_scraper.sites.page_steps import headline_and_body
from illinstr.wikihow_scraper.sites.site import WebPage


@pytest.mark.parametrize(
    ("text", "name", "train", "share"),
    [
        ("https://creativecommons.org/licenses/by-nc-sa/3.0/us/deed.en", "CC BY-NC-SA 3.0", "non-commercial", "non-commercial"),
        ("http://creativecommons.org/licenses/by/4.0", "CC BY 4.0", "yes", "yes"),
        ("CC-BY-SA-4.0", "CC BY-SA 4.0", "yes", "yes"),
        ("cc by", "CC BY", "yes", "yes"),
        ("Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International", "CC BY-NC-SA 4.0", "non-commercial", "non-commercial"),
        ("Creative Commons Attribution 2.0", "CC BY 2.0", "yes", "yes"),
        ("https://creativecommons.org/licenses/by-nd/4.0/", "CC BY-ND 4.0", "unknown", "unchanged"),
        ("https://creativecommons.org/licenses/by-nc-nd/4.0/", "CC BY-NC-ND 4.0", "unknown", "non-commercial and unchanged"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0 1.0", "yes", "yes"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "Public domain", "yes", "yes"),
        ("CC0", "CC0 1.0", "yes", "yes"),
        ("This work is in the public domain", "Public domain", "yes", "yes"),
        ("GNU Free Documentation License", "GFDL", "yes", "yes"),
        ("© 2024 Soup Inc.", "© 2024 Soup Inc.", "no", "no"),
        ("Copyright Ada. All rights reserved.", "Copyright Ada. All rights reserved.", "no", "no"),
        ("https://soup.example.org/terms", "https://soup.example.org/terms", "unknown", "unknown"),
        ("", None, "unknown", "unknown"),
        (None, None, "unknown", "unknown"),
    ],
)  # fmt: skip
def test_licences(text, name, train, share):
    assert name_of(text) == name
    assert allows(name) == (train, share)
    assert name_of(name) == name  # a name is its own name


@pytest.mark.parametrize(
    ("name", "wanted", "passes"),
    [
        (None, "any", True),
        (None, "open", False),
        (None, "CC BY", False),
        ("CC BY-SA 4.0", "open", True),
        ("CC BY-NC 4.0", "open", False),
        ("CC BY-NC 4.0", "non-commercial", True),
        ("CC BY-ND 4.0", "non-commercial", False),
        ("proprietary", "non-commercial", False),
        ("CC BY-SA 4.0", "cc-by-sa", True),
        ("CC BY-SA 4.0", "CC BY-SA 3.0", False),
        ("CC BY-SA 4.0", "CC BY", False),
    ],
)
def test_which_licences_pass(name, wanted, passes):
    assert admits(name, wanted) is passes


def test_a_reserved_licence_is_told_from_an_unknown_one():
    assert [kind_of(name) for name in (None, "terms", "© Ada", "CC BY 4.0", "CC0 1.0")] == [
        "unknown", "unknown", "reserved", "cc", "public-domain",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("head", "name", "where"),
    [
        ('<a rel="license" href="https://creativecommons.org/licenses/by/4.0/">x</a>', "CC BY 4.0", 'rel="license"'),
        ('<link rel="license" href="/terms">', "/terms", 'rel="license"'),
        ('<a rel="license" href="/terms">CC BY-SA 4.0</a>', "CC BY-SA 4.0", 'rel="license"'),
        ('<meta name="dcterms.license" content="https://creativecommons.org/licenses/by/3.0/">', "CC BY 3.0", "meta dcterms.license"),
        ('<meta name="copyright" content="Copyright Ada">', "Copyright Ada", "meta copyright"),
        ('Photo: <a href="https://creativecommons.org/licenses/by/2.0/">Ben</a>', None, None),
        ("", None, None),
    ],
)  # fmt: skip
def test_where_a_page_states_its_licence(head, name, where):
    found = page_licence.of_page(WebPage(f"<html>{head}<p>x</p></html>".encode()))
    assert (found.name, found.where) == (name, where)


@pytest.mark.parametrize(
    ("line", "amount", "name"),
    [
        ("2 tbsp of olive oil", "2 tbsp", "olive oil"),
        ("500 gr de calabaza (pelada)", "500 gr", "calabaza (pelada)"),
        ("1 1/2 cups flour", "1 1/2 cups", "flour"),
        ("½ TL Zimt", "½ TL", "Zimt"),
        ("1–2 cloves garlic", "1–2 cloves", "garlic"),
        ("1.5 kg (3 lb) beef", "1.5 kg (3 lb)", "beef"),
        ("3 eggs", "3", "eggs"),
        ("salt and pepper", None, "salt and pepper"),
        ("7-Up", None, "7-Up"),
        ("- 2 L water", "2 L", "water"),
    ],
)
def test_amounts(line, amount, name):
    found = material(line)
    assert (found.amount, found.name) == (amount, name)


def test_a_line_that_says_nothing_is_no_material():
    assert material(" - ") is None


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("PT20M", "PT20M"),
        ("PT90M", "PT1H30M"),
        ("P0DT1H10M0S", "PT1H10M"),
        ("P2D", "P2D"),
        ("P1W", "P7D"),
        ("pt0.5h", "PT30M"),
        ("1 hour 30 minutes", "PT1H30M"),
        ("45 min", "PT45M"),
        ("PT0M", None),
        ("P1M", None),
        ("a while", None),
        ("", None),
    ],
)
def test_durations(text, right):
    assert duration(text) == right


BASE = "https://x.example/a/page"


def shown(markup: str) -> str | None:
    image = image_of(next(html.fromstring(f"<div>{markup}</div>").iter("img")), BASE)
    return image.url if image is not None else None


@pytest.mark.parametrize(
    ("markup", "right"),
    [
        ('<img src="/1.jpg">', "/1.jpg"),
        ('<img src="data:image/gif;base64,xx" data-srcset="/1.jpg 320w, /1b.jpg 640w">', "/1b.jpg"),
        ('<img src="/images/loading.gif" data-lazy-src="/1.jpg">', "/1.jpg"),
        ('<img src="/s.jpg" srcset="/s.jpg 1x, /m.jpg 2x">', "/m.jpg"),
        ('<img src="/s.jpg" srcset="/a,b.jpg 300w, /w_1,h_2/c.jpg 900w">', "/w_1,h_2/c.jpg"),
        ('<picture><source srcset="/big.webp 1200w"><img src="/s.jpg"></picture>', "/big.webp"),
        ('<img src="/s.jpg" data-src="/1.jpg">', "/1.jpg"),
        ('<img src="/placeholder-300x200.png">', None),
        ('<img src="/pixel.gif" data-original="/1.jpg">', "/1.jpg"),
        ('<img src="/icon.svg">', None),
        ('<img src="/1.jpg" width="24" height="24">', None),
        ('<img src="/sew-button.jpg" width="640">', "/sew-button.jpg"),
        ('<img alt="x">', None),
        ('<img src="http://[bad">', None),
    ],
)
def test_the_largest_real_image(markup, right):
    assert shown(markup) == (f"https://x.example{right}" if right else None)


def test_what_stands_on_a_page_often_is_no_steps_image():
    root = html.fromstring('<div><img src="/same.jpg"><img src="/1.jpg"></div>')
    from collections import Counter

    found = images_in([root], BASE, Counter({"https://x.example/same.jpg": 3}))
    assert [image.url for image in found] == ["https://x.example/1.jpg"]


def test_sets_of_sources_and_paths_beside_the_page():
    assert candidates("a 2x,b 300w , c") == [("a", 0.02), ("b", 300.0), ("c", 0.01)]
    assert local_path("x_files/1.jpg") == "x_files/1.jpg"
    assert [local_path(one) for one in ("/1.jpg", "https://x/1.jpg", "data:x", "#a", "")] == [None] * 5


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("Step 3: Wash", (3, "Wash")),
        ("Step 1 Open it", (1, "Open it")),
        ("Schritt 2", (2, "")),
        ("Step 2 of 5: Dry", (2, "Dry")),
        ("3) Go", (3, "Go")),
        ("3. Go", (3, "Go")),
        ("手順 2", (2, "")),
        ("3.5 cups", (None, "3.5 cups")),
        ("2 cups of tea", (None, "2 cups of tea")),
        ("Stepping stones", (None, "Stepping stones")),
    ],
)
def test_numbers_in_front(text, right):
    assert unnumbered(text) == right


@pytest.mark.parametrize(
    ("name", "text", "right"),
    [
        ("Wash", "Use soap.", ("Wash", "Use soap.")),
        ("Step 4", "Use soap. Rinse.", ("Use soap.", "Rinse.")),
        ("Use soap.", "Use soap. Rinse.", ("Use soap.", "Rinse.")),
        ("Use soap", "Use soap. Rinse.", ("Use soap.", "Rinse.")),
        ("Water it", "Water it the day before.", ("Water it", "Water it the day before.")),
        ("Water it the…", "Water it the day before. Wait.", ("Water it the day before.", "Wait.")),
        ("Wash", "", ("Wash", "")),
        ("", "", ("", "")),
    ],
)
def test_names_and_texts(name, text, right):
    assert headline_and_body(name, text) == right
