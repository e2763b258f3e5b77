"""Muon against PyTorch's own, and as part of a run that is killed and resumed."""

import pytest
import torch
from torch import nn

from illinstr.errors import ConfigError
from illinstr.training.config import OptimConfig, load_config
from illinstr.training.muon import Muon, muon_groups, orthogonalise
from illinstr.training.optimizer import build_optimizer


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
