"""How programs end: whatever reaches the border becomes one line, a hint and a code."""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
from pathlib import Path

import pytest

from illinstr.errors import DataError
from illinstr.program import Ended, explained, run_cli
from tests.support import fork_server

ERRORS = {
    "a folder where a file is due": IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), "a"),
    "a full disk": OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    "too many open files": OSError(errno.EMFILE, os.strerror(errno.EMFILE), b"a\xff"),
    "an error without a number": OSError("odd"),
    "no memory": MemoryError(),
    "too deep": RecursionError("maximum recursion depth exceeded"),
    "half a character": UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    "no home": RuntimeError("Could not determine home directory."),
    "a fault": KeyError("x\ny\x1b[31m"),
}


def end_of(capsys, error: BaseException) -> tuple[int, list[str]]:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        run_cli(main)
    return int(str(ended.value.code)), capsys.readouterr().err.splitlines()


@pytest.mark.parametrize("name", ERRORS)
def test_any_failure_is_one_line_and_a_hint(capsys, name):
    code, lines = end_of(capsys, ERRORS[name])
    assert code in (1, 2)
    assert [line.split(":")[0] for line in lines] == ["error", "hint"]
    assert "\x1b" not in "".join(lines)
    assert ("unexpected" in lines[0]) == (name == "a fault")


def test_a_fault_shows_its_place_to_who_asks(monkeypatch):
    monkeypatch.setenv("ILLINSTR_TRACEBACK", "1")

    def main() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        run_cli(main)


def test_what_is_known_stays_as_it_is():
    known = DataError("a", hint="b")
    assert explained(known) is known


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_unwinds_and_is_told(capsys, number):
    cleared = []

    def main() -> None:
        try:
            os.kill(os.getpid(), number)
            signal.sigtimedwait([], 5)
        finally:
            cleared.append(True)

    outer = signal.signal(number, signal.SIG_DFL)  # under nohup SIGHUP is ignored, and would stay so
    try:
        with pytest.raises(SystemExit) as ended:
            run_cli(main)
        assert (ended.value.code, cleared) == (128 + number, [True])
        assert number.name in capsys.readouterr().err
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, outer)
    assert not issubclass(Ended, Exception)


PROGRAM = "from illinstr.cli.app import main; main()"


def run(words: list[str], cwd: Path, **streams: object) -> tuple[int, str]:
    done = fork_server.run([sys.executable, "-m", "illinstr", *words], cwd=cwd, text=True, timeout=60, **streams)
    return done.returncode, done.stderr or ""


def test_a_limit_on_the_size_of_files_is_told(tmp_path, monkeypatch, capsys):
    """As a full disk does, it stops a write half-way; nothing half-written stays."""
    from illinstr.cli import app

    monkeypatch.setattr(sys, "argv", ["illinstr", "minihow", "--count", "1", "--panel-px", "32", "--out", "out"])
    monkeypatch.chdir(tmp_path)
    former, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, former[1]))
    try:
        with pytest.raises(SystemExit) as ended:
            app.main()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
        signal.signal(signal.SIGXFSZ, ignored)
    assert ended.value.code == 1
    errors = capsys.readouterr().err
    assert "hint: " in errors and "unexpected" not in errors
    assert not list(tmp_path.rglob("*.incomplete"))


def test_too_many_open_files_are_told(tmp_path, monkeypatch, capsys):
    from illinstr.cli import app

    monkeypatch.setattr(sys, "argv", ["illinstr", "minihow", "--count", "1", "--panel-px", "32", "--out", "out"])
    monkeypatch.chdir(tmp_path)
    import illinstr.shards.writer
    import illinstr.workflows.minihow  # noqa: F401

    former = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.open(tmp_path, os.O_RDONLY) for _ in range(2)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(held) + 1, former[1]))
    try:
        with pytest.raises(SystemExit) as ended:
            app.main()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, former)
        for descriptor in held:
            os.close(descriptor)
    errors = capsys.readouterr().err
    assert ended.value.code == 1 and "hint: " in errors and "Traceback" not in errors
