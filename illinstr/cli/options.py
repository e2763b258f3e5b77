"""Options that several commands share, each with one meaning and one line of help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
Dtype = Annotated[
    str | None,
    typer.Option(help="float32, float16 or bfloat16. \\[default: what suits the device]", show_default=False),
]
Offload = Annotated[bool, typer.Option("--offload", help="Keep only the working part of the model on the accelerator.")]
OffloadText = Annotated[
    bool, typer.Option("--offload-text", help="Keep the text encoder on the accelerator only while it reads.")
]
Base = Annotated[
    str | None,
    typer.Option(
        help="Folder or hub id of all other parts, where --model is the file of a denoiser (.safetensors, .gguf).",
        show_default=False,
    ),
]
Quantize = Annotated[
    str | None,
    typer.Option(
        help="Bring weights to int8 (needs torchao) or nf4 (bitsandbytes). \\[default: as computed in]",
        show_default=False,
    ),
]
Fit = Annotated[
    str | None,
    typer.Option(
        help="auto: the first of --quantize, --offload-text and --offload with which the model fits the device.",
        show_default=False,
    ),
]
Lora = Annotated[
    list[str] | None,
    typer.Option(help="Adapters to add, PATH or PATH:WEIGHT; repeat for several.", show_default=False),
]
VaeSlicing = Annotated[bool, typer.Option("--vae-slicing", help="Decode one image at a time.")]
Executor = Annotated[
    str, typer.Option(help="Who runs the tasks: local, ray (a cluster), or slurm (write a job array to submit).")
]
Address = Annotated[
    str | None,
    typer.Option(help="Of the Ray cluster. \\[default: one on this machine, for this command]", show_default=False),
]
Workers = Annotated[
    int | None,
    typer.Option(
        help="Workers on the cluster, or jobs of the array. \\[default: what there is room for]", show_default=False
    ),
]
ShardOfWork = Annotated[
    str | None,
    typer.Option(
        "--shard", help="i/n: do the i-th of n parts; the same command without it finishes.", show_default=False
    ),
]
LlmCa = Annotated[
    Path | None,
    typer.Option(help="PEM file of the authority that signed the https server's own certificate.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
