"""How a run is filed in W&B by itself."""

import dataclasses

import pytest

from topogrid.session.start import recipe_of
from topogrid.settings.config import TrainConfig

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
