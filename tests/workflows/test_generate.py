"""``illinstr generate`` with a real model of random weights: what is drawn, recorded, repeated and resumed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from PIL import Image

from illinstr.cli.app import app
from illinstr.diffusion.names import SAMPLERS
from illinstr.errors import DataError, IllinstrError, PartialError, PlanError, UsageError
from illinstr.images import METADATA_KEY, encode_png
from illinstr.models.source import shown_name
from illinstr.progress import SilentReporter
from illinstr.runs import is_article_folder, read_record, read_run
from illinstr.sampling.drawing.batch import plan_batch
from illinstr.sampling.drawing.illustrator import (
    DrawingSettings,
    Illustrator,
)
from illinstr.sampling.writing import UserSteps, parse_step, plan_article
from tests.support import fork_server
from tests.support.tiny_model import PANEL_PX, make_tiny_model
from tests.support.tiny_upscaler import embedded_in

ROOT = Path(__file__).resolve().parents[2]
STEPS = ("--step", "Wash the apple", "--step", "Cut it in half | With a knife.", "--step", "Blend it")
GOAL = "How to make apple juice"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def generate(model: Path, capsys: pytest.CaptureFixture[str]):
    """Run the command in this process; returns (stdout, stderr), raises what ``main`` would turn into one line."""

    def run(*arguments: str | Path, steps: tuple[str, ...] = STEPS) -> tuple[str, str]:
        capsys.readouterr()
        words = ["generate", *map(str, arguments), *steps, "--model", str(model), "--device", "cpu"]
        app(words, standalone_mode=False)
        captured = capsys.readouterr()
        return captured.out, captured.err

    return run


def images(run: Path) -> list[bytes]:
    return [step.image.data for step in read_run(run)[0].steps if step.image and step.image.data]


def pixels(run: Path) -> list[bytes]:
    return [Image.open(io.BytesIO(data)).convert("RGB").tobytes() for data in images(run)]


def recipe(data: bytes) -> dict[str, Any]:
    with Image.open(io.BytesIO(data)) as image:
        found: dict[str, Any] = json.loads(image.info[METADATA_KEY])
    return found


def test_one_article(generate, tmp_path: Path) -> None:
    out, err = generate(GOAL, "--out", tmp_path / "juice", "--seed", "3")
    page = Path(out.splitlines()[-1])
    assert page == tmp_path / "juice" / "index.html"
    assert "3 instruction steps" in err and "4 sampling steps" in err
    assert "sampling steps: 4/4" in err
    names = {path.name for path in page.parent.iterdir()}
    assert names == {"index.html", "article.md", "strip.png", "article.json", "run.json"} | {
        f"step-0{i}.png" for i in (1, 2, 3)
    }
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "lxml")
    alts = [image["alt"] for image in soup.select("figure > img")]
    assert alts == [f"Drawing of step {number}" for number in (3, 1, 2, 3)]  # the cover is the last image
    record = read_record(page.parent)
    assert (record.goal, record.seed, record.num_steps, record.planner) == (GOAL, 3, 3, "user")
    assert (record.sampler, record.method, record.sampling_steps, record.guidance) == ("dpm++2m", "stacked", 4, 3.0)
    assert set(record.timings) == {"load_s", "plan_s", "draw_s"}
    assert {"illinstr", "torch", "diffusers"} <= set(record.versions)
    [article] = read_run(page.parent)
    assert article.steps[1].body == "With a knife."
    assert list(tmp_path.iterdir()) == [page.parent]


def test_images_are_what_the_pipeline_draws(generate, model: Path, tmp_path: Path) -> None:
    from illinstr.diffusion.loading import load_pipeline

    generate(
        GOAL, "--out", tmp_path / "a", "--seed", "5", "--sampler", "ddim", "--sampling-steps", "3", "--guidance", "2"
    )
    pipeline = load_pipeline(str(model), "cpu")
    headlines = ["Wash the apple", "Cut it in half", "Blend it"]
    drawn = pipeline(GOAL, headlines, seed=5, sampler="ddim", sampling_steps=3, guidance=2.0)
    assert pixels(tmp_path / "a") == [image.tobytes() for image in drawn]


def test_the_same_request_makes_the_same_bytes(generate, tmp_path: Path) -> None:
    for name in "ab":
        generate(GOAL, "--out", tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        if path.name != "run.json":  # it holds the time
            assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


@pytest.mark.parametrize(
    "option",
    [
        ("--seed", "1"),
        ("--method", "independent"),
        ("--sampler", "euler"),
        ("--sampling-steps", "6"),
        ("--guidance", "7.5"),
    ],
)
def test_every_drawing_option_changes_the_images(generate, tmp_path: Path, option: tuple[str, str]) -> None:
    generate(GOAL, "--out", tmp_path / "plain")
    generate(GOAL, "--out", tmp_path / "other", *option)
    assert pixels(tmp_path / "plain") != pixels(tmp_path / "other")
    field = option[0].removeprefix("--").replace("-", "_")
    assert str(getattr(read_record(tmp_path / "other"), field)) == option[1]


def test_dtype_changes_the_images_a_little(generate, tmp_path: Path) -> None:
    for dtype in ("float32", "bfloat16"):
        generate(GOAL, "--out", tmp_path / dtype, "--dtype", dtype)
    assert pixels(tmp_path / "float32") != pixels(tmp_path / "bfloat16")


def test_every_image_carries_its_recipe_unless_told_not_to(generate, model: Path, tmp_path: Path) -> None:
    generate(GOAL, "--out", tmp_path / "with", "--seed", "9")
    generate(GOAL, "--out", tmp_path / "without", "--seed", "9", "--no-metadata")
    for index, data in enumerate(images(tmp_path / "with"), start=1):
        found = recipe(data)
        assert (found["goal"], found["seed"], found["step"]) == (GOAL, 9, index)
        assert found["model_sha256"] == read_record(tmp_path / "with").model_sha256
        assert str(model.parent).encode() not in data
    assert recipe((tmp_path / "with" / "strip.png").read_bytes())["seed"] == 9
    for path in (tmp_path / "without").glob("*.png"):
        with Image.open(path) as image:
            image.load()
            assert not getattr(image, "text", {})
    assert pixels(tmp_path / "with") == pixels(tmp_path / "without")


def test_a_length_the_model_never_saw_is_noted(generate, tmp_path: Path) -> None:
    _, err = generate(GOAL, "--out", tmp_path / "one", steps=STEPS[:2])
    assert "note: the model was trained on articles of 2 to 6 steps; 1 may look worse" in err
    _, err = generate(GOAL, "--out", tmp_path / "three")
    assert "note:" not in err


def test_json_and_quiet(generate, tmp_path: Path) -> None:
    out, err = generate(GOAL, "--out", tmp_path / "a", "--json", "--quiet")
    assert err == ""
    result = json.loads(out)
    assert result["page"] == str(tmp_path / "a" / "index.html")
    assert result["record"] == json.loads((tmp_path / "a" / "run.json").read_text())


def test_default_out_and_open(generate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opener = tmp_path / "opener"
    opener.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    opener.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(opener))
    monkeypatch.setattr("webbrowser._tryorder", None)
    monkeypatch.chdir(tmp_path)
    out, _ = generate(GOAL, "--open", "--seed", "2")
    page = tmp_path / "runs" / "make-apple-juice-s2" / "index.html"
    assert out.splitlines()[-1] == str(page)
    assert (tmp_path / "opened").read_text().strip() == page.as_uri()


def test_overwrite_replaces_the_whole_article(generate, tmp_path: Path) -> None:
    generate(GOAL, "--out", tmp_path / "a")
    with pytest.raises(UsageError, match="finished article"):
        generate(GOAL, "--out", tmp_path / "a", "--seed", "1")
    assert read_record(tmp_path / "a").seed == 0
    generate(GOAL, "--out", tmp_path / "a", "--seed", "1", "--overwrite", steps=STEPS[:2])
    assert read_record(tmp_path / "a").seed == 1
    assert [path.name for path in (tmp_path / "a").glob("step-*")] == ["step-01.png"]


def test_variants_are_the_runs_with_the_next_seeds(generate, tmp_path: Path) -> None:
    out, _ = generate(GOAL, "--out", tmp_path / "many", "--num-variants", "3", "--seed", "4")
    assert out.splitlines()[-1] == str(tmp_path / "many" / "index.html")
    assert len(read_run(tmp_path / "many")) == 3
    generate(GOAL, "--out", tmp_path / "one", "--seed", "5")
    assert images(tmp_path / "one") == images(tmp_path / "many" / "make-apple-juice-s5")
    soup = BeautifulSoup((tmp_path / "many" / "index.html").read_text(), "lxml")
    links = [str(a["href"]) for a in soup.find_all("a")]
    assert links == [f"make-apple-juice-s{seed}/index.html" for seed in (4, 5, 6)]
    assert all((tmp_path / "many" / link).is_file() for link in links)


def stamps(out: Path) -> dict[str, int]:
    return {path.name: (path / "run.json").stat().st_mtime_ns for path in out.iterdir() if path.is_dir()}


class TestBatch:
    """``--num-variants`` stands for batches: goals of a file take the same way."""

    def test_finished_articles_are_not_made_again(self, generate, tmp_path: Path) -> None:
        generate(GOAL, "--out", tmp_path / "b", "--num-variants", "2")
        before = stamps(tmp_path / "b")
        _, err = generate(GOAL, "--out", tmp_path / "b", "--num-variants", "3")
        assert "2 of 3 articles are there already" in err
        assert stamps(tmp_path / "b").items() > before.items()
        _, err = generate(GOAL, "--out", tmp_path / "b", "--num-variants", "3")
        assert "made 0, kept 3, failed 0" in err
        generate(GOAL, "--out", tmp_path / "b", "--num-variants", "3", "--overwrite")
        assert all(stamps(tmp_path / "b")[name] > time_ns for name, time_ns in before.items())

    @pytest.mark.parametrize(
        ("options", "name"),
        [
            (("--sampler", "ddim"), "sampler"),
            (("--guidance", "1"), "guidance"),
            (("--sampling-steps", "9"), "sampling steps"),
            (("--method", "independent"), "method"),
            (("--upscale", "2"), "settings of the model"),
        ],
    )
    def test_other_settings_are_not_mixed_in(
        self, generate, tmp_path: Path, options: tuple[str, ...], name: str
    ) -> None:
        generate(GOAL, "--out", tmp_path / "b", "--num-variants", "2")
        with pytest.raises(UsageError, match=rf"made otherwise \({name}") as caught:
            generate(GOAL, "--out", tmp_path / "b", "--num-variants", "3", *options)
        assert "--overwrite" in (caught.value.hint or "")
        with pytest.raises(UsageError, match=r"made otherwise \(text"):
            generate(GOAL, "--out", tmp_path / "b", "--num-variants", "3", steps=("--step", "x", *STEPS[2:]))

    def test_larger_images_are_made_recorded_and_edited_alike(self, generate, tmp_path: Path) -> None:
        with embedded_in(tmp_path / "upscaler"):
            generate(GOAL, "--out", tmp_path / "a", "--upscale", "4")
            [article] = read_run(tmp_path / "a")
            assert {step.image.width for step in article.steps} == {4 * PANEL_PX}
            assert read_record(tmp_path / "a").changes == {"upscale": 4}
            before = [step.image.data for step in article.steps]
            app(["edit", str(tmp_path / "a"), "--step", "2", "--redraw", "--device", "cpu"], standalone_mode=False)
            [edited] = read_run(tmp_path / "a")
            after = [step.image.data for step in edited.steps]
            assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]
            assert edited.steps[1].image.width == 4 * PANEL_PX
        with pytest.raises(UsageError, match="--upscale 3 is unknown") as caught:
            generate(GOAL, "--out", tmp_path / "b", "--upscale", "3")
        assert caught.value.hint == "choose from 1, 2, 4"

    def test_other_models_are_not_mixed_in(self, generate, tmp_path: Path) -> None:
        generate(GOAL, "--out", tmp_path / "b", "--num-variants", "2")
        other = make_tiny_model(tmp_path / "tiny", seed=1)
        with pytest.raises(UsageError, match="drawn by another model"):
            app(
                ["generate", GOAL, *STEPS, "--model", str(other), "--out", str(tmp_path / "b"), "--num-variants", "3"],
                standalone_mode=False,
            )

    def test_a_damaged_article_fails_alone(self, generate, tmp_path: Path, model: Path) -> None:
        generate(GOAL, "--out", tmp_path / "b", "--num-variants", "2")
        (tmp_path / "b" / "make-apple-juice-s0" / "step-01.png").write_bytes(b"")
        with pytest.raises(IllinstrError, match="damaged"):
            generate(GOAL, "--out", tmp_path / "b", "--num-variants", "2")


def program_of(model: Path, *options: str) -> list[str]:
    """The command line of a run in a process of its own."""
    program = [sys.executable, "-c", "from illinstr.cli.app import main; main()", "generate", GOAL, *STEPS]
    return [*program, "--model", str(model), "--device", "cpu", *options]


def published(out: Path) -> list[Path]:
    return [path for path in out.glob("*-s*") if not path.name.endswith(".incomplete")]


def test_kill_in_a_batch_loses_nothing_finished(model: Path, tmp_path: Path, generate) -> None:
    program = program_of(model, "--out", str(tmp_path / "b"), "--num-variants", "40", "--quiet")
    process = fork_server.Popen(program, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"})
    while len(published(tmp_path / "b")) < 3 and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = published(tmp_path / "b")
    assert 3 <= len(finished) < 40
    assert all(is_article_folder(path) and len(images(path)) == 3 for path in finished)
    before = stamps(tmp_path / "b")
    wanted = str(len(finished) + 2)
    generate(GOAL, "--out", tmp_path / "b", "--num-variants", wanted)
    assert len(read_run(tmp_path / "b")) == int(wanted)
    after = stamps(tmp_path / "b")
    assert all(after[path.name] == before[path.name] for path in finished)


def test_interrupt_ends_with_130_and_leaves_nothing(model: Path, tmp_path: Path) -> None:
    arguments = [
        "generate",
        GOAL,
        *STEPS,
        "--model",
        str(model),
        "--out",
        str(tmp_path / "a"),
        "--sampling-steps",
        "900",
    ]
    program = [sys.executable, "-c", "from illinstr.cli.app import main; main()", *arguments, "--device", "cpu"]
    process = fork_server.Popen(program, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "sampling steps (" in line:  # the header: the model is loaded, the drawing begins
            break
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 130, rest
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


def test_a_bad_goal_does_not_stop_the_others(tmp_path: Path) -> None:
    goals = ["How to make tea", "a" * 400, "?", "How to make juice"]
    plan = plan_batch(goals, [0, 1], UserSteps([parse_step("Begin")]), 1, tmp_path)
    assert [job.folder.name for job in plan.jobs] == [
        *("make-tea-s0", "make-tea-s1", "make-juice-s0", "make-juice-s1"),
    ]
    assert [failure.goal for failure in plan.failures] == ["a" * 400, "a" * 400, "?", "?"]


class TestMiniHow:
    """With the writer of the embedded world."""

    def test_writes_as_many_steps_as_asked_for(self, generate, tmp_path: Path) -> None:
        generate(GOAL, "--out", tmp_path / "a", "--steps", "5", steps=())
        [article] = read_run(tmp_path / "a")
        assert article.num_steps == 5
        assert read_record(tmp_path / "a").planner == "minihow"
        assert article.provenance.source == "generated"

    def test_a_goal_outside_the_world(self, generate, tmp_path: Path) -> None:
        with pytest.raises(PlanError) as caught:
            generate("How to fly to the moon", "--out", tmp_path / "a", steps=())
        assert re.search("outside the embedded world, which knows fruit juice, smoothies, .+$", caught.value.message)
        assert re.match("--llm .* --step", caught.value.hint or "")
        assert list(tmp_path.iterdir()) == []

    def test_goals_file(self, generate, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        goals = tmp_path / "goals.txt"
        goals.write_text(f"# a book\n{GOAL}\nHow to fly to the moon\n{GOAL.lower()}!\n")
        for made, kept in ((1, 0), (0, 1)):
            with pytest.raises(PartialError) as caught:
                generate("--goals-file", goals, "--out", tmp_path / "book", "--json", "--steps", "4", steps=())
            assert caught.value.exit_code == 3
            assert "1 of 2" in caught.value.message
            result = json.loads(capsys.readouterr().out)
            assert (result["made"], result["kept"]) == (made, kept)
            assert [failure["goal"] for failure in result["failed"]] == ["How to fly to the moon"]
            assert len(read_run(tmp_path / "book")) == 1
        goals.write_text("How to fly to the moon\n")
        with pytest.raises(DataError, match="none of the 1 articles") as failed:
            generate("--goals-file", goals, "--out", tmp_path / "none", steps=())
        assert failed.value.exit_code == 1
        assert not (tmp_path / "none").exists()


class TestIllustrator:
    def test_sampler_names_are_those_of_the_schedule(self) -> None:
        from illinstr.diffusion import schedule

        assert sorted(SAMPLERS) == sorted(schedule.SAMPLERS)

    def test_draws_with_every_sampler(self, model: Path) -> None:
        from illinstr.diffusion.pipeline import StackedDiffusionPipeline

        pipeline = StackedDiffusionPipeline.from_folder(str(model))
        plan = plan_article(UserSteps([parse_step("Boil"), parse_step("Pour")]), "Make tea", 2, seed=0)
        seen = set()
        for sampler in SAMPLERS:
            illustrator = Illustrator(pipeline, DrawingSettings(sampler=sampler, sampling_steps=3, metadata=False))
            article, record = illustrator.draw(plan, goal="Make tea", seed=0, reporter=SilentReporter())
            assert record.sampler == sampler
            assert all(step.image and step.image.width == pipeline.panel_px for step in article.steps)
            seen.add(tuple(step.image.sha256 for step in article.steps if step.image))
        assert len(seen) >= 4  # some agree on so few steps; none may be ignored altogether

    def test_png_bytes_hang_on_image_and_recipe_alone(self) -> None:
        image = Image.new("RGB", (4, 4), (1, 2, 3))
        image.info["comment"] = "left over"
        plain = encode_png(image, None)
        assert b"left over" not in plain
        assert encode_png(image, {"goal": "é\n\x00"}) != plain
        assert recipe(encode_png(image, {"goal": "é 泡"})) == {"goal": "é 泡"}
        assert hashlib.sha256(plain).digest() == hashlib.sha256(encode_png(image.copy(), None)).digest()

    @pytest.mark.parametrize(
        ("model_id", "name"),
        [
            ("/home/me/models/juice/", "juice"),
            ("./juice", "juice"),
            ("~/juice", "juice"),
            (r"C:\Users\me\juice", "juice"),
            ("org/juice", "org/juice"),
            ("mini", "mini"),
        ],
    )
    def test_model_names_hold_no_folders(self, model_id: str, name: str) -> None:
        assert shown_name(model_id) == name


def test_alt_texts_claim_no_room_that_the_model_was_not_told_of(generate, tmp_path: Path) -> None:
    out, _ = generate("How to make apple juice", "--steps", "2", "--out", tmp_path / "juice", steps=())
    soup = BeautifulSoup(Path(out.splitlines()[-1]).read_text(encoding="utf-8"), "lxml")
    steps = read_run(tmp_path / "juice")[0].steps
    alts = [image["alt"] for image in soup.select("ol.steps figure > img")]
    assert alts == [str(step.caption).partition(":")[0] + "." for step in steps]
    assert all(" wall" in str(step.caption) and " wall" not in alt for step, alt in zip(steps, alts, strict=True))
