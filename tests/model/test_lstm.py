"""An LSTM is that of PyTorch, is told speed and turns, and goes on from any state as if it had never stopped."""

import math

import pytest
import torch
from torch import Tensor, nn

from topogrid.model.head_directions import encode_directions
from topogrid.model.lstm import LSTMIntegrator, LSTMUnits, movement_of
from topogrid.model.network import Feedback
from topogrid.settings.config import TrainConfig

DT = 0.02


def config(**changes: object) -> TrainConfig:
    small = {"network": "lstm", "n_grid_cells": 16, "lstm_units": 7, "n_place_cells": 20, "head_direction_cells": 12}
    return TrainConfig(**small | {"pc_width": (0.5,), "DoG": False} | changes)


def network(seed: int = 0) -> LSTMIntegrator:
    return LSTMIntegrator.from_config(config(), generator=torch.Generator().manual_seed(seed))


def walks(n_steps: int = 9, batch: int = 5, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Return place codes of starts, and displacements."""
    generator = torch.Generator().manual_seed(seed)
    code = torch.rand(batch, 20, generator=generator).softmax(dim=-1)
    return code, 0.01 * torch.randn(n_steps, batch, 2, generator=generator)


def test_it_is_the_lstm_of_pytorch() -> None:
    units = LSTMUnits(6)
    theirs = nn.LSTM(3, 6)
    with torch.no_grad():
        for weight in (units.w_in, units.wiring.weight, units.bias):
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(weight.numel())))
        theirs.weight_ih_l0.copy_(units.w_in)
        theirs.weight_hh_l0.copy_(units.wiring.weight)
        theirs.bias_ih_l0.copy_(units.bias)
        theirs.bias_hh_l0.zero_()
    movement, hidden, cell = (torch.randn(*shape) for shape in ((8, 4, 3), (4, 6), (4, 6)))
    found = units(movement, hidden, cell)
    states, (last_hidden, last_cell) = theirs(movement, (hidden[None], cell[None]))
    for one, other in zip(found, (states, last_hidden[0], last_cell[0]), strict=True):
        torch.testing.assert_close(one, other)


def test_a_step_tells_speed_and_turn() -> None:
    headings = torch.tensor([0.3, 0.3, 1.1, -2.0, 4.0])
    lengths = torch.tensor([0.01, 0.02, 0.005, 0.01, 0.03])
    displacement = (lengths[:, None] * torch.stack((headings.cos(), headings.sin()), dim=-1))[:, None]
    before = torch.tensor([[math.cos(0.1), math.sin(0.1)]])
    movement, last = movement_of(displacement, before, DT)
    turns = torch.diff(headings, prepend=torch.tensor([0.1]))
    torch.testing.assert_close(movement[:, 0], torch.stack((lengths / DT, turns.sin(), turns.cos()), dim=-1))
    torch.testing.assert_close(last[0], torch.stack((headings[-1].cos(), headings[-1].sin())))


def test_an_animal_that_stands_keeps_its_direction() -> None:
    displacement = torch.tensor([[0.0, 0.0], [0.01, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.01], [0.0, 0.0]])[:, None]
    movement, last = movement_of(displacement, torch.zeros(1, 2), DT)
    straight, left = [0.0, 1.0], [1.0, 0.0]
    assert movement[1:, 0, 1:].tolist() == [straight, straight, straight, left, straight]
    assert movement[:, 0, 0].tolist() == pytest.approx([0, 0.5, 0, 0, 0.5, 0])
    assert last.tolist() == [[0, 1]]


def test_all_that_it_is_told_turns_with_the_walk_but_for_the_first_direction() -> None:
    """The place is found from turns alone: a turned walk differs by the code of its first direction."""
    _code, displacement = walks()
    angle = 0.7
    turn = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    plain, turned = (movement_of(steps, torch.zeros(5, 2), DT)[0] for steps in (displacement, displacement @ turn))
    torch.testing.assert_close(plain, turned, rtol=1e-4, atol=1e-5)


def test_it_begins_from_both_codes() -> None:
    one, (code, displacement) = network(), walks()
    directions = encode_directions(displacement[0], 12, 20.0)
    wanted = code @ one.encoder.T + directions @ one.direction_encoder.T
    torch.testing.assert_close(one.begin(code, displacement)[:, :14], wanted)
    assert one.begin(code, displacement).shape == (5, 16)


@pytest.mark.parametrize("cut", [1, 4, 8])
def test_a_walk_goes_on_from_where_it_was_cut(cut: int) -> None:
    one, (code, displacement) = network(), walks()
    state = one.begin(code, displacement)
    whole = one.walk(displacement, state)
    first = one.walk(displacement[:cut], state)
    rest = one.walk(displacement[cut:], first.state, n_before=cut)
    torch.testing.assert_close(torch.cat((first.activity, rest.activity)), whole.activity)
    torch.testing.assert_close(rest.state, whole.state)
    torch.testing.assert_close(one(code, displacement).activity, whole.activity)


def test_codes_are_read_from_the_bottleneck() -> None:
    one, (code, displacement) = network(), walks()
    prediction = one(code, displacement, moments=[0, 2, 4, 6, 8])
    torch.testing.assert_close(prediction.logits, prediction.activity[::2] @ one.readout.T)
    torch.testing.assert_close(prediction.directions, prediction.activity[::2] @ one.direction_readout.T)
    assert prediction.activity.shape == (9, 5, 16)


def test_a_silenced_unit_says_nothing_and_the_others_do_not_notice() -> None:
    one, (code, displacement) = network(), walks()
    before = one(code, displacement)
    one.silence(torch.tensor([3, 5]))
    after = one(code, displacement)
    assert not after.activity[..., [3, 5]].any()
    others = [unit for unit in range(16) if unit not in (3, 5)]
    torch.testing.assert_close(after.activity[..., others], before.activity[..., others])


def test_without_recurrence_only_the_cell_remembers() -> None:
    one, (code, displacement) = network(), walks()
    before = one(code, displacement).activity
    one.units.wiring.cut()
    assert not one.units.wiring.weight.any()
    assert not torch.allclose(one(code, displacement).activity, before)


def test_it_takes_no_feedback() -> None:
    one, (code, displacement) = network(), walks()
    with pytest.raises(ValueError, match="takes no feedback"):
        one.walk(displacement, one.begin(code, displacement), feedback=Feedback(0.1, 1, torch.softmax))  # type: ignore[arg-type]


def test_its_first_weights_depend_on_the_seed_alone() -> None:
    torch.manual_seed(1)
    one = network().state_dict()
    torch.manual_seed(2)
    assert all(torch.equal(value, network().state_dict()[name]) for name, value in one.items())
    assert not torch.equal(one["bottleneck"], network(1).state_dict()["bottleneck"])


def test_weight_decay_is_on_bottleneck_and_readouts() -> None:
    one = network()
    wanted = sum(weight.square().sum() for weight in (one.bottleneck, one.readout, one.direction_readout))
    torch.testing.assert_close(one.weight_penalty("zero"), wanted)


def test_all_weights_learn() -> None:
    one, (code, displacement) = network(), walks()
    listed = [weight for weights in one.learned_weights().values() for weight in weights]
    assert {id(weight) for weight in listed} == {id(weight) for weight in one.parameters()}
    prediction = one(code, displacement)
    (prediction.logits.square().sum() + prediction.directions.square().sum()).backward()
    assert all(weight.grad is not None and bool(weight.grad.any()) for weight in one.parameters())
