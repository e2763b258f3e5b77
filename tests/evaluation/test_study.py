"""A study with people: what the page hides, what the votes must be, and what the commands say."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from illinstr.cli.app import app
from illinstr.errors import DataError, PartialError, UsageError
from illinstr.evaluation.study.page import QUESTIONS, Key, make_study, read_key
from illinstr.images import encode_png
from illinstr.runs import write_run
from illinstr.sampling.drawing.illustrator import recipe_of
from tests.support.tiny_run import make_article, make_image, make_record

GOALS = ("How to test", "How to rest", "How to nest")


def make_system(folder: Path, model: str, colour: int, goals: tuple[str, ...] = GOALS, num_steps: int = 2) -> Path:
    """A run folder of one article a goal, its images carrying a recipe that names the model."""
    from PIL import Image

    record = make_record(model_id=model)
    for number, goal in enumerate(goals):
        article = make_article(num_steps, f"generated-{number}").model_copy(update={"goal": goal})
        images = {
            i: encode_png(Image.effect_noise((32, 32), 20 + colour + i), recipe_of(record)) for i in range(num_steps)
        }
        article = article.with_images(images)
        write_run(folder / f"goal-{number}", article, record, {"index.html": model})
    return folder


@pytest.fixture
def systems(tmp_path: Path) -> dict[str, Path]:
    return {
        "alpha": make_system(tmp_path / "alpha", "secret-model-a", 0),
        "beta": make_system(tmp_path / "beta", "secret-model-b", 60),
    }


def without_images(page: str) -> str:
    """The page less its encoded images, whose letters may spell any short word; the images are looked at apart."""
    return re.sub(r"data:[a-z]+/[a-z0-9.+-]+;base64,[A-Za-z0-9+/=]*", "", page)


def data_of(page: str) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert match is not None
    data: dict[str, Any] = json.loads(match[1])
    return data


def votes_of(key: Key, page: str, rater: str, prefer: Any) -> dict[str, Any]:
    """What the page would save for a rater; ``prefer(pair, question)`` names a side, or None."""
    pairs = {pair.item: pair for pair in key.pairs}
    answers = []
    for item in data_of(page)["items"]:
        pair = pairs[item["item"]]
        left, right = (side["token"] for side in item["sides"])
        for question in QUESTIONS:
            chosen = prefer(pair, question)
            choice = "tie" if chosen is None else next(t for t, name in pair.sides.items() if name == chosen)
            answer = {"item": item["item"], "question": question, "left": left, "right": right, "ms": 900}
            answers.append(answer | {"choice": choice})
    head = {"format": "illinstr-votes", "schema_version": 1, "study": key.study, "rater": rater}
    return head | {"answers": answers}


class TestMake:
    def test_every_pair_on_every_shared_goal_and_the_checks(self, systems: dict[str, Path], tmp_path: Path) -> None:
        systems["gamma"] = make_system(tmp_path / "gamma", "m", 90, (*GOALS[:2], "How to be alone"))
        made = make_study(systems, tmp_path / "study", seed=1, checks=3)
        real = [pair for pair in made.key.pairs if pair.check is None]
        found = sorted((pair.goal, *sorted(pair.sides.values())) for pair in real)
        wanted = [(goal, *both) for goal in sorted(GOALS[:2]) for both in itertools.combinations(sorted(systems), 2)]
        assert found == wanted
        assert made.left_out == {"alpha": ("nest",), "beta": ("nest",), "gamma": ("be alone",)}
        checks = [pair for pair in made.key.pairs if pair.check is not None]
        assert len(checks) == 3
        for pair in checks:
            assert pair.check is not None and pair.sides[pair.check] and "" in pair.sides.values()
        assert read_key(tmp_path / "study" / "key.json") == made.key

    def test_the_page_tells_nothing(self, systems: dict[str, Path], tmp_path: Path) -> None:
        made = make_study(systems, tmp_path / "study", seed=1, checks=2)
        page = (tmp_path / "study" / "index.html").read_text()
        shown = without_images(page)
        assert ";base64," in page and ";base64," not in shown and data_of(shown).keys() == data_of(page).keys()
        for secret in ("alpha", "beta", "secret-model", "check"):
            assert secret not in shown.partition('id="data">')[2].partition("</script>")[0]
        assert "secret-model" not in shown and "alpha" not in shown
        import base64
        import io

        from PIL import Image

        formats = set()
        for item in data_of(page)["items"]:
            assert set(item) == {"item", "goal", "sides", "twin"}
            for side in item["sides"]:
                assert set(side) == {"token", "steps"}
                for step in side["steps"]:
                    assert set(step) == {"text", "image"}
                    content = base64.b64decode(step["image"].partition(";base64,")[2])
                    assert b"secret" not in content and b"illinstr" not in content
                    with Image.open(io.BytesIO(content)) as image:
                        formats.add((image.format, image.size, tuple(sorted(image.info))))
        assert len(formats) == 1
        # Nor does the place in the file: tokens of one system stand first about as often as second.
        pairs = {pair.item: pair for pair in made.key.pairs}
        firsts = set()
        for seed in range(12):
            other = make_study(systems, tmp_path / f"study{seed}", seed=seed, checks=1)
            pairs = {pair.item: pair for pair in other.key.pairs}
            for item in data_of((tmp_path / f"study{seed}" / "index.html").read_text())["items"]:
                pair = pairs[item["item"]]
                firsts.add((pair.check is not None, pair.sides[item["sides"][0]["token"]]))
        assert firsts == {(False, "alpha"), (False, "beta"), (True, "alpha"), (True, "")}

    def test_a_check_is_the_same_article_with_its_images_in_pieces(
        self, systems: dict[str, Path], tmp_path: Path
    ) -> None:
        made = make_study(systems, tmp_path / "study", seed=1, checks=1)
        (check,) = (pair for pair in made.key.pairs if pair.check is not None)
        items = data_of((tmp_path / "study" / "index.html").read_text())["items"]
        sides = next(item["sides"] for item in items if item["item"] == check.item)
        one, other = ([step["text"] for step in side["steps"]] for side in sides)
        assert one == other
        assert all(a["image"] != b["image"] for a, b in zip(sides[0]["steps"], sides[1]["steps"], strict=True))

    def test_seed_and_goals(self, systems: dict[str, Path], tmp_path: Path) -> None:
        pages = [
            (
                make_study(systems, tmp_path / f"s{i}", seed=seed, checks=1, max_goals=2).folder / "index.html"
            ).read_bytes()
            for i, seed in enumerate((1, 1, 2))
        ]
        assert pages[0] == pages[1] != pages[2]
        assert len({item["goal"] for item in data_of(pages[0].decode())["items"]}) == 2

    def test_bad_runs_are_named(self, systems: dict[str, Path], tmp_path: Path) -> None:
        out = tmp_path / "study"
        systems["gamma"] = make_system(tmp_path / "gamma", "m", 0, ("How to be alone",))
        with pytest.raises(DataError, match="no goal in common"):
            make_study(systems, out, seed=0, checks=0)
        bare = make_article(2).model_copy(
            update={"steps": (make_article(1).steps[0].model_copy(update={"image": None}),)}
        )
        write_run(tmp_path / "bare", bare, make_record(), {})
        with pytest.raises(DataError, match=r"step 1 .* in bare has no image"):
            make_study({"alpha": systems["alpha"], "bare": tmp_path / "bare"}, out, seed=0, checks=0)
        with pytest.raises(UsageError, match="two runs at least"):
            make_study({"alpha": systems["alpha"]}, out, seed=0, checks=0)
        with pytest.raises(UsageError, match="--checks"):
            make_study(systems, out, seed=0, checks=-1)
        assert not out.exists()

    def test_hostile_texts_stay_data(self, tmp_path: Path) -> None:
        bad = "</script><script>alert(1)</script><!--"
        article = make_article(1).model_copy(update={"goal": bad})
        article = article.model_copy(
            update={"steps": (article.steps[0].model_copy(update={"headline": bad, "image": make_image((1, 2, 3))}),)}
        )
        for name in "ab":
            write_run(tmp_path / name, article, make_record(), {})
        make_study({"a": tmp_path / "a", "b": tmp_path / "b"}, tmp_path / "study", seed=0, checks=0)
        page = (tmp_path / "study" / "index.html").read_text()
        assert page.count("<script") == 2
        assert data_of(page)["items"][0]["goal"] == bad


class TestScore:
    @pytest.fixture
    def made(self, systems: dict[str, Path], tmp_path: Path) -> tuple[Key, str, Path]:
        made = make_study(systems, tmp_path / "study", seed=4, checks=2)
        return made.key, (made.folder / "index.html").read_text(), made.folder

    def write(self, folder: Path, name: str, votes: dict[str, Any]) -> Path:
        folder.mkdir(exist_ok=True)
        path = folder / f"{name}.json"
        path.write_text(json.dumps(votes))
        return path

    def files(self, made: tuple[Key, str, Path], count: int = 3) -> list[Path]:
        """Raters who always prefer alpha for the goal, differ on the steps, and see no difference in consistency."""
        key, page, folder = made
        paths = []
        for number in range(count):

            def prefer(pair: Any, question: str, number: int = number) -> str | None:
                if pair.check is not None:
                    return str(pair.sides[pair.check])
                return {"goal": "alpha", "steps": "alpha" if number % 2 else "beta", "consistency": None}[question]

            paths.append(self.write(folder / "votes", f"v{number}", votes_of(key, page, f"rater{number}", prefer)))
        return paths

    def score(self, *words: str | Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
        capsys.readouterr()
        app(["study", "score", *map(str, words), "--json", "--quiet"], standalone_mode=False)
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    def test_counts_what_people_said(self, made: tuple[Key, str, Path], capsys: pytest.CaptureFixture[str]) -> None:
        paths = self.files(made)
        result = self.score(*paths, capsys=capsys)
        by_question = {one["question"]: one for one in result["questions"]}
        goal, steps, consistency = (by_question[q] for q in QUESTIONS)
        assert goal["n"] == 9 and goal["raters"] == 3
        assert goal["win_rates"][0] | {"rate": None} == {
            "first": "alpha",
            "second": "beta",
            "rate": None,
            "wins": 9,
            "losses": 0,
            "ties": 0,
        }
        assert goal["win_rates"][0]["rate"] == {"value": 1.0, "low": pytest.approx(0.025 ** (1 / 3)), "high": 1.0}
        assert not goal["bounded"] and {each["low"] for each in goal["strengths"].values()} == {None}
        assert steps["win_rates"][0]["rate"]["value"] == pytest.approx(1 / 3) and steps["bounded"]
        assert steps["agreement"] == pytest.approx(1 / 3)
        assert consistency["win_rates"][0]["ties"] == 9 and consistency["strengths"]["alpha"]["value"] == 0
        assert json.loads(Path(result["file"]).read_text())["study"] == made[0].study

    def test_careless_raters_are_left_out_by_name(
        self, made: tuple[Key, str, Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        key, page, folder = made
        careless = votes_of(key, page, "careless", lambda pair, _: "" if pair.check else "beta")
        paths = [*self.files(made), self.write(folder / "votes", "bad", careless)]
        result = self.score(*paths, "--study", folder, capsys=capsys)
        assert result["excluded"] == {"careless": "0 of 6 attention answers right"}
        assert result["questions"][0]["win_rates"][0]["losses"] == 0
        everyone = self.score(*paths, "--min-attention", "0", "--out", folder / "all.json", capsys=capsys)
        assert everyone["excluded"] == {} and everyone["questions"][0]["win_rates"][0]["losses"] == 3
        assert (folder / "all.json").is_file()
        with pytest.raises(DataError, match="no votes are left"):
            self.score(paths[-1], capsys=capsys)

    def test_bad_votes_are_named_and_cost_themselves_alone(
        self, made: tuple[Key, str, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        folder = made[2]
        good = self.files(made, 2)
        votes = json.loads(good[0].read_text())
        first = votes["answers"][0]

        def changed(**changes: Any) -> dict[str, Any]:
            return votes | {"rater": "new", "answers": [first | changes, *votes["answers"][1:]]}

        for content, message in [
            (votes, "same rater"),
            (changed(item="nobody"), "not in the study"),
            (changed(left=first["right"], right=first["right"]), "not in the study"),
            (changed(choice="alpha"), "chooses neither"),
            (changed(question="beauty"), "no file of votes"),
            (votes | {"rater": "new", "answers": [first, first]}, "answered twice"),
            (votes | {"rater": "new", "study": "another"}, "different studies"),
            (votes | {"rater": "new", "more": 1}, "no file of votes"),
            ([], "no file of votes"),
        ]:
            bad = self.write(folder / "votes", "bad", content)
            with pytest.raises(DataError if message == "different studies" else PartialError, match=message):
                self.score(*good, bad, capsys=capsys)
            bad.unlink()
        with pytest.raises(DataError, match="cannot read"):
            self.score(tmp_path / "none.json", capsys=capsys)
        with pytest.raises(DataError, match=r"cannot read .*key\.json"):
            self.score(*good, "--study", tmp_path, capsys=capsys)
        with pytest.raises(UsageError, match="--min-attention"):
            self.score(*good, "--min-attention", "2", capsys=capsys)
        scores = json.loads((folder / "votes" / "scores.json").read_text())
        assert len(scores["raters"]) == 2  # of the good files alone

    def test_the_command_makes_and_says_what(
        self, systems: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "made"
        words = ["study", "make", str(systems["alpha"]), f"other={systems['beta']}", "--out", str(out), "--quiet"]
        app([*words, "--checks", "1", "--goals", "2", "--seed", "5", "--json"], standalone_mode=False)
        said = json.loads(capsys.readouterr().out)
        assert (said["systems"], said["pairs"], said["checks"]) == (["alpha", "other"], 2, 1)
        assert Path(said["page"]).is_file() and read_key(Path(said["key"])).study == said["study"]
        with pytest.raises(UsageError, match="holds a study"):
            app(words, standalone_mode=False)
        app([*words, "--overwrite"], standalone_mode=False)
        assert capsys.readouterr().out.splitlines()[-1] == said["page"]
        (out / "notes.txt").write_text("mine")
        with pytest.raises(UsageError, match=r"notes\.txt"):
            app([*words, "--overwrite"], standalone_mode=False)
        with pytest.raises(UsageError, match="two runs are called"):
            app(["study", "make", str(systems["alpha"]), str(systems["alpha"])], standalone_mode=False)


def test_what_make_says_on_stderr(systems: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line of what was made, and goals that only one run has, by name."""
    more = make_system(tmp_path / "gamma", "m", 0, (*GOALS[:1], "How to be alone"))
    app(
        ["study", "make", str(systems["alpha"]), str(more), "--out", str(tmp_path / "s"), "--checks", "1"],
        standalone_mode=False,
    )
    said = capsys.readouterr().err
    assert "1 pair and 1 attention check; send index.html, keep key.json" in said
    assert "1 goals of gamma are not in every run and were left out: be alone" in said
