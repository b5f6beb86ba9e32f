"""Train, look, change, follow: what `import topogrid` offers does what the commands do."""

import inspect
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import topogrid as tg
from topogrid.analysis import grid_gate
from topogrid.analysis.maps import units as unit_measures
from topogrid.evaluation.saved import unit_rows

ROOT = Path(__file__).resolve().parents[2]
TINY = {
    "preset": "smoke", "tau": True, "wiring": "learned", "n_grid_cells": 64, "modules_per_side": 2, "steps": 3,
    "eval_walks": 8, "eval_bins": 8, "long_seconds": 0.3, "long_walks": 3, "wandb": "disabled", "device": "cpu",
    "precision": "fp32",
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def few_surrogates():
    """Judge grid cells against few surrogates: thousands of them take all the time of an evaluation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unit_measures, "grid_gate", partial(grid_gate, n_surrogates=4))
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tg.Run:
    folder = tmp_path_factory.mktemp("api")
    return tg.train(**TINY, name="mine", save_dir=str(folder / "runs"), gallery_dir=str(folder / "imgs"))


def test_importing_it_imports_nothing_slow() -> None:
    program = (
        "import sys, topogrid as tg; assert {'train', 'open_trained', 'Run', '__version__'} <= set(dir(tg))\n"
        "assert not {'torch', 'numpy', 'scipy', 'matplotlib'} & set(sys.modules)\n"
        "tg.TrainConfig; assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=60)
    assert done.returncode == 0


def test_every_public_name_is_there_and_documented() -> None:
    assert sorted(tg.__all__) == tg.__all__
    for name in tg.__all__:
        assert name == "__version__" or inspect.getdoc(getattr(tg, name)), name
    for name, member in inspect.getmembers(tg.Run):
        assert name.startswith("_") or inspect.getdoc(member), name
    with pytest.raises(AttributeError, match="topogrid has no 'trian'"):
        _ = tg.trian  # type: ignore[attr-defined]


def test_a_run_comes_back_with_what_was_measured(run: tg.Run) -> None:
    assert run.path is not None
    assert (run.path.name, run.name, run.step) == ("mine", "mine", 3)
    sheet = run.config.sheet
    assert run.rate_maps.shape[0] == len(run.units) == 64
    assert run.tau_map.shape == run.spacing_map.shape == (8, 8)
    np.testing.assert_allclose(run.tau_map, sheet.map(np.asarray(run.units["tau_steps"])), rtol=1e-5)
    np.testing.assert_allclose(run.map("score_60"), sheet.map(np.asarray(run.units["score_60"])))
    assert "evaluation" not in vars(run), "nothing was measured twice"
    assert "64 units" in repr(run)


def test_what_is_read_is_what_would_be_measured(run: tg.Run) -> None:
    again = tg.open_trained(run.path)
    columns, rows = unit_rows(again.evaluation, again.config)
    for column, values in zip(columns, zip(*rows, strict=True), strict=True):
        np.testing.assert_allclose(
            np.asarray(run.units[column], dtype=float), np.asarray(values, dtype=float), rtol=1e-4, atol=1e-5
        )
    np.testing.assert_allclose(run.rate_maps, again.evaluation.settled.rate_maps.maps, rtol=1e-5, atol=1e-6)


def test_pictures_show_themselves(run: tg.Run, tmp_path: Path) -> None:
    assert {"tau_map", "scale_map", "ratemaps"} <= set(run.figures)
    picture = run.figure("scale_map")
    assert picture._repr_png_().startswith(b"\x89PNG")
    assert picture.save(tmp_path / "a" / "map.png").read_bytes() == picture.png
    with pytest.raises(ValueError, match="did you mean scale_map"):
        run.figure("scalemap")
    with pytest.raises(ValueError, match="did you mean spacing_m"):
        run.map("spacing")


def test_other_settings_are_measured_and_not_read(run: tg.Run, tmp_path: Path) -> None:
    other = tg.open_trained(run.path, eval_bins=6)
    assert other.rate_maps.shape == (64, 6, 6)
    assert other.figure("scale_map").save(tmp_path / "map.svg").read_text().startswith("<?xml")
    assert list(run.evaluate(bins=[6, 7]).rows) == [6, 7]


def test_weights_alone_are_the_same_object(run: tg.Run, tmp_path: Path) -> None:
    from topogrid.trained.safetensors import export_weights

    alone = tg.open_trained(export_weights(run.trained, tmp_path / "w.safetensors"))
    assert alone.path is None
    np.testing.assert_array_equal(alone.tau_map, run.tau_map)
    assert len(alone.intervene("tau_x1.5")) == 2
    assert alone.units["unit"].tolist() == list(range(64))


def test_interventions_are_tables_and_arrays(run: tg.Run) -> None:
    changes = run.intervene("tau_x1.5", silence=[0, "3-4"])
    assert [one.name for one in changes][:3] == ["baseline", "tau_x1.5", "silence_chosen"]
    np.testing.assert_allclose(changes["tau_x1.5"].paired.log_tau_change, np.log(1.5), rtol=1e-5)
    assert "tau_x1.5" in repr(changes)
    assert changes._repr_markdown_().startswith("| intervention")
    assert run.path is not None
    assert (run.path / "interventions" / "tau_x1.5+silence_chosen.npz").is_file()
    with pytest.raises(KeyError, match=r"there are baseline, tau_x1\.5"):
        changes["tau_x2"]
    half = np.zeros((8, 8))
    half[:4] = 1
    there = run.intervene("tau_x1.5", where=half)["tau_x1.5"].paired.log_tau_change
    np.testing.assert_allclose(there, np.log(1.5) * half.ravel(), atol=1e-6)
    for names, where in ((("tau_x1.5",), np.ones(3)), (("speed_x2",), half), ((), half), (("tau_x2@module1",), half)):
        with pytest.raises(ValueError, match="where"):
            run.intervene(*names, where=where)


def test_a_walk_is_followed(run: tg.Run, tmp_path: Path) -> None:
    steps = np.random.default_rng(0).normal(0, 0.004, (1000, 2)).cumsum(axis=0)
    np.savez(tmp_path / "walk.npz", t=0.02 * np.arange(1000), pos=steps)
    followed = run.follow(tmp_path / "walk.npz", restart=2.0)
    assert followed.summary["mean_error_cm"] > 0
    assert "sitting still" in repr(followed)
    with pytest.raises(ValueError, match="restart must be 0"):
        run.follow(tmp_path / "walk.npz", restart=-1.0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"preset": "nonsense"}, "preset must be one of"),
        ({"learning_rate": 1}, "there is no setting 'learning_rate'; did you mean lr?"),
        ({"tau_max": 5.0}, "--tau_max has no effect without --tau; add that or leave it out"),
        ({"steps": "many"}, "steps must be a whole number, got 'many'"),
        ({"resume": "runs/none"}, "--resume found nothing at 'runs/none'"),
        ({"preset": "smoke", "n_grid_cells": 10}, "n_grid_cells must be a square number"),
    ],
)
def test_what_the_command_line_refuses_is_refused(
    settings: dict[str, object], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(tg.SettingsError) as refused:
        tg.train(**settings)
    assert said in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_training_that_fails_raises_with_its_reason(run: tg.Run) -> None:
    with pytest.raises(tg.TrainingError, match="nothing is left to do") as failed:
        tg.train(resume=str(run.path))
    assert failed.value.code == 2


def test_a_preset_is_applied_or_refused() -> None:
    assert tg.TrainConfig(preset="smoke").n_grid_cells == 64
    config = tg.TrainConfig(preset="smoke", tau=True, steps=7)
    assert (config.describe(), config.steps) == ("learned+tau", 7)
    with pytest.raises(tg.SettingsError, match="preset must be one of"):
        tg.TrainConfig(preset="nonsense")
    with pytest.raises(tg.SettingsError, match="preset must be printable text, got 7"):
        tg.TrainConfig(preset=7)
    with pytest.raises(tg.SettingsError, match="there is no setting 'stepz'; did you mean steps"):
        tg.TrainConfig(stepz=3)
