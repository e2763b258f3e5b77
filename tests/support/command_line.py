"""Commands of ``illinstr`` run inside this process."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

Call = Callable[..., tuple[int, list[str], str]]


def calling(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str) -> Call:
    """A function that runs ``illinstr COMMAND ARGUMENTS...``: exit code, lines of stdout, stderr."""

    def call(*arguments: object) -> tuple[int, list[str], str]:
        from illinstr.cli import app

        monkeypatch.setattr(sys, "argv", ["illinstr", command, *map(str, arguments)])
        code = 0
        try:
            app.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        captured = capsys.readouterr()
        return code, captured.out.splitlines(), captured.err

    return call
