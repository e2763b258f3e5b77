"""``python -m illinstr``: the same program as ``illinstr``; what launchers of several processes start."""

from illinstr.cli.app import main

main()
