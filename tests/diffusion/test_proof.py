"""``illinstr doctor --prove`` on tiny random weights: what holds is shown, and what does not is a failure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from illinstr.models.routing import AttentionPlan
from tests.support.command_line import Call, calling
from tests.support.tiny_families import make_family


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_family("z_image", tmp_path_factory.mktemp("models") / "z_image", layers=3)


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    return calling(monkeypatch, capsys, "doctor")


def test_a_sound_model_proves_every_row(doctor: Call, folder: Path) -> None:
    code, lines, errors = doctor("--model", folder, "--prove")
    assert code == 0, errors
    assert len(lines) == 9 and all(line.endswith("ok") for line in lines[1:])
    code, lines, _ = doctor("--model", folder, "--prove", "--json")
    proof = json.loads("\n".join(lines))["proof"]
    stays = [row["change"] for row in proof if not row["moves"]]
    assert len(proof) == 8 and stays == [0.0, 0.0]


def test_a_leak_fails(doctor: Call, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AttentionPlan, "routed", property(lambda plan: False, lambda plan, value: None), raising=False)
    code, lines, errors = doctor("--model", folder, "--prove")
    assert code == 1
    assert any("another step's text" in line and line.endswith("FAILED") for line in lines)
    assert "not as they must be" in errors


def test_doctor_names_the_family_and_asks_for_no_training(folder: Path) -> None:
    from illinstr.doctor import check_model

    check = check_model(folder)
    assert check.status == "pass" and "Z-Image" in check.detail and "--prove" in check.detail


def test_u_nets_prove_what_their_first_text_layer_lets_through(doctor: Call, tmp_path: Path) -> None:
    for model in ("mini", make_family("sdxl", tmp_path / "sdxl")):
        code, lines, errors = doctor("--model", model, "--prove")
        assert code == 0, errors
        assert len(lines) == 6 and all(line.endswith("ok") for line in lines[1:])


def test_a_model_of_one_text_and_no_model_are_told_apart(doctor: Call, tmp_path: Path) -> None:
    from tests.support.tiny_sd import make_tiny_sd

    assert doctor("--prove")[0] == 2
    code, _, errors = doctor("--model", make_tiny_sd(tmp_path / "sd"), "--prove")
    assert code == 1 and "reads one text for all images" in errors
