"""Every setting is declared whole: a sentence, a unit, limits, and needs that other settings can meet."""

import dataclasses
from typing import Any

import pytest

from topogrid.analysis.sheets import Sheet
from topogrid.settings.config import KINDS, TrainConfig
from topogrid.settings.fields import ABOVE_ZERO, GROUPS, LEFT_OUT_SETTINGS, MEASUREMENT_SETTINGS, Settings, meets

FIELDS = dataclasses.fields(TrainConfig)
NAMES = [field.name for field in FIELDS]


@pytest.mark.parametrize("field", FIELDS, ids=NAMES)
def test_every_setting_explains_itself(field: dataclasses.Field[Any]) -> None:
    about = field.metadata
    assert about["help"].endswith(".")
    assert about["help"][0].isupper()
    assert about["group"] in GROUPS
    assert about["unit"] in {"", "m", "1/m", "s", "minutes", "steps", "walks", "maps"}
    if KINDS[field.name] in (int, float, int | str, tuple[float, ...], tuple[float, float]):
        assert about["bounds"] is not None
    assert all(switch in NAMES for switch in about["needs"])


def test_groups_are_contiguous_so_that_help_and_file_read_in_one_order() -> None:
    groups = [field.metadata["group"] for field in FIELDS]
    assert list(dict.fromkeys(groups)) == list(GROUPS)
    assert groups == sorted(groups, key=list(GROUPS).index)


def test_what_defines_the_experiment_is_locked_on_resume_and_bookkeeping_is_not() -> None:
    locked = {field.name for field in FIELDS if field.metadata["locked"]}
    defining = {
        field.name for field in FIELDS if field.metadata["group"] in {"task", "network", "wiring", "tau", "topography"}
    }
    assert locked == defining | {"seed", "batch_size", "preset"}


@pytest.mark.parametrize("field", FIELDS, ids=NAMES)
def test_what_a_setting_needs_can_be_had_and_its_default_is_allowed(field: dataclasses.Field[Any]) -> None:
    for name, wanted in field.metadata["needs"].items():
        other = next(one for one in FIELDS if one.name == name)
        assert name != field.name
        if wanted is ABOVE_ZERO:
            assert other.metadata["bounds"].high > 0
        else:
            possible = other.metadata["choices"] or (True, False)
            assert set(wanted) < set(possible)
    choices, bounds = field.metadata["choices"], field.metadata["bounds"]
    assert not choices or field.default in choices
    values = field.default if isinstance(field.default, tuple) else (field.default,)
    assert all(bounds is None or isinstance(value, str) or bounds.admit(value) for value in values)


def test_a_need_is_met_by_one_of_its_values_or_by_any_above_0() -> None:
    assert meets("dense", ("dense", "blocks"))
    assert not meets("learned", ("dense", "blocks"))
    assert meets(1e-9, ABOVE_ZERO)
    assert not meets(0.0, ABOVE_ZERO)


def test_the_sheet_is_that_of_units_and_modules() -> None:
    settings = Settings(n_grid_cells=144, modules_per_side=3)
    assert settings.sheet == Sheet(12, 3)
    assert settings.sheet_side == 12


def test_without_its_switch_the_surround_is_nothing() -> None:
    assert Settings(DoG=False, surround_amplitude=0.7).surround == 0.0
    assert Settings(DoG=True, surround_amplitude=0.7).surround == 0.7


def test_settings_that_are_listed_for_measuring_are_settings_of_that_kind() -> None:
    group = {field.name: field.metadata["group"] for field in FIELDS}
    assert {group[name] for name in MEASUREMENT_SETTINGS} == {"evaluation"}
    assert {group[name] for name in LEFT_OUT_SETTINGS} == {"task", "network", "tau", "run"}
    assert {name for name in LEFT_OUT_SETTINGS if group[name] == "run"} == {"seed"}
