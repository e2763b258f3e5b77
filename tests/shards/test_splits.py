import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from illinstr.errors import ConfigError
from illinstr.shards import goal_signature, split_of


def reference_split(signature: str, seed: int, names: list[str], cuts: list[int]) -> str:
    """Independent of the package: whole-number arithmetic on the digest's first 64 bits; cuts in per mille."""
    digest = hashlib.sha256((str(seed) + chr(31) + signature).encode()).hexdigest()
    place = int(digest[:16], 16)
    for name, cut in zip(names, cuts, strict=True):
        if place * 1000 < cut * (1 << 64):
            return name
    raise AssertionError


@given(st.text(alphabet="abcdefgh", min_size=1), st.integers(0, 10**9))
def test_splits_follow_the_hash(goal, seed):
    assert split_of(goal, seed=seed) == reference_split(
        goal_signature(goal), seed, ["train", "val", "test"], [900, 950, 1000]
    )


# Written down once; a change here assigns everybody's data again.
FROZEN = {
    "How to make apple juice": "a",
    "Plant a flower": "a",
    "Wrap a gift": "b",
    "Make tea": "a",
    "Tie a tie": "a",
    "Bake bread": "a",
    "Fold a boat": "a",
    "Paint a wall": "b",
}


def test_splits_never_change():
    assert {goal: split_of(goal, fractions={"a": 0.4, "b": 0.3, "c": 0.3}) for goal in FROZEN} == FROZEN


@pytest.mark.parametrize(
    "near",
    ["how to make an apple juice", "Make Apple Juice!", "Apple juice: make your own", "MAKE the apple-juice, make it"],
)
def test_near_duplicates_stand_on_one_side(near):
    near = near.removesuffix(", make it")
    assert goal_signature(near) == "apple juice make"
    for seed in range(20):
        assert split_of(near, seed=seed) == split_of("How to make apple juice", seed=seed)


def test_goals_of_fillers_alone_have_a_signature():
    assert goal_signature("The Own") == "the own"


def test_shares_are_as_asked_and_the_seed_deals_anew():
    goals = [f"goal number {number}" for number in range(4000)]
    fractions = {"train": 0.5, "val": 0.2, "test": 0.3}
    first = [split_of(goal, fractions=fractions) for goal in goals]
    counts = Counter(first)
    for split, share in fractions.items():
        assert abs(counts[split] / 4000 - share) < 0.03  # over four standard deviations
    assert first != [split_of(goal, seed=1, fractions=fractions) for goal in goals]


def test_a_share_of_nothing_gets_nothing():
    assert {split_of(str(n), fractions={"train": 1.0, "val": 0.0}) for n in range(200)} == {"train"}
    assert {split_of(str(n), fractions={"val": 0.0, "train": 1.0}) for n in range(200)} == {"train"}


@pytest.mark.parametrize("fractions", [{}, {"train": 0.9}, {"train": 1.5, "val": -0.5}])
def test_fractions_must_be_a_whole(fractions):
    with pytest.raises(ConfigError, match="fractions"):
        split_of("goal", fractions=fractions)
