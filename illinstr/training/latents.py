"""Latents of articles, encoded once: the frozen VAE would otherwise cost as much as the U-Net's own step."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, overload

import torch
from torch import Tensor

from illinstr import files
from illinstr.articles import Article
from illinstr.engine.process_group import join_process_group
from illinstr.errors import DataError
from illinstr.images import DECODING
from illinstr.models.autoencoder import encode_panels
from illinstr.progress import current_reporter
from illinstr.training.cache import TensorCache, weights_sha256
from illinstr.training.data import panels_of

VERSION = 2  # raise when what is stored changes
ARTICLES_PER_PART = 256


class ArticleTensors(Sequence[Tensor]):
    """A tensor of each article, computed once: latents, or what else a frozen model makes of its images.

    Each article is computed by itself: beside others its last bits would depend on them. Without a cache that happens
    whenever it is asked for, else ``fill`` has done it before.

    Args:
        articles: whose.
        compute: one article's tensor, in main memory.
        cache: where tensors are kept.

    Attributes:
        unreadable: articles that could not be computed, with the reason; asking for one raises a DataError.
    """

    def __init__(
        self, articles: Sequence[Article], compute: Callable[[Article], Tensor], cache: TensorCache | None
    ) -> None:
        self.articles = articles
        self.cache = cache
        self.keys = contents_of(articles)
        self.unreadable: dict[int, str] = {}
        self._compute = compute
        self._one_at_a_time = threading.Lock()

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, index: int) -> Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> list[Tensor]: ...
    def __getitem__(self, index: int | slice) -> Tensor | list[Tensor]:
        """The tensor of one article, or of several.

        Raises:
            DataError: it cannot be read.
        """
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        number = range(len(self))[index]
        if number in self.unreadable:
            raise DataError(self.unreadable[number])
        if self.cache is not None:
            with contextlib.suppress(KeyError):  # its part has been damaged or removed meanwhile: compute it again
                return self.cache.get(self.keys[number])
        with self._one_at_a_time:
            return self._compute(self.articles[number])

    def fill(self, what: str) -> None:
        """Compute what the cache does not have, under the name of ``what``; several processes share the work."""
        if self.cache is None:
            return
        missing = [number for number, key in enumerate(self.keys) if key not in self.cache]
        group = join_process_group()
        part: dict[str, Tensor] = {}
        with current_reporter().task(what, len(missing)) as advance:
            for number in group.slice_of(missing):
                try:
                    part[self.keys[number]] = self._compute(self.articles[number])
                except DataError as error:
                    self.unreadable[number] = error.message
                if len(part) >= ARTICLES_PER_PART:
                    self.cache.add(part)
                    part = {}
                advance(group.world_size)
        self.cache.add(part)
        if group.world_size > 1:
            group.wait()
            self.cache.refresh()
            for number in missing:  # what another process could not read is unreadable here too
                if self.keys[number] not in self.cache:
                    self.unreadable.setdefault(number, f"article {number} could not be read by another process")


@torch.no_grad()
def encode_article(encode: Callable[[Tensor], Tensor], panel_px: int, device: str, article: Article) -> Tensor:
    """Latents of one article's panels as the denoiser sees them, float16 (n, c, h, w) in main memory."""
    panels = panels_of(article, panel_px).to(device).contiguous(memory_format=torch.channels_last)
    return encode(panels).half().cpu().contiguous()


def encode_articles(articles: Sequence[Article], vae: Any, panel_px: int, device: str, what: str) -> ArticleTensors:
    """The latents of ``articles`` by an autoencoder, encoded now unless the cache has them."""
    shift = getattr(vae.config, "shift_factor", None)
    key = partial(weights_sha256, vae, VERSION, DECODING, panel_px, vae.config.scaling_factor, shift)
    return encode_by(articles, partial(encode_article, partial(encode_panels, vae), panel_px, device), key, what)


def encode_by(
    articles: Sequence[Article], encode: Callable[[Article], Tensor], key: Callable[[], str], what: str
) -> ArticleTensors:
    """The latents of ``articles``, encoded now unless the cache has them; ``articles.cached`` False keeps no cache.

    Args:
        articles: with their images.
        encode: the float16 latents of one article, in main memory.
        key: names all that the latents depend on beside the images.
        what: for the progress.
    """
    cached = getattr(articles, "cached", True)
    latents = ArticleTensors(articles, encode, TensorCache(files.cache_folder("latents") / key()) if cached else None)
    latents.fill(f"encode {what}")
    return latents


def contents_of(articles: Sequence[Article]) -> list[str]:
    """A hash of each article's images; articles in shards are not read for it."""
    known: list[str] | None = getattr(articles, "contents", None)
    if known is not None and all(known):
        return known
    return [_images_sha256(article) for article in articles]


def _images_sha256(article: Article) -> str:
    digest = hashlib.sha256()
    for step in article.steps:
        digest.update((step.image.sha256 if step.image else "").encode())
    return digest.hexdigest()
