"""``illinstr generate --llm``: what a language model writes is drawn, recorded and printed as mere words."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from PIL import Image

from illinstr.cli.app import app
from illinstr.errors import PartialError, PlanError, UsageError
from illinstr.runs import read_article, read_record
from tests.support import fork_server
from tests.support.llm_server import LlmServer, refused, said, serve
from tests.support.llm_server import steps as answer_steps
from tests.support.tiny_llm import make_llm_folder
from tests.support.tiny_model import make_tiny_model

ROOT = Path(__file__).resolve().parents[2]
GOAL = "How to train a dragon"
SECRET = "I am left-handed and afraid of fire"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def llm():
    with serve() as server:
        server.replies(said(answer_steps("Buy a dragon.", "Feed the dragon.", "Praise it.")))
        yield server


@pytest.fixture
def generate(model: Path, llm: LlmServer, capsys: pytest.CaptureFixture[str]):
    def run(*arguments: str | Path, steps: str = "3") -> tuple[str, str]:
        capsys.readouterr()
        words = ["generate", *map(str, arguments), "--model", str(model), "--device", "cpu", "--steps", steps]
        app([*words, "--llm", f"{llm.address}#tiny"], standalone_mode=False)
        captured = capsys.readouterr()
        return captured.out, captured.err

    return run


def test_any_goal_is_written_and_drawn(generate, llm: LlmServer, tmp_path: Path) -> None:
    _, err = generate(GOAL, "--out", tmp_path / "a", "--context", SECRET, "--seed", "5")
    assert "server:tiny writes the steps" in err
    article, record = read_article(tmp_path / "a"), read_record(tmp_path / "a")
    assert [step.headline for step in article.steps] == ["Buy a dragon.", "Feed the dragon.", "Praise it."]
    assert record.planner == "server:tiny" and record.writing is not None
    writing = record.writing
    assert (writing.prompt.name, writing.prompt.version, writing.seed) == ("article", 1, 5)
    frozen = json.loads((ROOT / "tests" / "golden" / "prompts.json").read_text())
    assert writing.prompt.sha256 == frozen["article-v1.jinja"]
    assert writing.context == SECRET and len(writing.examples) == 3
    assert f'Reader: "{SECRET}"' in llm.asked[0].text


def test_what_a_reader_said_is_in_run_json_alone(generate, tmp_path: Path) -> None:
    generate(GOAL, "--out", tmp_path / "a", "--context", SECRET)
    for path in (tmp_path / "a").iterdir():
        if path.suffix == ".png":
            with Image.open(path) as image:
                assert "left-handed" not in json.dumps({key: str(value) for key, value in image.info.items()})
        elif path.name != "run.json":
            assert "left-handed" not in path.read_text(), path.name


def test_examples_can_be_more_or_none(generate, llm: LlmServer, tmp_path: Path) -> None:
    for number in (0, 1, 4):
        generate(GOAL, "--out", tmp_path / str(number), "--examples", str(number))
    assert [len(asked.body["messages"]) for asked in llm.asked] == [2, 4, 10]
    record = read_record(tmp_path / "4")
    assert record.writing is not None and len(set(record.writing.examples)) == 4


def test_hostile_steps_are_mere_words_on_the_page(generate, llm: LlmServer, tmp_path: Path) -> None:
    nasty = [
        "Pour \x1b]0;x\x07it [red]in[/red] <img src=x onerror=alert(1)",
        "Add }}{{ 7*7 }}{% x %} |x",
        "Stop -- <!-- & --",
    ]
    llm.replies(said(answer_steps(*nasty)))
    out, _ = generate("Tea <b>[bold]now[/bold] & \x1b[31mthen", "--out", tmp_path / "a", "--json")
    text = (tmp_path / "a" / "index.html").read_text()
    soup = BeautifulSoup(text, "lxml")
    assert len(soup.find_all("img")) == 4 and not soup.find_all("b")
    assert [each["type"] for each in soup.find_all("script")] == ["application/ld+json"]
    assert not [tag for tag in soup.find_all(True) if any(name.startswith("on") for name in tag.attrs)]
    assert "<!--" not in text and "\x1b" not in text + out
    assert soup.find("h1").get_text() == "Tea <b>[bold]now[/bold] & [31mthen"  # type: ignore[union-attr]
    words = read_article(tmp_path / "a").steps
    assert words[0].headline == "Pour ]0;xit [red]in[/red] <img src=x onerror=alert(1)"


def test_a_batch_asks_once_an_article(generate, llm: LlmServer, tmp_path: Path) -> None:
    """A server need not say the same twice: on going on, finished articles keep their words."""
    told = iter(range(100))
    llm.script = lambda asked: said(answer_steps(*[f"Do thing {next(told)}." for _ in range(3)]))
    generate(GOAL, "--out", tmp_path / "b", "--num-variants", "2")
    assert len(llm.asked) == 2
    words = [read_article(folder).id for folder in sorted((tmp_path / "b").glob("*-s*"))]
    _, err = generate(GOAL, "--out", tmp_path / "b", "--num-variants", "3")
    assert "2 of 3 articles are there already" in err
    assert len(llm.asked) == 3
    assert [read_article(folder).id for folder in sorted((tmp_path / "b").glob("*-s*"))][:2] == words
    with pytest.raises(UsageError, match="made otherwise"):
        generate(GOAL, "--out", tmp_path / "b", "--num-variants", "2", "--context", "another reader")
    generate(GOAL, "--out", tmp_path / "b", "--num-variants", "2", "--overwrite")
    assert [read_article(folder).id for folder in sorted((tmp_path / "b").glob("*-s*"))][:2] != words


def test_from_python(model: Path, llm: LlmServer, tmp_path: Path) -> None:
    import illinstr

    made = illinstr.generate(
        GOAL, 3, writer=f"{llm.address}#tiny", context=SECRET, model=str(model), out=tmp_path / "a", seed=2
    )
    assert made.article.steps[0].headline == "Buy a dragon."
    assert made.record.writing is not None and made.record.writing.context == SECRET
    assert llm.asked[0].body["seed"] == 2
    with pytest.raises(UsageError, match="needs a language model"):
        illinstr.generate(GOAL, ["Boil"], context="x", model=str(model), out=tmp_path / "b")


def test_a_goal_that_the_model_cannot_write_fails_alone(generate, llm: LlmServer, tmp_path: Path) -> None:
    goals = tmp_path / "goals.txt"
    goals.write_text(f"{GOAL}\nHow to do the impossible\n")
    good = llm.script
    llm.script = lambda asked: said("No.") if "impossible" in asked.text else good(asked)
    with pytest.raises(PartialError, match="1 of 2"):
        generate("--goals-file", goals, "--out", tmp_path / "book")
    assert len(list((tmp_path / "book").glob("*/run.json"))) == 1


@pytest.mark.parametrize("reply", [said("I am sorry."), said(""), refused("down", 404), said("x" * 900_000)])
def test_a_model_that_writes_nothing_of_use_leaves_nothing(generate, llm, tmp_path: Path, reply) -> None:
    llm.replies(reply)
    with pytest.raises(PlanError):
        generate(GOAL, "--out", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_everything_is_checked_before_the_model_is_asked(generate, llm: LlmServer, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    for arguments in (
        ("--out", tmp_path / "mine"),
        ("--examples", "9"),
        ("--context", " "),
        ("--context", "x" * 1_001),
    ):
        with pytest.raises(UsageError):
            generate(GOAL, *arguments)
    with pytest.raises(UsageError, match="10,000 characters"):
        generate("a" * 10_000, "--out", tmp_path / "a")
    with pytest.raises(UsageError, match="--llm has nothing to write"):
        generate(GOAL, "--step", "x", steps="1")
    assert llm.asked == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--context", "x"), "the embedded writer cannot take a reader's situation into account"),
        (("--context", "x", "--step", "y"), "--context has nothing to write"),
        (("--llm", "none.gguf"), "cannot be read"),
        (("--llm", "hf:../x"), "no hub id"),
        (("--llm", "http://user:pass@host/v1"), "no user, password"),
    ],
)
def test_wrong_use_in_a_process_of_its_own(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    """torch is forbidden: nothing heavy is loaded before the refusal."""
    code = "import sys; sys.modules['torch'] = None; from illinstr.cli.app import main; main()"
    done = fork_server.run(
        [sys.executable, "-c", code, "generate", "How to make tea", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        server="light",
    )
    assert done.returncode in (1, 2) and done.stdout == ""
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ") and message in error and hint.startswith("hint: ")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_transformers_writes_for_the_command_line(model: Path, tmp_path: Path) -> None:
    folder = make_llm_folder(tmp_path / "tiny-instruct")
    words = ["generate", GOAL, "--steps", "1", "--llm", str(folder), "--model", str(model), "--seed", "3"]
    for seed in range(3, 9):  # random weights seldom write a word; one of these seeds does
        try:
            app([*words, "--seed", str(seed), "--out", str(tmp_path / "a"), "--examples", "0"], standalone_mode=False)
            break
        except PlanError:
            continue
    record = read_record(tmp_path / "a")
    assert record.planner == "hf:tiny-instruct" and record.writing is not None
    assert record.writing.forced == "schema" and record.writing.model_hash
