"""Checkpoints that do not know their settings: those of the original project, and ours away from their run.

What such a file leaves out is given by whoever opens it. Files are read as tensors and plain values only; code in them
is refused, never run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from topogrid.files import open_regular
from topogrid.runs.checkpoints import load_checkpoint
from topogrid.runs.content import MOST_STEPS, checked_tensor, listed
from topogrid.runs.errors import CheckpointError
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.settings.fields import meets
from topogrid.settings.presets import PRESETS
from topogrid.streams import make_generators
from topogrid.trained.trained import Trained
from topogrid.trained.weights import BOTTLENECK, DIRECTIONS, LOG_TAU, build, checked_weights
from topogrid.world.place_cells import PlaceCells

# The original's names of the weights, and ours.
_NAMES = {
    "encoder.weight": "encoder",
    "RNN.weight_ih_l0": "units.w_in",
    "RNN.weight_hh_l0": "units.wiring.weight",
    "RNN.log_tau": "units.log_tau",
    "decoder.weight": "readout",
}


def open_bare(
    path: str | Path, settings: Mapping[str, Any] | None = None, *, place_cells: str | Path | None = None
) -> Trained:
    """Open a checkpoint that does not know its settings.

    Parameters
    ----------
    path : str or Path
        Either a file of the original project, a dict whose ``model_state_dict`` holds ``encoder.weight`` (unit, place),
        ``RNN.weight_ih_l0`` (unit, 2), ``RNN.weight_hh_l0`` (unit, unit), ``decoder.weight`` (place, unit) and, in a
        tau network, ``RNN.log_tau`` (unit,); or one of ours. Movement weights are per metre, units stand on the sheet
        row by row.
    settings : mapping, optional
        Any of `LEFT_OUT_SETTINGS` that differ from the original's published ones (or, for one of our files, from the
        defaults), and settings of the evaluation.
    place_cells : str or Path, optional
        File of the place-field centres; see `read_centres`. Our checkpoints hold their own.

    Returns
    -------
    Trained
        On the CPU, in single precision. Without centres, those of an original network are drawn from ``seed``. The
        network is then told wrong starts and its read-out cannot be decoded; a note says so.

    Raises
    ------
    CheckpointError
        If the file cannot be read, could run code, lacks a weight, or holds one of a wrong shape or with values that
        are not finite.
    SettingsError
        If the settings or the centres do not go with the weights.
    """
    state = load_checkpoint(path)
    original = "model_state_dict" in state
    stored = state.get("model_state_dict" if original else "network")
    if not isinstance(stored, dict):
        raise CheckpointError(
            f"{path} is no checkpoint of a network: it has neither 'model_state_dict' (the original's) nor 'network' "
            f"(ours), but {listed(state)}"
        )
    weights = checked_weights(stored, str(path), _NAMES) if original else checked_weights(stored, str(path))
    config = _settings(weights, original, dict(settings or {}))
    notes = _clamp_tau(weights, config) if original else []
    centres = _centres(state, config, original, path, place_cells)
    knows_places = centres is not None
    if centres is None:
        drawn = make_generators(config.seed, "cpu", ("place_cells",))["place_cells"]
        centres = PlaceCells.from_config(config, drawn).centres
        notes.append(
            f"the place-field centres are not in {path} and were drawn from seed {config.seed}: decoding means "
            "nothing, and every walk starts from a wrong idea of the place; give those of training with --place_cells"
        )
    step = state.get("step")
    if type(step) is not int or not 0 <= step <= MOST_STEPS:
        notes.append(f"{path} does not say after how many steps it was saved; it is filed under step 0")
        step = 0
    network, code = build(weights, centres, config, str(path))
    return Trained(
        network,
        code,
        config,
        step,
        str(path),
        knows_places=knows_places,
        knows_training=False,
        notes=tuple(notes),
    )


def _centres(
    state: Mapping[str, Any], config: TrainConfig, original: bool, path: str | Path, place_cells: str | Path | None
) -> Tensor | None:
    """Return the place-field centres of training, from the file that has them; ``None`` if none has."""
    if original:
        return None if place_cells is None else read_centres(place_cells, config)
    if place_cells is not None:
        raise SettingsError(f"{path} holds its own place-field centres; leave --place_cells out")
    if "place_centres" not in state:
        raise CheckpointError(f"{path} lacks place_centres; it holds {listed(state)}")
    return _fitting(checked_tensor(state["place_centres"], f"place_centres in {path}"), config, str(path))


def read_centres(path: str | Path, config: TrainConfig) -> Tensor:
    """Read place-field centres.

    Parameters
    ----------
    path : str or Path
        An ``.npy`` array ``(place, 2)``, metres from the centre of the box, or an ``.npz`` with that array alone.
    config : TrainConfig
        For the number of place cells and the box.

    Returns
    -------
    Tensor, ``(place, 2)``

    Raises
    ------
    SettingsError
        If it is no such file, or the centres are of another number or outside the box.
    """
    try:
        with open_regular(path) as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.lib.npyio.NpzFile):
                if len(loaded.files) != 1:
                    raise SettingsError(f"{path} must hold one array, the centres, got {listed(loaded.files)}")
                loaded = loaded[loaded.files[0]]
        centres = torch.from_numpy(np.asarray(loaded, dtype=np.float64))
    except SettingsError:
        raise
    except Exception as error:  # NumPy raises half a dozen kinds for a file that is not one of its own
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise SettingsError(f"{path} is no .npy or .npz file of place-field centres: {reason}") from error
    return _fitting(centres, config, str(path))


def _fitting(centres: Tensor, config: TrainConfig, where: str) -> Tensor:
    """Return the centres if they are those of a network with these settings."""
    wanted = (config.n_place_cells, 2)
    if tuple(centres.shape) != wanted:
        raise SettingsError(f"place-field centres in {where} must be {wanted}, got {tuple(centres.shape)}")
    if not bool(torch.isfinite(centres).all()):
        raise SettingsError(f"place-field centres in {where} must be finite, got NaN or infinity")
    half = torch.tensor(config.box_size) / 2
    if not bool((centres.abs() <= half * (1 + 1e-6)).all()):
        low, high = float(centres.min()), float(centres.max())
        width, height = config.box_size
        raise SettingsError(
            f"place-field centres in {where} must be metres from the centre of the {width:g} x {height:g} m box, got "
            f"{low:.3g} to {high:.3g}; if they are counted from a corner, subtract half the box"
        )
    return centres


def _settings(weights: Mapping[str, Tensor], original: bool, given: dict[str, Any]) -> TrainConfig:
    """Return the network's settings: its shapes, what was given, and for the rest the published ones or defaults."""
    known = dict(PRESETS["original"].settings) if original else {}
    places, units = weights["readout"].shape
    if BOTTLENECK in weights:
        known |= {"network": "lstm", "lstm_units": weights[BOTTLENECK].shape[1]}
    known |= {"n_grid_cells": units, "n_place_cells": places, "tau": LOG_TAU in weights, "preset": ""}
    known["head_direction_cells"] = len(weights[DIRECTIONS]) if DIRECTIONS in weights else 0
    if LOG_TAU in weights and not original:
        # Ours are inside their bounds already; these only have to let them be.
        slowest = float(weights[LOG_TAU].double().exp().max())
        known["tau_max"] = max(TrainConfig.tau_max, slowest * (1 + 1e-6))
    config = TrainConfig(**known | given)
    for name in given:
        for switch, wanted in TrainConfig.__dataclass_fields__[name].metadata["needs"].items():
            value = getattr(config, switch)
            if not meets(value, wanted):
                raise SettingsError(f"{name} has no effect on this network, whose {switch} is {value}; leave it out")
    return config


def _clamp_tau(weights: dict[str, Tensor], config: TrainConfig) -> list[str]:
    """Clamp time constants as the original does whenever it runs; say so where it moves one."""
    if LOG_TAU not in weights:
        return []
    low, high = torch.tensor([config.tau_min, config.tau_max]).log()
    clamped = weights[LOG_TAU].clamp(low, high)
    n_moved = int((clamped - weights[LOG_TAU]).abs().gt(1e-6).sum())
    weights[LOG_TAU] = clamped
    bounds = f"{config.tau_min:g} to {config.tau_max:g} steps"
    return [f"{n_moved} time constants were outside {bounds} and are clamped, as the original does"] if n_moved else []
