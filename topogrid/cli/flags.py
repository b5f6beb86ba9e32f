"""The command line of training: settings from defaults, a preset, a saved run and flags, in rising order.

Every flag is derived from a field of `TrainConfig`. No flag is taken without having an effect: what the resolved
settings would ignore is refused.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from topogrid.cli.parsing import Parser, with_readable_numbers
from topogrid.session.asked import Given, is_off, near_miss, resolve
from topogrid.settings.config import KINDS, TrainConfig, read_text
from topogrid.settings.errors import SettingsError, show
from topogrid.settings.fields import GROUPS
from topogrid.settings.kinds import OF_TYPE
from topogrid.settings.presets import PRESETS
from topogrid.settings.saved import OLD_NAMES


class Parsed(NamedTuple):
    """Settings as the command line asks for them."""

    config: TrainConfig
    explicit: frozenset[str]
    """Fields that the command line itself names."""


# Shorter names of flags, where the field's own name is taken by something else in config.json.
_OTHER_NAMES = {"format": "figure_format"} | OLD_NAMES


# Flags beside those named like a field, each with the field it sets and the value that "true" stands for.
_ALIASES: dict[str, tuple[str, Any, str]] = {
    "no_DoG": ("DoG", False, "Gaussian place code; the opposite of --DoG."),
    "fixed_tau": ("learnable_tau", False, "Freeze the time constants; the opposite of --learnable_tau."),
    "wandb_offline": ("wandb", "offline", "The same as --wandb offline."),
}


def parse_arguments(argv: Sequence[str] | None = None, *, program: str = "train_grid.py") -> Parsed:
    """Resolve a command line into checked settings. Writes no file.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of this process by default.
    program : str
        What ``--help`` calls the program.

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
    given = _read_flags(sys.argv[1:] if argv is None else argv, program)
    return Parsed(resolve(given), frozenset(given))


def _read_flags(arguments: Sequence[str], program: str) -> dict[str, Given]:
    """Return the settings that the command line names, by field."""
    namespace, rest = _parser(program).parse_known_args(with_readable_numbers(map(_normal, arguments)))
    if rest:
        _refuse_unknown(rest)
    given: dict[str, Given] = {}
    for flag, occurrences in vars(namespace).items():
        for texts in occurrences:
            field, one = _read_occurrence(flag, texts)
            if field is not None:
                _refuse_contradiction(given.get(field), one)
                given[field] = one
    return given


def _normal(argument: str) -> str:
    """Put underscores for the dashes of a flag."""
    if argument.startswith("--"):
        flag, equals, value = argument[2:].partition("=")
        return "--" + flag.replace("-", "_") + equals + value
    return argument


def _parser(program: str) -> Parser:
    presets = "\n".join(f"  {name:9} {preset.about}" for name, preset in PRESETS.items())
    parser = Parser(
        prog=program,
        usage=f"{program} [--tau] [--wiring WIRING] [--topoloss] [--preset NAME] [--steps N] [--OTHER VALUE ...]",
        description="Train a path-integrating network whose units stand on a sheet; with --tau, each at its own pace.",
        epilog=f"presets:\n{presets}\n\nDashes may stand for underscores. A switch without a value is true.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
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
    if name.lstrip("-") in PRESETS:
        raise SettingsError(f"unknown flag {show(name)}; did you mean --preset {name.lstrip('-')}?")
    hint = near_miss(name.lstrip("-"), (*_ALIASES, *_OTHER_NAMES), mark="--")
    raise SettingsError(f"unknown flag {show(name)}{hint or '; see --help'}")


def _read_occurrence(flag: str, texts: Any) -> tuple[str | None, Given]:
    """Field that one occurrence of a flag sets, with its value; no field where it sets none."""
    if flag in _ALIASES:
        field, stands_for, _about = _ALIASES[flag]
        on = read_text(OF_TYPE[bool], texts, f"--{flag}")
        if KINDS[field] is OF_TYPE[bool]:
            return field, Given(stands_for if on else not stands_for, flag, texts is not None)
        return field if on else None, Given(stands_for, flag, False)
    value = read_text(KINDS[flag], texts, f"--{flag}")
    return flag, Given(value, flag, is_off(flag, value) and texts is not None)


def _refuse_contradiction(before: Given | None, now: Given) -> None:
    if before is None or before.value == now.value:
        return
    if before.flag == now.flag:
        raise SettingsError(
            f"--{now.flag} is given twice, as {show(before.value)} and as {show(now.value)}; give it once"
        )
    raise SettingsError(f"--{before.flag} and --{now.flag} contradict each other; give one of them")
