"""``illinstr generate`` with wrong input: one line, a hint, the right exit code, and nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from illinstr.runs import write_run
from tests.support import fork_server
from tests.support.tiny_run import make_article, make_record

PROGRAM = "import sys; from illinstr.cli.app import main; main()"
ROOT = Path(__file__).resolve().parents[2]


def generate(*arguments: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own, its code forbidden to load torch."""
    program = "import sys; sys.modules['torch'] = None; " + PROGRAM
    return fork_server.run(
        [sys.executable, "-c", program, "generate", *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "COLUMNS": "200"},
        check=False,
        server="light",
    )


def model_folder(tmp_path: Path) -> Path:
    """A folder that passes for a model as long as nobody loads it."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    return folder


STEP = ("--step", "Boil water")
REFUSALS = [
    ((), 2, "give one goal, or --goals-file"),
    (("",), 2, "the goal is empty"),
    (("   ",), 2, "the goal is empty"),
    (("\x1b\x07",), 2, "the goal is empty"),
    (("a" * 10_000,), 2, "10,000 characters"),
    (("Make tea", "--steps", "0"), 2, "--steps 0 is not between 1 and 100"),
    (("Make tea", "--steps", "-3"), 2, "--steps -3 is not between"),
    (("Make tea", "--steps", "101"), 2, "--steps 101 is not between"),
    (("Make tea", *STEP, "--steps", "2"), 2, "--steps 2, but the steps given are 1"),
    (("Make tea", "--step", " "), 2, "a step is empty"),
    (("Make tea", *STEP * 101), 2, "at most 100"),
    (("Make tea", *STEP, "--sampling-steps", "0"), 2, "--sampling-steps 0 is not between"),
    (("Make tea", *STEP, "--guidance", "nan"), 2, "--guidance nan"),
    (("Make tea", *STEP, "--guidance", "-1"), 2, "--guidance -1"),
    (("Make tea", *STEP, "--seed", "-1"), 2, "--seed -1"),
    (("Make tea", *STEP, "--num-variants", "0"), 2, "--num-variants 0"),
    (("Make tea", *STEP, "--window", "0"), 2, "--window 0 is not between"),
    (("Make tea", *STEP, "--first-picture", "none.jpg"), 2, "--first-picture: cannot read none.jpg"),
    (("Make tea", *STEP, "--first-picture", "x", "--method", "independent"), 2, "steers images drawn together"),
    (("Make tea", *STEP, "--sampler", "magic"), 2, "--sampler 'magic' is unknown"),
    (("Make tea", *STEP, "--method", "both"), 2, "--method 'both' is unknown"),
    (("Make tea", *STEP, "--device", "toaster"), 2, "--device 'toaster' is unknown"),
    (("Make tea", *STEP, "--dtype", "int8"), 2, "--dtype 'int8' is unknown"),
    (("Make tea", "--llm", "oracle"), 2, "--llm 'oracle' is unknown"),
    (("Make tea", *STEP, "--steps-file", "x"), 2, "cannot be used together"),
    (("Make tea", "--steps-file", "none.txt"), 2, "cannot read none.txt"),
    (("Make tea", "--goals-file", "x"), 2, "give one goal, or --goals-file"),
    (("--goals-file", "none.txt"), 2, "cannot read none.txt"),
    (("--goals-file", "x", *STEP), 2, "cannot serve"),
    (("Make tea", *STEP, "--model", "no/such/folder"), 1, "no such model folder: no/such/folder"),
    (("Make tea", *STEP, "--model", "."), 1, "not a model folder"),
    (("Make tea", *STEP, "--out", "/dev/null/x"), 2, "is not a folder"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), REFUSALS)
def test_one_line_a_hint_and_nothing_left_behind(
    tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = generate(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    error, *rest = done.stderr.splitlines()
    assert error.startswith("error: ") and message in error
    assert len(rest) <= 1 and all(line.startswith("hint: ") for line in rest)
    assert "\x1b" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_finished_articles_and_other_files_are_not_replaced(tmp_path: Path) -> None:
    model = model_folder(tmp_path)
    run = write_run(tmp_path / "run", make_article(), make_record(), {})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    for out, message, extra in (
        ("run", "holds a finished article", ()),
        ("mine", "thesis.tex, which illinstr did not write", ("--overwrite",)),
    ):
        done = generate("Make tea", *STEP, "--model", str(model), "--out", out, *extra, cwd=tmp_path)
        assert done.returncode == 2
        assert message in done.stderr and "hint: " in done.stderr
    assert (run / "run.json").is_file()
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "x"


class TestDryRun:
    def test_shows_the_steps_loads_no_torch_and_makes_nothing(self, tmp_path: Path) -> None:
        model = model_folder(tmp_path)
        before = sorted(tmp_path.rglob("*"))
        done = generate(
            "How to make tea",
            "--dry-run",
            "--model",
            str(model),
            "--steps-file",
            "-",
            cwd=tmp_path,
            stdin="Boil\nPour\n",
        )
        assert done.returncode == 0, done.stderr
        first, *steps = done.stdout.splitlines()
        assert first == "How to make tea (seed 0) -> runs/make-tea-s0"
        assert steps == ["  1. Boil", "  2. Pour"]
        assert sorted(tmp_path.rglob("*")) == before

    def test_json_holds_what_was_asked_for(self, tmp_path: Path) -> None:
        model = model_folder(tmp_path)
        done = generate(
            *("Make tea", *STEP, "--dry-run", "--json", "--model", str(model), "--num-variants", "2", "--seed", "5"),
            *("--sampler", "ddim", "--method", "independent", "--guidance", "2", "--sampling-steps", "9", "--out", "x"),
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert [(a["seed"], Path(a["run"]).name, a["steps"]) for a in result["articles"]] == [
            (5, "make-tea-s5", ["Boil water"]),
            (6, "make-tea-s6", ["Boil water"]),
        ]
        assert (result["sampler"], result["method"], result["guidance"], result["sampling_steps"]) == (
            *("ddim", "independent", 2.0, 9),
        )

    def test_markup_in_goals_and_steps_is_text(self, tmp_path: Path) -> None:
        model = model_folder(tmp_path)
        done = generate("[red]Tea[/red]", "--step", "[/] <b>", "--dry-run", "--model", str(model), cwd=tmp_path)
        assert "[red]Tea[/red] (seed 0)" in done.stdout and "1. [/] <b>" in done.stdout


def test_help_has_a_worked_example_and_the_defaults(tmp_path: Path) -> None:
    done = generate("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert 'illinstr generate "How to make apple juice" --steps 6 --out juice' in " ".join(done.stdout.split())
    assert "[default: 6]" in done.stdout
