"""An evaluation is written and read back by one table of its arrays."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.explorer_runs import make_evaluation
from topogrid.evaluation.results import Decoding, Glance
from topogrid.evaluation.saved import (
    SHAPES,
    SavedEvaluation,
    evaluation_files,
    evaluation_path,
    save_evaluation,
    save_glance,
    saved_moments,
)
from topogrid.reading import UnreadableError
from topogrid.settings.config import TrainConfig

CONFIG = TrainConfig(n_grid_cells=16, tau=True)


@pytest.fixture(scope="module")
def evaluation():
    return make_evaluation(CONFIG, 7, bins=12, blank=False)


def test_all_that_is_written_is_read_back(evaluation, tmp_path: Path) -> None:
    path = evaluation_path(tmp_path, 7)
    save_evaluation(evaluation, path)
    with np.load(path) as kept:
        assert set(kept) == set(SHAPES), "every array has a field in the table"
        saved = SavedEvaluation(path)
        for name in kept:
            np.testing.assert_array_equal(saved[name], kept[name], err_msg=name)
            assert saved[name].dtype == kept[name].dtype
    assert {f"decoding/{field.name}" for field in dataclasses.fields(Decoding)} <= set(SHAPES)
    assert saved.views == ("settled", "start")
    np.testing.assert_array_equal(saved["start/spacing"], evaluation.start.lattice.spacing)


def test_a_glance_has_fewer_of_the_same_arrays(evaluation, tmp_path: Path) -> None:
    view = evaluation.settled
    seen = Glance(3, evaluation.tau, 1, view.rate_maps, view.scores, view.lattice)
    save_glance(seen, evaluation_path(tmp_path, 3))
    saved = SavedEvaluation(evaluation_path(tmp_path, 3))
    assert saved.views == ("settled",)
    assert saved.get("settled/p_value") is None
    np.testing.assert_array_equal(saved["settled/score_60"], view.scores.score_60)
    with pytest.raises(UnreadableError, match=r"step_00000003\.npz lacks settled/p_value; move .* away"):
        saved["settled/p_value"]


def test_moments_come_in_the_order_of_steps_and_pass_over_what_is_damaged(evaluation, tmp_path: Path) -> None:
    for step in (100_000_000, 20, 3):
        save_evaluation(dataclasses.replace(evaluation, step=step), evaluation_path(tmp_path, step))
    evaluation_path(tmp_path, 5).write_bytes(b"torn")
    evaluation_path(tmp_path, 6).mkdir()
    np.savez(evaluation_path(tmp_path, 8), step=8, tau=np.ones(4), **{"settled/spacing": np.ones(5)})
    (tmp_path / "step_first.npz").touch()
    assert list(evaluation_files(tmp_path)) == [3, 5, 6, 8, 20, 100_000_000]
    assert [step for step, _tau, _spacing in saved_moments(tmp_path)] == [3, 20, 100_000_000]


def test_a_file_of_0_1_0_has_one_number_for_a_baseline(evaluation, tmp_path: Path) -> None:
    path = evaluation_path(tmp_path, 7)
    save_evaluation(evaluation, path)
    with np.load(path) as kept:
        arrays = dict(kept) | {"decoding/middle_cm": 88.0}
    np.savez(path, **arrays)
    assert SavedEvaluation(path)["decoding/middle_cm"] == 88.0
