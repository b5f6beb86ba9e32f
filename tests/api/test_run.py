"""A run is read where its folder holds what was asked for, and measured where it does not."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.quick_evaluations import measured_lattices, quick_evaluation
from tests.saved_runs import DATA, KEPT_VERSION
from topogrid.api.run import Run, open_trained
from topogrid.evaluation.evaluate import STAGES
from topogrid.evaluation.results import Evaluation
from topogrid.settings.errors import SettingsError
from topogrid.trained.trained import Trained

KEPT = DATA / KEPT_VERSION


class MeasuredError(Exception):
    """Something was measured."""


@pytest.fixture(autouse=True)
def nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(*_arguments: object, **_more: object) -> Evaluation:
        raise MeasuredError

    monkeypatch.setattr("topogrid.api.run.evaluate", measure)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of a kept run with modules, which a test may change."""
    return Path(shutil.copytree(KEPT / "learned", tmp_path / "learned"))


@pytest.fixture(scope="module")
def run() -> Run:
    return open_trained(KEPT / "learned")


def newest(folder: Path, name: str, when: float = 2e9) -> None:
    os.utime(folder / "evaluation" / name, (when, when))


def test_what_the_folder_holds_is_read(folder: Path) -> None:
    newest(folder, "step_00000004.npz")
    run = open_trained(folder)
    assert (run.name, run.step, run.path) == ("learned", 4, folder)
    with np.load(folder / "evaluation" / "step_00000004.npz") as kept:
        np.testing.assert_array_equal(run.rate_maps, kept["settled/rate_maps"])
        np.testing.assert_allclose(
            run.spacing_map.ravel(), run.config.sheet.map(kept["settled/spacing"]).ravel(), rtol=1e-5
        )
    np.testing.assert_allclose(run.tau_map, run.map("tau_steps"), rtol=1e-5)
    assert repr(run) == f"<learned+tau network of 64 units after 4 steps in {folder}>"


def test_maps_of_another_step_are_not_taken_for_its_own(folder: Path) -> None:
    newest(folder, "step_00000002.npz")
    with pytest.raises(MeasuredError):
        _ = open_trained(folder).rate_maps


def test_other_settings_are_measured(folder: Path) -> None:
    newest(folder, "step_00000004.npz")
    with pytest.raises(MeasuredError):
        _ = open_trained(folder, eval_bins=9).rate_maps


def test_a_table_of_another_size_is_not_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newest(folder, "step_00000004.npz")
    lines = (folder / "units.csv").read_text().splitlines(keepends=True)
    (folder / "units.csv").write_text("".join(lines[:-1]))
    run = open_trained(folder)

    def measure(_trained: Trained, *, progress: Callable[[str], None]) -> Evaluation:
        for stage in STAGES:
            progress(stage)
        return quick_evaluation(run.config)

    monkeypatch.setattr("topogrid.api.run.evaluate", measure)
    assert len(run.units) == 64
    np.testing.assert_array_equal(run.units["score_60"], measured_lattices(64).scores.score_60)
    assert run.evaluation is run.evaluation, "measured once"


def test_the_name_of_a_folder_does_not_move_the_cursor(folder: Path) -> None:
    run = open_trained(folder.rename(folder.with_name("a\x1b[2J\nb")))
    assert repr(run).isprintable()
    assert repr(run).endswith("a\\x1b[2J\\nb>")


def test_weights_alone_have_no_folder_and_no_curves() -> None:
    alone = open_trained(KEPT / "dense.safetensors")
    assert alone.path is None
    assert "curves" not in alone.figures
    assert alone.name.endswith("dense.safetensors")
    with pytest.raises(MeasuredError):
        _ = alone.units


def test_names_that_are_not_there_are_refused_with_those_that_are(run: Run) -> None:
    with pytest.raises(ValueError, match="did you mean tau_map"):
        run.figure("tau_mpa")
    with pytest.raises(ValueError, match=r"units have no 'score'.*; they have unit, row, col"):
        run.map("score")
    with pytest.raises(ValueError, match="there is no intervention 'lesion'"):
        run.intervene("lesion")
    with pytest.raises(SettingsError, match="eval_walks"):
        run.evaluate(eval_walks=-1)
    with pytest.raises(SettingsError, match="lr is no setting of a measurement"):
        run.evaluate(lr=0.1)
    with pytest.raises(SettingsError, match="bins must be one whole number or more, got none"):
        run.evaluate(bins=[])
    with pytest.raises(SettingsError, match="got '32'"):
        run.evaluate(bins="32")  # type: ignore[arg-type]


@pytest.mark.parametrize("bins", [16, np.int64(16), [16], np.array([16]), (np.int32(16),)])
def test_numbers_of_bins_may_come_from_numpy(run: Run, bins: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("topogrid.api.run.measure_again", lambda _trained, wanted, _progress: list(wanted))
    assert run.evaluate(bins) == [16]  # type: ignore[comparison-overlap]


@pytest.mark.parametrize(
    ("silence", "units"),
    [("12", [12]), ("4-6", [4, 5, 6]), (7, [7]), (np.int64(7), [7]), ([7, "9-10"], [7, 9, 10])],
)
def test_units_to_silence_may_be_one_text(
    run: Run, silence: Any, units: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(_folder: object, _condition: object, _wanted: object, chosen: list[int], **_more: object) -> object:
        raise MeasuredError(chosen)

    monkeypatch.setattr("topogrid.api.run.measure_table_into", measure)
    with pytest.raises(MeasuredError) as found:
        run.intervene("tau_x2", silence=silence)
    assert found.value.args == (units,)


@pytest.mark.parametrize(
    ("names", "where", "said"),
    [
        (("tau_x2",), np.ones(3), r"where must be \(8, 8\) or \(64,\), got shape \(3,\)"),
        (("tau_x2",), np.full((8, 8), np.nan), "where must be finite, got 64 units"),
        (("tau_x2",), np.ma.masked_less(np.arange(64.0), 3), "where must be finite, got 3 units"),
        (("speed_x2",), np.ones(64), "where is for doses of tau, such as tau_x1.25, got speed_x2"),
        ((), np.ones(64), "where is for doses of tau, such as tau_x1.25, got no name"),
    ],
)
def test_a_map_of_a_dose_is_checked_before_anything_is_measured(
    run: Run, names: tuple[str, ...], where: Any, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        run.intervene(*names, where=where)
