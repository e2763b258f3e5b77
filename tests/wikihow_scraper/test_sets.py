"""Sets in one file: the paper's CSV splits, the WikiHow CSVs, WARC, ZIM."""

from __future__ import annotations

import csv
import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from illinstr.errors import UsageError
from illinstr.shards import iter_articles, read_index
from illinstr.wikihow_scraper.imports import warc as archives
from illinstr.wikihow_scraper.imports.tables import tables
from illinstr.wikihow_scraper.imports.warc import warc_pages
from illinstr.wikihow_scraper.imports.zim import zim_pages
from illinstr.wikihow_scraper.source import Dropped
from tests.support.command_line import calling
from tests.support.pages import RESERVED, render
from tests.wikihow_scraper.test_cli import how_to, jpeg, rows

SPLIT = (
    "step_id",
    "goal_method_id",
    "goal",
    "method_name",
    "headline",
    "step_number",
    "description",
    "category_hierarchy",
)
SEP = ("overview", "headline", "text", "sectionLabel", "title")
ALL = ("headline", "title", "text")


@pytest.fixture
def run(monkeypatch, capsys):
    call = calling(monkeypatch, capsys, "scrape")
    return lambda *arguments: call(*arguments)[::2]


def table(path, columns: tuple[str, ...], *lines: tuple) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(lines)


def split_row(page: int, method: int, step: int, headline: str, number: int | str = "") -> tuple:
    key = f"{page}_{method}"
    name = f"How to Make Drink {page}"
    number = step if number == "" else number
    return (
        f"{key}_{step}",
        key,
        name,
        "By Hand",
        headline,
        number,
        "With care, and slowly.",
        "['Food', \"Cook's Own\"]",
    )


def test_the_papers_splits(run, tmp_path):
    steps = ["Wash it.", "Cut it.", "Press it."]
    lines = [split_row(7, 0, step, steps[step]) for step in (2, 0, 1)]  # shuffled within the method
    lines += [split_row(7, 1, step, f"{steps[step][:-1]} well.") for step in range(3)]
    table(tmp_path / "train.csv", SPLIT, *lines)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for step in range(3):
        (folder / f"7_0_{step}.png").write_bytes(jpeg(step))
    options = ("--from-csv", tmp_path / "train.csv", "--pictures", folder)
    code, errors = run(*options, "--image-license", "any", "--out", tmp_path / "out")
    assert code == 0, errors
    made = {article.extra["method_index"]: article for article in iter_articles(tmp_path / "out")}
    assert [step.headline for step in made[0].steps] == steps
    assert [step.image.data for step in made[0].steps] == [jpeg(step) for step in range(3)]
    assert (made[0].goal, made[0].method, made[0].provenance.page_id) == ("How to Make Drink 7", "By Hand", 7)
    assert made[0].extra["categories"] == ["Food", "Cook's Own"]
    assert made[0].steps[0].body == "With care, and slowly."
    assert [step.image for step in made[1].steps] == [None] * 3
    code, errors = run(*options, "--out", tmp_path / "closed")  # the splits tell no licence
    assert code == 0
    assert "6 licence" in errors
    code, errors = run(*options, "--image-license", "any", "--no-images", "--out", tmp_path / "words")
    assert code == 0
    assert all(step.image is None for article in iter_articles(tmp_path / "words") for step in article.steps)


def test_the_ids_are_those_of_the_set_the_splits_were_cut_from(tmp_path):
    import json

    from illinstr.wikihow_scraper.imports.json_lines import imported
    from tests.wikihow_scraper.test_import import vgsi

    (tmp_path / "set.json").write_text(json.dumps(vgsi(7)) + "\n")
    table(tmp_path / "train.csv", SPLIT, split_row(7, 0, 0, "Wash it."))
    whole = next(imported(tmp_path / "set.json", None)).articles[0]
    assert next(tables(tmp_path / "train.csv", None)).articles[0].id == whole.id


