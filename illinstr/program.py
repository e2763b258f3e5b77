"""How every program of ours ends: results and a code, or one line and a hint, never a traceback for a known failure."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from illinstr.errors import IllinstrError


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
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print(f"error: {interrupted}", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
