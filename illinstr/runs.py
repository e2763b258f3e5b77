"""The run folder: what ``generate`` makes and ``eval`` reads.

    RUN/
      index.html  article.md  strip.png    pages for people; any others may join them
      article.json                         the article without its image bytes, with their SHA-256
      step-01.png  step-02.png  ...        one image a step, counted from 1
      run.json                             how it was made (``RunRecord``)

A batch is a folder of such folders. A run folder appears whole or not at all: it is filled beside its final name and
renamed (``illinstr.files.atomic_folder``). What is read back is treated as untrusted: sizes are capped, every image
must be the one that ``article.json`` names by hash, and nothing outside the folder is opened.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
)

from illinstr.articles import MAX_STEPS, Article, Step, StepImage
from illinstr.errors import DataError, UsageError
from illinstr.files import INCOMPLETE_SUFFIX, atomic_folder, canonical_json
from illinstr.images import MAX_IMAGE_BYTES
from illinstr.ownership import RUN, check_folder
from illinstr.records import Correction as Correction
from illinstr.records import LoraRecord as LoraRecord
from illinstr.records import PromptRecord as PromptRecord
from illinstr.records import ReferenceRecord as ReferenceRecord
from illinstr.records import WritingRecord as WritingRecord

ARTICLE_FILE = "article.json"
RECORD_FILE = "run.json"
RUN_SCHEMA_VERSION: Literal[1] = 1
MAX_JSON_BYTES = 16 << 20

# What is left out of a record that says nothing of it.
_UNSAID = ("changes", "anchors", "style", "references", "base", "quantize", "loras")
_MAKE_ONE = 'make one with: illinstr generate "How to make apple juice" --steps 6'
_MAKE_AGAIN = "generate the article again, with --overwrite"
_GIVE_AGAIN = "give the images again, with --reference"


class Revision(BaseModel):
    """A later change to a finished article.

    Attributes:
        command: what changed it: ``edit``, ``correct``.
        steps: the steps drawn again, counted from 1; all others kept their images.
        seed: seed of the new noise.
        note: why, in the user's words; empty when nothing was said.
        model_sha256: hash over the files of the model that drew them.
        correction: what ``correct`` changed in the words; None for other commands.
        created: when, in UTC.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: str = Field(min_length=1)
    steps: tuple[int, ...]
    seed: int = Field(ge=0)
    note: str = ""
    model_sha256: str
    correction: Correction | None = None
    created: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))


class RunRecord(BaseModel):
    """How an article was made: enough to make it again.

    Attributes:
        goal: what was asked for.
        seed: seed of the steps and of the noise.
        num_steps: N, the number of instruction steps drawn.
        method: ``stacked`` (all images drawn together) or ``independent`` (each alone).
        sampler: name of the sampler, as ``--sampler`` spells it.
        sampling_steps: denoising steps.
        guidance: classifier-free guidance scale.
        window: images drawn together at most; None is as many as the model was trained on.
        changes: settings of the model's own that were asked to be others: panel size, conditioning, positions, shift,
            upscaling.
        anchors: how held panels were given to a transformer: clean, or noised again at every step; None where none
            were held.
        style: joined to the text of every step, for the drawer alone; None where nothing was.
        references: images that all others were drawn to look like.
        model_id: name or folder of the model, or the file of its denoiser.
        base: the folder of its other parts, where the model is a file.
        quantize: the precision that its weights were brought to.
        loras: adapters added to it.
        model_sha256: hash over the model's files.
        planner: who wrote the steps.
        writing: how a language model wrote them; None where none did.
        given: steps whose images the user gave, counted from 1.
        revisions: what was changed since, oldest first.
        versions: package name to version.
        timings: part of the work to seconds.
        created: when, in UTC.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = RUN_SCHEMA_VERSION
    goal: str = Field(min_length=1)
    seed: int = Field(ge=0)
    num_steps: int = Field(ge=1, le=MAX_STEPS)
    method: Literal["stacked", "independent"]
    sampler: str = Field(min_length=1)
    sampling_steps: int = Field(ge=1)
    guidance: float = Field(allow_inf_nan=False)
    window: int | None = Field(default=None, ge=1)
    changes: dict[str, str | int | float] = Field(default_factory=dict)
    anchors: Literal["clean", "re-noised"] | None = None
    style: str | None = None
    references: tuple[ReferenceRecord, ...] = ()
    model_id: str
    base: str | None = None
    quantize: Literal["int8", "nf4"] | None = None
    loras: tuple[LoraRecord, ...] = ()
    model_sha256: str
    planner: str = Field(min_length=1)
    writing: WritingRecord | None = None
    given: tuple[int, ...] = ()
    revisions: tuple[Revision, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict)
    timings: dict[str, float] = Field(default_factory=dict)
    created: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))

    @model_serializer(mode="wrap")
    def _without_what_is_not_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Records of models that know no such things stay as they were."""
        written: dict[str, Any] = handler(self)
        return {key: value for key, value in written.items() if value or key not in _UNSAID}

    @field_validator("created")
    @classmethod
    def _created_is_utc(cls, value: datetime) -> datetime:
        try:
            return value.astimezone(UTC)
        except OverflowError as error:  # the first or last day there is, in another time zone
            raise ValueError("a time out of range") from error

    def to_json(self) -> str:
        """Canonical JSON, as ``run.json`` holds it."""
        return canonical_json(self.model_dump(mode="json"))


