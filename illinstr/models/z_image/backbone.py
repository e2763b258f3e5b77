"""Z-Image as a backbone: panels are the frames of a clip, images come before text, all in one stream.

Both parts are filled up to a multiple of 32 with learned tokens. A panel alone reads them, as the model was trained; in
a routed canvas they read themselves alone and nobody reads them, since they would carry text from step to step.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from illinstr.models.folder_pipeline import load_pipeline
from illinstr.models.layout import PAD
from illinstr.models.prompt import TextEmbeds
from illinstr.models.routing import AttentionPlan, Run
from illinstr.models.source import ModelSource
from illinstr.models.transformer import CanvasTokens, Transformer, recommended

PATCH = 2
MULTIPLE = 32  # tokens of either part
BASE_SHIFT = 6.0  # of the scheduler; Turbo has 3


@dataclass(frozen=True, kw_only=True)
class ZImage(Transformer):
    """ZImageTransformer2DModel, AutoencoderKL, Qwen3 by the pipeline's template."""

    def guidance_scale(self, guidance: float) -> float:
        """The family counts from 0: text + g (text - null), where others say null + g (text - null)."""
        return 1.0 + guidance

    def encode_distinct(self, texts: list[str]) -> TextEmbeds:
        """By the pipeline: the last hidden layer but one, without padding."""
        embeds = self.pipe.encode_prompt(list(texts), self.device, do_classifier_free_guidance=False)[0]
        lengths = torch.tensor([len(tokens) for tokens in embeds], device=self.device)
        tokens = pad_sequence(embeds, batch_first=True)
        return TextEmbeds(tokens, torch.arange(tokens.shape[1], device=self.device)[None] < lengths[:, None])

    def denoise(self, panels_mchw: Tensor, references_rchw: Tensor, t: Tensor, text: CanvasTokens) -> Tensor:
        """The clip of m frames; its velocity points the other way, and its time is 1 - sigma."""
        m, c, h, w = panels_mchw.shape
        words, plans = text.tokens, dict[AttentionPlan, int]()
        if text.routed:
            words, plans = self._plans(text, m, (h // PATCH) * (w // PATCH))
        clip = panels_mchw.transpose(0, 1)
        if self.order == "column":
            clip = clip.reshape(c, 1, m * h, w)
        with self.routed(text, plans), self._frames(len(words)):
            out: Tensor = self.pipe.transformer([clip], (1000 - t) / 1000, [words], return_dict=False)[0][0]
        return -out.reshape(c, m, h, w).transpose(0, 1)

    @contextmanager
    def _frames(self, words: int) -> Iterator[None]:
        """All frames in the place of the first one, for *reset*; they count on from the text, filled up."""
        model = self.pipe.transformer
        own = model.rope_embedder
        if self.order == "reset":
            first = words + -words % MULTIPLE + 1
            model.rope_embedder = lambda ids: own(torch.cat([ids[:, :1].clamp(max=first), ids[:, 1:]], dim=1))
        try:
            yield
        finally:
            model.rope_embedder = own

    def _plans(self, text: CanvasTokens, panels: int, tokens: int) -> tuple[Tensor, dict[AttentionPlan, int]]:
        """The text, and who may read whom in the whole, in the text's refiner and in the images'.

        Where text and images are of one length, unread tokens are added to the text: routing tells the refiners apart
        by length.
        """
        model = self.pipe.transformer
        images = _filled(self.image_runs(panels, 0, tokens), "image")
        runs, words = _filled(text.runs, "text"), text.tokens
        if _length(runs) == _length(images):
            words = torch.cat([words, words.new_zeros(MULTIPLE, words.shape[1])])
            runs = (*text.runs, Run("text", PAD, _length(runs) + MULTIPLE - len(text.tokens)))
        whole = self.plan(*images, *runs)
        refiners = len(model.noise_refiner)
        return words, {whole: len(model.layers), whole.part("text"): refiners, whole.part("image"): refiners}


def _length(runs: tuple[Run, ...]) -> int:
    return sum(run.length for run in runs)


def _filled(runs: tuple[Run, ...], kind: str) -> tuple[Run, ...]:
    short = -_length(runs) % MULTIPLE
    return (*runs, Run("text" if kind == "text" else "image", PAD, short)) if short else runs


def load(source: ModelSource, dtype: torch.dtype) -> ZImage:
    """Load a checked folder, weights in ``dtype``.

    Raises:
        ModelError: damaged, or parts that do not fit.
    """
    pipe = load_pipeline(source, dtype)
    turbo = float(pipe.scheduler.config.shift) < BASE_SHIFT
    usual = recommended(sampling_steps=8 if turbo else 50, guidance=0.0 if turbo else 4.0)
    return ZImage(
        source=source,
        settings=source.settings or usual,
        scheduler=pipe.scheduler,
        pipe=pipe,
        block_lists=("layers",),
        positions=("frame", "column", "reset"),
        panel_multiple=pipe.vae_scale_factor * PATCH,
    )
