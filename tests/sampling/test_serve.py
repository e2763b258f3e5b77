"""The server behind the page: makes and changes articles, and answers nobody else."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from illinstr.cli.app import app
from illinstr.errors import UsageError
from illinstr.runs import read_article, read_record
from illinstr.sampling.serving.handler import MAX_BODY_BYTES, TOKEN_HEADER
from illinstr.sampling.serving.web import WebServer
from illinstr.sampling.serving.workshop import MAX_WAITING
from tests.sampling.test_page import HOSTILE
from tests.support import fork_server
from tests.support.serving import Holding, call, do, follow, make, ours, serving
from tests.support.tiny_model import make_tiny_model

LOADS: list[int] = []


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    with serving(tmp_path_factory.mktemp("runs"), model, LOADS) as running:
        yield running


def test_an_article_appears_words_first_then_progress_then_images(server: WebServer) -> None:
    events = do(server, "generate", goal="How to test", steps=3)
    kinds = [kind for kind, _ in events]
    assert kinds[0] == "started" and kinds[-1] == "done"
    assert kinds.index("steps") < kinds.index("progress") < kinds.index("image") < kinds.index("done")
    drawn = [data for kind, data in events if kind == "progress"]
    assert [data["done"] for data in drawn] == [0, 1, 2, 3] and {data["total"] for data in drawn} == {3}
    previews = [data for kind, data in events if kind == "preview"]
    assert [data["step"] for data in previews] == [1, 2, 3] * 2  # after one and two of three sampling steps
    assert all(data["image"].startswith("data:image/jpeg;base64,") for data in previews)
    assert len({data["image"] for data in previews}) == 6
    images = [data for kind, data in events if kind == "image"]
    assert [data["step"] for data in images] == [1, 2, 3]
    done = events[-1][1]
    article = read_article(server.workshop.folder / done["name"])
    for shown, step in zip(images, article.steps, strict=True):
        status, content, headers = call(server, "GET", shown["image"])
        assert status == 200 and headers["Content-Type"] == "image/png"
        assert step.image is not None and content == step.image.data
    status, page, headers = call(server, "GET", f"/articles/{done['name']}/index.html")
    assert status == 200 and page == (server.workshop.folder / done["name"] / "index.html").read_bytes()
    assert "script-src" not in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_a_lost_connection_goes_on_where_it_stopped(server: WebServer) -> None:
    _, content, _ = call(server, "POST", "/tasks/generate", {"goal": "How to go on", "steps": 1})
    task = json.loads(content)["task"]
    events = follow(server, task)
    assert follow(server, task, after=f"{server.epoch}-2") == events[3:]
    assert call(server, "GET", f"/tasks/{task}/events?after={server.epoch}-2")[1].count(b"event: ") == len(events) - 3
    # Numbers of a server that died say nothing: all is told again.
    assert follow(server, task, after=f"{'0' * 8}-2") == follow(server, task, after="2") == events


def test_the_same_goal_again_is_another_article_and_the_model_is_loaded_once(server: WebServer) -> None:
    first, second = make(server, "How to do it twice"), make(server, "How to do it twice")
    assert (first, second) == ("do-it-twice-s0", "do-it-twice-s1")
    status, content, _ = call(server, "POST", "/tasks/generate", {"goal": "How to do it twice", "steps": 2, "seed": 1})
    assert status == 400 and "was used" in json.loads(content)["message"]
    assert LOADS == [1]


def test_edit_changes_one_step_and_keeps_the_others_to_the_byte(server: WebServer) -> None:
    name = make(server, "How to edit", 3)
    before = read_article(server.workshop.folder / name)
    events = do(server, "edit", name=name, step=2, text="Stir | Gently.")
    assert events[-1][0] == "done"
    assert {data["step"] for kind, data in events if kind == "preview"} == {2}
    after = read_article(server.workshop.folder / name)
    assert [s.headline for s in after.steps] == [before.steps[0].headline, "Stir", before.steps[2].headline]
    assert (after.steps[0], after.steps[2]) == (before.steps[0], before.steps[2])
    assert after.steps[1].body == "Gently." and after.steps[1].image != before.steps[1].image
    assert do(server, "edit", name=name, step=2, text=None)[-1][0] == "done"
    again = read_article(server.workshop.folder / name)
    assert again.steps[1].headline == "Stir" and again.steps[1].image != after.steps[1].image
    revisions = read_record(server.workshop.folder / name).revisions
    assert [(one.command, one.steps, one.seed) for one in revisions] == [("edit", (2,), 0), ("edit", (2,), 1)]


def test_correct_keeps_what_is_done_and_writes_the_rest(server: WebServer) -> None:
    name = make(server, "How to correct", 3)
    before = read_article(server.workshop.folder / name)
    assert do(server, "correct", name=name, after=1, problem="it is too wet")[-1][0] == "done"
    after = read_article(server.workshop.folder / name)
    assert after.num_steps == 4 and after.steps[0] == before.steps[0]
    assert after.steps[1].headline == "Put right: it is too wet"
    assert all(step.image for step in after.steps)


def test_what_fails_is_said_and_the_next_one_is_made(server: WebServer) -> None:
    assert do(server, "generate", goal="How to do the impossible", steps=2)[-1] == (
        "failed",
        {"message": "nobody can do that", "hint": "ask for something else", "suggestions": ["How to do the possible"]},
    )
    assert make(server, "How to do the possible")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Host": "evil.example"}, 403),  # DNS rebinding: a foreign name that points here
        ({"Host": "evil.example:{port}"}, 403),
        ({"Host": "127.0.0.1:1"}, 403),
        ({"Host": "10.0.0.1:{port}"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": None}, 403),
        ({"Origin": "http://localhost:{port}"}, 403),
        ({TOKEN_HEADER: None}, 403),
        ({TOKEN_HEADER: "guess"}, 403),
        ({TOKEN_HEADER: "\xff"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({}, 202),
    ],
)
def test_nobody_else_can_start_anything(server: WebServer, changes: dict[str, str | None], status: int) -> None:
    port = str(server.server_port)
    changes = {name: value.replace("{port}", port) if value else value for name, value in changes.items()}
    before = server.workshop.accepted
    found, content, _ = call(
        server, "POST", "/tasks/generate", {"goal": "How to get in", "steps": 1}, ours(server, **changes)
    )
    assert found == status
    assert server.workshop.accepted == before + (status == 202)
    if status == 202:
        follow(server, json.loads(content)["task"])


def test_a_foreign_name_reads_nothing_either(server: WebServer) -> None:
    for path in ("/", "/serve.js", "/articles/x/index.html", "/tasks/1/events"):
        status, content, _ = call(server, "GET", path, headers={"Host": f"evil.example:{server.server_port}"})
        assert status == 403 and server.token.encode() not in content


@pytest.mark.parametrize(
    "path",
    [
        "/articles/../secret",
        "/articles/test-s0/../../secret",
        "/articles/test-s0/%2e%2e/secret",
        "/articles/test-s0/run.json",
        "/articles/test-s0/.hidden",
        "/articles//etc/passwd",
        "/articles/none/index.html",
        "/serve.css/../../page.py",
        "/tasks/999999/events",
        "/tasks/x/events",
        "//evil.example/",
    ],
)
def test_nothing_outside_is_served(server: WebServer, path: str) -> None:
    (server.workshop.folder / "secret").write_text("secret")
    status, content, _ = call(server, "GET", path)
    assert status == 404 and b"secret" not in content


def test_a_link_out_of_the_folder_is_not_followed(server: WebServer, tmp_path: Path) -> None:
    name = make(server, "How to link")
    image = server.workshop.folder / name / "step-03.png"
    (tmp_path / "secret").write_text("secret")
    image.symlink_to(tmp_path / "secret")
    assert call(server, "GET", f"/articles/{name}/step-03.png")[0] == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 20000, b'{"goal": 3, "steps": 2}', b'{"goal": "H", "steps": true}']
    + [json.dumps({"goal": goal, "steps": steps}).encode() for goal, steps in [("", 2), ("x" * 10000, 2), ("\x00", 2)]]
    + [json.dumps({"goal": "How to count", "steps": steps}).encode() for steps in (0, -1, 101, 10**30, "3", 1.5, None)]
    + [json.dumps({"goal": "How to seed", "steps": 1, "seed": seed}).encode() for seed in (-1, 2**32, "a", True)],
)
def test_bad_requests_are_refused_before_anything_starts(server: WebServer, body: bytes) -> None:
    before = server.workshop.accepted
    status, content, _ = call(server, "POST", "/tasks/generate", body)
    assert status == 400 and json.loads(content)["message"]
    assert server.workshop.accepted == before


def test_bad_changes_are_refused(server: WebServer) -> None:
    name = make(server, "How to refuse")
    for what, asked, status in [
        ("edit", {"name": name, "step": 3, "text": None}, 400),
        ("edit", {"name": name, "step": 1, "text": ""}, 400),
        ("edit", {"name": "../x", "step": 1, "text": None}, 404),
        ("edit", {"name": "none", "step": 1, "text": None}, 404),
        ("correct", {"name": name, "after": 0, "problem": "wet"}, 400),
        ("correct", {"name": name, "after": 1, "problem": " "}, 400),
        ("nothing", {}, 404),
    ]:
        assert call(server, "POST", f"/tasks/{what}", asked)[0] == status, (what, asked)


def test_long_and_lengthless_bodies_are_not_read(server: WebServer) -> None:
    host = f"127.0.0.1:{server.server_port}"
    head = (
        f"POST /tasks/generate HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n{TOKEN_HEADER}: {server.token}\r\n"
    )
    head += "Content-Type: application/json\r\n"
    for line, status in [
        (f"Content-Length: {MAX_BODY_BYTES + 1}", b"413"),
        ("Content-Length: -1", b"411"),
        ("Transfer-Encoding: chunked", b"411"),
    ]:
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as raw:
            raw.sendall(f"{head}{line}\r\n\r\n".encode())
            assert raw.recv(4096).split(b" ")[1] == status


def test_the_queue_is_short(server: WebServer) -> None:
    """While one article is under way, as many as there are places wait, and the next ones are refused."""
    goal, held = {"goal": "How to queue", "steps": 1}, threading.Event()
    server.workshop.verbs = Holding(server.workshop.verbs, held)  # type: ignore[assignment]
    try:
        answers = [call(server, "POST", "/tasks/generate", goal) for _ in range(MAX_WAITING + 6)]
    finally:
        held.set()
        server.workshop.verbs = server.workshop.verbs.verbs  # type: ignore[attr-defined]
    accepted = [json.loads(content)["task"] for status, content, _ in answers if status == 202]
    assert {status for status, _, _ in answers} == {202, 429}
    assert len(accepted) in (MAX_WAITING, MAX_WAITING + 1)  # the first may have left the queue in between
    assert follow(server, accepted[-1])[-1][0] == "done"


def test_hostile_goals_are_text_in_the_list(server: WebServer) -> None:
    from bs4 import BeautifulSoup

    for text in HOSTILE[:3]:
        make(server, text, 1)
    _, page, headers = call(server, "GET", "/")
    soup = BeautifulSoup(page, "lxml")
    goals = [link.text for link in soup.select("#made a")]
    assert set(HOSTILE[:3]) <= set(goals)
    assert [tag.get("src") for tag in soup.find_all("script")] == ["/follow.js", "/serve.js"]
    assert not [name for tag in soup.find_all(True) for name in tag.attrs if name.startswith("on")]
    assert "'unsafe-inline'" not in headers["Content-Security-Policy"]


def test_all_that_the_page_needs_is_served(server: WebServer) -> None:
    from bs4 import BeautifulSoup

    page = BeautifulSoup(call(server, "GET", "/")[1], "lxml")
    styles = [str(link["href"]) for link in page.find_all("link", rel="stylesheet")]
    for path in (*styles, *(str(script["src"]) for script in page.find_all("script"))):
        assert call(server, "GET", path)[0] == 200, path
    style = b"".join(call(server, "GET", path)[1] for path in styles).decode()
    asked, told = (set(re.findall(form, style)) for form in (r"var\((--[\w-]+)", r"(--[\w-]+):"))
    assert asked and asked <= told


def test_only_loopback_unless_asked(tmp_path: Path) -> None:
    for words, message in [
        (["--host", "0.0.0.0"], "can be reached by others"),
        (["--host", "example.org"], "can be reached by others"),
        (["--port", "70000"], "is not between"),
        (["--sampling-steps", "0"], "is not between"),
        (["--context", "I have no oven"], "cannot take"),
    ]:
        with pytest.raises(UsageError, match=message):
            app(["serve", "--out", str(tmp_path / "runs"), *words], standalone_mode=False)
    assert not (tmp_path / "runs").exists()


def test_the_command_prints_its_address_serves_and_ends(tmp_path: Path, model: Path) -> None:
    words = ["serve", "--port", "0", "--out", str(tmp_path / "runs"), "--model", str(model), "--json"]
    process = fork_server.Popen(
        [sys.executable, "-m", "illinstr", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        host, port = said["url"].removeprefix("http://").rstrip("/").split(":")
        assert host == "127.0.0.1"
        connection = http.client.HTTPConnection(host, int(port), timeout=60)
        connection.request("GET", "/")
        assert b"What would you like to know" in connection.getresponse().read()
        connection.close()
        with pytest.raises(UsageError, match="cannot listen"):
            app(["serve", "--port", port, "--out", str(tmp_path / "runs")], standalone_mode=False)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0 and "Traceback" not in err
    finally:
        process.kill()
        process.wait()
