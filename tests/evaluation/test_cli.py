"""``illinstr eval`` as people run it: a process, its two streams and its exit code."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from PIL import Image

from illinstr import minihow
from illinstr.cli.app import main
from illinstr.evaluation.subjects import at_most
from tests.support import fork_server
from tests.support.eval_world import GOAL_COLOURS, article, make_image
from tests.support.eval_world import write_runs as write
from tests.support.image_bytes import encoded
from tests.support.tiny_clip import make_tiny_clip


def illinstr(*arguments) -> subprocess.CompletedProcess[str]:
    """The program's own ``main`` in this process: the same parser, streams and exit codes without a new interpreter."""
    out, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(errors):
        patch.setattr(sys, "argv", ["illinstr", "eval", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as ending:
            code = int(ending.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), errors.getvalue())


def illinstr_process(*arguments) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", "from illinstr.cli.app import main; main()", "eval", *map(str, arguments)]
    return fork_server.run(command, capture_output=True, text=True, env=settings, check=False)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_tiny_clip(tmp_path_factory.mktemp("clip") / "tiny")


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    return write(tmp_path_factory.mktemp("runs") / "colours", [article(c, size=32) for c in GOAL_COLOURS])


@pytest.fixture
def run(colours, tmp_path):
    return shutil.copytree(colours, tmp_path / "run")


@pytest.fixture(scope="module")
def plain(colours, clip, tmp_path_factory):
    """Results without any option."""
    run = shutil.copytree(colours, tmp_path_factory.mktemp("plain") / "run")
    illinstr(run, "--encoder", clip)
    return results(run)


def results(run: Path) -> dict:
    return json.loads((run / "eval" / "results.json").read_text())


def test_a_run_is_scored_and_the_last_line_is_the_report(run, clip):
    done = illinstr_process(run, "--encoder", clip)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == str(run / "eval" / "report.html") and Path(lines[-1]).is_file()
    assert lines[0] == results(run)["verdict"]
    assert any(line.startswith("goal_faithfulness ") for line in lines)
    assert any(line.startswith("left out: consistency_gap") for line in lines)
    assert "images through tiny" in done.stderr and "Traceback" not in done.stderr
    assert results(run)["names"] == {"run": str(run)}


def test_json_and_quiet(run, clip):
    done = illinstr(run, "--encoder", clip, "--json", "--quiet")
    printed = json.loads(done.stdout)
    assert printed["results"] == results(run)
    assert Path(printed["report"]).is_file()
    assert done.stderr == ""
    assert illinstr(run, "--encoder", clip, "--quiet").stdout == f"{run / 'eval' / 'report.html'}\n"


def test_minihow_goals_bring_their_truth_and_distractors(tmp_path, clip):
    goals = minihow.all_goals()
    run = write(tmp_path / "run", [minihow.illustrate(minihow.plan(goals[0], 3, seed=5))])
    done = illinstr(run, "--encoder", clip, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["results"]
    assert found["names"]["truth"] == "MiniHow"
    assert "consistency_gap" in {metric["name"] for metric in found["metrics"]}
    lines = [json.loads(line) for line in (run / "eval" / "samples.jsonl").read_text().splitlines()]
    chosen = [line["candidates"] for line in lines if line["metric"] == "goal_faithfulness"]
    assert chosen and all(len(set(texts)) == 4 and set(texts) <= set(goals) for texts in chosen)


def test_minihow_is_scored_at_one_size_whatever_the_run_was_drawn_at(tmp_path, clip):
    """The reference is the same run, brought to that size by hand."""
    planned = [minihow.plan(goal, 3, seed=5) for goal in minihow.all_goals()[:2]]
    large = [minihow.illustrate(each, panel_px=256) for each in planned]
    small = []
    for each in large:
        images = [Image.open(io.BytesIO(step.image.data)) for step in each.steps]
        reduced = [encoded(image.resize((128, 128), Image.Resampling.LANCZOS)) for image in images]
        small.append(each.with_images(dict(enumerate(reduced))))
    found = []
    for name, articles in (("large", large), ("small", small)):
        run = write(tmp_path / name, articles)
        assert illinstr(run, "--encoder", clip, "--against", write(tmp_path / f"{name}-2", large)).returncode == 0
        found.append(results(run))
        assert not any("sizes" in warning for warning in found[-1]["warnings"])
    assert found[0]["metrics"] == found[1]["metrics"]
    assert found[0]["side_metrics"] == found[1]["side_metrics"]


def test_images_no_larger_or_not_readable_stay_as_they_are():
    broken = article("red", images=[make_image("red", "blue", 40), make_image("red", "blue", 24)])
    broken = broken.model_copy(
        update={
            "steps": tuple(
                step.model_copy(update={"image": step.image.model_copy(update={"data": b"no image"})})
                if number == 1
                else step
                for number, step in enumerate([*broken.steps[:2], *broken.steps[:1]])
            )
        }
    )
    [made] = at_most([broken], 24)
    assert [step.image.width for step in made.steps] == [24, 24, 24]
    assert made.steps[1].image.data == b"no image"
    assert list(at_most([broken], 40)) == [broken]


def test_against_truth_split_and_data_folders(run, tmp_path, clip):
    from illinstr.shards import ShardWriter

    data = tmp_path / "data"
    with ShardWriter(data, source_config={"made": "by the test"}) as writer:
        for number, colour in enumerate(GOAL_COLOURS):
            writer.add(article(colour, size=32), split="test" if number < 3 else "train")
    done = illinstr(run, "--against", data, "--truth", data, "--encoder", clip, "--json")
    assert done.returncode == 0, done.stderr
    found = results(run)
    assert found["names"]["truth"] == found["names"]["other"] == str(data)
    assert {c["metric"]: c["difference"] for c in found["comparisons"]}["consistency"] == 0
    assert illinstr(data, "--split", "test", "--encoder", clip).returncode == 0
    assert (results(data)["n_articles"], results(data)["split"]) == (3, "test")
    refused = illinstr(data, "--split", "nowhere", "--encoder", clip)
    assert refused.returncode == 1 and "nowhere" in refused.stderr
    refused = illinstr(run, "--split", "test", "--encoder", clip)
    assert refused.returncode == 2 and "only data folders have splits" in refused.stderr


@pytest.mark.parametrize(
    ("options", "place", "value"),
    [
        (["--limit", "4"], ("n_articles",), 4),
        (["--seed", "7"], ("settings", "seed"), 7),
        (["--num-distractors", "2"], ("settings", "num_distractors"), 2),
        (["--bootstrap", "150"], ("settings", "bootstrap"), 150),
        (["--step-text", "full"], ("settings", "step_text"), "full"),
        (["--protocol", "reproduction"], ("settings", "protocol"), "reproduction"),
        (["--goal-distractors", "near", "--num-distractors", "1"], ("settings", "goal_distractors"), "near"),
    ],
)
def test_every_option_reaches_the_results_and_changes_them(run, clip, plain, options, place, value):
    assert illinstr(run, "--encoder", clip, *options).returncode == 0
    changed = results(run)
    node = changed
    for key in place:
        node = node[key]
    assert node == value
    assert changed["metrics"] != plain["metrics"]


def test_consistency_encoder_changes_the_distance_of_features_alone(run, clip, plain, tmp_path):
    other = make_tiny_clip(tmp_path / "second", seed=3)
    illinstr(run, "--encoder", clip, "--consistency-encoder", other)
    changed = {metric["name"]: metric["value"] for metric in results(run)["metrics"]}
    before = {metric["name"]: metric["value"] for metric in plain["metrics"]}
    assert before["feature_distance"] != changed["feature_distance"]
    assert before["consistency"] == changed["consistency"]  # of pixels
    assert before["goal_faithfulness"] == changed["goal_faithfulness"]
    assert results(run)["encoders"]["consistency_encoder"]["id"] == "second"


def refusal(code, *arguments, start=illinstr) -> str:
    done = start(*arguments)
    lines = done.stderr.splitlines()
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert len(lines) <= 2 and lines[0].startswith("error: ")
    assert all(line.startswith("hint: ") for line in lines[1:])
    return done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--protocol", "mine"], "--protocol 'mine'"),
        (["--step-text", "half"], "--step-text 'half'"),
        (["--limit", "0"], "--limit 0"),
        (["--bootstrap", "5"], "--bootstrap"),
        (["--num-distractors", "0"], "--num-distractors"),
        (["--seed", "-1"], "--seed"),
        (["--protocol", "reproduction", "--num-distractors", "2"], "3 distractors"),
        (["--device", "abacus"], "abacus"),
        (["--goal-distractors", "far"], "--goal-distractors 'far'"),
        (["--min-fid", "1"], "--min-fid"),
        (["--batch-size", "0"], "--batch-size 0"),
        (["--compare"], "two or more runs"),
        (["--faults", "--compare"], "two things"),
        (["--faults", "--truth", "x"], "with themselves"),
        (["--faults", "--protocol", "reproduction"], "our own protocol"),
        (["--vlm", "http://localhost:1/v1"], "--vlm-model"),
        (["--vlm-model", "eye"], "belong together"),
        (["--vlm", "localhost", "--vlm-model", "eye"], "not an address"),
        (["--cache", "x", "--no-cache"], "contradict"),
    ],
)
def test_wrong_use_is_one_line_and_code_2(run, clip, options, said):
    assert said in refusal(2, run, "--encoder", clip, *options)
    assert not (run / "eval").exists()


