"""``generate`` at a terminal: it asks for a goal where none is given, and what was meant where it is not known."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

from tests.support import fork_server

ROOT = Path(__file__).resolve().parents[2]


def at_a_terminal(answers: bytes, *arguments: str, cwd: Path) -> tuple[int, str]:
    """The exit code, and everything that was to be seen."""
    main, side = pty.openpty()
    code = "from illinstr.cli.app import main; main()"
    process = fork_server.Popen(
        [sys.executable, "-c", code, "generate", *arguments, "--dry-run"],
        cwd=cwd,
        stdin=side,
        stdout=side,
        stderr=side,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "300"},
        server="light",
    )
    os.close(side)
    os.write(main, answers)
    seen = b""
    while True:
        try:
            piece = os.read(main, 4096)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        seen += piece
    os.close(main)
    return process.wait(), seen.decode()


def test_a_slip_of_the_finger_is_asked_about(tmp_path: Path) -> None:
    for answer in (b"\n", b"y\n", b"Yes\n"):
        code, seen = at_a_terminal(answer, "make apple jucie", "--steps", "2", cwd=tmp_path)
        assert code == 0, seen
        assert 'did you mean "How to make apple juice"? [Y/n]' in seen
        assert "How to make apple juice (seed 0) -> runs/make-apple-juice-s0" in seen


def test_the_next_one_is_offered_and_none_may_be_meant(tmp_path: Path) -> None:
    code, seen = at_a_terminal(b"n\ny\n", "how do i make tea?", "--steps", "2", "--num-variants", "2", cwd=tmp_path)
    assert code == 0, seen
    assert "How to make black tea (seed 1) -> " in seen
    code, seen = at_a_terminal(b"n\nn\nn\n", "how do i make tea?", cwd=tmp_path)
    assert code == 1
    assert seen.count("[Y/n]") == 3 and "hint: --llm" in seen


def test_what_is_not_near_is_not_asked_about(tmp_path: Path) -> None:
    code, seen = at_a_terminal(b"\n", "pizza", cwd=tmp_path)
    assert code == 1 and "did you mean" not in seen and "fruit juice" in seen


def test_without_a_goal_it_asks_for_one(tmp_path: Path) -> None:
    code, seen = at_a_terminal(b"How to make apple juice\n", "--steps", "3", cwd=tmp_path)
    assert code == 0, seen
    assert "What would you like to explain?" in seen and "runs/make-apple-juice-s0" in seen
    code, seen = at_a_terminal(b"\n", cwd=tmp_path)
    assert code == 2 and "give one goal" in seen


def test_json_and_pipes_are_never_asked(tmp_path: Path) -> None:
    code, seen = at_a_terminal(b"y\n", "make apple jucie", "--json", cwd=tmp_path)
    assert code == 1 and "[Y/n]" not in seen and 'did you mean "How to make apple juice"?' in seen
    done = fork_server.run(
        [sys.executable, "-c", "from illinstr.cli.app import main; main()", "generate", "make apple jucie"],
        cwd=tmp_path,
        input="y\n",
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
        server="light",
    )
    error, hint = done.stderr.splitlines()
    assert (
        done.returncode == 1 and 'did you mean "How to make apple juice"?' in error and hint.startswith("hint: --llm")
    )
