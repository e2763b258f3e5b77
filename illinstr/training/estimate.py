"""What a run would take, before it is started: counts from the index, memory and time from one measured step.

The task is built for a few of the longest articles it would meet, and steps are really taken, on this device, with one
and with two samples; time and activations of a micro-batch are read off the line through both. What a step costs
depends on the machine, so it is measured rather than looked up.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from illinstr.engine.devices import choose_device
from illinstr.shards import Sources, sources_of
from illinstr.training.config import OptimConfig, TrainConfig
from illinstr.training.data import BatchOrder, read_split, training_articles
from illinstr.training.loop import TrainingTask, checkpoint_activations
from illinstr.training.muon import muon_groups
from illinstr.training.noise import sample_generator
from illinstr.training.precision import precision_line, resolve_precision
from illinstr.training.reading import ArticleSet
from illinstr.training.run_folder import config_text
from illinstr.training.tasks.stacked.config import StackedConfig

GIB = float(1 << 30)
TRIAL_ARTICLES = 4
# A step of a model larger than this takes minutes on a CPU; its memory is counted, its time is not guessed.
MAX_CPU_PARAMETERS = 300_000_000


def estimate(config: TrainConfig, data: Sources, num_processes: int) -> dict[str, Any]:
    """Counts, memory and time of a run.

    Returns:
        ``articles``, ``panels``, ``samples`` (panels, articles, or windows of long articles), ``by_steps`` (N ->
        articles), ``val_articles``, ``steps``, ``batches_per_epoch``, ``joined_batches`` (of several N, in an epoch),
        ``rare`` (N whose samples fill no batch), ``epochs``, ``processes``, ``micro_batch`` (samples per process and
        backward pass), ``parameters``, ``trainable``, ``state_gb`` (weights, gradients, optimiser, average),
        ``beside_gb`` (frozen models beside the trained one), ``exchange_gb`` (buckets in which several processes add
        up gradients), ``device``, and where a step was measured ``activations_gb`` (with the copies of weights that
        bfloat16 computes with), ``memory_gb`` (all of these), ``fits`` (samples per process and backward pass that the
        device's memory has room for), ``step_s``, ``total_s`` (validation and saving left out). Where none was
        measured, ``copies_gb`` are those copies alone. Of several data folders also ``mix``: of each its ``folder``,
        ``weight``, ``articles``, ``samples``, ``share`` of the samples seen and ``times`` each is seen in an epoch.

    Raises:
        DataError: the data do not fit the config.
        ModelError: a base model is missing.
    """
    figures = _counts(config, data, num_processes)
    task = _trial_task(config, data)
    parameters = sum(p.numel() for p in task.model.parameters())
    trainable = sum(p.numel() for p in task.model.parameters() if p.requires_grad)
    device = next(task.model.parameters()).device
    figures |= {"parameters": parameters, "trainable": trainable, "device": str(device)}
    figures |= _resident(task, config, num_processes)
    if parameters > MAX_CPU_PARAMETERS and not torch.accelerator.is_available():
        half = resolve_precision(config.train.precision, device.type) != "no"
        return figures | {"copies_gb": (2 * parameters if half else 0) / GIB}
    if config.train.gradient_checkpointing:
        checkpoint_activations(task.model)
    samples = figures["micro_batch"]
    one, two = (_measure(task, config, count) for count in (1, min(2, samples)))
    backward_s = _along(one[0], two[0], samples)
    step_s = backward_s * config.train.accumulate
    figures["activations_gb"] = _along(one[1], two[1], samples) / GIB
    resident = figures["state_gb"] + figures["beside_gb"] + figures["exchange_gb"]
    figures["memory_gb"] = resident + figures["activations_gb"]
    each = two[1] - one[1] if samples > 1 else one[1]
    room = memory_of(device, num_processes) - resident * GIB - (one[1] - each)
    figures["fits"] = max(0, int(room // max(each, 1)))
    return figures | {"step_s": step_s, "total_s": step_s * config.train.steps}


def _resident(task: TrainingTask, config: TrainConfig, num_processes: int) -> dict[str, float]:
    """What lies on the device whatever the batch: state of the optimisation, frozen models, buckets of DDP."""
    own = {id(parameter) for parameter in task.model.parameters()}
    frozen: list[nn.Module] = getattr(task, "frozen", [])
    weights = {
        id(p): p.numel() * p.element_size() for module in frozen for p in module.parameters() if id(p) not in own
    }
    # DistributedDataParallel keeps each gradient once more, in the buckets that it sends.
    buckets = sum(4 * p.numel() for p in task.model.parameters() if p.requires_grad) if num_processes > 1 else 0
    return {
        "state_gb": _state_bytes(task.model, config) / GIB,
        "beside_gb": sum(weights.values()) / GIB,
        "exchange_gb": buckets / GIB,
    }


def memory_of(device: torch.device, processes: int) -> int:
    """Bytes that one of ``processes`` may use: a GPU's own memory, or its part of the machine's."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")) // processes


