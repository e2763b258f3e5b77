"""Who may read whom: the table of the design, by plain loops; and the owners that a prompt gives its tokens."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from illinstr.models.layout import GOAL, PAD, REFERENCE, Layout, panel_owners
from illinstr.models.prompt import PromptEmbeds

text_owners = st.lists(st.sampled_from([GOAL, PAD, 0, 1, 2]), min_size=1, max_size=8)
image_owners = st.lists(st.sampled_from([PAD, REFERENCE, 0, 1, 2]), min_size=1, max_size=8)


def reads(query: int, query_is_image: bool, key: int, key_is_image: bool) -> bool:
    """The table, row by row; two different tokens."""
    if PAD in (query, key):
        return False
    if query_is_image:
        return key_is_image or key in (GOAL, query)
    if query == GOAL:
        return key_is_image or key == GOAL
    return key == query or (key == GOAL and not key_is_image)


@settings(max_examples=40, deadline=None)
@given(text=text_owners, image=image_owners, order=st.sampled_from(["text-image", "image-text"]))
def test_the_mask_is_the_table(text: list[int], image: list[int], order: str) -> None:
    layout = Layout.of(torch.tensor(text), torch.tensor(image), order)  # type: ignore[arg-type]
    tokens = [(owner, False) for owner in text] + [(owner, True) for owner in image]
    if order == "image-text":
        tokens = tokens[len(text) :] + tokens[: len(text)]
    mask = layout.mask()
    for row, query in enumerate(tokens):
        for column, key in enumerate(tokens):
            assert bool(mask[row, column]) == (row == column or reads(*query, *key)), (query, key)


@pytest.mark.parametrize("conditioning", ["joint", "single"])
def test_without_routing_everything_real_reads_everything_real(conditioning: str) -> None:
    text = torch.tensor([GOAL, 0, 1, PAD])
    mask = Layout.of(text, panel_owners(2, 2), "text-image", conditioning).mask()  # type: ignore[arg-type]
    real = torch.tensor([True, True, True, False, True, True, True, True])
    expected = (real[:, None] & real[None]) | torch.eye(8, dtype=torch.bool)
    assert torch.equal(mask, expected)


def test_text_of_another_step_needs_an_image_to_reach_a_panel() -> None:
    """In any number of hops that do not pass through panel 0 itself."""
    layout = Layout.of(torch.tensor([GOAL, 0, 1]), panel_owners(2, 2), "text-image")
    reach = layout.mask().clone()
    first = (layout.owners == 0) & layout.is_image
    reach[first] = False
    for _ in range(7):
        reach |= (reach.float() @ reach.float()) > 0
    step_of_panel_1 = 2
    assert not reach[step_of_panel_1, 1]  # the text of step 0 reaches step 1's text only through panel 0


def test_layouts_of_several_sequences_are_made_at_once() -> None:
    text = torch.tensor([[GOAL, 0, 1], [GOAL, 0, PAD]])
    together = Layout.of(text, panel_owners(2, 2), "text-image")
    for row in range(2):
        alone = Layout.of(text[row], panel_owners(2, 2), "text-image")
        assert torch.equal(together.mask()[row], alone.mask())
    assert torch.equal(together.select(slice(3)).mask()[0], together.mask()[0, :3, :3])


def prompt(pooled: bool = False) -> PromptEmbeds:
    mask = torch.tensor(
        [[[1, 1, 0], [1, 0, 0], [1, 1, 1]], [[1, 0, 0], [1, 1, 0], [1, 0, 0]]],
        dtype=torch.bool,
    )
    tokens = torch.arange(2 * 3 * 3).reshape(2, 3, 3, 1).float()
    vectors = torch.tensor([[5.0], [6.0]]) if pooled else None
    return PromptEmbeds(tokens, mask, torch.tensor([[1, 2], [1, 2]]), "routed", vectors)


class TestPrompt:
    def test_owners_are_the_goal_then_each_panel(self) -> None:
        owners = prompt().owners()
        assert owners[0].tolist() == [[GOAL, GOAL, PAD], [0, PAD, PAD], [1, 1, 1]]

    def test_packing_keeps_the_order_and_drops_the_padding(self) -> None:
        tokens, owners = prompt().packed()
        assert owners.tolist() == [[GOAL, GOAL, 0, 1, 1, 1], [GOAL, 0, 0, 1, PAD, PAD]]
        assert tokens[..., 0].tolist() == [[0, 1, 3, 6, 7, 8], [9, 12, 13, 15, 0, 0]]

    def test_one_canvas_is_packed_without_any_padding(self) -> None:
        owners = prompt().select([1]).packed()[1]
        assert owners.tolist() == [[GOAL, 0, 0, 1]]

    def test_rows_are_selected_with_all_that_is_theirs(self) -> None:
        chosen = prompt(pooled=True).select([1, 0, 1])
        assert isinstance(chosen.pooled, Tensor)
        assert len(chosen) == 3
        assert chosen.pooled[:, 0].tolist() == [6.0, 5.0, 6.0]
        assert torch.equal(chosen.tokens[1], prompt().tokens[0])
