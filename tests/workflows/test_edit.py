"""``illinstr edit`` with a real model of random weights: what changes, what does not, and what is refused."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from illinstr.cli.app import app
from illinstr.errors import DataError, IllinstrError, UsageError
from illinstr.runs import read_article, read_record
from tests.support.tiny_model import make_tiny_model

STEPS = ("--step", "Wash the apple", "--step", "Cut it in half | With a knife.", "--step", "Blend it")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("edit")
    model = make_tiny_model(folder / "tiny")
    app(
        [
            *("generate", "Make juice", *STEPS, "--seed", "4", "--sampling-steps", "3", "--guidance", "2"),
            *("--model", str(model), "--device", "cpu", "--out", str(folder / "run"), "--quiet"),
        ],
        standalone_mode=False,
    )
    return folder / "run"


@pytest.fixture
def run(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "run")


def edit(*arguments: str | Path) -> None:
    place = () if "--device" in arguments else ("--device", "cpu")
    app(["edit", *map(str, arguments), *place], standalone_mode=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB").tobytes()


def changed(before: dict[str, bytes], folder: Path) -> set[str]:
    after = contents(folder)
    assert set(after) == set(before)
    return {name for name in after if after[name] != before[name]}


def test_new_words_change_their_step_and_the_pages_alone(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(run)
    edit(run, "--step", "2", "--text", "Slice it thinly | With care.")
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == str(run / "index.html")
    pages = {"index.html", "article.md", "strip.png", "article.json", "run.json"}
    assert changed(before, run) == {"step-02.png", *pages}
    article = read_article(run)
    assert [step.headline for step in article.steps] == ["Wash the apple", "Slice it thinly", "Blend it"]
    assert article.steps[1].body == "With care."
    assert article.steps[1].image is not None and article.steps[1].image.alt == "Step 2: Slice it thinly"
    [revision] = read_record(run).revisions
    assert (revision.command, revision.steps, revision.seed) == ("edit", (2,), 4)
    assert "Slice it thinly" in (run / "index.html").read_text()


def test_drawing_again_takes_a_new_seed_each_time_and_keeps_the_words(run: Path) -> None:
    seen = {contents(run)["step-03.png"]}
    for number in (1, 2):
        before = contents(run)
        edit(run, "--step", "3", "--redraw")
        assert changed(before, run) == {"step-03.png", "index.html", "strip.png", "article.json", "run.json"}
        seen.add(contents(run)["step-03.png"])
        assert read_record(run).revisions[-1].seed == 4 + number
    assert len({pixels(data) for data in seen}) == 3


def test_several_steps_are_drawn_again_together(run: Path) -> None:
    before = contents(run)
    edit(run, "--step", "1", "--step", "3", "--redraw", "--seed", "9")
    assert {name for name in changed(before, run) if name.startswith("step")} == {"step-01.png", "step-03.png"}
    assert read_record(run).revisions[0].seed == 9


def test_the_same_edit_makes_the_same_bytes(run: Path, tmp_path: Path) -> None:
    for name in "ab":
        edit(run, "--step", "2", "--redraw", "--out", tmp_path / name)
    first, second = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert all(first[name] == second[name] for name in first if name != "run.json")


def test_the_kept_images_steer_the_new_one(run: Path, original: Path) -> None:
    photo = run / "step-01.png"
    edit(run, "--step", "1", "--redraw", "--seed", "77")
    assert photo.read_bytes() != (original / "step-01.png").read_bytes()
    edit(run, "--step", "3", "--redraw", "--seed", "5", "--out", run.parent / "after")
    edit(original, "--step", "3", "--redraw", "--seed", "5", "--out", run.parent / "before")
    assert pixels((run.parent / "after" / "step-03.png").read_bytes()) != pixels(
        (run.parent / "before" / "step-03.png").read_bytes()
    )


@pytest.mark.parametrize(
    "option", [("--sampler", "ddim"), ("--sampling-steps", "5"), ("--guidance", "6"), ("--seed", "3")]
)
def test_every_drawing_option_changes_the_new_image(original: Path, tmp_path: Path, option: tuple[str, str]) -> None:
    edit(original, "--step", "2", "--redraw", "--out", tmp_path / "plain")
    edit(original, "--step", "2", "--redraw", "--out", tmp_path / "other", *option)
    first, second = (contents(tmp_path / name)["step-02.png"] for name in ("plain", "other"))
    assert pixels(first) != pixels(second)


def test_out_leaves_the_run_as_it_was(run: Path, tmp_path: Path) -> None:
    before = contents(run)
    edit(run, "--step", "1", "--redraw", "--out", tmp_path / "other")
    assert contents(run) == before
    with pytest.raises(UsageError, match="finished article"):
        edit(run, "--step", "1", "--redraw", "--out", tmp_path / "other")
    edit(run, "--step", "1", "--redraw", "--out", tmp_path / "other", "--overwrite")


def test_images_without_recipes_get_none(original: Path, tmp_path: Path) -> None:
    model = original.parent / "tiny"
    app(
        [
            *("generate", "Make juice", *STEPS, "--model", str(model), "--device", "cpu", "--no-metadata"),
            *("--out", str(tmp_path / "bare"), "--quiet"),
        ],
        standalone_mode=False,
    )
    edit(tmp_path / "bare", "--step", "1", "--redraw")
    for path in (tmp_path / "bare").glob("*.png"):
        with Image.open(path) as image:
            assert "illinstr" not in image.info


def test_another_model_is_noted_and_may_draw(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = make_tiny_model(tmp_path / "tiny", seed=1)
    edit(run, "--step", "1", "--redraw", "--model", other)
    assert "not the model that drew the article" in capsys.readouterr().err
    assert read_record(run).revisions[0].model_sha256 != read_record(run).model_sha256


def test_json_and_quiet(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(run, "--step", "1", "--redraw", "--json", "--quiet")
    captured = capsys.readouterr()
    assert captured.err == ""
    result = json.loads(captured.out)
    assert result["run"] == str(run) and result["revision"]["steps"] == [1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--redraw",), "no step is named"),
        (("--step", "1"), "give --text or --redraw"),
        (("--step", "1", "--redraw", "--text", "x"), "give --text or --redraw"),
        (("--step", "4", "--redraw"), "there is no step 4"),
        (("--step", "0", "--redraw"), "there is no step 0"),
        (("--step", "1", "--text", " "), "a step is empty"),
        (("--step", "1", "--text", "x" * 400), "at most 300"),
        (("--step", "1", "--step", "2", "--text", "x"), "one step at a time"),
        (("--step", "2", "--text", "Cut it in half | With a knife."), "says that already"),
        (("--step", "1", "--redraw", "--sampler", "magic"), "--sampler 'magic'"),
        (("--step", "1", "--redraw", "--guidance", "nan"), "--guidance nan"),
        (("--step", "1", "--redraw", "--device", "toaster"), "--device 'toaster'"),
        (("--step", "1", "--redraw", "--dtype", "int8"), "--dtype 'int8'"),
        (("--step", "1", "--redraw", "--model", "no/such/folder"), "no such model folder"),
        (("--step", "1", "--redraw", "--offload"), "runs on the CPU alone"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_changes(
    run: Path, arguments: tuple[str, ...], message: str
) -> None:
    before = contents(run)
    with pytest.raises(IllinstrError, match=message) as caught:
        edit(run, *arguments)
    assert "\n" not in caught.value.message
    assert contents(run) == before


def test_a_damaged_run_is_refused(run: Path, tmp_path: Path) -> None:
    (run / "step-01.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="damaged"):
        edit(run, "--step", "2", "--redraw")
    with pytest.raises(DataError, match="no such run folder"):
        edit(tmp_path / "none", "--step", "2", "--redraw")


def test_markup_in_new_words_is_text(run: Path) -> None:
    edit(run, "--step", "1", "--text", "<script>alert(1)</script> [red]x[/red]")
    page = (run / "index.html").read_text()
    assert "<script>alert" not in page and "&lt;script&gt;" in page
