"""``illinstr scrape`` killed and interrupted, and run again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from illinstr.shards import validate
from tests.support import fork_server
from tests.wikihow_scraper.test_cli import NETWORK, articles, site, urls

PROGRAM = [sys.executable, "-c", "from illinstr.cli.app import main; main()", "scrape"]

__all__ = ["site"]  # the fixture


def test_an_interrupt_ends_cleanly_and_nothing_is_half_written(site, tmp_path):
    out = tmp_path / "out"
    command = [*PROGRAM, *urls(site), *NETWORK, "--min-interval", "0.3", "--out", str(out)]
    process = fork_server.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(site.requests) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert printed == ""
    assert "Traceback" not in errors
    assert not out.exists()


@pytest.mark.parametrize("after", [2, 5, 8])
def test_killed_at_any_moment_and_run_again(site, tmp_path, after):
    """SIGKILL while the crawl is under way; the same command then ends with every article once, asking for nothing
    that had arrived."""
    out = tmp_path / "out"
    command = [*PROGRAM, *urls(site), *NETWORK, "--min-interval", "0.05", "--out", str(out)]
    process = fork_server.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
    deadline = time.monotonic() + 60
    while len(site.requests) < after and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (out / "index.json").exists()
    kept = {json.loads(path.read_bytes())["url"] for path in (tmp_path / "out.cache").rglob("*.json")}
    before = len(site.requests)
    done = fork_server.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(out)
    assert validate(out).ok
    assert len(articles(out)) == 3
    assert sum(step.image is not None for article in articles(out) for step in article.steps) == 6
    asked_again = {site.origin + request.path for request in site.requests[before:]}
    assert not asked_again & kept
    assert [path for path in out.rglob("*") if "incomplete" in path.name] == []
