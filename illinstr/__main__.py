"""The entry point: ``illinstr``, and ``python -m illinstr``, which is what launchers of several processes start."""

from illinstr.cli.app import COMMANDS, app, main

__all__ = ["COMMANDS", "app", "main"]

if __name__ == "__main__":
    main()
