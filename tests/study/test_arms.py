"""Arms differ in what they say they differ in, and every one can be trained."""

import dataclasses

import pytest

from topogrid.session.asked import as_given, resolve
from topogrid.settings.errors import SettingsError
from topogrid.study.arms import ARMS, choose_arms, config_for, given_for


@pytest.mark.parametrize("name", ARMS)
def test_an_arm_is_what_its_flags_make(name: str) -> None:
    config = config_for(ARMS[name], 3)
    asked = resolve(as_given(given_for(ARMS[name], 3)))
    assert config == dataclasses.replace(asked, device=config.device)
    assert config.seed == 3


@pytest.mark.parametrize("name", [name for name, arm in ARMS.items() if arm.twin])
def test_a_twin_is_an_arm_that_differs_in_its_cause_alone(name: str) -> None:
    arm = ARMS[name]
    one, other = config_for(arm, 0), config_for(ARMS[arm.twin], 0)
    assert one.sheet == other.sheet
    assert (one.wiring, one.n_place_cells, one.seed) == (other.wiring, other.n_place_cells, other.seed)
    assert one != other


def test_arms_are_chosen_by_name() -> None:
    assert [arm.name for arm in choose_arms(["learned", "dense"])] == ["dense", "learned"]
    assert len(choose_arms(None)) == len(ARMS)
    with pytest.raises(SettingsError, match="did you mean learned"):
        choose_arms(["lerned"])
