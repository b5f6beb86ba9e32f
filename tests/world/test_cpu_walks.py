"""On a CPU animals take the steps that they take on a device, to the bit."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from topogrid.world import walks
from topogrid.world.cpu_walks import Steps
from topogrid.world.walks import Walks, simulate_walks, walk_on_device


def simulated(seed: int, *, on_device: bool, **settings: Any) -> Walks:
    generator = torch.Generator().manual_seed(seed)
    with pytest.MonkeyPatch.context() as patch:
        if on_device:
            patch.setattr(
                walks,
                "walk_on_cpu",
                lambda steps, *, wall_distance, periodic: walk_on_device(steps, periodic=periodic, compiled=False),
            )
        return simulate_walks(generator=generator, **settings)


@given(
    n_walks=st.sampled_from([1, 2, 7, 8, 60, 300]),
    n_steps=st.integers(1, 60),
    width=st.floats(0.01, 5),
    height=st.floats(0.01, 5),
    dt=st.floats(1e-3, 0.3),
    periodic=st.booleans(),
    even_starts=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_every_step_is_that_of_a_device(width: float, height: float, seed: int, **settings: Any) -> None:
    settings["box_size"] = (width, height)
    wanted, found = (simulated(seed, on_device=one, **settings) for one in (True, False))
    for one, other in zip(wanted, found, strict=True):
        assert torch.equal(one, other)


def test_animals_caught_in_corners_take_the_same_way_out() -> None:
    """There two walls are equally near: both ways have to choose the same one."""
    settings = {"n_walks": 50, "n_steps": 400, "box_size": (0.05, 0.05), "dt": 0.05}
    wanted, found = (simulated(0, on_device=one, **settings) for one in (True, False))
    in_corners = (wanted.position.abs() == 0.025).all(dim=-1)
    assert int(in_corners.sum()) > 100
    assert torch.equal(wanted.position, found.position)
    assert torch.equal(wanted.displacement, found.displacement)


@pytest.mark.parametrize("periodic", [False, True])
def test_a_step_on_a_device_reads_nothing_from_it(periodic: bool) -> None:
    """A tensor on meta has no values: what reads one fails here."""
    there = torch.device("meta")
    shapes = ((4, 2), (4,), (5, 4), (5, 4), (5, 4), (2,), (5, 4, 2), (5, 4, 2))
    steps = Steps(*(torch.empty(shape, device=there) for shape in shapes))
    walk_on_device(steps, periodic=periodic, compiled=False)
    assert steps.position.shape == (5, 4, 2)
