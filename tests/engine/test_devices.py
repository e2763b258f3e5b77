"""One chooser for every command: what auto takes, what is refused, what a device multiplies, how many threads."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from illinstr.engine import devices
from illinstr.engine.devices import check_device, choose_device, choose_dtype, device_of_worker, threads_per_process
from illinstr.errors import UsageError


@pytest.fixture
def accelerator(monkeypatch: pytest.MonkeyPatch):
    """Give the machine an accelerator of a kind, or none."""

    def give(kind: str | None) -> None:
        found = SimpleNamespace(type=kind) if kind else None
        monkeypatch.setattr(torch.accelerator, "is_available", lambda: found is not None)
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: found)

    return give


@pytest.mark.parametrize("kind", ["cuda", "mps", "xpu"])
def test_auto_is_the_accelerator_there_is(accelerator, kind) -> None:
    accelerator(kind)
    assert choose_device("auto") == kind
    accelerator(None)
    assert choose_device() == "cpu"


def test_a_named_device_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert [choose_device(name) for name in ("cpu", "cuda", "cuda:1")] == ["cpu", "cuda", "cuda:1"]
    for name, message in (("cuda:2", "no such CUDA device"), ("mps", "no Metal"), ("abacus", "unknown")):
        with pytest.raises(UsageError, match=message):
            choose_device(name)


@pytest.mark.parametrize(
    ("device", "number", "gpus", "own"),
    [
        ("auto", 3, 2, "cuda:1"),
        ("cuda", 1, 2, "cuda:1"),
        ("cuda:0", 1, 2, "cuda:0"),
        ("cpu", 1, 2, "cpu"),
        ("auto", 1, 1, "auto"),
        ("auto", None, 2, "auto"),
    ],
)
def test_workers_of_a_machine_take_its_gpus_in_turn(monkeypatch, device, number, gpus, own) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert device_of_worker(device, number) == own


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "CPU", "cpu\n"])
def test_spellings_that_name_no_device(name: str) -> None:
    with pytest.raises(UsageError, match="is unknown"):
        check_device(name)


@pytest.mark.parametrize(
    ("able", "dtype"), [({"avx512_bf16": True}, "bfloat16"), ({"amx_bf16": True}, "bfloat16"), ({}, "float32")]
)
def test_processors_get_the_precision_they_multiply(monkeypatch, able: dict[str, bool], dtype: str) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    assert choose_dtype("cpu") == dtype


@pytest.mark.parametrize(("capability", "dtype"), [((7, 5), "float16"), ((8, 0), "bfloat16")])
def test_gpus_get_the_precision_they_multiply(monkeypatch, capability: tuple[int, int], dtype: str) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert choose_dtype("cuda:1") == dtype
    assert choose_dtype("mps") == "float16"


def test_threads_are_those_asked_for_or_a_part_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "available_cores", lambda: 8)
    for asked, processes, threads in [("3", 2, 3), ("", 2, 4), ("0", 3, 2), ("many", 1, 8), ("", 99, 1)]:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
        assert threads_per_process(processes) == threads


def test_silence_is_for_the_libraries_named() -> None:
    import diffusers
    import transformers

    try:
        for library in (diffusers, transformers):
            library.utils.logging.set_verbosity_warning()
            library.utils.logging.enable_progress_bar()
        devices.silence_libraries("transformers")
        assert transformers.utils.logging.get_verbosity() == transformers.utils.logging.ERROR
        assert not transformers.utils.logging.is_progress_bar_enabled()
        assert diffusers.utils.logging.get_verbosity() == diffusers.utils.logging.WARNING
    finally:
        devices.silence_libraries()
    assert diffusers.utils.logging.get_verbosity() == diffusers.utils.logging.ERROR
    assert not diffusers.utils.logging.is_progress_bar_enabled()


def test_nothing_of_the_engine_loads_torch_to_be_imported() -> None:
    code = (
        "import pkgutil, sys, importlib, illinstr.engine as engine\n"
        "for module in pkgutil.iter_modules(engine.__path__):\n"
        "    importlib.import_module(f'illinstr.engine.{module.name}')\n"
        "print(sorted({'torch', 'numpy', 'accelerate', 'ray', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
