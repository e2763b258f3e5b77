"""The Python API: what is visible, when it is loaded, and that it does what the command line does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import ImageChops

import illinstr
from illinstr.cli.app import app
from illinstr.errors import UsageError
from tests.support.tiny_model import make_tiny_model

HEAVY = ("torch", "diffusers", "transformers", "numpy", "PIL", "pydantic")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_tiny_model(tmp_path_factory.mktemp("model") / "tiny"))


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_is_what_is_visible() -> None:
    visible = {name for name in dir(illinstr) if not name.startswith("_") or name == "__version__"}
    assert visible == set(illinstr.__all__)
    assert illinstr.__all__ == sorted(illinstr.__all__)
    for name in illinstr.__all__:
        assert getattr(illinstr, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = illinstr.nonsense


def test_importing_the_package_loads_nothing_and_a_star_import_gives_all() -> None:
    code = f"import sys, illinstr; print(sorted(set(sys.modules) & set({HEAVY!r})))"
    assert python(code).strip() == "[]"
    code = "from illinstr import *; import illinstr; print(set(illinstr.__all__) <= set(globals()))"
    assert python(code).strip() == "True"


def test_generate_and_edit_do_what_the_commands_do(model: str, tmp_path: Path) -> None:
    seen: list[int] = []
    run = illinstr.generate(
        "Make tea",
        ["Boil water", "Pour it | Slowly."],
        out=tmp_path / "api",
        seed=2,
        sampling_steps=3,
        model=model,
        on_step=lambda step: seen.append(step.done),
    )
    assert seen == [1, 2, 3]
    assert run.page.is_file() and len(run.images) == 2
    assert run.article.steps[1].body == "Slowly."
    words = ["generate", "Make tea", "--step", "Boil water", "--step", "Pour it | Slowly.", "--seed", "2"]
    words += ["--sampling-steps", "3", "--model", model, "--out", str(tmp_path / "cli"), "--quiet"]
    app(words, standalone_mode=False)
    same = [path.name for path in run.folder.iterdir() if path.name != "run.json"]
    assert all((run.folder / name).read_bytes() == (tmp_path / "cli" / name).read_bytes() for name in same)

    edited = illinstr.edit(run, 2, text="Pour it fast", model=model)
    app(["edit", str(tmp_path / "cli"), "--step", "2", "--text", "Pour it fast", "--quiet"], standalone_mode=False)
    assert edited.folder == run.folder
    assert all((run.folder / name).read_bytes() == (tmp_path / "cli" / name).read_bytes() for name in same)
    assert edited.article.steps[0].image == run.article.steps[0].image


def test_one_model_serves_many_articles(model: str, tmp_path: Path) -> None:
    pipeline = illinstr.load_model(model, device="cpu")
    runs = [
        illinstr.generate("Make tea", ["Boil", "Pour"], out=tmp_path / str(seed), seed=seed, model=pipeline)
        for seed in (0, 1)
    ]
    assert runs[0].article.steps[0].image != runs[1].article.steps[0].image
    assert len(illinstr.edit(runs[0].folder, [1, 2], model=pipeline, out=tmp_path / "2").record.revisions) == 1


def test_previews_become_the_images(model: str, tmp_path: Path) -> None:
    """Panels that wait for their window are None; the last preview is what is drawn, to the rounding of a level."""
    previews = []
    run = illinstr.generate(
        "Make tea",
        [f"Step {i}" for i in range(8)],
        out=tmp_path / "long",
        model=model,
        sampling_steps=2,
        on_step=lambda step: previews.append(step.preview()[0]),
    )
    assert [sum(image is not None for image in preview) for preview in previews] == [6, 6, 8, 8]
    for image, drawn in zip(previews[-1], run.images, strict=True):
        # The last sampling step reaches the prediction by another order of sums: a float may round to the next level.
        assert image is not None
        levels = ImageChops.difference(image, drawn).getextrema()
        assert max(high for _, high in levels) <= 1


def test_an_exception_in_a_callback_ends_the_drawing_and_leaves_nothing(model: str, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(_: object) -> None:
        raise Stop

    with pytest.raises(Stop):
        illinstr.generate("Make tea", ["Boil"], out=tmp_path / "x", model=model, on_step=stop)
    assert list(tmp_path.iterdir()) == []


def test_wrong_requests_are_refused_before_a_model_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sampler"):
        illinstr.generate("Make tea", ["Boil"], out=tmp_path / "x", sampler="magic", model="never/looked-for")
    with pytest.raises(UsageError, match="empty"):
        illinstr.generate(" ", ["Boil"], out=tmp_path / "x", model="never/looked-for")
