"""Where the settings of a run come from: defaults, a named preset, a saved run, the command line, in rising order.

Every flag is derived from a field of `TrainConfig`. No flag is taken without having an effect: what the resolved
settings would ignore is refused.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from topogrid.settings.config import (
    ABOVE_ZERO,
    GROUPS,
    KIND_NAMES,
    KINDS,
    OLD_NAMES,
    SettingsError,
    TrainConfig,
    did_you_mean,
    meets,
    resume_conflicts,
    show,
)


class Preset(NamedTuple):
    """A named set of settings."""

    about: str
    """What it is for, in a sentence."""
    settings: Mapping[str, Any]
    """What differs from the defaults of `TrainConfig`."""
    by_wiring: Mapping[str, Mapping[str, Any]] = {}
    """What differs besides, for each wiring that the preset can have; empty where ``settings`` name the wiring."""


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
        "place_feedback": 0.004,
    },
    "learned": _MODULES
    | {
        "norm": "module",
        "recurrent_noise": 0.0,
        "DoG": False,
        "dt": 0.03,
        "seq_length": 10,
        "batch_size": 64,
        "tau_min": 1.25,
        "tau_max": 2.45,
        "steps": 3000,
        "warmup_steps": 50,
        "lr": 2.5e-3,
        "encoder_lr_scale": 20.0,
        "movement_lr_scale": 2.0,
        "readout_lr_scale": 8.0,
        "tau_lr_scale": 0.0,
        "tau_growth_steps": 150,
        "tau_own_steps": 8,
        "readout_steps": 400,
        "print_every": 100,
        "place_feedback": 0.04,
    },
}
"""Settings that go with a wiring."""

PRESETS: dict[str, Preset] = {
    "laptop": Preset(
        "A 36x36 sheet of 9 modules for a CPU; without --tau, dense.",
        settings={"n_grid_cells": 1296},
        by_wiring={
            "attractor": {"modules_per_side": 3},
            "learned": {"modules_per_side": 3},
            "dense": {"steps": 2500, "eval_every": 1250, "even_starts": True, "signed_start": "auto"},
        },
    ),
    "sheet64": Preset(
        "The full 64x64 sheet of 16 modules; without --tau, dense.",
        settings={"n_grid_cells": 4096},
        by_wiring={
            # More modules agree sooner, and bear a stronger pull of what all of them say.
            "attractor": {"place_feedback": 0.005, "long_walks": 60},
            "learned": {"steps": 3400, "long_walks": 60},
            "dense": {
                "steps": 1000,
                "eval_every": 250,
                "save_every": 250,
                "print_every": 25,
                "even_starts": True,
                "signed_start": "auto",
            },
        },
    ),
    "dense24": Preset(
        "A 24x24 sheet, all units connected to all.",
        # Even starts, and in plain networks a signed start, make learning faster: docs/recipe.md.
        settings={
            "wiring": "dense",
            "n_grid_cells": 576,
            "steps": 2500,
            "eval_every": 1250,
            "even_starts": True,
            "signed_start": "auto",
        },
    ),
    "dense64": Preset(
        "The full 64x64 sheet, all units connected to all, with the best recipe for it.",
        settings={
            "wiring": "dense",
            "n_grid_cells": 4096,
            "steps": 1000,
            "eval_every": 250,
            "save_every": 250,
            "print_every": 25,
            "even_starts": True,
            "signed_start": "auto",
        },
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
            "topoloss_weight": 1.0,
            "topoloss_on": "recurrent",
            "topoloss_factor": 2,
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
            "long_seconds": 1.0,
            "long_walks": 8,
        },
        by_wiring={
            "dense": {"n_grid_cells": 64},
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
    modules = asked.get("tau") is True and not asked.get("topoloss")
    wiring = asked.get("wiring") or (TAU_WIRING if modules else "dense")
    if name and given.get("wiring", wiring) != preset.settings.get("wiring", wiring):
        raise SettingsError(
            f"preset {name} is of {preset.settings['wiring']} wiring, got wiring {show(wiring)}; leave one of them "
            "out, or take another preset"
        )
    proposed = {**RECIPES.get(wiring, {}), **preset.settings, **preset.by_wiring.get(wiring, {})}
    return {**_fitted(proposed, given, wiring), **given, "wiring": wiring}


def _fitted(proposed: dict[str, Any], given: Mapping[str, Any], wiring: str) -> dict[str, Any]:
    """Fit proposed modules and levels to a sheet of another size, where that was asked for."""
    units = {**proposed, **given}.get("n_grid_cells", TrainConfig.n_grid_cells)
    if "modules_per_side" not in proposed or not isinstance(units, int) or units < 1:
        return proposed
    side = math.isqrt(units)
    least = 8 if wiring == "attractor" else 2
    fitting = [
        count
        for count in range(1, proposed["modules_per_side"] + 1)
        if side % count == 0 and side // count >= least and not (wiring == "attractor" and side // count % 2)
    ]
    levels = tuple(level for level in proposed["tau_levels"] if level <= side)
    return proposed | {"modules_per_side": max(fitting, default=1), "tau_levels": levels or (2,)}


TAU_WIRING = "learned"
"""Wiring of a network with time constants about whose wiring nothing is said."""


class Parsed(NamedTuple):
    """Settings as the command line asks for them."""

    config: TrainConfig
    explicit: frozenset[str]
    """Fields that the command line itself names."""


class _Given(NamedTuple):
    value: Any
    flag: str
    switched_off: bool
    """Whether the user spelled out that this feature is off; its other flags are then let pass, as sweeps give them."""


# Shorter names of flags, where the field's own name is taken by something else in config.json.
_OTHER_NAMES = {"format": "figure_format"} | OLD_NAMES

# Flags beside those named like a field, each with the field it sets and the value that "true" stands for.
_ALIASES: dict[str, tuple[str, Any, str]] = {
    "no_DoG": ("DoG", False, "Gaussian place code; the opposite of --DoG."),
    "fixed_tau": ("learnable_tau", False, "Freeze the time constants; the opposite of --learnable_tau."),
    "wandb_offline": ("wandb", "offline", "The same as --wandb offline."),
}
_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
# argparse takes what begins with a dash for a flag, except plain decimals: "-1e-4" and "-inf" would be misread.
_NEGATIVE_NUMBER = re.compile(r"-(\d|\.\d|inf|nan)", re.IGNORECASE)


def parse_arguments(argv: Sequence[str] | None = None) -> Parsed:
    """Resolve a command line into checked settings. Writes no file.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of this process by default.

    Returns
    -------
    Parsed
        With ``--resume``, the saved settings of that run with the given ones on top; ``config.resume`` is then the run
        folder or checkpoint to continue, or empty if ``auto`` found none.

    Raises
    ------
    SettingsError
        If anything on the command line, in a resumed run or about this machine does not let the run start.
    SystemExit
        After ``--help``.
    """
    given = _read_flags(argv)
    run = _find_run(given)
    config = _fresh_config(given) if run is None else _continued_config(run, given)
    _refuse_idle_flags(config, given)
    check_machine(config)
    return Parsed(config, frozenset(given))


def check_machine(config: TrainConfig) -> None:
    """Refuse what this machine cannot do: a batch that does not split, too large a network, folders it cannot write.

    Raises
    ------
    SettingsError
        With the remedy.
    """
    _check_processes(config)
    needed, present = memory_needed(config), machine_memory()
    if needed > present:
        sizes = "n_grid_cells" if _weights(config) > _step_values(config) else "batch_size, seq_length or n_place_cells"
        sizes = sizes.replace("seq_length", "readout_length") if config.wiring == "learned" else sizes
        raise SettingsError(
            f"{config.n_grid_cells} units and a batch of {config.batch_size} need at least {_gib(needed)} of memory, "
            f"this machine has {_gib(present)}; lower {sizes}"
        )
    for name in ("save_dir", "gallery_dir"):
        _check_folder(name, Path(getattr(config, name)))


def check_memory_to_open(config: TrainConfig) -> None:
    """Refuse a trained network whose weights alone are more than this machine's memory, before any is taken.

    Raises
    ------
    SettingsError
        With the memory it would need.
    """
    needed, present = 4 * _weights(config), machine_memory()
    if needed > present:
        raise SettingsError(
            f"a network of {config.n_grid_cells} units and {config.n_place_cells} place cells needs at least "
            f"{_gib(needed)} of memory, this machine has {_gib(present)}; open it on a larger one"
        )


def memory_needed(config: TrainConfig) -> int:
    """Bytes that training needs at the least: weights with their gradient and Adam's two moments, and one batch."""
    # Activity is kept with what went into each step and with its gradient; the place code with logits and theirs.
    return 4 * (4 * _weights(config) + 3 * _step_values(config))


