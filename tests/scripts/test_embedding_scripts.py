"""Scripts around the embedded models: what one holds beside the other, and what the ruler says of true images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from illinstr import minihow
from illinstr.errors import DataError
from illinstr.minihow.ruler import pixels
from illinstr.models.embedded import EMBEDDED, EMBEDDED_FLOW, SHARED, embedded_folder, join_folders
from scripts.embed_model import ASSETS, check_whole, write_own_files
from scripts.measure_anchors import Count, kept_looks, named_right, small, trained


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_a_model_holds_of_its_own_is_what_is_embedded(tmp_path: Path) -> None:
    whole, base, shared = embedded_folder(EMBEDDED_FLOW), ASSETS / EMBEDDED, SHARED[EMBEDDED_FLOW]
    own, again = tmp_path / "own", tmp_path / "again"
    own.mkdir()
    again.mkdir()
    write_own_files(whole, base, shared, own)
    assert files_of(own) == files_of(ASSETS / EMBEDDED_FLOW)
    join_folders(own, base, shared, again)
    check_whole(whole, again)
    (again / "transformer" / "config.json").write_text("{}")
    with pytest.raises(DataError, match=r"config\.json is another"):
        check_whole(whole, again)


def test_the_ruler_finds_true_images_right_and_another_room_wrong() -> None:
    article = trained(minihow.illustrate(minihow.plan("How to make apple juice", 4, seed=1)))
    assert [step.headline for step in article.steps] == [step.prompt or step.headline for step in article.steps]
    own = [image for image in pixels(article) if image is not None]
    other = minihow.illustrate(minihow.plan("How to make apple juice", 4, seed=6))
    theirs = [image for image in pixels(other) if image is not None]
    same, strange, named = Count(), Count(), Count()
    kept_looks(article, own, same)
    kept_looks(article, theirs, strange)
    named_right(article, own, named)
    assert same.right == same.all and same.all["wall"] == 2  # steps 2 and 4, beside 1 and 3
    assert strange.right["wall"] + strange.right["table"] + strange.right["skin"] < same.all.total() / 2
    assert named.right["attributes"] == named.all["attributes"] > 0
    assert small(article.steps[0].image.decode()).shape == np.shape(own[0])  # type: ignore[union-attr]
