"""Servers on this machine by name, against a loopback server that answers as Ollama does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from illinstr.chat.local import Offered, best_that_fits, local_address
from illinstr.errors import ModelError
from illinstr.sampling.writing.model_spec import open_model

GB = 10**9
TAGS = {
    "models": [
        {"name": "nomic-embed-text:latest", "size": GB // 4},
        {"name": "qwen3.5:4b", "size": 3 * GB},
        {"name": "qwen3.5:9b", "size": 7 * GB},
        {"name": "gemma4:27b-base", "size": 8 * GB},
        {"name": "llama4:70b", "size": 40 * GB},
    ]
}


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(TAGS if self.path == "/api/tags" else {"data": []}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    monkeypatch.setenv("OLLAMA_HOST", f"0.0.0.0:{server.server_address[1]}")
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("memory", "model"), [(9 * GB, "qwen3.5:9b"), (4 * GB, "qwen3.5:4b"), (99 * GB, "llama4:70b")])
def test_the_largest_instructed_model_that_fits_is_taken(host: str, memory: int, model: str) -> None:
    address = local_address("ollama", memory=memory)
    assert (address.base, address.model) == (f"http://{host}/v1", model)


def test_a_model_that_is_named_is_taken_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    address = local_address("ollama:llama4:70b", memory=1)
    assert (address.base, address.model) == ("http://127.0.0.1:11434/v1", "llama4:70b")
    assert local_address("LMStudio:x").base == "http://127.0.0.1:1234/v1"


def test_none_fits(host: str) -> None:
    with pytest.raises(ModelError, match=r"fits into 1\.0 GB; the smallest, qwen3\.5:4b, has 3\.0 GB"):
        local_address("ollama", memory=GB)


def test_the_key_of_other_servers_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ILLINSTR_LLM_KEY", "secret")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    assert local_address("vllm:x").headers == {}


def test_embedders_do_not_write() -> None:
    with pytest.raises(ModelError, match="no model that writes"):
        best_that_fits([Offered("nomic-embed-text"), Offered("bge-reranker")], GB)
    assert best_that_fits([Offered("a"), Offered("b")], GB) == "a"


def test_the_writer_says_which_model_it_took(host: str) -> None:
    assert open_model("ollama").name.startswith("server:")


def test_no_server_is_one_line_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    with pytest.raises(ModelError, match=r"no ollama server answers at 127\.0\.0\.1:9") as caught:
        open_model("ollama")
    assert "ollama serve" in (caught.value.hint or "")
