"""What this and earlier versions wrote is opened, listed and gone on with by this one."""

import shutil
from pathlib import Path

import pytest
import torch

from tests.faults.any_settings import in_little_time
from tests.faults.harness import same
from tests.saved_runs import DATA
from topogrid.reports.records import find_runs, list_table
from topogrid.runs.checkpoints import load_checkpoint
from topogrid.session.asked import as_given, resolve
from topogrid.session.run import run_training
from topogrid.trained.opening import open_trained

RUNS = sorted(path.parent for path in DATA.glob("*/*/config.json"))
NAMES = [f"{path.parent.name} {path.name}" for path in RUNS]


@pytest.fixture(params=RUNS, ids=NAMES)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Copy a kept run, as tests may write into it."""
    kept: Path = request.param
    shutil.copytree(kept, tmp_path / "runs" / kept.name)
    shutil.copy(kept.with_suffix(".safetensors"), tmp_path / f"{kept.name}.safetensors")
    return tmp_path / "runs" / kept.name


def test_there_is_one_of_every_wiring_and_one_of_the_first_version() -> None:
    assert NAMES == ["0.1.0 dense", "0.3.0 attractor", "0.3.0 dense", "0.3.0 learned", "0.4.0 blocks", "0.4.0 lstm"]


def test_folder_checkpoint_and_safetensors_hold_one_network(run: Path) -> None:
    (checkpoint,) = run.glob("checkpoints/*.pt")
    opened = [open_trained(path) for path in (run, checkpoint, run.parent.parent / f"{run.name}.safetensors")]
    for one in opened:
        assert (one.step, one.notes) == (4, ())
        assert same(one.network.state_dict(), opened[0].network.state_dict()) == []
        assert torch.equal(one.place_cells.centres, opened[0].place_cells.centres)


def test_it_is_listed_as_finished(run: Path) -> None:
    found = find_runs([run.parent])
    assert found.broken == []
    _columns, (row,) = list_table(found)
    assert row[-1] == "finished"
    assert "4/4" in row


def test_it_goes_on(run: Path) -> None:
    with in_little_time(run.parent.parent):
        asked = {"resume": f"runs/{run.name}", "steps": 5, "lr_schedule": "constant"}
        said: list[str] = []
        assert run_training(resolve(as_given(asked)), said.append) == 0, said
    assert load_checkpoint(run / "checkpoints" / "step_00000005.pt")["step"] == 5
