"""Several processes of one command: one of them prints, a failure ends all of them, and none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from illinstr.engine import launching
from illinstr.engine.launching import (
    PARENT_VARIABLE,
    ProcessError,
    arguments_without,
    check_processes,
    end_with_launcher,
    launch_processes,
)
from illinstr.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]

# What stands for the program: each rank does what its environment asks for.
PROGRAM = """
import os, sys, time, signal
from illinstr.engine.launching import end_with_launcher
from illinstr.errors import IllinstrError
from illinstr.program import run_cli
end_with_launcher()
rank = os.environ["RANK"]
print("result of", rank)
print(f"process {rank}: progress" if rank != "0" else "progress", file=sys.stderr, flush=True)
wish = os.environ.get("WISH_" + rank, "0")
if wish == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
if wish == "sleep":
    time.sleep(600)
if wish == "bug":
    raise RuntimeError(f"bug of {rank}")

def main():
    if wish != "0":
        error = IllinstrError("failed", hint="a hint")
        error.exit_code = int(wish)
        raise error

run_cli(main)
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Let the launcher start PROGRAM, each rank with a wish: an exit code, kill, or sleep."""
    package = tmp_path / "path" / "illinstr_under_test"
    package.mkdir(parents=True)
    (package / "__main__.py").write_text(PROGRAM)
    monkeypatch.setattr(launching, "MODULE", "illinstr_under_test")
    monkeypatch.setattr(launching, "GRACE_S", 0.2)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "path"), str(ROOT)]))

    def start(*wishes: str) -> int:
        for rank, wish in enumerate(wishes):
            monkeypatch.setenv(f"WISH_{rank}", wish)
        return launch_processes([], len(wishes))

    return start


def test_results_come_once_and_progress_of_all(program, capfd) -> None:
    assert program("0", "0", "0") == 0
    said = capfd.readouterr()
    assert said.out == "result of 0\n"
    assert sorted(said.err.splitlines()) == ["process 1: progress", "process 2: progress", "progress"]


@pytest.mark.parametrize(
    ("wishes", "code"), [(("2", "2"), 2), (("0", "3"), 3), (("sleep", "1"), 1), (("1", "sleep"), 1), (("bug", "1"), 1)]
)
def test_a_failure_of_one_ends_all_with_its_message_and_code(program, capfd, wishes, code) -> None:
    assert program(*wishes) == code
    lines = capfd.readouterr().err.splitlines()
    known = [line for line in lines if line.startswith(("error:", "hint:"))]
    assert known in (["error: failed", "hint: a hint"], [] if "bug" in wishes else None)


def test_a_bug_in_another_process_is_shown_whole_and_an_interruption_passed_on(program, capfd) -> None:
    assert program("sleep", "bug") == 1
    assert "RuntimeError: bug of 1" in capfd.readouterr().err
    assert program("130", "sleep") == 130


@pytest.mark.parametrize("wishes", [("sleep", "kill"), ("kill", "sleep")])
def test_a_process_that_is_killed_ends_the_others_and_is_named(program, wishes) -> None:
    rank = wishes.index("kill")
    with pytest.raises(ProcessError, match=f"process {rank} of 2 was killed by signal 9"):
        program(*wishes)


def test_terminate_ends_the_processes_and_puts_the_handler_back(program) -> None:
    before = signal.getsignal(signal.SIGTERM)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        program("sleep", "sleep")
    timer.join()
    assert signal.getsignal(signal.SIGTERM) is before


def test_each_process_gets_its_part_of_the_cores(monkeypatch) -> None:
    seen = []

    def start(words, *, env, **_):
        seen.append((env["OMP_NUM_THREADS"], env["RANK"], env["WORLD_SIZE"], env[PARENT_VARIABLE], env["MORE"]))
        return subprocess.Popen([sys.executable, "-c", ""], stderr=subprocess.PIPE)

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("illinstr.engine.devices.available_cores", lambda: 6)
    monkeypatch.setattr(launching, "Popen", start)
    assert launch_processes([], 2, {"MORE": "x"}) == 0
    assert seen == [("3", str(rank), "2", str(os.getpid()), "x") for rank in range(2)]


def test_processes_end_when_the_launcher_is_killed(tmp_path: Path) -> None:
    child = (
        "import os, sys, time\nfrom illinstr.engine.launching import end_with_launcher\nend_with_launcher()\n"
        "assert 'ILLINSTR_LAUNCHED_BY' not in os.environ\nopen(sys.argv[1], 'w').write('x')\ntime.sleep(600)"
    )
    parent = (
        f"import os, subprocess, sys, time\nos.environ['{PARENT_VARIABLE}'] = str(os.getpid())\n"
        f"print(subprocess.Popen([sys.executable, '-c', sys.argv[1], sys.argv[2]]).pid, flush=True)\ntime.sleep(600)"
    )
    marker = tmp_path / "started"
    launcher = subprocess.Popen(
        [sys.executable, "-c", parent, child, str(marker)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert launcher.stdout is not None
    pid = int(launcher.stdout.readline())
    deadline = time.monotonic() + 60
    while not marker.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    launcher.kill()
    launcher.communicate()
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_command_started_by_hand_has_no_launcher(monkeypatch) -> None:
    monkeypatch.delenv(PARENT_VARIABLE, raising=False)
    threads = threading.active_count()
    end_with_launcher()
    assert threading.active_count() == threads


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["eval", "run", "--processes", "2", "--json"], ["eval", "run", "--json"]),
        (["eval", "--processes=2", "run"], ["eval", "run"]),
        (["eval", "run", "--", "--processes", "2"], ["eval", "run", "--", "--processes", "2"]),
        (["eval", "--processes-file", "2"], ["eval", "--processes-file", "2"]),
    ],
)
def test_processes_are_not_told_to_start_processes(given: list[str], kept: list[str]) -> None:
    assert arguments_without(given, "--processes", "--num-processes") == kept


@pytest.mark.parametrize("number", [0, -1, 257])
def test_numbers_of_processes_out_of_range(number: int) -> None:
    with pytest.raises(UsageError, match=f"--processes {number} is not between 1 and 256"):
        check_processes(number)


def test_processes_are_not_started_under_another_launcher(monkeypatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "0")
    check_processes(1)
    with pytest.raises(UsageError, match="already launched"):
        check_processes(2)
