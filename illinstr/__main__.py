"""``python -m illinstr``, which is also what launchers of several processes start."""

from illinstr.cli.app import main

main()
