"""Article and Step: the one thing that travels through every room.

The scraper makes articles, shards store them, training reads them, sampling makes new ones, evaluation scores them and
the page writer prints them. An ``Article`` is *one method* of one how-to page: a goal, an ordered list of steps, where
it came from and under which licence. Images ride along as bytes in ``StepImage.data``; the JSON form leaves the bytes
out (they lie beside it as files) and keeps their SHA-256.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from illinstr.errors import DataError
from illinstr.images import decode_image, read_header

if TYPE_CHECKING:
    from PIL import Image

SCHEMA_VERSION: Literal[1] = 1
KEY_PATTERN = re.compile(r"[0-9a-z_-]+")
MAX_STEPS = 100
_NUMBER = r"\d{1,9}(?:[.,]\d{1,9})?"
_DATE, _TIME = rf"(?:{_NUMBER}[YMWD]){{1,4}}", rf"T(?:{_NUMBER}[HMS]){{1,3}}"
DURATION_PATTERN = rf"^P(?:{_DATE}(?:{_TIME})?|{_TIME})$"  # ISO 8601 durations with designators

MediaType = Literal["image/jpeg", "image/png", "image/webp"]
IMAGE_SUFFIX: dict[str, str] = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
_MEDIA_TYPE: dict[str, MediaType] = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}

Line = Annotated[str, StringConstraints(strip_whitespace=True)]


class _Record(BaseModel):
    """``_LATER`` names fields that came after the first files were written: they enter the JSON form only where they
    say something, so that the bytes of articles without them stay as they were."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    _LATER: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _leave_out_empty_later_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        made: dict[str, Any] = handler(self)
        for name in self._LATER:
            if name in made and not made[name]:
                del made[name]
        return made


class StepImage(_Record):
    """The image of one step.

    ``data`` holds the encoded bytes while the image is in memory and never enters the JSON form. ``license`` is the
    image's own licence, which on many sites differs from that of the text. ``width`` and ``height`` are those of the
    stored pixels, before EXIF turns them.
    """

    media_type: MediaType
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    source_url: str | None = None
    license: str | None = None
    alt: str | None = None
    data: bytes | None = Field(default=None, exclude=True, repr=False)

    @classmethod
    def from_bytes(cls, data: bytes, **fields: Any) -> Self:
        """Describe encoded image bytes (JPEG, PNG or WebP).

        Raises:
            DataError: the bytes are no image of an allowed format, or one of over 64 million pixels.
        """
        header = read_header(data)
        return cls(
            media_type=_MEDIA_TYPE[header.format],
            width=header.width,
            height=header.height,
            sha256=hashlib.sha256(data).hexdigest(),
            data=data,
            **fields,
        )

    def decode(self, label: str = "the image") -> Image.Image:
        """The image as it is meant to be seen: RGB, upright, transparency on white (see ``illinstr.images``).

        Raises:
            DataError: there are no bytes, or they cannot be decoded; ``label`` says which image.
        """
        if self.data is None:
            raise DataError(f"{label} has no bytes", hint="read the article with illinstr.runs.read_article")
        return decode_image(self.data, label=label)

    @property
    def suffix(self) -> str:
        """File name ending for the image's format, without a dot."""
        return IMAGE_SUFFIX[self.media_type]


class Step(_Record):
    """One instruction step: a drawable headline, optional explanation, optional image.

    ``scene`` is the machine-readable truth of the image where one is known (MiniHow); None elsewhere. ``caption`` says
    what the image shows, complete in itself ("a hand cuts a red apple in half on a wooden board"), and ``states`` in
    which state each object is by then (object: state), where the writer knows them; ``unseen`` names what appears in
    later steps alone. ``prompt`` is what models of the step's own world are told in place of the headline, where they
    were trained on other words than a reader gets.
    """

    _LATER = ("caption", "states", "unseen", "prompt")

    headline: Line = Field(min_length=1)
    body: Line = ""
    bullets: tuple[Line, ...] = ()
    image: StepImage | None = None
    video_url: str | None = None
    scene: dict[str, Any] | None = None
    caption: Line | None = None
    states: dict[Line, Line] = Field(default_factory=dict)
    unseen: tuple[Line, ...] = ()
    prompt: Line | None = None