def machine_memory() -> int:
    """Bytes of memory this machine has; a generous guess where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 2**40


def _weights(config: TrainConfig) -> int:
    senders = config.n_grid_cells // config.modules_per_side**2  # of every unit
    return config.n_grid_cells * (senders + 2 + 2 * config.n_place_cells)


def _step_values(config: TrainConfig) -> int:
    length = config.seq_length if config.wiring != "learned" else max(config.seq_length, config.readout_length)
    return length * config.batch_size * (config.n_grid_cells + config.n_place_cells)


def _gib(size: int) -> str:
    return f"{size / 2**30:,.3g} GiB"


def _check_processes(config: TrainConfig) -> None:
    text = os.environ.get("WORLD_SIZE", "1")
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0):
        raise SettingsError(f"WORLD_SIZE in the environment must be a number of processes, got {show(text)}; unset it")
    processes = int(text[:9])
    if config.batch_size % processes:
        below = config.batch_size // processes * processes
        nearest = f"{below} or {below + processes}" if below else f"{processes}"
        raise SettingsError(
            f"batch_size must split evenly over {processes} processes, got {config.batch_size}; give {nearest}"
        )


def _check_folder(name: str, folder: Path) -> None:
    existing = folder
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise SettingsError(f"{name} must be a folder, but {show(str(existing))} is a file; give another path")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise SettingsError(f"{name} cannot be written: no permission in {show(str(existing))}; give another path")


def _read_flags(argv: Sequence[str] | None) -> dict[str, _Given]:
    """Return the settings that the command line names, by field."""
    arguments = sys.argv[1:] if argv is None else argv
    namespace, rest = _parser().parse_known_args([_normal(argument) for argument in arguments])
    if rest:
        _refuse_unknown(rest)
    given: dict[str, _Given] = {}
    for flag, occurrences in vars(namespace).items():
        for texts in occurrences:
            field, one = _read_occurrence(flag, texts)
            if field is not None:
                _refuse_contradiction(given.get(field), one)
                given[field] = one
    return given


def _normal(argument: str) -> str:
    """Underscores for the dashes of a flag, and a blank before negative numbers, which keeps argparse from guessing."""
    if argument.startswith("--"):
        flag, equals, value = argument[2:].partition("=")
        return "--" + flag.replace("-", "_") + equals + value
    return " " + argument if _NEGATIVE_NUMBER.match(argument) else argument


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        missing = re.match(r"argument (\S+): expected", message)
        raise SettingsError(f"{missing[1]} needs a value; see --help" if missing else f"{message}; see --help")


def _parser() -> _Parser:
    presets = "\n".join(f"  {name:9} {preset.about}" for name, preset in PRESETS.items())
    parser = _Parser(
        prog="train_grid.py",
        usage="train_grid.py [--tau] [--wiring WIRING] [--topoloss] [--preset NAME] [--steps N] [--OTHER VALUE ...]",
        description="Train a path-integrating network whose units stand on a sheet; with --tau, each at its own pace.",
        epilog=f"presets:\n{presets}\n\nDashes may stand for underscores. A switch without a value is true.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    headings = {group: parser.add_argument_group(title) for group, title in GROUPS.items()}
    for field in dataclasses.fields(TrainConfig):
        group = headings[field.metadata["group"]]
        names = [field.name, *(other for other, name in _OTHER_NAMES.items() if name == field.name)]
        flags = [f"--{name}" for name in names]
        group.add_argument(*flags, action="append", help=_help_text(field), **_shape_of(field))
        for alias, (aliased, _value, about) in _ALIASES.items():
            if aliased == field.name:
                group.add_argument(f"--{alias}", action="append", help=about, **_SWITCH)
    return parser


_SWITCH: dict[str, Any] = {"nargs": "?", "const": None, "metavar": "true|false"}


def _shape_of(field: dataclasses.Field[Any]) -> dict[str, Any]:
    """How many values a flag takes and what the help calls them."""
    kind = KINDS[field.name]
    if kind in (bool, bool | str):
        return _SWITCH if kind is bool else _SWITCH | {"metavar": "true|false|auto"}
    choices = sorted(PRESETS) if field.name == "preset" else field.metadata["choices"]
    metavar = "{" + ",".join(choices) + "}" if choices else field.metadata["unit"].upper() or _METAVARS[kind]
    return {"nargs": "+" if kind in _SEVERAL else None, "metavar": metavar}


_SEVERAL = (tuple[float, float], tuple[float, ...], tuple[int, ...], tuple[str, ...])
_METAVARS: dict[Any, str] = {int: "N", float: "X", str: "TEXT", tuple[int, ...]: "N", tuple[str, ...]: "WORD"}


def _help_text(field: dataclasses.Field[Any]) -> str:
    unit = f" [{field.metadata['unit']}]" if field.metadata["unit"] else ""
    default = field.default
    if isinstance(default, tuple):
        default = " ".join(map(str, default))
    default = str(default).lower() if isinstance(default, bool) else default
    return f"{field.metadata['help']}{unit} (default: {'none' if default == '' else default})".replace("%", "%%")


def _refuse_unknown(rest: Sequence[str]) -> NoReturn:
    flag = next((argument for argument in rest if argument.startswith("-")), None)
    if flag is None:
        raise SettingsError(
            f"{show(rest[0].strip())} belongs to no flag; settings are given as --name value, see --help"
        )
    name = flag.partition("=")[0]
    hint = did_you_mean(name.lstrip("-"), [*KINDS, *_ALIASES, *_OTHER_NAMES], mark="--")
    raise SettingsError(f"unknown flag {show(name)}{hint or '; see --help'}")


def _read_occurrence(flag: str, texts: Any) -> tuple[str | None, _Given]:
    """Field that one occurrence of a flag sets, with its value; no field where it sets none."""
    if flag in _ALIASES:
        field, stands_for, _about = _ALIASES[flag]
        on = _convert(flag, bool, texts)
        if KINDS[field] is bool:
            return field, _Given(stands_for if on else not stands_for, flag, texts is not None)
        return field if on else None, _Given(stands_for, flag, False)
    value = _convert(flag, KINDS[flag], texts)
    off = (value is False and texts is not None) or (flag == "wandb" and value == "disabled")
    return flag, _Given(value, flag, off)


def _convert(flag: str, kind: Any, texts: Any) -> Any:
    """Value of a flag from its text, or its list of texts; ``None`` is a switch without a value."""
    try:
        return _FROM_TEXT[kind](texts)
    except (ValueError, OverflowError, KeyError):
        given = " ".join(texts) if isinstance(texts, list) else texts
        raise SettingsError(f"--{flag} must be {KIND_NAMES[kind]}, got {show(given.strip(' '))}") from None


def _whole_number(text: str) -> int:
    """Return the number; also of ``1e5`` and ``1500.0``, the way people and sweeps write whole numbers."""
    try:
        return int(text)
    except ValueError:
        number = float(text)
        if number != int(number):
            raise
        return int(number)


def _words(text: str) -> str:
    if not text.isprintable():
        raise ValueError
    return text.strip()


def _switch(text: str | None) -> bool:
    return True if text is None else _WORDS[text.strip().lower()]


_FROM_TEXT: dict[Any, Callable[[Any], Any]] = {
    bool: _switch,
    bool | str: lambda text: text if text == "auto" else _switch(text),
    int: _whole_number,
    float: float,
    str: _words,
    tuple[float, float]: lambda texts: tuple(map(float, texts)),
    tuple[float, ...]: lambda texts: tuple(map(float, texts)),
    tuple[int, ...]: lambda texts: tuple(map(_whole_number, texts)),
    tuple[str, ...]: lambda texts: tuple(map(_words, texts)),
    int | str: lambda text: text if text == "auto" else _whole_number(text),
}


def _refuse_contradiction(before: _Given | None, now: _Given) -> None:
    if before is None or before.value == now.value:
        return
    if before.flag == now.flag:
        raise SettingsError(
            f"--{now.flag} is given twice, as {show(before.value)} and as {show(now.value)}; give it once"
        )
    raise SettingsError(f"--{before.flag} and --{now.flag} contradict each other; give one of them")


def _refuse_idle_flags(config: TrainConfig, given: Mapping[str, _Given]) -> None:
    needs = {field.name: field.metadata["needs"] for field in dataclasses.fields(TrainConfig)}
    for name, one in given.items():
        for switch, wanted in needs[name].items():
            if switch in given and given[switch].switched_off:
                break
            value = getattr(config, switch)
            if not meets(value, wanted):
                raise SettingsError(f"--{one.flag} has no effect {_remedy(switch, wanted, given.get(switch))}")
    if config.wiring == "attractor":
        # What is wired rests unless it may learn.
        for name, learns in (("movement_lr_scale", "learn_movement"), ("weight_decay", "learn_recurrent")):
            if name in given and not getattr(config, learns):
                raise SettingsError(f"--{name} has no effect without --{learns}; add that or leave it out")


def _remedy(switch: str, wanted: Any, standing: _Given | None) -> str:
    if standing is not None:
        value = standing.value
        against = standing.flag if isinstance(value, bool) or standing.flag != switch else f"{switch} {value}"
        return f"with --{against}; leave one of them out"
    needed = f"a --{switch} above 0" if wanted is ABOVE_ZERO else f"--{switch}"
    words = "" if wanted is ABOVE_ZERO or wanted == (True,) else f" {wanted[0]}"
    return f"without {needed}{words}; add that or leave it out"


def _fresh_config(given: Mapping[str, _Given]) -> TrainConfig:
    asked = {field: one.value for field, one in given.items() if field != "resume"}
    if asked.get("preset") == "":
        raise SettingsError(f"preset must be one of {', '.join(PRESETS)}, got ''")
    return TrainConfig(**settings_of(asked.get("preset", ""), asked))


class _Run(NamedTuple):
    folder: Path
    start: Path
    """What to continue from: the folder, or one checkpoint in it."""


def _find_run(given: Mapping[str, _Given]) -> _Run | None:
    """Run that ``--resume`` names; ``None`` without the flag, or if ``auto`` found none."""
    if "resume" not in given:
        return None
    save_dir, name = (given[key].value if key in given else getattr(TrainConfig, key) for key in ("save_dir", "name"))
    wanted = given["resume"].value
    if wanted == "auto":
        folder = _newest_run(Path(save_dir), name)
        return None if folder is None else _Run(folder, folder)
    path = Path(os.path.abspath(wanted)) if Path(wanted).name in ("", "..") else Path(wanted)
    if not wanted or not os.path.exists(path):
        inside = Path(save_dir) / wanted
        hint = (
            f"did you mean {inside}?" if wanted and os.path.isdir(inside) else "give a run folder, a checkpoint or auto"
        )
        raise SettingsError(f"--resume found nothing at {show(wanted)}; {hint}")
    folder = path if path.is_dir() else path.parent.parent
    if not (folder / "config.json").is_file() or not (path.is_dir() or path.parent.name == "checkpoints"):
        raise SettingsError(f"--resume must be a run folder or a checkpoint inside one, but {show(wanted)} is neither")
    # One without any file was stopped before its first checkpoint, and begins again.
    if not _checkpoints(folder) and any((folder / "checkpoints").glob("[!.]*")):
        raise SettingsError(
            f"--resume found no good checkpoint in {show(wanted)}; start that run anew without --resume"
        )
    return _Run(folder, path)


def _newest_run(save_dir: Path, name: str) -> Path | None:
    if name and (save_dir / name / "config.json").is_file():
        return save_dir / name
    folders = [] if name else sorted(save_dir.glob("*"))
    saved = {folder: _checkpoints(folder) for folder in folders if (folder / "config.json").is_file()}
    times = {folder: max(path.stat().st_mtime for path in paths) for folder, paths in saved.items() if paths}
    return max(times, key=times.__getitem__, default=None)


def _checkpoints(folder: Path) -> list[Path]:
    return list((folder / "checkpoints").glob("*.pt"))


def _continued_config(run: _Run, given: Mapping[str, _Given]) -> TrainConfig:
    """Take the settings of a saved run with the given ones on top."""
    for field, belongs in (("save_dir", run.folder.parent), ("name", Path(run.folder.name))):
        if field in given and os.path.abspath(given[field].value) != os.path.abspath(belongs):
            other = show(given[field].value)
            raise SettingsError(f"--resume continues {run.folder}, but {field} is {other}; leave --{field} out")
    saved = TrainConfig.from_json(run.folder / "config.json")
    place = {"save_dir": str(run.folder.parent), "name": run.folder.name, "resume": str(run.start)}
    new = dataclasses.replace(saved, **{field: one.value for field, one in given.items()} | place)
    conflicts = resume_conflicts(saved, new)
    if conflicts:
        raise SettingsError(
            f"{run.folder} cannot continue with other settings: {'; '.join(conflicts)}; "
            "leave these flags out or start a new run without --resume"
        )
    return new
