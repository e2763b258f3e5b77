"""The variants script: denoisers that keep the U-Net's bargain at its cost, and runs that are not done twice."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest
import torch

from illinstr.errors import UsageError
from illinstr.models.stable_diffusion.attention import predict, route_panels
from illinstr.models.stacking import stack, unstack
from illinstr.training.loop import step_generator
from illinstr.training.presets import load_config
from scripts import try_variants
from scripts.variants import (
    REFERENCE,
    VARIANTS,
    GridUNet,
    PanelTransformer,
    VariantTask,
    forward_flops,
    from_grid,
    to_grid,
    transformer_like,
)
from tests.support.tiny_data import make_tiny_data
from tests.support.tiny_model import make_tiny_model
from tests.support.training_runs import units_of_one_length

CHANNELS, SIDE, TEXT = 4, 8, 32
TINY = ("--steps=2", "--batch-size=2", "--val-articles=2", "--set=data.panel_px=32", "--set=train.precision=no")
TINY += ("--set=model.block_out_channels=[32, 32]",)


def a_unet(widths=(32, 32), *, channels=CHANNELS, text=TEXT):
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=SIDE, in_channels=channels, out_channels=channels, block_out_channels=widths,
        down_block_types=("CrossAttnDownBlock2D",) * 2, up_block_types=("CrossAttnUpBlock2D",) * 2,
        layers_per_block=1, attention_head_dim=(4, 4), norm_num_groups=32, cross_attention_dim=text,
    )  # fmt: skip
    torch.nn.init.normal_(unet.conv_out.weight, std=0.1)
    route_panels(unet)
    return unet


def a_transformer():
    torch.manual_seed(0)
    net = PanelTransformer(channels=CHANNELS, text_dim=TEXT, width=32, depth=2)
    for parameter in net.parameters():  # what begins at zero would say nothing
        torch.nn.init.normal_(parameter, std=0.1)
    return net


@torch.no_grad()
def said(network, n, tokens, canvas=None, *, mask=None):
    canvas = (
        stack(torch.randn(2, n, CHANNELS, SIDE, SIDE, generator=step_generator(0, 0, 0))) if canvas is None else canvas
    )
    mask = torch.ones(tokens.shape[:2], dtype=torch.bool) if mask is None else mask
    return predict(network, canvas, torch.tensor([500, 900]), tokens, mask)


@pytest.mark.parametrize("n", range(1, 9))
def test_column_to_grid_and_back(n):
    panels = torch.randn(2, n, CHANNELS, SIDE, SIDE)
    grid = to_grid(stack(panels))
    assert grid.shape == (2, CHANNELS, (n + 1) // 2 * SIDE, 2 * SIDE)
    assert torch.equal(from_grid(grid, n), stack(panels))
    for number in range(n):
        row, column = divmod(number, 2)
        cell = grid[:, :, row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]
        assert torch.equal(cell, panels[:, number])
    if n % 2:
        assert not grid[:, :, -SIDE:, SIDE:].any()


@pytest.mark.parametrize("n", [2, 5])
def test_attention_on_the_grid_is_that_on_the_column(n):
    """Where there is nothing but attention, the order of positions changes nothing, and the empty panel stays out."""
    unet = GridUNet(a_unet())
    unet.processor.panels = n
    attention = unet.unet.mid_block.attentions[0].transformer_blocks[0]
    column = torch.randn(2, 32, n * 4, 4)
    flat = [canvas.flatten(2).transpose(1, 2) for canvas in (column, to_grid(column))]
    bias = torch.zeros(2 * n, 1, 5)
    bias[:, :, 3:] = -10_000.0
    for layer, rest in ((attention.attn1, ()), (attention.attn2, (torch.randn(2 * n, 5, TEXT), bias))):
        on_grid = layer(flat[1], *rest)
        route_panels(unet.unet)
        expected = layer(flat[0], *rest).transpose(1, 2).reshape(column.shape)
        unet.unet.set_attn_processor(unet.processor)
        assert torch.allclose(on_grid.transpose(1, 2).reshape(to_grid(column).shape), to_grid(expected), atol=1e-6)


@pytest.mark.parametrize("network", ["grid", "transformer"])
def test_routing_gives_a_panel_its_own_tokens_alone(network):
    """Cross-attention by itself: with self-attention and convolutions silent, a text moves one panel only."""
    n, moved = 3, 1
    net = GridUNet(a_unet()) if network == "grid" else a_transformer()
    if network == "grid":
        net.processor.panels = n
        layer = net.unet.mid_block.attentions[0].transformer_blocks[0].attn2
        queries = to_grid(torch.randn(2, 32, n * 4, 4)).flatten(2).transpose(1, 2)
    else:
        layer = net.blocks[0].attn2
        queries = torch.randn(2, n * SIDE * SIDE, 32)
    tokens = torch.randn(2 * n, 5, TEXT)
    other = tokens.clone()
    other[moved] += 1.0  # the second panel of the first article
    change = (layer(queries, other) - layer(queries, tokens)).abs().sum(dim=2)
    if network == "grid":
        change = from_grid(change.reshape(2, 1, 2 * 4, 2 * 4), n)[:, 0]
    touched = change.reshape(2, n, -1).sum(dim=2) > 1e-6
    assert touched.tolist() == [[False, True, False], [False, False, False]]


@pytest.mark.parametrize("make", [lambda: GridUNet(a_unet()), a_transformer])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_network_answers_as_the_unet_does(make, n):
    net = make().eval()
    routed, joint = torch.randn(2 * n, 6, TEXT), torch.randn(2, 9, TEXT)
    answer = said(net, n, routed)
    assert answer.shape == (2, CHANNELS, n * SIDE, SIDE) and answer.isfinite().all()
    assert said(net, n, joint).shape == answer.shape
    assert not torch.allclose(answer, said(net, n, routed + 1.0), atol=1e-4)
    mask = torch.ones(routed.shape[:2], dtype=torch.bool)
    mask[:, 4:] = False
    assert torch.allclose(said(net, n, routed, mask=mask), said(net, n, routed[:, :4]), atol=1e-5)


def test_the_grid_has_neighbours_beside_one_another():
    """The first convolution carries the last of six panels to all panels of its 2x2 neighbourhood."""
    unet = a_unet().eval()
    torch.nn.init.normal_(unet.conv_in.weight, std=0.1)
    panels = torch.randn(1, 6, CHANNELS, SIDE, SIDE)
    moved = panels.clone()
    moved[:, 5] += 1.0
    with torch.no_grad():
        seen = [from_grid(unet.conv_in(to_grid(stack(each))), 6) for each in (panels, moved)]
        change = unstack((seen[0] - seen[1]).abs(), 6).sum(dim=(0, 2, 3, 4))
    assert [bool(value > 1e-4) for value in change] == [False, False, True, True, True, True]


def test_the_transformer_knows_places_and_begins_silent():
    net = PanelTransformer(channels=CHANNELS, text_dim=TEXT, width=32, depth=2).eval()
    assert not said(net, 2, torch.randn(4, 5, TEXT)).any()
    flat = torch.ones(2, CHANNELS, 3 * SIDE, SIDE)
    out = said(a_transformer().eval(), 3, torch.ones(6, 5, TEXT), flat).flatten(2)
    assert len(out[0].T.unique(dim=0)) == 3 * SIDE * SIDE  # every position of every panel is told from all others


@pytest.mark.parametrize(
    ("widths", "channels", "text"), [((32, 32), 4, 32), ((64, 128), 16, 256), ((128, 256), 16, 256)]
)
def test_the_transformer_costs_what_the_unet_costs(widths, channels, text):
    with torch.device("meta"):
        unet = a_unet(widths, channels=channels, text=text)
    shape = {"channels": channels, "side": SIDE, "text_dim": text}
    costs = {c: forward_flops(unet, conditioning=c, **shape) for c in ("routed", "joint")}
    assert costs["joint"] == pytest.approx(costs["routed"], rel=0.15)
    same = forward_flops(transformer_like(unet), conditioning="routed", **shape)
    assert same == pytest.approx(costs["routed"], rel=0.15)
    assert forward_flops(GridUNet(unet), conditioning="routed", **shape) == pytest.approx(costs["routed"], rel=1e-6)


def test_operations_are_counted_by_hand():
    layer = torch.nn.Linear(CHANNELS, CHANNELS)

    class Alone(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, canvas, *_, **__):
            return (self.layer(canvas.transpose(1, 3)).transpose(1, 3),)

    counted = forward_flops(Alone(), channels=CHANNELS, side=SIDE, text_dim=TEXT, conditioning="routed")
    assert counted == 2 * 6 * SIDE * SIDE * CHANNELS * CHANNELS


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A tiny model folder and tiny data, with a cache of their own."""
    root = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ILLINSTR_CACHE", str(root / "cache"))
        yield make_tiny_model(root / "model"), make_tiny_data(root / "data", train=12, val=2)


