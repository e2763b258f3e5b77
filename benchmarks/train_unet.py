"""What training Stable Diffusion 1.5's U-Net takes: ``python benchmarks/train_unet.py --size sd15 --articles 8``.

The U-Net has the size of Stable Diffusion 1.5 (860 M parameters) and random weights; latents and text tokens are random
and lie in memory, as they would come from the cache. Our own loop trains it (AdamW, clipping, bf16 where the device
multiplies it) with and without gradient checkpointing and torch.compile. The first steps of each are left out: they
compile and tune.

Arithmetic is counted on the forward pass (torch's flop counter), times three for a step, recomputation not counted.
Peak is what this device reaches in one large matrix product in the same precision, measured here. Meant for a GPU;
without one, and without ``--size``, a toy of the same build runs through: it shows that everything works, no more.

Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from illinstr.diffusion.schedule import NoiseConfig, add_noise, training_scheduler, training_target
from illinstr.engine.devices import choose_device
from illinstr.models.prompt import PromptEmbeds
from illinstr.models.stable_diffusion.attention import route_panels
from illinstr.progress import SilentReporter
from illinstr.training.accelerator import make_accelerator
from illinstr.training.config import TrainConfig
from illinstr.training.loop import Trainer
from illinstr.training.noise import randint, randn
from illinstr.training.precision import resolve_precision
from illinstr.training.tasks.stacked.config import BaseConfig, UNetConfig
from illinstr.training.tasks.stacked.task import CanvasModel

SHAPES: dict[str, dict[str, Any]] = {
    "sd15": {"block_out_channels": (320, 640, 1280, 1280), "cross_attention_dim": 768, "attention_head_dim": 8},
    "tiny": {"block_out_channels": (32, 32, 64, 64), "cross_attention_dim": 32, "attention_head_dim": 4},
}
DEFAULTS = {
    "sd15": {"articles": 8, "panels": 6, "latent_px": 32, "steps": 10},
    "tiny": {"articles": 2, "panels": 2, "latent_px": 16, "steps": 3},
}
TOKENS = 77
WARM_UP = 3


class RandomTask:
    """Canvases of ``panels`` panels of noise, each panel with its goal's and step's tokens."""

    sample_unit = "articles"

    def __init__(self, config: TrainConfig, size: str, panels: int, latent_px: int, device: str) -> None:
        self.config, self.device = config, device
        self.shape = (panels, 4, latent_px, latent_px)
        self.width = SHAPES[size]["cross_attention_dim"]
        self.panels = panels
        self.scheduler = training_scheduler(NoiseConfig(beta_schedule="scaled_linear"))
        torch.manual_seed(0)
        self.model: nn.Module = canvas_model(size).to(device)

    def units_of(self, step: int) -> list[int]:
        """Numbers that mean nothing: every sample is noise."""
        return list(range(self.config.train.batch_size))

    def make_batch(self, units: list[int]) -> tuple[Tensor, PromptEmbeds]:
        """Latents (b, n, c, h, w) and their text, 77 tokens in every slot."""
        generator = torch.Generator().manual_seed(0)
        latents = torch.randn((len(units), *self.shape), generator=generator)
        tokens = torch.randn((len(units), 1 + self.panels, TOKENS, self.width), generator=generator)
        return latents, prompt_of(tokens)

    def loss(
        self, model: nn.Module, batch: tuple[Tensor, PromptEmbeds], generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Mean squared error of v."""
        latents, prompt = batch[0].to(self.device), batch[1].to(self.device)
        timesteps = randint(1000, len(latents), generator).to(self.device)
        noise = randn(latents.shape, generator).to(self.device)
        output = model(add_noise(self.scheduler, latents, noise, timesteps), timesteps, prompt)
        return F.mse_loss(output.float(), training_target(self.scheduler, latents, noise, timesteps)), {}

    def validate(self, folder: Path | None, step: int) -> dict[str, float]:
        """Nothing to score."""
        return {}

    def export(self, folder: Path) -> None:
        """Nothing to keep."""


def new_unet(size: str) -> Any:
    """A U-Net of Stable Diffusion 1.5's build with random weights."""
    unet = UNet2DConditionModel(sample_size=64, **SHAPES[size])
    route_panels(unet)
    return unet


def canvas_model(size: str) -> CanvasModel:
    """What a StackedDiffusion run trains, around a new U-Net; the text comes encoded."""
    config = UNetConfig(base=BaseConfig(model="none"))
    return CanvasModel(new_unet(size), nn.Identity(), config)


