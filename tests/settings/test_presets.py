"""Presets and recipes make usable settings on every sheet, and whatever was asked for stands."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.settings.command_lines import parse
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.settings.fields import SCIENCE
from topogrid.settings.presets import PRESETS, RECIPES, TAU_WIRING, settings_of

pytestmark = pytest.mark.usefixtures("desk")


FIELDS = dataclasses.fields(TrainConfig)
NAMES = [field.name for field in FIELDS]


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("flags", ["", "--tau", "--topoloss", "--tau --topoloss"])
def test_presets_are_usable_and_flags_override_them(name: str, flags: str) -> None:
    if flags and PRESETS[name].settings.get("network") == "lstm":
        with pytest.raises(SettingsError, match="is of leaky units and has no effect with network lstm"):
            parse(f"--preset {name} {flags}")
        return
    config = parse(f"--preset {name} {flags} --steps 77")
    assert config.preset == name
    assert config.steps == 77
    expected = {**PRESETS[name].settings, **PRESETS[name].by_wiring.get(config.wiring, {})}
    for key, value in expected.items():
        assert key == "steps" or getattr(config, key) == value
    if PRESETS[name].by_wiring:
        assert config.wiring == ("learned" if config.tau and not config.topoloss else "dense")
    assert PRESETS[name].about.endswith(".")


def test_the_original_preset_does_not_move_with_the_defaults() -> None:
    science = set(SCIENCE) - {"wiring"}  # of which nothing has an effect on it
    chosen_by_flag = {"tau", "topoloss"}
    without_effect = {
        "input_gain",
        "recurrent_noise",
        "n_bands",
        "final_lr_share",
        "tau_own_steps",
        "tau_growth_lr",
    } | {"training_feedback_code"}
    wirings = [field.name for field in FIELDS if field.metadata["group"] == "wiring"]
    assert [name for name in wirings if TrainConfig(preset="original").has_effect(name)] == ["wiring"]
    every = {field.name for field in FIELDS if field.metadata["group"] in science}
    assert every - chosen_by_flag - without_effect <= PRESETS["original"].settings.keys()


@pytest.mark.parametrize("wiring", [wiring for wiring in RECIPES if wiring != "lstm"])
@pytest.mark.parametrize("name", ["", *PRESETS])
def test_a_preset_goes_with_a_wiring_or_says_that_it_does_not(name: str, wiring: str) -> None:
    given = {"wiring": wiring, "tau": True}
    if name and PRESETS[name].settings.get("wiring", wiring) != wiring:
        with pytest.raises(SettingsError, match=f"preset {name} is of dense wiring, got wiring '{wiring}'"):
            settings_of(name, given)
    elif name and PRESETS[name].settings.get("network") == "lstm":
        with pytest.raises(SettingsError, match="is of leaky units and has no effect with network lstm"):
            TrainConfig(**settings_of(name, given))
    else:
        assert TrainConfig(**settings_of(name, given)).wiring == wiring


@pytest.mark.parametrize("side", [2, 3, 7, 12, 18, 23, 40])
@pytest.mark.parametrize("wiring", ["blocks", "learned", "attractor"])
def test_modules_are_fitted_to_a_sheet_of_any_size(wiring: str, side: int) -> None:
    found = settings_of("sheet64", {"wiring": wiring, "tau": True, "n_grid_cells": side**2})
    modules = found["modules_per_side"]
    assert side % modules == 0
    assert max(found.get("tau_levels", (2,))) <= max(side, 2)
    across = side // modules
    if wiring != "attractor":
        assert TrainConfig(**found).modules_per_side == modules
    elif any(side % count == 0 and side // count >= 8 and side // count % 2 == 0 for count in range(1, side + 1)):
        assert TrainConfig(**found).modules_per_side == modules
        assert across >= 8


@given(st.dictionaries(st.sampled_from(["steps", "seed", "lr", "tau_max", "modules_per_side"]), st.integers(1, 9)))
def test_what_was_asked_for_beats_preset_and_recipe(given: dict[str, Any]) -> None:
    for name in PRESETS:
        assert given.items() <= settings_of(name, given).items()


def test_without_a_word_on_wiring_tau_makes_modules_and_all_else_is_dense() -> None:
    assert settings_of("laptop", {"tau": True})["wiring"] == TAU_WIRING
    for asked in ({}, {"tau": False}, {"tau": True, "topoloss": True}, {"topoloss": True}):
        assert settings_of("laptop", asked)["wiring"] == "dense"


def test_recipes_and_presets_name_settings_and_wirings_alone() -> None:
    named = [*RECIPES.values(), *(one.settings for one in PRESETS.values())]
    named += [extra for one in PRESETS.values() for extra in one.by_wiring.values()]
    assert all(set(settings) <= set(NAMES) for settings in named)
    assert all(set(one.by_wiring) <= set(RECIPES) for one in PRESETS.values())
    assert all(not one.by_wiring or "wiring" not in one.settings for one in PRESETS.values())


def test_an_unknown_preset_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"preset must be one of laptop, .*, got 'lapto'; did you mean laptop\?"):
        settings_of("lapto", {})