def test_bad_input_is_one_line_and_code_1(run, clip, tmp_path):
    assert "no such folder" in refusal(1, tmp_path / "nowhere", "--encoder", clip, start=illinstr_process)
    assert "no encoder folder" in refusal(1, run, "--encoder", tmp_path / "nowhere")
    assert "cannot fetch encoder" in refusal(1, run, "--encoder", "nobody/nothing", start=illinstr_process)
    stranger = write(tmp_path / "stranger", [article("red", goal="How to fly")])
    assert "no goal in common" in refusal(1, run, "--truth", stranger, "--encoder", clip)
    assert "no goal in common" in refusal(1, run, "--against", stranger, "--encoder", clip)
    assert not (run / "eval").exists()


def test_a_damaged_article_is_named_and_left_out(run, clip):
    torn = run / "01" / "step-02.png"
    for damage in (lambda: torn.write_bytes(torn.read_bytes()[:60]), torn.unlink):
        damage()
        done = illinstr(run, "--encoder", clip)
        assert done.returncode == 3 and "step-02.png" in done.stderr and "Traceback" not in done.stderr
        results = json.loads((run / "eval" / "results.json").read_text())
        assert results["n_articles"] == len(list(run.glob("[0-9]*"))) - 1


def test_a_image_whose_data_is_torn_is_named_before_the_encoder_is_needed(tmp_path):
    whole = article("red", size=32)
    torn = whole.steps[1].image.data[:80]  # header and hash are right, the pixels are not
    run = write(tmp_path / "run", [whole.with_images({1: torn})])
    assert f"step 2 of {whole.id}" in refusal(1, run, "--encoder", tmp_path / "not-even-there")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_refused_first(run, clip):
    run.chmod(0o500)
    try:
        assert "no permission" in refusal(2, run, "--encoder", clip)
    finally:
        run.chmod(0o700)


def test_a_killed_eval_leaves_the_older_results_whole(run, clip):
    assert illinstr(run, "--encoder", clip, "--quiet").returncode == 0
    before = {path.name: path.read_bytes() for path in (run / "eval").iterdir()}
    command = [sys.executable, "-c", "from illinstr.cli.app import main; main()", "eval", str(run), "--seed", "9"]
    command += ["--encoder", str(clip)]
    for delay in (1.0, 3.0):
        process = fork_server.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        left = {path.name: path.read_bytes() for path in (run / "eval").iterdir()}
        assert set(left) == set(before)
        if left != before:  # it was faster than the kill: then all three files are the new ones
            assert all(left[name] != before[name] for name in before)
    assert illinstr(run, "--encoder", clip, "--quiet").returncode == 0
    assert not list(run.glob("*.incomplete"))


def test_help_shows_a_worked_example():
    done = illinstr("--help")
    assert done.returncode == 0
    assert "illinstr eval runs/stacked --against runs/independent" in " ".join(done.stdout.split())
