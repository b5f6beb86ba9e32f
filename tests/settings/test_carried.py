"""A checkpoint carries what training depends on, and nobody changes it unnoticed."""

import dataclasses
import hashlib
from typing import Any

import pytest

from topogrid.settings.carried import Turn, carried, check_carried, checked_turns, learning_changes, read_carried
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError

CONFIG = TrainConfig(
    preset="smoke", wiring="dense", tau=True, lr=0.01, name="a", save_dir="elsewhere", eval_bins=9, seed=3
)


def test_what_training_depends_on_comes_back_and_the_rest_is_left_to_the_run() -> None:
    back = read_carried(carried(CONFIG), "x")
    assert back is not None
    for field in dataclasses.fields(TrainConfig):
        of_training = field.metadata["locked"] or field.metadata["group"] == "optimisation"
        assert getattr(back, field.name) == (getattr(CONFIG, field.name) if of_training else field.default), field.name
    check_carried(back, CONFIG, "x")
    assert learning_changes(back, CONFIG) == []


def test_where_and_how_it_is_measured_leaves_no_trace() -> None:
    elsewhere = dataclasses.replace(CONFIG, name="b", save_dir="c", eval_bins=20, print_every=9, device="cpu")
    assert carried(elsewhere) == carried(CONFIG)
    assert carried(dataclasses.replace(CONFIG, lr=0.02)) != carried(CONFIG)


def test_one_that_carries_nothing_is_of_an_earlier_version() -> None:
    assert read_carried({"step": 3}, "x") is None
    check_carried(None, CONFIG, "x")


@pytest.mark.parametrize("kind", ["changed", "no digest", "no settings", "no text", "long", "no JSON", "list", "value"])
def test_settings_that_were_not_saved_so_are_refused_in_one_line(kind: str) -> None:
    state: dict[str, Any] = carried(CONFIG)
    text = state["settings"]
    other = {
        "changed": text.replace('"seed": 3', '"seed": 4'), "no text": 3, "long": " " * 1_000_001, "no JSON": "{",
        "list": "[1]", "value": text.replace('"seed": 3', '"seed": -4'),
    }  # fmt: skip
    state["settings"] = other.get(kind, text)
    if kind in ("long", "no JSON", "list", "value"):
        state["settings_sha256"] = hashlib.sha256(state["settings"].encode()).hexdigest()
    state.pop({"no digest": "settings_sha256", "no settings": "settings"}.get(kind, ""), None)
    with pytest.raises(SettingsError, match=r"some\.pt") as told:
        read_carried(state, "some.pt")
    assert "\n" not in str(told.value)


def test_another_network_than_that_of_the_run_is_refused_with_what_differs() -> None:
    trained = read_carried(carried(dataclasses.replace(CONFIG, seed=4, lr=0.5)), "x")
    with pytest.raises(SettingsError, match=r"some\.pt was trained with other settings .*: seed 4 -> 3; put config"):
        check_carried(trained, CONFIG, "some.pt")


@pytest.mark.parametrize(
    ("before", "changes", "told"),
    [
        ({"lr_schedule": "cosine"}, {"steps": 9}, ["steps 5 -> 9"]),
        ({"lr_schedule": "constant"}, {"steps": 9}, []),
        ({"lr_schedule": "constant", "tau_growth_steps": 3}, {"steps": 9}, ["steps 5 -> 9"]),
        ({"lr_schedule": "constant"}, {"steps": 9, "lr": 0.02}, ["steps 5 -> 9", "lr 0.01 -> 0.02"]),
        ({}, {"print_every": 7, "eval_bins": 11}, []),
    ],
)
def test_going_on_is_a_turn_where_it_learns_in_another_way(
    before: dict[str, Any], changes: dict[str, Any], told: list[str]
) -> None:
    config = dataclasses.replace(CONFIG, **before)
    assert learning_changes(config, dataclasses.replace(config, **changes)) == told


def test_turns_come_back_as_they_were() -> None:
    assert checked_turns({}, 9, "x") == []
    assert checked_turns({"turns": [(3, ["lr 1 -> 2"]), [9, []]]}, 9, "x") == [Turn(3, ("lr 1 -> 2",)), Turn(9, ())]


@pytest.mark.parametrize(
    "turns",
    [
        3, "ab", {}, [()] * 10_001, [3], [(0, [])], [(10, [])], [(3.0, [])], [(True, [])], [("3", [])], [(3, "ab")],
        [(3, [4])], [(3, ["a\nb"])], [(3, [], 4)], [(3, ["x" * 1_000_000])],
    ],
    ids=lambda turns: str(turns)[:20],
)  # fmt: skip
def test_turns_that_make_no_sense_are_refused_in_one_short_line(turns: Any) -> None:
    with pytest.raises(SettingsError, match="turns in x") as told:
        checked_turns({"turns": turns}, 9, "x")
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 300
