"""A spacing is predicted where a place code of one width and a surround is the only thing that could set it."""

import dataclasses

import numpy as np
import pytest

from topogrid.analysis import predicted_spacing
from topogrid.evaluation.theory import forming_line, theory_line
from topogrid.settings.config import TrainConfig

DENSE = TrainConfig(n_grid_cells=64, wiring="dense", pc_width=(0.12,), surround_scale=2.0)


def test_the_line_is_the_prediction_for_the_place_fields() -> None:
    line = theory_line(DENSE)
    assert line == predicted_spacing(0.12, 2.0)
    assert theory_line(dataclasses.replace(DENSE, pc_width=(0.24,))) == pytest.approx(2 * line)


@pytest.mark.parametrize(
    "changes",
    [
        {"pc_width": (0.1, 0.2)},
        {"DoG": False},
        {"surround_amplitude": 0.0},
        {"wiring": "learned", "modules_per_side": 2, "norm": "module"},
    ],
    ids=str,
)
def test_nothing_is_predicted_where_theory_says_nothing(changes: dict[str, object]) -> None:
    config = dataclasses.replace(DENSE, **changes)  # type: ignore[arg-type]
    assert theory_line(config) is None
    assert forming_line(config) is None


def test_lattices_form_wider_the_further_animals_get_before_movement_is_integrated() -> None:
    short, long = (forming_line(dataclasses.replace(DENSE, seq_length=steps)) for steps in (2, 40))
    line = theory_line(DENSE)
    assert line is not None
    assert short is not None
    assert long is not None
    assert line < short < long
    assert np.isfinite(long)


def test_the_seed_of_a_run_does_not_move_a_prediction() -> None:
    assert forming_line(dataclasses.replace(DENSE, seed=5)) == forming_line(DENSE)
