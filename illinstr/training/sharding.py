"""Tensors that may be cut over processes (FSDP2): made whole to be written, cut again when read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from illinstr.engine.process_group import ProcessGroup


def whole(tensor: Tensor) -> Tensor:
    """The full tensor on this device; a collective of all processes where it is sharded."""
    detached = tensor.detach()
    return detached.full_tensor() if isinstance(detached, DTensor) else detached


def whole_on_cpu(tensors: Mapping[str, Tensor], *, keep: bool) -> dict[str, Tensor]:
    """Full copies in main memory that nothing else will change.

    Args:
        tensors: by name; every process must bring the same names in the same order.
        keep: False returns nothing but still takes part in the gathering, as processes that do not write must.
    """
    kept: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        full = whole(tensor)
        if keep:
            kept[name] = full.to("cpu", copy=True).contiguous()
    return kept


def cut_like(full: Tensor, reference: Tensor) -> Tensor:
    """``full`` with the device, and where it has one the sharding, of ``reference``."""
    if not isinstance(reference, DTensor):
        return full.to(reference.device)
    # Every process has read the whole tensor already, so nothing is sent: None means "each takes its own part".
    return distribute_tensor(full.to(reference.device), reference.device_mesh, reference.placements, src_data_rank=None)


def load_whole(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """``load_state_dict`` of full tensors into a module whose tensors may be sharded.

    Raises:
        RuntimeError: names or shapes differ.
    """
    own: dict[str, Any] = module.state_dict()
    fitting = {
        name: cut_like(tensor, own[name]) if name in own and own[name].shape == tensor.shape else tensor
        for name, tensor in tensors.items()
    }
    module.load_state_dict(fitting)


@torch.no_grad()
def copy_sharded(module: nn.Module) -> dict[str, Tensor]:
    """Float32 copies of the trainable parameters, sharded as they are."""
    return {name: p.detach().clone().float() for name, p in module.named_parameters() if p.requires_grad}


def send_from_first(tensors: Mapping[str, Tensor], group: ProcessGroup) -> dict[str, Tensor]:
    """The first process's tensors, in main memory, in every process; the others may bring an empty mapping.

    Sent byte by byte, so that no precision is lost and any element type will do.
    """
    if group.world_size == 1:
        return dict(tensors)
    from accelerate import PartialState

    device = PartialState().device
    shapes = group.broadcast([(name, tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()])
    received: dict[str, Tensor] = {}
    for name, shape, dtype in shapes:
        own = tensors[name] if group.is_main else torch.empty(shape, dtype=dtype)
        content = own.contiguous().reshape(-1).view(torch.uint8).to(device)
        if content.numel():
            torch.distributed.broadcast(content, src=0)
        received[name] = content.cpu().view(dtype).reshape(shape)
    return received