def image_name(index: int, image: StepImage) -> str:
    """File name of the image of step ``index``, counted from 0: ``step-01.png`` for the first."""
    return f"step-{index + 1:02d}.{image.suffix}"


def reference_files(references: Sequence[StepImage]) -> dict[str, bytes]:
    """The files of a run folder that hold its reference images, by name.

    Raises:
        DataError: an image has no bytes.
    """
    named = {f"reference-{number:02d}.{image.suffix}": image.data for number, image in enumerate(references, start=1)}
    if None in named.values():
        raise DataError("a reference image has no bytes")
    return {name: data for name, data in named.items() if data is not None}


def read_references(folder: Path, record: RunRecord) -> tuple[StepImage, ...]:
    """The reference images of a run.

    Raises:
        DataError: one is missing, damaged, or another one than the record names.
    """
    images = []
    for reference in record.references:
        path = folder / reference.file
        try:
            image = StepImage.from_bytes(_read_capped(path, MAX_IMAGE_BYTES))
        except DataError as error:
            raise DataError(f"{path}: {error.message}", hint=_GIVE_AGAIN) from error
        if image.sha256 != reference.sha256:
            raise DataError(f"{path} is not the image that {RECORD_FILE} names", hint=_GIVE_AGAIN)
        images.append(image)
    return tuple(images)


def check_out(out: Path, *, overwrite: bool = False) -> Path:
    """Resolve ``out`` and make sure that a run folder can be written there, before anything expensive starts.

    An existing folder is replaced whole, so one that is neither empty nor a run folder is never accepted.

    Raises:
        UsageError: ``out`` is a file, cannot be written, holds other things, or holds a run and ``overwrite`` is False.
    """
    out = check_folder(out, RUN)
    if not is_article_folder(out):
        return out
    if not overwrite:
        raise UsageError(f"{out} holds a finished article", hint="add --overwrite, or name another folder with --out")
    return out


def image_files(folder: Path, article: Article) -> list[Path]:
    """The files of a run that are read: its article, its record and its images."""
    images = [folder / image_name(index, step.image) for index, step in enumerate(article.steps) if step.image]
    return [folder / ARTICLE_FILE, folder / RECORD_FILE, *images]


def is_article_folder(path: Path) -> bool:
    """Whether ``path`` is a finished run folder of one article."""
    return (path / ARTICLE_FILE).is_file() and (path / RECORD_FILE).is_file()


def write_run(
    out: Path, article: Article, record: RunRecord, pages: Mapping[str, bytes | str], *, others: Iterable[Path] = ()
) -> Path:
    """Publish a run folder, whole or not at all; an existing one is replaced.

    Args:
        out: the folder to make.
        article: each ``step.image`` is None or carries its bytes.
        record: how the article was made.
        pages: plain file names to contents, such as ``index.html``.
        others: files and folders to copy into it as they are, names of the run's own files excepted.

    Returns:
        The folder, resolved.

    Raises:
        DataError: an image is described but its bytes are not there.
        ValueError: a page name that is not a plain file name or belongs to the run itself.
    """
    files: dict[str, bytes] = {ARTICLE_FILE: article.to_json().encode(), RECORD_FILE: record.to_json().encode()}
    for index, step in enumerate(article.steps):
        if step.image is None:
            continue
        if step.image.data is None:
            raise DataError(f"step {index + 1} of {article.id} has an image without bytes")
        files[image_name(index, step.image)] = step.image.data
    for name, content in pages.items():
        if not name or name in files or Path(name).name != name or name.startswith("."):
            raise ValueError(f"{name!r} cannot name a page of a run folder")
        files[name] = content.encode() if isinstance(content, str) else content
    out, kept = out.expanduser().resolve(), list(others)
    with atomic_folder(out, RUN, copied=bool(kept)) as folder:
        for path in kept:
            if path.is_dir() and not path.is_symlink():
                shutil.copytree(path, folder / path.name, symlinks=True)
            else:
                shutil.copy2(path, folder / path.name, follow_symlinks=False)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    return out


