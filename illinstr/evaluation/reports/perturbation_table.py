"""The table of perturbations: truth first, then each fault with its intervals and what became of each metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from illinstr.evaluation.claims import CLAIMS, NEAR
from illinstr.evaluation.encoders.store import FeatureStore
from illinstr.evaluation.encoders.transformers import ImageEncoder, ImageTextEncoder
from illinstr.evaluation.evaluate import Prepared, Source, score
from illinstr.evaluation.perturbations import Fault
from illinstr.evaluation.reports.verdict import interval, number
from illinstr.evaluation.results import Comparison, Encoders, Metric, Settings
from illinstr.files import atomic_folder, canonical_json
from illinstr.ownership import FAULTS
from illinstr.progress import Reporter

FAULTS_FOLDER = "eval-faults"
COLUMNS = (
    "goal_faithfulness",
    NEAR,
    "step_faithfulness",
    "consistency",
    "feature_distance",
    "diversity",
    "clip_score",
    "kid",
)

PrepareOne = Callable[[Source, Settings], Prepared]


class FaultRow(BaseModel):
    """One fault: every metric of the spoilt articles, and its difference from the truth's."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str
    metrics: dict[str, Metric]
    comparisons: dict[str, Comparison]


class Tested(BaseModel):
    """One claim of a metric put to the test: whether it sees a row, or does not mind it, as it claims."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str
    row: str
    claim: Literal["sees", "minds_not"]
    held: bool


class FaultTable(BaseModel):
    """The whole of ``faults.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[2] = 2
    source: str
    n_articles: int
    n_pictures: int
    settings: Settings
    encoders: Encoders
    rows: tuple[FaultRow, ...]
    claims: tuple[Tested, ...]

    def blind_spots(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """By metric the rows that it fails to see, and those that it minds although it should not."""
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        for each in self.claims:
            if not each.held:
                kinds = found.setdefault(each.metric, {})
                kinds[each.claim] = (*kinds.get(each.claim, ()), each.row)
        return found


def tested_claims(rows: Sequence[FaultRow]) -> tuple[Tested, ...]:
    """Every claim of ``CLAIMS`` that these rows allow to test."""
    found = []
    for row in rows:
        for metric, claims in CLAIMS.items():
            comparison = row.comparisons.get(metric)
            if comparison is None:
                continue
            if row.name in claims.sees:
                # A metric that should match the truth has no better side: it sees a row where it reads more of it.
                worse = comparison.better == "b" or (comparison.better is None and comparison.difference > 0)
                found.append(Tested(metric=metric, row=row.name, claim="sees", held=comparison.settled and worse))
            if row.name in claims.minds_not:
                found.append(Tested(metric=metric, row=row.name, claim="minds_not", held=not comparison.settled))
    return tuple(found)


def fault_table(
    name: str,
    faults: Sequence[Fault],
    prepare_one: PrepareOne,
    settings: Settings,
    encoder: ImageTextEncoder,
    consistency_encoder: ImageEncoder | None,
    reporter: Reporter,
    store: FeatureStore,
) -> FaultTable:
    """Score the truth (the first of ``faults``) and every fault against it.

    Args:
        name: what the articles are called.
        faults: the first holds the true articles, untouched.
        prepare_one: prepares a source against the truth under given settings.
        settings: of the scoring; goal faithfulness is scored once with any goals and once with near ones.
        encoder: of faithfulness.
        consistency_encoder: of consistency; ``encoder`` when None.
        reporter: told how far the work is.
        store: features, so that an image that several faults share is looked at once.
    """
    rows, evaluation = [], None
    for fault in faults:
        reporter.log(f"fault: {fault.name}")
        source = Source(fault.name, fault.articles)
        plain = score(
            prepare_one(source, settings.model_copy(update={"goal_distractors": "any"})),
            encoder, consistency_encoder, reporter, store=store,
        )  # fmt: skip
        near = score(
            prepare_one(source, settings.model_copy(update={"goal_distractors": "near"})),
            encoder, consistency_encoder, reporter, store=store,
        )  # fmt: skip
        metrics = {metric.name: metric for metric in plain.results.metrics}
        comparisons = {each.metric: each for each in plain.results.comparisons}
        for metric in near.results.metrics:
            if metric.name == "goal_faithfulness":
                metrics[NEAR] = metric
        for each in near.results.comparisons:
            if each.metric == "goal_faithfulness":
                comparisons[NEAR] = each
        rows.append(FaultRow(name=fault.name, metrics=metrics, comparisons=comparisons))
        evaluation = evaluation or plain
    assert evaluation is not None
    return FaultTable(
        source=name,
        n_articles=evaluation.results.n_articles,
        n_pictures=evaluation.results.n_pictures,
        settings=settings,
        encoders=evaluation.results.encoders,
        rows=tuple(rows),
        claims=tested_claims(rows),
    )


def table_cells(table: FaultTable) -> tuple[list[str], list[list[str]]]:
    """Header and lines; a star marks what differs from the truth after Holm's correction within the fault."""
    columns = [name for name in COLUMNS if any(name in row.metrics for row in table.rows)]
    lines = []
    for row in table.rows:
        cells = [row.name]
        for name in columns:
            metric, comparison = row.metrics.get(name), row.comparisons.get(name)
            if metric is None:
                cells.append("–")
                continue
            bounds = interval(metric.name, metric.low, metric.high)
            star = " *" if comparison is not None and comparison.settled else ""
            cells.append(f"{number(metric.name, metric.value)} {'' if bounds == '–' else bounds}".rstrip() + star)
        lines.append(cells)
    return ["images", *columns], lines


def markdown(table: FaultTable) -> str:
    """The table as Markdown, with what it takes to read it."""
    header, lines = table_cells(table)
    encoder, consistency = table.encoders.encoder, table.encoders.consistency_encoder
    rows = [header, ["---"] * len(header), *lines]
    text = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    return (
        f"{text}\n\n{table.n_articles} articles, {table.n_pictures} images of {table.source}; encoder {encoder.id} "
        f"({encoder.sha256[:8]}), feature distance {consistency.id} ({consistency.sha256[:8]}); "
        f"{100 * table.settings.confidence:.0f} % intervals over articles, seed {table.settings.seed}. Near: "
        f"distractor goals of the same family first. * differs from the truth (Holm).\n\n{_claims(table)}\n"
    )


def _claims(table: FaultTable) -> str:
    """What became of the claims, in sentences."""
    held = sum(each.held for each in table.claims)
    lines = [f"{held} of {len(table.claims)} claims hold."]
    wording = {"sees": "does not see", "minds_not": "minds, though it should not,"}
    for metric, kinds in table.blind_spots().items():
        lines += [f"- `{metric}` {wording[kind]}: {', '.join(rows)}." for kind, rows in kinds.items()]
    return "\n".join(lines)


def write_faults(run: Path, table: FaultTable) -> Path:
    """Publish RUN/eval-faults, ``faults.json`` and ``faults.md``, whole or not at all; returns the latter's path."""
    out = run / FAULTS_FOLDER
    with atomic_folder(out, FAULTS) as folder:
        (folder / "faults.json").write_text(canonical_json(table.model_dump(mode="json")), encoding="utf-8")
        (folder / "faults.md").write_text(markdown(table), encoding="utf-8")
    return out / "faults.md"
