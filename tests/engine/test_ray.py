"""The executor on Ray: two nodes on the loopback, one of them killed with tasks on it, and the same results as here."""

from __future__ import annotations

import builtins
import os
import time
from pathlib import Path

import pytest

from illinstr.engine.executor import Placement, Task, run_tasks
from illinstr.errors import ModelError, UsageError
from tests.engine.works import Squares, tasks
from tests.support.toy_task import Listener

ROOT = Path(__file__).resolve().parents[2]


def test_without_ray_the_package_to_install_is_named(monkeypatch, tmp_path: Path) -> None:
    real = builtins.__import__

    def missing(name, *more):
        if name == "ray" or name.startswith("ray."):
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UsageError, match="needs the package ray") as caught:
        list(run_tasks(Squares(tmp_path), tasks(""), Placement("ray")))
    assert "illinstr[ray]" in (caught.value.hint or "")


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of one core each; a third party's view of them."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT), "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80_000_000}
    two = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
    second = two.add_node(**node)
    yield two, second
    two.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_killed_node_loses_nothing_and_doubles_nothing(tmp_path: Path, cluster) -> None:
    two, second = cluster
    listener = Listener()
    (tmp_path / "t3").write_text("9")
    where = Placement("ray", workers=2, address=two.address)
    outcomes = run_tasks(Squares(tmp_path), tasks(*["slow"] * 30, "fail"), where, ordered=True, reporter=listener)
    found = [next(outcomes) for _ in range(6)]
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("started-*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    two.remove_node(second, allow_graceful=False)
    found += outcomes
    assert [each.name for each in found] == [f"t{n}" for n in range(31)]
    assert [each.result for each in found[:30]] == [n * n for n in range(30)]
    assert found[3].kept and found[30].error.message == "30 cannot be squared"
    assert [line for line in listener.lines if line.startswith("lost worker")]

    here = tmp_path / "here"
    here.mkdir()
    list(run_tasks(Squares(here), tasks(*["slow"] * 30, "fail")))
    assert {p.name: p.read_bytes() for p in here.glob("t*")} == {p.name: p.read_bytes() for p in tmp_path.glob("t*")}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_failures_to_start_and_bugs_come_through(tmp_path: Path, cluster) -> None:
    where = Placement("ray", workers=1, address=cluster[0].address)
    with pytest.raises(ModelError, match="no model here"):
        list(run_tasks(Squares(tmp_path, no_model=True), tasks(""), where))
    with pytest.raises(ZeroDivisionError, match="bug at 0"):
        list(run_tasks(Squares(tmp_path), [Task("bug", (0, "bug"))], where))
    [outcome] = run_tasks(Squares(tmp_path), tasks(""), where)
    assert outcome.result == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_an_address_where_no_cluster_answers_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    with pytest.raises(UsageError, match="no Ray cluster answers"):
        list(run_tasks(Squares(tmp_path), tasks(""), Placement("ray", address="no-such-scheme://x")))
