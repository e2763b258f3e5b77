"""What one how-to page says, before any of it is judged: the parser's output.

A ``Page`` keeps everything the page told us, method by method and step by step, and says for every field it could not
fill why it is empty (``missing``). ``convert.py`` turns it into Articles.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from illinstr.articles import Material

LicenseKind = Literal["cc", "public-domain", "fair-use", "reserved", "unknown"]
NoteKind = Literal["tip", "warning", "variation", "did-you-know", "expert", "question", "note"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Image(_Record):
    """An image as the page names it.

    ``url`` is the largest copy the page offers; ``local_path`` is set on pages a browser saved, where the image lies
    in a folder beside the page. ``width`` and ``height`` are pixels of the copy at ``url``, as far as the page says.
    """

    url: str | None = None
    small_url: str | None = None
    local_path: str | None = None
    width: int | None = None
    height: int | None = None
    alt: str | None = None
    license: str | None = None
    license_kind: LicenseKind = "unknown"


class Video(_Record):
    """A step's video and its still."""

    url: str | None = None
    poster: Image | None = None


class Note(_Record):
    """A boxed remark inside a step, kept apart from the step's own words."""

    kind: NoteKind
    text: str


class PageStep(_Record):
    """One numbered step.

    ``bullets`` are the sub-points in document order, nested ones flattened; ``extra_images`` are further images in
    the same step (inside its sub-points, for instance). ``caption`` and ``states`` are those of an article's step; only
    pages that illinstr wrote say them.
    """

    headline: str
    body: str = ""
    bullets: tuple[str, ...] = ()
    image: Image | None = None
    extra_images: tuple[Image, ...] = ()
    video: Video | None = None
    notes: tuple[Note, ...] = ()
    caption: str | None = None
    states: dict[str, str] = Field(default_factory=dict)

    @property
    def visual(self) -> Image | None:
        """The image that stands for the step: its still image, else its video's still."""
        if self.image is not None:
            return self.image
        return self.video.poster if self.video is not None else None


class Method(_Record):
    """One way to reach the goal, or one part of the way.

    ``label`` is what the page calls it ("method", "part" or None where it says neither); ``bullets`` holds what stands
    in the method as an unnumbered list.
    """

    name: str | None = None
    label: Literal["method", "part"] | None = None
    intro: str = ""
    steps: tuple[PageStep, ...] = ()
    bullets: tuple[str, ...] = ()


class Group(_Record):
    """A named (or unnamed) list of things, as ingredients come."""

    name: str | None = None
    items: tuple[str, ...] = ()


class Page(_Record):
    """One how-to page.

    ``source`` is what the record names as its source: a site's name, or a host. ``parser`` names what read the page,
    and its version. ``disagreements`` lists where the page's own JSON-LD says something else than its markup;
    ``missing`` maps a field's name to the reason it is empty or had to be derived. ``license_found`` says where on the
    page the text's licence was found. ``lists_in_extra`` puts tips and warnings into the articles' ``extra``, where
    they were before an article had fields for them, so that data made again keeps its bytes. ``total_time`` is an ISO
    8601 duration.
    """

    source: str
    parser: str
    layout: str
    title: str
    goal: str
    language: str = "en"
    canonical_url: str | None = None
    page_id: int | None = None
    revision_id: int | None = None
    published: str | None = None
    modified: str | None = None
    views: int | None = None
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    all_categories: tuple[str, ...] = ()
    other_languages: dict[str, str] = {}
    license: str | None = None
    license_found: str | None = None
    opt_out: tuple[str, ...] = ()
    intro: str = ""
    methods: tuple[Method, ...] = ()
    ingredients: tuple[Group, ...] = ()
    things_needed: tuple[Group, ...] = ()
    materials: tuple[Material, ...] = ()
    tools: tuple[str, ...] = ()
    total_time: str | None = None
    times: dict[str, str] = {}
    servings: str | None = None
    tips: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    references: int = 0
    disagreements: tuple[str, ...] = ()
    missing: dict[str, str] = {}
    lists_in_extra: bool = False

    @property
    def num_steps(self) -> int:
        """Numbered steps over all methods."""
        return sum(len(method.steps) for method in self.methods)
