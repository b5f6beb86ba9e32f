"""The weights of a network as tensors by name: what is checked before any of them is used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from topogrid.files import put_in_place, write_beside
from topogrid.model.build import build_network
from topogrid.model.network import PathIntegrator, current_names
from topogrid.runs.content import checked_step as checked_step
from topogrid.runs.content import checked_tensor as checked_tensor
from topogrid.runs.content import kind
from topogrid.runs.content import listed as listed
from topogrid.runs.errors import CheckpointError
from topogrid.settings.config import TrainConfig
from topogrid.settings.machine import check_memory_to_open
from topogrid.world.place_cells import PlaceCells

LOG_TAU, DRIVE, RECURRENT = "units.log_tau", "units.drive", "units.wiring.weight"
DIRECTIONS = "direction_readout"
WEIGHTS = ("encoder", "units.w_in", RECURRENT, LOG_TAU, DRIVE, "readout", DIRECTIONS)
"""Names of a network's weights."""
BIAS, BOTTLENECK, DIRECTION_ENCODER = "units.bias", "bottleneck", "direction_encoder"
OF_LSTM = (BIAS, BOTTLENECK, DIRECTION_ENCODER)
"""Names of weights that only an LSTM has, beside others."""
_MAY_LACK = (LOG_TAU, DRIVE, DIRECTIONS)  # a plain network has no time constants, and few have the others
_SLACK = 1e-4  # of a time constant: bounds are clamped in single precision
_OURS = {name: name for name in WEIGHTS}
_OURS_OF_LSTM = {name: name for name in (*WEIGHTS, *OF_LSTM) if name not in (LOG_TAU, DRIVE)}


def checked_weights(
    state: object, where: str, names: Mapping[str, str] = _OURS, *, finite: bool = True
) -> dict[str, Tensor]:
    """Return the weights in a file by our names, or say what is wrong with them. No memory is taken before.

    Parameters
    ----------
    state : mapping
        Tensors by name, as a file holds them.
    where : str
        The file, for messages.
    names : mapping, optional
        Our name for each of the file's; by default the file uses ours.
    finite : bool
        Refuse weights that are not finite.

    Returns
    -------
    dict of str to Tensor
        In single precision: encoder (unit, place), movement weights (unit, 2), recurrent weights (unit, unit) or
        (module, unit, unit), read-out (place, unit) and, where there are, log tau and drive (unit,), read-out of
        directions (cell, unit).

    Raises
    ------
    CheckpointError
        If one is missing, unknown, of another shape, no tensor of floats, or not finite.
    """
    if names is _OURS and isinstance(state, Mapping) and BOTTLENECK in state:
        names = _OURS_OF_LSTM
    theirs = {ours: name for name, ours in names.items()}
    if not isinstance(state, Mapping):
        raise CheckpointError(f"{where} holds a {kind(state)} where the weights should be")
    state = current_names(state)
    missing = [name for ours, name in theirs.items() if name not in state and ours not in _MAY_LACK]
    if missing:
        raise CheckpointError(f"{where} lacks {', '.join(missing)}; it holds {listed(state)}")
    unknown = [name for name in state if name not in theirs.values()]
    if unknown:
        raise CheckpointError(
            f"{where} holds {listed(unknown)}, which the network here does not have; without it another network would "
            "be measured"
        )
    tensors = {
        ours: checked_tensor(state[name], f"{name} in {where}") for ours, name in theirs.items() if name in state
    }
    _check_shapes(tensors, theirs, where)
    found = {ours: value.float() for ours, value in tensors.items()}
    for ours, value in found.items():
        if finite and not bool(torch.isfinite(value).all()):
            said = (
                "; its training had failed" if not bool(torch.isfinite(tensors[ours]).all()) else " in single precision"
            )
            raise CheckpointError(f"{theirs[ours]} in {where} has values that are not finite{said}")
    return found


