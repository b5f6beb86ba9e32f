"""All settings of a training run: one flat record, checked once."""

from __future__ import annotations

import dataclasses
from typing import Any, get_type_hints

from topogrid.settings.checks import check
from topogrid.settings.errors import SettingsError, did_you_mean, show
from topogrid.settings.fields import Settings, meets
from topogrid.settings.kinds import OF_TYPE, Kind
from topogrid.settings.network_kind import NetworkKind
from topogrid.settings.presets import settings_of

# Words that settings took in earlier versions; files and command lines may still use them.
_OLD_WORDS = {"tau_init": {"modules": "bands"}}


@dataclasses.dataclass(frozen=True, init=False)
class TrainConfig(Settings):
    """Settings of one training run; the defaults are the full task with the best recipe known.

    Making one checks it: an instance is always usable. `replace` from `dataclasses` makes changed copies.

    Parameters
    ----------
    **given
        Settings by name; `Settings` declares them. With a ``preset``, what is not given is what the preset says, and
        what its wiring asks for; without one it is the default. Where every setting is given, as `replace` and files
        do, ``preset`` only says where they came from.

    Raises
    ------
    SettingsError
        If there is no such setting or preset, or a value has the wrong type, is out of range, or does not go with
        another one.
    """

    def __init__(self, **given: Any) -> None:
        unknown = next((name for name in given if name not in KINDS), None)
        if unknown is not None:
            raise SettingsError(f"there is no setting {show(unknown)}{did_you_mean(unknown, list(KINDS))}")
        fields = {field.name: field for field in dataclasses.fields(self)}
        values = {name: _checked(fields[name], value) for name, value in given.items()}
        if values.get("preset") and len(values) < len(fields):
            values = settings_of(values["preset"], values)
        for name, field in fields.items():
            object.__setattr__(self, name, _checked(field, values.get(name, field.default)))
        check(self)

    def has_effect(self, name: str) -> bool:
        """Whether a setting does anything beside the other settings: ``tau_max`` does not without ``tau``."""
        needs = next(field.metadata["needs"] for field in dataclasses.fields(self) if field.name == name)
        return all(meets(getattr(self, other), wanted) for other, wanted in needs.items())

    @property
    def starts_signed(self) -> bool:
        """Whether the first state is the encoder's output as it is."""
        return not self.tau if isinstance(self.signed_start, str) else self.signed_start

    @property
    def kind(self) -> NetworkKind:
        """Kind of its network."""
        return NetworkKind(self.wiring if self.network == "leaky" else self.network, self.tau, self.topoloss)

    def describe(self) -> str:
        """Return what its kind of network is called."""
        return self.kind.label


KINDS: dict[str, Kind] = {name: OF_TYPE[hint] for name, hint in get_type_hints(Settings).items()}
"""Kind of every setting."""


def resume_conflicts(saved: TrainConfig, new: TrainConfig) -> list[str]:
    """Differences that forbid to continue a run: settings of the network, its task, its seed and its batches.

    Returns
    -------
    list of str
        One ``"n_grid_cells 4096 -> 576"`` per difference, empty if ``new`` may continue ``saved``.
    """
    return [
        f"{field.name} {show(getattr(saved, field.name))} -> {show(getattr(new, field.name))}"
        for field in dataclasses.fields(TrainConfig)
        if field.metadata["locked"] and getattr(saved, field.name) != getattr(new, field.name)
    ]


def _checked(field: dataclasses.Field[Any], value: Any) -> Any:
    """Return the value in the field's own type, or refuse it."""
    kind = KINDS[field.name]
    if type(value).__module__ == "numpy":  # a number of its own, or an array for several
        value = value.tolist()
    if isinstance(value, str):
        value = _OLD_WORDS.get(field.name, {}).get(value, value)
    try:
        value = kind.check(value)
    except (TypeError, ValueError, OverflowError):
        raise SettingsError(f"{field.name} must be {kind.name}, got {show(value)}") from None
    choices, bounds = field.metadata["choices"], field.metadata["bounds"]
    if choices and value not in choices:
        raise SettingsError(
            f"{field.name} must be one of {', '.join(choices)}, got {show(value)}{did_you_mean(value, choices)}"
        )
    for number in value if isinstance(value, tuple) else (value,):
        if bounds is not None and not isinstance(number, str) and not bounds.admit(number):
            unit = f" {field.metadata['unit']}" if field.metadata["unit"] else ""
            raise SettingsError(f"{field.name} must be {bounds}{unit}, got {show(value)}")
    return value


def from_text(name: str, texts: Any, flag: str = "") -> Any:
    """Return the value of a setting from its text, or its sequence of texts; ``None`` is a switch without a value.

    Raises
    ------
    SettingsError
        If it is none; the message calls the setting ``flag``, if that is given.
    """
    return read_text(KINDS[name], texts, flag or name)


def read_text(kind: Kind, texts: Any, name: str) -> Any:
    """Return the value of a kind from its text; see `from_text`."""
    try:
        return kind.from_text(texts)
    except (ValueError, OverflowError, KeyError):
        given = texts if isinstance(texts, str) else " ".join(texts)
        raise SettingsError(f"{name} must be {kind.name}, got {show(given.strip(' '))}") from None
