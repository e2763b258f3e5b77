"""``illinstr eval`` beyond one run: several opponents, leaderboards, the judge on trial, caches, parts of a run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from illinstr import minihow
from illinstr.evaluation.reports.leaderboard import make_leaderboard
from illinstr.shards import ShardWriter
from tests.evaluation.test_cli import illinstr, refusal, results, write
from tests.evaluation.test_vlm import Seeing, server
from tests.support.eval_world import GOAL_COLOURS, STEP_COLOURS, article, make_image
from tests.support.hub_server import running_hub
from tests.support.tiny_clip import make_tiny_clip

__all__ = ["Seeing", "server"]  # fixtures used below


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_tiny_clip(tmp_path_factory.mktemp("clip") / "tiny")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three runs: all right, all one image, and one that lacks a goal."""
    folder = tmp_path_factory.mktemp("runs")
    right = [article(c, size=32) for c in GOAL_COLOURS]
    same = [article(c, images=[make_image(c, "black", 32)] * len(STEP_COLOURS)) for c in GOAL_COLOURS]
    return [write(folder / name, each) for name, each in (("right", right), ("same", same), ("short", right[:4]))]


@pytest.fixture
def own_runs(runs, tmp_path):
    return [shutil.copytree(run, tmp_path / run.name) for run in runs]


def test_several_opponents_one_flag_or_many(own_runs, clip):
    right, same, short = own_runs
    for arguments in ((right, "--against", same, short), (right, "--against", same, "--against", short)):
        done = illinstr(*arguments, "--encoder", clip, "--truth", right)
        assert done.returncode == 0, done.stderr
        found = results(right)
        assert found["names"] == {"run": str(right), "other": str(same), "other-2": str(short), "truth": str(right)}
        assert {(c["a"], c["b"]) for c in found["comparisons"]} == {("run", "other"), ("run", "other-2")}
        assert any(line.split()[2] == str(same) for line in done.stdout.splitlines() if line.startswith(f"{right} −"))
    assert "runs given" in refusal(2, right, same, "--encoder", clip)


def test_a_leaderboard_ranks_on_shared_goals_and_writes_itself(own_runs, clip, tmp_path):
    board = tmp_path / "board"
    done = illinstr("--compare", *own_runs, "--truth", own_runs[0], "--encoder", clip, "--out", board)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(board / "leaderboard.html")
    loaded = json.loads((board / "leaderboard.json").read_text())
    assert {entry["name"] for entry in loaded["entries"]} == {str(run) for run in own_runs}
    assert loaded["n_articles"] == 4
    assert {entry["metrics"]["consistency"]["n_articles"] for entry in loaded["entries"]} == {4}
    markdown = (board / "leaderboard.md").read_text()
    assert all(str(run) in markdown for run in own_runs) and loaded["verdict"] in markdown
    assert loaded["verdict"] in done.stdout and "Holm" in done.stdout
    page = (board / "leaderboard.html").read_text()
    assert "<script" not in page and str(own_runs[1]) in page
    printed = json.loads(illinstr("--compare", *own_runs, "--encoder", clip, "--out", board, "--json", "-q").stdout)
    assert printed["leaderboard"] == str(board / "leaderboard.html")
    assert sorted(path.name for path in board.iterdir()) == [
        "leaderboard.html", "leaderboard.json", "leaderboard.md", "results.json", "samples.jsonl",
    ]  # fmt: skip
    (board / "notes.txt").write_text("mine")
    assert "notes.txt" in refusal(2, "--compare", *own_runs, "--encoder", clip, "--out", board)
    assert (board / "notes.txt").read_text() == "mine"


def test_ranks_count_only_what_is_settled():
    from tests.evaluation.test_scoring import evaluate
    from tests.support.eval_world import good_run, twice

    same = [article(c, images=[make_image("red", "black")] * 5) for c in GOAL_COLOURS]
    evaluation = evaluate(twice(good_run()), other=twice(same), third=twice(good_run()), every_pair=True)
    board = make_leaderboard(evaluation.results)
    assert [(entry.name, entry.rank) for entry in board.entries] == [("run", 1), ("third", 1), ("other", 3)]
    assert board.entries[2].ranks["step_faithfulness"] == 3
    assert board.entries[0].ranks["step_faithfulness"] == board.entries[1].ranks["step_faithfulness"] == 1
    assert "run and third share the first place" in board.verdict
    equal = make_leaderboard(evaluate(good_run(), other=good_run(), every_pair=True).results)
    assert [entry.rank for entry in equal.entries] == [1, 1] and "cannot rank" in equal.verdict


def test_the_judge_on_trial(tmp_path, clip):
    data = tmp_path / "data"
    with ShardWriter(data, source_config={"made": "by the test"}) as writer:
        for number in range(3):
            writer.add(minihow.make_article(number, split="test", num_steps=3, panel_px=32), split="test")
    done = illinstr(data, "--faults", "--split", "test", "--encoder", clip, "--bootstrap", "100")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(data / "eval-faults" / "faults.md")
    table = json.loads((data / "eval-faults" / "faults.json").read_text())
    names = [row["name"] for row in table["rows"]]
    assert names[0] == "the truth" and "shuffled between steps" in names and "one object recoloured" in names
    assert (table["n_articles"], table["n_pictures"]) == (3, 9)
    assert not (data / "eval").exists()
    assert all(any(line.startswith(name) for line in done.stdout.splitlines()) for name in names)


