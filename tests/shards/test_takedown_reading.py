"""``takedown.txt`` in a data folder: shards stay as they are, and are read as if what is listed were not there."""

from __future__ import annotations

import re

import pytest

from illinstr.articles import Article, Provenance, Step, StepImage
from illinstr.errors import DataError, UsageError
from illinstr.shards import ArticleLoader, iter_articles, read_index, validate
from illinstr.shards.hidden import Hidden, hidden
from illinstr.shards.preview import sample
from illinstr.shards.resplit import resplit
from illinstr.shards.statistics import describe
from illinstr.shards.table import ArticleTable
from illinstr.shards.takedown import Takedown
from tests.support.shard_articles import make_image, write_data

COUNT = 6


def made(number: int) -> Article:
    steps = tuple(
        Step(
            headline=f"Step {place}",
            image=StepImage.from_bytes(
                make_image((number, place, 9)), source_url=f"https://example.org/images/{number}-{place}.png"
            ),
        )
        for place in range(2)
    )
    origin = Provenance(source="test", url=f"https://www.example.org/Fold-{number}", page_id=100 + number)
    return Article(id=f"test-{number}", goal=f"How to fold number {number}", steps=steps, provenance=origin)


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path / "data", [made(number) for number in range(COUNT)], max_samples=2)


def read_by_all(data, tmp_path) -> list[list[str]]:
    """The ids every reader sees: stream, loader, preview, statistics (their number), a new split."""
    streamed = [article.id for article in iter_articles(data)]
    loaded = sorted(article.id for article in ArticleLoader(data, decode=False))
    shown = [article.id for _, article in sample(data, COUNT)]
    table = ArticleTable(data, "train", min_steps=1, max_steps=9)
    assert {table.read(number).id for number in range(len(table))} <= set(loaded)
    resplit(data, tmp_path / "again", fractions={"train": 1.0})
    assigned = sorted(article.id for article in iter_articles(tmp_path / "again"))
    assert describe(data).articles == len(streamed)
    return [streamed, loaded, shown, assigned]


@pytest.mark.parametrize(
    "entry",
    [
        "test-3",
        "https://www.example.org/Fold-3",
        "http://example.org/Fold-3?x#y",
        "103",
        "# a comment\n\n103 # asked for by the author",
    ],
)
def test_an_article_is_gone_for_every_reader(data, tmp_path, entry):
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    (data / "takedown.txt").write_text(entry + "\n")
    expected = [f"test-{number}" for number in range(COUNT) if number != 3]
    assert read_by_all(data, tmp_path) == [expected] * 4
    assert ArticleLoader(data, decode=False).left_out == 1
    assert all(path.read_bytes() == content for path, content in before.items())
    assert validate(data).ok  # the bytes are still what the index says


def test_a_image_is_gone_and_its_article_stays(data, tmp_path):
    (data / "takedown.txt").write_text("https://example.org/images/3-1.png\n")
    assert read_by_all(data, tmp_path)[0] == [f"test-{number}" for number in range(COUNT)]
    for articles in (iter_articles(data), ArticleLoader(data, decode=False), iter_articles(tmp_path / "again")):
        found = {article.id: [step.image is not None for step in article.steps] for article in articles}
        assert found.pop("test-3") == [True, False]
        assert all(images == [True, True] for images in found.values())
    # Training needs every image, so there the article is left out.
    trained = {item["article"].id for item in ArticleLoader(data, panel_px=8)}
    assert trained == {f"test-{number}" for number in range(COUNT) if number != 3}


def test_without_a_list_nothing_is_hidden(data, tmp_path):
    assert read_by_all(data, tmp_path) == [[f"test-{number}" for number in range(COUNT)]] * 4


def test_a_list_that_cannot_be_read_stops_the_reading(data):
    (data / "takedown.txt").write_bytes(b"\x80\x81")
    with pytest.raises(UsageError, match=r"takedown\.txt"):
        list(iter_articles(data))
    with pytest.raises(UsageError, match=r"takedown\.txt"):
        ArticleLoader(data, decode=False)


def test_a_saved_place_is_not_used_under_another_list(data):
    loader = ArticleLoader(data, decode=False)
    next(iter(loader))
    state = loader.state_dict()
    (data / "takedown.txt").write_text("test-3\n")
    with pytest.raises(DataError):
        ArticleLoader(data, decode=False).load_state_dict(state)


def test_what_is_hidden_is_found_without_reading_an_image(data):
    index = read_index(data)
    for shard in index.shards:
        content = shard.tar(data).read_bytes()
        shard.tar(data).write_bytes(re.sub(rb"\x89PNG.{40}", lambda found: bytes(len(found[0])), content, flags=re.S))
    with pytest.raises(DataError):
        list(iter_articles(data))
    listed = Takedown(frozenset({"103", "example.org/images/1-0.png"}))
    assert hidden(data, index.shards, listed) == Hidden(frozenset({"test-3"}), frozenset({"test-1"}))


def test_a_record_that_is_not_what_the_index_says_is_an_error(data):
    shard = read_index(data).shards[0]
    content = bytearray(shard.tar(data).read_bytes())
    content[600] ^= 255
    shard.tar(data).write_bytes(bytes(content))
    with pytest.raises(DataError):
        hidden(data, read_index(data).shards, Takedown(frozenset({"103"})))
