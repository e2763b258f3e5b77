"""``illinstr data``: look at a data folder, check it, assign it again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from illinstr.cli.options import Address, AsJson, Workers
from illinstr.console import emit, reporter
from illinstr.errors import IllinstrError, PartialError
from illinstr.progress import Reporter

if TYPE_CHECKING:
    from illinstr.engine.executor import Placement

app = typer.Typer(
    help="Look at a data folder, check it, assign it again.", no_args_is_help=True, rich_markup_mode="rich"
)

Data = Annotated[Path, typer.Argument(help="Data folder, as scrape and minihow make it.", show_default=False)]
Split = Annotated[str | None, typer.Option(help="One split only, such as train.")]
Processes = Annotated[int, typer.Option("--processes", help="Processes that read shards; changes no result.")]
Executor = Annotated[str, typer.Option("--executor", help="Who reads shards: local, or ray (a cluster).")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]

_DEPTH = 3  # how far below a folder ls looks


@app.command("ls")
def ls(
    folders: Annotated[
        list[Path] | None, typer.Argument(help="Where to look. \\[default: the current folder]", show_default=False)
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """List data folders, in the folders given and up to three levels below them.

    Example: illinstr data ls data/
    """
    from illinstr.errors import UsageError

    found: list[dict[str, Any]] = []
    with reporter(quiet).task("data folders found") as advance:
        for folder in folders or [Path()]:
            if not folder.is_dir():
                raise UsageError(f"no such folder: {folder}")
            indexes = (path for depth in range(_DEPTH + 1) for path in folder.glob("*/" * depth + "index.json"))
            for index in sorted(indexes):
                if (index.parent / "shards").is_dir():  # else it is another program's index.json
                    found.append(_entry(index.parent))
                    advance(status=str(index.parent))
    emit({"data": found}, None, as_json=as_json, lines=tuple(_listed(entry) for entry in found) or ("no data folder",))


def _entry(data: Path) -> dict[str, Any]:
    from illinstr.errors import DataError
    from illinstr.shards import read_index

    try:
        index = read_index(data)
    except DataError as error:
        return {"data": str(data), "problem": error.message}
    totals = index.splits.values()
    return {
        "data": str(data),
        "articles": sum(info.samples for info in totals),
        "splits": {name: info.samples for name, info in sorted(index.splits.items())},
        "images": sum(info.images for info in totals),
        "bytes": sum(shard.bytes for shard in index.shards),
        "source": str(index.source_config.get("source") or index.source_config.get("command") or "unknown"),
    }


def _listed(entry: dict[str, Any]) -> str:
    if "problem" in entry:
        return f"{entry['data']}  damaged: {entry['problem']}"
    splits = ", ".join(f"{count} {name}" for name, count in entry["splits"].items())
    size = entry["bytes"] / 1e6
    return f"{entry['data']}  {entry['articles']} articles ({splits}), {entry['images']} images, {size:.1f} MB"


@app.command("stats")
def stats(
    data: Data,
    split: Split = None,
    processes: Processes = 1,
    executor: Executor = "local",
    address: Address = None,
    workers: Workers = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Count what a data folder holds: steps, images, licences, languages, sizes, failures.

    Example: illinstr data stats data/pages
    """
    from illinstr.shards.statistics import describe

    place = _placement(processes, executor, address, workers)
    found = describe(data, split=split, reporter=reporter(quiet), placement=place).model_dump(mode="json")
    damaged = found["damaged"]
    lines = [f"{name.replace('_', ' ')}: {_told(value)}" for name, value in found.items() if value not in (None, {})]
    emit(found, None, as_json=as_json, lines=tuple(lines))
    if damaged:
        raise _left_out(damaged)


def _placement(processes: int, executor: str, address: str | None, workers: int | None) -> Placement:
    from illinstr.workflows.placement import PlacedRequest, placement_of

    asked = PlacedRequest(processes=processes, executor=executor, address=address, workers=workers)
    return placement_of(asked)


@dataclass
class _Damaged:
    """Tells of articles that cannot be read, and counts them."""

    reporter: Reporter
    count: int = 0

    def __call__(self, error: IllinstrError) -> None:
        self.count += 1
        self.reporter.log(f"left out: {error.message}")


def _left_out(damaged: int) -> IllinstrError:
    return PartialError(
        f"{damaged} articles could not be read and are left out; the lines above say which",
        hint="copy their shard again from where it was made, or make the data again",
    )


def _told(value: object) -> str:
    if isinstance(value, dict):
        if set(value) == {"least", "median", "most"}:
            return f"{value['least']:g} to {value['most']:g}, median {value['median']:g}"
        pairs = ((key, f"({_told(inner)})" if isinstance(inner, dict) else inner) for key, inner in value.items())
        return ", ".join(f"{key} {inner}" for key, inner in pairs if inner != "()")
    return f"{value:,}" if isinstance(value, int) else str(value)


