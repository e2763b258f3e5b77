"""Which device, which precision, how many threads: chosen here for every command, and nowhere else.

Importing this module loads no torch; the functions that ask the hardware do.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
from pathlib import Path

from illinstr.errors import UsageError

DTYPES = ("float32", "float16", "bfloat16")
LIBRARIES = ("diffusers", "transformers")
_LOGGERS = ("torchao", "torch.utils._pytree")  # what both import where it is installed
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def check_device(device: object) -> None:
    """Refuse a spelling that names no device; whether it is there is not looked at.

    Raises:
        UsageError: it is none of ``auto``, ``cpu``, ``mps``, ``cuda`` and ``cuda:N``.
    """
    if not isinstance(device, str) or not _DEVICE.fullmatch(device):
        raise UsageError(f"--device {device!r} is unknown", hint="auto, cpu, cuda, cuda:N or mps")


def choose_device(device: str = "auto") -> str:
    """``auto`` made definite, anything else checked.

    Args:
        device: ``auto``, ``cpu``, ``mps``, ``cuda``, ``cuda:N``; auto is what accelerator torch finds, else the CPU.

    Raises:
        UsageError: no such device here, or an unknown spelling.
    """
    import torch

    if device == "auto":
        found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return "cpu" if found is None else found.type
    check_device(device)
    kind, _, index = device.partition(":")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise UsageError(f"--device {device}: there is no such CUDA device here", hint="--device cpu always works")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UsageError("--device mps: there is no Metal device here", hint="--device cpu always works")
    return device


def device_of_worker(device: str, number: int | None) -> str:
    """The device of a machine's worker ``number``: with several GPUs each has its own in turn, unless one was named.

    Args:
        device: as for ``choose_device``.
        number: from 0; None where the worker sees its own GPU alone.
    """
    if number is None or device not in ("auto", "cuda"):
        return device
    import torch

    gpus = torch.cuda.device_count()
    return f"cuda:{number % gpus}" if gpus > 1 else device


def choose_dtype(device: str) -> str:
    """The precision a device draws fast in without visible loss: bfloat16 where the hardware multiplies it.

    Other CUDA and Metal devices get float16, other processors float32.
    """
    if multiplies_bfloat16(device):
        return "bfloat16"
    return "float16" if device.startswith("cuda") or device == "mps" else "float32"


def multiplies_bfloat16(device: str) -> bool:
    """Whether bfloat16 is multiplied in hardware: CUDA from capability 8, CPUs with AVX-512 BF16 or AMX BF16."""
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_capability(device)[0] >= 8
    able: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)() if device == "cpu" else {}
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def free_memory(device: str) -> int:
    """Bytes that are free on a device: of a CUDA card as its driver says, else of the machine.

    Metal devices share the machine's memory.
    """
    import torch

    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        with Path("/proc/meminfo").open(encoding="ascii") as lines:
            told = dict(line.split(":", 1) for line in lines)
        return int(told["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):  # a system that does not say: all that is built in
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def available_cores() -> int:
    """The cores this process may run on, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_per_process(processes: int = 1) -> int:
    """Threads for each of ``processes`` on this machine: what ``OMP_NUM_THREADS`` says, or its part of the cores."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked):
        return int(asked)
    return max(available_cores() // processes, 1)


def let_idle_threads_sleep() -> None:
    """Idle OpenMP threads that spin starve every other process of a small machine; before torch starts them."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def silence_libraries(*libraries: str) -> None:
    """No progress bars and no advice from diffusers, transformers and the hub's client; errors still raise.

    Theirs ignore ``--quiet`` and, in a log, bury what the command itself reports.

    Args:
        libraries: of ``LIBRARIES``, those that will be used; all when left out. They are imported.
    """
    for name in _LOGGERS:  # before the imports, in which they speak
        logging.getLogger(name).setLevel(logging.ERROR)
    for name in libraries or LIBRARIES:
        theirs = importlib.import_module(f"{name}.utils.logging")
        theirs.disable_progress_bar()
        theirs.set_verbosity_error()
    importlib.import_module("huggingface_hub.utils.tqdm").disable_progress_bars()
