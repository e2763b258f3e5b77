"""The embedded world, for every verb: the only file outside ``minihow`` that knows it.

It writes steps, shows examples to language models, suggests goals, and is the ground truth of evaluations. Importing
this module loads no drawing code.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from illinstr.articles import Article, Provenance, Step, make_id
from illinstr.engine.executor import Placement
from illinstr.engine.slurm import Shard
from illinstr.errors import PlanError, UsageError
from illinstr.progress import Reporter

if TYPE_CHECKING:
    from illinstr.evaluation.evaluate import Source
    from illinstr.sampling.writing import WritingTask

EMBEDDED_WRITER = "minihow"
_OWN_STEPS = 'give the steps yourself: --step "..." --step "...", or --steps-file FILE'
_ANY_WRITER = "--llm ollama (or lmstudio, vllm, FILE.gguf, hf:ORG/NAME, a server's address)"


class UnknownGoal(PlanError):
    """A goal that the embedded writer does not know.

    Args:
        message, hint: as for every error.
        goal: in the user's words.
        suggestions: goals it knows that may be meant, the nearest first; none where nothing is near.
        language: of the goal, as ISO 639-1 names it.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        goal: str = "",
        suggestions: Sequence[str] = (),
        language: str = "en",
    ) -> None:
        super().__init__(message, hint=hint, suggestions=suggestions)
        self.goal, self.language = goal, language


def unknown_goal(goal: str) -> UnknownGoal:
    """What to say about a goal from outside: the goals that may be meant, or its language, or what there is."""
    from illinstr.minihow import suggest_near, titles
    from illinstr.sampling.writing.languages import ENGLISH, NAMES, language_of

    language = language_of(goal)
    near = suggest_near(goal) if language == ENGLISH else []
    writes = f"{_ANY_WRITER} writes the steps for any goal"
    if language != ENGLISH:
        said = f'"{goal}" is {NAMES[language]}, and the embedded writer knows English alone'
        writes = f"{_ANY_WRITER} writes in {NAMES[language]} too"
    elif near:
        *others, last = (f'"{each}"' for each in near)
        meant = f"{', '.join(others)} or {last}" if others else last
        said = f'"{goal}" is outside the embedded world; did you mean {meant}?'
    else:
        said = f'"{goal}" is outside the embedded world, which knows {", ".join(titles())}'
    return UnknownGoal(said, hint=f"{writes}; or {_OWN_STEPS}", goal=goal, suggestions=near, language=language)


def knows(goal: str) -> bool:
    """Whether the world has an article for this goal."""
    from illinstr.minihow import recognise

    return recognise(goal) is not None


def known_goals(families: tuple[str, ...]) -> list[dict[str, str]]:
    """Every goal of these families (of all where none is named): goal, split, family, category.

    Raises:
        UsageError: no such family.
    """
    from illinstr.minihow.grammar import family_categories, goals

    categories = family_categories()
    return [
        {"goal": goal.text, "split": goal.split, "family": goal.family, "category": categories[goal.family]}
        for goal in goals(None, families or None)
    ]


def write_dataset(out: Path, *, reporter: Reporter, **numbers: Any) -> dict[str, int]:
    """A data folder of drawn articles; see ``illinstr.minihow.dataset.write_dataset``. Returns articles per split."""
    from illinstr.minihow.dataset import write_dataset

    index = write_dataset(out, reporter=reporter, **numbers)
    return {name: split.samples for name, split in index.splits.items()}


def draw_part(
    out: Path, part: Shard, placement: Placement, *, reporter: Reporter, existing: str, **numbers: Any
) -> tuple[Path, dict[str, int]]:
    """One part of a data folder; see ``illinstr.minihow.dataset.draw_part``. Returns its folder and all splits."""
    from illinstr.minihow import dataset

    spec = dataset.DatasetSpec(**numbers)
    return dataset.draw_part(out, spec, part, placement, reporter), spec.counts()


def contact_sheet_of(
    rows: int, *, seed: int, step_range: tuple[int, int], families: tuple[str, ...], panel_px: int
) -> bytes:
    """A PNG of the first ``rows`` articles of a series."""
    from illinstr.minihow.dataset import contact_sheet
    from illinstr.minihow.world import make_article

    articles = [
        make_article(number, seed=seed, step_range=step_range, image=False, families=families or None)
        for number in range(rows)
    ]
    return contact_sheet(articles, panel_px=panel_px)


@dataclass(frozen=True)
class Suggestions:
    """Goals for what somebody has: each with what it uses; things that none uses; times, which the world ignores."""

    goals: list[tuple[str, tuple[str, ...]]]
    unused: list[str]
    times: list[str]


def suggest_from(things: str, count: int) -> Suggestions:
    """Up to ``count`` goals of the world that use some of these things, the best first."""
    from illinstr.minihow import AtHand, suggest_goals

    known, found = AtHand.read(things), suggest_goals(things, count)
    used = {thing for each in found for thing in each.uses}
    unused = [thing for thing in known.things if thing not in used]
    return Suggestions([(each.goal, tuple(each.uses)) for each in found], unused, list(known.times))


