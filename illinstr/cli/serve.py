"""``illinstr serve``: a small page on this machine, with one field; the article appears as it is made."""

from __future__ import annotations

import sys
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from illinstr.cli.options import Device
from illinstr.console import emit, reporter
from illinstr.errors import UsageError
from illinstr.workflows.checks import check_model, load_pipeline
from illinstr.workflows.world import EMBEDDED_WRITER
from illinstr.workflows.writers import DEFAULT_EXAMPLES, open_writer

if TYPE_CHECKING:
    from illinstr.sampling.drawing.illustrator import ArticlePipeline

LOOPBACK = "127.0.0.1"


def command(
    out: Annotated[Path, typer.Option(help="Folder of the articles.")] = Path("runs"),
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8765,
    host: Annotated[
        str, typer.Option(help="Address to listen on; other than this machine's needs --remote.")
    ] = LOOPBACK,
    remote: Annotated[
        bool, typer.Option("--remote", help="Let others on the network in; there is no password.")
    ] = False,
    model: Annotated[str, typer.Option(help="mini (embedded), a model folder, or a hub id ORG/NAME.")] = "mini",
    llm: Annotated[
        str,
        typer.Option(
            help="Who writes the steps: minihow (offline), hf:ORG/NAME, a folder, FILE.gguf, or http(s)://..."
        ),
    ] = EMBEDDED_WRITER,
    context: Annotated[
        str | None, typer.Option(help='About the reader, for --llm: "I have no oven".', show_default=False)
    ] = None,
    examples: Annotated[int, typer.Option(help="Articles to show a language model as examples.")] = DEFAULT_EXAMPLES,
    sampling_steps: Annotated[
        int | None, typer.Option(help="Denoising steps. \\[default: the model's own]", show_default=False)
    ] = None,
    no_metadata: Annotated[bool, typer.Option("--no-metadata", help="Keep the recipe out of the PNGs.")] = False,
    device: Device = "auto",
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No messages.")] = False,
) -> None:
    """Make, edit and correct articles from a page in the browser. Only this machine can reach it. Ctrl-C ends it.

    Example, with the articles in [bold]runs/[/bold]:

    illinstr serve --open

    The model is loaded once, with the first article. The address is printed on stdout as soon as the page can
    be opened. Exit codes: 0 ended by Ctrl-C, 2 wrong use.
    """
    from illinstr.runs import check_writable
    from illinstr.sampling.drawing.illustrator import DrawingSettings
    from illinstr.sampling.serving.web import WebServer, is_loopback
    from illinstr.sampling.serving.workshop import Workshop
    from illinstr.workflows.checks import MAX_SAMPLING_STEPS

    if not 0 <= port <= 65535:
        raise UsageError(f"--port {port} is not between 0 and 65535", hint="--port 0 takes a free one")
    if not is_loopback(host) and not remote:
        raise UsageError(
            f"--host {host} can be reached by others", hint="add --remote to allow that; there is no password"
        )
    if sampling_steps is not None and not 1 <= sampling_steps <= MAX_SAMPLING_STEPS:
        raise UsageError(
            f"--sampling-steps {sampling_steps} is not between 1 and {MAX_SAMPLING_STEPS}", hint="20 is usual"
        )
    writer = open_writer(llm, context=context, examples=examples, device=device)
    check_model(model)
    folder = check_writable(out)
    say = reporter(quiet)

    def load() -> ArticlePipeline:
        say.log(f"loading the model {model} ...")
        return load_pipeline(model, device, None)

    settings = DrawingSettings(sampling_steps=sampling_steps, metadata=not no_metadata)
    with WebServer(host, port, Workshop(folder, writer, load, settings)) as server:
        emit({"url": server.url, "out": str(folder)}, server.url, as_json=as_json)
        sys.stdout.flush()  # whoever started this through a pipe waits for the address
        say.log(f"articles go to {folder}; Ctrl-C ends this")
        if open_page:
            threading.Timer(0.3, webbrowser.open, [server.url]).start()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say.log("ended")
