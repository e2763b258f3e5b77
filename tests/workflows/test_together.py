"""``--together``: articles of one N drawn at once are those drawn alone up to rounding, and a batch goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from illinstr import generate_batch
from illinstr.articles import Article, Provenance, Step
from illinstr.errors import UsageError
from illinstr.runs import read_article
from illinstr.sampling.drawing.batch import Job, grouped
from tests.support.command_line import calling
from tests.support.tiny_model import make_tiny_model
from tests.support.tiny_run import make_image

GOALS = ["How to make tea", "How to boil an egg", "How to wash a bowl"]
STEPS = ["Take it", "Use it"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_tiny_model(tmp_path_factory.mktemp("model") / "tiny"))


def drawn(model: str, out: Path, together: int) -> tuple[list[Path], int]:
    """Three variants of one article, and how often the model was asked for a sampling step."""
    calls: list[int] = []
    made = generate_batch(
        GOALS[:1], STEPS, num_variants=3, model=model, out=out, together=together, device="cpu", dtype="float32",
        on_step=lambda step: calls.append(step.done),
    )  # fmt: skip
    assert made.made == 3 and not made.failures
    return made.articles, len(calls)


def test_they_are_what_each_would_be_alone(model: str, tmp_path: Path) -> None:
    alone, once_each = drawn(model, tmp_path / "alone", 1)
    together, in_groups = drawn(model, tmp_path / "together", 2)
    assert in_groups * 3 == once_each * 2  # two groups for three articles
    for one, other in zip(alone, together, strict=True):
        assert one.name == other.name
        pairs = zip(read_article(one).steps, read_article(other).steps, strict=True)
        for step, same in pairs:
            assert step.image is not None and same.image is not None
            far = np.abs(np.asarray(step.image.decode(), int) - np.asarray(same.image.decode(), int))
            assert far.max() <= 2, "more than rounding"


def test_what_is_missing_is_made_again_to_the_byte(model: str, tmp_path: Path) -> None:
    articles, _ = drawn(model, tmp_path / "batch", 3)
    before = [[step.image and step.image.sha256 for step in read_article(folder).steps] for folder in articles]
    shutil.rmtree(articles[1])
    made = generate_batch(
        GOALS[:1], STEPS, num_variants=3, model=model, out=tmp_path / "batch", together=3, device="cpu", dtype="float32"
    )
    assert (made.made, made.kept) == (1, 2)
    assert [[step.image and step.image.sha256 for step in read_article(folder).steps] for folder in articles] == before


def test_groups_are_of_one_n_and_do_not_hang_on_what_is_done() -> None:
    def job(place: int, steps: int, *, image: bool = False) -> Job:
        own = tuple(Step(headline="Do it.", image=make_image((1, 2, 3)) if image else None) for _ in range(steps))
        article = Article(id=f"a-{place}", goal="Tea", steps=own, provenance=Provenance(source="generated"))
        return Job("Tea", place, article, Path(f"{place}"), place=place)

    jobs = [job(0, 2), job(1, 3), job(2, 2), job(3, 2, image=True), job(4, 2), job(5, 3)]
    groups = [[each.place for each in group] for group in grouped(jobs, 2)]
    assert groups == [[0, 2], [1, 5], [3], [4]]
    assert [[each.place for each in group] for group in grouped(jobs, 1)] == [[n] for n in range(6)]


def test_the_option(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call = calling(monkeypatch, capsys, "generate")
    code, _, errors = call(GOALS[0], "--step", "Take it", "--model", model, "--out", tmp_path / "a", "--together", 2)
    assert code == 2 and "--goals-file or --num-variants" in errors
    with pytest.raises(UsageError, match="together 0 is not between"):
        generate_batch(GOALS[:1], STEPS, model=model, out=tmp_path / "b", together=0)
    with pytest.raises(UsageError, match="not a part of one"):
        generate_batch(GOALS[:1], STEPS, num_variants=2, model=model, out=tmp_path / "b", together=2, shard="1/2")
