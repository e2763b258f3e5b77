"""Articles as a denoiser's run sees them: windows of at most ``data.max_steps`` steps, latents, masks, step numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import torch
from torch import Tensor

from illinstr.articles import MAX_STEPS, Article
from illinstr.errors import DataError
from illinstr.progress import current_reporter
from illinstr.shards import Sources
from illinstr.training.data import BatchOrder
from illinstr.training.latents import ArticleTensors
from illinstr.training.reading import ArticleSet, ErrorBudget, named, open_table
from illinstr.training.tasks.stacked.config import StackedConfig
from illinstr.training.tasks.stacked.windows import Window, cut, has_image, windows_of


class AssignedUnit(int):
    """A window's number that remembers the optimiser step it was assigned for.

    The order is a function of the step, and so is the turn of the target from epsilon to v: carried along with the
    sample, it needs no place in a checkpoint and no clock of its own.
    """

    step: int

    def __new__(cls, unit: int, step: int) -> AssignedUnit:
        """``unit``, assigned for ``step``."""
        assigned = super().__new__(cls, unit)
        assigned.step = step
        return assigned

    def another(self, unit: int) -> AssignedUnit:
        """``unit``, assigned for the same step."""
        return AssignedUnit(unit, self.step)

    def __reduce__(self) -> tuple[type[AssignedUnit], tuple[int, int]]:
        """Both numbers, so that a unit can be sent to a worker process."""
        return AssignedUnit, (int(self), self.step)


@dataclass(frozen=True)
class ArticleBatch:
    """b windows of n steps.

    ``latents`` are scaled, (b, n, c, h, w), zero where ``illustrated`` (b, n) is False; ``numbers`` (b, n) are the
    steps' numbers in their windows, from 1, as in the windows of a long article that is drawn; ``step`` is the
    optimiser step the batch was assigned for (from 0).
    """

    latents: Tensor
    illustrated: Tensor
    numbers: Tensor
    goals: list[str]
    steps: list[list[str]]
    step: int


def read_articles(
    data: Sources, split: str, config: StackedConfig, *, limit: int | None, required: bool = True
) -> ArticleSet:
    """Articles of one split that give at least one window, in shard order, left on disk.

    Articles with all their images are taken from the index unread.

    Raises:
        DataError: none is left, or more than ``data.max_errors`` cannot be read.
    """
    wanted, stacking = config.data, config.stacking
    longest = MAX_STEPS if stacking.windows else wanted.max_steps
    table = open_table(
        data, split, min_steps=wanted.min_steps, max_steps=longest, only_complete=False, required=required
    )
    budget = ErrorBudget(wanted.max_errors, current_reporter())
    kept: list[int] = []
    for number, complete in enumerate(table.complete):
        try:
            if complete or windows_of([table.read(number)], wanted.max_steps, stacking.min_pictured):
                kept.append(number)
        except DataError as error:
            budget.count(number, error)
        if limit is not None and len(kept) >= limit:
            break
    if not kept:
        raise DataError(
            f"{named(data)} has no article to learn from in split {split!r}: at least {wanted.min_steps} steps, "
            f"{stacking.min_pictured:.0%} of them with an image",
            hint="check data.split, data.min_steps, data.max_steps and stacking.min_pictured",
        )
    return ArticleSet(table, kept, cached=wanted.cache)


def find_windows(articles: ArticleSet, config: StackedConfig) -> list[Window]:
    """The windows of ``articles``; those with all their images are not read for it."""
    longest, found = config.data.max_steps, []
    for number, (steps, complete) in enumerate(zip(articles.lengths, articles.complete, strict=True)):
        if complete:
            found += [Window(number, start, length) for start, length in cut(steps, longest)]
        else:
            own = windows_of([articles[number]], longest, config.stacking.min_pictured)
            found += [Window(number, window.start, window.length) for window in own]
    return found


class IllustratedSteps(Sequence[Article]):
    """Articles without the steps that have no image, made when they are asked for."""

    def __init__(self, articles: ArticleSet) -> None:
        self.articles = articles
        self.contents = articles.contents
        self.cached = articles.cached

    def __len__(self) -> int:
        return len(self.articles)

    @overload
    def __getitem__(self, index: int) -> Article: ...
    @overload
    def __getitem__(self, index: slice) -> list[Article]: ...
    def __getitem__(self, index: int | slice) -> Article | list[Article]:
        """One article, or a list of them."""
        if isinstance(index, slice):
            return [_illustrated_steps(article) for article in self.articles[index]]
        return _illustrated_steps(self.articles[index])


class WindowSet:
    """The windows of some articles, their latents encoded once.

    Attributes:
        unreadable: windows of articles that could not be read, with the reason.
    """

    def __init__(
        self, articles: ArticleSet, encode: Callable[[IllustratedSteps], ArticleTensors], config: StackedConfig
    ) -> None:
        self.articles = articles
        self.windows: list[Window] = find_windows(articles, config)
        self.latents = encode(IllustratedSteps(articles))
        broken = self.latents.unreadable
        self.unreadable = {n: broken[w.article] for n, w in enumerate(self.windows) if w.article in broken}

    @property
    def lengths(self) -> list[int]:
        """N of each window."""
        return [window.length for window in self.windows]

    def order(self, batch_size: int, seed: int) -> BatchOrder:
        """Batches of one N each, but for what is left of each N."""
        weights = self.articles.weights_of(window.article for window in self.windows)
        return BatchOrder(self.lengths, batch_size, seed, weights)

    def batch(self, units: Sequence[int]) -> ArticleBatch:
        """The windows ``units`` (all of one N) as a batch."""
        windows = [self.windows[unit] for unit in units]
        rows = [(w, self.articles[w.article], self._panels(w)) for w in windows]
        return ArticleBatch(
            latents=torch.stack([panels.float() for _, _, panels in rows]),
            illustrated=torch.tensor([[has_image(step) for step in _steps(a, w)] for w, a, _ in rows]),
            numbers=torch.arange(1, windows[0].length + 1).repeat(len(windows), 1),
            goals=[article.goal for _, article, _ in rows],
            steps=[[step.headline for step in _steps(a, w)] for w, a, _ in rows],
            step=getattr(units[0], "step", 0),
        )

    def _panels(self, window: Window) -> Tensor:
        spread = _spread(self.articles[window.article], self.latents[window.article])
        return spread[window.start : window.start + window.length]


class WindowTask:
    """What tasks on windows of articles have in common; a sample is a window.

    Attributes:
        train_set: the windows learnt from.
        order: which of them each step is given.
    """

    sample_unit = "articles"
    train_set: WindowSet
    order: BatchOrder

    def units_of(self, step: int) -> list[int]:
        """Windows of one optimiser step."""
        return [AssignedUnit(unit, step) for unit in self.order.batch(step)]

    def make_batch(self, units: list[int]) -> ArticleBatch:
        """Latents and texts of windows of one N."""
        return self.train_set.batch(units)


def window_sets(
    data: Sources, config: StackedConfig, encode: Callable[[IllustratedSteps, str], ArticleTensors]
) -> tuple[WindowSet, WindowSet]:
    """The windows of the training articles and of those for validation.

    Args:
        data: the data folder, or several.
        config: which articles.
        encode: gives the latents of articles; told what they are, for its progress.
    """
    wanted = config.data
    articles = read_articles(data, wanted.split, config, limit=wanted.limit)
    articles = articles.first(max(1, round(len(articles) * wanted.fraction)))
    train_set = WindowSet(articles, lambda each: encode(each, "latents"), config)
    val_articles = read_articles(data, wanted.val_split, config, limit=wanted.val_limit, required=False)
    return train_set, WindowSet(val_articles, lambda each: encode(each, "val latents"), config)


def _steps(article: Article, window: Window) -> Sequence[Any]:
    return article.steps[window.start : window.start + window.length]


def _illustrated_steps(article: Article) -> Article:
    return article.model_copy(update={"steps": tuple(step for step in article.steps if has_image(step))})


def _spread(article: Article, latents_kchw: Tensor) -> Tensor:
    """Latents of the illustrated steps (k, c, h, w) -> of all steps (n, c, h, w), zero where there is no image."""
    where = torch.tensor([has_image(step) for step in article.steps])
    spread = latents_kchw.new_zeros(article.num_steps, *latents_kchw.shape[1:])
    spread[where] = latents_kchw
    return spread
