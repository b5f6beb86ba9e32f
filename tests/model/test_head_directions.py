"""The code of head directions sums to 1, turns with the heading, and gives the direction back."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from topogrid.model.head_directions import (
    decode_directions,
    direction_errors,
    encode_directions,
    preferred_directions,
)

ANGLES = st.floats(-10, 10)
CELLS = st.integers(3, 40)


def vector(angle: float, length: float = 1.0) -> torch.Tensor:
    return length * torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)


@given(ANGLES, CELLS, st.floats(0.1, 100))
def test_the_code_sums_to_one_whatever_the_length_of_the_step(angle: float, n_cells: int, concentration: float) -> None:
    code = encode_directions(vector(angle, 0.013), n_cells, concentration)
    assert float(code.sum()) == pytest.approx(1)
    torch.testing.assert_close(code, encode_directions(vector(angle, 7.0), n_cells, concentration))


@given(ANGLES, CELLS, st.integers(0, 50))
def test_the_code_turns_with_the_heading(angle: float, n_cells: int, turns: int) -> None:
    code = encode_directions(vector(angle), n_cells, 20.0)
    turned = encode_directions(vector(angle + 2 * math.pi * turns / n_cells), n_cells, 20.0)
    torch.testing.assert_close(turned, code.roll(turns), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("n_cells", [3, 12, 60])
def test_a_cell_is_most_active_in_the_direction_it_prefers(n_cells: int) -> None:
    code = encode_directions(preferred_directions(n_cells, torch.device("cpu")), n_cells, 20.0)
    assert code.argmax(dim=-1).tolist() == list(range(n_cells))


def test_it_is_the_softmax_of_von_mises_curves() -> None:
    code = encode_directions(vector(0.3), 5, 2.0)
    curves = [math.exp(2 * math.cos(0.3 - 2 * math.pi * cell / 5)) for cell in range(5)]
    assert code.tolist() == pytest.approx([one / sum(curves) for one in curves], rel=1e-5)


def test_a_step_that_goes_nowhere_has_no_direction() -> None:
    still = torch.zeros(2, 2, requires_grad=True)
    assert encode_directions(still, 4, 20.0).tolist() == [[0.25] * 4] * 2
    assert direction_errors(torch.ones(2, 2), still).isnan().all()


@given(ANGLES)
def test_the_direction_that_is_coded_is_decoded(angle: float) -> None:
    code = encode_directions(vector(angle), 12, 20.0)
    assert float(direction_errors(decode_directions(code.log().float()).double(), vector(angle))) < 2


@pytest.mark.parametrize(
    ("one", "other", "degrees"), [(0, 0, 0), (0, 90, 90), (10, -20, 30), (179, -179, 2), (0, 180, 180)]
)
def test_errors_are_the_smaller_angle(one: float, other: float, degrees: float) -> None:
    error = direction_errors(vector(math.radians(one), 3.0), vector(math.radians(other), 0.1))
    assert float(error) == pytest.approx(degrees, abs=1e-4)


def test_knowing_nothing_is_ninety_degrees_in_the_mean() -> None:
    generator = torch.Generator().manual_seed(0)
    decoded, moved = torch.randn(2, 20000, 2, generator=generator)
    assert float(direction_errors(decoded, moved).mean()) == pytest.approx(90, abs=1.5)
