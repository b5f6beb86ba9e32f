"""Whatever a path leads to is opened as what it is, and nothing that is asked for is passed over."""

import shutil
from pathlib import Path

import pytest
import torch

from tests.saved_runs import DATA, KEPT_VERSION
from topogrid.settings.errors import SettingsError
from topogrid.settings.fields import LEFT_OUT_SETTINGS
from topogrid.trained.opening import open_trained

RUN = DATA / KEPT_VERSION / "dense"
CHECKPOINT = RUN / "checkpoints" / "step_00000004.pt"
EXPORTED = RUN.with_suffix(".safetensors")


@pytest.mark.parametrize("path", [RUN, CHECKPOINT, EXPORTED], ids=["run", "checkpoint", "safetensors"])
def test_settings_of_the_evaluation_are_taken_and_those_of_the_network_are_known(path: Path) -> None:
    opened = open_trained(path, settings={"eval_walks": 3})
    assert opened.config.eval_walks == 3
    assert opened.knows_training
    for name in LEFT_OUT_SETTINGS:
        with pytest.raises(SettingsError, match=f"knows its own {name}; leave --{name} out"):
            open_trained(path, settings={name: getattr(opened.config, name)})
    with pytest.raises(SettingsError, match="knows its own place_cells"):
        open_trained(path, place_cells="centres.npy")


@pytest.mark.parametrize("path", [CHECKPOINT, EXPORTED], ids=["checkpoint", "safetensors"])
def test_a_checkpoint_of_another_file_is_refused(path: Path) -> None:
    with pytest.raises(SettingsError, match="is a checkpoint itself; leave --checkpoint out"):
        open_trained(path, checkpoint="other.pt")


def test_a_checkpoint_away_from_its_run_is_opened_bare(tmp_path: Path) -> None:
    shutil.copy(CHECKPOINT, tmp_path / "lone.pt")
    lone = open_trained(tmp_path / "lone.pt", settings={"tau_max": 12.0})
    inside = open_trained(CHECKPOINT)
    assert lone.folder is None
    assert inside.folder is not None
    assert lone.config.tau_max == 12.0
    assert torch.equal(lone.network.encoder, inside.network.encoder)


def test_nothing_is_opened_where_there_is_nothing(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ValueError, match="is not a run") as told:
            open_trained(path)
        assert "\n" not in str(told.value)
