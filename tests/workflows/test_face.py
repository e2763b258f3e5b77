"""Every argument of every verb of the Python face: what it may not be is refused at once, by its name."""

from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import Any

import pytest

import illinstr
from illinstr.diffusion.names import METHODS, SAMPLERS
from illinstr.errors import IllinstrError, UsageError
from illinstr.runs import write_run
from tests.support.tiny_run import make_article, make_record

NEVER = "never/looked-for/here"
VERBS = ("correct", "edit", "evaluate", "export", "generate", "generate_batch", "scrape", "suggest", "train")
# Texts that only some of which are known; others may be any.
CHOICES = {
    "device",
    "dtype",
    "goal_distractors",
    "image_duplicates",
    "image_license",
    "method",
    "protocol",
    "sampler",
    "since",
    "sitemap",
    "step_text",
    "weights",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("face") / "run", make_article(), make_record(), {})


def arguments(verb: str, run: Path, out: Path) -> dict[str, Any]:
    """The least that a verb needs; carried out it would find no model or no data."""
    return {
        "correct": {"run": run, "after": 1, "problem": "it is wet", "steps": ["Dry it"], "model": NEVER, "out": out},
        "edit": {"run": run, "step": 1, "model": NEVER, "out": out},
        "evaluate": {"runs": run},
        "export": {"run": out / "none", "out": out},
        "generate": {"goal": "Make tea", "steps": ["Boil water"], "model": NEVER, "out": out},
        "generate_batch": {"goals": ["Make tea"], "steps": ["Boil water"], "model": NEVER, "out": out},
        "scrape": {"from_html": out / "none", "out": out},
        "suggest": {"at_hand": "eggs"},
        "train": {"config": "mini-vae", "data": out / "none", "out": out},
    }[verb]


def fields() -> list[tuple[str, str, str]]:
    """Verb, argument, annotation."""
    return [
        (verb, name, str(each.annotation))
        for verb in VERBS
        for name, each in inspect.signature(getattr(illinstr, verb)).parameters.items()
    ]


def wrong_values() -> list[tuple[str, str, Any]]:
    """A value of the wrong kind for every argument, one out of range for numbers, one that is unknown for choices."""
    found: list[tuple[str, str, Any]] = []
    for verb, name, annotation in fields():
        parts = annotation.split(" | ")
        found.append((verb, name, {1: "neither"}))
        if "int" in parts or "float" in parts:
            found += [(verb, name, value) for value in (-5, 2.5 if "float" not in parts else math.nan, True)]
        if "str" in parts and name in CHOICES:
            found.append((verb, name, "magic"))
        if "Sequence[str" in annotation:
            found.append((verb, name, [3]))
    return found


def refused(verb: str, given: dict[str, Any]) -> IllinstrError:
    with pytest.raises(IllinstrError) as caught:
        getattr(illinstr, verb)(**given)
    said = f"{caught.value.message} {caught.value.hint or ''}"
    command = said.find("illinstr ")  # a whole command line to type may follow
    assert "--" not in (said if command < 0 else said[:command])
    return caught.value


@pytest.mark.parametrize(("verb", "name", "value"), wrong_values())
def test_a_wrong_value_is_refused_by_its_name_before_anything_is_loaded(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, name: str, value: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    given = arguments(verb, run, tmp_path / "out")
    if name in ("category_depth", "since"):
        given = given | {"category": ["https://example.org/c"], "sitemap": "https://example.org/s.xml"}
    error = refused(verb, given | {name: value})
    assert isinstance(error, UsageError)
    assert name in error.message or (name in ("step", "after") and "step" in error.message), error.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["correct", "edit", "generate", "generate_batch"])
def test_the_same_call_without_a_wrong_value_gets_as_far_as_the_model(run: Path, tmp_path: Path, verb: str) -> None:
    assert "no such model folder" in refused(verb, arguments(verb, run, tmp_path / "out")).message


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"steps": []}, "steps is empty"),
        ({"steps": 0}, "steps 0 is not between 1 and 100"),
        ({"steps": "Boil"}, "steps is a whole number or a list"),
        ({"steps": [" "]}, "a step is empty"),
        ({"steps": ["x"] * 101}, "at most 100"),
        ({"goal": " "}, "the goal is empty"),
        ({"seed": -1}, "seed -1 is not between 0 and 4294967295"),
        ({"sampler": "magic"}, "sampler 'magic' is unknown"),
        ({"guidance": math.inf}, "guidance inf is not between 0 and 100"),
        ({"context": "left-handed"}, "context has nothing to write"),
        ({"steps": 2, "context": "left-handed"}, "the embedded writer cannot take"),
        ({"steps": 2, "writer": "oracle"}, "writer 'oracle' is unknown"),
        ({"steps": 2, "examples": 9}, "examples 9 is not between 0 and 8"),
        ({"first_picture": "none.jpg"}, "first_picture: cannot read none.jpg"),
        ({"first_picture": "x", "method": "independent"}, "first_picture steers"),
        ({"device": "toaster"}, "device 'toaster' is unknown"),
    ],
)
def test_generate_speaks_of_arguments(run: Path, tmp_path: Path, more: dict[str, Any], words: str) -> None:
    error = refused("generate", arguments("generate", run, tmp_path / "out") | more)
    assert words in error.message
    assert isinstance(error, UsageError)


def test_a_finished_article_is_not_replaced_and_the_hint_names_the_argument(run: Path) -> None:
    error = refused("generate", arguments("generate", run, run))
    assert error.hint == "add overwrite=True, or name another folder with out"


def test_several_processes_are_not_started_from_python(run: Path, tmp_path: Path) -> None:
    assert refused("train", arguments("train", run, tmp_path / "out") | {"processes": 2}).message.startswith(
        "processes 2: one Python program is one process of a run"
    )


def test_the_shell_still_hears_of_options(tmp_path: Path) -> None:
    from illinstr.cli.app import app

    with pytest.raises(UsageError, match=r"^--seed -1 is not between"):
        app(["generate", "Make tea", "--step", "Boil", "--seed", "-1"], standalone_mode=False)


def test_every_verb_describes_its_arguments() -> None:
    for verb, name, _ in fields():
        text = inspect.getdoc(getattr(illinstr, verb)) or ""
        assert name in text, (verb, name)


def test_errors_and_types_are_there() -> None:
    for name in ("StepImage", "ConfigError", "FetchError", "PartialError", "PlanError", "Reporter", "Run"):
        assert isinstance(getattr(illinstr, name), type)


def test_the_names_of_samplers_and_methods_are_the_samplers_own() -> None:
    from illinstr.diffusion.schedule import SAMPLERS as KNOWN

    assert KNOWN is SAMPLERS and METHODS == ("stacked", "independent")