def _check_shapes(tensors: Mapping[str, Tensor], theirs: Mapping[str, str], where: str) -> None:
    encoder = tensors["encoder"]
    if encoder.ndim != 2:
        raise CheckpointError(f"{theirs['encoder']} in {where} must be (unit, place), got {tuple(encoder.shape)}")
    if BOTTLENECK in theirs:
        _check_lstm(tensors, where)
        return
    units, places = encoder.shape
    shapes = {"units.w_in": (units, 2), LOG_TAU: (units,), DRIVE: (units,), "readout": (places, units)}
    if DIRECTIONS in tensors:
        shapes[DIRECTIONS] = (max(1, len(tensors[DIRECTIONS]) if tensors[DIRECTIONS].ndim else 1), units)
    recurrent = tensors[RECURRENT]
    modules = max(1, recurrent.shape[0]) if recurrent.ndim == 3 else 1
    shapes[RECURRENT] = (modules, units // modules, units // modules) if recurrent.ndim == 3 else (units, units)
    for ours, value in tensors.items():
        if ours in shapes and tuple(value.shape) != shapes[ours]:
            raise CheckpointError(
                f"{theirs[ours]} in {where} must be {shapes[ours]} to go with {theirs['encoder']} {(units, places)}, "
                f"got {tuple(value.shape)}"
            )


def _check_lstm(tensors: Mapping[str, Tensor], where: str) -> None:
    """Refuse weights of an LSTM that do not go together."""
    places = tensors["encoder"].shape[1]
    sizes = {name: tuple(value.shape) for name, value in tensors.items()}
    lstm_units = sizes[BIAS][0] // 4 if len(sizes[BIAS]) == 1 else 0
    units = sizes[BOTTLENECK][0] if len(sizes[BOTTLENECK]) == 2 else 0
    cells = sizes[DIRECTIONS][0] if DIRECTIONS in sizes and len(sizes[DIRECTIONS]) == 2 else 0
    wanted = {
        "encoder": (2 * lstm_units, places),
        DIRECTION_ENCODER: (2 * lstm_units, cells),
        "units.w_in": (4 * lstm_units, 3),
        RECURRENT: (4 * lstm_units, lstm_units),
        BIAS: (4 * lstm_units,),
        BOTTLENECK: (units, lstm_units),
        "readout": (places, units),
        DIRECTIONS: (cells, units),
    }
    for name, shape in wanted.items():
        if sizes.get(name) != shape or not all(shape):
            raise CheckpointError(
                f"{name} in {where} must be {shape} in an LSTM of {lstm_units} units with a bottleneck of {units}, "
                f"{places} place cells and {cells} head-direction cells, got {sizes.get(name)}"
            )


def check_fits(weights: Mapping[str, Tensor], config: TrainConfig, where: str) -> None:
    """Refuse weights of another network than that of ``config``.

    Raises
    ------
    CheckpointError
        With the settings that differ.
    """
    units, places = weights["readout"].shape[::-1]
    network = "lstm" if BOTTLENECK in weights else "leaky"
    found: dict[str, Any] = {}
    if network != config.network:
        found["network"] = network
    elif network == "lstm":
        found["lstm_units"] = weights[BOTTLENECK].shape[1]
    found |= {"n_grid_cells": units, "n_place_cells": places, "tau": LOG_TAU in weights}
    found["head_direction_cells"] = len(weights[DIRECTIONS]) if DIRECTIONS in weights else 0
    recurrent = weights[RECURRENT]
    if recurrent.ndim == 3 or config.wiring != "dense":
        # A module number that is no square has no side, and is told as it is.
        n_modules = recurrent.shape[0] if recurrent.ndim == 3 else 1
        found["modules_per_side"] = math.isqrt(n_modules) if math.isqrt(n_modules) ** 2 == n_modules else n_modules
    wanted_drive = config.drive != 0
    if (DRIVE in weights) != wanted_drive:
        found["drive"] = "learned" if DRIVE in weights else 0.0
    faults = [f"{name} {value}" for name, value in found.items() if value != getattr(config, name)]
    if faults:
        wanted = ", ".join(f"{name} {getattr(config, name)}" for name in found)
        raise CheckpointError(f"{where} is of a network with {', '.join(faults)}; its settings say {wanted}")


def _check_tau(weights: Mapping[str, Tensor], config: TrainConfig, where: str) -> None:
    """Refuse time constants that training cannot have left: it keeps them inside their bounds."""
    if LOG_TAU not in weights:
        return
    tau = weights[LOG_TAU].exp()
    inside = (tau >= config.tau_min * (1 - _SLACK)) & (tau <= config.tau_max * (1 + _SLACK))
    # What was not finite in training is looked into by `replay`.
    if not bool((inside | ~weights[LOG_TAU].isfinite()).all()):
        raise CheckpointError(
            f"{LOG_TAU} in {where} means time constants of {float(tau.min()):.4g} to {float(tau.max()):.4g} steps; its "
            f"settings say {config.tau_min:g} to {config.tau_max:g}"
        )


def build(
    weights: Mapping[str, Tensor], centres: object, config: TrainConfig, where: str
) -> tuple[PathIntegrator, PlaceCells]:
    """Make the network of ``config`` with these weights, and its place cells, on the CPU in single precision.

    Raises
    ------
    CheckpointError
        If the weights or the centres are not those of such a network.
    SettingsError
        If it does not fit into the memory of this machine.
    """
    check_memory_to_open(config)
    check_fits(weights, config, where)
    _check_tau(weights, config, where)
    places = checked_tensor(centres, f"place_centres in {where}", shape=(config.n_place_cells, 2)).float()
    half = torch.tensor(config.box_size) / 2
    if not bool((places.abs() <= half * (1 + 1e-6)).all()):
        raise CheckpointError(f"place_centres in {where} must be finite and in the box of {config.box_size} m around 0")
    # Drawn only to have the modules; every value is replaced.
    generator = torch.Generator().manual_seed(0)
    place_cells = PlaceCells.from_config(config, generator)
    place_cells.load_state_dict({"centres": places})
    network = build_network(config, generator=generator)
    network.load_state_dict(dict(weights))
    return network.eval(), place_cells


def save_weights(path: Path, network: PathIntegrator, place_cells: PlaceCells) -> None:
    """Write what is needed to use a trained network, and nothing to train it on.

    Raises
    ------
    OSError
        If the disk does not take it.
    """
    weights = {"network": network.state_dict(), "place_centres": place_cells.centres}
    put_in_place(write_beside(path, lambda file: torch.save(weights, file)), path)
