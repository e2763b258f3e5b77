"""Families on tiny random weights: proof by perturbation, any number of panels, seeds, switches and held panels."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.errors import UsageError
from illinstr.models.changes import changed_backbone
from illinstr.models.registry import family_of
from illinstr.models.transformer import Transformer
from tests.support.loaded_families import (
    CLEAN,
    FAMILIES,
    GOAL,
    STEPS,
    TRANSFORMERS,
    LoadedFamilies,
    canvas,
    changes,
    panels_of,
    predicted,
)
from tests.support.tiny_families import PX

WAYS = [*((name, way) for name in TRANSFORMERS for way in ("batch", "mask")), ("sdxl", "shape")]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_folder_of_the_familys_own_pipeline_is_read(load: LoadedFamilies, name: str) -> None:
    backbone = load(name)
    assert family_of(str(backbone.source.folder)).name == name
    assert not backbone.trained_for_stacking


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_proof_by_perturbation(load: LoadedFamilies, name: str, way: str) -> None:
    """One block: the own text moves a panel, another step's does exactly not, another panel's image does."""
    backbone = load(name) if name == "sdxl" else dataclasses.replace(load(name, layers=1), way=way)
    with backbone.shallow():
        moved = changes(backbone)
    assert moved["goal"].min() > 1e-6 and moved["third image"].min() > 1e-6
    for step, own in (("first step", 0), ("third step", 2)):
        assert moved[step][own] > 1e-6
        assert all(moved[step][panel] == 0 for panel in range(4) if panel != own)


@pytest.mark.parametrize("name", FAMILIES)
def test_without_routing_another_steps_text_moves_every_panel(load: LoadedFamilies, name: str) -> None:
    backbone = load(name, {"conditioning": "joint"}, **({} if name == "sdxl" else {"layers": 1}))
    with backbone.shallow():
        moved = changes(backbone)
    assert moved["third step"].min() > 1e-6


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_no_text_arrives_by_any_number_of_hops(load: LoadedFamilies, name: str) -> None:
    """Four blocks: with panels parted from each other nothing arrives; as drawn, it does, through images."""
    deep = load(name, layers=4)
    parted = changes(dataclasses.replace(deep, isolate=True))
    assert parted["third step"][2] > 1e-6 and parted["third step"][[0, 1, 3]].max() == 0
    assert changes(deep)["third step"].min() > 0


@pytest.mark.parametrize("name", ["sdxl", "flux1", "stable_diffusion_3"])
def test_pooled_vectors_are_the_goals(load: LoadedFamilies, name: str) -> None:
    """A vector of all texts would carry every step's words into every panel."""
    backbone = load(name)
    prompt = backbone.encode([canvas()])
    other = backbone.encode([canvas((STEPS[0], "A dog", *STEPS[2:]))])
    assert prompt.pooled is not None and other.pooled is not None
    assert torch.equal(prompt.pooled, other.pooled)
    another = backbone.encode([canvas(goal="Another")])
    assert another.pooled is not None and not torch.equal(prompt.pooled, another.pooled)
    panels = panels_of(backbone, 4)
    moved = predicted(backbone, panels, dataclasses.replace(prompt, pooled=another.pooled))
    assert not torch.allclose(moved, predicted(backbone, panels, prompt), atol=1e-5)


def test_the_length_of_one_steps_text_does_not_shift_anothers(load: LoadedFamilies) -> None:
    """Qwen-Image: each slot of text counts its places as if it stood alone."""
    backbone = load("qwen_image", layers=1)
    panels = panels_of(backbone, 2)
    texts = [canvas((first, "Pour")) for first in ("Boil", "Boil a lot of fresh water")]
    short, long = (predicted(backbone, panels, backbone.encode([text])) for text in texts)
    assert not torch.equal(short[0], long[0]) and torch.allclose(short[1], long[1], atol=1e-6)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_batching_equals_the_mask(load: LoadedFamilies, name: str) -> None:
    backbone = load(name)
    assert isinstance(backbone, Transformer)
    panels, prompt = panels_of(backbone, 4), backbone.encode([canvas()])
    batched = predicted(dataclasses.replace(backbone, way="batch"), panels, prompt)
    masked = predicted(dataclasses.replace(backbone, way="mask"), panels, prompt)
    assert torch.allclose(batched, masked, atol=1e-5)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_text_and_images_of_one_length_are_told_apart(load: LoadedFamilies, name: str) -> None:
    """Z-Image's refiners see text or images alone; routing knows them by their length."""
    backbone = load(name, layers=1)
    for steps in (STEPS[:2], ("Boil " * 6, "Pour")):
        prompt, panels = backbone.encode([canvas(steps)]), torch.randn(1, 2, *backbone.latent_shape(128))
        assert torch.isfinite(predicted(backbone, panels, prompt)).all()


