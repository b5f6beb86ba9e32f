"""Results are plain records that nobody changes, and whoever reads them loads neither SciPy nor PyTorch."""

import dataclasses
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.quick_evaluations import quick_evaluation
from topogrid.evaluation.results import Decoding, Evaluation, Glance
from topogrid.settings.config import TrainConfig


def test_reading_results_loads_nothing_slow() -> None:
    program = (
        "import sys, topogrid.evaluation.results; sys.exit(bool({'scipy', 'torch', 'matplotlib'} & set(sys.modules)))"
    )
    where = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    assert subprocess.run([sys.executable, "-c", program], env=where, timeout=60, check=False).returncode == 0


def test_a_result_stays_what_it_is() -> None:
    evaluation = quick_evaluation(TrainConfig(n_grid_cells=36, tau=True))
    with pytest.raises(dataclasses.FrozenInstanceError):
        evaluation.step = 9  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        evaluation.decoding.error_cm = 0.0  # type: ignore[misc]


def test_what_an_older_version_did_not_measure_is_missing_and_not_zero() -> None:
    decoding = quick_evaluation(TrainConfig(n_grid_cells=36)).decoding
    assert math.isnan(decoding.ce_loss)
    assert math.isnan(decoding.direction_error_deg)
    given = {field.name for field in dataclasses.fields(Decoding) if field.default is not dataclasses.MISSING}
    assert given == {"ce_loss", "direction_error_deg"}


def test_a_glance_has_fields_of_an_evaluation_or_of_its_view() -> None:
    whole = quick_evaluation(TrainConfig(n_grid_cells=36))
    of_view = {field.name for field in dataclasses.fields(whole.settled)}
    names = {field.name for field in dataclasses.fields(Glance)}
    assert names <= {field.name for field in dataclasses.fields(Evaluation)} | of_view
    assert {"rate_maps", "scores", "lattice"} <= names