def test_rows_that_stand_apart_are_a_failure_not_half_an_article(tmp_path):
    lines = [split_row(1, 0, 0, "A."), split_row(2, 0, 0, "B."), split_row(1, 0, 1, "C.")]
    table(tmp_path / "train.csv", SPLIT, *lines)
    found = list(tables(tmp_path / "train.csv", None))
    assert [source.error is None for source in found] == [True, True, False]
    assert found[2].name == "train.csv:4"
    assert "stand apart" in found[2].error[1]


def test_wikihow_sep(run, tmp_path):
    lines = [
        ("A word.", "\nKeep it clean.,", "Text, of one.", "Steps", "How to Be Neat1"),
        ("A word.", "Put it away.,", "Text of two.", "Steps", "How to Be Neat1"),
        ("A word.", "Do not.", "Text of three.", "Other", "How to Be Neat2"),
        ("A word.", "Do.", "Text of four.", "Other", "How to Be Neat2"),
    ]
    table(tmp_path / "wikihowSep.csv", SEP, *lines)
    code, errors = run("--from-csv", tmp_path / "wikihowSep.csv", "--out", tmp_path / "out")
    assert code == 0, errors
    made = sorted(iter_articles(tmp_path / "out"), key=lambda one: one.method)
    assert [(one.goal, one.method, one.extra["title"]) for one in made] == [
        ("How to Be Neat", "Other", "How to Be Neat2"),
        ("How to Be Neat", "Steps", "How to Be Neat1"),
    ]
    assert [(step.headline, step.body) for step in made[1].steps] == [
        ("Keep it clean.", "Text, of one."),
        ("Put it away.", "Text of two."),
    ]
    assert made[1].extra["intro"] == "A word."
    assert made[1].license == "CC BY-NC-SA 3.0"
    assert read_index(tmp_path / "out").source_config["origin"] == {"kind": "CSV", "file": "wikihowSep.csv"}


def test_wikihow_all(tmp_path):
    table(tmp_path / "wikihowAll.csv", ALL, ("\nWash it.,\nDry it.,\n\n", "How to Win at 2048", "All of it."))
    article = next(tables(tmp_path / "wikihowAll.csv", None)).articles[0]
    assert [step.headline for step in article.steps] == ["Wash it.", "Dry it."]
    assert (article.goal, article.extra["text"]) == ("How to Win at 2048", "All of it.")


def test_limits_of_a_table(tmp_path):
    table(tmp_path / "t.csv", ALL, *((f"A.\nB {n}.", f"How to Do {n} Things", "") for n in range(9)))
    assert len(list(tables(tmp_path / "t.csv", None))) == 9
    assert len(list(tables(tmp_path / "t.csv", None, 4))) == 4
    table(tmp_path / "long.csv", SPLIT, *(split_row(1, 0, step, "A.") for step in range(300)))
    assert next(tables(tmp_path / "long.csv", None)).articles == (Dropped("too many steps"),)
    table(tmp_path / "none.csv", SPLIT, split_row(1, 0, 0, "  "))
    assert next(tables(tmp_path / "none.csv", None)).articles == (Dropped("no numbered steps"),)
    table(tmp_path / "other.csv", ("a", "b"), ("1", "2"))
    for name in ("other.csv", "missing.csv"):
        with pytest.raises(UsageError):
            next(tables(tmp_path / name, None))


@given(st.sampled_from([SPLIT, SEP, ALL]), st.one_of(st.binary(max_size=300), st.text(",\"'\n\0a1", max_size=120)))
@settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
def test_any_rows_are_articles_or_known_failures(tmp_path, columns, content):
    body = content.encode() if isinstance(content, str) else content
    (tmp_path / "t.csv").write_bytes(",".join(columns).encode() + b"\n" + body)
    for source in tables(tmp_path / "t.csv", None):
        assert source.articles is not None or source.error is not None


def warc(path, answers: dict[str, tuple[str, bytes, dict]], *, zipped: bool = True) -> None:
    """An archive by the letter of ISO 28500, written by hand: a request and a response for each address."""
    with path.open("wb") as stream:
        for url, (status, content, headers) in answers.items():
            said = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            answer = f"HTTP/1.1 {status}\r\n{said}\r\n".encode() + content
            for kind, block in (("request", b"GET / HTTP/1.1\r\nHost: x.org\r\n\r\n"), ("response", answer)):
                head = (
                    f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2020-08-15T12:00:00Z\r\n"
                    f"WARC-Record-ID: <urn:uuid:{len(url)}>\r\nContent-Type: application/http; msgtype={kind}\r\n"
                    f"Content-Length: {len(block)}\r\n\r\n"
                )
                record = head.encode() + block + b"\r\n\r\n"
                stream.write(gzip.compress(record) if zipped else record)


