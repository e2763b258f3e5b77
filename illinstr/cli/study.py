"""``illinstr study``: ask people, blind and in pairs, and turn their votes into numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from illinstr.cli.options import AsJson
from illinstr.errors import UsageError

if TYPE_CHECKING:
    from illinstr.evaluation.study.scores import Correlation, Estimate, StudyScores

app = typer.Typer(
    help="Ask people, blind and in pairs, and turn their votes into numbers.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No messages on stderr.")]


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
    from illinstr.console import emit, reporter
    from illinstr.workflows.study import StudyRequest, make_study_page

    request = StudyRequest(
        _systems(runs), out=out, checks=checks, goals=goals, seed=seed, overwrite=overwrite, reporter=reporter(quiet)
    )
    result = make_study_page(request)
    emit(result.as_dict(), str(result.page), as_json=as_json)
    if result.error is not None:
        raise result.error


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
        float, typer.Option(help="Share of attention checks a rater must get right on each side to be counted.")
    ] = 0.8,
    min_seconds: Annotated[
        float, typer.Option(help="Least time for a pair, the median of a rater's, to be counted; 0 counts all.")
    ] = 0.0,
    scores: Annotated[
        Path | None,
        typer.Option(help="An evaluation of all these runs (eval --compare): do its metrics agree with people?"),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Count votes: win rates, Bradley-Terry strengths and agreement, with intervals that take the rater as the unit.

    Example: illinstr study score votes/*.json --study study

    A file that is no file of votes, or a rater's second one, is named and left out (exit code 3). Refuses comparisons
    that fall apart and files from another study. The last line of stdout is the file of results.
    """
    from illinstr.console import emit, reporter
    from illinstr.workflows.study import ScoreRequest, score_votes

    request = ScoreRequest(
        votes,
        study=study,
        out=out,
        min_attention=min_attention,
        min_seconds=min_seconds,
        scores=scores,
        reporter=reporter(quiet),
    )
    result = score_votes(request)
    emit(result.as_dict(), str(result.file), as_json=as_json, lines=tuple(_lines(result.scores)))
    if result.error is not None:
        raise result.error


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
    for name, note in scores.notes.items():
        time = "not known" if note.seconds is None else f"{note.seconds:.1f} s"
        habit = "" if note.side_p is None else f", left in {note.left} of {note.leaning} pairs (p {note.side_p:.2g})"
        counted = f"left out: {scores.excluded[name]}" if name in scores.excluded else "counted"
        lines.append(
            f"rater {name}: {note.answers} answers, {note.ties} of them no difference, {time} a pair{habit}; {counted}"
        )
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
    return lines + [_agreement(each) for each in scores.correlations]


def _agreement(each: Correlation) -> str:
    told = f"{each.question} and {each.metric}, {each.pairs} pairs on {each.goals} goals"
    if each.spearman is None or each.kendall is None:
        return f"{told}: nothing to rank"
    return f"{told}: Spearman {_shown(each.spearman, 1, 2, '')}, Kendall {_shown(each.kendall, 1, 2, '')}"


def _shown(value: Estimate, scale: float, digits: int, unit: str) -> str:
    text = f"{scale * value.value:.{digits}f}{unit}"
    if value.low is None or value.high is None:
        return f"{text} (no interval)"
    return f"{text} [{scale * value.low:.{digits}f}, {scale * value.high:.{digits}f}]"
