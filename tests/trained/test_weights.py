"""Weights in a file are those of the network that its settings make, or are refused in one line."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from topogrid.model.network import PathIntegrator
from topogrid.runs.errors import CheckpointError
from topogrid.settings.config import TrainConfig
from topogrid.trained.weights import WEIGHTS, build, check_fits, checked_weights, save_weights
from topogrid.world.place_cells import PlaceCells


def config_of(**changes: Any) -> TrainConfig:
    return TrainConfig(preset="smoke", **{"wiring": "dense", "tau": True, "n_grid_cells": 16, **changes})


def made(config: TrainConfig) -> tuple[PathIntegrator, PlaceCells]:
    generator = torch.Generator().manual_seed(0)
    network = PathIntegrator.from_config(config, generator=generator)
    return network, PlaceCells.from_config(config, generator)


@pytest.fixture
def state() -> dict[str, Tensor]:
    """Return the weights of a small network with time constants."""
    return {name: value.clone() for name, value in made(config_of())[0].state_dict().items()}


KINDS = [(wiring, tau) for wiring in ("dense", "learned", "blocks") for tau in (False, True)] + [("attractor", True)]


@pytest.mark.parametrize(("wiring", "tau"), KINDS)
def test_weights_come_back_from_a_file_as_they_were(wiring: str, tau: bool, tmp_path: Path) -> None:
    config = config_of(wiring=wiring, tau=tau, n_grid_cells=256 if wiring == "attractor" else 16)
    network, places = made(config)
    save_weights(tmp_path / "w.pt", network, places)
    content = torch.load(tmp_path / "w.pt", weights_only=True)
    assert set(content) == {"network", "place_centres"}
    found = checked_weights(content["network"], "w.pt")
    assert set(found) <= set(WEIGHTS)
    back, centres = build(found, content["place_centres"], config, "w.pt")
    assert all(torch.equal(value, back.state_dict()[name]) for name, value in network.state_dict().items())
    assert torch.equal(centres.centres, places.centres)
    assert not back.training


def spoiled(state: dict[str, Tensor], kind: str) -> Any:
    changed: dict[str, Any] = dict(state)
    match kind:
        case "a list":
            return [1]
        case "missing":
            del changed["readout"]
        case "unknown":
            changed["hook"] = torch.ones(2)
        case "flat encoder":
            changed["encoder"] = state["encoder"].flatten()
        case "no modules":
            changed["units.wiring.weight"] = torch.empty(0, 4, 4)
        case "modules of other units":
            changed["units.wiring.weight"] = torch.ones(4, 5, 5)
        case "four axes":
            changed["units.wiring.weight"] = torch.ones(1, 1, 16, 16)
        case "turned read-out":
            changed["readout"] = state["readout"].t().contiguous()
        case "one tau":
            changed["units.log_tau"] = torch.zeros(1)
        case "whole numbers":
            changed["encoder"] = state["encoder"].long()
        case "not finite":
            changed["encoder"] = state["encoder"] / 0
        case "too large for single precision":
            changed["encoder"] = state["encoder"].double() * 1e300
        case "repeats itself":
            changed["encoder"] = torch.zeros(1).expand(16, 32)
    return changed


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("a list", "holds a list where the weights should be"),
        ("missing", "lacks readout"),
        ("unknown", "holds hook, which the network here does not have"),
        ("flat encoder", r"encoder in x\.pt must be \(unit, place\), got \(512,\)"),
        ("no modules", r"must be \(1, 16, 16\) .* got \(0, 4, 4\)"),
        ("modules of other units", r"must be \(4, 4, 4\) .* got \(4, 5, 5\)"),
        ("four axes", r"must be \(16, 16\) .* got \(1, 1, 16, 16\)"),
        ("turned read-out", r"readout in x\.pt must be \(32, 16\)"),
        ("one tau", r"units\.log_tau in x\.pt must be \(16,\)"),
        ("whole numbers", "must be a tensor of floats"),
        ("not finite", "has values that are not finite; its training had failed"),
        ("too large for single precision", "has values that are not finite in single precision"),
        ("repeats itself", "which is more than the file holds"),
    ],
)
def test_what_is_no_network_is_refused_in_one_line(state: dict[str, Tensor], kind: str, said: str) -> None:
    with pytest.raises(CheckpointError, match=said) as told:
        checked_weights(spoiled(state, kind), "x.pt")
    assert "\n" not in str(told.value)


def test_weights_that_are_not_finite_can_be_looked_at(state: dict[str, Tensor]) -> None:
    found = checked_weights(state | {"encoder": state["encoder"] * math.nan}, "x.pt", finite=False)
    assert found["encoder"].isnan().all()


def test_names_of_another_project_are_read_as_ours(state: dict[str, Tensor]) -> None:
    theirs = {f"their {name}": value for name, value in state.items()}
    found = checked_weights(theirs, "x.pt", {f"their {name}": name for name in state})
    assert all(torch.equal(found[name], value) for name, value in state.items())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_grid_cells": 25}, "of a network with n_grid_cells 16; its settings say n_grid_cells 25"),
        ({"n_place_cells": 64}, "n_place_cells 32; its settings say"),
        ({"tau": False}, "tau True; its settings say"),
        ({"drive": 0.5}, "drive 0.0; its settings say"),
        ({"wiring": "learned"}, "modules_per_side 1; its settings say .* modules_per_side 2"),
    ],
)
def test_weights_of_another_network_are_refused_with_what_differs(
    state: dict[str, Tensor], changes: dict[str, Any], said: str
) -> None:
    check_fits(state, config_of(), "x.pt")
    with pytest.raises(CheckpointError, match=said):
        check_fits(state, config_of(**changes), "x.pt")


def test_time_constants_outside_their_bounds_cannot_come_from_training(state: dict[str, Tensor]) -> None:
    config, (_network, places) = config_of(tau_max=10.0), made(config_of())
    edge = state | {"units.log_tau": torch.full((16,), math.log(10.0)) + 1e-6}
    build(edge, places.centres, config, "x.pt")
    beyond = state | {"units.log_tau": torch.full((16,), math.log(10.01))}
    with pytest.raises(CheckpointError, match=r"time constants of 10\.01 to 10\.01 steps; its settings say 1 to 10"):
        build(beyond, places.centres, config, "x.pt")


@pytest.mark.parametrize("far", [1.2, math.nan, math.inf])
def test_place_cells_outside_the_box_are_refused(state: dict[str, Tensor], far: float) -> None:
    centres = made(config_of())[1].centres.clone()
    build(state, centres, config_of(), "x.pt")
    centres[3, 1] = far
    with pytest.raises(CheckpointError, match=r"place_centres in x\.pt must be finite and in the box"):
        build(state, centres, config_of(), "x.pt")
