"""What ``illinstr doctor`` looks at: a small function per question, answering with pass, warn or fail and a fix."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from illinstr import files
from illinstr.engine.devices import available_cores, multiplies_bfloat16
from illinstr.errors import DataError, ModelError
from illinstr.version import __version__

Status = Literal["pass", "warn", "fail"]

ASSETS = Path(__file__).resolve().parent / "assets"
EMBEDDED_MODEL = ASSETS / "mini"
EMBEDDED_JUDGE = ASSETS / "judge"

# Below these the method is silently wrong or the API is another one (docs/architecture.md).
PYTHON_FLOOR = "3.11"
FLOORS = {"torch": "2.10", "diffusers": "0.38", "transformers": "5.10", "accelerate": "1.15", "pillow": "12.3"}

GIB = 1 << 30
DISK_FAIL_BYTES = GIB // 2
DISK_WARN_BYTES = 5 * GIB
HUB_TIMEOUT_S = 3.0
DEFAULT_HUB = "https://huggingface.co"

# Formats that run code when they are loaded.
_PICKLED = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle")
_REINSTALL = "install illinstr again: pip install --force-reinstall illinstr"
_TRAIN_IT = "use it with --method independent, or fine-tune it with illinstr train"
_COPY_AGAIN = "copy or export the folder again"


@dataclass(frozen=True)
class Check:
    """One answer. ``fix`` is what to do about it, None when there is nothing to do."""

    name: str
    status: Status
    detail: str
    fix: str | None = None


def examine(
    *, model: Path | None = None, judge: Path | None = None, out: Path | None = None, data: Path | None = None
) -> list[Check]:
    """Ask every question.

    Args:
        model: model folder; None is the embedded one.
        judge: folder of the offline judge; None is the embedded one.
        out: where results would be written; None is the current folder.
        data: data folder to validate; None leaves it out.
    """
    checks = [
        *check_versions(),
        *check_devices(),
        check_model(model or EMBEDDED_MODEL, embedded=model is None),
        check_judge(judge or EMBEDDED_JUDGE, embedded=judge is None),
        *check_disk(out or Path.cwd()),
        check_hub(),
    ]
    if data is not None:
        checks.append(check_data(data))
    return checks


def check_versions() -> list[Check]:
    """Python and the libraries whose versions matter, against their floors."""
    checks = [_compare("python", platform.python_version(), PYTHON_FLOOR, "install a newer Python")]
    for name, floor in FLOORS.items():
        fix = f"pip install '{name}>={floor}'"
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            checks.append(Check(name, "fail", f"not installed, {floor} or later is needed", fix))
            continue
        checks.append(_compare(name, found, floor, fix))
    return checks


def check_devices() -> list[Check]:
    """Processor and accelerators as torch sees them; each accelerator is asked to multiply."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return [Check("torch runs", "fail", f"cannot be imported: {_line(error)}", "install torch again: pytorch.org")]
    available = available_cores()
    threads = torch.get_num_threads()
    bf16 = "native" if multiplies_bfloat16("cpu") else "emulated, slow"
    detail = f"{available} cores, {threads} torch threads, bf16 {bf16}"
    if threads > available:
        fix = f"set OMP_NUM_THREADS={available}"
        checks = [Check("cpu", "warn", f"{detail}: more threads than cores wait for each other", fix)]
    else:
        checks = [Check("cpu", "pass", detail)]
    if torch.cuda.is_available():
        checks += [_check_cuda(torch, number) for number in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        checks.append(_check_multiplies(torch, "mps", "Apple GPU"))
    if len(checks) == 1:
        checks.append(Check("accelerator", "pass", "none; the embedded model needs none, larger ones want a GPU"))
    return checks


def check_model(folder: Path, *, embedded: bool = False) -> Check:
    """A model: first of all its family, then every part its index names, weights in safetensors with whole headers.

    Of a hub model only the index is fetched, and its family looked at.
    """
    from illinstr.models.embedded import is_embedded, resolved
    from illinstr.models.hub import is_hub_id
    from illinstr.models.registry import family_of
    from illinstr.models.weighing import parameters_of

    embedded = embedded or is_embedded(str(folder))
    fix = _REINSTALL if embedded else _COPY_AGAIN
    try:
        folder = Path(resolved(str(folder)))
    except ModelError as error:
        return Check("model", "fail", error.message, error.hint)
    if not folder.is_dir() and not is_hub_id(str(folder)):
        return Check("model", "fail", f"no folder {folder}", fix)
    try:
        family = family_of(str(folder))
    except ModelError as error:
        return Check("model", "fail", error.message, fix if embedded else error.hint or fix)
    if not folder.is_dir():
        return Check("model", "pass", f"{folder} on the hub: {family.title}; downloaded when it first draws")
    try:
        for part in sorted({*family.parts, *_named_parts(folder)}):
            _require_part(folder / part, weights=part in family.weighted_parts)
        count, size = _read_weights(folder)
        if (folder / "stacked.json").exists():
            _read_json(folder / "stacked.json")
    except _Unfit as problem:
        return Check("model", "fail", str(problem), fix)
    by_part = ", ".join(f"{part} {number / 1e6:.1f} M" for part, number in parameters_of(folder, family).items())
    detail = f"{folder}: {family.title}, {count / 1e6:.1f} M parameters ({by_part}), {size / 1e6:.0f} MB"
    if family.denoiser == "transformer":
        return Check("model", "pass", f"{detail}; --prove shows on its weights that text is routed")
    if not (folder / "stacked.json").exists():
        return Check("model", "warn", f"{detail}; no stacked.json, so not trained for stacking", _TRAIN_IT)
    return Check("model", "pass", detail)


def check_judge(folder: Path, *, embedded: bool = False) -> Check:
    """The CLIP pair that ``eval`` uses offline."""
    fix = _REINSTALL if embedded else _COPY_AGAIN
    if not folder.is_dir():
        return Check("judge", "fail", f"no folder {folder}", fix)
    try:
        for name in ("config.json", "preprocessor_config.json"):
            _read_json(folder / name)
        _require_tokenizer(folder)
        count, size = _read_weights(folder)
    except _Unfit as problem:
        return Check("judge", "fail", str(problem), fix)
    return Check("judge", "pass", f"{folder}: {count / 1e6:.1f} M parameters, {size / 1e6:.0f} MB")


def check_disk(out: Path) -> list[Check]:
    """Space and write permission where results would go; the probe file is removed again."""
    folder = out.absolute()
    while not folder.exists():
        folder = folder.parent
    probe = folder / f".illinstr-doctor-{os.getpid()}"
    try:
        files.write_bytes(probe, b"probe")
        probe.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        detail = f"cannot write in {folder}: {error.strerror}"
        return [Check("write", "fail", detail, "choose another folder or change its permissions")]
    detail = f"{free / GIB:.1f} GiB free in {folder}"
    status: Status = "fail" if free < DISK_FAIL_BYTES else "warn" if free < DISK_WARN_BYTES else "pass"
    fix = None if status == "pass" else "free some space, or write to another disk"
    return [Check("write", "pass", f"{folder} is writable"), Check("disk", status, detail, fix)]


def check_hub() -> Check:
    """Whether the model hub answers. Everything embedded works without it, so silence is only a warning."""
    if os.environ.get("HF_HUB_OFFLINE", "").strip().upper() in {"1", "TRUE", "YES", "ON"}:
        return Check("hub", "pass", "not asked: HF_HUB_OFFLINE is set")
    import httpx

    endpoint = os.environ.get("HF_ENDPOINT") or DEFAULT_HUB
    agent = {"User-Agent": f"illinstr/{__version__} doctor"}
    try:
        host = httpx.URL(endpoint).host
        answer = httpx.head(endpoint, timeout=HUB_TIMEOUT_S, headers=agent)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fix = "only needed for hub models; set HF_HUB_OFFLINE=1 to work without, or HF_ENDPOINT to a mirror"
        return Check("hub", "warn", f"does not answer: {_line(error)}", fix)
    if answer.status_code >= 500:
        return Check("hub", "warn", f"{host} answers with status {answer.status_code}", "try again later")
    return Check("hub", "pass", f"{host} answers")


def check_data(data: Path) -> Check:
    """A data folder, every byte of it."""
    from illinstr.shards import validate

    try:
        report = validate(data)
    except DataError as error:
        return Check("data", "fail", error.message, error.hint)
    counts = f"{report.articles} articles, {report.images} images, {report.failed} failed rows"
    if not report.ok:
        detail = f"{len(report.problems)} problems; first: {report.problems[0]}"
        return Check("data", "fail", detail, "copy the data again from where it was made, or make it again")
    if report.warnings:
        return Check("data", "warn", f"{counts}; {'; '.join(report.warnings)}", "see docs/data-format.md")
    return Check("data", "pass", counts)


class _Unfit(Exception):
    """What is wrong with a folder, in one line."""


def _compare(name: str, found: str, floor: str, fix: str) -> Check:
    if _numbers(found) < _numbers(floor):
        return Check(name, "fail", f"{found}, {floor} or later is needed", fix)
    return Check(name, "pass", found)


def _numbers(version: str) -> tuple[int, ...]:
    release = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in release.group().split(".")) if release else ()