HTML = {"Content-Type": "text/html; charset=utf-8"}


@pytest.fixture
def answers():
    found = {}
    for number, name in enumerate(("Wash", "Cook"), start=1):
        howto = how_to(name, page_id=number)
        found[howto.url] = ("200 OK", render(howto).encode(), HTML)
        for index, step in enumerate(howto.methods[0].steps):
            image = jpeg(number * 10 + index)
            found[step.image.url] = ("200 OK", image, {"Content-Type": "image/jpeg"})
    found["https://www.wikihow.com/Gone"] = ("404 Not Found", b"<html>gone</html>", HTML)
    found["https://www.wikihow.com/Style.css"] = ("200 OK", b"a{}", {"Content-Type": "text/css"})
    return found


@pytest.mark.parametrize("zipped", [True, False])
def test_warc(run, tmp_path, answers, zipped):
    path = tmp_path / "crawl.warc"
    warc(path, answers, zipped=zipped)
    code, errors = run("--from-warc", path, "--out", tmp_path / "out")
    assert code == 0, errors
    made = sorted(iter_articles(tmp_path / "out"), key=lambda one: one.goal)
    assert [one.goal for one in made] == ["How to Cook Things", "How to Wash Things"]
    assert made[1].provenance.fetched == "2020-08-15T12:00:00Z"
    assert made[1].provenance.url == "https://www.wikihow.com/Wash-Things"
    assert [step.image and step.image.data for step in made[1].steps] == [jpeg(10), None, jpeg(12)]
    assert "2 licence" in errors
    assert made[1].extra["step_images"][1]["license"] == RESERVED
    funnel = read_index(tmp_path / "out").source_config["funnel"]["pages"]
    assert (funnel["seen"], funnel["parsed"]) == (2, 2)
    code, errors = run("--from-warc", path, "--out", tmp_path / "words", "--no-images")
    assert code == 0
    assert all(step.image is None for one in iter_articles(tmp_path / "words") for step in one.steps)
    assert len(list(warc_pages(path, limit=1))) == 1


def test_what_a_warc_page_reserves_is_left_out(tmp_path, answers):
    url = next(iter(answers))
    answers[url] = (*answers[url][:2], HTML | {"X-Robots-Tag": "noai, noindex"})
    warc(tmp_path / "crawl.warc", answers)
    assert next(warc_pages(tmp_path / "crawl.warc")).reservations == ("noai", "noindex")


def test_a_page_over_the_limit_is_a_failure_and_the_next_one_is_read(tmp_path, answers, monkeypatch):
    url = next(iter(answers))
    answers[url] = ("200 OK", b"<html>" + b" " * 400_000, HTML)
    warc(tmp_path / "crawl.warc", answers)
    monkeypatch.setattr(archives, "MAX_PAGE_BYTES", 300_000)
    found = list(warc_pages(tmp_path / "crawl.warc"))
    assert [source.error is None for source in found] == [False, True]


def test_a_bomb_in_a_warc_is_read_no_further_than_the_limit(tmp_path, answers, monkeypatch):
    url = next(iter(answers))
    answers[url] = ("200 OK", gzip.compress(b" " * 30_000_000), HTML | {"Content-Encoding": "gzip"})
    warc(tmp_path / "crawl.warc", answers)
    assert [source.error is None for source in warc_pages(tmp_path / "crawl.warc")] == [False, True]


