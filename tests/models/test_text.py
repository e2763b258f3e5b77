import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from illinstr.models.prompt import CanvasText, PromptEmbeds, lay_slots, slot_texts
from illinstr.models.stable_diffusion.text import condition, encode_texts, step_code, tokenize
from tests.support.tiny_model import tiny_components


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    return SimpleNamespace(**tiny_components(tmp_path_factory.mktemp("tokenizer")))


def test_step_code_is_the_sinusoid_of_the_paper():
    slots, dim = [0, 1, 7], 10
    code = step_code(torch.tensor(slots), dim)
    for row, position in enumerate(slots):
        for feature in range(dim):
            angle = position / 10_000 ** ((feature - feature % 2) / dim)
            expected = math.sin(angle) if feature % 2 == 0 else math.cos(angle)
            assert float(code[row, feature]) == pytest.approx(expected, abs=1e-6)


def test_step_codes_of_ten_steps_are_distinct():
    code = step_code(torch.arange(11), 64)
    distances = torch.cdist(code, code) + torch.eye(11) * 99
    assert float(distances.min()) > 0.5


def test_a_text_over_77_tokens_keeps_its_end_token(parts):
    ids, mask = tokenize(parts.tokenizer, ["juice " * 300, "juice"])
    assert ids.shape == (2, 77)
    assert ids[0, -1] == parts.tokenizer.eos_token_id
    assert mask[0].all()
    assert int(mask[1].sum()) < 77


def test_encoding_does_not_depend_on_the_texts_beside_it(parts):
    alone = encode_texts(parts.tokenizer, parts.text_encoder, ["Blend it"])
    beside = encode_texts(parts.tokenizer, parts.text_encoder, ["Blend it", "Pour it into a glass", "Blend it"])
    assert torch.allclose(alone.tokens[0], beside.tokens[0][beside.mask[0]], atol=1e-5)
    assert torch.equal(beside.tokens[0], beside.tokens[2])
    assert alone.mask.all()


def _slots(conditioning="routed", b=2, n=3, length=4, dim=6):
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(b, 1 + n, length, dim, generator=generator)
    mask = torch.rand(b, 1 + n, length, generator=generator) > 0.3
    return PromptEmbeds(tokens, mask, torch.arange(1, n + 1).expand(b, n), conditioning)


def test_routed_gives_each_panel_the_goal_and_its_own_step():
    slots = _slots()
    text = condition(slots, with_step_code=False)
    for article in range(2):
        for panel in range(3):
            row = article * 3 + panel
            assert torch.equal(
                text.tokens[row], torch.cat([slots.tokens[article, 0], slots.tokens[article, 1 + panel]])
            )
            assert torch.equal(text.mask[row], torch.cat([slots.mask[article, 0], slots.mask[article, 1 + panel]]))


def test_joint_gives_every_panel_everything():
    slots = _slots("joint")
    text = condition(slots, with_step_code=False)
    assert torch.equal(text.tokens[1], torch.cat(list(slots.tokens[1])))
    assert text.mask.shape == (2, 16)


@pytest.mark.parametrize("style", ["routed", "joint"])
def test_the_step_code_adds_the_slot_number_and_nothing_else(style):
    slots = _slots(style)
    plain = condition(slots, with_step_code=False).tokens
    coded = condition(slots, with_step_code=True).tokens
    added = (coded - plain).reshape(2, -1, 4, 6)
    numbers = [0, 1, 0, 2, 0, 3] if style == "routed" else [0, 1, 2, 3]
    for slot, number in enumerate(numbers):
        expected = step_code(torch.tensor(number), 6)
        assert torch.allclose(added[:, slot], expected.expand(2, 4, 6), atol=1e-6)


def test_a_step_drawn_alone_keeps_its_number():
    slots = _slots(n=1)
    third = condition(replace(slots, numbers=torch.tensor([[3], [3]])), with_step_code=True).tokens
    first = condition(slots, with_step_code=True).tokens
    difference = step_code(torch.tensor(3), 6) - step_code(torch.tensor(1), 6)
    assert torch.allclose((third - first)[:, 4:], difference.expand(2, 4, 6), atol=1e-6)
    assert torch.equal(third[:, :4], first[:, :4])


def test_single_is_one_numbered_string(parts):
    assert slot_texts("Make tea", ["Boil", "Pour"], "single") == ["Make tea: 1. Boil 2. Pour"]
    embeds = encode_texts(parts.tokenizer, parts.text_encoder, ["Make tea: 1. Boil 2. Pour"])
    slots = lay_slots(embeds, [CanvasText("Make tea", ("Boil", "Pour"), (1, 2))], "single")
    assert slots.tokens.shape[1] == 1
    assert condition(slots, with_step_code=True).tokens.shape == (1, *slots.tokens.shape[2:])


def test_special_tokens_in_a_goal_are_text(parts):
    ids, _ = tokenize(parts.tokenizer, ["make <|endoftext|> juice"])
    assert (ids == parts.tokenizer.eos_token_id).sum() == 1
    assert ids[0, -1] == parts.tokenizer.eos_token_id
