"""In which precision a run computes: what was asked for, made definite for the device at hand."""

from __future__ import annotations

from illinstr.engine.devices import multiplies_bfloat16
from illinstr.errors import UsageError

IN_WORDS = {"no": "float32", "bf16": "bfloat16", "fp16": "float16"}


def resolve_precision(asked: str, device: str) -> str:
    """``train.precision`` as accelerate takes it: ``auto`` made definite, anything else checked.

    Args:
        asked: ``auto``, ``no``, ``bf16`` or ``fp16``.
        device: the kind of device, as ``choose_device`` names it.

    Raises:
        UsageError: fp16 on a CPU.
    """
    if asked == "fp16" and device == "cpu":
        raise UsageError("train.precision=fp16 needs an accelerator", hint="use auto, bf16 or no on a CPU")
    if asked != "auto":
        return asked
    return "bf16" if multiplies_bfloat16(device) else "no"


def precision_line(asked: str, device: str) -> str | None:
    """What a user should hear about the precision: the choice that ``auto`` made, or that bf16 was a poor one.

    Raises:
        UsageError: as ``resolve_precision``.
    """
    chosen = resolve_precision(asked, device)
    if asked == "auto":
        reason = "multiplies" if chosen == "bf16" else "does not multiply"
        return f"precision: {IN_WORDS[chosen]} (train.precision=auto, and {device} {reason} bfloat16 in hardware)"
    if asked == "bf16" and device == "cpu" and not multiplies_bfloat16(device):
        return (
            "warning: train.precision=bf16, but this processor does not multiply bfloat16 in hardware: steps take up to"
            " 15 times as long as in float32, which train.precision=auto takes here"
        )
    return None
