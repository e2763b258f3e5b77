"""Muon: momentum, orthogonalised, for weight matrices (Keller Jordan et al., https://kellerjordan.github.io/posts/muon/).

The update of a matrix is the nearest orthogonal matrix to its momentum, so that every direction a layer could learn in
is learned at the same pace. A convolution's weight (o, i, h, w) is the matrix (o, i*h*w). ``torch.optim.Muon`` takes
two-dimensional parameters alone and always computes in bfloat16, which processors without bfloat16 units do fifteen
times slower than float32; the tests hold this one to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

# Coefficients of the quintic Newton-Schulz iteration: singular values end between about 0.7 and 1.2.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 5
# An orthogonal update of (o, i) has root mean square max(o, i)^-0.5; times this, 0.2, as AdamW's (arXiv 2502.16982).
RMS_OF_ADAMW = 0.2


def orthogonalise(matrices_bmn: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """U V^T of each matrix U S V^T, to the accuracy of five Newton-Schulz iterations; (b, m, n) in and out."""
    wide = matrices_bmn.to(dtype)
    tall = wide.shape[-2] > wide.shape[-1]
    if tall:
        wide = wide.mT
    wide = wide / wide.norm(dim=(-2, -1), keepdim=True).clamp_min(1e-7)
    a, b, c = NEWTON_SCHULZ
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = wide @ wide.mT
        wide = a * wide + torch.baddbmm(gram, gram, gram, beta=b, alpha=c) @ wide
    nearest: Tensor = (wide.mT if tall else wide).to(matrices_bmn.dtype)
    return nearest


class Muon(torch.optim.Optimizer):
    """Muon for matrices and AdamW for the rest, as groups of one optimiser with one learning rate.

    Args:
        groups: two groups of parameters, ``{"params": ..., "matrices": bool}``. In a group of matrices every parameter
            has two dimensions or more and its first one is the output.
        lr: of both groups; updates of both have about the same root mean square.
        momentum: of matrices, with Nesterov's look ahead.
        betas: of the rest.
        eps: of the rest.
        weight_decay: decoupled, of both.
        dtype: that matrices are orthogonalised in; bfloat16 changes an update by some two percent.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        lr: float,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.dtype = dtype
        super().__init__(
            list(groups), {"lr": lr, "momentum": momentum, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            given = [p for p in group["params"] if p.grad is not None]
            if group["matrices"]:
                self._step_matrices(given, group)
            else:
                self._step_rest(given, group)
        return loss

    def _step_matrices(self, given: list[nn.Parameter], group: dict[str, Any]) -> None:
        by_shape: dict[tuple[int, int], list[tuple[nn.Parameter, Tensor]]] = {}
        for p in given:
            assert p.grad is not None
            momentum = self.state[p].setdefault("momentum_buffer", torch.zeros_like(p))
            momentum.lerp_(p.grad, 1 - group["momentum"])
            ahead = torch.lerp(p.grad, momentum, group["momentum"])
            by_shape.setdefault((p.shape[0], p[0].numel()), []).append((p, ahead))
        for (rows, columns), each in by_shape.items():  # matrices of one shape go through one batched product
            updates = orthogonalise(torch.stack([ahead.reshape(rows, columns) for _, ahead in each]), self.dtype)
            step = group["lr"] * RMS_OF_ADAMW * max(rows, columns) ** 0.5
            for (p, _), update in zip(each, updates, strict=True):
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(update.reshape(p.shape), alpha=step)

    def _step_rest(self, given: list[nn.Parameter], group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        for p in given:
            slot = self.state[p]
            if not slot:
                slot |= {"step": torch.zeros(()), "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
            slot["step"] += 1
            slot["exp_avg"].lerp_(p.grad, 1 - beta1)
            slot["exp_avg_sq"].mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
            count = float(slot["step"])
            mean = slot["exp_avg"] / (1 - beta1**count)
            scale = (slot["exp_avg_sq"] / (1 - beta2**count)).sqrt().add_(group["eps"])
            p.mul_(1 - group["lr"] * group["weight_decay"])
            p.addcdiv_(mean, scale, value=-group["lr"])


def muon_groups(module: nn.Module) -> list[dict[str, Any]]:
    """The trainable parameters of ``module`` as Muon takes them.

    Inner weight matrices go to Muon. Embeddings, which are looked up and not multiplied with, vectors, and the layers
    between data and hidden states (few rows or columns) go to AdamW, as Muon's authors have it.
    """
    looked_up = {id(m.weight) for m in module.modules() if isinstance(m, nn.Embedding)}
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for p in module.parameters():
        if p.requires_grad:
            matrix = p.ndim >= 2 and id(p) not in looked_up and min(p.shape[0], p[0].numel()) >= 16
            groups[matrix].append(p)
    return [{"params": each, "matrices": matrix} for matrix, each in groups.items() if each]
