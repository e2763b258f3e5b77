"""What a U-Net run computes: each switch by its effect on the loss, the loss by a second implementation."""

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from illinstr.articles import Article, Provenance, Step, make_id
from illinstr.config import validate
from illinstr.diffusion.schedule import NoiseConfig, loss_weights, training_scheduler, training_target
from illinstr.errors import ConfigError, DataError, UsageError
from illinstr.models.stable_diffusion.attention import predict
from illinstr.models.stable_diffusion.text import condition
from illinstr.shards import ShardWriter
from illinstr.training.loop import step_generator
from illinstr.training.tasks.stacked.config import UNetConfig
from illinstr.training.tasks.stacked.data import AssignedUnit
from illinstr.training.tasks.stacked.parts import check_prediction, check_schedule
from illinstr.training.tasks.stacked.task import UNetTask
from tests.support.tiny_data import tiny_article
from tests.support.tiny_sd import SD_PANEL_PX, make_tiny_sd
from tests.support.training_runs import units_of_one_length

BASE = {
    "kind": "unet",
    "data": {"panel_px": SD_PANEL_PX, "val_limit": 1, "max_steps": 4},
    "noise": {"beta_schedule": "scaled_linear", "transition_steps": 0},
    "stacking": {"drop_all": 0.0},
    "train": {"batch_size": 2},
}