def _check_cuda(torch: Any, number: int) -> Check:
    properties = torch.cuda.get_device_properties(number)
    bf16 = "yes" if torch.cuda.is_bf16_supported() else "no"
    detail = f"{properties.name}, {properties.total_memory / GIB:.0f} GiB, bf16 {bf16}"
    return _check_multiplies(torch, f"cuda:{number}", detail)


def _check_multiplies(torch: Any, device: str, detail: str) -> Check:
    try:
        ones = torch.ones(8, 8, device=device)
        right = bool(((ones @ ones) == 8).all())
    except RuntimeError as error:
        fix = "the driver and this build of torch may not fit; see pytorch.org, or use --device cpu"
        return Check(device, "fail", f"{detail}: does not compute: {_line(error)}", fix)
    return Check(device, "pass" if right else "fail", detail, None if right else "use --device cpu")


def _named_parts(folder: Path) -> list[str]:
    index = _read_json(folder / "model_index.json")
    return [name for name, value in index.items() if isinstance(value, list) and value and value[0] is not None]


def _require_part(folder: Path, *, weights: bool) -> None:
    if not folder.is_dir():
        raise _Unfit(f"no folder {folder}")
    if folder.name.startswith("tokenizer"):
        _require_tokenizer(folder)
        return
    name = "scheduler_config.json" if folder.name == "scheduler" else "config.json"
    if weights or folder.name == "scheduler":
        _read_json(folder / name)
    if weights and not any(folder.glob("*.safetensors")):
        raise _Unfit(f"no safetensors weights in {folder}")


