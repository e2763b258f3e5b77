import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from illinstr.models.stacking import stack, unstack

sizes = st.integers(1, 4)


@given(b=sizes, n=st.integers(1, 12), c=sizes, h=sizes, w=sizes)
def test_unstack_undoes_stack_for_any_number_of_steps(b, n, c, h, w):
    panels = torch.randn(b, n, c, h, w)
    assert torch.equal(unstack(stack(panels), n), panels)


def test_step_one_is_on_top_and_rows_stay_whole():
    panels = torch.arange(2 * 3 * 1 * 2 * 2).reshape(2, 3, 1, 2, 2)
    canvas = stack(panels)
    assert canvas.shape == (2, 1, 6, 2)
    for article in range(2):  # the same thing, said with cat
        by_hand = torch.cat([panels[article, step] for step in range(3)], dim=1)
        assert torch.equal(canvas[article], by_hand)


@pytest.mark.parametrize("n", [0, 4, 5])
def test_a_canvas_that_does_not_divide_is_refused(n):
    with pytest.raises(ValueError, match="cannot be cut"):
        unstack(torch.zeros(1, 1, 6, 2), n)
