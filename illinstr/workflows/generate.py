"""``generate``: the steps towards a goal are written, drawn together, and published as a run folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.articles import Step, StepImage
from illinstr.errors import DataError, UsageError
from illinstr.models.embedded import EMBEDDED, is_embedded
from illinstr.workflows.drawing import (
    DrawRequest,
    check_drawer,
    check_drawing,
    fitted,
    name_of,
    open_illustrator,
)
from illinstr.workflows.page_in import PageWriter, read_page
from illinstr.workflows.world import EMBEDDED_WRITER, knows
from illinstr.workflows.writers import DEFAULT_EXAMPLES, announce, choose_writer, owns_writer, release

if TYPE_CHECKING:
    from illinstr.diffusion.names import Method
    from illinstr.models.settings import Conditioning, Positions, ShiftBy, Upscale
    from illinstr.sampling.drawing.batch import Failure, Job
    from illinstr.sampling.drawing.illustrator import DrawingSettings, Illustrator
    from illinstr.sampling.drawing.revision import FinishedRun
    from illinstr.sampling.writing import Writer


@dataclass(frozen=True, kw_only=True)
class ArticleRequest(DrawRequest):
    """What one article and a batch of them may both be told.

    Attributes:
        out: the folder to make; ``runs/GOAL-sSEED`` when None.
        seed: seed of the steps and of the noise.
        writer: who writes the steps when only their number is given: ``minihow`` (offline), ``hf:ORG/NAME``, a folder,
            ``FILE.gguf``, an address, or a ``Writer`` of your own; MiniHow when None.
        context: about the reader, for a language model named in ``writer``.
        examples: articles to show a language model as examples, 0 to 8.
        llm_ca: PEM file of the authority that signed the certificate of an https server named in ``writer``.
        first_picture: an image of the user's own for step 1, kept while the others are drawn to fit it.
        last_picture: one of the finished thing, for the last step; a server named in ``writer`` must see, and its
            steps lead there.
        references: images that all others shall look like, and that have no step; for models that take such.
        style: joined to the text of every step, for the drawer alone, such as "watercolour".
        method: ``stacked`` or ``independent``; None is stacked, if the model can.
        sampler, sampling_steps, guidance: None is the model's own default.
        window: images drawn together at most; None is as many as the model was trained on.
        size: pixels a side of an image, where the model draws other sizes than its own.
        conditioning, positions: what a transformer's panels read, and how it is told which is which.
        shift, shift_by: the shift of a flow's noise levels, or what a dynamic one counts the tokens of.
        upscale: 1, 2 or 4 times larger than drawn, by the embedded upscaler.
        metadata: whether images carry their recipes.
        overwrite: replace finished articles.
    """

    out: str | Path | None = None
    seed: int = 0
    writer: Writer | str | None = None
    context: str | None = None
    examples: int = DEFAULT_EXAMPLES
    llm_ca: str | Path | None = None
    first_picture: str | Path | None = None
    last_picture: str | Path | None = None
    references: Sequence[str | Path] = ()
    style: str | None = None
    method: Method | None = None
    sampler: str | None = None
    sampling_steps: int | None = None
    guidance: float | None = None
    window: int | None = None
    size: int | None = None
    conditioning: Conditioning | None = None
    positions: Positions | None = None
    shift: float | None = None
    shift_by: ShiftBy | None = None
    upscale: Upscale | None = None
    metadata: bool = True
    overwrite: bool = False

    @property
    def changes(self) -> dict[str, Any]:
        """What is asked of the model in place of its own settings."""
        names = ("size", "conditioning", "positions", "shift", "shift_by", "upscale")
        asked = {name: getattr(self, name) for name in names}
        return {name: value for name, value in asked.items() if value is not None}


@dataclass(frozen=True)
class GenerateRequest(ArticleRequest):
    """One article.

    Attributes:
        goal: what to explain.
        steps: how many, or what they say: ``"headline"`` or ``"headline | body"`` each.
        page: address or file of a how-to page, whose steps are taken; its goal, too, where ``goal`` is empty.
        keep_images: hold the page's images, and draw the others to fit them.
        contact: e-mail or web address that sites can reach you by; needed to fetch a page.
        accept_terms: you have read the terms of the page's site, where that is needed.
    """

    goal: str
    steps: int | Sequence[str | Step] = 6
    _: KW_ONLY
    page: str | Path | None = None
    keep_images: bool = False
    contact: str | None = None
    accept_terms: bool = False


@dataclass(frozen=True)
class Prepared:
    """A request that has been checked: who writes how many steps, how they are drawn, and where the folder goes.

    ``photos`` are the user's own images by place: 0 the first step, -1 the last.
    """

    writer: Writer
    num_steps: int
    settings: DrawingSettings
    model: Any
    out: Path
    photos: Mapping[int, StepImage]


@dataclass(frozen=True)
class GeneratePlan:
    """What would be made: planned articles, and goals that no steps could be written for."""

    prepared: Prepared
    jobs: list[Job]
    failures: list[Failure]

    @property
    def lines(self) -> tuple[str, ...]:
        """The steps of every article, for a reader."""
        lines: list[str] = []
        for job in self.jobs:
            lines += [f"{job.article.goal} (seed {job.seed}) -> {job.folder}"]
            lines += [f"  {number}. {step.headline}" for number, step in enumerate(job.article.steps, start=1)]
        return tuple(lines)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        settings = self.prepared.settings
        articles = [
            {
                "goal": job.article.goal,
                "seed": job.seed,
                "run": str(job.folder),
                "steps": [step.headline for step in job.article.steps],
            }
            for job in self.jobs
        ]
        return {
            "dry_run": True,
            "out": str(self.prepared.out),
            "model": name_of(self.prepared.model),
            "method": settings.method,
            "sampler": settings.sampler,
            "sampling_steps": settings.sampling_steps,
            "guidance": settings.guidance,
            "articles": articles,
            "failed": failures_as_dicts(self.failures),
        }


def generate_article(request: GenerateRequest) -> FinishedRun:
    """Write the steps towards a goal, draw them together, and publish the run folder.

    Raises:
        UsageError: something asked for that cannot be, found before a model is loaded.
        PlanError: the steps cannot be written.
        ModelError: the model is missing or fails.
        DataError: the folder cannot be written.
    """
    from illinstr.sampling.drawing.batch import make_article
    from illinstr.sampling.drawing.revision import open_run

    plan = plan_generate(request)
    [job] = plan.jobs
    request.tell(job.article)
    try:
        folder, _ = make_article(job, illustrator_for(request, plan.prepared, plan.jobs), request.messages)
    except OSError as error:
        raise cannot_write(plan.prepared.out, error) from error
    return open_run(folder)


def plan_generate(request: GenerateRequest) -> GeneratePlan:
    """Check a request and write the article's steps; nothing is drawn and no model that draws is loaded.

    Raises:
        UsageError: something asked for that cannot be.
        PlanError: the steps cannot be written.
        ModelError: a model is missing, or the language model fails.
    """
    from illinstr.sampling.drawing.batch import plan_job, with_images, with_photos

    if request.page is not None:
        request = from_page(request)
    prepared = check_generate(request)
    announce(prepared.writer, request.messages)
    job = plan_job(request.goal, request.seed, prepared.writer, prepared.num_steps, prepared.out)
    job = with_photos(job, prepared.photos)
    if request.keep_images and isinstance(prepared.writer, PageWriter):
        job = with_images(job, prepared.writer.images)
    return GeneratePlan(prepared, [job], [])


def from_page(request: GenerateRequest) -> GenerateRequest:
    """The request with the steps of its page, and the page's goal where it has none of its own.

    Raises:
        UsageError: other steps or another writer are asked for as well, or the page is no address and no file.
        FetchError, DataError: it cannot be had, or has no steps.
    """
    if request.writer not in (None, EMBEDDED_WRITER) or request.context is not None:
        raise UsageError(
            "--from takes the steps of a page; nothing is left to write", hint="leave out --llm, --context"
        )
    if not isinstance(request.steps, int) or request.first_picture is not None or request.last_picture is not None:
        hint = "leave out --step, --steps-file, --first-picture and --last-picture"
        raise UsageError("--from takes the steps of a page", hint=hint)
    assert request.page is not None
    if request.keep_images and request.method == "independent":
        raise UsageError("--keep-images steers images drawn together", hint="leave out --method independent")
    writer = read_page(
        request.page, contact=request.contact, accept_terms=request.accept_terms, images=request.keep_images
    )
    request.messages.log(f"{writer.article.num_steps} steps of {writer.article.provenance.url or request.page}")
    if request.keep_images and not writer.images:
        request.messages.log("note: the page has no image that may be kept")
    goal = request.goal or writer.article.goal
    return replace(request, goal=goal, steps=writer.article.num_steps, writer=writer)


def check_generate(request: GenerateRequest) -> Prepared:
    """Everything that can be known to be wrong before anything is loaded, asked or drawn.

    Raises:
        UsageError: the first parameter that cannot be, with what it may be.
        ModelError: a model that is named is not there.
    """
    from illinstr.ownership import check_apart
    from illinstr.runs import check_out
    from illinstr.sampling.writing import check_goal, slug

    goal = check_goal(request.goal)
    out = f"runs/{slug(goal)}-s{request.seed}" if request.out is None else request.out
    prepared = prepare(request, request.steps, Path(out))
    check_out(prepared.out, overwrite=request.overwrite)
    given = [request.first_picture, request.last_picture, *request.references]
    check_apart(prepared.out, [Path(each) for each in given if each is not None])
    check_prepared(request, prepared)
    return prepared


def check_prepared(request: ArticleRequest, prepared: Prepared) -> None:
    """Make sure that the model is there and can do what is asked of it; nothing is loaded.

    Raises:
        UsageError, ModelError: as ``check_drawer``.
    """
    settings = prepared.settings
    check_drawer(prepared.model, settings.options, sampler=request.sampler, references=bool(settings.references))
    fitted(replace(request, model=prepared.model, reporter=None), settings.options)  # told when it is loaded


def prepare(request: ArticleRequest, steps: int | Sequence[str | Step], out: Path, *, variants: int = 1) -> Prepared:
    """The parameters that an article and a batch share, checked; where the folder goes is not looked at.

    Raises:
        UsageError: the first parameter that cannot be, with what it may be.
        ModelError: the language model is not there.
    """
    from illinstr.sampling.drawing.illustrator import DrawingSettings
    from illinstr.sampling.drawing.photo import read_references, read_style

    check_drawing(
        request,
        seed=request.seed,
        method=request.method,
        sampler=request.sampler,
        sampling_steps=request.sampling_steps,
        guidance=request.guidance,
        window=request.window,
        changes=request.changes,
        variants=variants,
    )
    photos = read_photos(request)
    writer, num_steps = choose_writer(
        steps,
        request.writer,
        context=request.context,
        examples=request.examples,
        device=request.device,
        ca=request.llm_ca,
        image=photos.get(-1),
    )
    if len(photos) > 1 and num_steps == 1:
        raise UsageError("one step has one image", hint="leave out --first-picture or --last-picture")
    settings = DrawingSettings(
        request.method,
        request.sampler,
        request.sampling_steps,
        request.guidance,
        request.metadata,
        request.window,
        request.changes,
        read_style(request.style),
        read_references(request.references),
        request.options,
    )
    return Prepared(writer, num_steps, settings, request.model or EMBEDDED, out, photos)


def read_photos(request: ArticleRequest) -> dict[int, StepImage]:
    """The user's own images by place: 0 the first step, -1 the last.

    Raises:
        UsageError: images are to be drawn alone, or one cannot be read.
    """
    from illinstr.sampling.drawing.photo import read_photo

    given = {"--first-picture": (0, request.first_picture), "--last-picture": (-1, request.last_picture)}
    named = {option: found for option, found in given.items() if found[1] is not None}
    if named and request.method == "independent":
        raise UsageError(f"{next(iter(named))} steers images drawn together", hint="leave out --method independent")
    return {place: read_photo(Path(path), option) for option, (place, path) in named.items() if path is not None}


def illustrator_for(
    request: ArticleRequest, prepared: Prepared, jobs: Sequence[Job], *, device: str | None = None
) -> Illustrator:
    """Load the model for these articles and report how it will draw them."""
    reporter = request.messages
    if not owns_writer(request.writer):
        release(prepared.writer)
    model_name = name_of(prepared.model)
    for job in jobs:
        if is_embedded(model_name) and not knows(job.goal):
            reporter.log(f'note: "{job.goal}" is outside what the embedded model has seen; the images may not show it')
    illustrator = open_illustrator(request, prepared.settings, model=prepared.model, device=device)
    if prepared.photos and illustrator.method == "independent":
        option = "--first-picture" if 0 in prepared.photos else "--last-picture"
        raise UsageError(f"{option} steers images drawn together; here each is drawn alone")
    sampler = illustrator.sampler_for(jobs[0].article)
    reporter.log(
        f"{prepared.num_steps} instruction steps by {prepared.writer.name}, {illustrator.sampling_steps} sampling "
        f"steps ({sampler}, {illustrator.method}), model {model_name}"
    )
    for note in _notes(illustrator, prepared, model_name):
        reporter.log(f"note: {note}")
    return illustrator


def failures_as_dicts(failures: Sequence[Failure]) -> list[dict[str, Any]]:
    """Plain JSON values."""
    return [{"goal": failure.goal, "seed": failure.seed, "error": failure.error.message} for failure in failures]


def cannot_write(place: Path | str, error: OSError) -> DataError:
    """A folder that could not be written, as one line."""
    return DataError(f"cannot write {place}: {error.strerror or error}")


def _notes(illustrator: Illustrator, prepared: Prepared, model_name: str) -> Iterator[str]:
    """What the user should know about how this model will draw so many steps."""
    pipeline, n = illustrator.pipeline, prepared.num_steps
    if not pipeline.trained_for_stacking:
        if pipeline.draws_together:
            if illustrator.method == "stacked":
                yield f"{model_name} draws images together as it is, untrained for it: each reads its own step alone"
        elif illustrator.method == "stacked":
            yield (
                f"{model_name} was not trained to draw images together and will hardly show {n} of them; "
                "use --method independent, or train it: illinstr train --help"
            )
        elif prepared.settings.method is None:
            yield f"{model_name} was not trained to draw images together, so each is drawn alone"
        return
    low, high = pipeline.defaults.trained_steps
    if illustrator.method == "stacked" and n < low:
        yield f"the model was trained on articles of {low} to {high} steps; {n} may look worse"
    if illustrator.method == "stacked" and n > high:
        window = prepared.settings.window or high
        how = "drawn in parts that share images" if window < n else "drawn together as told"
        yield f"the model was trained on articles of {low} to {high} steps; {n} are {how}"
