"""What can be trained: a VAE, a CLIP pair, a StackedDiffusion U-Net, a transformer by flow matching, an upscaler.

One module or folder each, config beside code.
"""

from __future__ import annotations

from illinstr.shards import Sources
from illinstr.training.config import TrainConfig
from illinstr.training.loop import TrainingTask
from illinstr.training.tasks.clip import ClipConfig
from illinstr.training.tasks.flow.config import FlowConfig
from illinstr.training.tasks.stacked.config import UNetConfig
from illinstr.training.tasks.upscaler import UpscalerTrainConfig
from illinstr.training.tasks.vae import VaeConfig

CONFIG_BY_KIND: dict[str, type[TrainConfig]] = {
    "vae": VaeConfig,
    "clip": ClipConfig,
    "unet": UNetConfig,
    "flow": FlowConfig,
    "upscaler": UpscalerTrainConfig,
}


def build_task(config: TrainConfig, data: Sources, device: str = "cpu") -> TrainingTask:
    """The task a config describes, with its data read and its model built.

    Raises:
        DataError: the data folder is missing, damaged or has no fitting articles.
        ModelError: a base model is missing or damaged.
    """
    if isinstance(config, VaeConfig):
        from illinstr.training.tasks.vae import VaeTask

        return VaeTask(config, data, device)
    if isinstance(config, ClipConfig):
        from illinstr.training.tasks.clip import ClipTask

        return ClipTask(config, data, device)
    if isinstance(config, UNetConfig):
        from illinstr.training.tasks.stacked.task import UNetTask

        return UNetTask(config, data, device)
    if isinstance(config, FlowConfig):
        from illinstr.training.tasks.flow.task import FlowTask

        return FlowTask(config, data, device)
    if isinstance(config, UpscalerTrainConfig):
        from illinstr.training.tasks.upscaler import UpscalerTask

        return UpscalerTask(config, data, device)
    raise TypeError(f"no task for {type(config).__name__}")
