"""The page: self-contained, inert, and safe with whatever a goal or step says."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import pytest

from illinstr.errors import UsageError
from illinstr.evaluation.evaluate import Source, prepare, score
from illinstr.evaluation.reports.plots import interval_plot
from illinstr.evaluation.reports.report import cases, render, write_eval
from illinstr.evaluation.results import Settings
from tests.support.eval_world import GOAL_COLOURS, ColourEncoder, article, good_run, make_image

HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)> {{ 7 * 7 }} \"red\" & 'lime'"


def evaluation_of(run, **sources):
    others = [Source("other", sources["other"])] if "other" in sources else []
    truth = Source("truth", sources["truth"]) if "truth" in sources else None
    return score(prepare(Source("run", run), Settings(bootstrap=200), others=others, truth=truth), ColourEncoder())


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def hostile():
    evaluation = evaluation_of([*good_run(), article("red", goal=HOSTILE, images=[make_image("blue", "black")] * 5)])
    return evaluation, render(evaluation)


def test_the_page_loads_and_runs_nothing(hostile):
    page = Page(hostile[1])
    assert not {"script", "iframe", "object", "embed", "link", "base", "form"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "srcset", "action"):
            assert (attributes.get(name) or "data:").startswith("data:image/") if name in attributes else True
    assert not re.search(r"https?://|//[a-z]|@import|url\(", hostile[1].split("<body>")[0])
    assert "default-src 'none'" in hostile[1]


def test_a_hostile_goal_is_shown_as_its_letters(hostile):
    page = Page(hostile[1])
    assert any(HOSTILE in text for text in page.text)
    assert "<script" not in hostile[1] and "onerror=alert(1)>" not in hostile[1]


def test_the_verdict_comes_before_the_numbers_and_every_number_has_its_interval(hostile):
    evaluation, html = hostile
    body = html.split("<body>")[1]
    assert body.index('class="verdict"') < body.index("<table>") < body.index("Articles</h2>")
    text = " ".join(Page(html).text)
    for metric in evaluation.results.metrics:
        assert metric.name in text
        assert f"{metric.n_articles} / {metric.n_items}" in text
    assert "measured with other encoders" in text
    assert evaluation.results.encoders.encoder.sha256 in text


def test_best_median_and_worst_come_with_their_images_and_what_they_were_taken_for(hostile):
    evaluation, html = hostile
    shown = cases(evaluation)
    assert [case.title for case in shown] == ["Best", "Median", "Worst"]
    assert shown[-1].goal == HOSTILE
    assert any("taken for" in finding for tile in shown[-1].tiles for finding in tile.findings)
    assert all(finding.startswith("✓") for tile in shown[0].tiles for finding in tile.findings)
    inlined = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    assert len(inlined) == 15
    assert all(base64.b64decode(data).startswith(b"\x89PNG") for data in inlined)


def test_the_plot_is_inlined_and_the_same_every_time(hostile):
    evaluation, html = hostile
    plot = interval_plot(evaluation.results)
    assert plot == interval_plot(evaluation.results)
    assert base64.b64encode(plot).decode() in html
    assert b"<svg" in plot and b"<script" not in plot


def test_truth_and_other_stand_beside_the_run_only_when_given():
    alone = Page(render(evaluation_of(good_run())))
    beside = Page(render(evaluation_of(good_run(), truth=good_run(), other=good_run())))
    heads = [{text.strip() for text in page.text} for page in (alone, beside)]
    assert not {"truth", "other"} & heads[0]
    assert {"truth", "other"} <= heads[1]


def test_one_article_is_shown_once():
    evaluation = evaluation_of([article("red")])
    assert [case.title for case in cases(evaluation)] == ["The one article"]
    assert "Left out: goal_faithfulness" in render(evaluation)


def test_an_older_eval_folder_is_replaced_whole(tmp_path):
    first = write_eval(tmp_path, evaluation_of(good_run())).read_text()
    (tmp_path / "eval" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"notes\.txt"):  # a user's own file is never replaced with the rest
        write_eval(tmp_path, evaluation_of([article(colour) for colour in list(GOAL_COLOURS)[:4]]))
    assert (tmp_path / "eval" / "notes.txt").read_text() == "mine"
    assert (tmp_path / "eval" / "report.html").read_text() == first
    (tmp_path / "eval" / "notes.txt").unlink()
    report = write_eval(tmp_path, evaluation_of([article(colour) for colour in list(GOAL_COLOURS)[:4]]))
    assert report == tmp_path / "eval" / "report.html"
    assert sorted(path.name for path in report.parent.iterdir()) == ["report.html", "results.json", "samples.jsonl"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["eval"]


def test_the_report_has_every_section_and_treats_categories_as_text():
    run = [
        article(c, category=name) for c, name in zip(GOAL_COLOURS, ["料理", "<b>x</b>", "a$b$", "_h", "z"], strict=True)
    ]
    evaluation = evaluation_of(run, truth=good_run(), other=good_run())
    html = render(evaluation)
    page = Page(html)
    text = " ".join(page.text)
    for heading in ("The numbers", "Comparisons", "By category", "By place in the article", "Consistency, article"):
        assert heading in text
    assert "<b>x</b>" in text and "<b>x" not in html and "料理" in text
    plots_inlined = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', html)
    assert len(plots_inlined) == 4
    assert all(b"<script" not in base64.b64decode(plot) for plot in plots_inlined)
    assert "Holm" in text and "Encoder: colours" in text and "Protocol: ours" in text
