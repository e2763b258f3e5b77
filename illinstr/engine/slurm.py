"""Parts of a work for job arrays, Slurm's above all: ``--shard i/n`` needs nothing but a folder that all jobs share.

Each job does every n-th task and leaves its markers; the same command without ``--shard``, once all have ended, finds
them finished and does what is left. ``array_script`` writes both as a script for ``sbatch``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from illinstr.errors import UsageError

T = TypeVar("T")

MAX_SHARDS = 100_000
ARRAY_MARK = "# Written by illinstr --executor slurm."
_SHARD = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True)
class Shard:
    """Part ``index`` (from 1) of ``count``."""

    index: int = 1
    count: int = 1

    def slice_of(self, items: Sequence[T]) -> list[T]:
        """Every ``count``-th item: parts differ by one at most and together are all items."""
        return list(items[self.index - 1 :: self.count])


def parse_shard(text: str) -> Shard:
    """``i/n`` as a part.

    Raises:
        UsageError: it is spelt otherwise, or i is not between 1 and n.
    """
    found = _SHARD.fullmatch(text)
    index, count = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= index <= count <= MAX_SHARDS:
        raise UsageError(f"--shard {text!r} is not one of n parts", hint="such as 3/16; the first is 1/16")
    return Shard(index, count)


def array_script(arguments: Sequence[str], jobs: int, *, name: str) -> str:
    """A script for ``sbatch``: an array of ``jobs`` jobs, and one that finishes when all have succeeded.

    Args:
        arguments: what follows ``illinstr``, without ``--shard``.
        jobs: how many jobs share the work.
        name: of the jobs.
    """
    command = shlex.join(["illinstr", *arguments])
    return f"""#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=1-{jobs}
#SBATCH --cpus-per-task=2
{ARRAY_MARK}
# Add what your cluster asks for: --partition, --account, --time, --mem, --gres=gpu:1.
#
# Submit the parts, and what joins them when all have ended well:
#
#     job=$(sbatch --parsable THIS_FILE)
#     sbatch --dependency=afterok:$job --array=1-1 --export=ALL,ILLINSTR_JOIN=1 THIS_FILE
#
# A part that died: submit the file again. What is finished is kept.
set -euo pipefail
export OMP_NUM_THREADS="${{SLURM_CPUS_PER_TASK:-1}}"
if [ -n "${{ILLINSTR_JOIN:-}}" ]; then
    exec {command}
fi
exec {command} --shard "$SLURM_ARRAY_TASK_ID/{jobs}"
"""
