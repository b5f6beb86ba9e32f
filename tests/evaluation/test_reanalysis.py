"""`topogrid analyze`: anything that was trained is measured again, and files and terminal say the same."""

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tests.trained.test_original import CONFIG, as_original, network_and_places
from topogrid.cli.main import main
from topogrid.evaluation import reanalysis
from topogrid.evaluation.reanalysis import results_folder
from topogrid.runs.checkpoints import save_checkpoint
from topogrid.runs.folder import RunFolder
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.settings.saved import write_settings
from topogrid.trained.opening import open_trained

QUICK = ["--eval_walks", "20", "--long_seconds", "0.4", "--long_walks", "3"]


def scores(folder: Path, step: int) -> NDArray[np.float64]:
    with np.load(folder / "evaluation" / f"step_{step:08d}.npz") as evaluation:
        found: NDArray[np.float64] = evaluation["settled/score_60"]
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run with checkpoints at steps 2 and 4; only what opening it needs is there."""
    root = tmp_path_factory.mktemp("reanalysis")
    folder = RunFolder.create(root / "runs", "a", root / "imgs")
    write_settings(TrainConfig(**{**vars(CONFIG), "name": "a", "gallery_dir": str(root / "imgs")}), folder.config_path)
    network, places = network_and_places()
    for step in (2, 4):
        with torch.no_grad():
            network.units.w_in.mul_(step)
        state = {"step": step, "network": network.state_dict(), "place_centres": places.centres}
        save_checkpoint(folder, state, step)
    folder.summary_path.write_text(json.dumps({"train/steps_done": 4, "validation/best_step": 2}))
    return folder.path


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """Return a copy of that run that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "runs" / "a"))


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing: pictures take longer than measuring so few units."""
    monkeypatch.setattr("topogrid.evaluation.reanalysis.draw_evaluation", lambda *_, **__: {})


def test_a_run_is_measured_again(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(run), *QUICK, "--bins", "9", "8"]) == 0
    said = capsys.readouterr().out
    summary = json.loads((run / "summary.json").read_text())
    assert summary["train/steps_done"] == 4
    assert summary["validation/best_step"] == 2
    analysis = summary["analysis"]
    assert analysis["step"] == 4
    assert analysis["settings"]["eval_walks"] == 20
    assert list(analysis["by_bins"]) == ["9", "8"]
    main_row = analysis["by_bins"]["9"]
    assert main_row == {name: summary[name] for name in main_row}
    assert main_row["validation/grid_score_mean"] != analysis["by_bins"]["8"]["validation/grid_score_mean"]
    for sentence in analysis["claims"]:
        assert sentence in said
    assert "GS > 0.3 %" in said
    with (run / "units.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 36
    with np.load(run / "evaluation" / "step_00000004.npz") as evaluation:
        assert evaluation["settled/rate_maps"].shape == (36, 9, 9)
    assert (run / "figures" / "scale_map.png").is_file()


@pytest.mark.usefixtures("no_pictures")
def test_an_earlier_checkpoint_is_not_mixed_with_the_end_of_training(run: Path, tmp_path: Path) -> None:
    one = str(run / "checkpoints" / "step_00000002.pt")
    assert main(["analyze", one, *QUICK, "--out", str(tmp_path / "two")]) == 0
    assert main(["analyze", str(run), "--checkpoint", one, *QUICK]) == 0
    np.testing.assert_array_equal(scores(tmp_path / "two", 2), scores(run, 2))
    for folder in (run, tmp_path / "two"):
        summary = json.loads((folder / "summary.json").read_text())
        assert summary["analysis"]["step"] == 2
        assert "train/steps_done" not in summary


@pytest.mark.usefixtures("no_pictures")
def test_an_original_checkpoint_scores_as_our_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network, places = network_and_places()
    torch.save(as_original(network), tmp_path / "theirs.pt")
    torch.save({"network": network.state_dict(), "place_centres": places.centres, "step": 700}, tmp_path / "ours.pt")
    np.save(tmp_path / "centres.npy", places.centres.numpy())
    flags = [*QUICK, "--bins", "8", "--pc-width", "0.3", "--tau_max", "8", "--signed_start"]
    assert main(["analyze", str(tmp_path / "theirs.pt"), *flags, "--place_cells", str(tmp_path / "centres.npy")]) == 0
    assert main(["analyze", str(tmp_path / "ours.pt"), *flags]) == 0
    np.testing.assert_array_equal(scores(tmp_path / "theirs_analysis", 700), scores(tmp_path / "ours_analysis", 700))
    summaries = [
        json.loads((tmp_path / f"{name}_analysis" / "summary.json").read_text()) for name in ("theirs", "ours")
    ]
    assert summaries[0]["analysis"]["claims"] == summaries[1]["analysis"]["claims"]
    capsys.readouterr()
    assert main(["analyze", str(tmp_path / "theirs.pt"), *flags, "--no_DoG", "--surround_scale", "3"]) == 2
    assert "surround_scale has no effect" in capsys.readouterr().err


@pytest.mark.usefixtures("no_pictures")
def test_without_its_place_cells_a_network_is_not_judged_by_decoding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(as_original(network_and_places()[0]), tmp_path / "model.pt")
    assert main(["analyze", str(tmp_path / "model.pt"), *QUICK, "--bins", "8", "--pc_width", "0.3"]) == 0
    captured = capsys.readouterr()
    assert "decoding means nothing" in captured.err
    assert "Path integration: cannot be said" in captured.out


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.slow
def test_interventions_follow_if_asked_for(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr("topogrid.interventions.files.draw_outcomes", lambda *_: Figure())
    assert main(["analyze", str(run), *QUICK, "--out", str(out), "--intervene", "tau_flat"]) == 0
    record = json.loads((out / "interventions" / "tau_flat.json").read_text())
    assert [one["name"] for one in record["outcomes"]] == ["baseline", "tau_flat"]
    measured = json.loads((out / "summary.json").read_text())
    baseline = record["outcomes"][0]["measures"]
    assert baseline["validation/grid_score_mean"] == measured["validation/grid_score_mean"]
    capsys.readouterr()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--box_size", "3"], "knows its own box_size; leave --box_size out"),
        (["--place_cells", "c.npy"], "knows its own place_cells"),
        (["--bins", "20", "x"], "--bins must be a whole number, got 'x'"),
        (["--bins", "3"], "eval_bins must be 5 to 200"),
        (["--eval_walks", "many"], "eval_walks must be a whole number"),
        (["--intervene", "tau_flatt"], "did you mean tau_flat"),
        (["--checkpoint", "none.pt"], "there is no checkpoint file none.pt"),
    ],
)
def test_flags_that_cannot_be_used_are_refused(
    flags: list[str], said: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path for path in run.rglob("*")}
    assert main(["analyze", str(run), *flags]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert len(captured.err.splitlines()) == 1
    assert {path for path in run.rglob("*")} == before


def test_results_do_not_overwrite_another_run(run: Path, tmp_path: Path) -> None:
    torch.save(as_original(network_and_places()[0]), tmp_path / "model.pt")
    with pytest.raises(SettingsError, match="is the folder of a run"):
        results_folder(open_trained(tmp_path / "model.pt", settings={"pc_width": 0.3}), tmp_path / "model.pt", run)
    with pytest.raises(SettingsError, match="leave --checkpoint out"):
        open_trained(tmp_path / "model.pt", checkpoint="other.pt")


@pytest.mark.parametrize("spoilt", ["pipe", "deep", "endless", "list"])
def test_a_summary_that_cannot_be_read_stops_no_analysis(tmp_path: Path, spoilt: str) -> None:
    folder = RunFolder(tmp_path, tmp_path / "figures")
    match spoilt:
        case "pipe":
            os.mkfifo(folder.summary_path)
        case "deep":
            folder.summary_path.write_text("[" * 20_000 + "]" * 20_000)
        case "endless":
            folder.summary_path.symlink_to("/dev/zero")
        case "list":
            folder.summary_path.write_text("[1]")
    assert reanalysis._of_training(folder, 5) == {}
