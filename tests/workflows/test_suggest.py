"""``illinstr suggest``: goals for what is at hand, offline and by a language model, and going on with one of them."""

from __future__ import annotations

import json
import os
import pty
import sys
from pathlib import Path

import pytest

from illinstr.cli.app import app
from illinstr.errors import PlanError, UsageError
from illinstr.minihow import AtHand, all_goals, recognise, suggest_goals
from illinstr.runs import read_record
from tests.support import fork_server
from tests.support.llm_server import said, serve
from tests.support.llm_server import steps as answer_steps
from tests.support.tiny_model import make_tiny_model

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def suggest(capsys: pytest.CaptureFixture[str]):
    def run(*arguments: str | Path) -> tuple[str, str]:
        capsys.readouterr()
        app(["suggest", *map(str, arguments)], standalone_mode=False)
        captured = capsys.readouterr()
        return captured.out, captured.err

    return run


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


class TestOfflineGoals:
    @pytest.mark.parametrize(
        ("at_hand", "family"),
        [
            ("eggs, stale bread", "sandwich"),
            ("eggs", "omelette"),
            ("paper and scissors", "boat"),
            ("milk; bananas", "smoothie"),
            ("some soil, a pot", "cactus"),
            ("I have an old T-shirt", "dye"),
            ("flour, eggs, icing", "biscuits"),
            ("candle wax", "candle"),
        ],
    )
    def test_what_is_at_hand_decides(self, at_hand: str, family: str) -> None:
        found = suggest_goals(at_hand, 5)
        families = [known.family for each in found if (known := recognise(each.goal))]
        assert family in families[:2]
        assert all(each.goal in all_goals() and each.uses for each in found)

    def test_more_things_used_come_first_and_families_are_mixed(self) -> None:
        found = suggest_goals("eggs, stale bread", 4)
        assert found[0].uses == ("eggs", "stale bread")
        assert len({recognise(each.goal).family for each in found[:3]}) == 3  # type: ignore[union-attr]

    @pytest.mark.parametrize("text", ["plutonium", "ten minutes", "and, with; a few", "é泡", "x" * 900, "1234"])
    def test_nothing_fits(self, text: str) -> None:
        assert suggest_goals(text, 5) == []

    def test_count(self) -> None:
        assert [len(suggest_goals("water", count)) for count in (1, 3, 20)] == [1, 3, 20]

    def test_times_are_told_apart(self) -> None:
        found = AtHand.read("I have eggs, ten minutes and stale bread; half an hour!")
        assert found == AtHand(things=("eggs", "stale bread"), times=("ten minutes", "half an hour"))


def test_a_numbered_list_and_what_was_left_out(suggest) -> None:
    out, err = suggest("eggs, plutonium, ten minutes", "--count", "3")
    lines = out.splitlines()
    assert [line[:10] for line in lines] == ["1. How to ", "2. How to ", "3. How to "]
    assert "(uses eggs)" in lines[0]
    assert "none of these uses plutonium" in err and "how long things take: ten minutes" in err


def test_json_never_asks(suggest) -> None:
    out, _ = suggest("eggs", "--json", "--quiet")
    found = json.loads(out)
    assert found["at_hand"] == "eggs" and len(found["suggestions"]) == 5
    assert set(found["suggestions"][0]) == {"goal", "uses"}


def test_nothing_fits_is_said_plainly(suggest) -> None:
    with pytest.raises(PlanError, match='makes nothing of "plutonium"') as caught:
        suggest("plutonium")
    assert "--llm" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((" ",), "is empty"),
        (("x" * 10_000,), "10,000 characters"),
        (("eggs", "--count", "0"), "--count 0"),
        (("eggs", "--choose", "6"), "--choose 6"),
        (("eggs", "--context", "x"), "cannot take"),
        (("eggs", "--llm", "oracle"), "is unknown"),
    ],
)
def test_wrong_use(suggest, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        suggest(*arguments)


def test_choose_goes_on_to_the_article(suggest, model: Path, tmp_path: Path) -> None:
    chosen = suggest_goals("paper", 2)[1].goal
    arguments = ("--choose", "2", "--steps", "3", "--out", tmp_path / "a", "--model", model, "--seed", "4")
    out, _ = suggest("paper", *arguments)
    assert out.splitlines()[-1] == str(tmp_path / "a" / "index.html")
    record = read_record(tmp_path / "a")
    assert (record.goal, record.num_steps, record.seed) == (chosen, 3, 4)
    with pytest.raises(UsageError, match="finished article"):
        suggest("paper", *arguments)
    out, _ = suggest("paper", *arguments, "--overwrite", "--json")
    assert json.loads(out)["page"] == str(tmp_path / "a" / "index.html")


def test_a_language_model_suggests_and_writes(suggest, model: Path, tmp_path: Path) -> None:
    with serve() as llm:
        goals = json.dumps({"goals": ["How to make French toast", "How to make [red]toast[/red]"]})
        llm.replies(said(goals), said(answer_steps("Beat the eggs.", "Fry the bread.")))
        out, err = suggest(
            *("stale bread", "--llm", f"{llm.address}#tiny", "--count", "2", "--choose", "2", "--steps", "2"),
            *("--context", "I have no oven", "--model", model, "--out", tmp_path / "a", "--seed", "9"),
        )
    assert out.splitlines()[:2] == ["1. How to make French toast", "2. How to make [red]toast[/red]"]
    assert "server:tiny writes the goals" in err
    assert [asked.body["seed"] for asked in llm.asked] == [9, 9]
    assert all('"I have no oven"' in asked.text for asked in llm.asked)
    record = read_record(tmp_path / "a")
    assert record.goal == "How to make [red]toast[/red]"
    assert record.writing is not None and record.writing.context == "I have no oven"


def test_on_a_terminal_it_asks_and_goes_on(model: Path, tmp_path: Path) -> None:
    main, side = pty.openpty()
    code = "from illinstr.cli.app import main; main()"
    arguments = ["suggest", "paper", "--count", "3", "--model", str(model), "--steps", "2", "--out", "a", "--quiet"]
    process = fork_server.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path,
        stdin=side,
        stdout=side,
        stderr=side,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    os.close(side)
    os.write(main, b"9\nno\n3\n")  # two answers that are none, then one that is
    said_all = b""
    while True:
        try:
            piece = os.read(main, 4096)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        said_all += piece
    os.close(main)
    assert process.wait() == 0, said_all.decode()
    text = said_all.decode()
    assert text.count("Which one? 1 to 3") == 3
    assert text.strip().splitlines()[-1].endswith("a/index.html")
    assert read_record(tmp_path / "a").goal == suggest_goals("paper", 3)[2].goal
