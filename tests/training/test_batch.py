"""A batch is fresh walks with their place code, shared out whole, and of the kind that the phase learns from."""

from typing import Any

import pytest
import torch

from tests.training.small_states import LEARNED, LSTM, batch_for, same, settings, state_of
from topogrid.training.batch import make_batch
from topogrid.training.objective import Batch, read_steps


def test_a_batch_is_walks_and_their_place_code() -> None:
    config = settings(pc_width=(0.2, 0.3))
    state = state_of(config)
    batch = batch_for(state, config)
    assert batch.start_code.shape == (40, 64)
    assert batch.displacement.shape == batch.position.shape == (8, 40, 2)
    assert torch.equal(batch.code, state.place_cells.encode(batch.position))
    start = batch.position[0] - batch.displacement[0]
    torch.testing.assert_close(batch.start_code, state.place_cells.encode(start), rtol=1e-3, atol=1e-4)
    assert not any(value.requires_grad for value in batch)
    assert not same(batch, batch_for(state, config))
    assert same(batch, batch_for(state_of(config), config))


@pytest.mark.parametrize("changes", [{"readout_every": 3}, {"even_starts": True}], ids=["every third", "even starts"])
def test_processes_share_the_walks_that_one_would_draw(changes: dict[str, Any]) -> None:
    config = settings(**changes)
    places = state_of(config).place_cells

    def drawn(share: slice) -> Batch:
        return make_batch(config, places, torch.Generator().manual_seed(5), share)

    whole, first, second = drawn(slice(None)), drawn(slice(0, 24)), drawn(slice(24, 40))
    assert torch.equal(torch.cat((first.start_code, second.start_code)), whole.start_code)
    for one, other, both in zip(first[1:], second[1:], whole[1:], strict=True):
        assert torch.equal(torch.cat((one, other), dim=1), both)


@pytest.mark.parametrize("every", [1, 3, 8])
def test_the_target_is_the_code_of_the_places_that_are_read(every: int) -> None:
    config = settings(readout_every=every)
    state = state_of(config)
    batch = batch_for(state, config)
    wanted = state.place_cells.encode(batch.position[every - 1 :: every])
    assert len(batch.code) == 8 // every
    torch.testing.assert_close(batch.code, wanted)


def test_modules_have_walks_each_of_their_own_and_no_target() -> None:
    config = settings(**LEARNED, readout_steps=3)
    state = state_of(config)
    batch = batch_for(state, config)
    assert batch.start_code.shape == (4, 40, 64)
    assert batch.displacement.shape == batch.position.shape == (8, 4, 40, 2)
    assert batch.code.shape == (0, 4, 40, 64)
    start = batch.position[0] - batch.displacement[0]
    torch.testing.assert_close(batch.start_code, state.place_cells.encode(start), rtol=1e-3, atol=1e-4)


def test_a_readout_that_learns_alone_has_long_walks_in_common() -> None:
    config = settings(**LEARNED, readout_steps=3)
    state = state_of(config)
    state.step = 9
    batch = batch_for(state, config)
    assert batch.position.shape == (20, 40, 2)
    assert torch.equal(batch.code, state.place_cells.encode(batch.position[read_steps(10, config)]))


def test_dropout_leaves_out_other_units_in_every_step_and_none_without_it() -> None:
    config = settings(**LSTM)
    state = state_of(config)
    first, second = batch_for(state, config), batch_for(state, config)
    read = len(read_steps(1, config))
    assert first.kept.shape == (read, config.batch_size, config.n_grid_cells)
    assert set(first.kept.unique().tolist()) == {0.0, 2.0}
    assert 0.45 < float(first.kept.mean()) / 2 < 0.55
    assert not same([first.kept], [second.kept])
    again = batch_for(state_of(config), config)
    assert same(again, first)
    prediction = state.predict(first, "all", read_steps(1, config))
    seen = prediction.activity[read_steps(1, config)] * first.kept
    torch.testing.assert_close(prediction.logits, seen @ state.network.readout.T)
    bare = settings(**LSTM | {"dropout": 0.0})
    assert not batch_for(state_of(bare), bare).kept.numel()
    assert same(batch_for(state_of(bare), bare)[:4], first[:4])


def test_a_share_of_a_batch_leaves_out_its_share_of_units() -> None:
    config = settings(**LSTM)
    whole, *parts = (
        make_batch(config, state_of(config).place_cells, torch.Generator().manual_seed(3), share)
        for share in (slice(None), slice(0, 10), slice(10, 40))
    )
    assert same([torch.cat([part.kept for part in parts], dim=1)], [whole.kept])


def test_a_batch_for_some_modules_is_their_part_of_that_for_all() -> None:
    config = settings(**LEARNED, readout_steps=3)
    state = state_of(config)
    scale = state.length_scale(config)

    def drawn(modules: slice) -> Batch:
        walks = torch.Generator().manual_seed(5)
        return make_batch(config, state.place_cells, walks, step=1, scale=scale, modules=modules)

    whole, some = drawn(slice(None)), drawn(slice(1, 3))
    assert torch.equal(some.start_code, whole.start_code[1:3])
    assert torch.equal(some.displacement, whole.displacement[:, 1:3])
    assert torch.equal(some.position, whole.position[:, 1:3])


def test_the_last_steps_of_modules_have_longer_walks() -> None:
    config = settings(**LEARNED, readout_steps=3, late_steps=2, late_length=11)
    state = state_of(config)
    lengths = []
    for step in range(config.steps - 3):
        state.step = step
        lengths.append(len(batch_for(state, config).displacement))
    assert lengths == [8] * 7 + [11] * 2
