"""What servers and models are known to do, from public reports, each by a loopback server that does so.

Every row either gives the steps, or an error in the server's own words.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from illinstr.chat.transport import ChatConfig
from illinstr.errors import PlanError
from illinstr.progress import reporting_to
from illinstr.sampling.writing import plan_article
from illinstr.sampling.writing.language_model import LanguageModelWriter
from illinstr.sampling.writing.server import ServerModel
from tests.support.llm_server import Asked, LlmServer, Reply, refused, said, serve

QUICK = ChatConfig(connect_s=5, read_s=5, backoff_s=0.01, longest_wait_s=0.05, loading_s=2)
ANSWER = '{"steps":[{"headline":"Loosen the nuts","body":""},{"headline":"Jack up the car","body":""}]}'
STEPS = ["Loosen the nuts", "Jack up the car"]


@pytest.fixture
def llm(monkeypatch: pytest.MonkeyPatch) -> Iterator[LlmServer]:
    for name in ("ILLINSTR_LLM_KEY", "OPENAI_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serve() as server:
        yield server


def written(llm: LlmServer, **options: object) -> list[str]:
    writer = LanguageModelWriter(ServerModel(f"{llm.address}#tiny", QUICK), **options)  # type: ignore[arg-type]
    return [step.headline for step in plan_article(writer, "How to change a tyre", 2, seed=7).steps]


def choice(message: object, finish: str = "stop", **more: object) -> Reply:
    return Reply(json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish}], **more}).encode())


def content(text: object, **more: object) -> Reply:
    return choice({"role": "assistant", "content": text, **more})


def body(value: object, status: int = 200) -> Reply:
    return Reply(json.dumps(value).encode(), status)


def events(*pieces: str, field: str = "content", end: str = "data: [DONE]\n\n") -> Reply:
    lines = [f"data: {json.dumps({'choices': [{'delta': {field: piece}}]})}\n\n" for piece in pieces]
    return Reply(("".join(lines) + end).encode(), headers={"Content-Type": "text/event-stream"})


# What is said, all of which means the same two steps.
SPELLINGS: dict[str, Reply] = {
    "plain": said(ANSWER),
    "thoughts": said(f'<think>Two steps {{"steps": []}}</think>{ANSWER}'),
    "orphan end of thoughts": said(f'The user wants steps. I will write {{"steps"}} now.\n</think>\n{ANSWER}'),
    "two thoughts": said(f"<think>a</think>no<think>b</think>{ANSWER}"),
    "thoughts by another name": said(f"<reasoning>hm</reasoning>\n{ANSWER}"),
    "thoughts in brackets": said(f"[THINK]hm[/THINK]{ANSWER}"),
    "thoughts that never end, with the answer in them": said(f"<think>I write {ANSWER}"),
    "channels": said(
        f"<|channel|>analysis<|message|>{{}}<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}<|return|>"
    ),
    "parts": content([{"type": "text", "text": ANSWER}]),
    "parts with thoughts": content(
        [{"type": "thinking", "thinking": [{"type": "text", "text": "x"}]}, {"type": "text", "text": ANSWER}]
    ),
    "parts of another name": content([{"type": "output_text", "text": ANSWER}]),
    "parts in pieces": content([{"type": "text", "text": ANSWER[:20]}, {"type": "text", "text": ANSWER[20:]}]),
    "reasoning apart": content(ANSWER, reasoning_content="I think {"),
    "answer filed under reasoning": content("", reasoning_content=f"So: {ANSWER}"),
    "answer filed under reasoning, content null": content(None, reasoning=ANSWER),
    "a call nobody offered": choice(
        {"content": None, "tool_calls": [{"function": {"name": "x", "arguments": ANSWER}}]}
    ),
    "an old function call": choice({"content": None, "function_call": {"name": "x", "arguments": ANSWER}}),
    "text completion": body({"choices": [{"text": ANSWER, "finish_reason": "stop"}]}),
    "Ollama's own protocol": body({"message": {"role": "assistant", "content": ANSWER}, "done_reason": "stop"}),
    "events though not asked": events(ANSWER[:30], ANSWER[30:]),
    "events without an end": events(ANSWER[:30], ANSWER[30:], end=""),
    "events with comments": Reply(b": ping\n\n" + events(ANSWER).body),
    "gzip though not asked": Reply(gzip.compress(said(ANSWER).body), headers={"Content-Encoding": "gzip"}),
    "deflate though not asked": Reply(zlib.compress(said(ANSWER).body), headers={"Content-Encoding": "deflate"}),
    "a byte-order mark": Reply(b"\xef\xbb\xbf" + said(ANSWER).body),
    "a list around the completion": Reply(b"[" + said(ANSWER).body + b"]"),
    "a fence": said(f"```json\n{ANSWER}\n```"),
    "a fence without a name": said(f"```\n{ANSWER}\n```"),
    "a fence that never ends": said(f"Sure!\n```json\n{ANSWER}"),
    "prose around": said(f"Here you are: {ANSWER} Good luck!"),
    "prose with braces before": said(f"In the form {{steps}} as asked: {ANSWER}"),
    "a draft before": said('{"steps":[{"headline":"x"}]} no, wait: ' + ANSWER),
    "trailing commas": said(ANSWER.replace("}]", "},]").replace('""}', '"",}')),
    "single quotes": said(ANSWER.replace('"', "'")),
    "keys without quotes": said(ANSWER.replace('"headline"', "headline").replace('"steps"', "steps")),
    "comments": said(ANSWER.replace("[{", "[ // two steps\n{")),
    "a missing end": said(ANSWER[:-2]),
    "encoded twice": said(json.dumps({"steps": json.dumps(json.loads(ANSWER)["steps"])})),
    "a string of JSON": said(json.dumps(ANSWER)),
    "a bare list": said(json.dumps(json.loads(ANSWER)["steps"])),
    "a list of strings": said(json.dumps({"steps": STEPS})),
    "other keys": said(json.dumps({"steps": [{"title": step, "description": "Slowly."} for step in STEPS]})),
    "more keys": said(json.dumps({"goal": "x", "steps": [{"number": i, "headline": s} for i, s in enumerate(STEPS)]})),
    "typographic space": said(ANSWER.replace(":", ":\u00a0")),
    "numbered": said("1. Loosen the nuts\n2. Jack up the car"),
    "numbered with brackets": said("1) Loosen the nuts\n2) Jack up the car"),
    "numbered and bold": said("1. **Loosen the nuts**: slowly.\n2. **Jack up the car**: slowly."),
    "bold with the number inside": said("**1. Loosen the nuts**\n\n**2. Jack up the car**"),
    "headings": said("### Step 1: Loosen the nuts\nSlowly.\n\n### Step 2: Jack up the car\nSlowly.\n"),
    "bold step names": said("**Step 1:** Loosen the nuts\n**Step 2:** Jack up the car"),
    "bullets": said("- Loosen the nuts\n- Jack up the car"),
    "a list with prose around": said(
        "Sure! Here are two steps:\n\n1. Loosen the nuts\n2. Jack up the car\n\nGood luck."
    ),
    "markup in JSON": said(
        ANSWER.replace("Loosen the nuts", "**Step 1:** Loosen the `nuts`").replace("Jack", "2. Jack")
    ),
    "headings in JSON": said(ANSWER.replace("Loosen", "### Loosen")),
}


@pytest.mark.parametrize("reply", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_the_answer_is_understood_at_once(llm: LlmServer, reply: Reply) -> None:
    llm.replies(reply)
    assert written(llm) == STEPS
    assert len(llm.asked) == 1


def refuses(key: str, words: str, status: int = 400) -> Callable[[Asked], Reply]:
    """A server that takes requests without ``key`` alone."""
    return lambda asked: refused(words, status) if key in asked.body else said(ANSWER)


def refuses_system(words: str, status: int = 400) -> Callable[[Asked], Reply]:
    def script(asked: Asked) -> Reply:
        has = any(message["role"] == "system" for message in asked.body["messages"])
        return refused(words, status) if has else said(ANSWER)

    return script


def streams_only(asked: Asked) -> Reply:
    return events(ANSWER) if asked.body.get("stream") else refused("this model must be called with stream=true")


PARTIAL: dict[str, Callable[[Asked], Reply]] = {
    "no response_format, 400": refuses("response_format", "response_format is not supported"),
    "no response_format, 422": refuses("response_format", "extra fields not permitted", 422),
    "no response_format, 500": refuses("response_format", "failed to parse grammar", 500),
    "no response_format, 404": refuses("response_format", "no endpoints support response_format", 404),
    "no temperature": refuses("temperature", "Unsupported value: 'temperature' does not support 0.7"),
    "no temperature, 500": refuses("temperature", "temperature must not be set", 500),
    "no seed": refuses("seed", "Unknown field: seed"),
    "no seed, 404": refuses("seed", "seed: not found", 404),
    "no max_tokens": refuses("max_tokens", "'max_tokens' is not supported, use 'max_completion_tokens' instead"),
    "no system role": refuses_system("System role not supported"),
    "no system role, 500": refuses_system("Conversation roles must alternate user/assistant/user/assistant/...", 500),
    "streaming only": streams_only,
}


@pytest.mark.parametrize("script", PARTIAL.values(), ids=PARTIAL.keys())
def test_what_is_refused_is_left_out_and_stays_out(llm: LlmServer, script: Callable[[Asked], Reply]) -> None:
    llm.script = script
    model = ServerModel(f"{llm.address}#tiny", QUICK)
    writer = LanguageModelWriter(model)
    assert [step.headline for step in plan_article(writer, "How to change a tyre", 2, seed=7).steps] == STEPS
    tried = len(llm.asked)
    assert 2 <= tried <= 4
    plan_article(writer, "How to change a tyre", 2, seed=8)
    assert len(llm.asked) == tried + 1


def test_where_max_tokens_is_refused_the_new_name_carries_the_number(llm: LlmServer) -> None:
    llm.script = PARTIAL["no max_tokens"]
    written(llm)
    assert llm.asked[-1].body["max_completion_tokens"] == llm.asked[0].body["max_tokens"]


class TestBudget:
    def test_reasoning_that_eats_the_budget_gets_more_and_is_asked_to_think_less(self, llm: LlmServer) -> None:
        def script(asked: Asked) -> Reply:
            enough = asked.body["max_tokens"] >= 4_000
            return said(ANSWER) if enough else choice({"content": "", "reasoning_content": "hm " * 50}, "length")

        llm.script = script
        assert written(llm) == STEPS
        asked = [each.body["max_tokens"] for each in llm.asked]
        assert asked == sorted(set(asked)) and asked[-1] >= 4_000
        assert [each.body.get("reasoning_effort") for each in llm.asked] == [None] + ["low"] * (len(asked) - 1)

    def test_a_server_that_knows_no_effort_is_asked_without(self, llm: LlmServer) -> None:
        def script(asked: Asked) -> Reply:
            if "reasoning_effort" in asked.body:
                return refused("Unrecognized request argument supplied: reasoning_effort")
            return said(ANSWER) if asked.body["max_tokens"] > 1_000 else choice({"content": "<think>hm"}, "length")

        llm.script = script
        assert written(llm) == STEPS

    def test_a_limit_of_the_server_ends_the_growth(self, llm: LlmServer) -> None:
        def script(asked: Asked) -> Reply:
            if asked.body.get("max_tokens", 1_000) > 1_000:  # what a server refuses is asked for without
                return refused("max_tokens is too large: at most 1000")
            return choice({"content": ANSWER[:40]}, "length")

        llm.script = script
        with pytest.raises(PlanError, match="no usable steps"):
            written(llm)
        assert len(llm.asked) < 12

    def test_what_never_fits_ends(self, llm: LlmServer) -> None:
        llm.script = lambda asked: choice({"content": "", "reasoning_content": "hm"}, "length")
        with pytest.raises(PlanError, match="no usable steps"):
            written(llm)
        assert len(llm.asked) < 12
        assert max(each.body["max_tokens"] for each in llm.asked) <= 32_768


class Lines:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, message: str) -> None:
        self.lines.append(message)


class TestWaiting:
    def test_a_model_that_loads_is_waited_for_with_one_line(self, llm: LlmServer) -> None:
        loading = Reply(b'{"error":{"message":"Loading model","type":"unavailable_error","code":503}}', 503)
        llm.replies(*[loading] * 8, said(ANSWER))  # more often than a busy server is asked
        told = Lines()
        with reporting_to(told):  # type: ignore[arg-type]
            assert written(llm) == STEPS
        [line] = told.lines
        assert "loading its model" in line and "127.0.0.1" in line

    def test_but_not_for_ever(self, llm: LlmServer) -> None:
        llm.replies(refused("The model is loading", 503))
        model = ServerModel(f"{llm.address}#tiny", QUICK.model_copy(update={"loading_s": 0.1}))
        with pytest.raises(PlanError, match="The model is loading"):
            plan_article(LanguageModelWriter(model), "How to change a tyre", 2, seed=7)

    @pytest.mark.parametrize("code", [429, 502, "503"])
    def test_an_error_inside_200_is_retried_by_its_code(self, llm: LlmServer, code: object) -> None:
        error = {"message": "Provider returned error", "code": code}
        llm.replies(body({"id": None, "choices": None, "error": error}), said(ANSWER))
        assert written(llm) == STEPS

    def test_and_shown_in_the_servers_own_words(self, llm: LlmServer) -> None:
        error = {"message": "No endpoints found", "code": 402, "metadata": {"raw": "insufficient credits"}}
        llm.replies(body({"error": error}))
        with pytest.raises(PlanError, match="answered 402: No endpoints found: insufficient credits"):
            written(llm)
        assert len(llm.asked) == 1


RIGHTLY: dict[str, tuple[Reply, str]] = {
    "a refusal": (content(None, refusal="I can't help with that."), r"refuses: I can't help with that\."),
    "a content filter": (choice({"content": ""}, "content_filter"), "content filter"),
    "no such model": (refused("model 'tiny' not found, try pulling it first", 404), "model 'tiny' not found"),
    "a wrong key": (refused("Incorrect API key provided", 401), "Incorrect API key"),
    "a gateway's page": (Reply(b"<html>Bad gateway</html>", 502), "answered 502"),
    "an error as a string": (body({"error": "model requires more system memory"}, 500), "more system memory"),
    "an error as detail": (body({"detail": "Not authenticated"}, 403), "Not authenticated"),
    "another protocol": (body({"hello": "world"}), "not in the OpenAI protocol"),
    "nothing": (content(""), "the answer is empty"),
    "only thoughts": (said("<think>hm</think>"), "the answer is empty"),
    "words alone": (said("I would rather not."), "no JSON and no list"),
}


@pytest.mark.parametrize(("reply", "message"), RIGHTLY.values(), ids=RIGHTLY.keys())
def test_what_cannot_be_used_is_refused_in_clear_words(llm: LlmServer, reply: Reply, message: str) -> None:
    llm.replies(reply)
    with pytest.raises(PlanError, match=message):
        written(llm)


class TestContext:
    def test_examples_of_ours_go_first(self, llm: LlmServer) -> None:
        from tests.support.shard_articles import article

        def script(asked: Asked) -> Reply:
            turns = sum(message["role"] == "assistant" for message in asked.body["messages"])
            return said(ANSWER) if turns < 2 else refused("the request exceeds the available context size")

        llm.script = script
        shown = [article(number) for number in range(3)]
        assert written(llm, examples=lambda goal, steps: shown) == STEPS
        assert len(llm.asked) == 2

    def test_a_chat_that_is_too_long_without_them_is_an_error(self, llm: LlmServer) -> None:
        llm.replies(refused("This model's maximum context length is 512 tokens"))
        with pytest.raises(PlanError, match="maximum context length") as caught:
            written(llm)
        assert "--examples 0" in (caught.value.hint or "")
        assert len(llm.asked) == 1


def test_an_answer_of_200_kb_of_open_thoughts_costs_nothing(llm: LlmServer) -> None:
    from illinstr.chat.thoughts import thoughts_of, without_thoughts

    for text in ("<think>" * 28_000, "</think><think>" * 13_000, "```" * 66_000, "{" * 200_000, '{"a":[' * 33_000):
        assert len(without_thoughts(text)) <= len(text)
        thoughts_of(text)
        llm.replies(said(text))
        with pytest.raises(PlanError):
            written(llm)


class TestAddress:
    def test_azure_is_asked_with_its_version_and_its_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from illinstr.chat.address import read_address

        monkeypatch.setenv("AZURE_OPENAI_API_KEY", "secret")
        spelt = "https://x.openai.azure.com/openai/deployments/gpt?api-version=2024-10-21#gpt"
        address = read_address(spelt)
        assert address.url("/chat/completions") == (
            "https://x.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21"
        )
        assert address.headers == {"api-key": "secret"}
        assert read_address("https://example.org/v1").headers == {}  # the key is Azure's alone

    def test_the_query_reaches_the_server(self, llm: LlmServer) -> None:
        llm.replies(said(ANSWER))
        model = ServerModel(f"{llm.address}?api-version=1#tiny", QUICK)
        plan_article(LanguageModelWriter(model), "How to change a tyre", 2, seed=7)
        assert llm.asked[0].path == "/v1/chat/completions?api-version=1"

    @pytest.mark.parametrize("variable", ["ALL_PROXY", "HTTP_PROXY", "http_proxy"])
    def test_loopback_needs_no_proxy(self, llm: LlmServer, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
        llm.replies(said(ANSWER))
        monkeypatch.setenv(variable, "socks5://127.0.0.1:9")
        assert written(llm) == STEPS

    def test_a_socks_proxy_that_httpx_cannot_speak_to_is_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from illinstr.errors import UsageError

        monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
        model = ServerModel("http://example.invalid/v1#tiny", QUICK)
        with pytest.raises((UsageError, PlanError)) as caught:
            plan_article(LanguageModelWriter(model), "How to change a tyre", 2, seed=7)
        assert caught.value.hint and "\n" not in caught.value.message

    def test_a_model_that_is_a_file_is_shown_by_its_name(self) -> None:
        for spelt, shown in (
            ("/home/ada/models/qwen3.5-9b.gguf", "qwen3.5-9b.gguf"),
            ("C:\\models\\a.gguf", "a.gguf"),
            ("models/a.gguf", "a.gguf"),
            ("org/name", "org/name"),
            ("qwen3.5:9b", "qwen3.5:9b"),
        ):
            assert ServerModel(f"http://127.0.0.1/v1#{spelt}").name == f"server:{shown}"


def test_a_server_with_a_certificate_of_its_own_is_trusted_where_its_authority_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate with")
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "own.pem"]
    subprocess.run([openssl, *made, *names], cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with serve(certificate=(tmp_path / "own.pem", tmp_path / "key.pem")) as llm:
        llm.replies(said(ANSWER))
        with pytest.raises(PlanError, match="is not trusted here") as caught:
            written(llm)
        assert "SSL_CERT_FILE=" in (caught.value.hint or "") and "--llm-ca" in (caught.value.hint or "")
        named = ServerModel(f"{llm.address}#tiny", QUICK.model_copy(update={"ca_file": str(tmp_path / "own.pem")}))
        assert plan_article(LanguageModelWriter(named), "How to change a tyre", 2, seed=7).num_steps == 2
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
        assert written(llm) == STEPS