def plan_of(monkeypatch, world, out, *more):
    words = ["try_variants.py", "--out", str(out), "--model", str(world[0]), "--data", str(world[1]), *TINY, *more]
    monkeypatch.setattr(sys, "argv", words)
    return try_variants._parse()


def task_of(monkeypatch, world, out, name):
    _, plan = plan_of(monkeypatch, world, out)
    variant = next(each for each in VARIANTS if each.name == name)
    base = try_variants.base_parts(out, str(world[0]))
    return VariantTask(variant, load_config("mini-unet", plan.overrides(variant, 1, base)), world[1], "cpu")


def test_variants_meet_the_same_and_differ_in_what_they_say(tmp_path, monkeypatch, world):
    losses, batches, validated = {}, {}, {}
    for variant in VARIANTS:
        task = task_of(monkeypatch, world, tmp_path / "out", variant.name)
        torch.manual_seed(1)
        for name, parameter in task.unet.named_parameters():
            if name.startswith("proj_out"):
                torch.nn.init.normal_(parameter, std=0.1)
        batch = task.make_batch(units_of_one_length(task, 3))
        batches[variant.name] = (batch.goals, batch.latents.sum().item())
        with torch.no_grad():
            losses[variant.name] = float(task.loss(task.model, batch, step_generator(0, 3, 0))[0])
            validated[variant.name] = task.validate(None, 0)["val_loss"]
    assert all(each == batches[REFERENCE] for each in batches.values())
    assert len(set(losses.values())) == len(VARIANTS)
    assert validated["min-snr"] == validated[REFERENCE]  # weights are for training: what is compared has none
    assert losses["min-snr"] < losses[REFERENCE]


