"""Revising a run folder: what is kept stays as it is to the byte, whatever happens meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from illinstr.articles import Step
from illinstr.errors import DataError, UsageError
from illinstr.images import has_recipe
from illinstr.progress import SilentReporter
from illinstr.runs import read_article, read_record, write_run
from illinstr.sampling.drawing.illustrator import DrawingSettings, Illustrator
from illinstr.sampling.drawing.revision import FinishedRun, open_run, publish, redraw, without_images
from illinstr.sampling.writing import UserSteps, parse_step, plan_article
from tests.support import fork_server
from tests.support.tiny_model import make_tiny_model
from tests.support.tiny_run import make_article, make_image, make_record

ROOT = Path(__file__).resolve().parents[2]
SILENT = SilentReporter()
PAGES = ("index.html", "article.md", "strip.png")


@pytest.fixture(scope="module")
def illustrator(tmp_path_factory: pytest.TempPathFactory) -> Illustrator:
    from illinstr.diffusion.pipeline import StackedDiffusionPipeline

    folder = make_tiny_model(tmp_path_factory.mktemp("model") / "tiny")
    return Illustrator(StackedDiffusionPipeline.from_folder(str(folder)), DrawingSettings())


@pytest.fixture
def run(tmp_path: Path, illustrator: Illustrator) -> FinishedRun:
    from illinstr.sampling.pages.page import render_pages

    plan = plan_article(UserSteps([parse_step(f"Do {i}") for i in range(1, 5)]), "Make tea", 4, seed=0)
    article, record = illustrator.draw(plan, goal="Make tea", seed=0, reporter=SILENT)
    return open_run(write_run(tmp_path / "run", article, record, render_pages(article, record)))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_only_the_step_without_a_image_is_drawn(run: FinishedRun, illustrator: Illustrator) -> None:
    before = contents(run.folder)
    article = without_images(run.article, {2})
    folder, record = redraw(run, article, illustrator, seed=8, command="edit", note="why", reporter=SILENT)
    after = contents(folder)
    assert {name for name in after if after[name] != before[name]} == {
        *("step-03.png", "article.json", "run.json", *PAGES),
    } - {"article.md"}  # it links images by name, and no word changed
    [revision] = record.revisions
    assert (revision.command, revision.steps, revision.seed, revision.note) == ("edit", (3,), 8, "why")
    assert read_record(folder) == record
    assert record.seed == 0 and record.created == run.record.created
    assert read_article(folder).steps[2].headline == "Do 3"


def test_steps_may_be_added_and_dropped_behind_kept_ones(run: FinishedRun, illustrator: Illustrator) -> None:
    for count in (2, 6):
        steps = (*run.article.steps[:1], *(Step(headline=f"New {i}") for i in range(count - 1)))
        article = run.article.model_copy(update={"steps": steps})
        folder, record = redraw(run, article, illustrator, seed=1, command="correct", reporter=SILENT)
        assert record.num_steps == count
        assert len(list(folder.glob("step-*"))) == count
        assert (folder / "step-01.png").read_bytes() == run.article.steps[0].image.data


def test_out_leaves_the_run_alone(run: FinishedRun, illustrator: Illustrator, tmp_path: Path) -> None:
    before = contents(run.folder)
    article = without_images(run.article, {0})
    folder, _ = redraw(run, article, illustrator, seed=1, command="edit", reporter=SILENT, out=tmp_path / "other")
    assert folder == tmp_path / "other"
    assert contents(run.folder) == before
    assert contents(folder)["step-01.png"] != before["step-01.png"]


def test_nothing_to_draw_changes_no_image(run: FinishedRun, illustrator: Illustrator) -> None:
    before = contents(run.folder)
    _, record = redraw(run, run.article, illustrator, seed=1, command="edit", reporter=SILENT)
    assert record.revisions[0].steps == ()
    assert all(contents(run.folder)[name] == before[name] for name in before if name.startswith("step-"))


def test_other_files_are_carried_over_and_old_scores_are_not(run: FinishedRun, illustrator: Illustrator) -> None:
    (run.folder / "notes.txt").write_text("mine")
    (run.folder / "photos").mkdir()
    (run.folder / "photos" / "a.txt").write_text("mine too")
    (run.folder / "link").symlink_to("nowhere")
    (run.folder / "eval").mkdir()
    folder, _ = redraw(run, without_images(run.article, {1}), illustrator, seed=1, command="edit", reporter=SILENT)
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "photos" / "a.txt").read_text() == "mine too"
    assert (folder / "link").is_symlink()
    assert not (folder / "eval").exists()


def test_a_kept_photo_of_another_format_stays_as_it_is(run: FinishedRun, illustrator: Illustrator) -> None:
    photo = make_image((200, 30, 30), "image/jpeg", (50, 40))
    steps = (run.article.steps[0].model_copy(update={"image": photo}), *run.article.steps[1:])
    article = without_images(run.article.model_copy(update={"steps": steps}), {3})
    folder, _ = redraw(run, article, illustrator, seed=1, command="edit", reporter=SILENT)
    assert (folder / "step-01.jpg").read_bytes() == photo.data
    assert not (folder / "step-01.png").exists()


def test_recipes_are_recognised(run: FinishedRun) -> None:
    assert run.metadata
    assert not has_recipe(make_image((1, 2, 3)).data or b"")
    bare = make_article()
    assert not FinishedRun(run.folder, bare, run.record).metadata


def test_a_folder_that_is_no_single_run(tmp_path: Path, run: FinishedRun) -> None:
    with pytest.raises(UsageError, match="several articles"):
        open_run(run.folder.parent)
    with pytest.raises(DataError, match="no such run folder"):
        open_run(tmp_path / "none")
    (run.folder / "run.json").unlink()
    with pytest.raises(DataError, match=r"run\.json is missing"):
        open_run(run.folder)


REVISER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from illinstr.sampling.drawing.revision import open_run, publish
    from illinstr.articles import StepImage
    from tests.support.tiny_run import make_image

    print("ready", flush=True)
    for i in range(10_000):
        run = open_run(Path(sys.argv[1]))
        steps = list(run.article.steps)
        steps[1] = steps[1].model_copy(update={"image": make_image((i % 256, 0, 0))})
        publish(run, run.article.model_copy(update={"steps": tuple(steps)}), run.record, metadata=False)
    """
)


@pytest.mark.parametrize("delay_ms", [5, 60, 200])
def test_kill_while_revising_leaves_a_whole_article(tmp_path: Path, delay_ms: int) -> None:
    folder = write_run(tmp_path / "run", make_article(4), make_record(num_steps=4), {})
    kept = [(folder / f"step-0{i}.png").read_bytes() for i in (1, 3, 4)]
    process = fork_server.Popen(
        [sys.executable, "-c", REVISER, str(folder)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(delay_ms / 1000)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    run = open_run(folder)  # also where the kill came between two renames
    assert [(folder / f"step-0{i}.png").read_bytes() for i in (1, 3, 4)] == kept
    publish(run, run.article, run.record, metadata=False)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
