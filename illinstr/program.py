"""How every program of ours ends: results and a code, or one line and a hint, never a traceback.

Known failures (``IllinstrError``) say what is wrong themselves. Everything else that can reach this border is told
here: what the system refuses (any ``OSError``), signals, a closed or full stdout, too little memory, input nested too
deeply, text that no encoding holds. What is left is a fault of ours; it is said to be one, in one line, and
``ILLINSTR_TRACEBACK`` shows where.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from illinstr.errors import ConfigError, DataError, IllinstrError, printable

ERROR_FILE_VARIABLE = "ILLINSTR_ERROR_FILE"
TRACEBACK_VARIABLE = "ILLINSTR_TRACEBACK"

_HINTS = {
    errno.ENOSPC: "make room on the disk, and run the same command again",
    errno.EDQUOT: "make room in your quota, and run the same command again",
    errno.EFBIG: "the system's limit on the size of a file was met: ulimit -f",
    errno.EMFILE: "too many files are open at once; raise the limit with ulimit -n",
    errno.ENFILE: "the system has too many files open; try again later",
    errno.EACCES: "look at who may read and write there",
    errno.EPERM: "look at who may read and write there",
    errno.EROFS: "the place can only be read; name another",
    errno.ENAMETOOLONG: "name a shorter path",
    errno.ENOTDIR: "a part of the path is a file; name another",
    errno.EISDIR: "a file is needed there, not a folder",
    errno.ENOENT: "look at how the path is spelt",
    errno.ENOMEM: "free memory, or ask for less at once",
}


class Ended(BaseException):
    """The system asked the program to end (SIGTERM, SIGHUP); no library takes it for anything else."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


def run_cli(main: Callable[[], object], *, interrupted: str = "interrupted") -> None:
    """Run ``main``; turn every failure into one line and a hint on stderr, and an exit code.

    Args:
        main: the program.
        interrupted: what to say when Ctrl-C ends it.

    Raises:
        SystemExit: with the error's code, 130 when interrupted, 128 and the signal's number when told to end, 1 when
            nobody reads what is printed any more.
    """
    _open_streams()
    try:
        with _ended_by_signals():
            try:
                main()
            finally:
                sys.stdout.flush()  # here a closed pipe can be answered; at the interpreter's end it no longer can
    except Ended as ended:
        _say(f"error: ended by {ended}")
        _quit(128 + ended.number)
    except KeyboardInterrupt:
        _say(f"error: {interrupted}")
        _quit(130)
    except BrokenPipeError:
        _quit(1)
    except Exception as error:
        if TRACEBACK_VARIABLE in os.environ:
            raise
        known = explained(error)
        _print_error(known)
        _quit(known.exit_code)


def explained(error: Exception) -> IllinstrError:
    """Any failure as a known one: its message in one line, and what to do about it."""
    if isinstance(error, IllinstrError):
        return error
    if isinstance(error, OSError):
        name = error.filename if error.filename is not None else "what was to be read or written"
        reason = error.strerror or _line(error)
        hint = _HINTS.get(error.errno or 0, "look at the place, and run the same command again")
        return DataError(f"cannot use {_shown(name)}: {reason}", hint=hint)
    if isinstance(error, MemoryError):
        return DataError("not enough memory", hint=_HINTS[errno.ENOMEM])
    if isinstance(error, RecursionError):
        return DataError("what was read is nested too deeply", hint="no file of ours is; look at where it came from")
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        return ConfigError("a path begins with ~, and there is no such home folder", hint="write the path in full")
    if isinstance(error, UnicodeError):
        return ConfigError(f"a text is not valid Unicode: {_line(error)}", hint="write it as UTF-8")
    hint = f"this is a fault of illinstr; {TRACEBACK_VARIABLE}=1 shows where, please report it"
    return DataError(f"unexpected {type(error).__name__}: {_line(error)}", hint=hint)


def _line(error: Exception) -> str:
    return _shown((str(error).strip() or type(error).__name__).splitlines()[0][:300])


def _shown(text: object) -> str:
    """Text that a terminal can show: no control characters, no lone halves of characters."""
    plain = os.fsdecode(text) if isinstance(text, bytes) else str(text)
    return " ".join(printable(plain).split("\n"))


def _print_error(error: IllinstrError) -> None:
    """One line and a hint on stderr; in a process of a group into a file, so that the launcher prints them once."""
    lines = [f"error: {_shown(error.message)}", *([f"hint: {_shown(error.hint)}"] if error.hint else [])]
    note = os.environ.get(ERROR_FILE_VARIABLE)
    if note is None:
        _say("\n".join(lines))
    else:
        from illinstr.files import write_text

        write_text(Path(note), "\n".join(lines) + "\n")


def _say(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody may be there to read it
        print(text, file=sys.stderr, flush=True)


def _quit(code: int) -> None:
    """Leave with a code. What a closed or full stdout still holds is dropped, as flushing it would fail again."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError, io.UnsupportedOperation):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


def _open_streams() -> None:
    """Give closed standard streams somewhere to go: else the next file that is opened would take their number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
        if getattr(sys, name) is None:
            raw = io.FileIO(number, "r" if number == 0 else "w", closefd=False)
            setattr(sys, name, io.TextIOWrapper(io.BufferedReader(raw) if number == 0 else io.BufferedWriter(raw)))
    if isinstance(sys.stdout, io.TextIOWrapper):  # a path whose bytes are no UTF-8 is printed as it is
        with contextlib.suppress(
            OSError, ValueError
        ):  # a stream that was exchanged underneath stays as strict as it is
            sys.stdout.reconfigure(errors="surrogateescape")


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP unwind as Ctrl-C does, so that temporaries go; ignored ones (nohup) stay ignored."""
    former: dict[int, Any] = {}

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)  # a second one ends at once
        raise Ended(number)

    def swallowed(unraisable: Any) -> None:
        """A signal that met the program in a destructor is lost there: it is sent again when that is over."""
        if isinstance(unraisable.exc_value, (Ended, KeyboardInterrupt)):
            again = getattr(unraisable.exc_value, "number", signal.SIGINT)
            if again in former:
                signal.signal(again, end)
            threading.Timer(0.05, os.kill, (os.getpid(), again)).start()
        else:
            hook(unraisable)

    hook, sys.unraisablehook = sys.unraisablehook, swallowed
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                former[number] = signal.signal(number, end)
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for listened, handler in former.items():
            signal.signal(listened, handler)
