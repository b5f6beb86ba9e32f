"""The scale of every module before and after tau or speed is changed."""

import numpy as np
import pytest

from topogrid.interventions.condition import Condition
from topogrid.interventions.modules import (
    BASELINE,
    draw_headline,
    headline_page,
    headline_record,
    headline_table,
    measure_headline,
)
from topogrid.session.companions import build_state
from topogrid.settings.config import TrainConfig
from topogrid.settings.presets import settings_of
from topogrid.trained.trained import Trained
from topogrid.training.processes import ALONE


@pytest.fixture(scope="module")
def subject() -> Condition:
    """Four attractor modules of different tau, not trained: their encoder is fitted, which is enough."""
    config = TrainConfig(
        **settings_of(
            "laptop",
            {
                "tau": True, "wiring": "attractor", "n_grid_cells": 400, "modules_per_side": 2, "eval_walks": 60,
                "tau_min": 2.2, "tau_max": 4.0, "tau_init": "bands", "n_bands": 2, "device": "cpu", "dt": 0.02,
                "movement_gain": 36.0, "n_place_cells": 200, "eval_bins": 24,
            },
        )
    )  # fmt: skip
    state = build_state(config, ALONE)
    return Condition(Trained(state.network, state.place_cells, config, 0))


def test_spacing_follows_tau_in_every_module(subject: Condition) -> None:
    names = ("tau_x1.25", "tau_flat", "tau_reversed")
    baseline, longer, flat, turned = measure_headline(subject, names)
    assert baseline.name == BASELINE
    assert baseline.scales.tau.tolist() == pytest.approx([2.2, 2.2, 4.0, 4.0])
    assert longer.largest_deviation < 0.06
    assert np.allclose(longer.predicted, 1.25 * longer.before)
    assert flat.scales.between < 0.05 < baseline.scales.between
    assert turned.scales.tau.tolist() == pytest.approx([4.0, 4.0, 2.2, 2.2])
    assert turned.largest_deviation < 0.08
    outcomes = [baseline, longer, flat, turned]
    assert [row[0] for row in headline_table(outcomes)[1]] == [BASELINE, *names]
    assert "## Module by module" in headline_page("x", outcomes)
    assert headline_record(outcomes)[1]["predicted_m"] == pytest.approx(longer.predicted.tolist(), rel=1e-5)
    assert draw_headline(outcomes, subject.config).axes


def test_without_modules_there_is_no_headline() -> None:
    config = TrainConfig(n_grid_cells=64)
    state = build_state(config, ALONE)
    with pytest.raises(ValueError, match="it has no modules"):
        next(measure_headline(Condition(Trained(state.network, state.place_cells, config, 0))))
