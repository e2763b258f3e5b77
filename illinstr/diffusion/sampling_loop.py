"""The sampling loop: noise in, latents out, with some panels held to known ones."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from illinstr.diffusion.flow import FlowSampler
from illinstr.diffusion.schedule import timesteps_of

Prediction = Callable[[Tensor, Tensor], Tensor]
Report = Callable[[int, int, Tensor], None]


def sample(
    denoiser: Prediction,
    scheduler: Any,
    sampling_steps: int,
    noise: Tensor,
    generators: Sequence[torch.Generator],
    *,
    known: Tensor,
    held: Tensor,
    clean: bool = False,
    begin: int = 0,
    report: Report | None = None,
) -> Tensor:
    """Denoise canvases of m panels (k, m, c, h, w), starting from ``noise``.

    At every sampling step the latents of held panels are set to the known ones: clean, where the model was trained so;
    else at that step's noise level (RePaint, arXiv 2201.09865, eq. 8a-c), each time with fresh noise: one noise for all
    steps would push the free panels the same wrong way at each of them. At the end they are the known ones exactly.

    Args:
        denoiser: the prediction for (k, m, c, h, w) at a timestep.
        scheduler: a sampler of ``schedule.make_sampler``, used for this call alone.
        sampling_steps: how often to denoise.
        noise: standard normal.
        generators: one a canvas, for the noise of stochastic samplers and of held panels.
        known: latents of held panels; the others do not matter.
        held: (k, m), True where a panel is held.
        clean: whether the denoiser takes held panels clean.
        begin: the first sampling step, from 0; a later one starts from the known latents at its noise level, so that
            they are drawn again in part (SDEdit, arXiv 2108.01073).
        report: called after each step with steps done, steps in all, and the predicted latents.

    Raises:
        UsageError: this sampler cannot take that many steps.
    """
    timesteps = timesteps_of(scheduler, sampling_steps)
    anchored = bool(held.any())
    where = held.to(noise.device)[:, :, None, None, None]
    latents = noise * scheduler.init_noise_sigma
    if begin:
        latents = scheduler.add_noise(known, noise, timesteps[begin].reshape(1))
        scheduler.set_begin_index(begin)
    for index, t in enumerate(timesteps[begin:], start=begin):
        if anchored:
            given = known if clean else scheduler.add_noise(known, _randn_like(noise, generators), t.reshape(1))
            latents = torch.where(where, given, latents)
        inputs = scheduler.scale_model_input(latents, t)
        output = denoiser(inputs, t)
        latents = _step(scheduler, output, t, latents, generators)
        if report is not None:
            report(index + 1, len(timesteps), torch.where(where, known, _predicted(scheduler, output, t, inputs)))
    return torch.where(where, known, latents)


def _step(scheduler: Any, output: Tensor, t: Tensor, latents: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """One sampler step; stochastic samplers draw each canvas's noise from its own generator."""
    extra = {"generator": list(generators)} if "generator" in inspect.signature(scheduler.step).parameters else {}
    stepped: Tensor = scheduler.step(output, t, latents, return_dict=False, **extra)[0]
    return stepped


def _predicted(scheduler: Any, output: Tensor, t: Tensor, inputs: Tensor) -> Tensor:
    """The clean latents that ``output`` implies, from inputs at unit variance (arXiv 2202.00512, appendix D)."""
    if isinstance(scheduler, FlowSampler):
        return scheduler.predicted(output, t, inputs)
    abar: Tensor = scheduler.alphas_cumprod[int(t)].to(inputs.device)
    if scheduler.config.prediction_type == "v_prediction":
        return abar.sqrt() * inputs - (1 - abar).sqrt() * output
    return (inputs - (1 - abar).sqrt() * output) / abar.sqrt().clamp_min(1e-4)


def _randn_like(canvases: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Noise of the shape of (k, ...), a generator each, drawn on the CPU: the same on every device."""
    return torch.stack([torch.randn(canvases.shape[1:], generator=one) for one in generators]).to(canvases.device)
