"""A forked program is like a started one: the same streams, exit codes and signals."""

import os
import signal
import subprocess
import sys

import pytest

from tests.support import fork_server

SPEAKS = (
    "import os, sys; print(sys.stdin.read() + os.environ['WORD'], sys.argv, os.getcwd()); print('e', file=sys.stderr)"
)
PROGRAMS = {
    "streams": SPEAKS,
    "code": "import sys; sys.exit(3)",
    "words": "import sys; sys.exit('no')",
    "error": "import atexit; atexit.register(print, 'bye'); raise SystemExit(None if 1 > 2 else 1)",
    "killed": "import os; os.kill(os.getpid(), 9)",
    "thread": "import threading, time; threading.Thread(target=lambda: (time.sleep(0.05), print('late'))).start()",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_ends_as_a_started_program_does(tmp_path, name):
    options = {"cwd": tmp_path, "env": os.environ | {"WORD": "sesame"}, "input": "open ", "text": True}
    words = [sys.executable, "-c", PROGRAMS[name], "--option", "a b"]
    forked = fork_server.run(words, capture_output=True, server="light", **options)
    started = subprocess.run(words, capture_output=True, **options)
    for each in ("returncode", "stdout", "stderr"):
        assert getattr(forked, each) == getattr(started, each)


def test_signals_reach_it():
    words = [sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)"]
    for number, code in ((signal.SIGKILL, -9), (signal.SIGTERM, -15), (signal.SIGINT, -2)):
        with fork_server.Popen(words, stdout=-1, stderr=-3, text=True, server="light") as process:
            assert process.stdout.readline() == "ready\n" and process.poll() is None
            process.send_signal(number)
        assert process.returncode == code


def test_light_has_imported_nothing_heavy_and_libraries_nothing_of_ours():
    code = "import sys; print(*sorted({'torch', 'illinstr', 'diffusers'} & set(sys.modules)))"
    for server, there in (
        ("light", "illinstr"),
        ("libraries", "diffusers torch"),
        ("project", "diffusers illinstr torch"),
    ):
        done = fork_server.run([sys.executable, "-c", code], capture_output=True, text=True, server=server)
        assert done.stdout.strip() == there, done.stderr
