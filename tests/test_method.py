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
from tests.training.test_stacked_task import long_article, task_of, write

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
        network = pipe.backbone.unet
        return network(canvas, t, encoder_hidden_states=tokens, encoder_attention_mask=mask, return_dict=False)[0]

    return call


@torch.no_grad()
def text_of(page, pipe, goal, steps):
    return page.slots(pipe.backbone.tokenizer, pipe.backbone.text_encoder, goal, steps)


def test_the_page_is_one_page():
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    assert len([line for line in code.splitlines() if line.strip()]) <= 60


def test_the_noise_is_the_product_s(page, pipe):
    # diffusers computes the same betas in another order, in float32
    assert_close(page.alphas_bar(), pipe.backbone.scheduler.alphas_cumprod, atol=2e-6, rtol=1e-4)
    assert float(page.alphas_bar()[-1]) == 0


def test_routed_attention_is_the_processor_s(page, pipe):
    attn = next(module for name, module in pipe.backbone.unet.named_modules() if name.endswith("attn2"))
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


def test_the_loss_is_the_task_s(page, tmp_path):
    data = write(tmp_path / "data", [long_article(i, 3) for i in range(2)])
    model = make_tiny_model(tmp_path / "model")
    noise_of_base = {"beta_schedule": "squaredcos_cap_v2", "transition_steps": None}
    task = task_of(model, data, data={"panel_px": 32}, noise=noise_of_base)
    batch, backbone = task.val_set.batch([0]), task.parts
    noise, t = torch.randn(batch.latents.shape), torch.tensor([431])

    def unet(canvas, t, tokens, mask):
        network = backbone.unet
        return network(canvas, t, encoder_hidden_states=tokens, encoder_attention_mask=mask, return_dict=False)[0]

    with torch.no_grad():
        [expected] = task._errors(task.model, batch, (batch.goals, batch.steps), t, noise)
        text = page.slots(backbone.tokenizer, backbone.text_encoder, batch.goals[0], batch.steps[0])
        assert_close(page.loss(unet, batch.latents, noise, t, *text), expected, atol=1e-5, rtol=1e-4)
