"""A network is measured once for each number of bins, and what is kept says how that was done."""

import json

import pytest
import torch

from topogrid.evaluation.evaluate import STAGES
from topogrid.evaluation.measured import described, measure, measured_config
from topogrid.model.network import PathIntegrator
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.settings.presets import settings_of
from topogrid.trained.trained import Trained
from topogrid.world.place_cells import PlaceCells


@pytest.fixture(scope="module")
def trained() -> Trained:
    config = TrainConfig(**settings_of("smoke", {"eval_walks": 4, "long_walks": 2, "long_seconds": 0.2}))
    network = PathIntegrator.from_config(config, generator=torch.Generator().manual_seed(0))
    places = PlaceCells.from_config(config, torch.Generator().manual_seed(1))
    return Trained(network.eval(), places, config, 5, origin="the run", notes=("a note",))


def test_bins_are_those_of_the_settings_unless_others_are_asked_for(trained: Trained) -> None:
    began: list[str] = []
    found = measure(trained, progress=began.append)
    assert list(found.rows) == [trained.config.eval_bins]
    assert began == list(STAGES)
    assert found.row is found.rows[trained.config.eval_bins]


def test_files_are_of_the_first_number_of_bins(trained: Trained) -> None:
    found = measure(trained, (10, 12))
    assert list(found.rows) == [10, 12]
    assert found.evaluation.settled.rate_maps.maps.shape[1:] == (10, 10)
    assert measured_config(trained, found).eval_bins == 10
    decoding = "validation/trajectory_error_cm"
    assert found.rows[10][decoding] == found.rows[12][decoding], "the same walks"


def test_what_is_kept_says_how_it_was_measured_and_what_it_means(trained: Trained) -> None:
    found = measure(trained, (10,))
    told = json.loads(json.dumps(described(trained, found)))
    assert (told["of"], told["step"], told["notes"]) == ("the run", 5, ["a note"])
    assert told["settings"]["eval_bins"] == 10
    assert told["claims"] == found.claims
    assert any(sentence.startswith("Scope:") for sentence in told["claims"])


def test_bins_out_of_range_are_refused_before_anything_is_measured(trained: Trained) -> None:
    began: list[str] = []
    with pytest.raises(SettingsError, match="eval_bins"):
        measure(trained, (10, 1), began.append)
    assert began == []
