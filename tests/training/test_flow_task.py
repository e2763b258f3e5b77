"""What a flow-matching run computes: levels, clean panels, loss by second implementations, switches by effect."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from pydantic import ValidationError

from illinstr.config import validate
from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.errors import ConfigError, ModelError
from illinstr.training.attention import plain_attention
from illinstr.training.noise import sample_generator
from illinstr.training.tasks.flow.config import AnchorsConfig, FlowConfig, FlowNoiseConfig
from illinstr.training.tasks.flow.noise import draw_clean, draw_levels, mean_over_panels, noised_panels
from illinstr.training.tasks.flow.task import FlowTask
from illinstr.training.tasks.stacked.config import UNetConfig
from illinstr.training.tasks.stacked.task import UNetTask
from tests.support import tiny_families
from tests.support.tiny_data import TINY_PX, make_tiny_data
from tests.support.tiny_model import make_tiny_model
from tests.support.training_runs import run_training

NEW = {
    "kind": "flow",
    "data": {"panel_px": TINY_PX, "val_limit": 1, "cache": False},
    "model": {"heads": 2, "head_dim": 16, "double_blocks": 1, "single_blocks": 1},
    "stacking": {"step_code": False, "drop_all": 0.0},
    "anchors": {"share": 0.0},
    "train": {"batch_size": 2},
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="module")
def klein(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_families.flux2(tmp_path_factory.mktemp("klein") / "base", distilled=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_data(tmp_path_factory.mktemp("data") / "tiny", train=6, val=1, num_steps=3)


def settings(parts: Path, /, **sections: Any) -> FlowConfig:
    merged = {name: dict(value) if isinstance(value, dict) else value for name, value in NEW.items()}
    merged["base"] = {"parts": str(parts)}
    for name, changes in sections.items():
        if name == "base":
            merged["base"] = changes
        elif changes is None:
            merged.pop(name)
        else:
            merged[name] = {**merged.get(name, {}), **changes}  # type: ignore[dict-item]
    return validate(FlowConfig, merged)


def lively(task: FlowTask) -> FlowTask:
    tiny_families.lively(task.backbone.pipe.transformer)
    return task


def loss_of(task: FlowTask, step: int = 0) -> float:
    units = task.units_of(step)
    with torch.no_grad():
        return float(task.loss(task.model, task.make_batch(units), sample_generator(0, step, range(len(units))))[0])


@pytest.fixture(scope="module")
def task(base: Path, data: Path) -> FlowTask:
    torch.manual_seed(0)
    return lively(FlowTask(settings(base), data, "cpu"))


def test_levels_are_logit_normal_and_shifted() -> None:
    config, anchors = FlowNoiseConfig(mean=0.3, std=0.7, shift=2.0), AnchorsConfig(shift=5.0)
    clean = torch.tensor([[False, False], [True, False]])
    found = draw_levels(clean, config, anchors, sample_generator(1, 2, [4, 9]))
    for row, (place, shift) in enumerate(((4, 2.0), (9, 5.0))):
        z = float(torch.randn(1, generator=sample_generator(1, 2, [place]).rows[0]))
        odds = math.exp(0.3 + 0.7 * z)  # s / (1 - s) of the logistic; a shift multiplies the odds
        assert float(found[row]) == pytest.approx(shift * odds / (1 + shift * odds), rel=1e-5)


def test_clean_panels_are_some_but_never_all_of_those_with_an_image() -> None:
    illustrated = torch.tensor([[True, True, False, True]] * 200 + [[False, True, False, False]] * 20)
    clean = draw_clean(illustrated, 0.5, sample_generator(0, 0, range(220)))
    assert not (clean & ~illustrated).any()
    counts = clean[:200].sum(dim=1)
    assert set(counts.tolist()) == {0, 1, 2}
    assert 70 < int((counts > 0).sum()) < 130
    assert not clean[200:].any()  # the only image is left to learn
    assert not draw_clean(illustrated, 0.0, sample_generator(0, 0, range(220))).any()


def test_a_panel_is_noised_by_its_own_level() -> None:
    latents, noise = torch.randn(1, 3, 2, 2, 2), torch.randn(1, 3, 2, 2, 2)
    clean, illustrated = torch.tensor([[True, False, False]]), torch.tensor([[True, True, False]])
    found = noised_panels(latents, noise, torch.tensor([0.25]), clean, illustrated)
    assert torch.equal(found[0, 0], latents[0, 0])
    torch.testing.assert_close(found[0, 1], 0.75 * latents[0, 1] + 0.25 * noise[0, 1])
    assert torch.equal(found[0, 2], noise[0, 2])
    assert mean_over_panels(torch.tensor([[9.0, 2.0, 4.0]]), torch.tensor([[False, True, True]])).tolist() == [3.0]


def test_the_loss_by_a_second_implementation(task: FlowTask) -> None:
    units = task.units_of(0)
    batch = task.make_batch(units)
    generator = sample_generator(0, 0, range(2))
    found = float(task.loss(task.model, batch, generator)[0].detach())
    rows = sample_generator(0, 0, range(2)).rows
    total = 0.0
    for index, row in enumerate(rows):
        torch.rand(2 + len(batch.steps[index]), generator=row)  # dropped text
        torch.rand(2, generator=row)  # clean panels
        torch.randperm(3, generator=row)
        odds = 1.5 * math.exp(float(torch.randn(1, generator=row)))
        s = odds / (1 + odds)
        noise = torch.randn(batch.latents.shape[1:], generator=row)
        x = (1 - s) * batch.latents[index] + s * noise
        prompt = task.slots([batch.goals[index]], [batch.steps[index]], batch.numbers[index : index + 1])
        with torch.no_grad():
            velocity = task.backbone.predict(x[None], torch.tensor([1000 * s]), prompt)[0]
        total += float((velocity - (noise - batch.latents[index])).square().mean()) / 2
    assert found == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("noise", {"mean": 1.0}),
        ("noise", {"std": 0.2}),
        ("noise", {"shift": 4.0}),
        ("anchors", {"share": 1.0}),
        ("anchors", {"share": 1.0, "shift": 9.0}),
        ("stacking", {"drop_all": 1.0}),
        ("stacking", {"conditioning": "joint"}),
    ],
)
def test_every_switch_changes_the_loss(
    base: Path, data: Path, task: FlowTask, section: str, change: dict[str, Any]
) -> None:
    torch.manual_seed(0)
    other = FlowTask(settings(base, **{section: change}), data, "cpu")
    other.backbone.pipe.transformer.load_state_dict(task.backbone.pipe.transformer.state_dict())
    reference = task
    if section == "anchors" and "shift" in change:
        reference = FlowTask(settings(base, anchors={"share": 1.0}), data, "cpu")
        reference.backbone.pipe.transformer.load_state_dict(task.backbone.pipe.transformer.state_dict())
    assert loss_of(other) != pytest.approx(loss_of(reference), rel=1e-6)


@pytest.mark.parametrize(
    ("section", "change"),
    [("heads", 4), ("head_dim", 32), ("double_blocks", 2), ("single_blocks", 2), ("mlp_ratio", 4.0)],
)
def test_the_shape_of_a_new_transformer(base: Path, task: FlowTask, section: str, change: float) -> None:
    from illinstr.training.tasks.flow.parts import build_model

    made = build_model(settings(base, model={section: change})).pipe.transformer
    count = [sum(p.numel() for p in each.parameters()) for each in (made, task.backbone.pipe.transformer)]
    assert count[0] > count[1]


def test_hidden_layers_of_the_text_encoder_are_those_asked_for(base: Path) -> None:
    from illinstr.training.tasks.flow.parts import build_model

    two, one = (build_model(settings(base, model={"text_layers": layers})) for layers in ([1, 2], [2]))
    both, last = (model.encode_texts(["How to wash a red apple"]).tokens for model in (two, one))
    torch.testing.assert_close(both[..., both.shape[-1] // 2 :], last)
    assert not torch.equal(both[..., : both.shape[-1] // 2], last)


def test_latents_are_normalised_and_come_back(task: FlowTask) -> None:
    batch = task.make_batch([0, 1])
    assert abs(float(batch.latents.mean())) < 0.2
    assert 0.7 < float(batch.latents.std()) < 1.3
    vae, raw = task.backbone.pipe.vae, batch.latents[0]
    direct = task.backbone.pipe._unpatchify_latents(
        raw * (vae.bn.running_var + vae.config.batch_norm_eps).sqrt().view(1, -1, 1, 1)
        + vae.bn.running_mean.view(1, -1, 1, 1)
    )
    with torch.no_grad():
        torch.testing.assert_close(task.backbone.decode_latents(raw), vae.decode(direct).sample)


def test_plain_attention_is_attention_with_its_gradient() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, 5, 8, requires_grad=True) for _ in range(3))
    mask = torch.rand(2, 1, 5, 5) > 0.3
    mask |= torch.eye(5, dtype=torch.bool)
    attend = torch.nn.functional.scaled_dot_product_attention
    for given in (mask, None):
        expected = attend(q, k, v, attn_mask=given)
        theirs = torch.autograd.grad(expected.square().sum(), (q, k, v))
        with plain_attention("cpu"):
            found = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=given)
        assert type(found.grad_fn).__name__ == "_AttentionBackward"
        torch.testing.assert_close(found, expected)
        for mine, their in zip(torch.autograd.grad(found.square().sum(), (q, k, v)), theirs, strict=True):
            torch.testing.assert_close(mine, their, rtol=1e-4, atol=1e-5)


def exported(task: FlowTask, folder: Path) -> Path:
    folder.mkdir(parents=True)
    task.export(folder)
    return folder


def sdxl_task(base: Path, data: Path, lora: dict[str, Any], dtype: str = "float32") -> UNetTask:
    sections = {
        "base": {"model": str(base), "dtype": dtype},
        "noise": {"beta_schedule": "scaled_linear", "zero_snr": False, "prediction": "epsilon"},
        "data": {"panel_px": TINY_PX, "val_limit": 1, "cache": False},
        "stacking": {"drop_all": 0.0},
        "train": {"batch_size": 2},
        "export": {"dtype": "float32"},
        "lora": lora,
    }
    return UNetTask(validate(UNetConfig, {"kind": "unet", **sections}), data, "cpu")


@pytest.fixture(scope="module")
def adapted(
    klein: Path, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Path, Path, str, str]]:
    """Bases of families, folders exported after four steps of LoRA on them, a part and its layer with an adapter."""
    root, found = tmp_path_factory.mktemp("adapted"), {}
    bases = {
        "flux2": klein,
        "z_image": tiny_families.z_image(root / "z_image_base", turbo=False),
        "sdxl": tiny_families.sdxl(root / "sdxl_base"),
    }
    for family, base in bases.items():
        lora = {"rank": 2, "alpha": 4, "targets": ("to_q", "to_v")}
        sections = {"base": {"model": str(base)}, "model": None, "lora": lora, "export": {"dtype": "float32"}}
        task = sdxl_task(base, data, lora) if family == "sdxl" else FlowTask(settings(base, **sections), data, "cpu")
        trained = [p for p in task.model.parameters() if p.requires_grad]
        assert trained and all(p.shape.numel() < 200 for p in trained)
        optimizer = torch.optim.AdamW(trained, lr=0.05)
        for step in range(4):
            task.loss(task.model, task.make_batch(task.units_of(step)), sample_generator(0, step, range(2)))[
                0
            ].backward()
            optimizer.step()
            optimizer.zero_grad()
        part, module = next(iter((task.parts if family == "sdxl" else task.backbone).modules("denoiser").items()))
        layer = next(name for name, each in module.named_modules() if name.endswith("to_q") and hasattr(each, "lora_A"))
        found[family] = (base, exported(task, root / family), part, layer)
    return found


PLAIN = """
import sys
from diffusers import DiffusionPipeline
from safetensors.torch import load_file
new, *adapted = sys.argv[1:]
pipe = DiffusionPipeline.from_pretrained(new)
image = pipe(prompt="How to paint red shapes", height=32, width=32, num_inference_steps=2, guidance_scale=2.0,
             max_sequence_length=77, text_encoder_out_layers=(-1,)).images[0]
