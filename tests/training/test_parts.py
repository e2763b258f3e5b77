import csv

import numpy as np
import pytest
import torch
from torch import nn

from illinstr.errors import ConfigError, DataError
from illinstr.progress import SilentReporter
from illinstr.training.checkpoint import Checkpointer, Trained
from illinstr.training.config import OptimConfig
from illinstr.training.data import BatchOrder, Prefetcher
from illinstr.training.ema import Ema
from illinstr.training.image_losses import edge_ratio, gradient_l1, psnr_db
from illinstr.training.loop import step_generator
from illinstr.training.meter import Meter
from illinstr.training.presets import load_config, preset_names
from illinstr.training.tasks import CONFIG_BY_KIND
from illinstr.training.tasks.clip import soft_cross_entropy


def test_order_is_a_function_of_seed_and_step_alone():
    first, second = BatchOrder([2] * 40, 4, 1), BatchOrder([2] * 40, 4, 1)
    ahead = [first.batch(step) for step in range(30)]
    assert second.batch(29) == ahead[29]
    assert [second.batch(step) for step in range(30)] == ahead
    assert [BatchOrder([2] * 40, 4, 2).batch(step) for step in range(30)] != ahead
    assert ahead[:10] != ahead[10:20]  # epochs are shuffled again


def test_every_article_is_met_over_a_few_epochs():
    order = BatchOrder([2] * 10, 4, 0)
    assert {unit for step in range(12) for unit in order.batch(step)} == set(range(10))


def test_prefetching_keeps_the_order_and_passes_errors_on():
    assert list(Prefetcher(lambda step: step * step, 3, 9)) == [step * step for step in range(3, 9)]

    def fail(step):
        if step == 2:
            raise DataError("broken image")
        return step

    with pytest.raises(DataError, match="broken image"):
        list(Prefetcher(fail, 0, 5))


def test_ema_equals_its_closed_form():
    module = nn.Linear(1, 1, bias=False)
    values = [1.0, 4.0, -2.0, 0.5]
    with torch.no_grad():
        module.weight.fill_(values[0])
    ema = Ema(module, decay=0.3)
    for value in values[1:]:
        with torch.no_grad():
            module.weight.fill_(value)
        ema.update(module)
    expected = values[0]
    for k, value in enumerate(values[1:]):
        decay = min(0.3, (1 + k) / (10 + k))
        expected = decay * expected + (1 - decay) * value
    assert float(ema.shadow["weight"]) == pytest.approx(expected, abs=1e-6)


def test_ema_swap_gives_the_live_weights_back_even_after_an_error():
    module = nn.Linear(2, 2)
    ema = Ema(module, 0.9)
    with torch.no_grad():
        module.weight.add_(1)
    live = module.weight.clone()
    with pytest.raises(RuntimeError), ema.swapped_in(module):
        assert torch.equal(module.weight, ema.shadow["weight"])
        raise RuntimeError
    assert torch.equal(module.weight, live)


def test_learning_rate_warms_up_holds_and_decays_to_zero():
    optim = OptimConfig(lr=1.0, warmup_steps=4, decay_steps=5)
    rates = [optim.lr_at(step, 20) for step in range(20)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert set(rates[4:15]) == {1.0}
    assert rates[15:] == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2])


def test_step_noise_differs_by_seed_step_rank_and_stream_and_repeats():
    def draw(*parts):
        return torch.randn(4, generator=step_generator(*parts)).tolist()

    drawn = [draw(s, k, r, m) for s in (0, 1) for k in (0, 1) for r in (0, 1) for m in (0, 1)]
    assert len({tuple(values) for values in drawn}) == 16
    assert draw(1, 1, 1, 1) == drawn[-1]


def test_edge_ratio_is_its_formula():
    rng = np.random.default_rng(5)
    truth, image = (rng.uniform(-1, 1, (2, 3, 12, 10)) for _ in range(2))

    def slope(x):
        grey = x.mean(axis=1)
        right, below = np.zeros_like(grey), np.zeros_like(grey)
        right[:, :, :-1], below[:, :-1] = np.diff(grey, axis=2), np.diff(grey, axis=1)
        return np.hypot(right, below)

    expected = []
    for true, mine in zip(slope(truth), slope(image), strict=True):
        edges = true > np.quantile(true, 0.95)
        expected.append(mine[edges].mean() / true[edges].mean())
    assert np.allclose(edge_ratio(torch.tensor(truth), torch.tensor(image)).numpy(), expected)
    assert torch.allclose(edge_ratio(torch.tensor(truth), torch.tensor(truth)), torch.ones(2, dtype=torch.double))


