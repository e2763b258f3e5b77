"""``--last-picture``: a model that sees writes the steps to a finished thing; its photo is kept as the last image."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from illinstr import generate
from illinstr.chat.transport import ChatConfig
from illinstr.errors import PlanError, UsageError
from illinstr.runs import read_article, read_record
from illinstr.sampling.drawing.photo import read_photo
from illinstr.sampling.writing import plan_article
from illinstr.sampling.writing.language_model import LanguageModelWriter
from illinstr.sampling.writing.server import ServerModel
from tests.support.command_line import calling
from tests.support.llm_server import Asked, LlmServer, Reply, refused, said, serve, steps

GOAL = "How to wash a bowl"
QUICK = ChatConfig(connect_s=5, read_s=5, backoff_s=0.01, longest_wait_s=0.05)


@pytest.fixture
def llm() -> Iterator[LlmServer]:
    with serve() as server:
        yield server


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    image = Image.new("RGB", (90, 64), (200, 30, 30))
    image.paste((0, 0, 250), (30, 20, 60, 50))
    image.save(path)
    return path


def shown(asked: Asked) -> list[bytes]:
    """The images in a request, decoded."""
    parts = [part for each in asked.body["messages"] if isinstance(each["content"], list) for part in each["content"]]
    addresses = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    assert all(address.startswith("data:image/jpeg;base64,") for address in addresses)
    return [base64.b64decode(address.partition(",")[2]) for address in addresses]


def test_a_model_that_sees_writes_the_steps_and_the_photo_is_the_last(
    llm: LlmServer, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    llm.replies(said("I see a bowl."), said(steps("Rinse the bowl.", "Scrub the bowl.", "Dry the bowl.")))
    call = calling(monkeypatch, capsys, "generate")
    out, asked = tmp_path / "bowl", ("--last-picture", photo, "--llm", f"{llm.address}#eyes")
    code, _, errors = call(GOAL, "--steps", 3, "--sampling-steps", 1, "--out", out, *asked)
    assert code == 0, errors
    kept = read_photo(photo)
    assert [shown(each) for each in llm.asked] == [[kept.data], [kept.data]]  # the second try sees it as well
    first_user = next(each for each in llm.asked[0].body["messages"] if each["role"] == "user")
    assert "The image shows how it looks when the last step is done." in first_user["content"][0]["text"]
    article, record = read_article(out), read_record(out)
    images = [step.image for step in article.steps]
    assert images[2] is not None and images[2].data == kept.data and images[2].width == 64
    assert images[0] is not None and images[0].sha256 != kept.sha256
    assert record.given == (3,) and record.writing is not None
    assert (record.writing.prompt.name, record.writing.image, record.writing.examples) == ("towards", kept.sha256, ())


def test_own_steps_need_no_writer_and_the_photo_steers_the_others(photo: Path, tmp_path: Path) -> None:
    own = ["Rinse the bowl", "Dry the bowl"]
    both = {"sampling_steps": 2, "sampler": "dpm++2m-sde"}
    with_it = generate(GOAL, own, out=tmp_path / "a", last_picture=photo, **both)  # type: ignore[arg-type]
    without = generate(GOAL, own, out=tmp_path / "b", **both)  # type: ignore[arg-type]
    drawn, kept = (step.image for step in read_article(tmp_path / "a").steps)
    alone = read_article(tmp_path / "b").steps[0].image
    assert drawn is not None and kept is not None and alone is not None
    assert kept.sha256 == read_photo(photo).sha256 and drawn.sha256 != alone.sha256
    assert (with_it.record.given, without.record.given) == ((2,), ())


@pytest.mark.parametrize(
    ("first", "num_steps", "given"),
    [
        (False, 1, (1,)),
        (True, 2, (1, 2)),
        pytest.param(True, 10, (1, 10), marks=pytest.mark.slow),  # two windows
    ],
)
def test_any_number_of_steps(first: bool, num_steps: int, given: tuple[int, ...], photo: Path, tmp_path: Path) -> None:
    own = [f"Wash bowl {number}" for number in range(num_steps)]
    made = generate(
        GOAL, own, out=tmp_path / "a", last_picture=photo, first_picture=photo if first else None, sampling_steps=1
    )
    assert made.record.given == given
    last = read_article(tmp_path / "a").steps[-1].image
    assert last is not None and last.sha256 == read_photo(photo).sha256


def test_what_cannot_be_is_refused_before_anything_is_loaded(photo: Path, tmp_path: Path) -> None:
    gguf = tmp_path / "words.gguf"
    gguf.write_bytes(b"GGUF")
    with pytest.raises(UsageError, match="last_picture steers images drawn together"):
        generate(GOAL, last_picture=photo, method="independent", out=tmp_path / "a")
    with pytest.raises(UsageError, match="reads words alone") as caught:
        generate(GOAL, last_picture=photo, writer=str(gguf), out=tmp_path / "a")
    assert "a server whose model sees" in (caught.value.hint or "")
    with pytest.raises(UsageError, match="one step has one image"):
        generate(GOAL, ["Wash it"], last_picture=photo, first_picture=photo, out=tmp_path / "a")
    with pytest.raises(UsageError, match="last_picture: cannot read"):
        generate(GOAL, last_picture=tmp_path / "none.jpg", out=tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_batch_with_another_photo_is_not_mixed(photo: Path, tmp_path: Path) -> None:
    from illinstr import generate_batch

    asked = {"steps": ["Rinse it", "Dry it"], "out": tmp_path / "b", "sampling_steps": 1, "sampler": "dpm++2m-sde"}
    generate_batch([GOAL], last_picture=photo, **asked)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="last image"):
        generate_batch([GOAL], **asked)  # type: ignore[arg-type]
    assert generate_batch([GOAL], last_picture=photo, **asked).kept == 1  # type: ignore[arg-type]


def test_what_was_written_for_one_photo_is_not_kept_for_another(llm: LlmServer, photo: Path) -> None:
    seen = read_photo(photo)
    writer = LanguageModelWriter(ServerModel(f"{llm.address}#eyes"), image=seen)
    llm.replies(said(steps("Rinse the bowl.", "Dry the bowl.")))
    from illinstr.sampling.writing.base import writing_of

    record = writing_of(plan_article(writer, GOAL, 2, seed=0))
    assert writer.wrote(record)
    assert not LanguageModelWriter(writer.model).wrote(record)
    other = seen.model_copy(update={"sha256": "0" * 64})
    assert not LanguageModelWriter(writer.model, image=other).wrote(record)


def test_servers_without_a_system_role_or_without_eyes(llm: LlmServer, photo: Path) -> None:
    def script(asked: Asked) -> Reply:
        roles = [each["role"] for each in asked.body["messages"]]
        return refused("system role not supported") if "system" in roles else said(steps("Rinse it.", "Dry it."))

    llm.script = script
    writer = LanguageModelWriter(ServerModel(f"{llm.address}#eyes", QUICK), image=read_photo(photo))
    assert plan_article(writer, GOAL, 2, seed=0).num_steps == 2
    [asked] = llm.asked[-1].body["messages"]
    assert [part["type"] for part in asked["content"]] == ["text", "text", "image_url"]
    llm.script = lambda asked: refused("this model does not support image input")
    with pytest.raises(PlanError, match="does not support image input"):
        plan_article(writer, GOAL, 2, seed=0)
