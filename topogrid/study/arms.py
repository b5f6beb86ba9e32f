"""The arms of the study, data: kinds of networks that differ in what could set the scale, each with its control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError, did_you_mean, show
from topogrid.settings.presets import settings_of


class Arm(NamedTuple):
    """One kind of network."""

    name: str
    title: str
    """A few words, for tables and figures."""
    settings: Mapping[str, Any]
    """What differs from the defaults; the seed comes on top."""
    twin: str = ""
    """The arm that it is compared with: the same without what is in question."""
    asked_for: str = ""
    """What of its scale is by construction, a sentence; empty where nothing is."""
    gain: bool = False
    """Whether the gain from movement is laid out over the modules."""


_LAPTOP = {"preset": "laptop", "tau": True}
_SHORT = {**_LAPTOP, "steps": 3000, "late_steps": 0}  # walks of one length
# Whether a network compensates tau by its movement weights is what the study asks: they are free to the end.
_LEARNED = {**_SHORT, "movement_free_steps": 10**9}
_ATTRACTOR = {**_LAPTOP, "wiring": "attractor"}
_FLAT = {"tau_init": "uniform", "learnable_tau": False}
_FED = {"training_feedback": 0.03}
_LATTICE = "Lattices are wired."

ARMS: dict[str, Arm] = {
    arm.name: arm
    for arm in (
        Arm("dense", "all to all, plain", {"preset": "dense24", "eval_every": 10**9}),
        Arm("dense_tau", "all to all, tau", {"preset": "dense24", "tau": True, "eval_every": 10**9}, "dense"),
        Arm(
            "dense_topo",
            "all to all, topographic loss",
            {"preset": "dense24", "topoloss": True, "topoloss_weight": 0.01, "eval_every": 10**9},
            "dense",
            "The loss makes the weights of neighbours alike.",
        ),
        Arm("blocks", "modules, nothing asked, plain", {"preset": "laptop", "wiring": "blocks"}),
        Arm("blocks_tau", "modules, nothing asked, tau", {**_LAPTOP, "wiring": "blocks"}, "blocks"),
        Arm(
            "learned_blind",
            "learned, one length scale",
            {**_SHORT, "isometry_scale": "mean"},
            asked_for="Isometry asks every module for the same length scale, whatever its tau.",
        ),
        Arm(
            "learned_asked",
            "learned, scale asked for",
            {**_SHORT, "isometry_scale": "tau"},
            "learned_blind",
            "Isometry asks for a length scale of 1 / tau, so the slope is by construction.",
        ),
        Arm("learned", "learned, scale left to the drive", _LEARNED, "learned_blind"),
        Arm("learned_late", "learned, longer walks at the end", {**_LEARNED, "late_steps": 250}, "learned"),
        Arm(
            "one_module",
            "one learned module",
            {**_LEARNED, **_FLAT, "wiring": "learned", "n_grid_cells": 256, "modules_per_side": 1},
            asked_for="The positive control: the public recipe of isometry, capacity and norm, with one scale. "
            "One module names no place in the box, only a phase: its errors are those of a guess.",
        ),
        Arm("attractor_flat", "attractor, all equal", {**_ATTRACTOR, **_FLAT}, asked_for=_LATTICE),
        Arm("attractor", "attractor, tau", _ATTRACTOR, "attractor_flat", _LATTICE),
        Arm(
            "attractor_trained",
            "attractor, all weights learn",
            {**_ATTRACTOR, "learn_recurrent": True, "learn_movement": True, "steps": 730},
            "attractor",
            "Lattices are wired at the start.",
        ),
        Arm(
            "gain",
            "attractor, movement gain",
            {**_ATTRACTOR, **_FLAT, "movement_gain_ratio": 2.0},
            "attractor_flat",
            f"{_LATTICE} The gain from movement is laid out; tau is the same everywhere.",
            gain=True,
        ),
        Arm(
            "both",
            "attractor, tau and gain",
            {**_ATTRACTOR, "movement_gain_ratio": 1.5},
            "gain",
            f"{_LATTICE} The gain from movement is laid out.",
            gain=True,
        ),
        Arm("learned_fed", "learned, fed back in training", {**_LEARNED, **_FED}, "learned"),
        Arm("attractor_fed", "attractor, fed back in training", {**_ATTRACTOR, **_FED}, "attractor", _LATTICE),
    )
}
"""All arms, in the order of the table."""

SEEDS = (0, 1, 2, 3, 4)

SWEPT = {"learned": "learned_fed", "attractor": "attractor_fed"}
"""Arms in which the strength of feedback is varied, and the same trained with feedback in the loop."""


def choose_arms(names: Sequence[str] | None) -> list[Arm]:
    """Return the arms of these names, in the order of the table; all of them without names.

    Raises
    ------
    SettingsError
        If there is no such arm.
    """
    for name in names or ():
        if name not in ARMS:
            raise SettingsError(f"arms are some of {', '.join(ARMS)}, got {show(name)}{did_you_mean(name, list(ARMS))}")
    return [arm for arm in ARMS.values() if names is None or arm.name in names]


def given_for(arm: Arm, seed: int) -> dict[str, Any]:
    """Return what is asked of a network of an arm, as flags would."""
    return {**arm.settings, "seed": seed}


def config_for(arm: Arm, seed: int) -> TrainConfig:
    """Return all settings of a network of an arm."""
    given = given_for(arm, seed)
    return TrainConfig(**settings_of(str(given.get("preset", "")), given))