def test_gradient_l1_and_psnr_are_their_formulas():
    rng = np.random.default_rng(0)
    first, second = rng.uniform(-1, 1, (2, 3, 6, 5)), rng.uniform(-1.2, 1.2, (2, 3, 6, 5))
    d = first - second
    expected = np.abs(np.diff(d, axis=3)).mean() + np.abs(np.diff(d, axis=2)).mean()
    assert float(gradient_l1(torch.tensor(first), torch.tensor(second))) == pytest.approx(expected)
    squared = ((first - second.clip(-1, 1)) ** 2).mean(axis=(1, 2, 3))
    assert np.allclose(psnr_db(torch.tensor(first), torch.tensor(second)).numpy(), 20 * np.log10(2 / np.sqrt(squared)))


def test_soft_cross_entropy_shares_the_target_among_equals():
    rng = np.random.default_rng(1)
    logits, same = rng.normal(size=(3, 4)), rng.random((3, 4)) > 0.5
    same[:, 0] = True
    expected = 0.0
    for row in range(3):
        log_p = logits[row] - np.log(np.exp(logits[row]).sum())
        expected -= log_p[same[row]].mean() / 3
    assert float(soft_cross_entropy(torch.tensor(logits), torch.tensor(same))) == pytest.approx(expected, rel=1e-5)


def _trained(steps=2):
    torch.manual_seed(0)
    module = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.1)
    ema = Ema(module, 0.9)
    for _ in range(steps):
        module(torch.ones(1, 3)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        ema.update(module)
    return Trained(module, optimizer, ema)


def test_a_checkpoint_restores_weights_optimiser_average_and_extras(tmp_path):
    trained = _trained()
    trained.extra = {"data_sha256": "abc"}
    checkpointer = Checkpointer(tmp_path, 2, SilentReporter())
    path = checkpointer.save(2, trained)
    other = _trained(steps=1)
    assert checkpointer.load(path, other) == 2
    assert torch.equal(other.module.weight, trained.module.weight)
    assert torch.equal(other.ema.shadow["weight"], trained.ema.shadow["weight"])
    assert other.ema.updates == trained.ema.updates == 2
    assert other.extra == {"data_sha256": "abc"}
    for mine, theirs in zip(trained.optimizer.state.values(), other.optimizer.state.values(), strict=True):
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_old_checkpoints_are_pruned_and_broken_ones_skipped(tmp_path):
    lines = []
    reporter = SilentReporter()
    reporter.log = lines.append
    checkpointer = Checkpointer(tmp_path, 2, reporter)
    for step in (1, 2, 3):
        checkpointer.save(step, _trained())
    assert [path.name for path in sorted(tmp_path.glob("step-*"))] == ["step-00000002", "step-00000003"]
    assert (tmp_path / "latest").read_text() == "step-00000003\n"
    weights = tmp_path / "step-00000003" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert checkpointer.latest() == tmp_path / "step-00000002"
    assert "step-00000003" in lines[0]


def test_a_checkpoint_of_another_model_is_one_clear_error(tmp_path):
    checkpointer = Checkpointer(tmp_path, 2, SilentReporter())
    path = checkpointer.save(2, _trained())
    module = nn.Linear(4, 2)
    with pytest.raises(DataError, match="does not fit"):
        checkpointer.load(path, Trained(module, torch.optim.AdamW(module.parameters())))


def test_the_log_drops_rows_beyond_the_step_resumed_from(tmp_path):
    meter = Meter(tmp_path / "log.csv", 0)
    for step in (1, 2, 3):
        meter.add({"loss": float(step)}, samples=4, waited_s=0.0)
        meter.flush(step)
    resumed = Meter(tmp_path / "log.csv", 2)
    resumed.write(3, {"loss": 9.0})
    rows = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    assert [(row["step"], float(row["loss"])) for row in rows] == [("1", 1.0), ("2", 2.0), ("3", 9.0)]


def test_lines_are_appended_and_a_new_column_is_found_room_for(tmp_path, monkeypatch):
    meter, written = Meter(tmp_path / "log.csv", 0), []
    rewrite = meter._rewrite
    monkeypatch.setattr(meter, "_rewrite", lambda rows: (written.append(len(rows)), rewrite(rows)))
    for step in range(1, 6):
        meter.write(step, {"loss": float(step)})
        if step == 3:
            meter.write(step, {"val_loss": 0.5})
    assert written == [1, 4]  # the first line, and the one with a new column
    rows = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    assert [(row["step"], row["loss"], row["val_loss"]) for row in rows] == [
        *(("1", "1", ""), ("2", "2", ""), ("3", "3", "")),
        *(("3", "", "0.5"), ("4", "4", ""), ("5", "5", "")),
    ]
    assert meter.has_validation(3) and not meter.has_validation(4)


def test_a_line_that_was_cut_short_is_dropped_when_the_run_goes_on(tmp_path):
    log = tmp_path / "log.csv"
    meter = Meter(log, 0)
    meter.write(1, {"loss": 1.0})
    meter.write(1, {"val_loss": 1.0})
    whole = log.read_text()
    log.write_text(whole + "2,0.5,3.2")
    assert log.read_text() != whole
    resumed = Meter(log, 2)
    assert log.read_text() == whole and resumed.has_validation(1)
    before = log.stat().st_ino
    resumed.write(2, {"loss": 2.0})
    assert log.stat().st_ino == before and log.read_text().startswith(whole)
    assert log.read_text().splitlines()[-1].startswith("2,")


@pytest.mark.parametrize("name", ["constant", "linear", "cosine", "cosine_with_restarts", "polynomial"])
def test_learning_rates_are_those_of_diffusers_schedules(name):
    from diffusers.optimization import get_scheduler

    more = {"cosine_with_restarts": {"cycles": 2}, "polynomial": {"power": 2.0}}.get(name, {})
    config = OptimConfig(lr=0.3, schedule=name, warmup_steps=3, **more)
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    theirs = get_scheduler(
        "constant_with_warmup" if name == "constant" else name,
        optimizer,
        num_warmup_steps=3,
        num_training_steps=12,
        num_cycles=more.get("cycles", 1),
        power=more.get("power", 1.0),
    )
    for step in range(12):
        assert config.lr_at(step, 12) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12), step
        optimizer.step()
        theirs.step()


