"""A hub on the loopback interface: the part of the Hugging Face protocol that uploads and downloads model folders."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

TOKEN = "hf_loopback"


@dataclass
class Hub:
    """Repositories by id; uploads wait in ``blobs`` until a commit names them."""

    endpoint: str = ""
    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: dict[str, bool] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    downloads: list[str] = field(default_factory=list)
    refuse_commits: bool = False

    def sha(self, repo: str) -> str:
        """A commit id that follows from the content."""
        digest = hashlib.sha1(usedforsecurity=False)
        for name, content in sorted(self.repos[repo].items()):
            digest.update(name.encode() + hashlib.sha256(content).digest())
        return digest.hexdigest()

    def environment(self, home: str) -> dict[str, str]:
        """What a process needs to talk to this hub and no other."""
        return {
            "HF_ENDPOINT": self.endpoint,
            "HF_TOKEN": TOKEN,
            "HF_HOME": home,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().strip() or b"0", 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, value: Any, status: int = 200, **headers: str) -> None:
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _not_found(self, code: str) -> None:
        self._answer({"error": "not found"}, 404, X_Error_Code=code)

    def do_HEAD(self) -> None:
        """As GET, without the body."""
        self.do_GET()

    def do_GET(self) -> None:
        """Who am I, a repository, its tree, a file."""
        path = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        if path == ["api", "whoami-v2"]:
            known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            return self._answer({"name": "tester", "type": "user"} if known else {"error": "no"}, 200 if known else 401)
        repo = "/".join(path[2:4] if path[:2] == ["api", "models"] else path[:2])
        if repo not in self.hub.repos:
            return self._not_found("RepoNotFound")
        files, sha = self.hub.repos[repo], self.hub.sha(repo)
        if path[0] == "api":
            if path[4:5] == ["tree"]:
                listed = [{"type": "file", "path": n, "size": len(c), "oid": _oid(c)} for n, c in files.items()]
                return self._answer(listed)
            if path[4:] not in ([], ["revision", "main"], ["revision", sha]):
                return self._not_found("RevisionNotFound")
            return self._answer({"id": repo, "sha": sha, "siblings": [{"rfilename": name} for name in files]})
        name = "/".join(path[4:])
        if name not in files:
            return self._not_found("EntryNotFound")
        if self.command == "GET":
            self.hub.downloads.append(name)
        return self._answer(files[name], ETag=f'"{_oid(files[name])}"', X_Repo_Commit=sha)

    def do_PUT(self) -> None:
        """A large file."""
        content, oid = self._body(), self.path.rsplit("/", 1)[-1]
        assert hashlib.sha256(content).hexdigest() == oid
        self.hub.blobs[oid] = content
        self._answer({})

    def do_POST(self) -> None:
        """Make a repository; say how files are sent; take a commit."""
        body, path = self._body(), urlsplit(self.path).path
        if path == "/api/validate-yaml":
            return self._answer({"errors": [], "warnings": []})
        if path == "/api/repos/create":
            asked = json.loads(body)
            repo = f"{asked['organization']}/{asked['name']}"
            if repo in self.hub.repos:
                return self._answer({"error": "exists", "url": f"{self.hub.endpoint}/{repo}"}, 409)
            self.hub.repos[repo] = {}
            self.hub.private[repo] = asked.get("private", asked.get("visibility") == "private") is True
            return self._answer({"url": f"{self.hub.endpoint}/{repo}", "name": repo})
        if path.endswith("/preupload/main"):
            names = [file["path"] for file in json.loads(body)["files"]]
            modes = ["lfs" if name.endswith(".safetensors") else "regular" for name in names]
            rows = zip(names, modes, strict=True)
            return self._answer(
                {"files": [{"path": n, "uploadMode": m, "shouldIgnore": False, "oid": None} for n, m in rows]}
            )
        if path.endswith("/info/lfs/objects/batch"):
            objects = [
                {**one, "actions": {"upload": {"href": f"{self.hub.endpoint}/lfs/{one['oid']}", "header": {}}}}
                for one in json.loads(body)["objects"]
            ]
            return self._answer({"transfer": "basic", "objects": objects}, Content_Type="application/vnd.git-lfs+json")
        if "/commit/" in path and not self.hub.refuse_commits:
            return self._commit("/".join(path.split("/")[3:5]), body)
        return self._answer({"error": "refused"}, 403)

    def _commit(self, repo: str, body: bytes) -> None:
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                self.hub.repos[repo][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.hub.repos[repo][value["path"]] = self.hub.blobs[value["oid"]]
        sha = self.hub.sha(repo)
        self._answer({"success": True, "commitOid": sha, "commitUrl": f"{self.hub.endpoint}/{repo}/commit/{sha}"})


def talk_to(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process ask ``hub`` alone; the client reads its environment when it is imported, so set what it read."""
    from huggingface_hub import constants

    template = hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # the hub is on the loopback interface
    monkeypatch.setenv("HF_TOKEN", TOKEN)


def _oid(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


@contextlib.contextmanager
def running_hub() -> Iterator[Hub]:
    """A hub that lives as long as the block."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
