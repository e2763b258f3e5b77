import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention

from illinstr.models.stable_diffusion.attention import PanelAttnProcessor, predict, route_panels
from tests.support.tiny_model import tiny_components


def test_routing_equals_full_attention_under_a_mask():
    """Second implementation: let every position see all panels' tokens and mask out those of other panels."""
    torch.manual_seed(0)
    b, n, per_panel, length = 2, 3, 4, 5
    attn = Attention(query_dim=8, cross_attention_dim=6, heads=2, dim_head=4, processor=PanelAttnProcessor())
    positions, tokens = torch.randn(b, n * per_panel, 8), torch.randn(b * n, length, 6)
    real = torch.rand(b * n, length) > 0.3
    real[:, 0] = True
    bias = torch.where(real, 0.0, -10_000.0)[:, None, :]
    routed = attn(positions, encoder_hidden_states=tokens, attention_mask=bias.repeat_interleave(2, dim=0)[::2])

    everything = tokens.reshape(b, n * length, 6)
    allowed = torch.zeros(b, n * per_panel, n * length, dtype=torch.bool)
    for article in range(b):
        for panel in range(n):
            rows = slice(panel * per_panel, (panel + 1) * per_panel)
            allowed[article, rows, panel * length : (panel + 1) * length] = real[article * n + panel]

    def heads(x):
        return x.reshape(b, -1, 2, 4).transpose(1, 2)

    q, k, v = heads(attn.to_q(positions)), heads(attn.to_k(everything)), heads(attn.to_v(everything))
    full = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed[:, None])
    expected = attn.to_out[0](full.transpose(1, 2).reshape(b, n * per_panel, 8))
    assert torch.allclose(routed, expected, atol=1e-5)


def test_processor_equals_diffusers_own_when_nothing_is_routed(tmp_path):
    unet = tiny_components(tmp_path)["unet"].eval()
    canvas, t = torch.randn(2, 4, 16, 8), torch.tensor([10, 500])
    tokens, mask = torch.randn(2, 7, 32), torch.rand(2, 7) > 0.3
    mask[:, 0] = True
    with torch.no_grad():
        theirs = predict(unet, canvas, t, tokens, mask)
        route_panels(unet)
        ours = predict(unet, canvas, t, tokens, mask)
    assert torch.allclose(theirs, ours, atol=1e-5)


def test_a_panels_text_reaches_its_own_panel_first(tmp_path):
    unet = tiny_components(tmp_path)["unet"].eval()
    route_panels(unet)
    canvas, t, n = torch.randn(1, 4, 8 * 4, 8), torch.tensor([500]), 4
    tokens, mask = torch.randn(n, 6, 32), torch.ones(n, 6, dtype=torch.bool)
    changed = tokens.clone()
    changed[2] += 1
    with torch.no_grad():
        difference = (predict(unet, canvas, t, tokens, mask) - predict(unet, canvas, t, changed, mask)).abs()
    per_panel = difference.reshape(4, n, 8, 8).mean(dim=(0, 2, 3))
    assert int(per_panel.argmax()) == 2


def test_masked_tokens_do_not_matter(tmp_path):
    unet = tiny_components(tmp_path)["unet"].eval()
    route_panels(unet)
    canvas, t = torch.randn(1, 4, 16, 8), torch.tensor([500])
    tokens, mask = torch.randn(2, 6, 32), torch.ones(2, 6, dtype=torch.bool)
    mask[:, 4:] = False
    other = tokens.clone()
    other[:, 4:] = 9.0
    with torch.no_grad():
        assert torch.allclose(predict(unet, canvas, t, tokens, mask), predict(unet, canvas, t, other, mask), atol=1e-5)
