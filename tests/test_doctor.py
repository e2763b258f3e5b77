import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from illinstr import doctor
from illinstr.models.stable_diffusion.family import STABLE_DIFFUSION
from tests.support import fork_server
from tests.support.shard_articles import article, write_data

ROOT = Path(__file__).parent.parent


INDEX = {"_class_name": "StableDiffusionPipeline", "safety_checker": [None, None]}


@pytest.fixture
def model(tmp_path) -> Path:
    """A model folder with the files of a real one and very small weights."""
    folder = tmp_path / "model"
    parts = {part: ["diffusers", "Any"] for part in STABLE_DIFFUSION.parts}
    for part in parts:
        (folder / part).mkdir(parents=True)
    (folder / "model_index.json").write_text(json.dumps({**INDEX, **parts}))
    (folder / "stacked.json").write_text("{}")
    for part in ("unet", "vae", "text_encoder"):
        (folder / part / "config.json").write_text("{}")
        save_file({"w": np.zeros((2, 3), np.float32)}, folder / part / "model.safetensors")
    (folder / "scheduler/scheduler_config.json").write_text("{}")
    (folder / "tokenizer/vocab.json").write_text("{}")
    (folder / "tokenizer/merges.txt").write_text("")
    return folder


@pytest.fixture
def judge(tmp_path) -> Path:
    folder = tmp_path / "judge"
    folder.mkdir()
    for name in ("config.json", "preprocessor_config.json", "tokenizer.json"):
        (folder / name).write_text("{}")
    save_file({"w": np.zeros(5, np.float32)}, folder / "model.safetensors")
    return folder