@app.command("preview")
def preview(
    data: Data,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The page to write. \\[default: DATA/preview.html]", show_default=False),
    ] = None,
    count: Annotated[int, typer.Option(help="How many articles.")] = 12,
    seed: Annotated[int, typer.Option(help="Which articles; the same seed shows the same.")] = 0,
    split: Split = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write a page of random articles, to look at data before trusting it; the page needs nothing and runs nothing.

    Example: illinstr data preview data/pages --count 20
    """
    from illinstr import files
    from illinstr.ownership import check_file
    from illinstr.shards.preview import render_preview, sample

    target = check_file(out if out is not None else data / "preview.html", inputs=[data / "index.json"])
    told = reporter(quiet)
    damaged = _Damaged(told)
    samples = sample(data, count, seed=seed, split=split, reporter=told, on_damaged=damaged)
    files.write_text(target, render_preview(data, samples))
    ids = [article.id for _, article in samples]
    emit({"out": str(target), "articles": ids}, str(target), as_json=as_json, lines=(f"{len(ids)} articles",))
    if damaged.count:
        raise _left_out(damaged.count)


@app.command("validate")
def validate(
    data: Data,
    processes: Processes = 1,
    executor: Executor = "local",
    address: Address = None,
    workers: Workers = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check every byte of a data folder against its index, and every article against the schema.

    Exit codes: 0 all is well (warnings may stand), 1 something is wrong.

    Example: illinstr data validate data/pages
    """
    from illinstr.errors import DataError
    from illinstr.shards import validate as check

    place = _placement(processes, executor, address, workers)
    report = check(data, reporter=reporter(quiet), placement=place)
    told = [f"{report.articles} articles, {report.images} images, {report.failed} failed"]
    told += [f"problem: {problem}" for problem in report.problems]
    told += [f"warning: {warning}" for warning in report.warnings]
    emit({"ok": report.ok, **report.model_dump(mode="json")}, None, as_json=as_json, lines=tuple(told))
    if not report.ok:
        raise DataError(f"{data}: {len(report.problems)} problems, the first: {report.problems[0]}")


@app.command("split")
def split(
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="Data folder to make.")],
    fractions: Annotated[
        str, typer.Option(help="Splits and their shares of the goals.")
    ] = "train=0.9,val=0.05,test=0.05",
    seed: Annotated[int, typer.Option(help="Another seed assigns the goals again.")] = 0,
    near: Annotated[
        float, typer.Option(help="Goals that share so much of their words (Jaccard) stand on one side; 1: equal ones.")
    ] = 0.8,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the data OUT holds.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Deal a data folder's articles to splits again, by hash, near-duplicate goals on one side. DATA stays as it is.

    Example: illinstr data split data/pages --out data/assigned --fractions train=0.8,val=0.2
    """
    from illinstr.shards.resplit import resplit

    told = reporter(quiet)
    damaged = _Damaged(told)
    made = resplit(
        data,
        out,
        seed=seed,
        fractions=_fractions(fractions),
        near=near,
        overwrite=overwrite,
        reporter=told,
        on_damaged=damaged,
    )
    counts = {name: info.samples for name, info in made.splits.items()}
    lines = tuple(f"{name}: {count} articles" for name, count in counts.items())
    emit({"out": str(out), "splits": counts}, str(out), as_json=as_json, lines=lines)
    if damaged.count:
        raise _left_out(damaged.count)


@app.command("merge")
def merge(
    data: Annotated[list[Path], typer.Argument(help="Data folders; of equal articles the first stays.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Data folder to make.")],
    near: Annotated[
        float, typer.Option(help="Goals that share so much of their words (Jaccard) stand on one side; 1: equal ones.")
    ] = 0.8,
    text_duplicates: Annotated[
        str, typer.Option(help="Texts that stand elsewhere: leave out near ones of other pages, or exact ones alone.")
    ] = "near",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the data OUT holds.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Merge data folders into one: duplicates once, every goal in one split, licences and credits kept.

    An article keeps its split; a goal that one of the folders holds out is held out of the whole. The folders stay as
    they are.

    Example: illinstr data merge data/pages data/recipes --out data/both
    """
    from illinstr.shards.merging import merge as merged
    from illinstr.workflows.checks import check_choice

    check_choice("--text-duplicates", text_duplicates, ("near", "exact"))
    near_texts = text_duplicates == "near"
    made = merged(data, out, near=near, near_texts=near_texts, overwrite=overwrite, reporter=reporter(quiet))
    counts = {name: info.samples for name, info in made.index.splits.items()}
    lines = [f"{name}: {count} articles" for name, count in counts.items()]
    lines += [f"left out: {count} {reason}" for reason, count in made.left_out.items()]
    lines += [f"moved to the split that holds their goals out: {made.moved}"] if made.moved else []
    found = {"splits": counts, "left_out": made.left_out, "moved": made.moved}
    emit({"out": str(out), **found}, str(out), as_json=as_json, lines=tuple(lines))


def _fractions(text: str) -> dict[str, float]:
    from illinstr.errors import UsageError
    from illinstr.shards.layout import SPLIT_PATTERN

    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.strip().partition("=")
        try:
            value = float(share)
        except ValueError:
            value = -1.0
        if not SPLIT_PATTERN.fullmatch(name) or not 0 <= value <= 1 or name in found:
            raise UsageError(
                f"--fractions {text!r} is no list of splits", hint="for example train=0.9,val=0.05,test=0.05"
            )
        found[name] = value
    return found
