"""Muon against PyTorch's own, and as part of a run that is killed and resumed."""

import csv

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from illinstr.errors import ConfigError, DataError
from illinstr.training.config import OptimConfig
from illinstr.training.estimate import _state_bytes
from illinstr.training.muon import Muon, muon_groups, orthogonalise
from illinstr.training.optimizer import build_optimizer
from illinstr.training.presets import load_config
from illinstr.training.run_folder import check_run_folder, config_text
from tests.support.forked import run_jobs
from tests.support.toy_task import ToyTask, toy_config, toy_trainer


def test_orthogonalising_keeps_singular_vectors_and_levels_singular_values():
    given = torch.randn(3, 24, 40, generator=torch.Generator().manual_seed(0))
    for matrices in (given, given.mT):
        u, _, vh = torch.linalg.svd(matrices, full_matrices=False)
        values = torch.diagonal(u.mT @ orthogonalise(matrices) @ vh.mT, dim1=1, dim2=2)
        assert values.min() > 0.6 and values.max() < 1.3
        off = u.mT @ orthogonalise(matrices) @ vh.mT - torch.diag_embed(values)
        assert off.abs().max() < 1e-3


def _grads(parameters, step):
    generator = torch.Generator().manual_seed(step)
    for p in parameters:
        p.grad = torch.randn(p.shape, generator=generator)


def test_matrices_move_as_with_torch_optim_muon():
    ours, theirs = (nn.Parameter(torch.ones(32, 20)), nn.Parameter(torch.ones(32, 20)))
    muon = Muon([{"params": [ours], "matrices": True}], lr=0.01, momentum=0.9, weight_decay=0.1)
    reference = torch.optim.Muon(
        [theirs], lr=0.01, momentum=0.9, weight_decay=0.1, nesterov=True, adjust_lr_fn="match_rms_adamw"
    )
    for step in range(4):
        _grads([ours], step)
        _grads([theirs], step)
        muon.step()
        reference.step()
    moved = (ours.detach() - 1).norm()
    assert moved > 0.1
    assert (ours - theirs).detach().norm() / moved < 0.02  # theirs computes in bfloat16


def test_a_bfloat16_run_orthogonalises_in_bfloat16_which_changes_an_update_little(tmp_path):
    assert toy_trainer(ToyTask(muon_config()), tmp_path / "a").optimizer.dtype == torch.float32
    assert toy_trainer(ToyTask(muon_config(precision="bf16")), tmp_path / "b").optimizer.dtype == torch.bfloat16
    moved = {}
    for dtype in (torch.float32, torch.bfloat16):
        matrix = nn.Parameter(torch.ones(32, 20))
        muon = Muon([{"params": [matrix], "matrices": True}], lr=0.01, weight_decay=0, dtype=dtype)
        _grads([matrix], 0)
        muon.step()
        moved[dtype] = matrix.detach() - 1
    apart = (moved[torch.bfloat16] - moved[torch.float32]).norm() / moved[torch.float32].norm()
    assert 0 < apart < 0.03


def test_the_rest_moves_as_with_adamw():
    ours, theirs = (nn.Parameter(torch.linspace(-1, 1, 30)), nn.Parameter(torch.linspace(-1, 1, 30)))
    muon = Muon([{"params": [ours], "matrices": False}], lr=0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)
    reference = torch.optim.AdamW([theirs], lr=0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)
    for step in range(5):
        _grads([ours], step)
        _grads([theirs], step)
        muon.step()
        reference.step()
    torch.testing.assert_close(ours, theirs)


def test_a_convolution_is_the_matrix_of_its_output_channels_in_any_memory_format():
    start = torch.randn(16, 8, 3, 3, generator=torch.Generator().manual_seed(1))
    flat = nn.Parameter(start.flatten(1).clone())
    plain = nn.Parameter(start.clone())
    last = nn.Parameter(start.clone().contiguous(memory_format=torch.channels_last))
    gradient = torch.randn(16, 8, 3, 3, generator=torch.Generator().manual_seed(2))
    for p, shape in ((flat, (16, 72)), (plain, (16, 8, 3, 3)), (last, (16, 8, 3, 3))):
        p.grad = gradient.reshape(shape).clone()
        Muon([{"params": [p], "matrices": True}], lr=0.1).step()
    torch.testing.assert_close(plain.flatten(1), flat)
    torch.testing.assert_close(last.detach().contiguous(), plain.detach())


def test_embeddings_vectors_and_layers_at_the_data_go_to_adamw():
    module = nn.ModuleDict(
        {
            "words": nn.Embedding(50, 32),
            "inner": nn.Linear(32, 32),
            "out": nn.Conv2d(32, 3, 3),
            "norm": nn.LayerNorm(32),
        }
    )
    module["norm"].bias.requires_grad_(False)
    by_kind = {group["matrices"]: group["params"] for group in muon_groups(module)}
    assert [id(p) for p in by_kind[True]] == [id(module["inner"].weight)]
    rest = {id(p) for p in by_kind[False]}
    assert rest == {
        id(p) for p in (module["words"].weight, module["inner"].bias, module["out"].weight, module["out"].bias,
                        module["norm"].weight)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "matters"),
    [({}, False), ({"momentum": 0.5}, True), ({"beta2": 0.5}, True), ({"algorithm": "adamw"}, True)],
)
def test_each_setting_reaches_the_optimiser(change, matters):
    def trained(config):
        torch.manual_seed(0)
        module = nn.Linear(16, 16)
        optimizer = build_optimizer(module, config)
        for step in range(3):
            _grads(module.parameters(), step)
            optimizer.step()
        return torch.cat([module.weight.detach().flatten(), module.bias.detach()])

    plain = OptimConfig(algorithm="muon")
    assert torch.equal(trained(plain), trained(plain.model_copy(update=change))) is not matters