@pytest.mark.slow  # one layer is captured in test_routing.py
def test_routing_holds_under_capture_by_torch_compile(load: LoadedFamilies) -> None:
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


@pytest.mark.parametrize("counts", [(1, 3, 8), pytest.param((2, 6, 9, 24), marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", FAMILIES)
def test_any_number_of_panels(load: LoadedFamilies, name: str, counts: tuple[int, ...]) -> None:
    pipe = StackedDiffusionPipeline(load(name))
    for n in counts:
        latents = pipe.sample_latents(
            [(GOAL, [f"Step {i}" for i in range(n)])], seeds=[0], sampling_steps=1, guidance=1.0
        )
        assert latents.shape[:2] == (1, n) and torch.isfinite(latents).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_same_seed_same_bytes_and_noise_belongs_to_the_panel(load: LoadedFamilies, name: str) -> None:
    pipe = StackedDiffusionPipeline(load(name))
    ask = {"seed": 5, "sampling_steps": 2, "guidance": 1.0}
    first, again = (pipe(GOAL, list(STEPS), **ask) for _ in range(2))
    assert [image.tobytes() for image in first] == [image.tobytes() for image in again]
    assert torch.equal(pipe._noise([5], 2)[0], pipe._noise([5], 4)[0, :2])
    alone = [pipe(GOAL, list(STEPS[:k]), method="independent", **ask) for k in (2, 4)]
    assert alone[0][1].tobytes() == alone[1][1].tobytes()


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_every_switch_changes_what_is_drawn(load: LoadedFamilies, name: str) -> None:
    def draw(**settings: Any) -> Tensor:
        pipe = StackedDiffusionPipeline(load(name, settings))
        return pipe.sample_latents([(GOAL, list(STEPS))], seeds=[0], sampling_steps=3, guidance=1.0)

    drawn = [draw(conditioning=kind) for kind in ("routed", "joint", "single")]
    drawn += [draw(positions=kind) for kind in load(name).positions[1:]]
    dynamic = load(name).dynamic_shift(1, PX, 3) is not None
    assert dynamic is (name in {"flux2", "qwen_image", "flux1"})
    drawn += [draw(shift=2.0)] + ([draw(shift_by="canvas")] if dynamic else [])
    for i, one in enumerate(drawn):
        assert all(not torch.allclose(one, other, atol=1e-5) for other in drawn[i + 1 :]), i
    assert torch.equal(drawn[0], draw(positions=load(name).positions[0]))


def test_a_position_that_a_family_has_not_is_refused(load: LoadedFamilies) -> None:
    """Stable Diffusion 3 has no frames, and a table of positions that is only so tall."""
    backbone = load("stable_diffusion_3")
    with pytest.raises(UsageError, match="--positions frame is not for"):
        changed_backbone(backbone, {"positions": "frame"})
    tall = changed_backbone(backbone, {"positions": "column"})
    with pytest.raises(UsageError, match="positions for 48 images of this size") as caught:
        predicted(tall, panels_of(tall, 49), tall.encode([canvas(STEPS[:1] * 49)]))
    assert "--window 48" in str(caught.value.hint)


@pytest.mark.parametrize("name", FAMILIES)
def test_held_panels_come_back_and_reach_the_others(load: LoadedFamilies, name: str) -> None:
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
    assert backbone.clean_anchors is (name in CLEAN)


def test_clean_panels_are_never_noised(load: LoadedFamilies, monkeypatch: pytest.MonkeyPatch) -> None:
    """FLUX.2 sees a held panel as it is at every step; the others see it noised."""
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
        assert len(clean) >= 3 and set(clean) == {name in CLEAN}


def test_references_reach_every_panel(load: LoadedFamilies) -> None:
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
