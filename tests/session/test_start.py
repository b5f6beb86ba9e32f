"""How a run is filed in W&B by itself, and what its first lines say."""

import dataclasses
from contextlib import ExitStack
from pathlib import Path

import pytest

from topogrid.session import start
from topogrid.session.start import recipe_of
from topogrid.settings.config import TrainConfig
from topogrid.training.processes import ALONE

CONFIG = TrainConfig(preset="smoke", tau=True)


def test_seeds_of_one_recipe_share_a_group_and_nothing_else_does() -> None:
    group = recipe_of(CONFIG)
    for change in ({"seed": 7}, {"name": "other"}, {"save_dir": "elsewhere"}, {"device": "cpu"}, {"print_every": 3}):
        assert recipe_of(dataclasses.replace(CONFIG, **change)) == group, change
    for change in ({"lr": 0.5}, {"steps": 7}, {"tau_max": 7.0}, {"n_place_cells": 40}):
        assert recipe_of(dataclasses.replace(CONFIG, **change)) != group, change
    assert len(group) <= 128


@pytest.mark.parametrize("field", [field for field in dataclasses.fields(TrainConfig) if field.metadata["locked"]])
def test_what_makes_another_network_makes_another_group(field: "dataclasses.Field[object]") -> None:
    if field.name == "seed":
        return
    changed = dataclasses.replace(CONFIG)
    object.__setattr__(changed, field.name, "changed")
    assert recipe_of(changed) != recipe_of(CONFIG)


def test_a_name_that_is_taken_and_units_that_are_all_connected_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(start, "tell", told.append)
    for wiring in ("dense", "learned"):
        config = TrainConfig(
            preset="smoke", tau=True, wiring=wiring, name="mine", wandb="disabled", device="cpu",
            save_dir=str(tmp_path), gallery_dir=str(tmp_path / "pictures"),
        )  # fmt: skip
        with ExitStack() as held:
            start.prepare(config, ALONE, held)
    assert [" all to all, " in line for line in told if " network, " in line] == [True, False]
    assert told.count("there is a mine already: this run is mine-2") == 1