def test_settings_of_another_schedule_are_refused():
    for wrong in ({"schedule": "cosine", "decay_steps": 3}, {"cycles": 2}, {"power": 2.0}):
        with pytest.raises(ValueError, match="belongs to the schedule"):
            OptimConfig(**wrong)


def test_the_log_refuses_a_number_named_as_one_of_its_own_columns(tmp_path):
    with pytest.raises(ValueError, match="its own step"):
        Meter(tmp_path / "log.csv", 0).write(3, {"loss": 9.0, "step": 0.5})


def test_every_preset_is_valid():
    assert set(preset_names()) >= {"mini-vae", "mini-clip", "mini-judge", "mini-unet", "mini-flow"}
    for name in preset_names():
        assert load_config(name, []).kind in CONFIG_BY_KIND


@pytest.mark.parametrize(
    ("override", "message", "hint"),
    [
        ("train.stepz=5", "unknown config key train.stepz", "train.steps"),
        ("trian.steps=5", "unknown config key trian", "train"),
        ("train.steps=0", "train.steps", None),
        ("train.steps", "not key=value", "--set"),
        ("train.accumulate=3", "divisible", None),
        ("data.min_steps=9", "min_steps", None),
        ("noise.prediction=epsilon", "zero_snr", None),
        ("noise.min_snr_gamma=5", "zero_snr", None),
        ("kind=gan", "kind 'gan' is unknown", "unet"),
        ("base.model=x", "base.model", None),
    ],
)
def test_a_wrong_setting_is_named_with_its_nearest_neighbour(override, message, hint):
    with pytest.raises(ConfigError) as caught:
        load_config("mini-unet", [override])
    assert message in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")


def test_overrides_read_numbers_as_people_write_them():
    assert load_config("mini-vae", ["optim.lr=1e-4"]).optim.lr == 1e-4
    assert load_config("mini-vae", ["train.precision=no", "train.compile=no"]).train.precision == "no"


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(ConfigError) as caught:
        load_config("mini-vea", [])
    assert "did you mean mini-vae?" in (caught.value.hint or "")
    assert "mini-vae" in (caught.value.hint or "")