def encode_scene() -> Callable[..., Any]:
    """How the world draws a panel from its scene; see ``illinstr.minihow.world.encode_panel``."""
    from illinstr.minihow.world import encode_panel

    return encode_panel


def nearest_articles(goal: str, num_steps: int, count: int) -> list[Article]:
    """Up to ``count`` articles of the embedded world near a goal, each of another family and of ``num_steps`` steps."""
    from illinstr.minihow import narrate, nearest_goals, plan, recognise, steps_of

    found: dict[str, Article] = {}
    for near in nearest_goals(goal, k=10 * count) if count else ():
        known = recognise(near)
        if known is None or known.family in found:
            continue
        fewest, most = steps_of(known.family)
        if fewest <= num_steps <= most:
            found[known.family] = narrate(plan(near, num_steps))
        if len(found) == count:
            break
    # The nearest stands last, right before the question: that is the one a small model follows most.
    return list(found.values())[::-1]


class MiniHowWriter:
    """The offline writer of the embedded world."""

    name = EMBEDDED_WRITER

    def write(self, task: WritingTask) -> Article:
        """Write steps for a goal of the embedded world, or put right what went wrong in one of its articles.

        Raises:
            UnknownGoal: the goal is outside the world.
            PlanError: its family has no article of so many steps, or the world knows no
                remedy for the problem.
        """
        from illinstr.minihow import narrate, plan, recognise

        if task.problem:
            return self._put_right(task)
        if recognise(task.goal) is None:
            raise unknown_goal(task.goal)
        return narrate(plan(task.goal, task.num_steps, seed=task.seed))

    def _put_right(self, task: WritingTask) -> Article:
        """One step that puts the problem right, and then the article's own next steps."""
        from illinstr.minihow import remedy

        found = remedy(task.goal, task.problem)
        if found is None:
            raise PlanError(
                f'the embedded writer knows no remedy for "{task.problem}" in "{task.goal}"',
                hint=f"{_ANY_WRITER} knows more; or {_OWN_STEPS}",
            )
        if task.num_steps != len(task.dropped) + 1:
            raise PlanError(
                f"the embedded writer adds one step and keeps the {len(task.dropped)} that follow",
                hint="leave out --steps, or add --llm",
            )
        next_steps = (
            Step(headline=step.headline, body=step.body, bullets=step.bullets, prompt=step.prompt)
            for step in task.dropped
        )
        return Article(
            id=make_id(self.name, task.goal, task.problem),
            goal=task.goal,
            steps=(Step(headline=found), *next_steps),
            provenance=Provenance(source=self.name),
        )


@dataclass(frozen=True)
class EmbeddedWorld:
    """What MiniHow knows about articles whose goals are all its own: the truth, other goals, which wordings are one.

    ``panel_px`` is the side in pixels at which its images are scored: the truth is drawn so, and what is compared with
    it is brought to that size.
    """

    truth: Source | None
    goals: tuple[str, ...]
    panel_px: ClassVar[int] = 128

    @staticmethod
    @lru_cache(maxsize=8192)  # all the world's goals, asked for once a run that is compared
    def identify(goal: str) -> str:
        """Canonical wording of a goal, however it is put; goals from outside keep their normal form."""
        from illinstr import minihow
        from illinstr.evaluation.subjects import goal_identity

        known = minihow.recognise(goal)
        return goal_identity(goal if known is None else known.text)

    @staticmethod
    def measure(article: Article) -> list[tuple[str, int, float]]:
        """What each image shows of the things that the goal names, by pixels: metric, step, share as named."""
        from illinstr.minihow.ruler import shares_as_named

        return [("attributes_as_named", step, share) for step, share in shares_as_named(article)]

    @staticmethod
    def family(goal: str) -> str | None:
        """The goal's family: goals that differ in a fruit or a colour alone share it. None from outside."""
        from illinstr import minihow

        known = minihow.recognise(goal)
        return None if known is None else known.family


def embedded_world(articles: Sequence[Article], *, draw: bool) -> EmbeddedWorld | None:
    """The world around ``articles``, None where it does not know all of their goals.

    Args:
        articles: what is evaluated.
        draw: draw the truth, the k-th article with seed k, as many steps as it has and step wordings of its split
            (train where it names none). A length that the goal's family does not have is left out.
    """
    from illinstr import minihow
    from illinstr.evaluation.evaluate import Source

    if not all(minihow.recognise(article.goal) is not None for article in articles):
        return None
    drawn: list[Article] = []
    for seed, article in enumerate(articles if draw else ()):
        with contextlib.suppress(PlanError, UsageError):
            split = article.extra.get("split")
            wording = split if split in minihow.SPLITS else "train"
            planned = minihow.plan(article.goal, article.num_steps, seed=seed, split=wording)
            drawn.append(minihow.illustrate(planned, panel_px=EmbeddedWorld.panel_px))
    truth = Source("MiniHow", drawn) if drawn else None
    return EmbeddedWorld(truth, tuple(minihow.all_goals()))
