"""FLUX.2, Z-Image and SDXL on tiny random weights: proof by perturbation, and equality with their own pipelines."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.diffusion.samplers import sampler_of
from illinstr.models.backbone import Backbone
from illinstr.models.loading import load_backbone
from illinstr.models.prompt import CanvasText, PromptEmbeds
from illinstr.models.registry import family_of
from illinstr.models.transformer import Transformer
from tests.support.tiny_families import PX, make_family

FAMILIES = ("flux2", "z_image", "sdxl")
TRANSFORMERS = ("flux2", "z_image")
TEXT = 128  # tokens that FLUX.2's text is filled up to here; 512 as released
GOAL, STEPS = "How to make tea", ("Boil water", "Pour it over the leaves", "Serve it in a cup", "Drink")

Load = Callable[..., Backbone]


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    """A family's backbone, each variant made and loaded once; settings may differ."""
    loaded: dict[tuple[Any, ...], Backbone] = {}

    def load(name: str, settings: dict[str, Any] | None = None, **options: Any) -> Backbone:
        key = (name, *sorted(options.items()))
        if key not in loaded:
            folder = make_family(name, tmp_path_factory.mktemp("models") / name, **options)
            loaded[key] = load_backbone(str(folder), dtype=torch.float32)
            loaded[key].to("cpu")
            if name == "flux2":
                loaded[key].pipe.tokenizer_max_length = TEXT  # 28 layers over 512 tokens take seconds
        changed = loaded[key].settings.model_copy(update={"panel_px": PX, **(settings or {})})
        return dataclasses.replace(loaded[key], settings=changed)

    return load


def canvas(steps: tuple[str, ...] = STEPS, goal: str = GOAL) -> CanvasText:
    return CanvasText(goal, steps, tuple(range(1, len(steps) + 1)))