@pytest.mark.slow
def test_the_offline_judge_sees_gross_faults(tmp_path):
    """What docs/evaluation.md says of it, on twelve held-out articles: steps, goals, repetition and strong noise."""
    data = tmp_path / "data"
    with ShardWriter(data, source_config={"made": "by the test"}) as writer:
        for number in range(12):
            writer.add(minihow.make_article(number, split="test", panel_px=128), split="test")
    done = illinstr(data, "--faults", "--split", "test", "--no-cache", "--bootstrap", "200", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads((data / "eval-faults" / "faults.json").read_text())["rows"]}
    found = {name: {m["name"]: m["value"] for m in row["metrics"].values()} for name, row in rows.items()}
    truth = found["the truth"]
    assert found["shuffled between steps"]["step_faithfulness"] < truth["step_faithfulness"] - 0.4
    assert found["shuffled between goals"]["goal_faithfulness"] < truth["goal_faithfulness"] - 0.3
    assert found["one image repeated"]["consistency"] == found["one image repeated"]["diversity"] == 0
    assert found["one image repeated"]["step_faithfulness"] < truth["step_faithfulness"] - 0.3
    assert found["noise of 128 of 255"]["clip_score"] < truth["clip_score"]
    for name, metric in (("steps", "step_faithfulness"), ("goals", "goal_faithfulness")):
        assert rows[f"shuffled between {name}"]["comparisons"][metric]["settled"]


def test_features_are_kept_where_told(own_runs, clip, tmp_path, monkeypatch):
    monkeypatch.setenv("ILLINSTR_CACHE", str(tmp_path / "home"))
    run, store = own_runs[0], tmp_path / "store"
    first = illinstr(run, "--encoder", clip, "--cache", store)
    assert "images through tiny" in first.stderr
    assert len(list(store.glob("*.sqlite"))) == 2  # of the encoder, and of the pixels
    before = (run / "eval" / "samples.jsonl").read_bytes()
    second = illinstr(run, "--encoder", clip, "--cache", store)
    assert "images through tiny" not in second.stderr
    assert (run / "eval" / "samples.jsonl").read_bytes() == before
    assert not (tmp_path / "home").exists()
    illinstr(run, "--encoder", clip)
    assert len(list((tmp_path / "home" / "illinstr" / "features").glob("*.sqlite"))) == 2
    shutil.rmtree(tmp_path / "home")
    assert "images through tiny" in illinstr(run, "--encoder", clip, "--no-cache").stderr
    assert not (tmp_path / "home").exists()


def test_the_batch_size_changes_no_result(own_runs, clip):
    run, found = own_runs[0], []
    for size in ("1", "7", "32"):
        illinstr(run, "--encoder", clip, "--no-cache", "--batch-size", size, "--truth", own_runs[1])
        found.append(results(run)["metrics"])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            assert a["value"] == pytest.approx(b["value"], abs=1e-4), a["name"]


def test_min_fid_decides_whether_fid_is_stated(own_runs, clip):
    run, truth = own_runs[0], own_runs[1]
    illinstr(run, "--encoder", clip, "--truth", truth)
    assert "fid" in results(run)["skipped"]
    done = illinstr(run, "--encoder", clip, "--truth", truth, "--min-fid", "20")
    assert any(metric["label"] == "fid (tiny, n=25)" for metric in results(run)["metrics"])
    assert "fid (tiny, n=25)" in done.stdout and "biased upwards" in done.stdout


def test_a_run_with_steps_that_lack_images_ends_with_code_3_and_says_so_everywhere(tmp_path, clip):
    images = [make_image("red", step, 32) for step in STEP_COLOURS]
    run = write(tmp_path / "run", [article("red", images=[None, *images[1:]]), article("lime", size=32)])
    done = illinstr(run, "--encoder", clip)
    assert done.returncode == 3
    assert "1 of the 10 steps" in done.stderr and "hint:" in done.stderr
    assert "Only 9 of 10 steps have an image" in done.stdout
    assert "Only 9 of 10 steps" in (run / "eval" / "report.html").read_text()


def test_a_vision_language_model_is_asked_when_told_to(own_runs, clip, server):
    run = own_runs[0]
    done = illinstr(run, "--encoder", clip, "--vlm", server.url, "--vlm-model", "eye-1", "--limit", "2")
    assert done.returncode == 0, done.stderr
    found = {metric["name"]: metric["value"] for metric in results(run)["metrics"]}
    assert found["vlm_goal"] == found["vlm_step"] == 1
    assert results(run)["encoders"]["vlm"]["model"] == "eye-1"
    assert Path(done.stdout.splitlines()[-1]).is_file()
    assert illinstr(run, "--encoder", clip, "--limit", "2").returncode == 0
    assert "vlm_goal" not in {metric["name"] for metric in results(run)["metrics"]}


@pytest.mark.slow
def test_an_encoder_comes_from_a_hub_by_name_and_no_pickle_with_it(own_runs, clip, tmp_path):
    files = {path.name: path.read_bytes() for path in clip.iterdir()}
    with running_hub() as hub:
        hub.repos["org/eye"] = {**files, "pytorch_model.bin": b"never to be loaded", "README.md": b"words"}
        settings = {
            **os.environ,
            **hub.environment(str(tmp_path / "hub")),
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "0",
        }
        command = [sys.executable, "-m", "illinstr", "eval", str(own_runs[0]), "--encoder", "org/eye", "--quiet"]
        done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "model.safetensors" in hub.downloads
        assert not {"pytorch_model.bin", "README.md"} & set(hub.downloads)
    from_hub = results(own_runs[0])
    assert from_hub["encoders"]["encoder"]["id"] == "org/eye"
    illinstr(own_runs[0], "--encoder", clip)
    assert results(own_runs[0])["encoders"]["encoder"]["sha256"] == from_hub["encoders"]["encoder"]["sha256"]
    for local, remote in zip(results(own_runs[0])["metrics"], from_hub["metrics"], strict=True):
        assert local["value"] == pytest.approx(remote["value"], abs=1e-5)