class Material(_Record):
    """Something the article uses up: an ingredient or a supply. ``amount`` keeps its unit ("500 g")."""

    name: Line = Field(min_length=1)
    amount: Line | None = None


class Provenance(_Record):
    """Where an article came from, so that every record can be traced, credited and taken down."""

    source: str = Field(min_length=1, description="minihow, wikihow, generated, or the name of an importer")
    url: str | None = None
    page_id: int | None = None
    revision_id: int | None = None
    modified: str | None = None
    fetched: str | None = None
    parser: str | None = None
    authors: tuple[str, ...] = ()


class Article(_Record):
    """One method of one how-to page.

    ``total_time`` is an ISO 8601 duration ("PT1H30M"). ``extra`` holds what only some sources know (intro, yield,
    categories, ...), JSON values only. ``objects`` describes what recurs in the images, once each, in the words of
    all captions.
    """

    _LATER = ("materials", "tools", "total_time", "tips", "warnings", "objects")

    schema_version: Literal[1] = SCHEMA_VERSION
    id: str
    goal: Line = Field(min_length=1)
    method: Line | None = None
    language: str = "en"
    steps: tuple[Step, ...] = Field(min_length=1, max_length=MAX_STEPS)
    provenance: Provenance
    license: str | None = None
    extra: dict[str, Any] = Field(default_factory=dict)
    materials: tuple[Material, ...] = ()
    tools: tuple[Line, ...] = ()
    total_time: str | None = Field(default=None, pattern=DURATION_PATTERN)
    tips: tuple[Line, ...] = ()
    warnings: tuple[Line, ...] = ()
    objects: dict[Line, Line] = Field(default_factory=dict)

    @field_validator("id")
    @classmethod
    def _id_is_a_shard_key(cls, value: str) -> str:
        # A dot in a WebDataset key silently merges samples, so ids are shard keys from birth.
        if not KEY_PATTERN.fullmatch(value):
            raise ValueError(f"id {value!r} must match [0-9a-z_-]+")
        return value

    @model_validator(mode="after")
    def _method_is_not_blank(self) -> Self:
        if self.method is not None and not self.method:
            raise ValueError("method is None or not empty")
        return self

    @property
    def num_steps(self) -> int:
        """N, the number of instruction steps."""
        return len(self.steps)

    def to_json(self) -> str:
        """The one JSON form: sorted keys, no image bytes; of the defaults only the later fields' are left out."""
        from illinstr.files import canonical_json

        return canonical_json(self.model_dump(mode="json"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read the JSON form.

        Raises:
            DataError: not JSON, an unknown schema version, or a field that does not fit the schema.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "article"
            raise DataError(f"not a valid article: {where}: {first['msg']}") from error

    def with_images(self, images: dict[int, bytes]) -> Self:
        """A copy whose step ``i`` (counted from 0) carries ``images[i]``; other steps stay as they are."""
        steps = list(self.steps)
        for index, data in images.items():
            step = steps[index]
            known = step.image
            kept = {"source_url": known.source_url, "license": known.license, "alt": known.alt} if known else {}
            steps[index] = step.model_copy(update={"image": StepImage.from_bytes(data, **kept)})
        return self.model_copy(update={"steps": tuple(steps)})


def make_id(source: str, *parts: str | int) -> str:
    """A stable id: the source's name and 80 bits of a hash over ``parts``."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()
    prefix = re.sub(r"[^0-9a-z]+", "-", source.lower()).strip("-") or "article"
    return f"{prefix}-{digest[:20]}"


_CONTROL = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
)


def clean_text(text: str) -> str:
    """Unicode NFC, control and invisible formatting characters dropped, runs of white space made one space."""
    return re.sub(r"\s+", " ", _CONTROL.sub("", unicodedata.normalize("NFC", text))).strip()


def normalise_goal(goal: str) -> str:
    """A goal's identity for splits and duplicates: lower case, no "how to", no punctuation, single spaces."""
    text = re.sub(r"[^\w\s]", " ", clean_text(goal).casefold())
    return re.sub(r"^how to ", "", re.sub(r"\s+", " ", text).strip())