def panels_of(backbone: Backbone, m: int, seed: int = 0) -> Tensor:
    return torch.randn(1, m, *backbone.latent_shape(PX), generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def predicted(backbone: Backbone, panels: Tensor, prompt: PromptEmbeds, t: float = 500.0) -> Tensor:
    return backbone.predict(panels, torch.tensor([t]), prompt)[0]


def changes(backbone: Backbone) -> dict[str, Tensor]:
    """How far each panel's prediction moves, (m,), when a text or an image changes."""
    panels, prompt = panels_of(backbone, 4), backbone.encode([canvas()])
    before = predicted(backbone, panels, prompt)
    assert torch.isfinite(before).all()
    moved = {}
    for name, slot in (("goal", 0), ("first step", 1), ("third step", 3)):
        tokens = prompt.tokens.clone()
        tokens[:, slot] += torch.randn(tokens[:, slot].shape, generator=torch.Generator().manual_seed(1))
        moved[name] = predicted(backbone, panels, dataclasses.replace(prompt, tokens=tokens)) - before
    other = panels.clone()
    other[:, 2] += torch.randn(other[:, 2].shape, generator=torch.Generator().manual_seed(2))
    moved["third image"] = predicted(backbone, other, prompt) - before
    return {name: change.abs().amax((1, 2, 3)) for name, change in moved.items()}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_folder_of_the_familys_own_pipeline_is_read(load: Load, name: str) -> None:
    backbone = load(name)
    assert family_of(str(backbone.source.folder)).name == name
    assert not backbone.trained_for_stacking


@pytest.mark.parametrize("way", ["batch", "mask"])
@pytest.mark.parametrize("name", TRANSFORMERS)
def test_proof_by_perturbation(load: Load, name: str, way: str) -> None:
    """One block: the own text moves a panel, another step's does exactly not, another panel's image does."""
    moved = changes(dataclasses.replace(load(name, layers=1), way=way))
    assert moved["goal"].min() > 1e-6 and moved["third image"].min() > 1e-6
    for step, own in (("first step", 0), ("third step", 2)):
        assert moved[step][own] > 1e-6
        assert all(moved[step][panel] == 0 for panel in range(4) if panel != own)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_without_routing_another_steps_text_moves_every_panel(load: Load, name: str) -> None:
    moved = changes(load(name, {"conditioning": "joint"}, layers=1))
    assert moved["third step"].min() > 1e-6


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_no_text_arrives_by_any_number_of_hops(load: Load, name: str) -> None:
    """Four blocks: with panels parted from each other nothing arrives; as drawn, it does, through images."""
    deep = load(name, layers=4)
    parted = changes(dataclasses.replace(deep, isolate=True))
    assert parted["third step"][2] > 1e-6 and parted["third step"][[0, 1, 3]].max() == 0
    assert changes(deep)["third step"].min() > 0


def test_sdxl_keeps_text_and_sizes_apart(load: Load) -> None:
    """Its levels pass images on within one prediction, so the proof is the attention's (``test_attention``)."""
    backbone = load("sdxl")
    moved = changes(backbone)
    assert moved["goal"].min() > 1e-6 and moved["first step"][0] > 1.5 * moved["first step"][2]
    prompt = backbone.encode([canvas()])
    other = backbone.encode([canvas((STEPS[0], "A dog", *STEPS[2:]))])
    assert prompt.pooled is not None and other.pooled is not None
    assert torch.equal(prompt.pooled, other.pooled)
    assert not torch.equal(prompt.pooled, backbone.encode([canvas(goal="Another")]).pooled)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_batching_equals_the_mask(load: Load, name: str) -> None:
    backbone = load(name)
    assert isinstance(backbone, Transformer)
    panels, prompt = panels_of(backbone, 4), backbone.encode([canvas()])
    batched = predicted(dataclasses.replace(backbone, way="batch"), panels, prompt)
    masked = predicted(dataclasses.replace(backbone, way="mask"), panels, prompt)
    assert torch.allclose(batched, masked, atol=1e-5)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_text_and_images_of_one_length_are_told_apart(load: Load, name: str) -> None:
    """Z-Image's refiners see text or images alone; routing knows them by their length."""
    backbone = load(name, layers=1)
    for steps in (STEPS[:2], ("Boil " * 6, "Pour")):
        prompt, panels = backbone.encode([canvas(steps)]), torch.randn(1, 2, *backbone.latent_shape(128))
        assert torch.isfinite(predicted(backbone, panels, prompt)).all()


def test_routing_holds_under_capture_by_torch_compile(load: Load) -> None:
    backbone = load("flux2", layers=1)
    panels, prompt = panels_of(backbone, 2), backbone.encode([canvas(STEPS[:2])])
    tokens = prompt.tokens.clone()
    tokens[:, 2] += 1
    other = dataclasses.replace(prompt, tokens=tokens)
    plain = predicted(backbone, panels, other)
    model = backbone.pipe.transformer
    forward = model.forward
    try:
        model.forward = torch.compile(forward, backend="eager")
        captured = [predicted(backbone, panels, text) for text in (prompt, other)]
    finally:
        model.forward = forward
    assert torch.allclose(captured[1], plain, atol=1e-5)
    assert torch.equal(captured[0][0], captured[1][0]) and not torch.equal(captured[0][1], captured[1][1])


VARIANTS = [
    ("flux2", {"distilled": True}, 4, 1.0),
    ("flux2", {"distilled": False}, 3, 4.0),
    ("z_image", {"turbo": True}, 4, 0.0),
    ("z_image", {"turbo": False}, 3, 4.0),
    ("sdxl", {}, 3, 5.0),
]


@pytest.mark.parametrize(("name", "options", "steps", "guidance"), VARIANTS, ids=str)
def test_one_panel_is_what_the_familys_own_pipeline_draws(
    load: Load, name: str, options: dict[str, Any], steps: int, guidance: float
) -> None:
    """The same noise, text, steps and guidance: equal latents, for the pipeline's own noise schedule."""
    backbone = load(name, **options)
    ours = StackedDiffusionPipeline(backbone)
    drawn = ours.sample_latents(
        [(GOAL, [STEPS[0]])], seeds=[3], sampling_steps=steps, guidance=guidance, sampler="euler", method="independent"
    )[0]
    theirs, noise = backbone.pipe, ours._noise([3], 1)[0]
    theirs.set_progress_bar_config(disable=True)
    own = theirs.scheduler
    ask = {"num_inference_steps": steps, "guidance_scale": guidance, "height": PX, "width": PX, "output_type": "latent"}
    if name == "flux2":
        ask["max_sequence_length"] = TEXT
    if name == "sdxl":
        theirs.scheduler = sampler_of(backbone, "euler", panels=1, sampling_steps=steps)
    try:
        theirs_drawn = theirs(prompt=f"{GOAL}: {STEPS[0]}", latents=noise.clone(), **ask).images
    finally:
        theirs.scheduler = own
    if name == "flux2":  # its latents come unfolded and without normalisation
        mean, std = theirs.vae.bn.running_mean, (theirs.vae.bn.running_var + theirs.vae.config.batch_norm_eps).sqrt()
        drawn = theirs._unpatchify_latents(drawn * std.view(1, -1, 1, 1) + mean.view(1, -1, 1, 1))
    assert drawn.shape == theirs_drawn.shape
    assert torch.allclose(drawn, theirs_drawn, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("name", FAMILIES)
def test_any_number_of_panels(load: Load, name: str) -> None:
    pipe = StackedDiffusionPipeline(load(name))
    for n in (1, 2, 3, 6, 9, 24):
        latents = pipe.sample_latents(
            [(GOAL, [f"Step {i}" for i in range(n)])], seeds=[0], sampling_steps=1, guidance=1.0
        )
        assert latents.shape[:2] == (1, n) and torch.isfinite(latents).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_same_seed_same_bytes_and_noise_belongs_to_the_panel(load: Load, name: str) -> None:
    pipe = StackedDiffusionPipeline(load(name))
    ask = {"seed": 5, "sampling_steps": 2, "guidance": 1.0}
    first, again = (pipe(GOAL, list(STEPS), **ask) for _ in range(2))
    assert [image.tobytes() for image in first] == [image.tobytes() for image in again]
    assert torch.equal(pipe._noise([5], 2)[0], pipe._noise([5], 4)[0, :2])
    alone = [pipe(GOAL, list(STEPS[:k]), method="independent", **ask) for k in (2, 4)]
    assert alone[0][1].tobytes() == alone[1][1].tobytes()


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_every_switch_changes_what_is_drawn(load: Load, name: str) -> None:
    def draw(**settings: Any) -> Tensor:
        pipe = StackedDiffusionPipeline(load(name, settings))
        return pipe.sample_latents([(GOAL, list(STEPS))], seeds=[0], sampling_steps=3, guidance=1.0)

    drawn = [draw(conditioning=kind) for kind in ("routed", "joint", "single")]
    drawn += [draw(positions=kind) for kind in load(name).positions[1:]]
    drawn += [draw(shift=2.0)] + ([draw(shift_by="canvas")] if name == "flux2" else [])
    for i, one in enumerate(drawn):
        assert all(not torch.allclose(one, other, atol=1e-5) for other in drawn[i + 1 :]), i
    assert torch.equal(drawn[0], draw(positions="frame"))


@pytest.mark.parametrize("name", FAMILIES)
def test_held_panels_come_back_and_reach_the_others(load: Load, name: str) -> None:
    backbone = load(name)
    pipe = StackedDiffusionPipeline(backbone)
    where = torch.tensor([[True, False, False, True]])

    def draw(known: Tensor) -> Tensor:
        return pipe.sample_latents(
            [(GOAL, list(STEPS))], seeds=[0], sampling_steps=3, guidance=1.0, known=known, where=where
        )

    known, others = panels_of(backbone, 4, seed=1), panels_of(backbone, 4, seed=2)
    drawn, again = draw(known), draw(others)
    assert torch.equal(drawn[where], known[where])
    assert not torch.allclose(drawn[~where], again[~where], atol=1e-5)
    assert backbone.clean_anchors is (name == "flux2")


def test_clean_panels_are_never_noised(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """FLUX.2 sees a held panel as it is at every step; Z-Image sees it noised."""
    seen: dict[str, list[Tensor]] = {}
    for name in TRANSFORMERS:
        backbone = load(name)
        pipe, given = StackedDiffusionPipeline(backbone), seen.setdefault(name, [])
        denoise = type(backbone).denoise

        def spy(self: Any, panels: Tensor, *rest: Any, given=given, denoise=denoise) -> Tensor:
            given.append(panels[0].clone())
            return denoise(self, panels, *rest)

        monkeypatch.setattr(type(backbone), "denoise", spy)
        known, where = panels_of(backbone, 4, seed=1), torch.tensor([[True, False, False, False]])
        pipe.sample_latents([(GOAL, list(STEPS))], seeds=[0], sampling_steps=3, guidance=0.0, known=known, where=where)
        clean = [torch.equal(panel, known[0, 0]) for panel in given]
        assert clean == [name == "flux2"] * 3


def test_references_reach_every_panel(load: Load) -> None:
    backbone = load("flux2", layers=1)
    panels, prompt = panels_of(backbone, 4), backbone.encode([canvas()])
    references = [torch.randn(1, 2, *backbone.latent_shape(PX)) for _ in range(2)]
    with torch.no_grad():
        seen = [
            backbone.predict(panels, torch.tensor([500.0]), prompt, references_krchw=reference)[0]
            for reference in references
        ]
    assert seen[0].shape == panels[0].shape
    assert (seen[0] - seen[1]).abs().amax((1, 2, 3)).min() > 1e-6


def test_images_and_latents_go_there_and_back_as_in_the_pipeline(load: Load) -> None:
    backbone = load("flux2")
    pixels = torch.rand(2, 3, PX, PX) * 2 - 1
    latents = backbone.encode_images(pixels)
    assert latents.shape == (2, *backbone.latent_shape(PX))
    pipe: Path | Any = backbone.pipe
    assert torch.allclose(latents, pipe._encode_vae_image(pixels, generator=None), atol=1e-5)
    decoded = backbone.decode_latents(latents)
    with torch.no_grad():
        raw = pipe.vae.encode(pixels).latent_dist.mode()
        assert torch.allclose(decoded, pipe.vae.decode(raw).sample, atol=1e-4)
