import pytest
from hypothesis import given
from hypothesis import strategies as st

from illinstr.articles import Article, Provenance, Step, make_id
from illinstr.training.tasks.stacked.windows import Window, cut, windows_of
from tests.support.tiny_data import tiny_article


@given(num_steps=st.integers(1, 100), longest=st.integers(1, 20))
def test_windows_cover_every_step_with_as_few_as_possible(num_steps, longest):
    windows = cut(num_steps, longest)
    covered = {step for start, length in windows for step in range(start, start + length)}
    assert covered == set(range(num_steps))
    assert len(windows) == -(-num_steps // longest)
    assert all(length == min(longest, num_steps) for _, length in windows)
    assert len(set(windows)) == len(windows)


def test_neighbours_share_what_is_left_over():
    assert cut(8, 6) == [(0, 6), (2, 6)]
    assert cut(13, 6) == [(0, 6), (4, 6), (7, 6)]
    assert cut(6, 6) == [(0, 6)]


@pytest.mark.parametrize(("num_steps", "longest"), [(0, 3), (3, 0)])
def test_nothing_cannot_be_cut(num_steps, longest):
    with pytest.raises(ValueError, match="cannot cut"):
        cut(num_steps, longest)


def _article(illustrated):
    """An article whose step i has an image where ``illustrated[i]`` is true."""
    image = tiny_article(0, 2).steps[0].image
    steps = tuple(Step(headline=f"step {i}", image=image if has else None) for i, has in enumerate(illustrated))
    return Article(id=make_id("w", len(illustrated)), goal="How to", steps=steps, provenance=Provenance(source="tiny"))


def test_a_window_needs_its_share_of_images():
    articles = [_article([True] * 4), _article([True, True, True, False]), _article([False] * 4)]
    assert windows_of(articles, 4, 1.0) == [Window(0, 0, 4)]
    assert windows_of(articles, 4, 0.75) == [Window(0, 0, 4), Window(1, 0, 4)]
    assert windows_of(articles, 4, 0.01) == [Window(0, 0, 4), Window(1, 0, 4)]  # never one without any
    assert windows_of(articles[1:2], 2, 1.0) == [Window(0, 0, 2)]  # the half with the gap is left out


def test_a_image_without_bytes_is_no_image():
    article = _article([True, True])
    step = article.steps[1]
    bare = step.model_copy(update={"image": step.image.model_copy(update={"data": None})})
    assert windows_of([article.model_copy(update={"steps": (article.steps[0], bare)})], 2, 1.0) == []