def test_eight_bits_of_muon_are_refused():
    with pytest.raises(ConfigError, match="eight_bit"):
        load_config("mini-unet", ["optim.algorithm=muon", "optim.eight_bit=true"])


def muon_config(**train):
    config = toy_config(**train)
    return config.model_copy(update={"optim": config.optim.model_copy(update={"algorithm": "muon"})})


def fit(run, *, resume=False):
    task = ToyTask(muon_config(steps=8, ema_decay=0.9, validate_every=8, checkpoint_every=5))
    torch.manual_seed(0)
    # Without dropout, whose masks a process draws for its own share of a batch.
    task.model = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 24), nn.Tanh(), nn.Linear(24, 3))
    toy_trainer(task, run).fit(resume=resume)


def state_of(run):
    return {
        name: load_file(run / f"checkpoints/step-00000008/{name}.safetensors") for name in ("model", "ema", "optimizer")
    }


def losses(run):
    with (run / "log.csv").open() as stream:
        return [float(row["loss"]) for row in csv.DictReader(stream) if row["loss"]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Straight and killed in the seventh step and resumed, each by one process and by two."""
    folder = tmp_path_factory.mktemp("muon")
    jobs = []
    for processes in (1, 2):
        straight, killed = ({"run": str(folder / f"{name}{processes}"), "processes": processes} for name in ("s", "k"))
        jobs += [straight, {**killed, "die": ["_train_one", 6]}, {**killed, "resume": True}]
    assert run_jobs("tests.training.test_muon:fit", jobs) == [[0], [-9], [0], [0, 0], [-9, -9], [0, 0]]
    return folder


@pytest.mark.parametrize("processes", [1, 2])
def test_eight_steps_equal_five_a_kill_and_three_more_bit_for_bit(runs, processes):
    straight, killed = (state_of(runs / f"{name}{processes}") for name in ("s", "k"))
    assert any(key.endswith("momentum_buffer") for key in straight["optimizer"])
    assert any(key.endswith("exp_avg_sq") for key in straight["optimizer"])
    for name, tensors in straight.items():
        assert tensors.keys() == killed[name].keys()
        assert all(torch.equal(tensors[key], killed[name][key]) for key in tensors), name
    assert losses(runs / f"s{processes}") == losses(runs / f"k{processes}")


def test_two_processes_with_half_the_batch_equal_one_with_the_whole(runs):
    assert losses(runs / "s2") == pytest.approx(losses(runs / "s1"), rel=1e-4)
    one, two = state_of(runs / "s1"), state_of(runs / "s2")
    for name in one:
        for key, tensor in one[name].items():
            torch.testing.assert_close(two[name][key], tensor, rtol=1e-3, atol=1e-4, msg=f"{name} {key}")


def test_the_estimate_counts_what_the_optimiser_keeps():
    module = nn.Sequential(nn.Conv2d(16, 32, 3), nn.Linear(32, 24), nn.Embedding(50, 16), nn.Linear(24, 3))
    module[0].bias.requires_grad_(False)
    for config in (muon_config(ema_decay=0.9), toy_config(ema_decay=0.9)):
        optimizer = build_optimizer(module, config.optim)
        _grads([p for p in module.parameters() if p.requires_grad], 0)
        optimizer.step()
        kept = sum(t.nbytes for slot in optimizer.state.values() for t in slot.values() if t.ndim)
        trained = sum(p.numel() for p in module.parameters() if p.requires_grad)
        assert _state_bytes(module, config) == 32 * 4 + trained * (4 + 4 + 4) + kept


@pytest.mark.parametrize("section", [{"algorithm": "muon"}, {"eight_bit": True}])
def test_a_run_does_not_go_on_with_another_optimiser(tmp_path, section):
    before = toy_config()
    after = before.model_copy(update={"optim": before.optim.model_copy(update=section)})
    (tmp_path / "config.yaml").write_text(config_text(before))
    check_run_folder(tmp_path, after, resume=False)  # nothing is there that could not be gone on with
    (tmp_path / "checkpoints" / "step-00000002").mkdir(parents=True)
    check_run_folder(tmp_path, after, resume=False, fresh=True)
    with pytest.raises(DataError, match=f"optim.{next(iter(section))} was") as caught:
        check_run_folder(tmp_path, after, resume=True)
    assert f"--set optim.{next(iter(section))}=" in (caught.value.hint or "")
    (tmp_path / "config.yaml").write_text("kind: toy\noptim: {lr: 0.01}\n")  # from before there was a choice
    with pytest.raises(DataError, match="another optimiser"):
        check_run_folder(tmp_path, after, resume=True)
    check_run_folder(tmp_path, before, resume=True)