def read_run(run: Path, *, on_damaged: Callable[[DataError], None] | None = None) -> list[Article]:
    """Read the articles of a run folder, images attached.

    Args:
        run: the folder of one article, or a folder of such folders (read in order of their names).
        on_damaged: told of each article that cannot be read; the others are. None: the first one raises.

    Raises:
        DataError: no such folder, not a run folder, a file in it that is missing or damaged, or no article is whole.
    """
    found: list[Article] = []
    failures: list[DataError] = []
    for folder in article_folders(run):
        try:
            found.append(read_article(folder))
        except DataError as error:
            if on_damaged is None:
                raise
            failures.append(error)
    if not found:
        raise failures[0]
    for failure in failures:
        assert on_damaged is not None
        on_damaged(failure)
    return found


def article_folders(run: Path) -> list[Path]:
    """The article folders of a run: ``run`` itself, or those right under it, sorted by name.

    Folders that a killed process left behind (``.incomplete``, dot-prefixed) do not count.

    Raises:
        DataError: no such folder, no article in it, or a folder of images or a ``run.json`` without ``article.json``.
    """
    if not run.exists():
        raise DataError(f"no such run folder: {run}", hint=_MAKE_ONE)
    if not run.is_dir():
        raise DataError(f"{run} is a file, not a run folder", hint=_MAKE_ONE)
    if (run / ARTICLE_FILE).is_file():
        return [run]
    if (run / RECORD_FILE).is_file():
        raise DataError(f"{run / ARTICLE_FILE} is missing", hint=_MAKE_AGAIN)
    candidates = (path for path in sorted(run.iterdir()) if path.is_dir() and not path.name.startswith("."))
    folders = []
    for path in candidates:
        if path.name.endswith(INCOMPLETE_SUFFIX):
            continue
        if (path / ARTICLE_FILE).is_file():
            folders.append(path)
        elif (path / RECORD_FILE).is_file() or any(path.glob("step-[0-9][0-9].*")):
            raise DataError(f"{path / ARTICLE_FILE} is missing", hint=_MAKE_AGAIN)
    if not folders:
        raise DataError(
            f"{run} is not a run folder: there is no {ARTICLE_FILE} in it or right under it", hint=_MAKE_ONE
        )
    return folders


def read_article(folder: Path) -> Article:
    """Read one article folder, images attached.

    Raises:
        DataError: ``article.json`` or an image is missing, damaged or over the size limit.
    """
    path = folder / ARTICLE_FILE
    content = _read_capped(path, MAX_JSON_BYTES)
    try:
        article = Article.from_json(content)
    except DataError as error:
        raise DataError(f"{path}: {error.message}", hint=_MAKE_AGAIN) from error
    steps = tuple(_with_image(folder, index, step) for index, step in enumerate(article.steps))
    return article.model_copy(update={"steps": steps})


def read_record(folder: Path) -> RunRecord:
    """Read how an article was made.

    Raises:
        DataError: ``run.json`` is missing, damaged, or of a version this program does not know.
    """
    path = folder / RECORD_FILE
    try:
        return RunRecord.model_validate_json(_read_capped(path, MAX_JSON_BYTES))
    except ValidationError as error:
        first: Any = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "record"
        raise DataError(f"{path}: not a valid run record: {where}: {first['msg']}", hint=_MAKE_AGAIN) from error


def _with_image(folder: Path, index: int, step: Step) -> Step:
    if step.image is None:
        return step
    path = folder / image_name(index, step.image)
    data = _read_capped(path, MAX_IMAGE_BYTES)
    try:
        found = StepImage.from_bytes(data)
    except DataError as error:
        raise DataError(f"{path} is damaged: {error.message}", hint=_MAKE_AGAIN) from error
    wanted = step.image
    if found.sha256 != wanted.sha256:
        raise DataError(f"{path} is damaged: it is not the image that {ARTICLE_FILE} names", hint=_MAKE_AGAIN)
    if (found.media_type, found.width, found.height) != (wanted.media_type, wanted.width, wanted.height):
        raise DataError(f"{path}: its format or size is not what {ARTICLE_FILE} says", hint=_MAKE_AGAIN)
    return step.model_copy(update={"image": wanted.model_copy(update={"data": data})})


def _read_capped(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing", hint=_MAKE_AGAIN) from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    if len(data) > limit:
        raise DataError(f"{path} is over the limit of {limit >> 20} MiB")
    return data
