"""A CLIP pair (arXiv 2103.00020): images and texts in one space.

Two are trained: one whose text tower conditions the U-Net, and one, on other seeds, that judges. Its loss asks the very
questions the judge is asked later: which step of *this article* does an image show, which of the batch's goals does it
belong to, which of all step texts of the batch describes it, and which of the goals that nearly are its own is its own.
Equal texts share the target, so duplicates are no contradiction.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from illinstr import files
from illinstr.articles import Article
from illinstr.config import Config
from illinstr.models.stable_diffusion.text import tokenize
from illinstr.shards import Sources
from illinstr.training.config import TrainConfig
from illinstr.training.data import BatchOrder, panels_of, read_split, training_articles
from illinstr.training.noise import mixed_seed, randn
from illinstr.training.tasks.clip_tokenizer import EOS, MAX_TOKENS, write_tokenizer
from illinstr.training.tasks.near_goals import NearGoals

VAL_NEAR_GOALS = 5


class ClipModelConfig(Config):
    """Shape of both towers."""

    hidden_size: int = Field(default=256, ge=8)
    layers: int = Field(default=4, ge=1)
    heads: int = Field(default=4, ge=1)
    patch_px: int = Field(default=16, ge=1)
    projection: int = Field(default=192, ge=8)
    max_merges: int = Field(default=1500, ge=0, description="byte-pair merges learned from the training texts")


class ClipLossConfig(Config):
    """Weights of the three questions, and what is done to images first."""

    step: float = Field(default=1.0, ge=0)
    goal: float = Field(default=1.0, ge=0)
    world: float = Field(default=0.5, ge=0, description="among all step texts of the batch")
    blur_share: float = Field(default=0.0, ge=0, le=1, description="share of batches blurred with a 3x3 box")
    noise: float = Field(default=0.0, ge=0, description="standard deviation of noise added to pixels in [-1, 1]")
    near: float = Field(
        default=0.0, ge=0, description="among the goals of the data that share most words with its own: colours, kinds"
    )
    near_goals: int = Field(default=5, ge=1, description="of these, drawn again for each article and step")
    token_dropout: float = Field(
        default=0.0, ge=0, lt=1, description="share of tokens hidden, so that wordings never seen are understood too"
    )


class ClipConfig(TrainConfig):
    """A CLIP run.

    With ``base`` both towers and the tokenizer go on from a trained pair, so that a U-Net bound to its text tower stays
    close to what it knows when the world grows.
    """

    kind: Literal["clip"] = "clip"
    base: str | None = Field(default=None, description="CLIP folder to start from; its shape replaces model")
    model: ClipModelConfig = ClipModelConfig()
    loss: ClipLossConfig = ClipLossConfig()


@dataclass(frozen=True)
class ClipBatch:
    """b articles of n steps: panels (b, n, 3, h, w); for each text its row in ``ids``/``mask`` (t, l).

    ``near_rows`` (b, k) are goals near to each article's own, which comes first.
    """

    panels: Tensor
    ids: Tensor
    mask: Tensor
    goal_rows: Tensor
    step_rows: Tensor
    near_rows: Tensor


def soft_cross_entropy(logits: Tensor, same: Tensor) -> Tensor:
    """Cross-entropy of (m, k) logits against targets spread evenly over ``same`` (m, k, bool, a true one per row)."""
    target = same.float() / same.sum(dim=-1, keepdim=True)
    return -(target * logits.float().log_softmax(dim=-1)).sum(dim=-1).mean()


def drop_tokens(mask: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Hide a share of the tokens of each text, never the first (start) nor the last (end): (t, l) bool in and out."""
    if not share:
        return mask
    hidden = torch.rand(mask.shape, generator=generator) < share
    hidden[:, 0] = False
    hidden[torch.arange(len(mask)), mask.long().sum(dim=1) - 1] = False
    return mask & ~hidden


