"""``--llm-ca`` in every command that asks a language model: a certificate of one's own, over a real TLS server."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from illinstr import correct, generate, suggest
from illinstr.errors import PlanError, UsageError
from illinstr.sampling.writing import plan_article
from illinstr.workflows.serve import ServeRequest, open_server
from tests.support.command_line import calling
from tests.support.llm_server import LlmServer, said, serve, steps


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LlmServer, Path]]:
    """A server whose certificate nobody signed but itself, and the file that says so."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate with")
    folder = tmp_path_factory.mktemp("authority")
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "own.pem"]
    subprocess.run([openssl, *made, *names], cwd=folder, check=True, capture_output=True)
    with serve(certificate=(folder / "own.pem", folder / "key.pem")) as llm:
        yield llm, folder / "own.pem"


@pytest.fixture
def drawn_run(tmp_path: Path) -> Path:
    generate("How to wash a bowl", ["Rinse it", "Dry it"], out=tmp_path / "bowl", sampling_steps=1)
    return tmp_path / "bowl"


def test_suggest(
    secured: tuple[LlmServer, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    llm, authority = secured
    llm.replies(said('{"goals": ["How to poach an egg"]}'))
    call = calling(monkeypatch, capsys, "suggest")
    ask = ("eggs", "--count", 1, "--llm", f"{llm.address}#tiny")
    code, _, errors = call(*ask)
    assert code == 1 and "is not trusted here" in errors
    code, lines, errors = call(*ask, "--llm-ca", authority)
    assert code == 0 and "poach an egg" in lines[0], errors
    assert suggest("eggs", count=1, writer=f"{llm.address}#tiny", llm_ca=authority).suggestions
    assert "behind https" in call("eggs", "--llm-ca", authority)[2]


def test_correct(secured: tuple[LlmServer, Path], drawn_run: Path) -> None:
    llm, authority = secured
    llm.replies(said(steps("Dry it with a cloth.", "Wait.", "Begin again.")))
    asked: dict[str, Any] = {"after": 1, "problem": "it is too wet", "steps": 2, "writer": f"{llm.address}#tiny"}
    with pytest.raises(PlanError, match="is not trusted here"):
        correct(drawn_run, **asked)
    with pytest.raises(UsageError, match="behind https"):
        correct(drawn_run, after=1, problem="it is too wet", steps=["Dry it"], llm_ca=authority)
    with pytest.raises(UsageError, match="behind https"):
        correct(drawn_run, after=1, problem="it is too wet", llm_ca=authority)
    llm.replies(said(steps("Dry it with a cloth.")))
    corrected = correct(drawn_run, **asked, llm_ca=authority)
    assert corrected.article.steps[-1].headline == "Dry it with a cloth."


def test_serve(secured: tuple[LlmServer, Path], tmp_path: Path) -> None:
    llm, authority = secured
    address = f"{llm.address}#tiny"
    with open_server(ServeRequest(out=tmp_path, port=0, writer=[address, "minihow"], llm_ca=authority)) as server:
        author, embedded = server.workshop.verbs.authors.values()  # type: ignore[attr-defined]
        llm.replies(said(steps("Boil the egg.", "Peel it.")))
        assert plan_article(author, "How to boil an egg", 2, seed=0).num_steps == 2
        assert embedded.name == "minihow"
    with pytest.raises(UsageError, match="behind https"):
        open_server(ServeRequest(out=tmp_path, port=0, llm_ca=authority))
