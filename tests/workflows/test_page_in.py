"""``generate --from``: a page goes in, its steps come out as an article with its licence."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from illinstr.errors import DataError, UsageError
from illinstr.runs import read_article, read_record
from illinstr.workflows.generate import GenerateRequest, generate_article, plan_generate
from tests.support.tiny_model import make_tiny_model

PAGE = """<html lang=en><head><script type="application/ld+json">{"@context": "https://schema.org", "@type": "HowTo",
"name": "How to Repot a Plant", "license": "https://creativecommons.org/licenses/by/4.0/", "step": [
{"@type": "HowToStep", "name": "Water it", "text": "Water it the day before.", "image": "1.jpg"},
{"@type": "HowToStep", "name": "Lift it out", "text": "Hold the stem."}]}</script></head><body>
<h1>How to Repot a Plant</h1><h2>Water it</h2><p>Water it the day before.</p><img src="1.jpg">
<h2>Lift it out</h2><p>Hold the stem.</p></body></html>"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_tiny_model(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture
def page(tmp_path: Path) -> Path:
    folder = tmp_path / "saved"
    folder.mkdir()
    picture = Image.effect_noise((160, 120), 90).convert("RGB")
    picture.save(folder / "1.jpg")
    (folder / "other.jpg").write_bytes(b"not named by the page")
    path = folder / "plant.html"
    path.write_text(PAGE)
    return path


def test_the_steps_and_the_licence_of_a_page(page: Path, model: str, tmp_path: Path) -> None:
    request = GenerateRequest("", page=page, model=model, sampling_steps=1, out=tmp_path / "run")
    run = generate_article(request)
    article = read_article(run.folder)
    assert article.goal == "How to Repot a Plant"
    assert [step.headline for step in article.steps] == ["Water it", "Lift it out"]
    assert article.steps[0].body == "Water it the day before."
    assert article.license is not None and "BY" in article.license
    assert article.provenance.source == "generated" and article.provenance.parser == "page"
    assert read_record(run.folder).given == ()


def test_its_images_are_kept_where_that_is_asked_for(page: Path, model: str, tmp_path: Path) -> None:
    request = GenerateRequest("", page=page, keep_images=True, model=model, sampling_steps=1, out=tmp_path / "run")
    run = generate_article(request)
    assert read_record(run.folder).given == (1,)
    first, second = read_article(run.folder).steps
    assert first.image is not None and (first.image.width, first.image.height) == (120, 120)
    assert second.image is not None and second.image.media_type == "image/png"


def test_a_goal_of_ones_own_goes_first(page: Path, model: str, tmp_path: Path) -> None:
    plan = plan_generate(GenerateRequest("Repot my fern", page=page, model=model, out=tmp_path / "run"))
    assert plan.jobs[0].article.goal == "Repot my fern"


def test_what_does_not_go_together_is_refused(page: Path, model: str, tmp_path: Path) -> None:
    for wrong in (
        {"steps": ["Boil"]},
        {"writer": "ollama:x"},
        {"context": "left-handed"},
        {"keep_images": True, "method": "independent"},
    ):
        with pytest.raises(UsageError, match=r"--from|--keep-images"):
            plan_generate(GenerateRequest("", page=page, model=model, out=tmp_path / "run", **wrong))
    with pytest.raises(UsageError, match="cannot be read"):
        plan_generate(GenerateRequest("", page=tmp_path / "none.html", model=model))
    with pytest.raises(UsageError, match="contact"):
        plan_generate(GenerateRequest("", page="https://example.org/Page", model=model))
    (tmp_path / "empty.html").write_text("<html><p>nothing</p></html>")
    with pytest.raises(DataError, match="--from"):
        plan_generate(GenerateRequest("", page=tmp_path / "empty.html", model=model))
