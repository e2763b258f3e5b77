"""Licence first: what passes ``--license``, and what funnel and card say of the licences."""

from __future__ import annotations

import json

import pytest

from illinstr.shards import read_index
from tests.wikihow_scraper.test_cli import articles, jpeg, run

__all__ = ["run"]  # a fixture

DEED = "https://creativecommons.org/{}/"
OPEN, NON_COMMERCIAL, ZERO = (
    DEED.format(name) for name in ("licenses/by-sa/4.0", "licenses/by-nc/4.0", "publicdomain/zero/1.0")
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four pages, their images beside them: open, non-commercial, unknown, and reserved with one open image."""
    made = tmp_path_factory.mktemp("pages")
    given = {
        "Fold": (OPEN, None),
        "Cut": (NON_COMMERCIAL, ZERO),
        "Sew": (None, None),
        "Dye": ("All rights reserved", OPEN),
    }
    for number, (name, (text, image)) in enumerate(given.items()):
        shown = [f"{name}-{step}.jpg" for step in range(2)]
        for step, file in enumerate(shown):
            (made / file).write_bytes(jpeg(10 * number + step))
        first: object = {"@type": "ImageObject", "url": shown[0], "license": image} if image else shown[0]
        steps = [
            {"@type": "HowToStep", "text": f"{name} the first half.", "image": first},
            {"@type": "HowToStep", "text": f"{name} the second half.", "image": shown[1]},
        ]
        data = {"@type": "HowTo", "name": f"How to {name} a Hat", "step": steps} | ({"license": text} if text else {})
        html = f'<html lang="en"><script type="application/ld+json">{json.dumps(data)}</script><h1>Hat</h1></html>'
        (made / f"{name}.html").write_text(html, encoding="utf-8")
    return made


@pytest.mark.parametrize(
    ("licenses", "kept"),
    [
        ((), {"Cut": 2, "Dye": 1, "Fold": 2, "Sew": 0}),
        (("any",), {"Cut": 2, "Dye": 1, "Fold": 2, "Sew": 0}),
        (("open",), {"Fold": 2}),
        (("non-commercial",), {"Cut": 2, "Fold": 2}),
        (("CC BY-NC",), {"Cut": 1}),
        (("cc-by-nc-4.0", "CC0"), {"Cut": 2}),
    ],
)
def test_only_licences_that_pass(run, folder, tmp_path, licenses, kept):
    options = [word for name in licenses for word in ("--license", name)]
    code, _, errors = run("--from-html", folder, "--out", tmp_path / "x", *options)
    assert code == 0, errors
    made = {one.goal.split()[2]: sum(step.image is not None for step in one.steps) for one in articles(tmp_path / "x")}
    assert made == kept
    filtered = read_index(tmp_path / "x").source_config["funnel"]["articles"]["filtered"]
    assert filtered == ({"licence": 4 - len(kept)} if len(kept) < 4 else {})


def test_unknown_is_not_open_with_any_image_licence_either(run, folder, tmp_path):
    options = ("--license", "open", "--image-license", "any")
    assert run("--from-html", folder, "--out", tmp_path / "x", *options)[0] == 0
    assert [one.license for one in articles(tmp_path / "x")] == ["CC BY-SA 4.0"]


@pytest.mark.parametrize("name", ["free", "my-licence"])
def test_a_licence_nobody_knows_is_refused(run, folder, tmp_path, name):
    code, _, errors = run("--from-html", folder, "--out", tmp_path / "x", "--license", name)
    assert code == 2
    assert "--license" in errors
    assert name in errors
    assert not (tmp_path / "x").exists()


def test_funnel_and_card_count_licences_and_say_where_they_were_found(run, folder, tmp_path):
    code, _, errors = run("--from-html", folder, "--out", tmp_path / "x")
    assert code == 0
    funnel = read_index(tmp_path / "x").source_config["funnel"]
    found = {row["license"]: (row["found"], row["train"], row["share"], row["count"]) for row in funnel["licenses"]}
    where = "license in its data"
    assert found == {
        "CC BY-SA 4.0": (where, "yes", "yes", 1),
        "CC BY-NC 4.0": (where, "non-commercial", "non-commercial", 1),
        "All rights reserved": (where, "no", "no", 1),
        "unknown": (None, "unknown", "unknown", 1),
    }
    images = {row["license"]: row["count"] for row in funnel["picture_licenses"]}
    assert images == {"CC BY-SA 4.0": 3, "CC BY-NC 4.0": 1, "CC0 1.0": 1}
    assert f"1 CC BY-SA 4.0, {where} (train: yes, share: yes)" in errors
    card = (tmp_path / "x" / "README.md").read_text(encoding="utf-8")
    assert f"| CC BY-NC 4.0 | {where} | non-commercial | non-commercial | 1 |" in card
    assert "| unknown |  | unknown | unknown | 1 |" in card
    assert "| CC0 1.0 | yes | yes | 1 |" in card
    record = next(one for one in articles(tmp_path / "x") if one.license).extra
    assert (record["license_found"], set(record["license_allows"])) == (where, {"train", "share"})
