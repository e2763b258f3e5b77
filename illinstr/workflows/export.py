"""``export``: a training run as a model folder, and as a repository of the Hugging Face Hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from illinstr.errors import UsageError
from illinstr.workflows.checks import check_choice
from illinstr.workflows.request import Request

if TYPE_CHECKING:
    from illinstr.training.export import Dtype, Weights

WEIGHTS = ("ema", "raw")
DTYPES = ("float16", "bfloat16", "float32")


@dataclass(frozen=True)
class ExportRequest(Request):
    """Which weights of which run, and where they go.

    Attributes:
        run: run folder of a U-Net, finished or not.
        out: model folder to write; absent or empty.
        weights: ``ema``, the moving average, or ``raw``, the weights as the last step left them.
        checkpoint: for example ``step-00000500``; the newest complete one when None.
        dtype: of the stored weights: ``float16``, ``bfloat16`` or ``float32``; as the run's config says when None.
        push_to_hub: ORG/NAME, to upload the folder to the Hugging Face Hub as well.
        private: make a new hub repository private.
    """

    run: str | Path
    out: str | Path
    weights: str = "ema"
    checkpoint: str | None = None
    dtype: str | None = None
    push_to_hub: str | None = None
    private: bool = False


@dataclass(frozen=True)
class ExportResult:
    """The model folder, which weights it holds, and the address of the upload where there was one."""

    model: Path
    weights: str
    commit: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"model": str(self.model), "weights": self.weights, "commit": self.commit}


def export_model(request: ExportRequest) -> ExportResult:
    """Write the model of a training run as a folder that illinstr and plain diffusers load.

    Raises:
        UsageError: no U-Net run, no such checkpoint, no averaged weights, ``out`` is taken, or no hub id.
        DataError: the checkpoint does not fit the run's config.
        ModelError: the base of the run is gone.
        FetchError: the hub does not answer or refuses.
    """
    check_choice("--weights", request.weights, WEIGHTS)
    check_choice("--dtype", request.dtype, DTYPES)
    if request.private and request.push_to_hub is None:
        raise UsageError("--private goes with --push-to-hub", hint="add --push-to-hub ORG/NAME")
    from illinstr.training.export import export_run
    from illinstr.training.export_hub import check_hub, push_folder

    reporter = request.messages
    if request.push_to_hub is not None:
        reporter.log(f"uploading as {check_hub(request.push_to_hub)}")
    model = export_run(
        Path(request.run),
        Path(request.out),
        weights=cast("Weights", request.weights),
        checkpoint=request.checkpoint,
        dtype=cast("Dtype | None", request.dtype),
        reporter=reporter,
    )
    if request.push_to_hub is None:
        return ExportResult(model, request.weights)
    commit = push_folder(model, request.push_to_hub, private=request.private)
    reporter.log(f"uploaded: {commit}")
    return ExportResult(model, request.weights, commit)
