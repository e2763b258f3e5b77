"""What scripts that take hours share: one plan a folder, work done by commands of ours, and a decent end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from illinstr import program as ending
from illinstr.errors import UsageError
from illinstr.files import write_json

PLAN_FILE = "plan.json"


def keep_plan(out: Path, plan: Mapping[str, Any], *, growing: Collection[str] = ()) -> None:
    """Write down what ``out`` is made by; a folder made by another plan would mix two experiments.

    Args:
        out: the folder.
        plan: what was asked for, as JSON can hold it.
        growing: keys that may differ from those of the folder, because more of them add to it.

    Raises:
        UsageError: the folder was made with another plan, or holds other things.
    """
    file, said = out / PLAN_FILE, json.loads(json.dumps(plan))
    if file.is_file():
        before = json.loads(file.read_text(encoding="utf-8"))
        changed = [key for key in said if key not in growing and before.get(key) != said[key]]
        if changed:
            raise UsageError(
                f"{out} was made with another {', '.join(changed)}", hint="give the same options, or another --out"
            )
    elif out.is_dir() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty and holds no {PLAN_FILE}", hint="name another folder with --out")
    write_json(file, said)


def run_illinstr(*arguments: object, stdout: Path | None = None) -> None:
    """Run a command of ours as its own process, so that each gives its memory back.

    Args:
        arguments: of the command line.
        stdout: a file for what it prints; with the messages on stderr when None.

    Raises:
        UsageError: it failed; its own words stand above.
        KeyboardInterrupt: it was interrupted.
    """
    command = [sys.executable, "-m", "illinstr", *map(str, arguments)]
    if stdout is None:
        code = subprocess.run(command, check=False, stdout=sys.stderr).returncode
    else:
        with stdout.open("wb") as stream:
            code = subprocess.run(command, check=False, stdout=stream).returncode
    if code == 130:
        raise KeyboardInterrupt
    if code:
        raise UsageError(f"illinstr {arguments[0]} ended with code {code}", hint="see the lines above")


def run_cli(main: Callable[[], None]) -> None:
    """Run ``main`` and end as every command of ours ends."""
    ending.run_cli(main, interrupted="interrupted; the same command goes on where it stopped")