def prompt_of(tokens: Tensor) -> PromptEmbeds:
    """Slots of tokens (b, 1+n, l, d) that are all read, each panel its goal's and its own step's."""
    b, slots = tokens.shape[:2]
    numbers = torch.arange(1, slots).expand(b, -1)
    return PromptEmbeds(tokens, torch.ones(tokens.shape[:-1], dtype=torch.bool), numbers, "routed")


def forward_flops(size: str, panels: int, latent_px: int) -> int:
    """Floating-point operations of one article's forward pass; nothing is computed for it."""
    with torch.device("meta"):
        model = canvas_model(size)
        latents = torch.empty(1, panels, 4, latent_px, latent_px)
        prompt = prompt_of(torch.empty(1, 1 + panels, TOKENS, SHAPES[size]["cross_attention_dim"]))
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(latents, torch.zeros(1, dtype=torch.long), prompt)
    return int(counter.get_total_flops())


def synchronise(device: str) -> None:
    """Wait for the accelerator."""
    if device != "cpu":
        torch.accelerator.synchronize()


def product_peak(device: str, precision: str) -> float:
    """Floating-point operations a second of one large matrix product."""
    side = 8192 if device != "cpu" else 1024
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    left, right = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
    times = []
    for _ in range(8):
        synchronise(device)
        begin = time.perf_counter()
        _ = left @ right
        synchronise(device)
        times.append(time.perf_counter() - begin)
    return 2 * side**3 / min(times)


def measure(options: argparse.Namespace, device: str, *, compiled: bool, checkpointing: bool) -> dict[str, float]:
    """Median seconds of a step of our loop, and memory."""
    train = {
        "steps": WARM_UP + options.steps,
        "batch_size": options.articles,
        "precision": "auto",
        "compile": "inductor" if compiled else "no",
        "gradient_checkpointing": checkpointing,
    }
    config = TrainConfig.model_validate({"kind": "random", "train": train, "optim": {"lr": 1e-5}})
    task = RandomTask(config, options.size, options.panels, options.latent_px, device)
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch)
        trainer = Trainer(task, run, SilentReporter(), make_accelerator(config, run))
        task.model.train()
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        times = []
        for step in range(config.train.steps):
            synchronise(device)
            begin = time.perf_counter()
            trainer._step(step, trainer._read(step))
            synchronise(device)
            times.append(time.perf_counter() - begin)
    step_s = statistics.median(times[WARM_UP:])
    figures = {"step_s": round(step_s, 4), "images_per_s": round(options.articles * options.panels / step_s, 2)}
    if device == "cuda":
        figures["memory_gb"] = round(torch.cuda.max_memory_allocated() / (1 << 30), 2)
    return figures


def main() -> None:
    """Measure all four combinations and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=sorted(SHAPES), default=None, help="sd15 on a GPU, else tiny")
    parser.add_argument("--articles", type=int, default=None, help="8, of tiny 2")
    parser.add_argument("--panels", type=int, default=None, help="6, of tiny 2")
    parser.add_argument(
        "--latent-px", type=int, default=None, help="side of a panel's latents: 32 (256 pixels), of tiny 16"
    )
    parser.add_argument("--steps", type=int, default=None, help="measured, 10 (of tiny 3); three more come before them")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out (it takes minutes)")
    options = parser.parse_args()
    device = choose_device()
    options.size = options.size or ("tiny" if device == "cpu" else "sd15")
    for name, usual in DEFAULTS[options.size].items():
        if getattr(options, name) is None:
            setattr(options, name, usual)
    precision = resolve_precision("auto", device)
    peak = product_peak(device, precision)
    flops = 3 * forward_flops(options.size, options.panels, options.latent_px) * options.articles
    results: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "precision": precision,
        "size": options.size,
        "articles": options.articles,
        "panels": options.panels,
        "step_tflop": round(flops / 1e12, 3),
        "product_peak_tflop_s": round(peak / 1e12, 3),
    }
    for compiled in (False,) if options.no_compile else (False, True):
        for checkpointing in (False, True):
            name = f"compile={'inductor' if compiled else 'no'} checkpointing={'yes' if checkpointing else 'no'}"
            print(f"{name} ...", file=sys.stderr)
            figures = measure(options, device, compiled=compiled, checkpointing=checkpointing)
            results[name] = {**figures, "share_of_peak": round(flops / figures["step_s"] / peak, 3)}
    print(json.dumps(results))


if __name__ == "__main__":
    main()
