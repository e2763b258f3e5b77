"""The run folder: round trips, damage, refusals, and death in the middle of writing."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from illinstr.articles import Article, Provenance, Step
from illinstr.errors import DataError, UsageError
from illinstr.runs import RunRecord, check_out, read_record, read_run, write_run
from tests.support import fork_server
from tests.support.tiny_run import FORMATS, make_article, make_image, make_record

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(str.strip)
step_images = st.one_of(
    st.none(),
    st.builds(make_image, st.tuples(*[st.integers(0, 255)] * 3), st.sampled_from(list(FORMATS)), st.just((5, 3))),
)
articles = st.builds(
    Article,
    id=st.just("generated-1"),
    goal=texts,
    steps=st.lists(
        st.builds(Step, headline=texts, body=st.text(max_size=20), image=step_images), min_size=1, max_size=12
    ).map(tuple),
    provenance=st.just(Provenance(source="generated")),
)
records = st.builds(
    RunRecord,
    goal=texts,
    seed=st.integers(0, 2**63),
    num_steps=st.integers(1, 100),
    method=st.sampled_from(["stacked", "independent"]),
    sampler=texts,
    sampling_steps=st.integers(1, 1000),
    guidance=st.floats(allow_nan=False, allow_infinity=False),
    model_id=texts,
    model_sha256=texts,
    planner=texts,
    versions=st.dictionaries(texts, texts, max_size=3),
    timings=st.dictionaries(texts, st.floats(0, 1e6), max_size=3),
    created=st.datetimes(timezones=st.just(UTC)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(article=articles, record=records)
def test_what_is_written_is_read_back(tmp_path: Path, article: Article, record: RunRecord) -> None:
    run = write_run(
        tmp_path / "run",
        article,
        record,
        {"index.html": '<meta name="generator" content="illinstr"><p>é</p>', "strip.png": b"\x89"},
    )
    [again] = read_run(run)
    assert again == article
    assert [step.image and step.image.data for step in again.steps] == [s.image and s.image.data for s in article.steps]
    assert read_record(run) == record
    assert (run / "index.html").read_text(encoding="utf-8").endswith("<p>é</p>")


def test_images_are_named_by_their_place_and_hashed_in_article_json(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", make_article(12), make_record(num_steps=12), {})
    names = sorted(path.name for path in run.glob("step-*"))
    assert names == [f"step-{i:02d}.png" for i in range(1, 13)]
    stored = json.loads((run / "article.json").read_text())
    for name, step in zip(names, stored["steps"], strict=True):
        assert hashlib.sha256((run / name).read_bytes()).hexdigest() == step["image"]["sha256"]
        assert "data" not in step["image"]


def test_a_batch_is_read_in_order_of_names(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        write_run(tmp_path / name, make_article(ident=f"generated-{name}"), make_record(), {})
    (tmp_path / "d.incomplete").mkdir()
    (tmp_path / ".e").mkdir()
    (tmp_path / "eval").mkdir()
    assert [article.id for article in read_run(tmp_path)] == ["generated-a", "generated-b", "generated-c"]


def test_created_is_utc_and_needs_a_zone() -> None:
    local = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert make_record(created=local).to_json().count("2026-01-01T10:00:00Z") == 1
    with pytest.raises(ValueError, match="timezone"):
        make_record(created=datetime(2026, 1, 1))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda run: (run / "step-02.png").unlink(), "step-02.png is missing"),
        (lambda run: (run / "step-02.png").write_bytes(b"nothing"), "step-02.png is damaged"),
        (lambda run: (run / "step-02.png").write_bytes((run / "step-01.png").read_bytes()), "step-02.png is damaged"),
        (lambda run: (run / "article.json").unlink(), "article.json is missing"),
        (lambda run: (run / "article.json").write_text("{"), "not a valid article"),
        (lambda run: (run / "article.json").write_text('{"id": "a"}'), "not a valid article"),
    ],
)
def test_damage_is_named_with_a_hint(tmp_path: Path, spoil, message: str) -> None:
    run = write_run(tmp_path / "run", make_article(), make_record(), {})
    spoil(run)
    with pytest.raises(DataError) as caught:
        read_run(run)
    assert message in caught.value.message
    assert caught.value.hint
    with pytest.raises(DataError):
        read_run(tmp_path)


def test_a_lie_about_the_size_of_a_image_is_found(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", make_article(), make_record(), {})
    stored = json.loads((run / "article.json").read_text())
    stored["steps"][0]["image"]["width"] = 9999
    (run / "article.json").write_text(json.dumps(stored))
    with pytest.raises(DataError, match="size is not what"):
        read_run(run)


def test_images_whose_article_is_gone_are_not_passed_over(tmp_path: Path) -> None:
    for name in "ab":
        write_run(tmp_path / "batch" / name, make_article(), make_record(), {})
    for name in ("article.json", "run.json"):
        (tmp_path / "batch" / "b" / name).unlink()
    with pytest.raises(DataError, match=r"b/article\.json is missing"):
        read_run(tmp_path / "batch")
    (tmp_path / "batch" / "b").rename(tmp_path / "batch" / "b.incomplete")
    assert len(read_run(tmp_path / "batch")) == 1


def test_oversized_files_are_refused_while_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path / "run", make_article(), make_record(), {})
    monkeypatch.setattr("illinstr.runs.MAX_IMAGE_BYTES", 10)
    with pytest.raises(DataError, match="over the limit"):
        read_run(run)


def test_folders_that_are_no_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    for path, message in [("none", "no such"), ("file", "is a file"), ("empty", "not a run folder")]:
        with pytest.raises(DataError, match=message) as caught:
            read_run(tmp_path / path)
        assert caught.value.hint


@pytest.mark.parametrize("content", ["", "[]", '{"goal": "x"}', '{"schema_version": 99}'])
def test_a_damaged_record_is_a_data_error(tmp_path: Path, content: str) -> None:
    run = write_run(tmp_path / "run", make_article(), make_record(), {})
    (run / "run.json").write_text(content)
    with pytest.raises(DataError, match="not a valid run record"):
        read_record(run)


@pytest.mark.parametrize("name", ["../x", "a/b", "article.json", "run.json", "step-01.png", ".hidden", "", ".."])
def test_pages_cannot_leave_the_folder_or_replace_the_run(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a page"):
        write_run(tmp_path / "run", make_article(), make_record(), {name: "x"})
    assert list(tmp_path.iterdir()) == []


def test_a_image_without_bytes_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    bare = Article.from_json(make_article().to_json())
    with pytest.raises(DataError, match="without bytes"):
        write_run(tmp_path / "run", bare, make_record(), {})
    assert list(tmp_path.iterdir()) == []


class TestCheckOut:
    def test_new_and_empty_folders_are_fine(self, tmp_path: Path) -> None:
        assert check_out(tmp_path / "a" / "b") == tmp_path / "a" / "b"
        assert check_out(tmp_path) == tmp_path
        assert list(tmp_path.iterdir()) == []

    def test_a_run_needs_overwrite(self, tmp_path: Path) -> None:
        run = write_run(tmp_path / "run", make_article(), make_record(), {})
        with pytest.raises(UsageError, match="finished article") as caught:
            check_out(run)
        assert "--overwrite" in (caught.value.hint or "")
        assert check_out(run, overwrite=True) == run

    def test_other_peoples_files_are_never_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").write_text("years of work")
        with pytest.raises(UsageError, match=r"thesis\.tex"):
            check_out(tmp_path, overwrite=True)

    def test_files_in_the_way(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        for path in (tmp_path / "file", tmp_path / "file" / "below" / "it"):
            with pytest.raises(UsageError, match="not a folder"):
                check_out(path)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_no_permission(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        try:
            with pytest.raises(UsageError, match="permission"):
                check_out(tmp_path / "run")
        finally:
            tmp_path.chmod(0o700)

    def test_a_link_is_followed(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "real")
        run = write_run(tmp_path / "link", make_article(), make_record(), {})
        assert run == tmp_path / "real"
        assert (tmp_path / "link" / "article.json").is_file()


ROOT = Path(__file__).parent.parent
WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from tests.support.tiny_run import make_article, make_record
    from illinstr.runs import write_run

    MARK, NAMES = b'<meta name="generator" content="illinstr', ("index.html", "article.md", "article.pdf", "strip.png")
    article = make_article(40)
    pages = {name: MARK + bytes(1_500_000) for name in NAMES}
    print("ready", flush=True)
    for i in range(10_000):
        write_run(Path(sys.argv[1]) / f"run-{i % 50:02d}-{i // 50}", article, make_record(num_steps=40), pages)
    """
)


@pytest.mark.parametrize("delay_ms", [3, 17, 41, 90])
def test_kill_while_writing_leaves_only_whole_runs(tmp_path: Path, delay_ms: int) -> None:
    process = fork_server.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        while not any(tmp_path.glob("run-*")):
            time.sleep(0.001)
        time.sleep(delay_ms / 1000)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    whole = [path for path in tmp_path.iterdir() if not path.name.endswith(".incomplete")]
    for folder in whole:
        [article] = read_run(folder)
        assert article.num_steps == 40
        assert read_record(folder).num_steps == 40
        pages = ("index.html", "article.md", "article.pdf", "strip.png")
        assert {(folder / name).stat().st_size for name in pages} == {1_500_040}
    for left in tmp_path.glob("*.incomplete"):  # the next writer takes the place of what was left behind
        write_run(left.with_name(left.name.removesuffix(".incomplete")), make_article(), make_record(), {})
    assert not list(tmp_path.glob("*.incomplete"))
