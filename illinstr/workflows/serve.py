"""``serve``: the verbs behind a page in the browser."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from illinstr.diffusion.loading import EMBEDDED, check_model, load_pipeline
from illinstr.engine.devices import check_device
from illinstr.errors import UsageError
from illinstr.workflows.checks import check_range
from illinstr.workflows.correct import CorrectRequest, check_correct, correct_article
from illinstr.workflows.drawing import MAX_SAMPLING_STEPS, SharedModel
from illinstr.workflows.edit import EditRequest, check_edit, edit_article
from illinstr.workflows.generate import GenerateRequest, check_generate, generate_article
from illinstr.workflows.request import Request
from illinstr.workflows.world import EMBEDDED_WRITER
from illinstr.workflows.writers import DEFAULT_EXAMPLES, open_writer

if TYPE_CHECKING:
    from illinstr.sampling.drawing.illustrator import ArticlePipeline
    from illinstr.sampling.serving.web import WebServer
    from illinstr.sampling.serving.workshop import Listener
    from illinstr.sampling.writing import Writer

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class ServeRequest(Request):
    """Where to listen, and who writes and draws.

    Attributes:
        out: folder of the articles.
        port: 0 takes a free one.
        host: address to listen on; other than this machine's needs ``remote``.
        remote: let others on the network in; there is no password.
        model: ``mini`` (embedded), a model folder, or a hub id ORG/NAME.
        writer: who writes the steps, as for ``generate``.
        context: about the reader, for a language model.
        examples: articles to show a language model as examples.
        sampling_steps: denoising steps; the model's own when None.
        metadata: whether images carry their recipes.
        device: as for ``generate``.
    """

    out: str | Path = "runs"
    port: int = 8765
    host: str = LOOPBACK
    remote: bool = False
    model: str = EMBEDDED
    writer: str = EMBEDDED_WRITER
    context: str | None = None
    examples: int = DEFAULT_EXAMPLES
    sampling_steps: int | None = None
    metadata: bool = True
    device: str = "auto"


@dataclass(frozen=True)
class Verbs:
    """The verbs as the workshop calls them: one writer and one model for all articles."""

    writer: Writer
    model: SharedModel
    sampling_steps: int | None = None
    metadata: bool = True

    @property
    def writer_name(self) -> str:
        """Who writes the steps."""
        return self.writer.name

    def check_generate(self, goal: str, num_steps: int, seed: int) -> None:
        """Refuse an article that cannot be; whether its folder is free is found out when its turn comes."""
        check_generate(
            GenerateRequest(goal, num_steps, seed=seed, writer=self.writer, model=self.model, overwrite=True)
        )

    def generate(self, goal: str, num_steps: int, seed: int, folder: Path, listener: Listener) -> Path:
        """Make an article."""
        request = GenerateRequest(
            goal,
            num_steps,
            out=folder,
            seed=seed,
            writer=self.writer,
            model=self.model,
            sampling_steps=self.sampling_steps,
            metadata=self.metadata,
            reporter=listener.reporter,
            on_article=listener.on_article,
            on_step=listener.on_step,
        )
        return generate_article(request).folder

    def check_edit(self, run: Path, step: int, text: str | None) -> None:
        """Refuse an edit that does not fit the article."""
        check_edit(EditRequest(run, step, text=text, model=self.model))

    def edit(self, run: Path, step: int, text: str | None, listener: Listener) -> Path:
        """Change a step of an article."""
        request = EditRequest(
            run,
            step,
            text=text,
            model=self.model,
            reporter=listener.reporter,
            on_article=listener.on_article,
            on_step=listener.on_step,
        )
        return edit_article(request).folder

    def check_correct(self, run: Path, after: int, problem: str) -> None:
        """Refuse a correction that does not fit the article."""
        check_correct(CorrectRequest(run, after, problem, writer=self.writer, model=self.model))

    def correct(self, run: Path, after: int, problem: str, listener: Listener) -> Path:
        """Put right what went wrong in an article."""
        request = CorrectRequest(
            run,
            after,
            problem,
            writer=self.writer,
            model=self.model,
            reporter=listener.reporter,
            on_article=listener.on_article,
            on_step=listener.on_step,
        )
        return correct_article(request).folder


def open_server(request: ServeRequest) -> WebServer:
    """A server that is bound to its address and ready to serve; the model is loaded with the first article.

    Raises:
        UsageError: a parameter that cannot be, or the address cannot be bound.
        ModelError: a model that is named is not there.
    """
    from illinstr.ownership import check_place
    from illinstr.sampling.serving.web import WebServer, is_loopback
    from illinstr.sampling.serving.workshop import Workshop

    check_range("--port", request.port, 0, 65535, "--port 0 takes a free one")
    if not is_loopback(request.host) and not request.remote:
        raise UsageError(
            f"--host {request.host} can be reached by others", hint="add --remote to allow that; there is no password"
        )
    check_range("--sampling-steps", request.sampling_steps, 1, MAX_SAMPLING_STEPS, "20 is usual")
    check_device(request.device)
    writer = open_writer(request.writer, context=request.context, examples=request.examples, device=request.device)
    check_model(request.model)
    folder = check_place(Path(request.out))

    def load() -> ArticlePipeline:
        request.messages.log(f"loading the model {request.model} ...")
        return load_pipeline(request.model, request.device, None)

    verbs = Verbs(writer, SharedModel(load), request.sampling_steps, request.metadata)
    return WebServer(request.host, request.port, Workshop(folder, verbs))
