"""Routing on torch's own attention: the table of who may read whom, and two ways to keep it that must agree."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from illinstr.errors import ModelError
from illinstr.models.layout import GOAL, PAD, REFERENCE
from illinstr.models.routing import AttentionPlan, Run, Way, routed_attention

UNEQUAL = [Run("text", GOAL, 5), Run("text", 0, 3), Run("text", 1, 6), Run("text", 2, 3), Run("text", PAD, 2)]
PANELS = [Run("image", 0, 4), Run("image", 1, 4), Run("image", 2, 4), Run("image", PAD, 3)]
PLANS = {
    "text first": AttentionPlan((*UNEQUAL, *PANELS)),
    "images first": AttentionPlan((*PANELS, *UNEQUAL)),
    "joint": AttentionPlan((*UNEQUAL, *PANELS), routed=False),
    "isolated": AttentionPlan((*UNEQUAL, *PANELS), isolate=True),
    "one panel": AttentionPlan((Run("text", GOAL, 5), Run("text", 0, 3), Run("image", 0, 4))),
    "text alone": AttentionPlan((*UNEQUAL, *PANELS)).part("text"),
    "panels in another order": AttentionPlan((*UNEQUAL, PANELS[2], PANELS[0], PANELS[1])),
    "a reference without text": AttentionPlan((*UNEQUAL, *PANELS[:3], Run("image", REFERENCE, 2))),
}


def attended(plan: AttentionPlan, way: Way, **options) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, plan.length, 8, generator=generator) for _ in range(3))
    with routed_attention({plan: 1}, way=way):
        return F.scaled_dot_product_attention(q, k, v, **options)


@pytest.mark.parametrize("name", PLANS)
def test_batching_equals_the_mask(name: str) -> None:
    plan = PLANS[name]
    assert torch.allclose(attended(plan, "batch"), attended(plan, "mask"), atol=1e-6)
    assert torch.allclose(attended(plan, "batch", scale=0.7), attended(plan, "mask", scale=0.7), atol=1e-6)


def test_mask_is_the_table_token_by_token() -> None:
    """A second implementation, from the words of the table."""
    plan = PLANS["text first"]
    tokens = [run for run in plan.runs for _ in range(run.length)]
    for i, query in enumerate(tokens):
        for j, key in enumerate(tokens):
            own = query.owner == key.owner
            if PAD in (query.owner, key.owner):
                allowed = i == j
            elif query.kind == "image":
                allowed = key.kind == "image" or own or key.owner == GOAL
            elif query.owner == GOAL:
                allowed = key.kind == "image" or key.owner == GOAL
            else:
                allowed = own or key.owner == GOAL
            assert bool(plan.mask[i, j]) == allowed, (query, key)


def test_three_attentions_serve_panels_of_one_text_length() -> None:
    runs = [Run("text", GOAL, 8), *(Run("text", i, 5) for i in range(6)), *(Run("image", i, 16) for i in range(6))]
    assert len(AttentionPlan(tuple(runs)).batches) == 3
    assert len(AttentionPlan(tuple(runs), routed=False).batches) == 1


def test_keys_are_copied_in_bounded_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = attended(PLANS["text first"], "batch")
    monkeypatch.setattr("illinstr.models.routing.MAX_STACKED", 1)
    plan = AttentionPlan(PLANS["text first"].runs)
    assert all(len(parts) == 1 for parts in plan.batches)
    assert torch.allclose(attended(plan, "batch"), whole, atol=1e-6)


@pytest.mark.parametrize("way", ["batch", "mask"])
def test_text_reaches_other_panels_through_images_alone(way: Way) -> None:
    """Six layers deep: isolated panels never hear of another step; without isolation they do, from the second layer."""

    def deep(plan: AttentionPlan, x: Tensor, layers: int) -> Tensor:
        with routed_attention({plan: layers}, way=way):
            for _ in range(layers):
                x = x + F.scaled_dot_product_attention(x, x, x)
        return x

    x = torch.randn(1, 1, PLANS["text first"].length, 8, generator=torch.Generator().manual_seed(1))
    changed = x.clone()
    changed[:, :, 5:8] += 1  # the text of step 1
    own, other = slice(19, 23), slice(23, 27)  # panels 1 and 2
    for layers, isolate, reaches in ((6, True, False), (1, False, False), (2, False, True)):
        plan = AttentionPlan(PLANS["text first"].runs, isolate=isolate)
        difference = (deep(plan, x, layers) - deep(plan, changed, layers)).abs().amax((0, 1, 3))
        assert difference[own].min() > 1e-4
        assert bool(difference[other].max() > 0) is reaches


@pytest.mark.parametrize("own", [torch.bool, torch.float32])
@pytest.mark.parametrize("way", ["batch", "mask"])
def test_a_mask_of_the_family_stays_in_force(way: Way, own: torch.dtype) -> None:
    plan = PLANS["text first"]
    given = torch.ones(1, 1, 1, plan.length, dtype=torch.bool)
    given[..., 3] = False  # a goal token that the family hides
    mask = given if own == torch.bool else torch.zeros_like(given, dtype=own).masked_fill(~given, -torch.inf)
    out = attended(plan, way, attn_mask=mask)
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, plan.length, 8, generator=generator) for _ in range(3))
    both = plan.mask & given
    both[..., 3, 3] = False
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=both)
    rows = [i for i in range(plan.length) if i != 3]
    assert torch.allclose(out[:, :, rows], expected[:, :, rows], atol=1e-6)


def test_a_call_that_was_not_routed_is_an_error() -> None:
    plan = PLANS["text first"]
    x = torch.randn(1, 1, plan.length, 8)
    with pytest.raises(ModelError, match="0 of 1 attention calls obeyed, 0 went past"), routed_attention({plan: 1}):
        torch.softmax(x @ x.mT, -1) @ x  # attention by hand, which routing does not see
    with pytest.raises(ModelError, match="1 went past"), routed_attention({plan: 1}):
        F.scaled_dot_product_attention(x, x, x)
        F.scaled_dot_product_attention(x[:, :, :3], x, x)
    with pytest.raises(ModelError, match="2 of 1"), routed_attention({plan: 1}):
        F.scaled_dot_product_attention(x, x, x)
        F.scaled_dot_product_attention(x, x, x)
    with pytest.raises(ValueError, match="one length"), routed_attention({plan: 1, PLANS["images first"]: 1}):
        pass


def test_an_error_inside_is_not_hidden_by_the_count() -> None:
    with pytest.raises(ZeroDivisionError), routed_attention({PLANS["text first"]: 1}):
        raise ZeroDivisionError


@pytest.mark.parametrize("way", ["batch", "mask"])
def test_gradients_are_routed(way: Way) -> None:
    plan = PLANS["text first"]
    x = torch.randn(1, 1, plan.length, 8, requires_grad=True)
    with routed_attention({plan: 1}, way=way):
        out = F.scaled_dot_product_attention(x, x, x)
    out[:, :, 23:27].sum().backward()  # panel 2
    assert x.grad is not None
    assert x.grad[:, :, 5:8].abs().max() == 0  # the text of step 1
    assert x.grad[:, :, 8:14].abs().max() > 0  # its own


@pytest.mark.parametrize("way", ["batch", "mask"])
def test_capture_by_torch_compile_is_routed(way: Way) -> None:
    plan = PLANS["text first"]

    def layer(x: Tensor) -> Tensor:
        return x + F.scaled_dot_product_attention(x, x, x)

    x = torch.randn(1, 1, plan.length, 8)
    compiled = torch.compile(layer, backend="eager")
    with routed_attention({plan: 2}, way=way):
        first, again = compiled(x), compiled(x)
    with routed_attention({plan: 1}, way=way):
        expected = layer(x)
    assert torch.equal(first, again) and torch.allclose(first, expected, atol=1e-6)
    assert not torch.allclose(expected, layer(x), atol=1e-3)
