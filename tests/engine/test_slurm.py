"""Parts of a work for job arrays: all parts make up the whole, and the script gives each job its own."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from illinstr.engine.slurm import Shard, array_script, parse_shard
from illinstr.errors import UsageError


@given(items=st.lists(st.integers()), count=st.integers(1, 9))
def test_parts_are_all_items_once_and_equal_but_for_one(items: list[int], count: int) -> None:
    parts = [parse_shard(f"{index}/{count}").slice_of(items) for index in range(1, count + 1)]
    assert sorted(item for part in parts for item in part) == sorted(items)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert Shard().slice_of(items) == items


@pytest.mark.parametrize("text", ["", "3", "0/4", "5/4", "1/0", "-1/4", "1/4 ", "1/4/2", "a/b", "1/9999999", "١/٤"])
def test_what_is_not_a_part_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not one of n parts"):
        parse_shard(text)


@pytest.mark.parametrize("job", [1, 3, None])
def test_each_job_runs_its_part_and_the_last_one_joins(tmp_path, job) -> None:
    """A shell runs the script with what Slurm sets; what stands for illinstr writes down how it was called."""
    arguments = ["generate", "--goals-file", "my goals.txt", "--out", "it's $HOME"]
    script = tmp_path / "job.sbatch"
    script.write_text(array_script(arguments, 3, name="x"))
    called = tmp_path / "illinstr"
    called.write_text('#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done\necho threads $OMP_NUM_THREADS\n')
    called.chmod(0o755)
    slurm = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_CPUS_PER_TASK": "4", "SLURM_ARRAY_TASK_ID": str(job or 1)}
    more = {} if job else {"ILLINSTR_JOIN": "1"}
    done = subprocess.run(["bash", str(script)], env=slurm | more, capture_output=True, text=True, check=True)
    expected = [*arguments, *(["--shard", f"{job}/3"] if job else []), "threads 4"]
    assert done.stdout.splitlines() == expected
    assert "#SBATCH --array=1-3\n" in script.read_text()
    assert shlex.join(arguments) in script.read_text()
