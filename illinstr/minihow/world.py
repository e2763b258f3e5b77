"""Articles of the MiniHow world: sampled for data sets, planned for goals, illustrated by drawing."""

from __future__ import annotations

import io
import random
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from illinstr.articles import Article, Provenance, Step, clean_text, make_id
from illinstr.errors import DataError, PlanError, UsageError
from illinstr.minihow.families import Family, Look, StepDef, all_families
from illinstr.minihow.families.base import SPLITS, Item
from illinstr.minihow.grammar import Goal, goals, nearest_goals, recognise
from illinstr.minihow.wording import wordings

SCENE_VERSION = 1
MIN_STEPS = 2
LICENSE = "CC0-1.0"
JPEG_QUALITY = 95
MAX_CLAUSES = 4
# How often an article has 2, 3, ... steps when nobody asks for a number.
STEP_SHARES = {2: 1, 3: 2, 4: 3, 5: 3, 6: 4, 7: 2, 8: 2, 9: 1, 10: 1}


def steps_of(family: str) -> tuple[int, int]:
    """The fewest and the most steps that a family can tell."""
    return MIN_STEPS, all_families()[family].max_steps


def most_steps() -> int:
    """The most steps that any family can tell."""
    return max(family.max_steps for family in all_families().values())


def held_out_goals(count: int, num_steps: int) -> list[str]:
    """``count`` test goals that can be told in ``num_steps`` steps, spread evenly over all there are; fewer if need be.

    Evenly over goals, not over families: a family with many goals gives many. What measures a model uses these.

    Raises:
        UsageError: the world holds none, or ``count`` is not positive.
    """
    if count < 1:
        raise UsageError(f"{count} goals: at least 1 is needed")
    able = [goal.text for goal in goals("test") if steps_of(goal.family)[0] <= num_steps <= steps_of(goal.family)[1]]
    if not able:
        raise UsageError(f"no held-out goal can be told in {num_steps} steps")
    count = min(count, len(able))
    return [able[place * len(able) // count] for place in range(count)]


def _choose(family: Family, count: int, rng: random.Random) -> list[list[StepDef]]:
    """``count`` groups of steps in order; the last of each group is the one illustrated.

    With room to spare every core step stands alone and extras fill up at random. With less room the weightiest core
    steps (a little chance in the weights) keep their images and take in the words of those dropped before them.
    """
    core = family.core
    if count >= len(core):
        extras = [each for each in family.steps if each.extra]
        kept = {each.key for each in core} | {each.key for each in rng.sample(extras, count - len(core))}
        return [[each] for each in family.steps if each.key in kept]
    chance = {each.key: each.weight + rng.random() * 1.5 for each in core}
    kept = {each.key for each in sorted(core[:-1], key=lambda each: -chance[each.key])[: count - 1]} | {core[-1].key}
    groups: list[list[StepDef]] = [[]]
    for each in core:
        groups[-1].append(each)
        if each.key in kept:
            groups.append([])
    return [_trim(group) for group in groups if group]


def _trim(group: list[StepDef]) -> list[StepDef]:
    if len(group) <= MAX_CLAUSES:
        return group
    spared = sorted(group[:-1], key=lambda each: -each.weight)[: MAX_CLAUSES - 1]
    return [each for each in group if each in spared or each is group[-1]]


def join_clauses(clauses: list[str]) -> str:
    """One sentence from imperative clauses: "Wash it, cut it in half and pour it in."."""
    first, *others = clauses
    lowered = [other[0].lower() + other[1:] for other in others]
    if not lowered:
        return f"{first}."
    return ", ".join([first, *lowered[:-1]]) + f" and {lowered[-1]}."


def _shifted(items: list[Item], dx: float, dy: float) -> list[Item]:
    return [{**item, "x": round(item["x"] + dx, 1), "y": round(item["y"] + dy, 1)} for item in items]


def _scene(family: Family, look: Look, group: list[StepDef], rng: random.Random) -> dict[str, Any]:
    dx, dy = rng.uniform(-2.5, 2.5), rng.uniform(-1, 1)
    return {
        "version": SCENE_VERSION,
        "family": family.name,
        "step": group[-1].key,
        "told": [each.key for each in group],
        "wall": look.wall,
        "decor": look.decor,
        "table": look.table,
        "ground": family.ground,
        "objects": _shifted(group[-1].scene(look), dx, dy),
    }


def _write(goal: Goal, text: str, count: int, split: str, rng: random.Random, **extra: Any) -> Article:
    family = all_families()[goal.family]
    fewest, most = steps_of(goal.family)
    if not fewest <= count <= most:
        raise UsageError(
            f"{goal.text!r} can be told in {fewest} to {most} steps, not {count}",
            hint=f"use --steps {min(max(count, fewest), most)}",
        )
    look = Look.sample(goal.values, rng)
    steps = []
    for group in _choose(family, count, rng):
        headline = join_clauses([rng.choice(wordings(each, split)) for each in group])
        steps.append(Step(headline=headline, scene=_scene(family, look, group, rng)))
    return Article(
        id=make_id("minihow", goal.text, text, count, *(f"{key}={value}" for key, value in sorted(extra.items()))),
        goal=text,
        steps=tuple(steps),
        provenance=Provenance(source="minihow"),
        license=LICENSE,
        extra={
            "categories": [family.category],
            "family": goal.family,
            "attributes": goal.values,
            "split": split,
            **extra,
        },
    )


def _wording(goal: Goal, rng: random.Random) -> str:
    phrases = goal.phrasings
    phrase = phrases[0] if rng.random() < 0.5 else rng.choice(phrases)
    if rng.random() < 0.15:
        return phrase[0].upper() + phrase[1:]
    return f"How to {phrase}"


def make_article(
    index: int,
    *,
    seed: int = 0,
    split: str = "train",
    num_steps: int | None = None,
    panel_px: int = 128,
    image: bool = True,
    step_range: tuple[int, int] | None = None,
    families: Collection[str] | None = None,
) -> Article:
    """Article ``index`` of an endless series; the same arguments give the same bytes.

    Args:
        index: position in the series, from 0.
        seed: which series.
        split: train, val or test; neither goals nor step wordings are shared between them.
        num_steps: exactly this many steps; None draws a number.
        panel_px: side of each image in pixels.
        image: draw the images (JPEG, quality 95, 4:4:4).
        step_range: without ``num_steps``, draw the number from fewest..most, short of what the family can tell.
        families: draw goals of these families only; None for all.

    Raises:
        UsageError: an unknown split or family, a negative index, or more or fewer steps than any family has.
    """
    if index < 0:
        raise UsageError(f"article index {index} is negative")
    rng = random.Random(f"minihow/{seed}/{split}/{index}")
    pool = _pools(split, None if families is None else frozenset(families))
    fewest, most = (num_steps, num_steps) if num_steps is not None else step_range or (MIN_STEPS, max(STEP_SHARES))
    names = [name for name in pool if fewest <= steps_of(name)[1]]
    if fewest < MIN_STEPS or most < fewest or not names:
        asked = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        raise UsageError(
            f"no MiniHow article has {asked} steps", hint=f"between {MIN_STEPS} and {most_steps()} steps can be had"
        )
    goal = rng.choice(pool[rng.choice(names)])
    numbers = range(fewest, min(most, steps_of(goal.family)[1]) + 1)
    count = rng.choices(numbers, [STEP_SHARES.get(number, 1) for number in numbers])[0]
    article = _write(goal, _wording(goal, rng), count, split, rng, seed=seed, index=index)
    return illustrate(article, panel_px=panel_px) if image else article


@lru_cache(maxsize=16)
def _pools(split: str, families: frozenset[str] | None) -> dict[str, list[Goal]]:
    pool: dict[str, list[Goal]] = {}
    for goal in goals(split, families):
        pool.setdefault(goal.family, []).append(goal)
    return pool


def plan(
    goal: str, num_steps: int, *, seed: int = 0, split: str = "train", families: Collection[str] | None = None
) -> Article:
    """Write the steps and scenes for a goal of the world, without images.

    Args:
        goal: in the user's words.
        num_steps: N, honoured exactly.
        seed: another seed words and looks the article differently.
        split: whose step wordings to use.
        families: the only families to think of (those a model was trained on); None for all.

    Raises:
        PlanError: a goal outside the world; the hint names near ones.
        UsageError: a number of steps the family cannot give, or an unknown split or family.
    """
    if split not in SPLITS:
        raise UsageError(f"unknown split {split!r}", hint=f"one of {', '.join(SPLITS)}")
    known = recognise(goal, families)
    if known is None:
        near = "; ".join(nearest_goals(goal, families=families))
        raise PlanError(f"the goal {clean_text(goal)!r} is outside the MiniHow world", hint=f"near it are: {near}")
    rng = random.Random(f"minihow-plan/{seed}/{split}/{known.text}/{num_steps}")
    return _write(known, clean_text(goal), num_steps, split, rng, seed=seed)


def illustrate(article: Article, *, panel_px: int = 128) -> Article:
    """Draw ``step.scene`` of every step.

    Raises:
        DataError: a step has no scene, or one that cannot be drawn.
    """
    images: dict[int, bytes] = {}
    for number, step in enumerate(article.steps):
        if step.scene is None:
            raise DataError(f"step {number + 1} of {article.goal!r} has no scene to draw")
        images[number] = encode_panel(step.scene, panel_px)
    return article.with_images(images)


def encode_panel(scene: dict[str, Any], panel_px: int) -> bytes:
    """One panel as JPEG bytes: quality 95, no chroma subsampling, so that thin coloured outlines stay crisp."""
    from illinstr.minihow.scene import draw_scene

    stream = io.BytesIO()
    draw_scene(scene, panel_px).save(stream, format="JPEG", quality=JPEG_QUALITY, subsampling=0)
    return stream.getvalue()
