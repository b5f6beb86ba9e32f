"""Dense weights start as their scheme says, at one size of activity on every sheet."""

import math

import pytest
import torch
from torch import nn

from tests.model.networks import inputs, network, rest
from topogrid.model.wiring.dense import REFERENCE_UNITS, Dense, initialise, width_scale


def test_identity_init() -> None:
    net = network(init="identity", input_gain=5.0, recurrent_noise=0.01)
    noise = rest(net.units.wiring.weight.detach())
    assert noise.std().item() == pytest.approx(0.01 / 8, rel=0.05)
    assert abs(noise.diagonal().mean().item()) < 4 * 0.01 / 8 / 8
    assert torch.equal(rest(network(recurrent_noise=0.0).units.wiring.weight.detach()), torch.zeros(64, 64))
    # As Glorot has it on the reference sheet, whatever the size of this one.
    for weight, fan_in in ((net.encoder, 48), (net.units.w_in, 2)):
        bound = 5 * math.sqrt(6 / (fan_in + REFERENCE_UNITS))
        assert 0.95 * bound < weight.abs().max() <= bound


def test_with_identity_init_activity_and_logits_start_alike_on_every_sheet() -> None:
    sizes = []
    for n_units in (256, 1024):
        prediction = network(n_grid_cells=n_units)(*inputs(20, 50))
        sizes.append([value.square().mean().sqrt().item() for value in prediction[:2]])
    assert sizes[0] == pytest.approx(sizes[1], rel=0.3)


def test_with_identity_init_the_first_prediction_is_where_the_walk_began() -> None:
    net = network(init="identity", recurrent_noise=0.0)
    torch.testing.assert_close(net.readout, net.encoder.t() * REFERENCE_UNITS / 64)
    code, moves = inputs()
    logits = net(code, torch.zeros_like(moves)).logits
    torch.testing.assert_close(logits, logits[:1].expand_as(logits))


def test_xavier_init_fills_its_bounds() -> None:
    net = network(init="xavier")
    for weight in (net.encoder, net.readout, net.units.w_in, net.units.wiring.weight):
        bound = math.sqrt(6 / sum(weight.shape))
        assert 0.9 * bound < weight.abs().max() <= bound
        assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.15)
    # The settings of the other scheme have no part in this one.
    louder = network(init="xavier", input_gain=50.0, recurrent_noise=3.0)
    assert all(torch.equal(weight, louder.state_dict()[name]) for name, weight in net.state_dict().items())


def test_an_unknown_init_is_refused() -> None:
    with pytest.raises(ValueError, match="init must be 'identity' or 'xavier', got 'orthogonal'"):
        initialise(network(), "orthogonal", torch.Generator())


def test_what_sums_over_units_is_as_much_smaller_as_there_are_more_of_them() -> None:
    assert width_scale(REFERENCE_UNITS) == 1.0
    assert Dense(4 * REFERENCE_UNITS).width_scale == pytest.approx(0.25)


def test_a_silenced_unit_loses_its_row_and_its_column_and_nothing_else() -> None:
    wiring = Dense(5)
    nn.init.ones_(wiring.weight)
    wiring.silence(torch.tensor([1, 4]))
    there = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0])
    assert torch.equal(wiring.weight, there[:, None] * there[None])
