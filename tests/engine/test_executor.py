"""The socket of executors: every task once, in order where wanted, whatever dies; the same for every executor."""

from __future__ import annotations

from collections import deque
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import count
from pathlib import Path

import pytest

from illinstr.engine import executor as socket
from illinstr.engine.executor import (
    AHEAD,
    Done,
    ExecutorError,
    Lost,
    Outcome,
    Placement,
    Task,
    Worker,
    executor_names,
    register_executor,
    run_tasks,
)
from illinstr.errors import DataError, ModelError, UsageError
from tests.engine.works import Squares, tasks
from tests.support.toy_task import Listener

LOCAL = [Placement(), Placement(workers=2)]


class Threads:
    """An executor added from outside: threads of this process."""

    def __init__(self, work, placement, reporter):
        self.slots = placement.workers
        self.pool, self.running = ThreadPoolExecutor(self.slots), set()
        self.do = work.start(Worker(reporter=reporter))

    def submit(self, task):
        self.running.add(self.pool.submit(self.one, task))

    def one(self, task):
        try:
            return Done(task.name, self.do(task))
        except DataError as error:
            return Done(task.name, error=error)

    def next(self):
        done = wait(self.running, return_when=FIRST_COMPLETED).done.pop()
        self.running.remove(done)
        return done.result()

    def close(self):
        self.pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def threads():
    register_executor("threads", Threads)
    yield Placement("threads", workers=3)
    del socket._EXECUTORS["threads"]


def results(outcomes: list[Outcome]) -> dict[str, object]:
    return {each.name: each.result if each.error is None else each.error.message for each in outcomes}


def test_an_executor_from_outside_does_what_the_others_do(tmp_path: Path, threads: Placement) -> None:
    assert "threads" in executor_names()
    found = []
    for number, where in enumerate([threads, *LOCAL]):
        folder = tmp_path / str(number)
        folder.mkdir()
        outcomes = list(run_tasks(Squares(folder), tasks(*"a" * 9, "fail"), where, ordered=True))
        assert [each.name for each in outcomes] == [f"t{n}" for n in range(10)]
        found.append((results(outcomes), sorted(path.name for path in folder.glob("t*"))))
    assert found[0] == found[1] == found[2]
    assert found[0][0] == {**{f"t{n}": n * n for n in range(9)}, "t9": "9 cannot be squared"}
    with pytest.raises(ValueError, match="already"):
        register_executor("threads", Threads)


@pytest.mark.parametrize("where", LOCAL)
def test_what_is_finished_is_not_done_again(tmp_path: Path, where: Placement) -> None:
    (tmp_path / "t1").write_text("77")
    outcomes = list(run_tasks(Squares(tmp_path), tasks("", "", ""), where, ordered=True))
    assert [(each.result, each.kept) for each in outcomes] == [(0, False), (77, True), (4, False)]
    again = list(run_tasks(Squares(tmp_path, no_model=True), tasks("", "", ""), where))  # nothing to do: none started
    assert [each.kept for each in again] == [True] * 3


@pytest.mark.parametrize("where", LOCAL)
def test_failures_are_the_tasks_own_and_bugs_end_the_work(tmp_path: Path, where: Placement) -> None:
    [first, failed] = run_tasks(Squares(tmp_path), tasks("", "fail"), where, ordered=True)
    assert first.error is None and isinstance(failed.error, DataError)
    assert (failed.error.message, failed.error.hint) == ("1 cannot be squared", "take another")
    with pytest.raises(ZeroDivisionError, match="bug at 0"):
        list(run_tasks(Squares(tmp_path), [Task("bug", (0, "bug"))], where))
    with pytest.raises(ModelError, match="no model here") as caught:
        list(run_tasks(Squares(tmp_path, no_model=True), [Task("new", (0, ""))], where))
    assert caught.value.hint == "get one"


