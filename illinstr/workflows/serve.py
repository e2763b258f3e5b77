"""``serve``: the verbs behind a page in the browser."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.diffusion.loading import check_model, load_pipeline
from illinstr.engine.devices import check_device
from illinstr.errors import UsageError
from illinstr.models.embedded import EMBEDDED
from illinstr.workflows.checks import check_dtype, check_range
from illinstr.workflows.correct import CorrectRequest, check_correct, correct_article
from illinstr.workflows.drawing import MAX_SAMPLING_STEPS, SharedModel
from illinstr.workflows.edit import EditRequest, check_edit, edit_article
from illinstr.workflows.generate import GenerateRequest, check_generate, generate_article
from illinstr.workflows.request import Request
from illinstr.workflows.world import EMBEDDED_WRITER
from illinstr.workflows.writers import DEFAULT_EXAMPLES, open_writer

if TYPE_CHECKING:
    from illinstr.sampling.drawing.illustrator import ArticlePipeline
    from illinstr.sampling.serving.tasks import CorrectAsked, EditAsked, GenerateAsked, Listener
    from illinstr.sampling.serving.web import WebServer
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
        model: ``mini`` (embedded), a model folder, or a hub id ORG/NAME; of several the page lets the user choose.
        writer: who writes the steps, as for ``generate``; of several the page lets the user choose.
        context: about the reader, for a language model.
        examples: articles to show a language model as examples.
        sampling_steps: denoising steps; the model's own when None.
        metadata: whether images carry their recipes.
        device, dtype, offload, llm_ca: as for ``generate``.
    """

    out: str | Path = "runs"
    port: int = 8765
    host: str = LOOPBACK
    remote: bool = False
    model: str | Sequence[str] = EMBEDDED
    writer: str | Sequence[str] = EMBEDDED_WRITER
    context: str | None = None
    examples: int = DEFAULT_EXAMPLES
    sampling_steps: int | None = None
    metadata: bool = True
    device: str = "auto"
    dtype: str | None = None
    offload: bool = False
    llm_ca: str | Path | None = None


class ModelShelf:
    """Models by the names that the page shows, of which one is loaded at a time.

    Args:
        models: name to model; the first is taken where none is asked for.
    """

    def __init__(self, models: Mapping[str, SharedModel]) -> None:
        self.models = dict(models)
        self._taken: SharedModel | None = None

    def find(self, name: str | None) -> SharedModel:
        """A model by its name, not loaded by this.

        Raises:
            UsageError: there is none of that name.
        """
        found: SharedModel = _chosen(self.models, name, "model")
        return found

    def take(self, name: str | None) -> SharedModel:
        """A model to draw with; the one that was loaded for another makes room for it.

        Raises:
            UsageError: there is none of that name.
        """
        wanted = self.find(name)
        if self._taken is not None and self._taken is not wanted:
            self._taken.forget()
            gc.collect()
        self._taken = wanted
        return wanted

    def of(self, model_id: str) -> str | None:
        """The name of the model that drew an article, if it is one of these."""
        return next((name for name, model in self.models.items() if model.named == model_id), None)