def _counts(config: TrainConfig, data: Sources, num_processes: int) -> dict[str, Any]:
    articles, lengths, owners = _samples(config, data)
    panels = sum(articles.lengths)
    order = BatchOrder(lengths, config.train.batch_size, config.train.seed, articles.weights_of(owners))
    per_process = -(-config.train.batch_size // num_processes)
    by_samples = dict(sorted(Counter(lengths).items()))
    epoch = [order.batch(step) for step in range(order.batches_per_epoch)]
    return {
        "articles": len(articles),
        "panels": panels,
        "samples": len(lengths),
        "by_steps": dict(sorted(Counter(articles.lengths).items())),
        "joined_batches": sum(len({lengths[unit] for unit in batch}) > 1 for batch in epoch),
        "rare": [length for length, count in by_samples.items() if count < config.train.batch_size],
        "val_articles": _val_articles(config, data),
        "steps": config.train.steps,
        "batches_per_epoch": order.batches_per_epoch,
        "epochs": config.train.steps / order.batches_per_epoch,
        "processes": num_processes,
        "micro_batch": -(-per_process // config.train.accumulate),
        **_mix(data, articles, owners),
    }


def _mix(data: Sources, articles: ArticleSet, owners: list[int]) -> dict[str, Any]:
    """What each of several folders gives; ``share`` is of the samples seen, ``times`` each is seen in an epoch."""
    sources = sources_of(data)
    if len(sources) == 1:
        return {}
    samples = Counter(articles.sources[owner] for owner in owners)
    total = sum(source.weight * samples[number] for number, source in enumerate(sources))
    counts = Counter(articles.sources)
    return {
        "mix": [
            {
                "folder": str(source.folder),
                "weight": source.weight,
                "articles": counts[number],
                "samples": samples[number],
                "share": source.weight * samples[number] / total,
                "times": source.weight * len(owners) / total,
            }
            for number, source in enumerate(sources)
        ]
    }


def _samples(config: TrainConfig, data: Sources) -> tuple[ArticleSet, list[int], list[int]]:
    """The training articles, and of each sample (a panel, an article, or a window of one) its bucket and article."""
    if isinstance(config, StackedConfig):
        from illinstr.training.tasks.stacked.data import find_windows, read_articles

        kept = read_articles(data, config.data.split, config, limit=config.data.limit)
        kept = kept.first(max(1, round(len(kept) * config.data.fraction)))
        windows = find_windows(kept, config)
        return kept, [window.length for window in windows], [window.article for window in windows]
    articles = training_articles(data, config.data)
    if config.kind in ("vae", "upscaler"):
        owners = [article for article, length in enumerate(articles.lengths) for _ in range(length)]
        return articles, [1] * len(owners), owners
    return articles, articles.lengths, list(range(len(articles)))


def _val_articles(config: TrainConfig, data: Sources) -> int:
    wanted = config.data
    if isinstance(config, StackedConfig):
        from illinstr.training.tasks.stacked.data import read_articles

        return len(read_articles(data, wanted.val_split, config, limit=wanted.val_limit, required=False))
    return len(read_split(data, wanted.val_split, wanted, limit=wanted.val_limit))


def _trial_task(config: TrainConfig, data: Sources) -> TrainingTask:
    from illinstr.training.accelerator import make_accelerator
    from illinstr.training.tasks import build_task

    longest = min(max(_samples(config, data)[0].lengths), config.data.max_steps)
    few = {"limit": TRIAL_ARTICLES, "fraction": 1.0, "min_steps": longest, "val_limit": 1, "cache": False}
    # Validation has articles of other lengths: only the training side is cut to the longest.
    section = config.data.model_copy(update=few)
    device = make_accelerator(config, Path(tempfile.gettempdir())).device
    return build_task(config.model_copy(update={"data": section}), data, str(device))


def _state_bytes(model: nn.Module, config: TrainConfig) -> int:
    """Weights (4 bytes), gradients (4), what the optimiser keeps, the moving average (4)."""
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    frozen = sum(p.numel() * p.element_size() for p in model.parameters() if not p.requires_grad)
    return frozen + trainable * (4 + 4 + (4 if config.train.ema_decay else 0)) + _optimizer_bytes(model, config.optim)


def _optimizer_bytes(model: nn.Module, config: OptimConfig) -> int:
    """Adam's two moments (8 bytes a parameter, or 2 in eight bits); Muon keeps one (4) of what it takes as matrices.

    Adafactor keeps a mean square a row and one a column of the last two dimensions, and vectors whole.
    """
    if config.algorithm == "adafactor":
        trained = [p for p in model.parameters() if p.requires_grad]
        kept = [p.numel() // p.shape[-1] + p.numel() // p.shape[-2] if p.ndim > 1 else p.numel() for p in trained]
        return 4 * sum(kept)
    each = 2 if config.eight_bit else 8
    if config.algorithm == "adamw":
        return each * sum(p.numel() for p in model.parameters() if p.requires_grad)
    groups = muon_groups(model)
    return sum((4 if group["matrices"] else each) * sum(p.numel() for p in group["params"]) for group in groups)


def _measure(task: TrainingTask, config: TrainConfig, samples: int) -> tuple[float, int]:
    """Seconds and bytes of activations of one forward and backward pass over ``samples``; the faster of two.

    On a CPU the seconds are those of the processor, shared among the threads: what others run there meanwhile does not
    count.
    """
    units = task.units_of(0)
    batch = task.make_batch([units[place % len(units)] for place in range(samples)])
    device = next(task.model.parameters()).device
    precision = resolve_precision(config.train.precision, device.type)
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    task.model.train()
    times: list[float] = []
    saved = 0
    for _ in range(2):
        start, start_cpu = time.monotonic(), time.process_time()
        with _count_saved(task.model) as kept:
            with torch.autocast(device.type, dtype=kind, enabled=kind is not None):
                loss, _parts = task.loss(task.model, batch, sample_generator(0, 0, range(samples)))
            loss.backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        saved = kept[0]
        wall_s = time.monotonic() - start
        busy_s = (time.process_time() - start_cpu) / torch.get_num_threads()
        times.append(min(wall_s, busy_s) if device.type == "cpu" else wall_s)
        task.model.zero_grad(set_to_none=True)
    return min(times), saved


@contextmanager
def _count_saved(model: nn.Module) -> Iterator[list[int]]:
    """Count the bytes autograd keeps for the backward pass, parameters left out, each storage once."""
    seen = {p.untyped_storage().data_ptr() for p in model.parameters()}
    total = [0]

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in seen:
            seen.add(storage.data_ptr())
            total[0] += storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield total


def _along(one: float, two: float, samples: int) -> float:
    """The value at ``samples`` on the line through (1, one) and (2, two); never less than ``one``."""
    return one + max(two - one, 0.0) * (samples - 1)


def estimate_lines(config: TrainConfig, figures: dict[str, Any]) -> list[str]:
    """The resolved config and the estimate, as YAML with comments."""
    total = figures["articles"]
    by_steps = ", ".join(f"N={n}: {count} ({count / total:.1%})" for n, count in figures["by_steps"].items())
    lines = [
        *config_text(config).splitlines(),
        f"# training articles: {total} ({figures['panels']} panels; {by_steps})",
        f"# validation articles: {figures['val_articles']}",
        f"# {figures['steps']} steps of {config.train.batch_size} are {figures['epochs']:.1f} epochs of"
        f" {figures['batches_per_epoch']} batches; {figures['micro_batch']} samples per process and backward pass",
        *_joined_lines(figures),
        *_mix_lines(figures),
        f"# parameters: {figures['parameters']:,}, {figures['trainable']:,} of them trained; weights, gradients,"
        f" optimiser and average: {figures['state_gb']:.2f} GiB per process unless sharded",
        f"# beside them: frozen models {figures['beside_gb']:.2f} GiB, gradients that processes exchange"
        f" {figures['exchange_gb']:.2f} GiB",
    ]
    if (said := precision_line(config.train.precision, choose_device())) is not None:
        lines.append(f"# {said}")
    if "step_s" not in figures:
        copies = (
            f"; copies of weights in half precision: {figures['copies_gb']:.2f} GiB" if figures["copies_gb"] else ""
        )
        return [
            *lines,
            f"# time and activations: not measured, this model is too large for a trial on {_device(figures)}{copies}",
        ]
    return [
        *lines,
        f"# activations: about {figures['activations_gb']:.2f} GiB per process, {figures['memory_gb']:.2f} GiB in all;"
        f" there is room for about {figures['fits']} samples per process and backward pass",
        f"# time: about {figures['step_s']:.2f} s a step, {_duration(figures['total_s'])} in all on {_device(figures)}"
        " (with nothing else running here; validation, drawing and saving come on top)",
    ]


def _joined_lines(figures: dict[str, Any]) -> list[str]:
    if not figures["joined_batches"]:
        return []
    rare = ", ".join(f"N={length}" for length in figures["rare"])
    never = f"; {rare} alone would fill no batch" if rare else ""
    return [
        f"# {figures['joined_batches']} batches of an epoch join several N, a backward pass for each, so that every"
        f" sample counts the same{never}"
    ]


def _mix_lines(figures: dict[str, Any]) -> list[str]:
    return [
        f"# {part['folder']}: weight {part['weight']:g}, {part['articles']} articles, {part['share']:.1%} of what"
        f" is seen; each {part['times']:.2f} times an epoch"
        for part in figures.get("mix", ())
    ]


def _device(figures: dict[str, Any]) -> str:
    threads = f" with {torch.get_num_threads()} thread(s)" if figures["device"] == "cpu" else ""
    return f"{figures['device']}{threads}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
