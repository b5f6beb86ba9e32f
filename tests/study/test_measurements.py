"""What a record holds beside evaluation and changes can be said of every kind of network, as JSON takes it."""

import dataclasses
import json

import numpy as np
import pytest

from tests.attractor_networks import CONFIG, untrained_attractor, usual_evaluation
from topogrid.analysis.sheets import Sheet
from topogrid.model.network import PathIntegrator
from topogrid.settings.config import TrainConfig
from topogrid.streams import make_generators
from topogrid.study import measurements
from topogrid.trained.trained import Trained


def test_courses_go_from_the_first_moment_to_the_last() -> None:
    decoding = usual_evaluation().decoding
    found = measurements.courses(decoding)
    assert found["seconds"][0] == pytest.approx(decoding.seconds[0])
    assert found["seconds"][-1] == pytest.approx(decoding.seconds[-1])
    assert found["without"][-1] == pytest.approx(decoding.long_error_cm[-1], rel=1e-5)
    assert set(found["with"]) == {None}
    assert len({len(values) for values in found.values()}) == 1
    json.dumps(found, allow_nan=False)


def test_patches_are_of_the_sheet_and_none_of_one_that_is_too_small() -> None:
    evaluation = usual_evaluation()
    found = measurements.patches(evaluation, CONFIG.sheet, 0)
    assert found == measurements.patches(evaluation, CONFIG.sheet, 0)
    assert found["n_patches"] == (CONFIG.sheet.side - 4) ** 2
    assert measurements.patches(evaluation, Sheet(3), 0) == {}


@pytest.mark.parametrize("wiring", ["dense", "blocks"])
def test_connections_of_every_module_are_told(wiring: str) -> None:
    across = {"dense": 1, "blocks": 2}[wiring]
    config = TrainConfig(wiring=wiring, n_grid_cells=36, modules_per_side=across)
    generator = make_generators(0, "cpu", ("weights",))["weights"]
    found = measurements.connections(PathIntegrator.from_config(config, generator=generator), config.sheet)
    assert len(found["spectral_radius"]) == len(found["eigenvalues_above_1"]) == across**2
    assert len(found["distance"]) == len(found["mean"]) == len(found["mean_magnitude"])
    assert found["distance"][0] == 1
    json.dumps(found, allow_nan=False)


def test_feedback_is_swept_over_speeds_codes_and_strengths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurements, "SECONDS", (0.1, 0.2))
    monkeypatch.setattr(measurements, "N_WALKS", 2)
    subject = untrained_attractor()
    said: list[str] = []
    trained = Trained(subject.network, subject.place_cells, dataclasses.replace(CONFIG), 0)
    found = measurements.feedback(trained, said.append)
    assert len(found) == len(measurements.SPEEDS) * len(measurements.CODES) * len(measurements.STRENGTHS)
    assert len(said) == len(measurements.SPEEDS) * len(measurements.CODES)
    without = [one["mean_cm"] for one in found if one["strength"] == 0 and one["speed"] == 1]
    assert without[0] == without[1]
    json.dumps(found, allow_nan=False)


def test_only_units_with_a_lattice_have_a_spacing() -> None:
    evaluation = usual_evaluation()
    found = measurements.units(evaluation)
    assert len(found["tau"]) == len(found["spacing"]) == CONFIG.n_grid_cells
    poor = np.nan_to_num(evaluation.settled.scores.score_60, nan=-1) <= 0.3
    assert all(found["spacing"][unit] is None for unit in np.flatnonzero(poor))


def test_the_states_of_an_attractor_module_are_a_torus_and_a_dense_sheet_has_no_module() -> None:
    pytest.importorskip("ripser")
    subject = untrained_attractor()
    found = measurements.torus(Trained(subject.network, subject.place_cells, CONFIG, 0))
    assert found is not None
    assert len(found["betti"]) == 2
    json.dumps(found, allow_nan=False)
    plain = dataclasses.replace(CONFIG, wiring="dense", modules_per_side=1)
    assert measurements.torus(Trained(subject.network, subject.place_cells, plain, 0)) is None
