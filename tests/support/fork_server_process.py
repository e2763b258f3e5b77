"""The other side of ``fork_server``: the servers, and what the processes are that they fork.

python -m tests.support.fork_server_process KIND SOCKET
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LIGHT = ("illinstr.cli.app", "rich.console", "pydantic", "yaml", "httpx", "jinja2")
LIBRARIES = (
    *("torch", "torch.distributed.fsdp", "torch.utils.data", "accelerate", "peft", "scipy.stats", "pyarrow.parquet"),
    *("diffusers.pipelines.stable_diffusion", "diffusers.loaders.peft", "diffusers.models.unets.unet_2d_condition"),
    *("transformers.models.clip.modeling_clip", "transformers.models.clip.tokenization_clip"),
    *("typer", "rich.console", "rich.progress", "pydantic", "yaml", "httpx", "jinja2"),
)


class ForkedPopen(subprocess.Popen):  # type: ignore[type-arg]
    """``subprocess.Popen`` whose children are forked where they are Python programs: for launchers under test."""

    def __init__(self, words: Any, **options: Any) -> None:
        self._forked = words[0] == sys.executable
        if not self._forked:
            super().__init__(words, **options)
            return
        self.args, self.returncode = words, None
        self.stdin = self.stdout = self.stderr = None
        self._communication_started = False  # what ``subprocess.run`` asks for
        theirs = []

        def number(place: int, asked: Any) -> int:
            if asked is None:
                return place
            if asked == subprocess.PIPE:
                reading, writing = os.pipe()
                assert place == 2, "a pipe for stderr alone"
                self.stderr = os.fdopen(reading, "rb")
                theirs.append(writing)
                return writing
            if asked == subprocess.DEVNULL:
                theirs.append(os.open(os.devnull, os.O_RDWR))
                return theirs[-1]
            return asked if isinstance(asked, int) else asked.fileno()

        fds = [number(place, options.get(name)) for place, name in enumerate(("stdin", "stdout", "stderr"))]
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            env, cwd = options.get("env"), options.get("cwd")
            job = {"words": [str(word) for word in words[1:]], "env": dict(os.environ if env is None else env)}
            _become(job | {"cwd": str(cwd or Path.cwd()), "session": options.get("start_new_session", False)}, fds)
        for fd in theirs:
            os.close(fd)

    def _wait_here(self, flags: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, flags)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def poll(self) -> int | None:
        return self._wait_here(os.WNOHANG) if self._forked else super().poll()

    def wait(self, timeout: float | None = None) -> int:
        if not self._forked:
            return super().wait(timeout)
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            time.sleep(0.005)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def __del__(self, *arguments: Any) -> None:
        if not self._forked:
            super().__del__(*arguments)


def _fork_children() -> None:
    """Put ``ForkedPopen`` in the place of ``subprocess.Popen``, in our modules too."""
    started = subprocess.Popen
    for name, module in list(sys.modules.items()):
        if (name == "subprocess" or name.startswith("illinstr.")) and vars(module).get("Popen") is started:
            module.Popen = ForkedPopen  # type: ignore[attr-defined]


def _become(job: dict[str, Any], fds: Sequence[int]) -> None:
    """Be the process of the job: its streams, folder, environment and program, to the end."""
    code = 1
    try:
        moved = [os.dup(fd) for fd in fds]  # one of them may be 0, 1 or 2 itself
        for place, fd in enumerate(moved):
            os.dup2(fd, place)
        os.closerange(3, 256)
        if job["session"]:
            os.setsid()
        os.chdir(job["cwd"])
        os.environ.clear()
        os.environ.update(job["env"])
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if job.get("forked_children"):
            _fork_children()
        sys.stdin = os.fdopen(0, closefd=False)
        if os.isatty(1):  # the same objects go on, on other files: handlers of libraries hold them
            sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        code = _program(job["words"])
    except BaseException:
        traceback.print_exc()
    finally:
        _end(code)


def _program(words: list[str]) -> int:
    """Run what the words of a Python command line name; its exit code."""
    if words[:2] == ["-W", "ignore"]:
        import warnings

        warnings.simplefilter("ignore")
        words = words[2:]
    try:
        if words[0] == "-c":
            sys.argv, sys.path[0] = ["-c", *words[2:]], ""
            main = sys.modules["__main__"] = types.ModuleType("__main__")
            exec(compile(words[1], "<string>", "exec"), main.__dict__)
        elif words[0] == "-m":
            sys.argv, sys.path[0] = [words[1], *words[2:]], str(Path.cwd())
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv, sys.path[0] = words, str(Path(words[0]).parent)
            runpy.run_path(words[0], run_name="__main__")
        return 0
    except SystemExit as ending:
        if ending.code is None or isinstance(ending.code, int):
            return int(ending.code or 0)
        print(ending.code, file=sys.stderr)
        return 1
    except BaseException as error:
        sys.excepthook(*sys.exc_info())
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1


def _end(code: int) -> None:
    """What an interpreter does at its end."""
    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            stream.flush()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _serve(connection: socket.socket) -> None:
    """One job: fork it, tell its id, wait, tell how it ended and what it cost."""
    _, fds, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("r") as stream:
        job = json.loads(stream.readline())
    pid = os.fork()
    if pid == 0:
        connection.detach()
        _become(job, fds)
    for fd in fds:
        os.close(fd)
    connection.sendall(f"{pid}\n".encode())
    _, status, used = os.wait4(pid, 0)
    with contextlib.suppress(BrokenPipeError):
        ended = [os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime]
        connection.sendall(json.dumps(ended).encode() + b"\n")
    os._exit(0)


def _import(kind: str) -> None:
    """Import what a server of the kind is to have imported."""
    for name in LIGHT if kind == "light" else LIBRARIES:
        importlib.import_module(name)
    if kind == "project":
        import illinstr

        for module in pkgutil.walk_packages(illinstr.__path__, "illinstr."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


def main() -> None:
    """Serve: ``KIND ADDRESS``, until stdin ends."""
    kind, address = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _import(kind)
    gc.collect()
    gc.freeze()  # so that collecting in a child does not copy every page
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(32)
        print("ready", flush=True)
        while 0 not in select.select([listener, 0], [], [])[0]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _serve(connection)
            connection.close()
            _reap()
    deadline = time.monotonic() + 5
    while _reap() and time.monotonic() < deadline:
        time.sleep(0.01)


def _reap() -> bool:
    """Take leave of the children that have ended; whether others are left."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return True
    return False


if __name__ == "__main__":
    main()
