"""Other settings make another record of the same network, and unusable ones are refused."""

import dataclasses
from typing import Any

import pytest
import torch

from topogrid.model.network import PathIntegrator
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.trained.trained import Trained
from topogrid.world.place_cells import PlaceCells


@pytest.fixture(scope="module")
def trained() -> Trained:
    config = TrainConfig(preset="smoke", wiring="dense", tau=True)
    generator = torch.Generator().manual_seed(0)
    network = PathIntegrator.from_config(config, generator=generator)
    return Trained(network, PlaceCells.from_config(config, generator), config, 7, "here", notes=("read this",))


def test_other_settings_leave_everything_else_and_the_first_as_they_were(trained: Trained) -> None:
    other = trained.with_settings({"eval_walks": 3, "eval_bins": 9})
    assert (other.config.eval_walks, other.config.eval_bins) == (3, 9)
    assert dataclasses.replace(other, config=trained.config) == trained
    assert other.network is trained.network
    assert trained.config.eval_walks == 40


def test_no_other_settings_are_the_same_record(trained: Trained) -> None:
    assert trained.with_settings({}) == trained


@pytest.mark.parametrize("settings", [{"eval_bins": 1}, {"eval_walks": "3"}, {"eval_walks": 0}])
def test_settings_that_cannot_be_used_are_refused(trained: Trained, settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(settings))):
        trained.with_settings(settings)