def test_a_damaged_warc_ends_in_a_failure_that_says_so(run, tmp_path, answers):
    path = tmp_path / "crawl.warc.gz"
    warc(path, answers)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    code, _ = run("--from-warc", path, "--out", tmp_path / "out")
    assert code == 3
    reasons = [row["reason"] for row in rows(tmp_path / "out") if row["status"] == "failed"]
    assert len(reasons) == 1
    assert "ends inside" in reasons[0]
    (tmp_path / "half.warc").write_bytes(gzip.decompress(content)[:5000])  # inside the first page
    assert [source.error is None for source in warc_pages(tmp_path / "half.warc")] == [False, False]
    (tmp_path / "none.warc").write_bytes(b"not an archive at all\n" * 9)
    for name in ("none.warc", "missing.warc"):
        assert run("--from-warc", tmp_path / name, "--out", tmp_path / "no")[0] == 2
    assert not (tmp_path / "no").exists()


@given(st.binary(max_size=200), st.integers(0, 3000))
@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
def test_any_bytes_are_read_or_refused(tmp_path, content, place):
    path = tmp_path / "x.warc"
    howto = how_to("Wash")
    warc(path, {howto.url: ("200 OK", render(howto).encode(), HTML)})
    whole = path.read_bytes()
    path.write_bytes(whole[:place] + content + whole[place + len(content) :])
    try:
        for source in warc_pages(path):
            assert source.error is not None or source.content
    except UsageError:
        pass


def zim(path) -> None:
    writer = pytest.importorskip("libzim.writer")

    class Entry(writer.Item):
        def __init__(self, name: str, kind: str, content: bytes) -> None:
            super().__init__()
            self.name, self.kind, self.content = name, kind, content

        def get_path(self):
            return self.name

        def get_title(self):
            return self.name

        def get_mimetype(self):
            return self.kind

        def get_contentprovider(self):
            return writer.StringProvider(self.content)

        def get_hints(self):
            return {writer.Hint.FRONT_ARTICLE: self.kind == "text/html"}

    with writer.Creator(path).config_indexing(False, "en") as made:
        made.set_mainpath("Wash-Things")
        made.add_metadata("Source", "www.wikihow.com")
        for number, name in enumerate(("Wash", "Cook"), start=1):
            page = render(how_to(name, page_id=number))
            local = f'src="images/{name}-0.jpg" class="whcdn content-fill" data-src='
            page = page.replace('class="whcdn content-fill" data-src=', local)
            page = page.replace(f'<link rel="canonical" href="{how_to(name).url}">', "")
            made.add_item(Entry(f"{name}-Things", "text/html", page.encode()))
            made.add_item(Entry(f"images/{name}-0.jpg", "image/jpeg", jpeg(number)))
        made.add_item(Entry("style.css", "text/css", b"a{}"))
        made.add_redirection("Wash", "Wash-Things", "Wash-Things", {})


def test_zim(run, tmp_path):
    path = tmp_path / "wikihow.zim"
    zim(path)
    code, errors = run("--from-zim", path, "--out", tmp_path / "out")
    assert code == 0, errors
    made = {one.goal: one for one in iter_articles(tmp_path / "out")}
    wash = made["How to Wash Things"]
    assert set(made) == {"How to Cook Things", "How to Wash Things"}
    assert wash.provenance.url == "https://www.wikihow.com/Wash-Things"
    assert [step.image and step.image.data for step in wash.steps] == [jpeg(1), None, jpeg(1)]
    assert run("--from-zim", path, "--out", tmp_path / "words", "--no-images")[0] == 0
    assert all(step.image is None for one in iter_articles(tmp_path / "words") for step in one.steps)
    assert len(list(zim_pages(path, limit=1))) == 1
    find = next(zim_pages(path)).find_image
    for name in ("../../etc/passwd", "Wash", "images/none.jpg", "", "\0", None, 5):
        assert find({"local_path": name}) is None or name == "Wash"
    (tmp_path / "none.zim").write_bytes(b"no archive" * 99)
    for name in ("none.zim", "missing.zim"):
        assert run("--from-zim", tmp_path / name, "--out", tmp_path / "no")[0] == 2


def test_files_and_addresses_are_not_mixed(run, tmp_path):
    for options in (
        ("--from-warc", tmp_path / "a", "https://example.org/x"),
        ("--from-warc", tmp_path / "a", "--pictures", tmp_path),
    ):
        code, errors = run(*options, "--out", tmp_path / "out")
        assert code == 2
        assert "--" in errors
