"""Named sets of settings, and what each wiring asks for: data, no code of their own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from topogrid.settings.errors import SettingsError, did_you_mean, show
from topogrid.settings.fields import Settings


class Preset(NamedTuple):
    """A named set of settings."""

    about: str
    """What it is for, in a sentence."""
    settings: Mapping[str, Any]
    """What differs from the defaults of `Settings`."""
    by_wiring: Mapping[str, Mapping[str, Any]] = {}
    """What differs besides, for each wiring that the preset can have, or ``lstm``; empty where ``settings`` name it."""


# What a wiring asks for, wherever neither a preset nor a flag says otherwise: docs/recipe.md.
_GROWN_TAU: dict[str, Any] = {
    "tau_init": "random",
    "tau_levels": (2, 4, 8),
    "tau_smoothness_weight": 1.0,
    "tau_variance_weight": 1.0,
    "tau_growth_steps": 40,
    "tau_own_steps": 20,
}


_MODULES: dict[str, Any] = _GROWN_TAU | {
    "modules_per_side": 4,
    "even_starts": True,
    "weight_decay": 0.0,
    "activity_cost": 0.0,
    "warmup_steps": 0,
    "eval_bins": 32,
    "eval_every": 10**9,
    "long_seconds": 60.0,
    "long_walks": 100,
    "error_seconds": (0.4, 2.0, 10.0, 60.0),
}


RECIPES: dict[str, dict[str, Any]] = {
    "dense": {},
    "lstm": {
        "n_grid_cells": 256,
        "head_direction_cells": 12,
        "n_place_cells": 256,
        "DoG": False,
        "seq_length": 100,
        "readout_every": 5,
        "batch_size": 100,
        "even_starts": True,
        "steps": 1500,
        "lr": 3e-3,
        "scale_lr": False,
        "weight_decay": 1e-5,
        "activity_cost": 0.0,
        "eval_every": 10**9,
    },
    "blocks": {"modules_per_side": 4, "even_starts": True, "readout_every": 4, "steps": 2000, "eval_every": 10**9},
    "attractor": _MODULES
    | {
        "drive": 1.0,
        "dt": 0.01,
        "seq_length": 100,
        "readout_every": 10,
        "batch_size": 60,
        "tau_min": 2.2,
        "tau_max": 4.4,
        "steps": 280,
        "lr": 1e-3,
        "readout_lr_scale": 5.0,
        "encoder_lr_scale": 0.1,
        "print_every": 20,
        "place_feedback": 0.01,
        "place_feedback_code": "decoded",
    },
    "learned": _MODULES
    | {
        "norm": "module",
        # About as long as the presets train modules: freed for longer, their size drifts and takes the scale along.
        "movement_free_steps": 3000,
        "recurrent_noise": 0.0,
        "DoG": False,
        "dt": 0.015,
        "seq_length": 20,
        "batch_size": 64,
        "tau_min": 2.5,
        "tau_max": 4.9,
        "steps": 2700,
        "warmup_steps": 50,
        "lr": 2.5e-3,
        "encoder_lr_scale": 20.0,
        "movement_lr_scale": 2.0,
        "readout_lr_scale": 8.0,
        "tau_lr_scale": 0.0,
        "tau_growth_steps": 150,
        "tau_own_steps": 8,
        "late_steps": 300,
        "late_length": 100,
        "readout_steps": 400,
        "readout_length": 200,
        "print_every": 100,
        "place_feedback": 0.04,
    },
}
"""Settings that go with a wiring."""


# Even starts, and in plain networks a signed start, make learning faster: docs/recipe.md.
_DENSE_24: dict[str, Any] = {"steps": 2500, "eval_every": 1250, "even_starts": True, "signed_start": "auto"}
_DENSE_64: dict[str, Any] = _DENSE_24 | {"steps": 1000, "eval_every": 250, "save_every": 250, "print_every": 25}


PRESETS: dict[str, Preset] = {
    "laptop": Preset(
        "A 36x36 sheet of 9 modules for a CPU; without --tau, dense.",
        settings={"n_grid_cells": 1296},
        by_wiring={
            "attractor": {"modules_per_side": 3},
            "learned": {"modules_per_side": 3, "steps": 2000, "late_steps": 250},
            "blocks": {"modules_per_side": 3},
            "dense": _DENSE_24,
        },
    ),
    "sheet64": Preset(
        "The full 64x64 sheet of 16 modules; without --tau, dense.",
        settings={"n_grid_cells": 4096},
        by_wiring={
            "attractor": {"long_walks": 60},
            # A narrower range than on the laptop sheet: larger modules amplify more before their norm, and answer a
            # little less to a change of tau.
            "learned": {"long_walks": 60, "tau_min": 2.75, "tau_max": 4.6},
            "dense": _DENSE_64,
        },
    ),
    "sheet128": Preset(
        "A 128x128 sheet of 64 modules, for several cores or processes.",
        settings={"n_grid_cells": 16384},
        by_wiring={
            "attractor": {"modules_per_side": 8, "long_walks": 40},
            "learned": {"modules_per_side": 8, "long_walks": 40, "tau_min": 2.75, "tau_max": 4.6},
            "blocks": {"modules_per_side": 8},
        },
    ),
    "dense24": Preset(
        "A 24x24 sheet, all units connected to all.",
        settings={"wiring": "dense", "n_grid_cells": 576, **_DENSE_24},
    ),
    "dense64": Preset(
        "The full 64x64 sheet, all units connected to all, with the best recipe for it.",
        settings={"wiring": "dense", "n_grid_cells": 4096, **_DENSE_64},
    ),
    "original": Preset(
        "The published settings of TopographicGridCells; meant for a GPU.",
        # Everything the publication fixed is listed, also where it is today's default: defaults move, this must not.
        settings={
            "box_size": (2.2, 2.2),
            "dt": 0.02,
            "seq_length": 20,
            "periodic": False,
            "n_place_cells": 512,
            "pc_width": (0.12,),
            "DoG": True,
            "surround_scale": 2.0,
            "surround_amplitude": 1.0,
            "head_direction_cells": 0,
            "head_direction_concentration": 20.0,
            "network": "leaky",
            "lstm_units": 128,
            "dropout": 0.5,
            "n_grid_cells": 4096,
            "activation": "relu",
            "init": "xavier",
            "signed_start": True,
            "tau_min": 1.0,
            "tau_max": 50.0,
            "tau_init": "gradient",
            "learnable_tau": True,
            "tau_smoothness_weight": 1.0,
            "tau_variance_weight": 0.1,
            "tau_diversity": "variance",
            "tau_levels": (2,),
            "tau_growth_steps": 0,
            "wiring": "dense",
            "norm": "none",
            "drive": 0.0,
            "encoder_lr_scale": 1.0,
            "readout_lr_scale": 1.0,
            "movement_lr_scale": 1.0,
            "tau_lr_scale": 1.0,
            "readout_every": 1,
            "training_feedback": 0.0,
            "topoloss_weight": 1.0,
            "topoloss_on": "recurrent",
            "topoloss_factor": 2,
            "topoloss_schedule": ("constant",),
            "steps": 100_000,
            "batch_size": 200,
            "even_starts": False,
            "lr": 1e-4,
            "scale_lr": False,
            "lr_schedule": "constant",
            "warmup_steps": 0,
            "weight_decay": 1e-4,
            "weight_decay_towards": "zero",
            "activity_cost": 0.0,
            "grad_clip": 1.0,
            "precision": "fp32",
        },
    ),
    "banino": Preset(
        "The published settings of Banino et al. (2018), with Adam for RMSProp; meant for a GPU.",
        settings={
            "network": "lstm",
            "n_grid_cells": 256,
            "lstm_units": 128,
            "dropout": 0.5,
            "box_size": (2.2, 2.2),
            "dt": 0.02,
            "seq_length": 100,
            "n_place_cells": 256,
            "pc_width": (0.01,),
            "DoG": False,
            "head_direction_cells": 12,
            "head_direction_concentration": 20.0,
            "readout_every": 1,
            "batch_size": 10,
            "even_starts": False,
            "steps": 300_000,
            "lr": 1e-5,
            "scale_lr": False,
            "lr_schedule": "constant",
            "warmup_steps": 0,
            "weight_decay": 1e-5,
            "activity_cost": 0.0,
            "grad_clip": 1e-5,
        },
    ),
    "smoke": Preset(
        "Seconds, to see that everything runs; nothing is learned.",
        settings={
            "n_place_cells": 32,
            "steps": 5,
            "batch_size": 8,
            "warmup_steps": 2,
            "print_every": 1,
            "eval_walks": 40,
            "eval_bins": 12,
            "eval_surrogates": 4,
            "pictures": "main",
            "long_seconds": 1.0,
            "long_walks": 8,
        },
        by_wiring={
            "dense": {"n_grid_cells": 64},
            "lstm": {"n_grid_cells": 64, "lstm_units": 16, "seq_length": 20},
            "blocks": {"n_grid_cells": 64, "modules_per_side": 2},
            "attractor": {
                "n_grid_cells": 256,
                "modules_per_side": 2,
                "seq_length": 40,
                "tau_growth_steps": 2,
                "tau_own_steps": 20,
                "error_seconds": (0.4,),
            },
            "learned": {
                "n_grid_cells": 144,
                "modules_per_side": 2,
                "tau_growth_steps": 2,
                "tau_own_steps": 20,
                "late_steps": 1,
                "late_length": 30,
                "readout_steps": 2,
                "readout_length": 20,
                "error_seconds": (0.4,),
            },
        },
    ),
}


def settings_of(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a preset with the given ones on top, and under both what their wiring asks for.

    Parameters
    ----------
    name : str
        One of `PRESETS`, or empty for none.
    given : mapping
        Settings that were asked for.

    Returns
    -------
    dict
        Ready for `TrainConfig`. Without a word on the wiring, ``tau`` takes `TAU_WIRING`; a plain network, and the
        topographic loss on weights, take ``dense``.

    Raises
    ------
    SettingsError
        If there is no such preset, or not with this wiring.
    """
    if name and name not in PRESETS:
        raise SettingsError(
            f"preset must be one of {', '.join(PRESETS)}, got {show(name)}{did_you_mean(name, list(PRESETS))}"
        )
    preset = PRESETS[name] if name else Preset("", {})
    asked = {**preset.settings, **given}
    modules = asked.get("tau") is True and not asked.get("topoloss") and asked.get("network") != "lstm"
    wiring = asked.get("wiring") or (TAU_WIRING if modules else "dense")
    if name and given.get("wiring", wiring) != preset.settings.get("wiring", wiring):
        raise SettingsError(
            f"preset {name} is of {preset.settings['wiring']} wiring, got wiring {show(wiring)}; leave one of them "
            "out, or take another preset"
        )
    kind = "lstm" if asked.get("network") == "lstm" else wiring
    if name and given.get("network", asked.get("network")) != preset.settings.get("network", given.get("network")):
        raise SettingsError(
            f"preset {name} is of network {preset.settings['network']}, got network {show(given['network'])}; leave "
            "one of them out, or take another preset"
        )
    proposed = {**RECIPES.get(kind, {}), **preset.settings, **preset.by_wiring.get(kind, {})}
    return {**_fitted(proposed, given, wiring), **given, "wiring": wiring}


def _fitted(proposed: dict[str, Any], given: Mapping[str, Any], wiring: str) -> dict[str, Any]:
    """Fit proposed modules and levels to a sheet of another size, where that was asked for."""
    units = {**proposed, **given}.get("n_grid_cells", Settings.n_grid_cells)
    if "modules_per_side" not in proposed or not isinstance(units, int) or units < 1:
        return proposed
    side = math.isqrt(units)
    least = 8 if wiring == "attractor" else 2
    fitting = [
        count
        for count in range(1, proposed["modules_per_side"] + 1)
        if side % count == 0 and side // count >= least and not (wiring == "attractor" and side // count % 2)
    ]
    fitted: dict[str, Any] = {"modules_per_side": max(fitting, default=1)}
    if "tau_levels" in proposed:
        fitted["tau_levels"] = tuple(level for level in proposed["tau_levels"] if level <= side) or (2,)
    return proposed | fitted


TAU_WIRING = "learned"
"""Wiring of a network with time constants about whose wiring nothing is said."""