def test_what_a_lost_worker_held_is_done_again_and_told(tmp_path: Path) -> None:
    listener = Listener()
    outcomes = run_tasks(
        Squares(tmp_path), tasks("", "die", "", "die", ""), Placement(workers=2), ordered=True, reporter=listener
    )
    assert [each.result for each in outcomes] == [0, 1, 4, 9, 16]
    lost = [line for line in listener.lines if line.startswith("lost worker")]
    assert len(lost) == 2 and all("killed by signal 9" in line for line in lost)
    assert "done again: t1" in " ".join(lost) and "done again: t3" in " ".join(lost)
    assert len(list(tmp_path.glob("started-*"))) >= 3  # in place of one that is lost, another


def test_a_task_that_kills_its_workers_is_given_up_alone(tmp_path: Path) -> None:
    outcomes = list(run_tasks(Squares(tmp_path), tasks("die always", "", ""), Placement(workers=2), ordered=True))
    assert [each.result for each in outcomes] == [None, 1, 4]
    assert isinstance(outcomes[0].error, ExecutorError)
    assert "3 times" in outcomes[0].error.message


def test_workers_report_to_the_one_reporter(tmp_path: Path) -> None:
    for where, started in zip(LOCAL, (1, 2), strict=True):
        listener = Listener()
        wishes = [Task(f"{where.workers}-{n}", (n, "slow")) for n in range(6)]
        list(run_tasks(Squares(tmp_path), wishes, where, reporter=listener))
        possible = [f"worker {number} starts" for number in range(started)]
        assert listener.lines and set(listener.lines) <= set(possible)  # the last to start may find nothing left


def test_leaving_early_ends_the_workers(tmp_path: Path) -> None:
    outcomes = run_tasks(Squares(tmp_path), tasks(*["slow"] * 50), Placement(workers=2))
    next(outcomes)
    outcomes.close()
    pids = [path.name.rsplit("-", 1)[1] for path in tmp_path.glob("started-*")]
    assert pids and not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert len(list(tmp_path.glob("t*"))) < 50


class Scripted:
    """Workers whose events the test chooses."""

    slots = 2

    def __init__(self, choose) -> None:
        self.queue: deque[Task] = deque()
        self.choose, self.most = choose, 0

    def submit(self, task: Task) -> None:
        self.queue.append(task)
        self.most = max(self.most, len(self.queue))

    def next(self):
        return self.choose(self.queue)

    def close(self) -> None:
        pass


@pytest.fixture
def scripted(tmp_path, monkeypatch):
    def run(choose, number, **more):
        workers = Scripted(choose)
        monkeypatch.setitem(socket._EXECUTORS, "scripted", lambda *_: workers)
        listener = Listener()
        found = run_tasks(Squares(tmp_path), tasks(*[""] * number), Placement("scripted"), reporter=listener, **more)
        return workers, found, listener

    return run


def test_order_is_kept_and_memory_bounded_when_the_first_is_the_slowest(scripted) -> None:
    workers, found, _ = scripted(lambda queue: Done(queue.pop().name), 200, ordered=True)  # the newest ends first
    assert [each.name for each in found] == [f"t{n}" for n in range(200)]
    assert workers.most <= AHEAD * workers.slots


def test_an_outcome_that_comes_twice_counts_once(scripted) -> None:
    def choose(queue):
        if next(turns) == 0:
            return Lost("w", (queue[0].name,), "slow line")  # ... and yet it was done: it comes twice
        return Done(queue.popleft().name)

    turns = count()
    _, found, listener = scripted(choose, 3)
    assert sorted(each.name for each in found) == ["t0", "t1", "t2"]
    assert listener.lines == ["lost w (slow line); done again: t0"]


def test_workers_that_cannot_work_at_all_end_the_work(scripted) -> None:
    _, found, _ = scripted(lambda queue: Lost("w", (), "no memory"), 2)
    with pytest.raises(ExecutorError, match="5 workers were lost in a row: no memory"):
        list(found)


def test_an_unknown_executor_is_refused_with_the_names_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'rey' is unknown") as caught:
        list(run_tasks(Squares(tmp_path), tasks(""), Placement("rey")))
    assert "local, ray" in (caught.value.hint or "")
