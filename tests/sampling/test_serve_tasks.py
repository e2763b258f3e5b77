"""What the local page can ask for beside an article: it outlives the server, and is cancelled, deleted, steered."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from illinstr.cli.app import app
from illinstr.errors import IllinstrError, PlanError, UsageError
from illinstr.runs import read_article, read_record
from illinstr.sampling.serving.journal import FOLDER
from illinstr.sampling.serving.speech import for_page
from illinstr.sampling.serving.tasks import GenerateAsked, TaskRecord
from illinstr.sampling.serving.web import MAX_CONNECTIONS, WebServer
from illinstr.sampling.serving.workshop import MAX_STARTS
from illinstr.workflows.serve import ServeRequest, open_server
from tests.support.image_bytes import encoded
from tests.support.serving import Holding, Remote, call, do, follow, killed, make, ours, restarted, serving, until
from tests.support.tiny_model import make_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    with serving(tmp_path_factory.mktemp("runs"), model) as running:
        yield running


def told(content: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(content)
    return answer


def test_a_killed_server_loses_nothing(model: Path, tmp_path: Path) -> None:
    """One task is under way and one waits. After kill -9 both are made, and the first is what it would have been."""
    goals = ["How to make apple juice", "How to make orange juice"]
    process, url = restarted(tmp_path / "runs", model, "0")
    try:
        remote = Remote(url)
        asked = [told(call(remote, "POST", "/tasks/generate", {"goal": goal, "steps": 2})[1]) for goal in goals]
        until(remote, asked[0]["task"], "preview")
        with pytest.raises(UsageError, match="another illinstr serve"):
            app(["serve", "--port", "0", "--out", str(tmp_path / "runs")], standalone_mode=False)
        killed(process)
        assert not (tmp_path / "runs" / asked[0]["name"]).exists()
        process, again = restarted(tmp_path / "runs", model, url.rstrip("/").rpartition(":")[2])
        assert again == url
        remote = Remote(url)
        ended = [follow(remote, each["task"])[-1] for each in asked]
        assert [(kind, data["name"]) for kind, data in ended] == [("done", each["name"]) for each in asked]
        assert call(remote, "GET", f"/tasks/{asked[1]['task']}")[0] == 200
    finally:
        killed(process)
    words = ["--model", str(model), "--sampling-steps", "60", "--out", str(tmp_path / "alone"), "--quiet"]
    app(["generate", goals[0], "--steps", "2", *words], standalone_mode=False)
    assert read_article(tmp_path / "alone") == read_article(tmp_path / "runs" / asked[0]["name"])


def record_of(folder: Path, ident: int, **changes: Any) -> TaskRecord:
    """Put a task into a folder as a server that died would have left it."""
    asked = GenerateAsked(goal="How to wait", steps=1, seed=0)
    record = TaskRecord.model_validate(
        {"ident": ident, "asked": asked, "name": "wait-s0", "goal": asked.goal} | changes
    )
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    (place / f"task-{ident}.json").write_text(record.model_dump_json())
    return record


def test_what_a_dead_server_left_is_taken_up_and_what_cannot_be_read_is_left(model: Path, tmp_path: Path) -> None:
    record_of(tmp_path, 3)
    record_of(tmp_path, 4, name="crash-s0", state="running", starts=MAX_STARTS)
    record_of(tmp_path, 5, state="cancelled", name="gone-s0")
    record_of(tmp_path, 6, state="done", name="deleted-s0")
    for number, text in enumerate(["", "[]", "{", '{"ident": 3}', "[" * 5000], start=10):
        (tmp_path / FOLDER / f"task-{number}.json").write_text(text)
    with serving(tmp_path, model) as running:
        assert follow(running, "3")[-1][0] == "done"
        kind, data = follow(running, "4")[-1]
        assert kind == "failed" and f"ended {MAX_STARTS} times" in data["message"]
        assert follow(running, "5")[-1][0] == "cancelled"
        assert "deleted" in follow(running, "6")[-1][1]["message"]
        assert call(running, "GET", "/tasks/10")[0] == 404
        name = make(running, "How to go on")
        changed = told(call(running, "POST", "/tasks/edit", {"name": name, "step": 1, "text": "Stir"})[1])
        assert follow(running, changed["task"])[-1][0] == "done"
    # The server died after the change was published and before it was noted: it is not made twice.
    path = tmp_path / FOLDER / f"task-{changed['task']}.json"
    done = TaskRecord.model_validate_json(path.read_bytes())
    path.write_text(done.model_copy(update={"state": "running"}).model_dump_json())
    with serving(tmp_path, model) as running:
        assert follow(running, changed["task"])[-1][0] == "done"
        assert len(read_record(tmp_path / name).revisions) == 1
    assert (tmp_path / FOLDER / "task-12.json").read_text() == "{"


def test_a_task_is_cancelled_while_it_waits_and_while_it_runs(model: Path, tmp_path: Path) -> None:
    process, url = restarted(tmp_path, model, "0", sampling_steps=1000)
    try:
        remote = Remote(url)
        first, second = (
            told(call(remote, "POST", "/tasks/generate", {"goal": f"How to make {what} juice", "steps": 5})[1])
            for what in ("apple", "orange")
        )
        until(remote, first["task"], "progress")
        waiting = told(call(remote, "GET", "/state")[1])["tasks"]
        assert [(each["id"], each["state"]) for each in waiting] == [
            (first["task"], "running"),
            (second["task"], "waiting"),
        ]
        for each in (second, first):
            assert call(remote, "POST", f"/tasks/{each['task']}/cancel", {})[0] == 202
            assert follow(remote, each["task"])[-1][0] == "cancelled"
        assert told(call(remote, "GET", "/state")[1]) == {"tasks": [], "articles": []}
        assert call(remote, "POST", "/tasks/999/cancel", {})[0] == 404
    finally:
        killed(process)
    assert not [path for path in tmp_path.iterdir() if path.name != FOLDER]


def test_only_own_articles_are_deleted(server: WebServer, tmp_path: Path) -> None:
    name, folder = make(server, "How to delete"), server.workshop.folder
    (folder / name / "thesis.txt").write_text("years of work")
    status, content, _ = call(server, "POST", f"/articles/{name}/delete", {})
    assert status == 409 and "thesis.txt" in told(content)["message"]
    assert (folder / name / "thesis.txt").read_text() == "years of work"
    (folder / name / "thesis.txt").unlink()
    assert call(server, "GET", f"/articles/{name}/")[0] == 200
    assert call(server, "POST", f"/articles/{name}/delete", {}, ours(server, Origin=None))[0] == 403
    assert call(server, "POST", f"/articles/{name}/delete", {})[0] == 200
    assert not [path for path in folder.iterdir() if name in path.name]
    assert call(server, "GET", f"/articles/{name}")[0] == call(server, "GET", f"/articles/{name}/")[0] == 404
    (tmp_path / "elsewhere").mkdir()
    (folder / "linked-s0").symlink_to(tmp_path / "elsewhere")
    for other in ("linked-s0", "none", "..%2f", FOLDER):
        assert call(server, "POST", f"/articles/{other}/delete", {})[0] == 404
    assert (tmp_path / "elsewhere").is_dir()


def test_own_steps_seed_and_image(server: WebServer) -> None:
    photo = encoded(Image.new("RGB", (40, 30), (200, 30, 20)), "JPEG")
    status, content, _ = call(server, "POST", "/images", photo, ours(server, Content_Type="image/jpeg"))
    assert status == 200
    asked = {
        "goal": "How to steer",
        "steps": ["Wash it | Well.", "Cut it"],
        "seed": 41,
        "image": told(content)["image"],
    }
    kind, data = do(server, "generate", **asked)[-1]
    assert (kind, data["name"]) == ("done", "steer-s41")
    run = server.workshop.article("steer-s41")
    assert [(step.headline, step.body) for step in run.article.steps] == [("Wash it", "Well."), ("Cut it", "")]
    assert (run.record.seed, run.record.given, run.record.planner) == (41, (1,), "user")
    first = run.article.steps[0].image
    assert first is not None and first.decode().getpixel((5, 5)) == pytest.approx((200, 30, 20), abs=6)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "image/png", 400),
        (b"\xff\xd8\xff\xe0 not an image", "image/jpeg", 400),
        (encoded(Image.new("RGB", (4, 4)), "GIF"), "image/png", 400),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", 415),
    ],
)
def test_what_is_no_image_is_refused(server: WebServer, body: bytes, kind: str, status: int) -> None:
    found, content, _ = call(server, "POST", "/images", body, ours(server, Content_Type=kind))
    assert found == status and told(content)["message"]


def test_an_image_that_was_never_sent_is_refused(server: WebServer) -> None:
    for image in ("0" * 64, "../../x", "A" * 64):
        asked = {"goal": "How to steer", "steps": 2, "image": image}
        assert call(server, "POST", "/tasks/generate", asked)[0] == 400


def test_idle_connections_shut_nobody_out(server: WebServer) -> None:
    """More connections than there are places, silent or with half a request; every new one is answered."""
    idle = [socket.create_connection(("127.0.0.1", server.server_port), timeout=20) for _ in range(MAX_CONNECTIONS + 6)]
    try:
        for half in idle[::2]:
            half.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1")
        for _ in range(3):
            assert call(server, "GET", "/state")[0] == 200
    finally:
        for each in idle:
            each.close()


def test_listeners_beyond_the_places_make_room_for_each_other(server: WebServer) -> None:
    """Those who wait for events are the last that anybody is shut out by: they come back by themselves."""
    held = threading.Event()
    server.workshop.verbs = Holding(server.workshop.verbs, held)  # type: ignore[assignment]
    try:
        task = told(call(server, "POST", "/tasks/generate", {"goal": "How to hold", "steps": 1})[1])["task"]
        listeners = []
        for _ in range(MAX_CONNECTIONS + 6):
            one = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
            one.request("GET", f"/tasks/{task}/events", headers=ours(server))
            listeners.append((one, one.getresponse()))
        assert call(server, "GET", "/state")[0] == 200
    finally:
        held.set()
        server.workshop.verbs = server.workshop.verbs.verbs  # type: ignore[attr-defined]
    assert follow(server, task)[-1][0] == "done"
    for one, response in listeners:
        response.close()
        one.close()


def test_the_token_is_for_our_own_page(server: WebServer) -> None:
    assert told(call(server, "GET", "/token")[1]) == {"token": server.token}
    for site in ("cross-site", "same-site"):
        status, content, _ = call(server, "GET", "/token", headers=ours(server) | {"Sec-Fetch-Site": site})
        assert status == 403 and server.token.encode() not in content


def test_pdf_and_markdown_are_there(server: WebServer) -> None:
    name = make(server, "How to print")
    status, content, headers = call(server, "GET", f"/articles/{name}/article.pdf")
    assert status == 200 and content.startswith(b"%PDF-") and headers["Content-Type"] == "application/pdf"
    assert headers["Content-Disposition"] == f'attachment; filename="{name}.pdf"'
    assert not (server.workshop.folder / name / "article.pdf").exists()  # asked for, not kept
    assert call(server, "GET", f"/articles/{name}/article.md")[1].startswith(b"# How to print")


def test_models_and_writers_are_chosen_and_one_model_is_loaded_at_a_time(model: Path, tmp_path: Path) -> None:
    other = make_tiny_model(tmp_path / "other", seed=5)
    request = ServeRequest(
        out=tmp_path / "runs", port=0, model=[str(model), str(other)], sampling_steps=2, device="cpu"
    )
    server = open_server(request)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        shelf, goal = server.workshop.verbs.shelf, "How to make apple juice"  # type: ignore[attr-defined]
        page = call(server, "GET", "/")[1].decode()
        assert re.findall(r"<option>(.*?)</option>", page) == ["tiny", "other"]
        drawn = {}
        for name in ("other", "tiny"):
            _, data = do(server, "generate", goal=goal, steps=2, model=name)[-1]
            drawn[name] = read_record(tmp_path / "runs" / data["name"])
            assert [each for each, shared in shelf.models.items() if shared._pipeline is not None] == [name]
        assert drawn["other"].model_sha256 != drawn["tiny"].model_sha256
        made = told(call(server, "GET", "/state")[1])["articles"][-1]["name"]
        assert do(server, "edit", name=made, step=1, text=None)[-1][0] == "done"
        last = read_record(tmp_path / "runs" / made).revisions[-1]
        assert last.model_sha256 == drawn["other"].model_sha256  # the one that drew it draws it again
        for field in ("model", "writer"):
            assert call(server, "POST", "/tasks/generate", {"goal": goal, "steps": 2, field: "none"})[0] == 400
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_dtype_and_offload_reach_the_model(model: Path, tmp_path: Path) -> None:
    def server_of(**more: Any) -> WebServer:
        return open_server(ServeRequest(out=tmp_path / "runs", port=0, model=str(model), device="cpu", **more))

    for dtype in ("bfloat16", "float32"):  # one of them is not the default, whatever this processor is
        server = server_of(dtype=dtype)
        pipeline = server.workshop.verbs.shelf.take(None).get()  # type: ignore[attr-defined]
        server.server_close()
        assert str(pipeline.backbone.unet.dtype) == f"torch.{dtype}"
    server = server_of(offload=True)
    with pytest.raises(UsageError, match="offload"):
        server.workshop.verbs.shelf.take(None).get()  # type: ignore[attr-defined]
    server.server_close()
    with pytest.raises(UsageError, match="dtype"):
        server_of(dtype="int3")


SOURCES = Path(__file__).resolve().parents[2] / "illinstr"
HINT = re.compile(r"hint=(f?)(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')")


def test_nothing_on_the_page_speaks_of_options_or_commands() -> None:
    """Every hint and message in the rooms that the page calls, as the page would tell it."""
    told_hints = 0
    for path in [*SOURCES.glob("sampling/**/*.py"), *SOURCES.glob("workflows/*.py"), *SOURCES.glob("chat/*.py")]:
        for _, literal in HINT.findall(path.read_text(encoding="utf-8")):
            for kind in (UsageError, PlanError, IllinstrError):
                spoken = for_page(kind("--steps 0 is not between 1 and 100", hint=literal[1:-1]))
                assert "--" not in f"{spoken['hint']} {spoken['message']}", literal
                assert not re.search(r"\b(illinstr [a-z]+|pip|apt) ", str(spoken["hint"])), literal
                told_hints += spoken["hint"] is not None
    assert told_hints > 50
    spoken = for_page(UsageError("--steps 0 is not between 1 and 100", hint="the number of images, such as --steps 6"))
    assert spoken == {"message": "the number of steps 0 is not between 1 and 100", "hint": None, "suggestions": []}
