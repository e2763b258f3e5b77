"""Steps of the user's own: parsing, caps, and what a planner's output must pass before it is drawn."""

from __future__ import annotations

import string
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from illinstr.articles import MAX_STEPS, Article, Provenance, Step, StepImage, clean_text, normalise_goal
from illinstr.errors import PlanError, UsageError
from illinstr.sampling.writing import (
    MAX_BODY_CHARS,
    MAX_FILE_BYTES,
    MAX_GOAL_CHARS,
    MAX_HEADLINE_CHARS,
    UserSteps,
    WritingTask,
    check_goal,
    parse_step,
    plan_article,
    read_goals,
    read_steps,
    slug,
)
from tests.support.tiny_run import make_image

printable = st.text(st.characters(codec="utf-8"), max_size=60)


def write(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "lines.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


class TestStep:
    def test_a_headline_alone(self) -> None:
        assert parse_step("  Wash the\tapples ") == Step(headline="Wash the apples")

    def test_headline_and_body(self) -> None:
        step = parse_step("Wash the apples | Use cold water | and a brush")
        assert (step.headline, step.body) == ("Wash the apples", "Use cold water | and a brush")

    def test_colons_and_bars_without_spaces_are_text(self) -> None:
        assert parse_step("Mix: 1|2 cups").headline == "Mix: 1|2 cups"

    @pytest.mark.parametrize("text", ["", "   ", "\x00\x1b", " | body alone", "\u200b"])
    def test_nothing_to_do_is_refused(self, text: str) -> None:
        with pytest.raises(UsageError, match="empty") as caught:
            parse_step(text)
        assert caught.value.hint

    def test_caps(self) -> None:
        assert len(parse_step("x" * MAX_HEADLINE_CHARS).headline) == MAX_HEADLINE_CHARS
        with pytest.raises(UsageError, match="301 characters"):
            parse_step("x" * (MAX_HEADLINE_CHARS + 1))
        with pytest.raises(UsageError, match="body"):
            parse_step("x | " + "y" * (MAX_BODY_CHARS + 1))

    def test_terminal_escapes_are_stripped(self) -> None:
        assert parse_step("Wash\x1b[31m the\x07 apples\u202e").headline == "Wash[31m the apples"

    def test_bytes_that_are_no_text(self) -> None:
        with pytest.raises(UsageError, match="Unicode"):
            parse_step("Wash \udcff")

    @given(headline=printable, body=printable)
    def test_whatever_is_given_is_clean_or_refused(self, headline: str, body: str) -> None:
        try:
            step = parse_step(f"{headline} | {body}")
        except UsageError:
            return
        for text in (step.headline, step.body):
            assert text == clean_text(text)
            assert not any(unicodedata.category(c) == "Cc" for c in text)


class TestStepsFile:
    def test_one_step_a_line(self, tmp_path: Path) -> None:
        path = write(
            tmp_path, "\ufeff# juice\n1. Wash\r\n\n2) Cut | in half\n- Blend\n* Pour\n• Serve\n1.5 cups go in\n"
        )
        assert [step.headline for step in read_steps(path)] == [
            "Wash",
            "Cut",
            "Blend",
            "Pour",
            "Serve",
            "1.5 cups go in",
        ]
        assert read_steps(path)[1].body == "in half"

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", "holds no lines"),
            ("# only\n\n  \n", "holds no lines"),
            (b"\xff\xfe\x00", "not UTF-8"),
            ("x\n" * (MAX_STEPS + 1), "at most 100"),
            (b"x" * (MAX_FILE_BYTES + 1), "MiB"),
            ("Wash\n" + "y" * 400, "400 characters"),
        ],
    )
    def test_bad_files(self, tmp_path: Path, content: str | bytes, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            read_steps(write(tmp_path, content))

    def test_missing_files_and_folders(self, tmp_path: Path) -> None:
        for path in (tmp_path / "none.txt", tmp_path):
            with pytest.raises(UsageError, match="cannot read") as caught:
                read_steps(path)
            assert caught.value.hint

    @given(
        st.lists(
            st.text(string.ascii_letters + " ", min_size=1, max_size=30).filter(str.strip), min_size=1, max_size=20
        )
    )
    def test_numbered_lists_come_back(self, headlines: list[str]) -> None:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            path = write(Path(folder), "\n".join(f"{i}. {h}" for i, h in enumerate(headlines, start=1)))
            assert [step.headline for step in read_steps(path)] == [" ".join(h.split()) for h in headlines]

    def test_goals_are_taken_once(self, tmp_path: Path) -> None:
        path = write(tmp_path, "How to make tea\nmake TEA!\n# no\nHow to make juice\n")
        assert read_goals(path) == ["How to make tea", "How to make juice"]


class TestGoal:
    @pytest.mark.parametrize("text", ["", " ", "\x00\x07", "?!", "\u200b\u200d"])
    def test_empty(self, text: str) -> None:
        with pytest.raises(UsageError, match="empty"):
            check_goal(text)

    def test_length(self) -> None:
        assert check_goal("a" * MAX_GOAL_CHARS)
        with pytest.raises(UsageError, match="10,000 characters"):
            check_goal("a" * 10_000)

    def test_cleaned(self) -> None:
        assert check_goal(" How to\nmake\x1b[2J tea\u2028") == "How to make[2J tea"

    @given(st.text(st.characters(codec="utf-8"), max_size=100), st.text(st.characters(codec="utf-8"), max_size=100))
    def test_slugs_are_plain_names_and_differ_where_goals_differ(self, one: str, other: str) -> None:
        names = []
        for goal in (one, other):
            try:
                names.append((normalise_goal(check_goal(goal)), slug(check_goal(goal))))
            except UsageError:
                return
        for _, name in names:
            assert name and len(name) <= 69
            assert set(name) <= set(string.ascii_lowercase + string.digits + "-")
        assert (names[0][0] == names[1][0]) == (names[0][1] == names[1][1])

    def test_slugs(self) -> None:
        assert slug("How to make apple juice!") == "make-apple-juice"
        assert slug("How to make crème brûlée") != slug("How to make creme brulee") == "make-creme-brulee"
        assert slug("如何泡茶") != slug("如何喝茶")
        assert slug("make " + "very " * 50 + "hot tea") != slug("make " + "very " * 50 + "cold tea")


class TestPlanArticle:
    def test_user_steps(self) -> None:
        article = plan_article(
            UserSteps([parse_step("Boil water"), parse_step("Pour | slowly")]), "Make tea", 2, seed=3
        )
        assert [(s.headline, s.body) for s in article.steps] == [("Boil water", ""), ("Pour", "slowly")]
        assert article.provenance == Provenance(source="generated", parser="user")
        assert article.id.startswith("generated-")

    def test_ids_differ_by_seed_goal_and_words(self) -> None:
        def ident(goal: str, words: str, seed: int) -> str:
            return plan_article(UserSteps([parse_step(words)]), goal, 1, seed=seed).id

        assert ident("a", "b", 0) == ident("a", "b", 0)
        assert len({ident("a", "b", 0), ident("a", "b", 1), ident("c", "b", 0), ident("a", "d", 0)}) == 4

    def test_a_wrong_number_is_refused(self) -> None:
        with pytest.raises(PlanError, match="2 steps were asked for and 1"):
            plan_article(UserSteps([parse_step("x")]), "a", 2, seed=0)

    def test_what_a_writer_returns_is_checked(self) -> None:
        class Careless:
            """A writer as a language model might be: it returns what it likes."""

            name = "careless"

            def __init__(self, *steps: Step) -> None:
                self.steps = steps

            def write(self, task: WritingTask) -> Article:
                return Article(id="x", goal=task.goal, steps=self.steps, provenance=Provenance(source="somewhere"))

        with pytest.raises(PlanError, match="careless wrote 1 steps where 2"):
            plan_article(Careless(Step(headline="x")), "a", 2, seed=0)
        with pytest.raises(PlanError, match="step 2 is empty"):
            plan_article(Careless(Step(headline="x"), Step(headline="\x07")), "a", 2, seed=0)
        with pytest.raises(PlanError, match="step 1 has a headline of 400"):
            plan_article(Careless(Step(headline="x" * 400)), "a", 1, seed=0)
        image: StepImage = make_image((1, 2, 3))
        kept = plan_article(Careless(Step(headline="x\x1b", bullets=("a\x07", "\x07"), image=image)), "a", 1, seed=0)
        assert kept.steps[0] == Step(headline="x", bullets=("a",))
