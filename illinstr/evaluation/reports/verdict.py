"""What the numbers say, in sentences: the verdict, what was left out and why, and what a reader should beware of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from illinstr.evaluation.metrics.feature_sets import FeatureSets
from illinstr.evaluation.reports import blind_spots
from illinstr.evaluation.results import DEFINITIONS, SET_METRICS, Comparison, Coverage, Encoders, Metric, Settings
from illinstr.evaluation.samples import Sample, Side
from illinstr.evaluation.subjects import Subject

FEW_ARTICLES = 10
CUT_SHARE_TO_MENTION = 0.01
NAMED_AT_MOST = 5


def number(metric: str, value: float, *, signed: bool = False) -> str:
    """A value as people read it: shares in per cent, the rest with three figures."""
    sign = "+" if signed else ""
    if DEFINITIONS[metric].proportion:
        return f"{100 * value:{sign}.1f} %"
    return f"{value:{sign}.3g}"


def interval(metric: str, low: float | None, high: float | None, *, signed: bool = False) -> str:
    """An interval in brackets, or a dash where there is none."""
    if low is None or high is None:
        return "–"
    return f"[{number(metric, low, signed=signed)}, {number(metric, high, signed=signed)}]"


def with_steps(names: Sequence[str]) -> list[str]:
    """The names of metrics to show: goal faithfulness never without a place for step faithfulness behind it."""
    shown = list(names)
    if "goal_faithfulness" in shown and "step_faithfulness" not in shown:
        shown.insert(shown.index("goal_faithfulness") + 1, "step_faithfulness")
    return shown


def _measured(metric: Metric) -> str:
    """A value with its interval where it has one, for the middle of a sentence."""
    value = number(metric.name, metric.value)
    if metric.low is None or metric.high is None:
        return value
    return f"{value} {interval(metric.name, metric.low, metric.high)}"


def sentence(
    metrics: Sequence[Metric],
    comparisons: Sequence[Comparison],
    names: Mapping[Side, str],
    settings: Settings,
    coverage: Coverage,
) -> str:
    """The first lines of a report: A against B where there is a B, else how well images find their goal and step.

    What the metrics are known to miss stands behind it.
    """
    found = _found(metrics, comparisons, names, settings, coverage)
    return f"{found} {blind_spots.told(metrics, settings)}".rstrip()


def _found(
    metrics: Sequence[Metric],
    comparisons: Sequence[Comparison],
    names: Mapping[Side, str],
    settings: Settings,
    coverage: Coverage,
) -> str:
    part = ""
    if not coverage.whole:
        part = f" Only {coverage.pictures} of {coverage.steps} steps have an image; nothing is said of the others."
    if comparisons:
        told = []
        for a, b in dict.fromkeys((each.a, each.b) for each in comparisons):
            headlines = [e for e in comparisons if (e.a, e.b) == (a, b) and e.metric in HEADLINES]
            told += _pair(headlines, names[a], names[b])
        return " ".join(told) + f" {comparison_note(comparisons)}{part}"
    parts = []
    wording = {"goal_faithfulness": "their own goal", "step_faithfulness": "their own step"}
    for metric in metrics:
        if metric.name in wording and metric.chance is not None:
            guessing = number(metric.name, metric.chance)
            parts.append(f"{wording[metric.name]} in {_measured(metric)} of cases (guessing: {guessing})")
    found = f"Images find {' and '.join(parts)}. " if parts else ""
    gap = next((metric for metric in metrics if metric.name == "consistency_gap"), None)
    if gap:
        found += f"Their consistency lies {_measured(gap)} from that of the truth. "
    count = max(metric.n_articles for metric in metrics)
    return f"{found}{count} {'article' if count == 1 else 'articles'}; protocol: {settings.protocol}.{part}"


HEADLINES = ("goal_faithfulness", "step_faithfulness", "consistency", "consistency_gap", "kid")


def comparison_note(comparisons: Sequence[Comparison]) -> str:
    """How the p-values of several comparisons are to be read."""
    return (
        f"Each interval stands for itself; p is adjusted for all {len(comparisons)} comparisons (Holm), and only what "
        "survives that counts as a difference."
    )


def _pair(comparisons: Sequence[Comparison], a: str, b: str) -> list[str]:
    """One pair in sentences: where A is better, where B is, where they differ, and what cannot be told."""
    told = []
    for winner, loser, side in ((a, b, "a"), (b, a, "b")):
        won = [_figures(each) for each in comparisons if each.better == side]
        if won:
            told.append(f"{winner} is better than {loser} on {_listed(won)}.")
    differ = [_figures(each) for each in comparisons if each.settled and not each.better]
    if differ:
        told.append(f"{a} and {b} differ on {_listed(differ)}.")
    open_ones = [each for each in comparisons if not each.settled]
    if open_ones:
        count = max(each.n_articles for each in open_ones)
        goals = f"{count} shared {'goal' if count == 1 else 'goals'}"
        told.append(f"On {_listed([each.metric for each in open_ones])} {goals} cannot tell {a} from {b}.")
    return told


def _figures(each: Comparison) -> str:
    bounds = interval(each.metric, each.low, each.high, signed=True)
    figures = [number(each.metric, each.difference, signed=True) + ("" if bounds == "–" else f" {bounds}")]
    if each.effect is not None:
        figures.append(f"d {each.effect:+.2f}")
    figures += [f"{each.n_articles} shared {'goal' if each.n_articles == 1 else 'goals'}", f"p {p_text(each)}"]
    return f"{each.metric} ({', '.join(figures)})"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def p_text(comparison: Comparison) -> str:
    """The adjusted p-value as people write it."""
    return "< 0.001" if comparison.p_holm < 0.001 else f"= {comparison.p_holm:.3f}"


def skipped(metrics: Sequence[Metric], settings: Settings, sets: FeatureSets, *, has_truth: bool) -> dict[str, str]:
    """Each metric that was left out, with the reason."""
    ours = settings.protocol == "ours"
    reasons = {
        "goal_faithfulness": f"needs {settings.num_distractors + 1} different goals",
        "step_faithfulness": "no article has two illustrated steps that read differently"
        if ours
        else "no article has four images",
        "consistency": "no article has two images",
        "feature_distance": "no article has two images" if ours else "there are fewer than four images",
        "consistency_gap": "its articles have no two images to compare" if has_truth else "there is no truth (--truth)",
    }
    reasons["attributes_as_named"] = "only MiniHow knows what each image of its goals should show"
    for name in SET_METRICS:
        reasons[name] = "needs two different goals with a ground truth" if has_truth else "there is no truth (--truth)"
    if has_truth and sets:
        count = min(len(sets["run"].keys), len(sets["truth"].keys))
        reasons["fid"] = (
            f"{count} images are too few: under {settings.min_fid_pictures} its bias outweighs what it measures; "
            "read kid and cmmd, or lower --min-fid and quote n"
        )
    if not ours:
        reasons = {name: reasons[name] for name in ("goal_faithfulness", "step_faithfulness", "feature_distance")}
    present = {metric.name for metric in metrics}
    return {name: reason for name, reason in reasons.items() if name not in present}


def data_warnings(
    subjects: Sequence[Subject], names: Mapping[Side, str], sides: Mapping[Side, Sequence[Subject]]
) -> list[str]:
    """What is uneven about the images, of the run and of what stands beside it."""
    warnings = []
    bare = [subject.id for subject in subjects if not subject.panels]
    if bare:
        warnings.append(f"{len(bare)} of {len(subjects)} articles have no image and were left out: {_some(bare)}")
    for side, its_subjects in sides.items():
        partly = [subject.id for subject in its_subjects if len(subject.panels) < len(subject.texts)]
        if partly:
            whose = "" if side == "run" else f" of {names[side]}"
            warnings.append(f"{len(partly)} articles{whose} have steps without an image: {_some(partly)}")
    sizes = sorted({panel.size for its_subjects in sides.values() for one in its_subjects for panel in one.panels})
    if len(sizes) > 1:
        named = _some([f"{width}x{height}" for width, height in sizes])
        warnings.append(f"images come in {len(sizes)} sizes ({named}); each is resized to what the encoder reads")
    if len(sides["run"]) < FEW_ARTICLES:
        warnings.append(f"few articles ({len(sides['run'])}): intervals over so few are rough")
    return warnings


def unmatched_warnings(names: Mapping[Side, str], sides: Mapping[Side, Sequence[Subject]]) -> list[str]:
    """Which side covers only a part of the run's goals."""
    total = len(sides["run"])
    return [
        f"{names[side]} has {len(subjects)} of the {total} articles; comparisons with it rest on those"
        for side, subjects in sides.items()
        if side != "run" and len(subjects) < total
    ]


