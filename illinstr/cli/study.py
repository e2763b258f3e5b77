"""``illinstr study``: ask people, blind and in pairs, and turn their votes into numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from illinstr.cli.options import AsJson
from illinstr.console import emit, reporter
from illinstr.errors import DataError, UsageError

if TYPE_CHECKING:
    from illinstr.evaluation.study.scores import Estimate, StudyScores

app = typer.Typer(
    help="Ask people, blind and in pairs, and turn their votes into numbers.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No messages on stderr.")]
SCORES_FILE = "scores.json"


@app.command("make")
def make(
    runs: Annotated[list[str], typer.Argument(help="Run folders, two or more: RUN or NAME=RUN.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder to make.")] = Path("study"),
    checks: Annotated[int, typer.Option(help="Attention checks among the pairs.")] = 2,
    goals: Annotated[
        int | None, typer.Option(help="Goals to take, drawn by the seed. \\[default: all shared]", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the tokens, the checks and the choice of goals.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an older study in --out.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make one page that asks people which of two articles is better: for the goal, for the steps, in consistency.

    Example: illinstr study make stacked independent --out study

    Send people [bold]study/index.html[/bold]; they save a file of votes and send it back. Keep study/key.json to
    yourself: it says who is who. The last line of stdout is the page.
    """
    from illinstr.evaluation.study.page import KEY_FILE, PAGE_FILE, make_study

    systems = _systems(runs)
    out = out.expanduser().resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        if not out.is_dir() or {path.name for path in out.iterdir()} - {PAGE_FILE, KEY_FILE}:
            raise UsageError(f"{out} holds files that are no study, and would be replaced", hint="name another --out")
        if not overwrite:
            raise UsageError(
                f"{out} holds a study", hint="add --overwrite; votes on the old one can then not be scored"
            )
    say = reporter(quiet)
    try:
        made = make_study(systems, out, seed=seed, checks=checks, max_goals=goals)
    except OSError as error:
        raise DataError(f"cannot write {out}: {error.strerror or error}") from error
    for name, left_out in made.left_out.items():
        if left_out:
            some = "; ".join(left_out[:5])
            say.log(f"note: {len(left_out)} goals of {name} are not in every run and were left out: {some}")
    page = str(out / PAGE_FILE)
    pairs = sum(pair.check is None for pair in made.key.pairs)
    result = {
        "page": page,
        "key": str(out / KEY_FILE),
        "study": made.key.study,
        "systems": list(made.key.systems),
        "pairs": pairs,
        "checks": checks,
        "left_out": made.left_out,
    }
    say.log(f"{_count(pairs, 'pair')} and {_count(checks, 'attention check')}; send index.html, keep key.json")
    emit(result, page, as_json=as_json)


@app.command("score")
def score(
    votes: Annotated[list[Path], typer.Argument(help="Files of votes, one a rater.", show_default=False)],
    study: Annotated[
        Path | None, typer.Option(help="The study's folder. \\[default: looked for near the votes]", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write. \\[default: scores.json beside the first]", show_default=False)
    ] = None,
    min_attention: Annotated[
        float, typer.Option(help="Share of attention checks a rater must get right to be counted.")
    ] = 0.8,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Count votes: win rates, Bradley-Terry strengths and agreement, with intervals that take the rater as the unit.

    Example: illinstr study score votes/*.json --study study

    Refuses comparisons that fall apart, files from another study, and one rater twice. The last line of stdout is the
    file of results.
    """
    from illinstr.evaluation.study.scores import score_study
    from illinstr.evaluation.study.votes import find_key, read_votes, resolve
    from illinstr.files import write_json

    if not 0 <= min_attention <= 1:
        raise UsageError(f"--min-attention {min_attention:g} is not between 0 and 1", hint="0.8 is usual; 0 counts all")
    say = reporter(quiet)
    read = [read_votes(path) for path in votes]
    key, _ = find_key(votes, read, study)
    choices, raters = resolve(key, votes, read)
    scores = score_study(key.study, choices, raters, min_attention=min_attention)
    for name, reason in scores.excluded.items():
        say.log(f"note: rater {name} is not counted: {reason}")
    path = (out or votes[0].parent / SCORES_FILE).expanduser().resolve()
    result = scores.model_dump(mode="json")
    try:
        write_json(path, result)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror or error}") from error
    emit(result | {"file": str(path)}, str(path), as_json=as_json, lines=tuple(_lines(scores)))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _systems(runs: list[str]) -> dict[str, Path]:
    systems: dict[str, Path] = {}
    for text in runs:
        name, found, folder = text.partition("=")
        path = Path(folder if found and not Path(text).exists() else text).expanduser()
        name = name if found and not Path(text).exists() else path.resolve().name
        if not name or name in systems:
            raise UsageError(
                f"two runs are called {name!r}", hint="name them: stacked=runs/a/out independent=runs/b/out"
            )
        systems[name] = path
    return systems


def _lines(scores: StudyScores) -> list[str]:
    lines = [
        f"{len(scores.raters)} raters counted, {len(scores.excluded)} left out; intervals: 95 %, raters as the unit"
    ]
    for one in scores.questions:
        agreement = "not known" if one.agreement is None else f"{one.agreement:.0%}"
        alpha = "not known" if one.alpha is None else f"{one.alpha:.2f}"
        lines.append(f"{one.question}: {one.n} votes; raters agree {agreement} (Krippendorff's alpha {alpha})")
        for rate in one.win_rates:
            lines.append(
                f"  {rate.first} over {rate.second}: {_shown(rate.rate, 100, 1, ' %')}, "
                f"{rate.wins} won, {rate.losses} lost, {rate.ties} no difference"
            )
        if len(one.strengths) > 2:
            for name, value in sorted(one.strengths.items(), key=lambda entry: -entry[1].value):
                lines.append(f"  strength of {name}: {_shown(value, 1, 2, '')}")
        if not one.bounded:
            lines.append(
                "  one side never lost: strengths have no bound; half a win each way was added to every pair, and no "
                "interval can be given"
            )
        elif one.raters < 2:
            lines.append("  one rater gives no intervals")
    return lines


def _shown(value: Estimate, scale: float, digits: int, unit: str) -> str:
    text = f"{scale * value.value:.{digits}f}{unit}"
    if value.low is None or value.high is None:
        return f"{text} (no interval)"
    return f"{text} [{scale * value.low:.{digits}f}, {scale * value.high:.{digits}f}]"