def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own; with an ``environment`` (read by the interpreter), in a new interpreter."""
    code = "import sys; sys.argv[0] = 'illinstr'; from illinstr.cli.app import main; main()"
    start = subprocess.run if environment else fork_server.run
    return start(
        [sys.executable, "-c", code, "doctor", *options],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", **environment},
    )


def by_name(checks) -> dict[str, doctor.Check]:
    return {check.name: check for check in checks}


def test_a_sound_place_passes(model, judge, tmp_path):
    done = run("--model", str(model), "--judge", str(judge), "--out", str(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    report = json.loads(done.stdout)
    names = [check["name"] for check in report["checks"]]
    assert report["ok"] is True
    assert names[:6] == ["python", "torch", "diffusers", "transformers", "accelerate", "pillow"]
    assert {"cpu", "model", "judge", "write", "disk", "hub"} <= set(names)
    assert list(tmp_path.glob(".illinstr-doctor*")) == []


def test_failures_exit_with_1_and_say_how_to_mend_them(model, judge, tmp_path):
    (model / "unet/model.safetensors").unlink()
    done = run("--model", str(model), "--judge", str(judge), "--out", str(tmp_path), "--quiet")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines() == [
        f"error: 1 of {len(doctor.examine(model=model, judge=judge, out=tmp_path))} checks failed: model",
        "hint: copy or export the folder again",
    ]
    model_lines = [line for line in done.stdout.splitlines() if "model" in line]
    assert model_lines[0].startswith("fail  model")
    assert "pass" not in done.stdout


def test_json_reports_failures_too(tmp_path, judge):
    done = run("--model", str(tmp_path / "nowhere"), "--judge", str(judge), "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["ok"] is False
    assert by_name(doctor.Check(**check) for check in report["checks"])["model"].status == "fail"


def test_an_old_library_is_noticed(tmp_path, model, judge):
    old = tmp_path / "site/torch-1.13.1.dist-info"
    old.mkdir(parents=True)
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 1.13.1\n")
    path = os.pathsep.join([str(old.parent), str(ROOT)])
    done = run("--model", str(model), "--judge", str(judge), PYTHONPATH=path)
    assert done.returncode == 1
    assert "fail  torch         1.13.1, 2.10 or later is needed" in done.stdout
    assert "fix: pip install 'torch>=2.10'" in done.stdout


def test_floors_are_those_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    floors = dict(line.split(">=") for line in project["dependencies"])
    assert {name: floors[name] for name in doctor.FLOORS} == doctor.FLOORS
    assert project["requires-python"] == f">={doctor.PYTHON_FLOOR}"


@pytest.mark.parametrize(
    ("found", "floor", "status"),
    [("2.10", "2.9", "pass"), ("2.9", "2.10", "fail"), ("2.13.0+cpu", "2.13", "pass"), ("3.0rc1", "2.9", "pass")],
)
def test_versions_compare_as_numbers(found, floor, status):
    assert doctor._compare("x", found, floor, "fix").status == status


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda m: shutil.rmtree(m), "no folder"),
        (lambda m: (m / "model_index.json").unlink(), "model_index.json"),
        (lambda m: (m / "model_index.json").write_text("{"), "damaged"),
        (lambda m: (m / "model_index.json").write_text("[]"), "damaged"),
        (lambda m: shutil.rmtree(m / "vae"), "no folder"),
        (lambda m: (m / "unet/config.json").unlink(), "config.json"),
        (lambda m: (m / "scheduler/scheduler_config.json").unlink(), "scheduler_config.json"),
        (lambda m: (m / "tokenizer/merges.txt").unlink(), "merges.txt"),
        (lambda m: (m / "text_encoder/model.safetensors").unlink(), "no safetensors weights"),
        (lambda m: cut(m / "vae/model.safetensors"), "damaged weights"),
        (lambda m: (m / "vae/model.safetensors").write_text("no weights at all"), "damaged weights"),
        (lambda m: (m / "unet/model.bin").write_bytes(b"x"), "never loaded"),
        (lambda m: (m / "stacked.json").write_text("nonsense"), "damaged"),
    ],
)
def test_a_damaged_model_folder_is_noticed(model, damage, said):
    assert doctor.check_model(model).status == "pass"
    damage(model)
    check = doctor.check_model(model)
    assert check.status == "fail"
    assert said in check.detail
    assert check.fix


def test_the_family_of_a_model_is_told_before_its_parts_are_missed(tmp_path):
    (tmp_path / "model_index.json").write_text('{"_class_name": "KolorsPipeline"}')
    check = doctor.check_model(tmp_path)
    assert check.status == "fail"
    assert "Kolors" in check.detail
    assert "Stable Diffusion 1 and 2" in str(check.fix)


def test_parts_beyond_the_usual_are_checked_when_the_index_names_them(model):
    index = json.loads((model / "model_index.json").read_text())
    (model / "model_index.json").write_text(json.dumps({**index, "image_encoder": ["transformers", "X"]}))
    assert "image_encoder" in doctor.check_model(model).detail


def test_a_model_not_trained_for_stacking_is_a_warning(model):
    (model / "stacked.json").unlink()
    assert doctor.check_model(model).status == "warn"


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors"])
def test_a_judge_without_one_of_its_files_is_noticed(judge, name):
    assert doctor.check_judge(judge).status == "pass"
    (judge / name).unlink()
    assert doctor.check_judge(judge).status == "fail"


def test_a_place_that_cannot_be_written_is_noticed(tmp_path):
    (tmp_path / "file").write_text("x")
    (check,) = doctor.check_disk(tmp_path / "file")
    assert (check.name, check.status) == ("write", "fail")
    assert by_name(doctor.check_disk(tmp_path / "not/yet/there"))["write"].status == "pass"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_little_space_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "DISK_FAIL_BYTES", 1 << 80)
    assert by_name(doctor.check_disk(tmp_path))["disk"].status == "fail"
    monkeypatch.setattr(doctor, "DISK_FAIL_BYTES", 0)
    monkeypatch.setattr(doctor, "DISK_WARN_BYTES", 1 << 80)
    assert by_name(doctor.check_disk(tmp_path))["disk"].status == "warn"


def test_more_threads_than_cores_is_a_warning():
    code = "from illinstr.doctor import check_devices; print(check_devices()[0].status)"
    for threads, status in (("1", "pass"), ("4096", "warn")):
        done = fork_server.run(
            [sys.executable, "-c", f"import torch; torch.set_num_threads({threads}); {code}"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == [status]


@pytest.fixture
def hub():
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            asked.append(self.headers["User-Agent"])
            self.send_response(503 if self.path == "/down" else 200)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_the_hub_is_asked_once_and_honestly(hub, monkeypatch):
    address, asked = hub
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", address)
    assert doctor.check_hub().status == "pass"
    assert len(asked) == 1
    assert asked[0].startswith("illinstr/")
    monkeypatch.setenv("HF_ENDPOINT", f"{address}/down")
    assert doctor.check_hub().status == "warn"


@pytest.mark.parametrize("offline", ["1", "true", "ON"])
def test_offline_is_respected(hub, monkeypatch, offline):
    address, asked = hub
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.setenv("HF_HUB_OFFLINE", offline)
    assert doctor.check_hub().status == "pass"
    assert asked == []


def test_a_silent_hub_is_a_warning_and_not_a_failure(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for endpoint in ("http://127.0.0.1:9", "nonsense://[", "no address"):
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        check = doctor.check_hub()
        assert check.status == "warn"
        assert check.fix


def test_data_is_validated_when_asked(tmp_path, model, judge):
    data = write_data(tmp_path / "data", [article(1)])
    assert doctor.check_data(data).status == "pass"
    (data / "shards/stray").write_text("x")
    assert doctor.check_data(data).status == "warn"
    (data / "shards/train-000000.tar").write_bytes(b"")
    done = run("--model", str(model), "--judge", str(judge), "--data", str(data), "--quiet")
    assert done.returncode == 1
    assert "fail  data" in done.stdout
    assert doctor.check_data(tmp_path / "nowhere").status == "fail"