@dataclass(frozen=True)
class Verbs:
    """The verbs as the workshop calls them.

    Attributes:
        authors: name to writer; the first is taken where none is asked for.
        shelf: the models.
        sampling_steps, metadata: as of the request.
    """

    authors: Mapping[str, Writer]
    shelf: ModelShelf
    sampling_steps: int | None = None
    metadata: bool = True

    @property
    def writers(self) -> Sequence[str]:
        """Who can write the steps."""
        return tuple(self.authors)

    @property
    def models(self) -> Sequence[str]:
        """What can draw."""
        return tuple(self.shelf.models)

    def check_generate(self, asked: GenerateAsked) -> None:
        """Refuse an article that cannot be; whether its folder is free is found out when its turn comes."""
        check_generate(self._request(asked, asked.seed or 0, self.shelf.find(asked.model), overwrite=True))

    def generate(self, asked: GenerateAsked, seed: int, image: Path | None, out: Path, listener: Listener) -> Path:
        """Make an article."""
        model = self.shelf.take(asked.model)
        request = self._request(asked, seed, model, out=out, first_picture=image, **_heard(listener))
        return generate_article(request).folder

    def _request(self, asked: GenerateAsked, seed: int, model: SharedModel, **more: Any) -> GenerateRequest:
        own = isinstance(asked.steps, tuple)
        return GenerateRequest(
            asked.goal,
            asked.steps,
            seed=seed,
            writer=None if own else _chosen(self.authors, asked.writer, "writer"),
            model=model,
            sampling_steps=self.sampling_steps,
            metadata=self.metadata,
            **more,
        )

    def check_edit(self, asked: EditAsked, run: Path) -> None:
        """Refuse an edit that does not fit the article."""
        check_edit(EditRequest(run, asked.step, text=asked.text, model=self.shelf.find(None)))

    def edit(self, asked: EditAsked, run: Path, listener: Listener) -> Path:
        """Change a step of an article."""
        request = EditRequest(run, asked.step, text=asked.text, model=self._drawer_of(run), **_heard(listener))
        return edit_article(request).folder

    def check_correct(self, asked: CorrectAsked, run: Path) -> None:
        """Refuse a correction that does not fit the article."""
        check_correct(self._correction(asked, run, self.shelf.find(None)))

    def correct(self, asked: CorrectAsked, run: Path, listener: Listener) -> Path:
        """Put right what went wrong in an article."""
        return correct_article(self._correction(asked, run, self._drawer_of(run), **_heard(listener))).folder

    def _correction(self, asked: CorrectAsked, run: Path, model: SharedModel, **more: Any) -> CorrectRequest:
        from illinstr.runs import read_record

        planner = read_record(run).planner
        writer = self.authors[planner if planner in self.authors else next(iter(self.authors))]
        return CorrectRequest(run, asked.after, asked.problem, writer=writer, model=model, **more)

    def _drawer_of(self, run: Path) -> SharedModel:
        """The model that drew an article, where it is one of ours; else the first."""
        from illinstr.runs import read_record

        return self.shelf.take(self.shelf.of(read_record(run).model_id))


def _heard(listener: Listener) -> dict[str, Any]:
    return {"reporter": listener.reporter, "on_article": listener.on_article, "on_step": listener.on_step}


def _chosen(offered: Mapping[str, Any], name: str | None, what: str) -> Any:
    if name is None:
        return next(iter(offered.values()))
    if name not in offered:
        raise UsageError(f"there is no {what} of that name here", hint=f"choose from {', '.join(offered)}")
    return offered[name]


def open_server(request: ServeRequest) -> WebServer:
    """A server that is bound to its address and ready to serve; the model is loaded with the first article.

    Raises:
        UsageError: a parameter that cannot be, the address cannot be bound, or another server works in the folder.
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
    check_dtype(request.dtype)
    check_device(request.device)
    writers = [_open_author(request, spec) for spec in _each(request.writer, "--llm")]
    models = _each(request.model, "--model")
    for model in models:
        check_model(model)
    folder = check_place(Path(request.out))
    shelf = ModelShelf({name: _shared(request, model) for name, model in _named(models)})
    authors = dict(zip(_apart([writer.name for writer in writers]), writers, strict=True))
    verbs = Verbs(authors, shelf, request.sampling_steps, request.metadata)
    return WebServer(request.host, request.port, Workshop(folder, verbs))


def _each(given: str | Sequence[str], option: str) -> list[str]:
    found = [given] if isinstance(given, str) else list(dict.fromkeys(given))
    if not found:
        raise UsageError(f"{option} names nothing", hint="leave it out for the embedded one")
    return found


def _open_author(request: ServeRequest, spec: str) -> Writer:
    several = not isinstance(request.writer, str) and len(request.writer) > 1
    # Beside a language model the embedded writer stands without a context, and others without an authority.
    context = None if several and spec == EMBEDDED_WRITER else request.context
    ca = None if several and not spec.startswith("https://") else request.llm_ca
    return open_writer(spec, context=context, examples=request.examples, device=request.device, ca=ca)


def _named(models: Sequence[str]) -> list[tuple[str, str]]:
    from illinstr.models.source import shown_name

    return list(zip(_apart([shown_name(model) for model in models]), models, strict=True))


def _apart(names: Sequence[str]) -> list[str]:
    """Names that differ: the second of the same is numbered."""
    found: list[str] = []
    for name in names:
        number = sum(each == name or each.startswith(f"{name} (") for each in found)
        found.append(f"{name} ({number + 1})" if number else name)
    return found


def _shared(request: ServeRequest, model: str) -> SharedModel:
    def load() -> ArticlePipeline:
        request.messages.log(f"loading the model {model} ...")
        return load_pipeline(model, request.device, request.dtype, offload=request.offload)

    return SharedModel(load, named=model)
