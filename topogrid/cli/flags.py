"""The command line of training: settings from defaults, a preset, a saved run and flags, in rising order.

Every flag is derived from a field of `TrainConfig`. No flag is taken without having an effect: what the resolved
settings would ignore is refused.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from topogrid.runs.resume import RunToContinue, run_to_continue
from topogrid.settings.config import KINDS, TrainConfig, read_text, resume_conflicts
from topogrid.settings.errors import SettingsError, did_you_mean, show
from topogrid.settings.fields import ABOVE_ZERO, GROUPS, meets
from topogrid.settings.kinds import OF_TYPE
from topogrid.settings.machine import check_machine
from topogrid.settings.presets import PRESETS, settings_of
from topogrid.settings.saved import OLD_NAMES, read_settings


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
    run = _run_to_continue(given)
    config = _fresh_config(given) if run is None else _continued_config(run, given)
    _refuse_idle_flags(config, given)
    check_machine(config)
    return Parsed(config, frozenset(given))


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


_SWITCH: dict[str, Any] = {"nargs": "?", "const": None, "metavar": OF_TYPE[bool].metavar}


def _shape_of(field: dataclasses.Field[Any]) -> dict[str, Any]:
    """How many values a flag takes and what the help calls them."""
    kind = KINDS[field.name]
    if kind.switch:
        return _SWITCH | {"metavar": kind.metavar}
    choices = sorted(PRESETS) if field.name == "preset" else field.metadata["choices"]
    metavar = "{" + ",".join(choices) + "}" if choices else field.metadata["unit"].upper() or kind.metavar
    return {"nargs": "+" if kind.several else None, "metavar": metavar}


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
        on = read_text(OF_TYPE[bool], texts, f"--{flag}")
        if KINDS[field] is OF_TYPE[bool]:
            return field, _Given(stands_for if on else not stands_for, flag, texts is not None)
        return field if on else None, _Given(stands_for, flag, False)
    value = read_text(KINDS[flag], texts, f"--{flag}")
    off = (value is False and texts is not None) or (flag == "wandb" and value == "disabled")
    return flag, _Given(value, flag, off)


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


def _run_to_continue(given: Mapping[str, _Given]) -> RunToContinue | None:
    """Run that ``--resume`` names; ``None`` without the flag, or if ``auto`` found none."""
    if "resume" not in given:
        return None
    save_dir, name = (given[key].value if key in given else getattr(TrainConfig, key) for key in ("save_dir", "name"))
    try:
        return run_to_continue(given["resume"].value, save_dir, name)
    except ValueError as error:
        raise SettingsError(f"--resume {error}") from error


def _continued_config(run: RunToContinue, given: Mapping[str, _Given]) -> TrainConfig:
    """Take the settings of a saved run with the given ones on top."""
    for field, belongs in (("save_dir", run.folder.parent), ("name", Path(run.folder.name))):
        if field in given and os.path.abspath(given[field].value) != os.path.abspath(belongs):
            other = show(given[field].value)
            raise SettingsError(f"--resume continues {run.folder}, but {field} is {other}; leave --{field} out")
    saved = read_settings(run.folder / "config.json").config
    place = {"save_dir": str(run.folder.parent), "name": run.folder.name, "resume": str(run.start)}
    new = dataclasses.replace(saved, **{field: one.value for field, one in given.items()} | place)
    conflicts = resume_conflicts(saved, new)
    if conflicts:
        raise SettingsError(
            f"{run.folder} cannot continue with other settings: {'; '.join(conflicts)}; "
            "leave these flags out or start a new run without --resume"
        )
    return new
