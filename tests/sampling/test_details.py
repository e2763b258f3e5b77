"""What a language model says beside its steps: captions, states, materials and the rest, read and checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illinstr.articles import Article, Provenance, Step
from illinstr.chat.transport import ChatConfig
from illinstr.errors import UsageError
from illinstr.minihow import narrate, plan
from illinstr.sampling.writing import plan_article
from illinstr.sampling.writing.answers import read_article_answer, schema
from illinstr.sampling.writing.details import details_of, read_step, with_details
from illinstr.sampling.writing.language_model import LanguageModelWriter
from illinstr.sampling.writing.model_spec import open_model
from illinstr.sampling.writing.server import ServerModel
from illinstr.workflows.llm_check import examine_llm
from illinstr.workflows.world import nearest_articles
from tests.support.llm_server import LlmServer, said, serve

BARE = Article(id="x", goal="Make tea", steps=(Step(headline="Boil water"),), provenance=Provenance(source="generated"))
WHOLE = {
    "objects": [{"name": "mug", "looks": "a white mug with a blue rim"}],
    "materials": [{"name": "tea", "amount": "1 bag"}, {"name": "water", "amount": "250 ml"}],
    "tools": ["kettle", "mug"],
    "minutes": 75,
    "steps": [
        {
            "headline": "Boil the water",
            "body": "",
            "caption": "A steel kettle on a stove, steam rising from its spout.",
            "states": [{"object": "water", "state": "boiling"}],
            "unseen": ["mug of tea"],
        },
        {
            "headline": "Pour the water",
            "body": "Slowly.",
            "caption": "A hand pours boiling water from a steel kettle into a white mug with a blue rim.",
            "states": [{"object": "mug", "state": "full"}],
            "unseen": [],
        },
    ],
    "tips": ["Warm the mug first."],
    "warnings": ["Steam is hot."],
}


@pytest.fixture
def llm(monkeypatch: pytest.MonkeyPatch) -> Iterator[LlmServer]:
    for name in ("ILLINSTR_LLM_KEY", "OPENAI_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serve() as server:
        yield server


def written(llm: LlmServer, goal: str = "How to make tea", **options: object) -> Article:
    quick = ChatConfig(connect_s=5, read_s=5, backoff_s=0.01)
    writer = LanguageModelWriter(ServerModel(f"{llm.address}#tiny", quick), **options)  # type: ignore[arg-type]
    return plan_article(writer, goal, 2, seed=7)


def test_a_whole_answer_becomes_a_whole_article(llm: LlmServer) -> None:
    llm.replies(said(json.dumps(WHOLE)))
    article = written(llm)
    first, second = article.steps
    assert first.caption == WHOLE["steps"][0]["caption"] and first.states == {"water": "boiling"}  # type: ignore[index]
    assert first.unseen == ("mug of tea",) and second.unseen == () and second.body == "Slowly."
    assert [(each.name, each.amount) for each in article.materials] == [("tea", "1 bag"), ("water", "250 ml")]
    assert article.tools == ("kettle", "mug") and article.total_time == "PT1H15M"
    assert article.tips == ("Warm the mug first.",) and article.warnings == ("Steam is hot.",)
    assert article.objects == {"mug": "a white mug with a blue rim"}
    form = llm.asked[0].body["response_format"]["json_schema"]["schema"]
    assert form["required"] == ["objects", "materials", "tools", "minutes", "steps", "tips", "warnings"]
    assert set(form["properties"]["steps"]["items"]["required"]) == {"headline", "body", "caption", "states", "unseen"}


def test_steps_alone_are_enough(llm: LlmServer) -> None:
    llm.replies(said('{"steps":[{"headline":"Boil water"},{"headline":"Pour it"}]}'))
    article = written(llm)
    assert len(llm.asked) == 1
    assert article.materials == () and article.total_time is None and article.steps[0].caption is None


def test_an_article_says_in_which_language_its_goal_is(llm: LlmServer) -> None:
    llm.replies(said('{"steps":[{"headline":"Äpfel waschen"},{"headline":"Äpfel pressen"}]}'))
    assert written(llm, "Wie macht man Apfelsaft").language == "de"


def test_examples_show_the_form_they_ask_for(llm: LlmServer) -> None:
    llm.replies(said(json.dumps(WHOLE)))
    written(llm, examples=lambda goal, n: nearest_articles(goal, n, 2))
    shown = [json.loads(each["content"]) for each in llm.asked[0].body["messages"] if each["role"] == "assistant"]
    assert shown
    for each in shown:
        assert list(each) == ["objects", "materials", "tools", "minutes", "steps", "tips", "warnings"]
        assert all(step["caption"] for step in each["steps"])
        assert each["materials"] and each["minutes"]


def test_details_come_back_as_they_went_out() -> None:
    article = narrate(plan("How to make apple juice", 9))
    text = json.dumps(details_of(article))
    steps, more = read_article_answer(text, 9)
    found = with_details(BARE, more)
    assert [step.caption for step in steps] == [step.caption for step in article.steps]
    assert [(step.states, step.unseen) for step in steps] == [(step.states, step.unseen) for step in article.steps]
    for name in ("materials", "tools", "total_time", "tips", "warnings", "objects"):
        assert getattr(found, name) == getattr(article, name), name


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"caption": "A hand cuts it in half"}, None),
        ({"caption": "The same bowl as before"}, None),
        ({"caption": "x" * 5_000}, None),
        ({"caption": "See https://evil.example"}, None),
        ({"caption": "<img src=x>"}, None),
        ({"caption": ["a list"]}, None),
        ({"caption": 7}, "7"),
        ({"caption": "**A red kite** in the sky"}, "A red kite in the sky"),
        ({"image": "A red kite in the sky"}, "A red kite in the sky"),
        ({}, None),
    ],
)
def test_a_caption_that_cannot_be_used_is_none(given: dict[str, object], kept: str | None) -> None:
    assert read_step(given)["caption"] == kept


@pytest.mark.parametrize(
    ("minutes", "told"),
    [
        (15, "PT15M"), (90, "PT1H30M"), (15.4, "PT15M"), ("15", "PT15M"), ("1 hour 20 minutes", "PT1H20M"),
        ("PT45M", "PT45M"), ("P1DT2H", "PT26H"), ("2 h", "PT2H"), (0, None), (-3, None), (10**9, None), ("soon", None),
        (True, None), (None, None), (["15"], None), (float("nan"), None), (float("inf"), None),
    ],
)  # fmt: skip
def test_times_as_models_write_them(minutes: object, told: str | None) -> None:
    assert with_details(BARE, {"minutes": minutes}).total_time == told


def test_other_spellings_are_understood() -> None:
    found = with_details(
        BARE,
        {
            "ingredients": ["salt", {"item": "flour", "quantity": "500 g"}, {"amount": "no name"}, None, 5],
            "tools": [{"name": "bowl"}, "bowl", "", None, "spoon"],
            "tips": "One tip.",
            "objects": {"mug": "white"},
        },
    )
    assert [(each.name, each.amount) for each in found.materials] == [("salt", None), ("flour", "500 g"), ("5", None)]
    assert found.tools == ("bowl", "spoon") and found.tips == ("One tip.",) and found.objects == {"mug": "white"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = ("objects", "materials", "tools", "minutes", "tips", "warnings")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, VALUES)), st.dictionaries(st.text(), VALUES))
@settings(max_examples=80, deadline=None)
def test_whatever_is_said_never_costs_the_steps(given_: dict[str, object], step: dict[str, object]) -> None:
    article = with_details(BARE, given_)
    assert Article.from_json(article.to_json()) == article
    Step.model_validate({"headline": "x", **read_step(step)})


def test_the_schema_is_what_strict_servers_take() -> None:
    def closed(value: object) -> None:
        if isinstance(value, dict):
            if value.get("type") == "object":
                assert value["additionalProperties"] is False and value["required"] == list(value["properties"])
            for each in value.values():
                closed(each)

    closed(schema("article", 3))
    assert "Length" not in json.dumps(schema("article", 3, lengths=False))


class TestDoctor:
    def test_it_says_what_a_server_can_do(self, llm: LlmServer) -> None:
        llm.replies(said(json.dumps(WHOLE)))
        checks = {check.name: check for check in examine_llm(f"{llm.address}#tiny")}
        assert {check.status for check in checks.values()} == {"pass"}
        assert "Boil the water; Pour the water" in checks["llm"].detail
        assert "schema" in checks["llm form"].detail and "captions" in checks["llm article"].detail

    def test_it_says_what_a_server_leaves_out(self, llm: LlmServer) -> None:
        from tests.support.llm_server import refused

        def script(asked):  # a server that knows neither seeds nor forms, and a model that gives steps alone
            if "seed" in asked.body:
                return refused("seed is not supported")
            if "response_format" in asked.body:
                return refused("response_format is not supported")
            return said('{"steps":[{"headline":"Boil water"},{"headline":"Pour it"}]}')

        llm.script = script
        checks = {check.name: check for check in examine_llm(f"{llm.address}#tiny")}
        assert checks["llm"].status == "pass" and checks["llm form"].status == "warn"
        assert "no captions" in checks["llm article"].detail and "seed" in checks["llm server"].detail

    def test_what_is_not_there_fails_with_a_fix(self, tmp_path: Path) -> None:
        [check] = examine_llm(str(tmp_path / "none.gguf"))
        assert check.status == "fail" and check.fix
        [check] = examine_llm("oracle")
        assert check.status == "fail" and "unknown" in check.detail


@pytest.mark.parametrize("spec", ["http://127.0.0.1:9/v1#x", "ollama:x", "hf:a/b"])
def test_an_authority_is_for_https_alone(spec: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="behind https"):
        open_model(spec, ca=tmp_path / "own.pem")


def test_an_authority_that_is_none_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    for content in (None, "no certificate"):
        if content is not None:
            (tmp_path / "own.pem").write_text(content)
        with pytest.raises(UsageError, match="holds no certificates") as caught:
            open_model("https://127.0.0.1:9/v1#x", ca=tmp_path / "own.pem")
        assert "--llm-ca" in (caught.value.hint or "")
