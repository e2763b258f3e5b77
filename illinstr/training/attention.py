"""Attention that trains faster on a CPU: softmax and plain products in place of torch's fused function.

Torch's own backward pass through a masked attention takes several times as long there as the two products it is made
of. ``plain_attention`` is a context in which every call of the function is computed so; the result is the same but for
rounding. On other devices it does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack

_ARGUMENTS = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")


class _Attention(torch.autograd.Function):
    """softmax(q k^T / sqrt(d) + mask) v, keeping the attention weights for the backward pass."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        weights = torch.softmax(torch.matmul(q * q.shape[-1] ** -0.5, k.mT).add_(bias), dim=-1)
        ctx.save_for_backward(q, k, v, weights)
        return weights @ v

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        q, k, v, weights = ctx.saved_tensors
        inner = torch._softmax_backward_data(grad @ v.mT, weights, -1, weights.dtype)
        scale = q.shape[-1] ** -0.5
        return (inner @ k) * scale, (inner.mT @ q) * scale, weights.mT @ grad, None


class _PlainAttention(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not F.scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        given = dict(zip(_ARGUMENTS, args, strict=False)) | (kwargs or {})
        special = given.get("is_causal") or given.get("dropout_p") or given.get("scale") or given.get("enable_gqa")
        if special or not torch.is_grad_enabled():
            return func(**given)
        q, k, v = (given[name].contiguous() for name in ("query", "key", "value"))
        attended: Tensor = _Attention.apply(q, k, v, _bias(given.get("attn_mask"), q))  # type: ignore[no-untyped-call]
        return attended


def _bias(mask: Tensor | None, q: Tensor) -> Tensor:
    if mask is None:
        return q.new_zeros(())
    if mask.dtype == torch.bool:
        return torch.zeros(mask.shape, dtype=q.dtype, device=q.device).masked_fill_(~mask, -torch.inf)
    return mask.to(q.dtype)


def checkpointed(function: Callable[..., Any], *arguments: Any) -> Any:
    """Activation checkpointing (arXiv 1604.06174) whose second pass attends as the first did.

    Attention is routed, and made plain, by contexts around the forward pass. The second pass runs within the backward
    pass, when they are over: they are entered again for it.
    """
    from torch.utils.checkpoint import checkpoint

    modes = _get_current_function_mode_stack()

    @contextmanager
    def again() -> Iterator[None]:
        with ExitStack() as stack:
            for mode in modes:
                stack.enter_context(mode)
            yield

    return checkpoint(function, *arguments, use_reentrant=False, context_fn=lambda: (nullcontext(), again()))


def plain_attention(device: str | torch.device) -> AbstractContextManager[Any]:
    """The context, where ``device`` is a CPU."""
    return _PlainAttention() if torch.device(device).type == "cpu" else nullcontext()
