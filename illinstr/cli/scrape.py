"""``illinstr scrape``: how-to pages in, a data folder of illustrated articles out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from illinstr.cli.options import AsJson
from illinstr.console import JsonReporter, emit, reporter


def command(  # the options are the interface, so there are as many as there are
    urls: Annotated[list[str] | None, typer.Argument(help="Addresses of how-to pages.", show_default=False)] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Data folder to make.")] = Path("data/pages"),
    urls_file: Annotated[Path | None, typer.Option(help="File of addresses, one per line; # starts a comment.")] = None,
    sitemap: Annotated[
        list[str] | None,
        typer.Option(help="Sitemap, or a robots.txt that names some; their pages come last; repeatable."),
    ] = None,
    since: Annotated[str | None, typer.Option(help="With --sitemap: only pages modified on this day or later.")] = None,
    category: Annotated[
        list[str] | None, typer.Option(help="Address of a category page; all its pages count; repeatable.")
    ] = None,
    category_depth: Annotated[
        int, typer.Option(min=0, max=10, help="With --category: how deep into sub-categories.")
    ] = 0,
    from_jsonl: Annotated[
        list[Path] | None, typer.Option(help="JSON lines: wikiHow-VGSI pages, or Articles; a pattern; repeatable.")
    ] = None,
    from_csv: Annotated[
        list[Path] | None,
        typer.Option(help="CSV: the paper's splits, or wikihowAll.csv, wikihowSep.csv; a pattern; repeatable."),
    ] = None,
    from_warc: Annotated[
        list[Path] | None, typer.Option(help="WARC web archive with its images; a pattern; repeatable.")
    ] = None,
    from_zim: Annotated[
        list[Path] | None,
        typer.Option(help="ZIM archive with its images; needs the extra zim; a pattern; repeatable."),
    ] = None,
    pictures: Annotated[Path | None, typer.Option(help="Folder of the images of --from-jsonl or --from-csv.")] = None,
    from_html: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of saved pages, or one; nothing is fetched; a pattern; repeatable."),
    ] = None,
    contact: Annotated[
        str | None, typer.Option(help="E-mail or web address sites can reach you by. Needed to fetch.")
    ] = None,
    accept_terms: Annotated[
        bool, typer.Option("--accept-terms", help="You have read wikiHow's terms; needed there.")
    ] = False,
    min_interval: Annotated[float, typer.Option(help="Least seconds between two requests to a host.")] = 3.0,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many pages.")] = None,
    image_license: Annotated[str, typer.Option(help="Images to store: cc (open licences) or any.")] = "cc",
    license: Annotated[
        list[str] | None,
        typer.Option(help="Only texts and images of this licence: open, non-commercial, or its name; repeatable."),
    ] = None,
    language: Annotated[str | None, typer.Option(help="Only articles in this language, such as en.")] = None,
    min_steps: Annotated[int, typer.Option(help="Drop articles of fewer steps.")] = 2,
    max_steps: Annotated[int, typer.Option(help="Drop articles of more steps.")] = 100,
    max_tokens: Annotated[
        int | None, typer.Option(help="Drop articles whose goal or a headline has more tokens; CLIP reads 77.")
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="CLIP tokenizer that counts: its folder, or a model's. [default: the mini's]")
    ] = None,
    text_duplicates: Annotated[
        str, typer.Option(help="Texts that stand elsewhere: leave out near ones of other pages or exact ones, or keep.")
    ] = "near",
    image_duplicates: Annotated[
        str, typer.Option(help="Images of another page: leave out near or exact ones, or keep.")
    ] = "near",
    min_image_px: Annotated[int, typer.Option(help="Leave out images whose shorter side is shorter.")] = 64,
    max_aspect: Annotated[float, typer.Option(help="Leave out images longer than so many times their width.")] = 4.0,
    min_contrast: Annotated[
        float, typer.Option(help="Leave out images of less contrast (0 to 127); blank ones have none.")
    ] = 4.0,
    max_side: Annotated[int | None, typer.Option(help="Make longer images smaller, to so many pixels.")] = None,
    image_quality: Annotated[
        int | None, typer.Option(help="Encode every image as JPEG of this quality, 1 to 100. [default: bytes as found]")
    ] = None,
    crop_watermark: Annotated[
        int, typer.Option(help="Cut so many pixels off the bottom of images with a watermark strip.")
    ] = 0,
    no_images: Annotated[bool, typer.Option("--no-images", help="Fetch and store no images.")] = False,
    allow_private_hosts: Annotated[
        list[str] | None,
        typer.Option(help="A host off the public internet that may be asked all the same; repeatable."),
    ] = None,
    takedown: Annotated[
        Path | None, typer.Option(help="File of addresses, page numbers and article ids to leave out, one per line.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Where fetched pages are kept. [default: OUT.cache]")] = None,
    refresh: Annotated[
        bool,
        typer.Option("--refresh", help="Ask again about kept pages, with their validators, unless a sitemap says no."),
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again for pages and images that failed, and only those.")
    ] = False,
    shard_pages: Annotated[
        int, typer.Option(min=1, max=100_000, help="Pages a shard task: what a killed run may have to build again.")
    ] = 1000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; ask and write nothing.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace other data in the data folder.")] = False,
    workers: Annotated[
        int, typer.Option(min=1, max=256, help="Processes that read pages; the data does not depend on how many.")
    ] = 1,
    site: Annotated[
        str | None, typer.Option(help="Read pages by this site's parser alone; --list-sites names them.")
    ] = None,
    list_sites: Annotated[bool, typer.Option("--list-sites", help="Name the sites that can be read, and end.")] = False,
    as_json: AsJson = False,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="Progress on stderr as JSON, one event a line, for programs that watch.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Turn how-to pages into articles of steps and images, in WebDataset shards.

    Pages come from the web or from a folder of saved ones. Sites are asked slowly, by their robots.txt, and under your
    own contact address; what is fetched is kept, so running a command again goes on where it was, whatever ended it.
    Ctrl-C once finishes what is in hand, twice stops at once.

    Example, saved pages:   illinstr scrape --from-html saved/ --out data/pages

    Example, the web:       illinstr scrape --urls-file urls.txt --contact me@example.org --out data/pages
    """
    from illinstr.workflows.scrape import ScrapeRequest, known_sites, scrape_pages

    if list_sites:
        named = known_sites()
        emit(named, None, as_json=as_json, lines=tuple(f"{name:<14}{about}" for name, about in named.items()))
        return
    request = ScrapeRequest(
        urls=urls or (),
        out=out,
        urls_file=urls_file,
        sitemap=tuple(sitemap or ()),
        since=since,
        category=category or (),
        category_depth=category_depth,
        from_jsonl=from_jsonl,
        from_csv=from_csv,
        from_warc=from_warc,
        from_zim=from_zim,
        pictures=pictures,
        from_html=from_html,
        contact=contact,
        accept_terms=accept_terms,
        min_interval=min_interval,
        limit=limit,
        image_license=image_license,
        license=tuple(license or ()),
        language=language,
        min_steps=min_steps,
        max_steps=max_steps,
        max_tokens=max_tokens,
        tokenizer=tokenizer,
        text_duplicates=text_duplicates,
        image_duplicates=image_duplicates,
        min_image_px=min_image_px,
        max_aspect=max_aspect,
        min_contrast=min_contrast,
        max_side=max_side,
        image_quality=image_quality,
        crop_watermark=crop_watermark,
        images=not no_images,
        allow_private_hosts=allow_private_hosts or (),
        takedown=takedown,
        cache=cache,
        refresh=refresh,
        retry_failed=retry_failed,
        shard_pages=shard_pages,
        dry_run=dry_run,
        overwrite=overwrite,
        site=site,
        workers=workers,
        reporter=JsonReporter() if log_json else reporter(quiet),
    )
    result = scrape_pages(request)
    counts = tuple(f"{split}: {count} articles" for split, count in result.splits.items())
    path = str(result.out) if result.out else None
    emit(result.as_dict(), path, as_json=as_json, lines=(*result.plan_lines, *counts))
    if result.error is not None:
        raise result.error
