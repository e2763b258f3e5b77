"""What people type as a goal, and what comes of it: the goal itself, goals that may be meant, or nothing near."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illinstr.errors import UsageError
from illinstr.minihow import recognise, suggest_near, titles
from illinstr.minihow.families import all_families
from illinstr.minihow.grammar import goals
from illinstr.minihow.matching import slips_between
from illinstr.sampling.writing.languages import NAMES, language_of
from illinstr.workflows.world import UnknownGoal, unknown_goal

KNOWN, NOTHING = "known", "nothing near"
# Every line of a list of goals as people typed them, and others of its kinds.
TYPED = {
    "How to make apple juice": KNOWN,
    "make apple jucie": "How to make apple juice",
    "how do i make tea?": "How to make green tea",
    "HOW TO FLY A RED KITE WITH GREEN CORNERS": "How to fly a red kite with green corners and a red tail",
    "How to bake a chocolate cake with blue icing and strawberries": KNOWN,
    "How to fix a flat tyre": NOTHING,
    "How to change a lightbulb": "How to change the bulb of a plain red lamp with a blue foot",
    "How to tie a tie": NOTHING,
    "How to make pancakes": NOTHING,
    "Wie macht man Apfelsaft": "de",
    "Cómo hacer zumo de manzana": "es",
    "リンゴジュースの作り方": "ja",
    "如何制作苹果汁": "zh",
    "pizza": NOTHING,
    "apple juice": KNOWN,
    "How to make banana smoothie with milk": KNOWN,
    "How to make carrot juice without a blender": "How to make carrot juice",
    "plant tomatoes": NOTHING,
    "How to plant a sunflower on a balcony in a small apartment when it is raining and I only have one hour and my cat "
    "keeps eating the seedlings so I need something tall": "How to plant a red sunflower",
    "I want to wrap a birthday present for my mum": "How to wrap a gift in red paper with a gold ribbon",
    "boil an egg": NOTHING,
    "How to make an omelette for 12 people": "How to make a cheese omelette",
    "how to build a snowman in summer": "How to build a snowman in a red hat and a yellow scarf",
    "How to kill my neighbour": NOTHING,
    "make a paper plane 🛩️": NOTHING,
    # Misspelt.
    "aple juce please": "How to make apple juice",
    "applejuice": "How to make apple juice",
    "hwo to mkae a bannana smothie with milk": "How to make a banana smoothie with milk",
    "hot choclate with marshmellows": "How to make hot chocolate with marshmallows",
    "make pea suop": "How to make pea soup",
    "candel in a jar": "How to make a red jar candle",
    "polish a windw": "How to polish a white window with red curtains using a blue sponge",
    # Asked, wished for, told about.
    "what's the best way to bake a choclate cake?": "How to bake a chocolate cake with red icing and strawberries",
    "what do I need for a kite?": "How to make a red kite with blue corners and a yellow tail",
    "Can you please help me make a cup of cocoa": "How to make a mug of hot chocolate",
    "brushing my teeth": "How to brush your teeth with a red brush and blue paste and a yellow mug",
    # In another order, with less than is needed, with the thing alone.
    "with a red bucket build a sandcastle": "How to build a sandcastle with a red bucket and a red flag and shells",
    "a green spade, to plant an apple tree": "How to plant an apple tree with a red spade and a blue can",
    "fold a boat from paper": "How to fold a red paper boat with a purple flag",
    "squeeze oranges": "How to make orange juice",
    "paint a fish": "How to paint a picture of a red fish on a white background",
    "wash my dog": "How to wash a brown dog in a red tub with a blue towel",
    "dye a tshirt": "How to dye a T-shirt red",
    "tomato": "How to make tomato juice",
    "sandwich": "How to make a cheese sandwich with white bread",
    # The thing is named, and something else is done with it; or the deed is known, and the thing is not.
    "How to remove tea stains from a carpet": NOTHING,
    "How to make money selling juice": NOTHING,
    "walk the dog": NOTHING,
    "How to train a kitten": NOTHING,
    "take a picture": NOTHING,
    "open a window": NOTHING,
    "how to make a tree house": NOTHING,
    "paint a wall": NOTHING,
    "knit a scarf": NOTHING,
    "clean a kettle": NOTHING,
    "grow tomatoes": NOTHING,
    "the cat sat on the car window": NOTHING,
    "How to install Linux": NOTHING,
    "How to build a rocket": NOTHING,
    "asdf qwer": NOTHING,
    "🙂": NOTHING,
    # Other languages.
    "Kuchen backen": "de",
    "Comment faire une tarte aux pommes": "fr",
    "Como fazer suco de maçã": "pt",
    "come fare una torta": "it",
    "Hoe maak je appelsap": "nl",
    "jak zrobić sok jabłkowy": "pl",
    "как сделать сок": "ru",
    "як зробити сік": "uk",
    "사과 주스 만드는 법": "ko",
    "πώς να φτιάξω χυμό": "el",
    "elma suyu nasıl yapılır": "tr",
    "كيف تصنع عصير التفاح": "ar",
    "सेब का रस कैसे बनाएं": "hi",
}


@pytest.mark.parametrize(("typed", "comes"), TYPED.items(), ids=[typed[:40] for typed in TYPED])
def test_what_comes_of_what_people_type(typed: str, comes: str) -> None:
    if comes == KNOWN:
        assert recognise(typed) is not None
        return
    assert recognise(typed) is None
    error = unknown_goal(typed)
    assert error.hint is not None
    assert 0 <= error.hint.find("--llm") < error.hint.find("--step")
    assert "\n" not in error.message + error.hint
    if comes in NAMES:
        assert error.language == comes
        assert NAMES[comes] in error.message and NAMES[comes] in error.hint
        assert not error.suggestions
    elif comes == NOTHING:
        assert not error.suggestions
        assert all(title in error.message for title in titles())
    else:
        assert error.suggestions[0] == comes
        assert f'did you mean "{comes}"' in error.message
        assert all(recognise(each) is not None for each in error.suggestions)


def test_every_family_says_what_it_is_about() -> None:
    for family in all_families().values():
        assert family.title and family.nouns, family.name
        assert family.made or family.verbs, family.name
        assert suggest_near(family.nouns.split()[0].replace("-", " ")) or recognise(family.nouns.split()[0]), (
            family.name
        )


@given(st.sampled_from(goals()), st.randoms(use_true_random=False))
@settings(max_examples=120, deadline=None)
def test_a_goal_with_a_slip_of_the_finger_leads_to_its_family(goal, rng) -> None:
    words = goal.text.split()
    long = [place for place, word in enumerate(words) if len(word) >= 6 and word.isalpha()]
    if not long:
        return
    place = rng.choice(long)
    word, at = words[place], rng.randrange(1, len(words[place]) - 2)
    words[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    text = " ".join(words)
    near = [recognise(each) for each in suggest_near(text)]
    assert any(each is not None and each.family == goal.family for each in near), text


@given(st.text(max_size=400))
@settings(max_examples=100, deadline=None)
def test_any_text_has_a_few_goals_near_or_none(text: str) -> None:
    near = suggest_near(text)
    assert len(near) <= 3 and all(recognise(each) is not None for each in near)
    assert language_of(text) in NAMES


def test_only_the_families_that_a_model_knows_are_suggested() -> None:
    assert suggest_near("tomato", families=["soup"])[0] == "How to make tomato soup"
    assert suggest_near("wash my dog", families=["soup"]) == []
    assert titles(["soup", "tea"]) == ["tea", "soup"]
    with pytest.raises(UsageError, match="no family"):
        suggest_near("tomato", families=["spaceships"])


def test_the_error_travels_between_processes() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(unknown_goal("make apple jucie")))
    assert isinstance(error, UnknownGoal)
    assert error.suggestions == ("How to make apple juice",) and error.hint


def _slips_by_search(one: str, other: str) -> int:
    """The same distance, by its recursion (Boytsov 2011, section 2.2), without a table."""
    if not one or not other:
        return len(one) + len(other)
    best = min(
        _slips_by_search(one[1:], other) + 1,
        _slips_by_search(one, other[1:]) + 1,
        _slips_by_search(one[1:], other[1:]) + (one[0] != other[0]),
    )
    if len(one) > 1 and len(other) > 1 and one[0] == other[1] and one[1] == other[0]:
        best = min(best, _slips_by_search(one[2:], other[2:]) + 1)
    return best


@given(st.text("abc", max_size=5), st.text("abc", max_size=5))
@settings(max_examples=60, deadline=None)
def test_slips_are_counted_as_by_hand(one: str, other: str) -> None:
    assert slips_between(one, other) == _slips_by_search(one, other)


ENGLISH = (
    "How to comment code",
    "make crème brûlée",
    "what do I need for a kite?",
    "fold a paper crane 折り紙",
    "die casting for beginners",
    "come to the party",
    "résumé",
)


@pytest.mark.parametrize("text", ENGLISH)
def test_english_with_foreign_words_is_english(text: str) -> None:
    assert language_of(text) == "en"