def long_article(index, num_steps, missing=()):
    """``num_steps`` steps out of short ones; those in ``missing`` (from 0) have no image."""
    steps = []
    for part in range(-(-num_steps // 4)):
        steps += tiny_article(1000 * index + part, 4).steps
    bare = [step.model_copy(update={"image": None}) if i in missing else step for i, step in enumerate(steps)]
    goal = f"How to paint {('red', 'green', 'blue')[index % 3]} shapes"
    named = tuple(Step(headline=f"{step.headline} {i}", image=step.image) for i, step in enumerate(bare[:num_steps]))
    return Article(id=make_id("long", index), goal=goal, steps=named, provenance=Provenance(source="tiny"))


def write(folder, articles, val=1):
    with ShardWriter(folder, source_config={"tiny": True}) as writer:
        for index, article in enumerate(articles):
            writer.add(article, split="val" if index < val else "train")
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_tiny_sd(tmp_path_factory.mktemp("base") / "sd15")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Validation: one of 3. Training: lengths 2, 3, 4, 4, and one of 7 that gives two windows of 4."""
    articles = [long_article(i, n) for i, n in enumerate((3, 2, 3, 4, 4, 7))]
    return write(tmp_path_factory.mktemp("data") / "tiny", articles)


def settings(root, **sections):
    merged = {name: dict(value) if isinstance(value, dict) else value for name, value in BASE.items()}
    merged["base"] = {"model": str(root)}
    for name, changes in sections.items():
        merged[name] = {**merged.get(name, {}), **changes}
    return validate(UNetConfig, merged)


def task_of(root, folder, **sections):
    return UNetTask(settings(root, **sections), folder, "cpu")


def losses(task, steps=4):
    found = []
    with torch.no_grad():
        for step in range(steps):
            loss, _ = task.loss(
                task.model, task.make_batch(units_of_one_length(task, step)), step_generator(0, step, 0)
            )
            found.append(float(loss))
    return found


@pytest.fixture(scope="module")
def plain(base, data):
    return losses(task_of(base, data))


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("stacking", {"conditioning": "joint"}),
        ("stacking", {"conditioning": "single"}),
        ("stacking", {"step_code": False}),
        ("stacking", {"drop_all": 1.0}),
        ("stacking", {"drop_goal": 1.0}),
        ("stacking", {"drop_step": 1.0}),
        ("stacking", {"windows": False}),
        ("noise", {"zero_snr": False}),
        ("noise", {"min_snr_gamma": 5.0, "min_snr_floor": 0.05}),
        ("noise", {"timestep_shift": 3.0}),
        ("noise", {"beta_schedule": "squaredcos_cap_v2"}),
        ("noise", {"offset": 0.1}),
        ("noise", {"loss": "huber"}),
        ("noise", {"loss": "huber", "huber_c": 0.5}),
        ("noise", {"prediction": "epsilon", "zero_snr": False, "transition_steps": None}),
        ("noise", {"transition_steps": 100}),
        ("noise", {"train_timesteps": 500}),
        ("data", {"max_steps": 3}),
        ("data", {"min_steps": 3}),
        ("data", {"fraction": 0.5}),
        ("data", {"limit": 2}),
        ("lora", {"rank": 2, "dropout": 0.5}),
    ],
)
def test_every_switch_changes_the_loss(base, data, plain, section, change):
    task = task_of(base, data, **{section: change})
    if section == "lora":  # adapters start as zero: give them something to drop
        for name, parameter in task.unet.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(0))
        task.model.train()
        assert losses(task) == losses(task)  # the dropout comes from the step's own generator
    assert losses(task) != plain


def test_the_same_settings_give_the_same_losses(base, data, plain):
    assert losses(task_of(base, data)) == plain


@pytest.mark.parametrize("change", [{"drop_all": 0.5}, {"drop_goal": 0.5}, {"drop_step": 0.5}])
def test_dropouts_leave_out_their_share(base, data, change):
    from illinstr.training.tasks.stacked.text import drop_texts

    task = task_of(base, data, stacking={"drop_all": 0.0, **change})
    batch = task.make_batch(units_of_one_length(task, 0))
    generator = torch.Generator().manual_seed(0)
    drawn = [drop_texts(batch, task.config.stacking, generator) for _ in range(300)]
    goals = [goal == "" for goals, _ in drawn for goal in goals]
    steps = [text == "" for _, steps in drawn for own in steps for text in own]
    whole = [len({text == "" for text in (goal, *own)}) == 1 for g, s in drawn for goal, own in zip(g, s, strict=True)]
    name = next(iter(change))
    assert np.mean(goals) == pytest.approx(0.5 if name != "drop_step" else 0.0, abs=0.08)
    assert np.mean(steps) == pytest.approx(0.5 if name != "drop_goal" else 0.0, abs=0.08)
    assert all(whole) == (name == "drop_all")


def _reference_loss(task, batch, generator):
    """Second implementation: one canvas at a time, NumPy for noise and target, plain loops over panels."""
    config = task.config
    for goal in batch.goals:  # the draws of the dropouts, none of which hits here
        torch.rand(2 + len(batch.steps[0]), generator=generator)
        assert goal
    timesteps = torch.randint(0, config.noise.train_timesteps, (len(batch.goals),), generator=generator)
    noise = torch.randn(batch.latents.shape, generator=generator).double().numpy()
    bars = task.scheduler.alphas_cumprod.double().numpy()
    total = 0.0
    for row in range(len(batch.goals)):
        bar = bars[int(timesteps[row])]
        clean, n = batch.latents[row].double().numpy(), batch.latents.shape[1]
        noised = math.sqrt(bar) * clean + math.sqrt(1 - bar) * noise[row]
        target = math.sqrt(bar) * noise[row] - math.sqrt(1 - bar) * clean
        for panel in range(n):
            if not batch.illustrated[row, panel]:
                noised[panel] = noise[row][panel]
        canvas = torch.from_numpy(np.concatenate(list(noised), axis=1)[None]).float()
        slots = task.slots([batch.goals[row]], [batch.steps[row]], batch.numbers[row : row + 1])
        text = condition(slots, with_step_code=task.config.stacking.step_code)
        output = predict(task.unet, canvas, timesteps[row : row + 1], text.tokens, text.mask)[0].double().numpy()
        panels = np.split(output, n, axis=1)
        counted = [p for p in range(n) if batch.illustrated[row, p]]
        total += np.mean([np.mean((panels[p] - target[p]) ** 2) for p in counted]) / len(batch.goals)
    return total


@pytest.fixture(scope="module")
def gappy(tmp_path_factory):
    """Training: two articles of 4, the first without its third image, the second without its first and last."""
    articles = [long_article(0, 3), long_article(1, 4, missing=(2,)), long_article(2, 4, missing=(0, 3))]
    return write(tmp_path_factory.mktemp("data") / "gappy", articles)


@pytest.mark.parametrize("gaps", [False, True])
@torch.no_grad()
def test_the_loss_is_its_formula(base, data, gappy, gaps):
    task = task_of(base, gappy if gaps else data, stacking={"min_pictured": 0.5})
    batch = task.make_batch(units_of_one_length(task, 0))
    assert bool(batch.illustrated.all()) != gaps
    mine, _ = task.loss(task.model, batch, torch.Generator().manual_seed(3))
    assert float(mine) == pytest.approx(_reference_loss(task, batch, torch.Generator().manual_seed(3)), rel=1e-3)


def test_panels_without_a_image_get_no_gradient(base, gappy):
    """Neither their own output nor their (absent) latents may pull at the weights."""
    task = task_of(base, gappy, stacking={"min_pictured": 0.5})
    batch = task.make_batch(units_of_one_length(task, 0))
    outputs = []

    def watched(*inputs):
        outputs.append(task.model(*inputs))
        outputs[-1].retain_grad()
        return outputs[-1]

    loss, _ = task.loss(watched, batch, torch.Generator().manual_seed(0))
    loss.backward()
    by_panel = outputs[0].grad.abs().amax(dim=(2, 3, 4))
    assert torch.equal(by_panel > 0, batch.illustrated)
    batch.latents[~batch.illustrated] = 7.0
    again, _ = task.loss(task.model, batch, torch.Generator().manual_seed(0))
    assert float(again.detach()) == float(loss.detach())


def test_articles_with_gaps_are_left_out_unless_asked_for(base, gappy):
    with pytest.raises(DataError, match="100% of them with an image"):
        task_of(base, gappy)
    assert len(task_of(base, gappy, stacking={"min_pictured": 0.6}).train_set.windows) == 1
    assert len(task_of(base, gappy, stacking={"min_pictured": 0.5}).train_set.windows) == 2


def test_long_articles_give_windows_numbered_as_they_are_drawn(base, data):
    task = task_of(base, data)
    assert sorted(task.train_set.lengths) == [2, 3, 4, 4, 4, 4]
    last = task.train_set.batch([len(task.train_set.windows) - 1])
    assert last.numbers.tolist() == [[1, 2, 3, 4]]
    assert [text.split()[-1] for text in last.steps[0]] == ["3", "4", "5", "6"]
    assert sorted(task_of(base, data, stacking={"windows": False}).train_set.lengths) == [2, 3, 4, 4]
    assert task._settings().trained_steps == (2, 4)


@torch.no_grad()
def test_a_window_carries_the_step_codes_of_its_place(base, data):
    import dataclasses

    task = task_of(base, data)
    batch = task.train_set.batch([len(task.train_set.windows) - 1])
    moved = dataclasses.replace(batch, numbers=batch.numbers + 3)
    first, second = (task.loss(task.model, b, torch.Generator().manual_seed(0))[0] for b in (batch, moved))
    assert float(first) != float(second)


def test_all_windows_come_up_and_remember_their_step(base, data):
    task = task_of(base, data)
    seen = set()
    for step in range(3 * task.order.batches_per_epoch):
        units = task.units_of(step)
        assert {unit.step for unit in units} == {step}
        seen.update(int(unit) for unit in units)
    assert seen == set(range(6))


def test_a_dealt_unit_is_its_number_and_survives_pickling():
    import pickle

    unit = pickle.loads(pickle.dumps(AssignedUnit(7, 3)))
    assert (unit, unit.step, [10, 11, 12, 13, 14, 15, 16, 17][unit], str(unit)) == (7, 3, 17, "7")


@pytest.mark.parametrize("turned", [0.0, 0.3, 1.0])
def test_the_turning_target_is_a_rotation(turned):
    """Second implementation with the angle in degrees; ends at epsilon and v, unit variance all the way."""
    scheduler = training_scheduler(NoiseConfig(beta_schedule="scaled_linear"))
    generator = torch.Generator().manual_seed(0)
    latents, noise = torch.randn(3, 4, 40, 40, generator=generator), torch.randn(3, 4, 40, 40, generator=generator)
    timesteps = torch.tensor([0, 500, 999])
    target = training_target(scheduler, latents, noise, timesteps, turned)
    for row, t in enumerate(timesteps.tolist()):
        degrees = turned * math.degrees(math.acos(math.sqrt(float(scheduler.alphas_cumprod[t]))))
        along = math.cos(math.radians(degrees)) * noise[row] - math.sin(math.radians(degrees)) * latents[row]
        assert torch.allclose(target[row], along, atol=2e-4)
        assert float(target[row].std()) == pytest.approx(1.0, abs=0.03)
    if turned == 0.0:
        assert torch.allclose(target, noise, atol=1e-6)
    if turned == 1.0:
        assert torch.equal(target, scheduler.get_velocity(latents, noise, timesteps))


def test_the_turn_is_linear_in_steps_and_then_stays():
    noise = NoiseConfig(transition_steps=4)
    assert [noise.share_of_v(step) for step in (0, 1, 4, 400)] == [0.0, 0.25, 1.0, 1.0]
    assert NoiseConfig(transition_steps=0).share_of_v(0) == NoiseConfig().share_of_v(0) == 1.0


def test_min_snr_never_leaves_the_first_sampling_step_untrained():
    scheduler = training_scheduler(NoiseConfig(min_snr_gamma=5.0, min_snr_floor=0.1))
    t = torch.tensor([0, 500, 999])
    bars = scheduler.alphas_cumprod[t].double().numpy()
    expected = [max(0.1, min(bar / (1 - bar), 5.0) * (1 - bar)) for bar in bars]  # SNR + 1 = 1 / (1 - bar)
    assert loss_weights(scheduler, t, 5.0, 0.1).tolist() == pytest.approx(expected, rel=1e-3)
    assert float(loss_weights(scheduler, t, 5.0)[2]) == 0.0  # what the floor is for


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_snr_floor": 0.1},
        {"min_snr_gamma": 5.0},
        {"prediction": "epsilon", "zero_snr": False, "transition_steps": 10},
    ],
)
def test_noise_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(ValidationError):
        NoiseConfig(**wrong)


def test_leaving_the_schedule_of_a_base_must_be_said(base, data):
    silent = settings(base).model_dump(mode="json")
    silent["noise"] = {"transition_steps": 0}
    with pytest.raises(ConfigError, match="trained on the scaled_linear schedule") as caught:
        UNetTask(validate(UNetConfig, silent), data, "cpu")
    assert "noise.beta_schedule=scaled_linear" in caught.value.hint


@pytest.mark.parametrize(
    ("theirs", "message", "hint"),
    [
        ({"beta_start": 1e-4}, "beta_start 0.0001", "noise.beta_start=0.0001"),
        ({"beta_start": 1e-4, "beta_end": 0.02}, "beta_end 0.02", "noise.beta_start=0.0001 noise.beta_end=0.02"),
        ({"num_train_timesteps": 500}, "num_train_timesteps 500", "noise.train_timesteps=500"),
        ({"trained_betas": [1e-4, 2e-4, 3e-4]}, "betas of its own", "a base that was trained on a named schedule"),
        (
            {"beta_schedule": "sigmoid"},
            "trained on the sigmoid schedule",
            "set noise.beta_schedule=squaredcos_cap_v2 to",
        ),
    ],
)
def test_schedules_are_compared_whole_and_the_hint_leads_on(theirs, message, hint):
    from diffusers import DDPMScheduler

    base = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "linear"}
    scheduler = DDPMScheduler(**{**base, **theirs}).config
    noise = {} if "beta_schedule" in theirs else {"beta_schedule": "linear"}
    config = NoiseConfig(**noise)
    with pytest.raises(ConfigError, match=message) as caught:
        check_schedule("the base", scheduler, config)
    assert hint in caught.value.hint
    check_schedule("the base", DDPMScheduler(**base).config, NoiseConfig(beta_schedule="linear"))
    said = dict(word.removeprefix("noise.").split("=") for word in caught.value.hint.split() if "=" in word)
    if "trained_betas" not in theirs:
        check_schedule("the base", scheduler, NoiseConfig(**{**noise, **said}))


def test_a_prediction_there_is_no_way_from_is_not_answered_with_a_setting_that_is_set():
    with pytest.raises(ConfigError, match="predicts sample") as caught:
        check_prediction("the base", "sample", NoiseConfig())
    assert "noise.prediction" not in caught.value.hint
    with pytest.raises(ConfigError, match="no way from it to epsilon") as caught:
        check_prediction("the base", "v_prediction", NoiseConfig(prediction="epsilon", zero_snr=False))
    assert caught.value.hint == "set noise.prediction=v_prediction"


def test_adapters_without_peft_are_refused_before_the_base_is_loaded(tmp_path, data, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="needs peft"):
        task_of(tmp_path / "no base here", data, lora={"rank": 4})


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"base": {"model": None, "vae": "v", "clip": "c"}, "lora": {"rank": 4}}, r"lora\.rank needs base\.model"),
        ({"base": {"model": None, "vae": "v", "clip": "c"}}, "transition_steps is for"),
        ({"model": {"layers_per_block": 2}}, "model shapes a new U-Net"),
        ({"base": {"model": None, "vae": "v", "clip": "c", "revision": "x"}}, "revision belongs to"),
        ({"lora": {"rnk": 4}}, r"lora\.rnk"),
        ({"export": {"dtype": "float8"}}, r"export\.dtype"),
    ],
)
def test_sections_that_do_not_fit_are_refused(base, sections, message):
    with pytest.raises(ConfigError, match=message):
        settings(base, **sections)
