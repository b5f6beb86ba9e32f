"""The settings that a checkpoint carries: what it was trained with, whatever the files beside it say now."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from topogrid.settings.config import TrainConfig, resume_conflicts
from topogrid.settings.errors import SettingsError, show
from topogrid.settings.saved import from_mapping, to_mapping
from topogrid.settings.schedules import parse_schedule, takes_the_rest

_MOST_TEXT = 1_000_000  # characters; real ones are 3 kB
_MOST_TURNS = 10_000
_SETTINGS, _DIGEST = "settings", "settings_sha256"


class Turn(NamedTuple):
    """A moment at which a run went on to learn in another way than before."""

    step: int
    changes: tuple[str, ...]
    """Such as ``"steps 6 -> 10"``."""


def carried(config: TrainConfig) -> dict[str, str]:
    """Return what a checkpoint holds of its settings: those that training depends on as JSON, and the digest of that.

    Names, folders, intervals and how a network is measured are no part of the state of training.
    """
    names = {field.name for field in dataclasses.fields(TrainConfig) if _is_of_training(field)}
    text = json.dumps({name: value for name, value in to_mapping(config).items() if name in {"format", *names}})
    return {_SETTINGS: text, _DIGEST: _digest(text)}


def read_carried(state: Mapping[str, Any], where: str) -> TrainConfig | None:
    """Return the settings that a checkpoint carries, the others by default; ``None`` for one that carries none.

    Parameters
    ----------
    state : mapping
        What the checkpoint holds.
    where : str
        The file, for messages.

    Raises
    ------
    SettingsError
        If they are not what was saved, or cannot be used.
    """
    text = state.get(_SETTINGS)
    if text is None and _DIGEST not in state:
        return None
    if not isinstance(text, str) or len(text) > _MOST_TEXT or state.get(_DIGEST) != _digest(text):
        raise SettingsError(f"{where} carries settings that are not those it was saved with: their digest differs")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{where} carries settings that are no JSON") from error
    if not isinstance(found, dict):
        raise SettingsError(f"{where} carries settings that are a {type(found).__name__}")
    return from_mapping(found, f"settings in {where}", strict=False).config


def check_carried(trained: TrainConfig | None, config: TrainConfig, where: str) -> None:
    """Refuse settings of a run that are not those its checkpoint was trained with.

    Parameters
    ----------
    trained : TrainConfig or None
        What the checkpoint carries, see `read_carried`; nothing is checked where it is ``None``.
    config : TrainConfig
        What the run says now.
    where : str
        The checkpoint, for messages.

    Raises
    ------
    SettingsError
        With what differs of network, task, seed and batches.
    """
    differing = [] if trained is None else resume_conflicts(trained, config)
    if differing:
        raise SettingsError(
            f"{where} was trained with other settings than its run has now: {'; '.join(differing)}; put config.json "
            "back to what it was, or start a new run"
        )


def checked_turns(state: Mapping[str, Any], step: int, where: str) -> list[Turn]:
    """Return the turns that a checkpoint of ``step`` tells of.

    Raises
    ------
    SettingsError
        If they make no sense.
    """
    found = state.get("turns", [])
    if not isinstance(found, list) or len(found) > _MOST_TURNS:
        raise SettingsError(f"turns in {where} must be a list of changes on the way, got {type(found).__name__}")
    turns = []
    for one in found:
        match one:
            case (int() as at, list() as changes) if (
                type(at) is int and 0 < at <= step and all(map(_is_change, changes))
            ):
                turns.append(Turn(at, tuple(changes)))
            case _:
                raise SettingsError(f"turns in {where} hold {show(one)}, wanted a step and what changed")
    return turns


def _is_change(text: object) -> bool:
    return isinstance(text, str) and text.isprintable() and len(text) < _MOST_TEXT


def learning_changes(trained: TrainConfig, config: TrainConfig) -> list[str]:
    """Return in what a run goes on to learn in another way than before: ``"steps 6 -> 10"``; empty where it does not.

    More ``steps`` alone change nothing where neither the learning rate nor the phases of training nor the strength of
    a loss depend on them.
    """
    names = [
        field.name
        for field in dataclasses.fields(TrainConfig)
        if field.metadata["group"] == "optimisation" and getattr(trained, field.name) != getattr(config, field.name)
    ]
    if names == ["steps"] and not _depends_on_steps(config):
        return []
    return [f"{name} {getattr(trained, name)} -> {getattr(config, name)}" for name in names]


def _is_of_training(field: dataclasses.Field[Any]) -> bool:
    return bool(field.metadata["locked"] or field.metadata["group"] == "optimisation")


def _depends_on_steps(config: TrainConfig) -> bool:
    grows = config.tau and config.learnable_tau and config.tau_growth_steps > 0
    ends = config.wiring == "learned" and (config.readout_steps > 0 or config.late_steps > 0)
    ramps = config.topoloss and takes_the_rest(parse_schedule(config.topoloss_schedule, "topoloss_schedule"))
    return config.lr_schedule == "cosine" or grows or ends or ramps


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
