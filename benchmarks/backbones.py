"""What large models cost and what anchors are worth, in figures that need no weights.

    python benchmarks/backbones.py sizes       parameters and memory, counted on the meta device
    python benchmarks/backbones.py attention   a routed attention beside a plain one, by batching and by a mask
    python benchmarks/backbones.py loop        our sampling loop beside the family's own pipeline, tiny random weights
    python benchmarks/backbones.py anchors     held panels, clean and noised again, against an exact Gaussian world

Times are CPU time of this one process with one thread, the median of turns in which all ways are tried one after
the other; ratios count, not seconds. Sizes are of the released shapes.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from illinstr.models.layout import GOAL
from illinstr.models.routing import AttentionPlan, Run, Way, routed_attention

GIB = 1 << 30
FOUR_BIT = 0.56  # bytes a parameter, with the scales of its blocks


def sizes() -> None:
    """Parameters of the denoisers, and GiB in three precisions."""
    import diffusers

    klein: dict[str, Any] = {"joint_attention_dim": 7680, "num_attention_heads": 24, "guidance_embeds": False}
    shapes: dict[str, tuple[Any, dict[str, Any]]] = {
        "FLUX.2 klein 4B": (
            diffusers.Flux2Transformer2DModel, {"num_layers": 5, "num_single_layers": 20, **klein}
        ),
        "FLUX.2 [dev]": (diffusers.Flux2Transformer2DModel, {}),
        "Z-Image": (diffusers.ZImageTransformer2DModel, {}),
        "Qwen-Image": (diffusers.QwenImageTransformer2DModel, {}),
        "FLUX.1": (diffusers.FluxTransformer2DModel, {"guidance_embeds": True}),
        "SD 3.5 medium": (
            diffusers.SD3Transformer2DModel,
            {"num_layers": 24, "num_attention_heads": 24, "attention_head_dim": 64, "caption_projection_dim": 1536,
             "pos_embed_max_size": 384, "qk_norm": "rms_norm", "dual_attention_layers": tuple(range(13))},
        ),
        "SD 3.5 large": (
            diffusers.SD3Transformer2DModel,
            {"num_layers": 38, "num_attention_heads": 38, "attention_head_dim": 64, "caption_projection_dim": 2432,
             "pos_embed_max_size": 192, "qk_norm": "rms_norm"},
        ),
        "SDXL": (
            diffusers.UNet2DConditionModel,
            {"block_out_channels": (320, 640, 1280), "transformer_layers_per_block": (1, 2, 10),
             "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
             "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
             "attention_head_dim": (5, 10, 20), "cross_attention_dim": 2048, "use_linear_projection": True,
             "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
             "projection_class_embeddings_input_dim": 2816},
        ),
    }  # fmt: skip
    print(f"{'denoiser':18} {'parameters':>12} {'bf16':>7} {'int8':>7} {'4-bit':>7}   GiB")
    for name, (kind, options) in shapes.items():
        with torch.device("meta"):
            count = sum(parameter.numel() for parameter in kind(**options).parameters())
        cells = (count * size / GIB for size in (2, 1, FOUR_BIT))
        print(f"{name:18} {count / 1e9:10.2f} B {' '.join(f'{cell:7.1f}' for cell in cells)}")


def attention() -> None:
    """Routed over plain attention, for six panels of 512 pixels and fewer."""
    print(f"{'panels':>6} {'tokens each':>11} {'text each':>9} {'batched':>8} {'masked':>7}   plain attention = 1")
    for panels, image, text in ((4, 256, 32), (6, 256, 32), (6, 256, 128), (6, 1024, 64)):
        slots = [Run("text", GOAL, text), *(Run("text", i, text) for i in range(panels))]
        plan = AttentionPlan((*slots, *(Run("image", i, image) for i in range(panels))))
        q, k, v = (torch.randn(1, 2, plan.length, 64) for _ in range(3))

        def plain(q: Any = q, k: Any = k, v: Any = v) -> None:
            F.scaled_dot_product_attention(q, k, v)

        def routed(way: Way, plan: AttentionPlan = plan, plain: Callable[[], None] = plain) -> None:
            with routed_attention({plan: 1}, way=way):
                plain()

        times = medians({"plain": plain, "batch": partial(routed, "batch"), "mask": partial(routed, "mask")})
        ratios = [times[way] / times["plain"] for way in ("batch", "mask")]
        print(f"{panels:6} {image:11} {text:9} {ratios[0]:8.2f} {ratios[1]:7.2f}")


def loop() -> None:
    """One panel by our loop and by the pipeline, the text encoded before; then six panels, routed and joint."""
    from illinstr.diffusion.denoiser import Denoiser
    from illinstr.diffusion.samplers import sampler_of
    from illinstr.diffusion.sampling_loop import sample
    from illinstr.models.loading import load_backbone
    from illinstr.models.prompt import CanvasText
    from tests.support.tiny_families import PX, make_family

    with tempfile.TemporaryDirectory() as scratch:
        folder = make_family("flux2", Path(scratch) / "flux2", layers=8)
        backbone = load_backbone(str(folder), dtype=torch.float32)
    backbone.to("cpu")
    pipe: Any = backbone.pipe  # type: ignore[attr-defined]
    pipe.set_progress_bar_config(disable=True)
    embeds = pipe.encode_prompt("How to make tea: Boil water", torch.device("cpu"))[0]

    def ours(panels: int, conditioning: str) -> Callable[[], None]:
        settings = backbone.settings.model_copy(update={"panel_px": PX * 4, "conditioning": conditioning})
        model = type(backbone)(**{**vars(backbone), "settings": settings})
        text = CanvasText("How to make tea", ("Boil water",) * panels, tuple(range(1, panels + 1)))
        denoiser = Denoiser(model, [text], 1.0)
        noise = torch.randn(1, panels, *model.latent_shape(PX * 4))
        held = torch.zeros(1, panels, dtype=torch.bool)

        def draw() -> None:
            sampler = sampler_of(model, "euler", panels=panels, sampling_steps=4)
            with torch.no_grad():
                sample(denoiser, sampler, 4, noise, [torch.Generator()], known=noise, held=held)

        return draw

    def theirs() -> None:
        size = {"height": PX * 4, "width": PX * 4, "num_inference_steps": 4, "output_type": "latent"}
        pipe(prompt_embeds=embeds, guidance_scale=1.0, **size)

    times = medians({"theirs": theirs, "ours": ours(1, "routed"), "joint": ours(6, "joint"), "six": ours(6, "routed")})
    print(f"one panel, our loop over the pipeline's: {times['ours'] / times['theirs']:.2f}")
    print(f"six panels, routed over joint: {times['six'] / times['joint']:.2f}")


def anchors() -> None:
    """Error of free panels beside held ones: Wasserstein-2 distance in their standard deviations."""
    from tests.diffusion.test_flow import TestAnchors

    steps = (4, 8, 28, 100)
    print(f"{'held panels':12} {'sampler':8}" + "".join(f"{count:>7}" for count in steps) + "   sampling steps")
    for clean in (False, True):
        for name in ("euler", "dpm++2m", "euler-a"):
            errors = [TestAnchors().error(name, count, clean=clean) for count in steps]
            given = "clean" if clean else "noised again"
            print(f"{given:12} {name:8}" + "".join(f"{error:7.2f}" for error in errors))


def medians(ways: Mapping[str, Callable[[], Any]], turns: int = 7) -> dict[str, float]:
    """CPU seconds of each way, the median over turns in which each is tried once."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(turns + 1):
        for name, way in ways.items():
            begin = time.process_time()
            way()
            if turn:  # the first warms up
                spent[name].append(time.process_time() - begin)
    return {name: statistics.median(times) for name, times in spent.items()}


def main() -> None:
    """Print one table."""
    tables = {"sizes": sizes, "attention": attention, "loop": loop, "anchors": anchors}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=tables)
    torch.set_num_threads(1)
    tables[parser.parse_args().table]()


if __name__ == "__main__":
    main()
