"""``python -m illinstr.engine.worker FD``: a worker process of the executor ``local``; started by it alone."""

import sys

from illinstr.engine.launching import end_with_launcher
from illinstr.engine.local import work_for

if __name__ == "__main__":
    end_with_launcher()
    work_for(int(sys.argv[1]))