class _Towers(nn.Module):
    """CLIPModel as one forward pass: normalised image and text features and the logit scale."""

    def __init__(self, clip: Any) -> None:
        super().__init__()
        self.clip = clip

    def forward(self, pixels: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        clip = self.clip
        images = clip.visual_projection(clip.vision_model(pixel_values=pixels).pooler_output)
        texts = clip.text_projection(clip.text_model(input_ids=ids, attention_mask=mask).pooler_output)
        return F.normalize(images.float(), dim=-1), F.normalize(texts.float(), dim=-1), clip.logit_scale.exp()


class ClipTask:
    """Trains on whole articles of one N a batch; a sample is an article."""

    sample_unit = "articles"

    def __init__(self, config: ClipConfig, data: Sources, device: str) -> None:
        self.config = config
        self.device = device
        self.articles = training_articles(data, config.data)
        self.val_articles = read_split(data, config.data.val_split, config.data, limit=config.data.val_limit)
        self.order = BatchOrder(
            self.articles.lengths, config.train.batch_size, config.train.seed, self.articles.weights
        )
        self.tokenizer_folder = Path(tempfile.mkdtemp(prefix="illinstr-tokenizer-"))
        if config.base is not None:
            self.tokenizer, clip = _load(Path(config.base), self.tokenizer_folder)
        else:
            texts = [text for number in range(len(self.articles)) for text in _texts(self.articles[number])]
            vocab = write_tokenizer(self.tokenizer_folder, texts, max_merges=config.model.max_merges)
            self.tokenizer, clip = _build(config, self.tokenizer_folder, vocab)
        self.model: nn.Module = _Towers(clip).to(device)

    @cached_property
    def near(self) -> NearGoals:
        """Which goals are near to a goal, of those of training and validation; made when it is first asked for."""
        goals = {article.goal for article in self.val_articles}
        for number in range(len(self.articles)):  # one article at a time: all of them do not fit the memory
            goals.add(self.articles[number].goal)
        return NearGoals(goals)

    def units_of(self, step: int) -> list[int]:
        """Articles of one optimiser step."""
        return self.order.batch(step)

    def make_batch(self, units: list[int]) -> ClipBatch:
        """Decode images and tokenize texts of articles of one N."""
        count = self.config.loss.near_goals if self.config.loss.near else 0
        return self._collate([self.articles[unit] for unit in units], count, mixed_seed(self.config.train.seed, *units))

    def _collate(self, articles: list[Article], near: int, seed: int) -> ClipBatch:
        panels = torch.stack([panels_of(article, self.config.data.panel_px) for article in articles])
        generator = torch.Generator().manual_seed(seed)
        kin = [[article.goal, *self.near.draw(article.goal, near, generator)] for article in articles]
        texts = list(
            dict.fromkeys(
                [
                    *(text for article in articles for text in _texts(article)),
                    *(goal for goals in kin for goal in goals),
                ]
            )
        )
        row = {text: number for number, text in enumerate(texts)}
        ids, mask = tokenize(self.tokenizer, texts)
        goals = torch.tensor([row[article.goal] for article in articles])
        steps = torch.tensor([[row[step.headline] for step in article.steps] for article in articles])
        near_rows = torch.tensor([[row[goal] for goal in goals_of_one] for goals_of_one in kin])
        return ClipBatch(panels, ids, mask, goals, steps, near_rows)

    def _features(
        self, model: nn.Module, batch: ClipBatch, panels: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        ids, mask = batch.ids.to(self.device), (batch.mask if mask is None else mask).to(self.device)
        images, texts, scale = model(panels.flatten(0, 1).to(self.device), ids, mask.long())
        return images, texts, scale

    def loss(self, model: nn.Module, batch: ClipBatch, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Weighted sum of the questions, the step's asked in both directions."""
        panels = self._degrade(batch.panels, generator)
        mask = drop_tokens(batch.mask, self.config.loss.token_dropout, generator)
        images, texts, scale = self._features(model, batch, panels, mask)
        b, n = batch.step_rows.shape
        weights = self.config.loss
        goals, steps = batch.goal_rows.to(self.device), batch.step_rows.to(self.device)
        own = texts[steps]  # (b, n, d)
        within = scale * torch.einsum("bnd,bmd->bnm", images.unflatten(0, (b, n)), own)
        same_step = steps[:, :, None] == steps[:, None, :]
        step = (
            soft_cross_entropy(within.flatten(0, 1), same_step.flatten(0, 1))
            + soft_cross_entropy(within.transpose(1, 2).flatten(0, 1), same_step.flatten(0, 1))
        ) / 2
        of_panel = goals.repeat_interleave(n)
        goal = soft_cross_entropy(scale * images @ texts[goals].T, of_panel[:, None] == goals[None, :])
        flat = steps.flatten()
        everywhere = scale * images @ own.flatten(0, 1).T
        world = soft_cross_entropy(everywhere, flat[:, None] == flat[None, :])
        parts = {"step": step, "goal": goal, "world": world}
        loss = weights.step * step + weights.goal * goal + weights.world * world
        if weights.near:
            parts["near"] = self._near_loss(scale * images.unflatten(0, (b, n)), texts, batch.near_rows)
            loss = loss + weights.near * parts["near"]
        return loss, {f"loss_{name}": float(value.detach()) for name, value in parts.items()}

    def _near_loss(self, scaled_bnd: Tensor, texts: Tensor, near_rows: Tensor) -> Tensor:
        """Cross-entropy of each image's own goal among those near to it."""
        rows = near_rows.to(self.device)
        logits = torch.einsum("bnd,bkd->bnk", scaled_bnd, texts[rows])
        same = (rows == rows[:, :1])[:, None, :].expand_as(logits)
        return soft_cross_entropy(logits.flatten(0, 1), same.flatten(0, 1))

    def _degrade(self, panels: Tensor, generator: torch.Generator) -> Tensor:
        """Make some images a little worse, so that the pair judges content and not crispness."""
        config = self.config.loss
        if config.blur_share and float(torch.rand((), generator=generator)) < config.blur_share:
            panels = F.avg_pool2d(panels.flatten(0, 1), 3, stride=1, padding=1).unflatten(0, panels.shape[:2])
        if config.noise:
            panels = panels + config.noise * randn(panels.shape, generator)
        return panels

    def validate(self, folder: Path | None, step: int) -> dict[str, float]:
        """Share of validation images matched to their step (in the article) and goal (among all, among near ones)."""
        by_length: dict[int, list[Article]] = {}
        for article in self.val_articles:
            by_length.setdefault(article.num_steps, []).append(article)
        right_step = right_goal = right_near = images_seen = 0
        goals = list(dict.fromkeys(article.goal for article in self.val_articles))
        for articles in by_length.values():
            batch = self._collate(articles, VAL_NEAR_GOALS, 0)
            images, texts, _ = self._features(self.model, batch, batch.panels)
            b, n = batch.step_rows.shape
            own = texts[batch.step_rows.to(self.device)]
            choice = torch.einsum("bnd,bmd->bnm", images.unflatten(0, (b, n)), own).argmax(dim=-1).cpu()
            picked = batch.step_rows.gather(1, choice)
            right_step += int((picked == batch.step_rows).sum())
            all_goals = self._encode_texts(goals)
            guessed = (images @ all_goals.T).argmax(dim=-1).unflatten(0, (b, n)).cpu()
            truth = torch.tensor([goals.index(article.goal) for article in articles])[:, None]
            right_goal += int((guessed == truth).sum())
            near = torch.einsum("bnd,bkd->bnk", images.unflatten(0, (b, n)), texts[batch.near_rows.to(self.device)])
            chosen = batch.near_rows.gather(1, near.argmax(dim=-1).cpu())
            right_near += int((chosen == batch.near_rows[:, :1]).sum())
            images_seen += b * n
        right = {"val_step": right_step, "val_goal": right_goal, "val_near": right_near}
        return {name: count / images_seen for name, count in right.items()}

    def _encode_texts(self, texts: list[str]) -> Tensor:
        ids, mask = tokenize(self.tokenizer, texts)
        clip: Any = self.model.clip
        pooled = clip.text_model(
            input_ids=ids.to(self.device), attention_mask=mask.long().to(self.device)
        ).pooler_output
        return F.normalize(clip.text_projection(pooled).float(), dim=-1)

    def export(self, folder: Path) -> None:
        """Write a standard CLIP folder: model, tokenizer and image preprocessor."""
        clip: Any = self.model.clip
        clip.save_pretrained(folder, safe_serialization=True)
        for file in self.tokenizer_folder.iterdir():
            shutil.copy2(file, folder / file.name)
        files.write_json(folder / "preprocessor_config.json", preprocessor_settings(self.config.data.panel_px))


def preprocessor_settings(panel_px: int) -> dict[str, Any]:
    """CLIPImageProcessor settings: square resize, pixels to [-1, 1]."""
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"shortest_edge": panel_px},
        "do_center_crop": True,
        "crop_size": {"height": panel_px, "width": panel_px},
        "resample": 3,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }


def _texts(article: Article) -> list[str]:
    return [article.goal, *(step.headline for step in article.steps)]


def _load(base: Path, tokenizer_folder: Path) -> tuple[Any, Any]:
    """A trained pair and its tokenizer, whose files go into ``tokenizer_folder`` for the export."""
    from transformers import CLIPModel, CLIPTokenizer

    from illinstr.errors import ModelError

    try:
        for pattern in ("tokenizer*.json", "vocab.json", "merges.txt"):
            for file in base.glob(pattern):
                shutil.copy2(file, tokenizer_folder / file.name)
        tokenizer = CLIPTokenizer.from_pretrained(tokenizer_folder)
        clip = CLIPModel.from_pretrained(base, use_safetensors=True, local_files_only=True)
        return tokenizer, clip.float()  # published pairs are in half precision, which does not train
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise ModelError(f"cannot load base {base}: {first}", hint="give the model/ folder of a clip run") from error


def _build(config: ClipConfig, tokenizer_folder: Path, vocab: dict[str, int]) -> tuple[Any, Any]:
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(tokenizer_folder)
    shape = config.model
    tower = {
        "hidden_size": shape.hidden_size,
        "intermediate_size": 4 * shape.hidden_size,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "projection_dim": shape.projection,
    }
    special = {"bos_token_id": vocab[EOS] - 1, "eos_token_id": vocab[EOS], "pad_token_id": vocab[EOS]}
    settings = CLIPConfig(
        text_config={**tower, **special, "vocab_size": len(vocab), "max_position_embeddings": MAX_TOKENS},
        vision_config={**tower, "image_size": config.data.panel_px, "patch_size": shape.patch_px},
        projection_dim=shape.projection,
    )
    torch.manual_seed(config.train.seed)
    return tokenizer, CLIPModel(settings)