def test_two_variants_end_to_end_and_nothing_twice(tmp_path, monkeypatch, world, capsys):
    out, names = tmp_path / "out", ["column-routed", "transformer"]
    plan_of(monkeypatch, world, out, "--variants", names[0])
    try_variants.main()
    plan_of(monkeypatch, world, out, "--variants", ",".join(names))
    try_variants.main()
    found = json.loads((out / "variants.json").read_text())["measured"]
    assert [each["variant"] for each in found] == names
    for each in found:
        with (out / "runs" / f"{each['variant']}-s1" / "log.csv").open() as stream:
            last = [row for row in csv.DictReader(stream) if row["val_loss"]][-1]
        assert last["step"] == "2" and each["losses"]["val_q4"] == float(last["val_q4"])
        assert (out / "runs" / f"{each['variant']}-s1" / "model" / "denoiser_model.safetensors").is_file()
        assert each["step_s"] > 0 and each["parameters_m"] > 0
    assert found[1]["gflops"] == pytest.approx(found[0]["gflops"], rel=0.15)
    page = (out / "variants.md").read_text()
    assert page in capsys.readouterr().out and page.count("| `") == 2 and " % |" in page
    before = {path: path.stat().st_mtime_ns for path in (out / "runs").rglob("*") if path.is_file()}
    monkeypatch.setattr(try_variants, "VariantTask", None)  # whoever trains now fails
    try_variants.main()
    assert {path: path.stat().st_mtime_ns for path in (out / "runs").rglob("*") if path.is_file()} == before


def test_a_run_killed_before_its_figures_is_not_trained_again(tmp_path, monkeypatch, world):
    out, plan = plan_of(monkeypatch, world, tmp_path / "out", "--variants", REFERENCE)
    monkeypatch.setattr(try_variants, "write_json", _killed)
    with pytest.raises(KeyboardInterrupt):
        try_variants.work(out, plan)
    monkeypatch.undo()
    weights = out / "runs" / f"{REFERENCE}-s1" / "checkpoints" / "step-00000002" / "model.safetensors"
    trained = weights.read_bytes()
    monkeypatch.setattr(VariantTask, "loss", None)
    try_variants.work(out, plan)
    assert trained and (out / "runs" / f"{REFERENCE}-s1" / "measured.json").is_file()
    assert not weights.exists()


def _killed(*_):
    raise KeyboardInterrupt


def test_options_that_do_not_fit_are_refused(tmp_path, monkeypatch, world):
    for words, message in (
        (["--variants", "row"], "no such variants"), (["--seeds", "a"], "--seeds takes"),
        (["--limit", "-1"], "at least 1"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=message):
            plan_of(monkeypatch, world, Path(tmp_path / "out"), *words)


def test_the_table_gives_differences_over_seeds():
    losses = dict.fromkeys(("val_loss", *try_variants.QUARTILES), 0.5)
    runs = [
        try_variants.Measured(name, seed, 1.0, 2.0, 0.5, {**losses, "val_loss": loss})
        for name, seed, loss in ((REFERENCE, 1, 0.5), (REFERENCE, 2, 0.4), ("min-snr", 1, 0.55), ("min-snr", 2, 0.4))
    ]
    plan = try_variants.Plan((REFERENCE, "min-snr"), (1, 2), 3, 4, "small", "d", "mini", None, 5, ("optim.lr=0.1",))
    page = try_variants.table(plan, runs)
    assert "| `min-snr` | 1.00 M | 2.00 | 0.50 | 0.4750 | +5.0 % (+0.0 to +10.0) |" in page
    assert "seeds 1, 2; for all: `optim.lr=0.1`" in page and "3 steps of 4 articles" in page
