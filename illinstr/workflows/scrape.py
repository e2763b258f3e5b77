"""``scrape``: how-to pages in, a data folder of illustrated articles out.

A ``ScrapeRequest`` holds what the caller said. It is checked and turned into a ``ScrapeJob`` (where pages come from,
one set of rules) before anything is fetched, read or written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from illinstr.errors import FetchError, UsageError
from illinstr.files import read_text
from illinstr.workflows.checks import check_range, validated
from illinstr.workflows.request import Request

if TYPE_CHECKING:
    from illinstr.wikihow_scraper.cleaning.rules import CleanRules
    from illinstr.wikihow_scraper.fetching.discover import Discovery
    from illinstr.wikihow_scraper.imports.collection import Collection
    from illinstr.workflows.scrape_job import ScrapeJob, ScrapeResult

SHARD_PAGES = 1000
MAX_SHARD_PAGES = 100_000
MAX_CATEGORY_DEPTH = 10
MAX_WORKERS = 256


@dataclass(frozen=True)
class ScrapeRequest(Request):
    """Which pages, by which rules, to which data folder.

    Give addresses (``urls``, ``urls_file``, ``sitemap``, ``category``), or any number of ``from_...`` files: each of
    those takes a path, a pattern (``*``, ``?``, ``**``), or several. They are read in the order saved pages, JSON
    lines, CSV, WARC, ZIM.

    Attributes:
        urls: addresses of how-to pages.
        out: data folder to make.
        urls_file: file of one address per line; ``#`` starts a comment.
        sitemap: addresses of sitemaps, or of a robots.txt that names some; their pages come after the others.
        since: with ``sitemap``, only pages modified on this day (ISO 8601) or later.
        category: addresses of category pages; all their pages count.
        category_depth: how deep into sub-categories, 0 to 10.
        from_jsonl: JSON lines, wikiHow-VGSI pages or Articles.
        from_csv: the paper's splits, or ``wikihowAll.csv``, ``wikihowSep.csv``.
        from_warc: WARC web archive with its images.
        from_zim: ZIM archive with its images; needs the extra ``zim``.
        pictures: folder of the images of ``from_jsonl`` or ``from_csv``.
        from_html: folder of saved pages, or one saved page; nothing is fetched.
        contact: e-mail or web address sites can reach you by; needed to fetch.
        accept_terms: you have read wikiHow's terms; needed there.
        min_interval: least seconds between two requests to a host.
        limit: only the first so many pages.
        image_license: images to store, ``cc`` (open licences) or ``any``.
        license: only texts and images of these licences, one of them being enough: ``open`` (anyone may train on them
            and share them), ``non-commercial``, or a name such as ``CC BY-SA``; all when empty.
        language: only articles in this language, such as ``en``.
        min_steps, max_steps: articles of fewer or more steps are dropped.
        max_tokens: articles whose goal or a headline has more tokens are dropped; CLIP reads 77.
        tokenizer: folder of the CLIP tokenizer that counts; the embedded model's when None.
        text_duplicates: texts that stand elsewhere already: leave out ``near`` ones of other pages or ``exact``
            ones, or ``keep``.
        image_duplicates: images that another page has too: leave out ``near`` or ``exact`` ones, or ``keep``.
        min_image_px: images whose shorter side is shorter are left out.
        max_aspect: images longer than so many times their width are left out.
        min_contrast: images of less contrast (0 to 127) are left out.
        max_side: longer images are made smaller, to so many pixels.
        image_quality: encode every image as JPEG of this quality, 1 to 100; None keeps the bytes as they are.
        crop_watermark: pixels to cut off the bottom of images with a watermark strip.
        images: whether images are fetched and stored.
        allow_private_hosts: hosts off the public internet that may be asked all the same.
        takedown: file of addresses, page numbers and article ids to leave out, one per line.
        cache: where fetched pages are kept; ``OUT.cache`` when None.
        refresh: ask again about kept pages, with their validators.
        retry_failed: ask again for pages and images that failed, and only those.
        shard_pages: pages of one shard task: what a killed run may have to build again.
        dry_run: find out what would be done; ask and write nothing.
        overwrite: replace other data in the data folder.
        site: the only site whose parser reads pages; None for the one that is surest of each.
        workers: processes that read pages; the data does not depend on how many.
    """

    urls: Sequence[str] = ()
    out: str | Path = "data/pages"
    urls_file: str | Path | None = None
    sitemap: str | Sequence[str] = ()
    since: str | None = None
    category: Sequence[str] = ()
    category_depth: int = 0
    from_jsonl: str | Path | Sequence[str | Path] | None = None
    from_csv: str | Path | Sequence[str | Path] | None = None
    from_warc: str | Path | Sequence[str | Path] | None = None
    from_zim: str | Path | Sequence[str | Path] | None = None
    pictures: str | Path | None = None
    from_html: str | Path | Sequence[str | Path] | None = None
    contact: str | None = None
    accept_terms: bool = False
    min_interval: float = 3.0
    limit: int | None = None
    image_license: str = "cc"
    license: str | Sequence[str] = ()
    language: str | None = None
    min_steps: int = 2
    max_steps: int = 100
    max_tokens: int | None = None
    tokenizer: str | Path | None = None
    text_duplicates: str = "near"
    image_duplicates: str = "near"
    min_image_px: int = 64
    max_aspect: float = 4.0
    min_contrast: float = 4.0
    max_side: int | None = None
    image_quality: int | None = None
    crop_watermark: int = 0
    images: bool = True
    allow_private_hosts: Sequence[str] = ()
    takedown: str | Path | None = None
    cache: str | Path | None = None
    refresh: bool = False
    retry_failed: bool = False
    shard_pages: int = SHARD_PAGES
    dry_run: bool = False
    overwrite: bool = False
    site: str | None = None
    workers: int = 1


def scrape_pages(request: ScrapeRequest) -> ScrapeResult:
    """Fetch or read the pages, and write the data folder (nothing is written on a dry run).

    Raises:
        ConfigError, UsageError: parameters out of range or at odds, a folder that is missing, terms that are not
            accepted, a cache in use, or data made with other settings in the way.
        DataError: no page gave an article, or the disk is full or closed to us.
        FetchError: a list of pages cannot be had, or a host closed itself to us before any article was kept.
        KeyboardInterrupt: the user stopped the run; what was begun is safe.
    """
    job = scrape_job(request)  # every check, before the crawler is loaded
    from illinstr.workflows.scrape_job import run_scrape

    return run_scrape(job, request.messages)


def scrape_job(request: ScrapeRequest) -> ScrapeJob:
    """The request, checked: where pages come from, rules, and how to fetch.

    Raises:
        ConfigError, UsageError: parameters out of range or at odds, or a file that cannot be read.
    """
    from illinstr.shards.takedown import Takedown
    from illinstr.wikihow_scraper.fetching.fetch import FetchConfig
    from illinstr.workflows.scrape_job import ScrapeJob

    _check_numbers(request)
    rules = _rules(request)
    if request.site is not None:
        from illinstr.wikihow_scraper.sites import registry

        registry.site_named(request.site)
    check_discovery(_several(request.sitemap), request.since, request.category, request.category_depth)
    discovery, collections = _sources(request)
    network = {
        "contact": request.contact,
        "accept_terms": request.accept_terms,
        "min_interval_s": request.min_interval,
        "allowed_private_hosts": tuple(request.allow_private_hosts),
    }
    return ScrapeJob(
        out=Path(request.out),
        rules=rules,
        discovery=discovery,
        collections=collections,
        takedown=Takedown.read(Path(request.takedown)) if request.takedown is not None else Takedown(),
        fetch=None if discovery is None else validated(FetchConfig, network, {"min_interval_s": "--min-interval"}),
        cache=_path(request.cache),
        limit=request.limit,
        images=request.images,
        refresh=request.refresh,
        retry_failed=request.retry_failed,
        shard_pages=request.shard_pages,
        dry_run=request.dry_run,
        overwrite=request.overwrite,
        site=request.site,
        workers=request.workers,
    )


def known_sites() -> dict[str, str]:
    """The sites whose pages can be read: name to a line about each."""
    from illinstr.wikihow_scraper.sites import registry

    return {site.name: site.about for site in registry.sites()}


def read_urls(arguments: Iterable[str], file: Path | None) -> tuple[tuple[str, ...], dict[str, str]]:
    """Addresses given one by one and from a file with one on each line, each once and without its fragment, in order.

    Blank lines of the file and ``#`` comments are skipped. A line of the file that is not an address is kept, as a page
    that fails.

    Returns:
        The addresses, and those among them that are none: each with its line and what is wrong.

    Raises:
        UsageError: the file cannot be read, or holds no address; or one that was given by itself is none.
    """
    from illinstr.wikihow_scraper.fetching.safety import check_url

    hint = "addresses look like https://example.org/Page"
    lines = [("", line) for line in arguments]
    if file is not None:
        try:
            text = read_text(file, errors="replace")
        except OSError as error:
            raise UsageError(f"cannot read {file}: {error.strerror}") from error
        lines += [(f"{file.name}:{number}: ", line) for number, line in enumerate(text.splitlines(), start=1)]
    found: dict[str, None] = {}
    refused: dict[str, str] = {}
    for place, line in ((place, line.strip()) for place, line in lines):
        if not line or line.startswith("#"):
            continue
        try:
            check_url(line)
            found[urlunsplit(urlsplit(line)._replace(fragment=""))] = None
        except (FetchError, ValueError) as error:
            reason = error.message if isinstance(error, FetchError) else f"not an address: {line!r}"
            if not place:
                raise UsageError(reason, hint=hint) from error
            found[line] = None
            refused.setdefault(line, place + reason)
    if refused and len(refused) == len(found):
        raise UsageError(next(iter(refused.values())), hint=hint)
    return tuple(found), refused


def check_discovery(sitemaps: Sequence[str], since: str | None, categories: Iterable[str], depth: int) -> None:
    """Check what finds pages.

    Raises:
        UsageError: no address, no day, a day without a sitemap, or a depth without a category.
    """
    from illinstr.wikihow_scraper.fetching.safety import check_url

    named = [("--sitemap", sitemap) for sitemap in sitemaps]
    for option, url in [*named, *(("--category", category) for category in categories)]:
        try:
            check_url(url)
        except FetchError as error:
            raise UsageError(f"{option}: {error.message}") from error
    if depth and not list(categories):
        raise UsageError("--category-depth belongs to --category")
    if since is not None:
        if not sitemaps:
            raise UsageError("--since belongs to --sitemap")
        try:
            valid = date.fromisoformat(since).isoformat() == since
        except ValueError:
            valid = False
        if not valid:
            raise UsageError(f"--since {since!r} is no day", hint="for example --since 2026-01-31")


def _check_numbers(request: ScrapeRequest) -> None:
    check_range("--category-depth", request.category_depth, 0, MAX_CATEGORY_DEPTH, "0 is the category alone")
    check_range("--workers", request.workers, 1, MAX_WORKERS, "1 reads pages in this process")
    check_range("--limit", request.limit, 1, None, "only the first so many pages")
    check_range("--shard-pages", request.shard_pages, 1, MAX_SHARD_PAGES, f"{SHARD_PAGES} is usual")
    check_range("--min-interval", request.min_interval, 0.0, 3600.0, "seconds between two requests to a host")


def _rules(request: ScrapeRequest) -> CleanRules:
    from illinstr.wikihow_scraper.cleaning.rules import CleanRules

    settings: dict[str, Any] = {
        "min_steps": request.min_steps,
        "max_steps": request.max_steps,
        "language": request.language,
        "image_license": request.image_license,
        "licenses": _several(request.license),
        "max_tokens": request.max_tokens,
        "tokenizer": request.tokenizer,
        "text_duplicates": request.text_duplicates,
        "pictures": {
            "duplicates": request.image_duplicates,
            "min_px": request.min_image_px,
            "max_aspect": request.max_aspect,
            "min_contrast": request.min_contrast,
            "crop_watermark": request.crop_watermark,
            "max_side": request.max_side,
            "quality": request.image_quality,
        },
    }
    return validated(
        CleanRules,
        settings,
        {
            "licenses": "--license",
            "pictures.duplicates": "--image-duplicates",
            "pictures.min_px": "--min-image-px",
            "pictures.max_aspect": "--max-aspect",
            "pictures.min_contrast": "--min-contrast",
            "pictures.crop_watermark": "--crop-watermark",
            "pictures.max_side": "--max-side",
            "pictures.quality": "--image-quality",
        },
    )


def _collections(request: ScrapeRequest) -> tuple[Collection, ...]:
    from illinstr.wikihow_scraper.imports.collection import Kind, named

    files: dict[Kind, str | Path | Sequence[str | Path] | None]
    files = {"html": request.from_html, "jsonl": request.from_jsonl, "csv": request.from_csv}
    files |= {"warc": request.from_warc, "zim": request.from_zim}
    folder, found = _path(request.pictures), []
    for kind, given in files.items():
        listed = [given] if isinstance(given, str | Path) else list(given or ())
        found += named(kind, listed, folder if kind in ("jsonl", "csv") else None)
    return tuple(found)


def _sources(request: ScrapeRequest) -> tuple[Discovery | None, tuple[Collection, ...]]:
    """How pages are discovered on the web, or the collections they are read from.

    Raises:
        UsageError: no source, both kinds, or parameters that belong to another source.
    """
    from illinstr.wikihow_scraper.fetching.discover import Discovery

    local = _collections(request)
    if request.pictures is not None and not any(one.kind in ("jsonl", "csv") for one in local):
        raise UsageError("--pictures belongs to --from-jsonl or --from-csv")
    if request.refresh and request.retry_failed:
        raise UsageError("--refresh asks again for what failed, too", hint="leave --retry-failed out")
    discovering = bool(_several(request.sitemap)) or bool(request.category)
    if local:
        if request.urls or request.urls_file is not None or discovering:
            raise UsageError(
                "give addresses, or files with --from-html, --from-jsonl, --from-csv, --from-warc, --from-zim; not both"
            )
        for option, asked in (("--refresh", request.refresh), ("--retry-failed", request.retry_failed)):
            if asked:
                raise UsageError(f"{option} is for fetched pages")
        return None, local
    addresses, refused = read_urls(request.urls, _path(request.urls_file))
    if not addresses and not discovering:
        raise UsageError("nothing to scrape", hint="give addresses, --urls-file FILE or --from-html FOLDER")
    if request.contact is None:
        raise UsageError(
            "fetching needs --contact, an e-mail or web address by which a site's operator can reach you",
            hint="for example --contact you@example.org",
        )
    lists: dict[str, Any] = {"sitemaps": _several(request.sitemap), "since": request.since}
    lists |= {"categories": tuple(request.category), "category_depth": request.category_depth}
    return Discovery(urls=addresses, refused=refused, **lists), ()


def _several(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)
