"""``illinstr serve``: a small page on this machine, with one field; the article appears as it is made."""

from __future__ import annotations

import sys
import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from illinstr.cli.options import Device, Dtype, LlmCa, Offload
from illinstr.workflows.world import EMBEDDED_WRITER
from illinstr.workflows.writers import DEFAULT_EXAMPLES


def command(
    out: Annotated[Path, typer.Option(help="Folder of the articles.")] = Path("runs"),
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8765,
    host: Annotated[
        str, typer.Option(help="Address to listen on; other than this machine's needs --remote.")
    ] = "127.0.0.1",
    remote: Annotated[
        bool, typer.Option("--remote", help="Let others on the network in; there is no password.")
    ] = False,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="mini (embedded), a model folder, or a hub id ORG/NAME; given again, the page offers a choice. "
            "\\[default: mini]",
            show_default=False,
        ),
    ] = None,
    llm: Annotated[
        list[str] | None,
        typer.Option(
            help="Who writes the steps: minihow (offline), hf:ORG/NAME, a folder, FILE.gguf, or http(s)://...; "
            "given again, the page offers a choice. \\[default: minihow]",
            show_default=False,
        ),
    ] = None,
    context: Annotated[
        str | None, typer.Option(help='About the reader, for --llm: "I have no oven".', show_default=False)
    ] = None,
    llm_ca: LlmCa = None,
    examples: Annotated[int, typer.Option(help="Articles to show a language model as examples.")] = DEFAULT_EXAMPLES,
    sampling_steps: Annotated[
        int | None, typer.Option(help="Denoising steps. \\[default: the model's own]", show_default=False)
    ] = None,
    no_metadata: Annotated[bool, typer.Option("--no-metadata", help="Keep the recipe out of the PNGs.")] = False,
    device: Device = "auto",
    dtype: Dtype = None,
    offload: Offload = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No messages.")] = False,
) -> None:
    """Make, edit and correct articles from a page in the browser. Only this machine can reach it. Ctrl-C ends it.

    Example, with the articles in [bold]runs/[/bold]:

    illinstr serve --open

    The model is loaded once, with the first article. What waits or is under way when this ends, however it ends, is
    taken up by the next start with the same [bold]--out[/bold]. The address is printed on stdout as soon as the page
    can be opened. Exit codes: 0 ended by Ctrl-C, 2 wrong use.
    """
    from illinstr.console import emit, reporter
    from illinstr.models.embedded import EMBEDDED
    from illinstr.workflows.serve import ServeRequest, open_server

    messages = reporter(quiet)
    request = ServeRequest(
        out=out,
        port=port,
        host=host,
        remote=remote,
        model=model or EMBEDDED,
        writer=llm or EMBEDDED_WRITER,
        context=context,
        examples=examples,
        sampling_steps=sampling_steps,
        metadata=not no_metadata,
        device=device,
        dtype=dtype,
        offload=offload,
        llm_ca=llm_ca,
        reporter=messages,
    )
    with open_server(request) as server:
        emit({"url": server.url, "out": str(server.workshop.folder)}, server.url, as_json=as_json)
        sys.stdout.flush()  # whoever started this through a pipe waits for the address
        messages.log(f"articles go to {server.workshop.folder}; Ctrl-C ends this")
        if open_page:
            threading.Timer(0.3, webbrowser.open, [server.url]).start()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            messages.log("ended")