def sample_warnings(
    samples: Sequence[Sample], metrics: Sequence[Metric], encoders: Encoders, settings: Settings
) -> list[str]:
    """Articles that show one image over and over, texts that were cut, numbers to read with care."""
    warnings = []
    fid = next((metric for metric in metrics if metric.name == "fid"), None)
    if fid is not None:
        warnings.append(
            f"FID is biased upwards, the more so the fewer the images: compare {fid.label} only with an FID by the "
            f"same encoder over the same n; no interval covers its bias"
        )
    vlm = encoders.vlm
    if vlm is not None and vlm.unanswered:
        warnings.append(
            f"{vlm.model} gave no readable answer to {vlm.unanswered} of {vlm.asked} questions; those are left out"
        )
    same = [s.article for s in samples if s.side == "run" and s.metric == "diversity" and s.score < 1]
    if same:
        warnings.append(
            f"{len(same)} articles show one image over and over, so their consistency means nothing: {_some(same)}"
        )
    cut = encoders.encoder.cut_share or 0.0
    if cut >= CUT_SHARE_TO_MENTION:
        warnings.append(f"{100 * cut:.0f} % of texts are longer than {encoders.encoder.id} reads and were cut")
    if settings.protocol == "reproduction":
        warnings.append(
            "reproduction protocol: softmax over images, groups of four that straddle articles, averages and "
            "intervals by group, as in the authors' released scripts; for comparison with numbers made that way only"
        )
    return warnings


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED_AT_MOST])
    return f"{shown}, ..." if len(names) > NAMED_AT_MOST else shown
