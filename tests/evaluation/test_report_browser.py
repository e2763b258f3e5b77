"""The report in a real Chromium: nothing in it shuts a reader out."""

from __future__ import annotations

from pathlib import Path

from illinstr.evaluation.reports.report import render
from tests.evaluation.test_report import evaluation_of, good_run
from tests.support.browser import check_accessible, chromium, needs_chromium

pytestmark = needs_chromium


def test_nothing_is_wrong_with_it_for_axe(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(render(evaluation_of(good_run(), truth=good_run())), encoding="utf-8")
    with chromium() as browser:
        check_accessible(browser, page.as_uri())