assert image.size == (32, 32)
for base, folder, part, layer in zip(adapted[::4], adapted[1::4], adapted[2::4], adapted[3::4]):
    pipe = DiffusionPipeline.from_pretrained(base)
    pipe.load_lora_weights(folder + "/lora")
    pipe.fuse_lora()
    weight = getattr(pipe, part).get_submodule(layer).base_layer.weight.detach()
    merged = load_file(f"{folder}/{part}/diffusion_pytorch_model.safetensors")[layer + ".weight"]
    given = load_file(f"{base}/{part}/diffusion_pytorch_model.safetensors")[layer + ".weight"]
    assert float((merged - given).abs().max()) > 1e-3
    assert float((weight - merged).abs().max()) < 1e-5, (base, float((weight - merged).abs().max()))
assert "illinstr" not in sys.modules
"""


def test_what_is_exported_serves_plain_diffusers(
    task: FlowTask, adapted: dict[str, tuple[Path, Path, str, str]], tmp_path: Path
) -> None:
    """A new model draws there, and adapters loaded there are those that were added into the exported weights."""
    arguments = [str(exported(task, tmp_path / "new")), *(str(part) for each in adapted.values() for part in each)]
    done = subprocess.run([sys.executable, "-c", PLAIN, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_new_model_draws_here(task: FlowTask, tmp_path: Path) -> None:
    pipe = StackedDiffusionPipeline.from_folder(str(exported(task, tmp_path / "new")))
    assert not pipe.backbone.clean_anchors  # anchors.share was 0
    assert pipe.defaults.text_layers == (-1,) and pipe.defaults.trained_steps == (3, 3)
    images = pipe("How to paint red shapes", ["draw the cross", "draw the bar"], seed=1, sampling_steps=2)
    assert [image.size for image in images] == [(TINY_PX, TINY_PX)] * 2


def test_what_does_not_fit_is_refused(base: Path, data: Path, klein: Path, tmp_path: Path) -> None:
    for wrong in (
        {"base": {"parts": str(base), "model": str(klein)}},
        {"base": {"parts": str(base), "revision": "main"}},
        {"lora": {"rank": 2}},
        {"base": {"model": str(klein)}, "model": {"heads": 3}},
        {"base": {"model": str(klein), "dtype": "bfloat16"}, "model": None},
        {"stacking": {"step_code": True}},
    ):
        with pytest.raises((ConfigError, ValidationError)):
            settings(base, **wrong)
    with pytest.raises(ModelError, match="does not learn by flow matching"):
        FlowTask(settings(base, base={"model": str(base)}, model=None), data, "cpu")
    with pytest.raises(ModelError, match="no Stable Diffusion folder"):
        FlowTask(settings(klein), data, "cpu")
    still = tiny_families.z_image(tmp_path / "z", turbo=False)
    with pytest.raises(ConfigError, match=r"anchors\.share"):
        FlowTask(settings(base, base={"model": str(still)}, model=None, anchors={"share": 0.5}), data, "cpu")
    with pytest.raises(ConfigError, match="not a multiple of 8"):
        FlowTask(settings(base, data={"panel_px": 20}), data, "cpu")


def test_sdxl_learns_with_the_goals_pooled_vector_and_the_sizes_of_one_panel(
    adapted: dict[str, tuple[Path, Path, str, str]], data: Path
) -> None:
    task = sdxl_task(adapted["sdxl"][0], data, {"rank": 2}, "bfloat16")
    seen: list[dict[str, Any]] = []
    hook = task.unet.register_forward_pre_hook(lambda _, __, given: seen.append(given), with_kwargs=True)
    batch = task.make_batch(task.units_of(0))
    with torch.no_grad():
        task.loss(task.model, batch, sample_generator(0, 0, range(2)))
    hook.remove()
    conditions = seen[0]["added_cond_kwargs"]
    pooled = task.parts.encode_texts(batch.goals).pooled
    assert pooled is not None
    torch.testing.assert_close(conditions["text_embeds"].float(), pooled.float(), rtol=2e-2, atol=2e-2)
    assert conditions["time_ids"].tolist() == [[TINY_PX, TINY_PX, 0, 0, TINY_PX, TINY_PX]] * 2
    assert seen[0]["encoder_hidden_states"].shape[0] == 2 * 3  # each panel reads the goal and its own step


def test_a_run_is_exported_again_from_its_checkpoints(base: Path, data: Path, tmp_path: Path) -> None:
    """The statistics of a new model's latents are measured from data, which an export does not have."""
    from safetensors.torch import load_file

    from illinstr.progress import SilentReporter
    from illinstr.training.export import export_run

    loop = {"batch_size": 2, "steps": 2, "validate_every": 2, "checkpoint_every": 2, "channels_last": False}
    sections = {"sample": {"sampling_steps": 1, "grid_articles": 1}, "train": loop}
    config = tmp_path / "flow.yaml"
    config.write_text(yaml.safe_dump(settings(base, **sections).model_dump(mode="json")))
    run_training(str(config), [], data=data, out=tmp_path / "run")
    out = export_run(
        tmp_path / "run", tmp_path / "again", weights="raw", checkpoint=None, dtype=None, reporter=SilentReporter()
    )
    for part in ("transformer", "vae"):
        file = f"{part}/diffusion_pytorch_model.safetensors"
        again, before = load_file(out / file), load_file(tmp_path / "run" / "model" / file)
        assert again.keys() == before.keys() and all(torch.equal(again[name], before[name]) for name in again)


