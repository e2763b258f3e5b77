"""The contact sheet and the training curves: what they show is what was scored and logged."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from PIL import Image

from illinstr.errors import DataError
from illinstr.evaluation.samples import Sample, to_lines
from illinstr.minihow import make_article
from illinstr.runs import read_run, write_run
from scripts import contact_sheet, plot_training
from scripts.contact_sheet import choose, draw_sheet, rank
from tests.support.tiny_run import make_article as article_of_colours
from tests.support.tiny_run import make_record


def _scores(article, goal, step, clip):
    def one(metric, score):
        return Sample(
            side="run", metric=metric, article=article.id, key=article.goal, goal=article.goal, category=None,
            num_steps=article.num_steps, steps=(1,), score=score,
        )  # fmt: skip

    return [one("goal_faithfulness", goal), one("step_faithfulness", step), one("clip_score", clip)]


@pytest.fixture(scope="module")
def articles():
    return [make_article(number, num_steps=3) for number in range(8)]


def test_articles_are_ranked_by_faithfulness_then_clip_score(articles):
    figures = [(1, 0.5, 60), (1, 1, 70), (0, 0, 90), (1, 1, 80), (0.5, 1, 50)]
    samples = [each for one, given in zip(articles, figures, strict=False) for each in _scores(one, *given)]
    ranked = rank(articles, samples)
    assert [one.article.id for one in ranked] == [articles[place].id for place in (3, 1, 0, 4, 2)]
    assert [name for name, _ in choose(ranked, 1)] == ["good", "median", "worst"]
    assert [one.article.id for _, one in choose(ranked, 1)] == [articles[place].id for place in (3, 0, 2)]
    assert len(choose(ranked, 3)) == 5  # nobody twice
    with pytest.raises(DataError, match="no article"):
        rank(articles[5:], samples)


def test_the_sheet_shows_the_drawn_images_above_the_true_ones(articles):
    samples = _scores(articles[0], 1, 1, 70)
    sheet = draw_sheet(choose(rank(articles, samples), 1))
    assert sheet.size == (3 * contact_sheet.PANEL_PX, contact_sheet.CAPTION_PX + 2 * 112 + contact_sheet.GAP_PX)
    pixels, top = np.asarray(sheet), contact_sheet.CAPTION_PX
    data = articles[0].steps[1].image.data
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB").resize((112, 112), Image.Resampling.LANCZOS))
    assert np.array_equal(pixels[top : top + 112, 112:224], expected)
    assert pixels[top + 112 : top + 224].std() > 20  # the program's own row
    assert pixels[:top].std() > 1  # the caption


def test_the_command_writes_a_sheet_and_says_what_is_missing(tmp_path, monkeypatch, capsys):
    run = write_run(tmp_path / "run", article_of_colours(), make_record(), {})
    out = tmp_path / "sheet.png"
    monkeypatch.setattr(sys, "argv", ["contact_sheet.py", str(run), "--out", str(out)])
    with pytest.raises(DataError, match="has not been scored"):
        contact_sheet.main()
    samples = [each for one in read_run(run) for each in _scores(one, 1, 1, 70)]
    (run / "eval").mkdir()
    (run / "eval" / "samples.jsonl").write_text(to_lines(samples))
    contact_sheet.main()
    with Image.open(out) as sheet:
        assert sheet.mode == "P"
    assert str(out) in capsys.readouterr().out


def test_curves_are_the_log_and_hours_add_up_over_resumed_parts(tmp_path, monkeypatch):
    run = tmp_path / "unet"
    run.mkdir()
    (run / "log.csv").write_text(
        "step,elapsed_s,val_loss,val_q1,loss\n0,100,0.9,0.8,\n10,1800,,,0.7\n20,900,,,0.5\n20,1800,0.4,0.3,\n"
    )
    rows = plot_training.read_log(run)
    assert [row["hours"] for row in rows] == pytest.approx([100 / 3600, 0.5, 0.75, 1.0])
    found = plot_training.curves(rows, ["loss", "val_loss", "absent"])
    assert found == {"loss": ([10, 20], [0.7, 0.5]), "val_loss": ([0, 20], [0.9, 0.4])}
    out = tmp_path / "curve.png"
    monkeypatch.setattr(sys, "argv", ["plot_training.py", str(run), "--out", str(out)])
    plot_training.main()
    first = out.read_bytes()
    (run / "log.csv").write_text((run / "log.csv").read_text().replace("0.5\n", "0.1\n"))
    plot_training.main()
    with Image.open(out) as drawn:
        assert drawn.size[0] > 500
    assert out.read_bytes() != first
    with pytest.raises(DataError, match=r"no log\.csv"):
        plot_training.read_log(tmp_path)
