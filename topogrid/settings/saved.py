"""Settings on disk: the one place that writes them and reads them back, old files too."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from topogrid.files import one_line, read_json, write_text_atomic
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError, show

FORMAT = 1
"""Version of ``config.json``; a change of meaning of any key raises it."""

# Names that settings had in earlier versions; files and command lines may still use them.
OLD_NAMES = {"n_modules": "n_bands"}
_LARGEST_CONFIG_BYTES = 1_000_000  # a real one has 3 kB


class Saved(NamedTuple):
    """Settings read from a file."""

    config: TrainConfig
    lacking: frozenset[str]
    """Settings that the file should have and lacks; today's defaults stand in their place."""
    unknown: tuple[str, ...]
    """Names in the file that are no settings today; they are left out."""


def to_mapping(config: TrainConfig) -> dict[str, Any]:
    """Return all settings with the version of their form, ready for JSON."""
    return {"format": FORMAT, **dataclasses.asdict(config)}


def write_settings(config: TrainConfig, path: str | Path) -> None:
    """Write all settings to a file that `read_settings` reads back exactly."""
    write_text_atomic(Path(path), json.dumps(to_mapping(config), indent=2, allow_nan=False) + "\n")


def read_settings(path: str | Path, *, strict: bool = True) -> Saved:
    """Read what `write_settings` wrote; see `from_mapping`.

    Raises
    ------
    SettingsError
        If the file cannot be read, or as `from_mapping`.
    """
    return from_mapping(_read_json(Path(path)), str(path), strict=strict)


def from_mapping(found: Mapping[str, Any], where: str, *, strict: bool = True, versioned: bool = True) -> Saved:
    """Return settings out of a mapping that a file held.

    A setting that came later and stands for what was done before may always be missing.

    Parameters
    ----------
    found : mapping
    where : str
        The file, for messages.
    strict : bool
        Refuse missing and unknown settings, which are listed otherwise.
    versioned : bool
        Whether the mapping itself holds the version of its form.

    Returns
    -------
    Saved

    Raises
    ------
    SettingsError
        If it is of another version, a value cannot be used, or, if ``strict``, a name is missing or unknown.
    """
    settings = {OLD_NAMES.get(name, name): value for name, value in found.items()}
    if versioned and settings.pop("format", None) != FORMAT:
        raise SettingsError(f"{where} is not of format {FORMAT}, which is the one this version of topogrid reads")
    may_lack = {field.name: bool(field.metadata["may_lack"]) for field in dataclasses.fields(TrainConfig)}
    lacking = frozenset(name for name, may in may_lack.items() if name not in settings and not may)
    unknown = tuple(sorted(str(name) for name in settings.keys() - may_lack.keys()))
    for fault, names in (("lacks", sorted(lacking)), ("has unknown", unknown)):
        if strict and names:
            raise SettingsError(
                f"{where} {fault} settings {show(', '.join(names))}; it belongs to another version of topogrid"
            )
    try:
        # What the file lacks is what was done before it could be set, whatever a preset of that name says today.
        defaults = {field.name: field.default for field in dataclasses.fields(TrainConfig)}
        config = TrainConfig(**defaults | {name: value for name, value in settings.items() if name in may_lack})
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from error
    return Saved(config, lacking, unknown)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST_CONFIG_BYTES:
            raise SettingsError(f"{path} is too large for saved settings, wanted a config.json of a run")
        settings = read_json(path, _LARGEST_CONFIG_BYTES)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {one_line(error)}; wanted a config.json of a run") from error
    except ValueError as error:
        if isinstance(error, SettingsError):
            raise
        raise SettingsError(f"{path} is not JSON, wanted a config.json of a run") from error
    if not isinstance(settings, dict):
        raise SettingsError(f"{path} holds no settings, wanted a config.json of a run")
    return settings