@pytest.mark.parametrize("preset", ["klein-lora", "zimage-lora", "sdxl-lora"])
def test_each_preset_runs_as_it_stands_on_a_small_base(
    adapted: dict[str, tuple[Path, Path, str, str]], data: Path, tmp_path: Path, preset: str
) -> None:
    """Everything but base, sizes and length is the preset's own."""
    base = adapted[{"klein-lora": "flux2", "zimage-lora": "z_image", "sdxl-lora": "sdxl"}[preset]][0]
    changes = {"base.model": base, "data.panel_px": TINY_PX, "data.val_limit": 1, "train.steps": 1}
    changes |= {"train.batch_size": 2, "train.accumulate": 2, "train.validate_every": 1, "sample.sampling_steps": 1}
    run_training(preset, [f"{key}={value}" for key, value in changes.items()], data=data, out=tmp_path / "run")
    assert (tmp_path / "run" / "model" / "lora" / "adapter_config.json").is_file()
    pipe = StackedDiffusionPipeline.from_folder(str(tmp_path / "run" / "model"))
    assert pipe.trained_for_stacking and pipe.backbone.clean_anchors == (preset == "klein-lora")


@pytest.mark.parametrize("family", ["flux2", "z_image"])
def test_activation_checkpointing_changes_no_gradient(
    adapted: dict[str, tuple[Path, Path, str, str]], data: Path, family: str
) -> None:
    """The second pass of a checkpointed block runs in the backward pass, where attention must still be routed."""
    from illinstr.training.loop import checkpoint_activations

    found = []
    for checkpointed in (False, True):
        base = adapted[family][0]
        task = FlowTask(settings(base, base={"model": str(base)}, model=None, lora={"rank": 2}), data, "cpu")
        for name, parameter in task.model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(0))
        if checkpointed:
            checkpoint_activations(task.model)
        task.model.train()
        batch = task.make_batch(task.units_of(0))
        task.loss(task.model, batch, sample_generator(0, 0, range(2)))[0].backward()
        found.append([p.grad for p in task.model.parameters() if p.grad is not None])
    assert len(found[0]) == len(found[1]) > 0
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