def _require_tokenizer(folder: Path) -> None:
    if (folder / "tokenizer.json").is_file():
        _read_json(folder / "tokenizer.json")
        return
    _read_json(folder / "vocab.json")
    if not (folder / "merges.txt").is_file():
        raise _Unfit(f"no file {folder / 'merges.txt'}")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise _Unfit(f"no file {path}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise _Unfit(f"damaged {path}: {_line(error)}") from error
    if not isinstance(value, dict):
        raise _Unfit(f"damaged {path}: not a JSON object")
    return value


def _read_weights(folder: Path) -> tuple[int, int]:
    """Parameters and bytes of all weights under a folder, by their headers.

    The format's reader checks that a header's offsets end where the file does, so a cut file is noticed.
    """
    from safetensors import SafetensorError, safe_open

    pickled = sorted(path for path in folder.rglob("*") if path.suffix in _PICKLED)
    if pickled:
        raise _Unfit(f"{pickled[0]} is no safetensors file; such weights can run code and are never loaded")
    weights = sorted(folder.rglob("*.safetensors"))
    if not weights:
        raise _Unfit(f"no safetensors weights in {folder}")
    count = size = 0
    for path in weights:
        try:
            with safe_open(path, framework="np") as tensors:
                shapes = [tensors.get_slice(name).get_shape() for name in tensors.keys()]  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise _Unfit(f"damaged weights {path}: {_line(error)}") from error
        for shape in shapes:
            numbers = 1
            for length in shape:
                numbers *= length
            count += numbers
        size += path.stat().st_size
    return count, size


def _line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
