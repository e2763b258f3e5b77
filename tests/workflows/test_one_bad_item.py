"""A bad item costs itself alone: it is counted with its reason, and the rest goes on."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from illinstr.errors import DataError
from illinstr.runs import write_run
from illinstr.shards import iter_articles, validate
from illinstr.workflows.evaluation_sources import open_source
from tests.support.command_line import calling
from tests.support.tiny_data import make_tiny_data
from tests.support.tiny_run import make_article, make_record

POISON = {
    "cut short": lambda run: (run / "article.json").write_text('{"goal"'),
    "deep": lambda run: (run / "article.json").write_text("[" * 100_000),
    "half a character": lambda run: (run / "article.json").write_text('{"goal": "\\ud800"}'),
    "an image that is another": lambda run: (run / "step-01.png").write_bytes(b"\x89PNG"),
    "an image that is a folder": lambda run: ((run / "step-01.png").unlink(), (run / "step-01.png").mkdir()),
    "no image": lambda run: (run / "step-01.png").unlink(),
}


BAD_SAMPLES = {"json": (".json", 5), "image": (".png", 30)}


def spoil(data: Path, kind: str) -> None:
    """Overwrite some bytes of the second sample's JSON or image, inside the tar."""
    suffix, offset = BAD_SAMPLES[kind]
    tar = next((data / "shards").glob("train*.tar"))
    with tarfile.open(tar) as opened:
        member = [each for each in opened.getmembers() if each.name.endswith(suffix)][1]
    content = bytearray(tar.read_bytes())
    content[member.offset_data + offset : member.offset_data + offset + 20] = bytes(20)
    tar.write_bytes(content)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_data(tmp_path_factory.mktemp("whole") / "data", train=6, val=2)


def commands(data: Path, runs: Path, out: Path) -> dict[str, list[object]]:
    """Each command over many items that reads what a test has damaged."""
    return {
        "stats": ["data", "stats", data],
        "preview": ["data", "preview", data, "--count", 8, "--out", out / "page.html"],
        "split": ["data", "split", data, "--out", out / "again"],
        "study": ["study", "make", f"a={runs}", f"b={runs}", "--out", out / "study"],
    }


@pytest.mark.parametrize("kind", BAD_SAMPLES)
@pytest.mark.parametrize("name", ["stats", "preview", "split"])
def test_one_damaged_sample_is_left_out_and_told(
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    kind: str,
) -> None:
    data = tmp_path / "data"
    shutil.copytree(whole, data)
    spoil(data, kind)
    call = calling(monkeypatch, capsys, "data")
    code, out, errors = call(*commands(data, tmp_path, tmp_path)[name][1:], "--json")
    assert code == 3, errors
    assert "left out" in errors and "hint:" in errors and "Traceback" not in errors
    told = json.loads("\n".join(out))
    count = {
        "stats": lambda: told["articles"],
        "preview": lambda: len(told["articles"]),
        "split": lambda: sum(told["splits"].values()),
    }
    assert count[name]() == 7
    if name == "split":
        assert validate(tmp_path / "again").ok


def test_one_damaged_article_of_a_run_is_left_out_of_a_study(
    batch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    POISON["deep"](batch / "b")
    call = calling(monkeypatch, capsys, "study")
    code, out, errors = call(*commands(batch, batch, tmp_path)["study"][1:], "--json")
    assert code == 3 and str(batch / "b") in errors
    assert json.loads("\n".join(out))["pairs"] == 2


@pytest.mark.parametrize("kind", BAD_SAMPLES)
def test_one_damaged_sample_is_left_out_of_an_evaluation(whole: Path, tmp_path: Path, kind: str) -> None:
    data = tmp_path / "data"
    shutil.copytree(whole, data)
    spoil(data, kind)
    left_out: list[DataError] = []
    assert len(list(open_source(data, left_out=left_out).articles)) == 7
    assert len(left_out) == 1
    with pytest.raises(DataError):
        list(open_source(data).articles)


def test_a_tar_that_breaks_off_costs_what_lies_behind(whole: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(whole, data)
    tar = next((data / "shards").glob("train*.tar"))
    with tarfile.open(tar) as opened:
        third = [each for each in opened.getmembers() if each.name.endswith(".json")][2]
    os.truncate(tar, third.offset + 700)
    left_out: list[DataError] = []
    read = list(iter_articles(data, on_damaged=left_out.append))
    assert len(read) == 2 + 2 and len(left_out) == 1  # two before the break, two of the other split


@pytest.fixture
def batch(tmp_path) -> Path:
    for name in ("a", "b", "c"):
        write_run(tmp_path / "batch" / name, make_article(2, f"generated-{name}"), make_record(num_steps=2), {})
    return tmp_path / "batch"


@pytest.mark.parametrize("kind", POISON)
def test_one_damaged_article_of_a_run_is_counted(batch, kind):
    POISON[kind](batch / "b")
    left_out: list[DataError] = []
    source = open_source(batch, left_out=left_out)
    assert [article.id for article in source.articles] == ["generated-a", "generated-c"]
    assert len(left_out) == 1 and str(batch / "b") in left_out[0].message
    with pytest.raises(DataError):
        open_source(batch)


def test_a_run_of_damaged_articles_alone_is_an_error(batch):
    for name in ("a", "b", "c"):
        POISON["deep"](batch / name)
    with pytest.raises(DataError):
        open_source(batch, left_out=[])


def test_one_bad_line_costs_itself_alone(tmp_path):
    from illinstr.wikihow_scraper.imports.json_lines import imported

    good = make_article(2).model_copy(
        update={"steps": tuple(step.model_copy(update={"image": None}) for step in make_article(2).steps)}
    )
    line = json.dumps(json.loads(good.to_json()))
    surrogate = line.replace(json.dumps(good.goal), '"\\ud800"')
    lines = [line, surrogate, "[" * 100_000, '{"a": ' * 50_000, "\x00", line.replace("generated-0", "generated-1")]
    (tmp_path / "lines.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    read = list(imported(tmp_path / "lines.jsonl", None, None))
    assert [bool(source.articles) for source in read] == [True, False, False, False, False, True]
    assert all(source.error and source.error[1] for source in read[1:5])


def test_a_record_whose_time_is_out_of_range_is_damaged_not_a_fault(batch):
    from illinstr.runs import read_record

    record = json.loads((batch / "a" / "run.json").read_text())
    for created in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"):
        (batch / "a" / "run.json").write_text(json.dumps(record | {"created": created}))
        with pytest.raises(DataError, match="created"):
            read_record(batch / "a")


def test_a_goal_that_the_index_tells_otherwise_is_damage(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from illinstr.shards.resplit import resplit
    from tests.support.shard_articles import article, write_data

    data = write_data(tmp_path / "data", [article(1), article(2)])
    file = next((data / "shards").glob("*.parquet"))
    table = pq.read_table(file)
    at = table.schema.get_field_index("goal")
    pq.write_table(table.set_column(at, "goal", pa.array(["How to be another"] * len(table))), file)
    with pytest.raises(DataError, match="another in its tar"):
        resplit(data, tmp_path / "out")
