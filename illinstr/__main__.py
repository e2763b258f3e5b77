"""``python -m illinstr``: the same program, for launchers that start modules."""

from illinstr.cli.app import main

if __name__ == "__main__":
    main()
