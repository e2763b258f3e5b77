"""The code of docs/method.md, run as it stands, against the product: noise, routing, loss and drawing."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.testing import assert_close

from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.models.stable_diffusion.attention import PanelAttnProcessor
from tests.support.tiny_model import make_tiny_model

PAGE = Path(__file__).resolve().parents[1] / "docs" / "method.md"
GOAL, STEPS = "How to make apple juice", ["Wash the apple", "Cut it in half", "Pour it into a glass"]


@pytest.fixture(scope="module")
def page():
    names = {}
    exec(re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1], names)
    return SimpleNamespace(**names)


@pytest.fixture(scope="module")
def pipe(tmp_path_factory):
    return StackedDiffusionPipeline.from_folder(str(make_tiny_model(tmp_path_factory.mktemp("model") / "tiny")))


@pytest.fixture(scope="module")
def unet(pipe):
    """The product's U-Net, called as the page calls it."""

    def call(canvas, t, tokens, mask):
        network = pipe.parts.unet
        return network(canvas, t, encoder_hidden_states=tokens, encoder_attention_mask=mask, return_dict=False)[0]

    return call


@torch.no_grad()
def text_of(page, pipe, goal, steps):
    return page.slots(pipe.parts.tokenizer, pipe.parts.text_encoder, goal, steps)


def test_the_page_is_one_page():
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    assert len([line for line in code.splitlines() if line.strip()]) <= 60


def test_the_noise_is_the_product_s(page, pipe):
    # diffusers computes the same betas in another order, in float32
    assert_close(page.alphas_bar(), pipe.parts.scheduler.alphas_cumprod, atol=2e-6, rtol=1e-4)
    assert float(page.alphas_bar()[-1]) == 0


def test_routed_attention_is_the_processor_s(page, pipe):
    attn = next(module for name, module in pipe.parts.unet.named_modules() if name.endswith("attn2"))
    canvas = torch.randn(2, 3 * 16, attn.to_q.in_features)
    tokens = torch.randn(2 * 3, 5, attn.to_k.in_features)
    mask = torch.rand(2 * 3, 5) < 0.7
    mask[:, 0] = True

    def heads(x):
        return x.unflatten(-1, (attn.heads, -1)).transpose(1, 2)

    ours = page.routed_attention(heads(attn.to_q(canvas)), heads(attn.to_k(tokens)), heads(attn.to_v(tokens)), mask)
    bias = torch.zeros(mask.shape).masked_fill(~mask, -10_000.0)[:, None]
    product = PanelAttnProcessor()(attn, canvas, tokens, bias)
    assert_close(attn.to_out[0](ours.transpose(1, 2).flatten(2)), product)


def test_an_article_is_drawn_as_by_the_pipeline(page, pipe, unet):
    noise = pipe._noise([5], len(STEPS))
    asked = {"seeds": [5], "sampling_steps": 5, "guidance": 3.0, "sampler": "ddim"}
    expected = pipe.sample_latents([(GOAL, STEPS)], **asked)
    text, blank = text_of(page, pipe, GOAL, STEPS), text_of(page, pipe, "", [""] * len(STEPS))
    assert_close(page.draw(unet, noise, text, blank, 5, 3.0), expected, atol=2e-4, rtol=1e-3)


def test_the_loss_is_the_task_s(page, pipe, unet):
    from illinstr.diffusion.schedule import training_target

    noise, panels, t = torch.randn(1, 3, 4, 8, 8), torch.randn(1, 3, 4, 8, 8), torch.tensor([431])
    tokens, mask = text_of(page, pipe, GOAL, STEPS)
    scheduler = pipe.parts.scheduler
    noised = scheduler.add_noise(page.stack(panels), page.stack(noise), t)
    target = training_target(scheduler, page.stack(panels), page.stack(noise), t)
    with torch.no_grad():
        expected = (unet(noised, t, *page.route(tokens, mask)) - target).square().mean()
        assert_close(page.loss(unet, panels, noise, t, tokens, mask), expected, atol=1e-5, rtol=1e-4)
