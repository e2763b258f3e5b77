"""How every program of ours ends: results and a code, or one line and a hint, never a traceback for a known failure."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from illinstr.errors import IllinstrError

ERROR_FILE_VARIABLE = "ILLINSTR_ERROR_FILE"


def run_cli(main: Callable[[], object], *, interrupted: str = "interrupted") -> None:
    """Run ``main``; turn every known failure into one line and a hint on stderr, and an exit code.

    Args:
        main: the program.
        interrupted: what to say when Ctrl-C ends it.

    Raises:
        SystemExit: with the error's code, 130 when interrupted, 1 when nobody reads what is printed any more.
    """
    try:
        try:
            main()
        finally:
            sys.stdout.flush()  # here a closed pipe can be answered; at the interpreter's end it no longer can
    except IllinstrError as error:
        _print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print(f"error: {interrupted}", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _print_error(error: IllinstrError) -> None:
    """One line and a hint on stderr; in a process of a group into a file, so that the launcher prints them once."""
    lines = [f"error: {error.message}", *([f"hint: {error.hint}"] if error.hint else [])]
    note = os.environ.get(ERROR_FILE_VARIABLE)
    if note is None:
        print(*lines, sep="\n", file=sys.stderr)
    else:
        from illinstr.files import write_text

        write_text(Path(note), "\n".join(lines) + "\n")
