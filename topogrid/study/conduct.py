"""The study carried out: what is missing is trained and measured, what is there is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from topogrid.measures.training import MINUTES, STEPS_DONE
from topogrid.reading import UnreadableError, number, read_object, whole
from topogrid.session.asked import as_given, resolve
from topogrid.session.run import DONE, run_training
from topogrid.settings.errors import SettingsError
from topogrid.study.arms import Arm, config_for, given_for
from topogrid.study.records import measure_network, read_record, record_path, write_record
from topogrid.trained.opening import open_trained

RECORDS = "records"
_SUMMARY = "summary.json"

Say = Callable[[str], None]


class Network(NamedTuple):
    """One network of the study."""

    arm: Arm
    seed: int

    @property
    def name(self) -> str:
        """Name of its run and of its record."""
        return f"{self.arm.name}-seed{self.seed}"


class Plan(NamedTuple):
    """What there is to do."""

    done: list[Network]
    """Measured."""
    left: list[Network]
    """Not measured, in the order in which they are trained: all arms of a seed before the next seed."""


def plan(arms: Sequence[Arm], seeds: Sequence[int], out: Path) -> Plan:
    """Return which networks have a record and which do not.

    Raises
    ------
    SettingsError
        If a record is none.
    """
    records_in(out)  # those of others too: they stand on the page, and none is to be found broken after the training
    every = [Network(arm, seed) for seed in seeds for arm in arms]
    done: list[Network] = []
    left: list[Network] = []
    for network in every:
        path = record_path(out / RECORDS, network.arm, network.seed)
        (done if path.is_file() else left).append(network)
    return Plan(done, left)


def carry_out(network: Network, out: Path, save_dir: Path, say: Say, *, measure_only: bool = False) -> int:
    """Train a network unless that was done, measure it, and keep its record.

    Parameters
    ----------
    network : Network
    out : Path
        Folder of the study.
    save_dir : Path
        Folder of its runs; one that was stopped goes on.
    say : callable
        Told each line meant for a person.
    measure_only : bool
        Train nothing; leave out what is not trained.

    Returns
    -------
    int
        Exit code of training: 0 where the record is written, or the network was left out, which is said.
    """
    folder = save_dir / network.name
    if not _is_trained(folder, network):
        if measure_only:
            say(f"{network.name}: left out, {_how_far(folder, network)}")
            return DONE
        given = {
            **given_for(network.arm, network.seed),
            "name": network.name,
            "save_dir": str(save_dir),
            "gallery_dir": str(save_dir / "pictures"),
            "wandb": "disabled",
            "resume": "auto",
        }
        code = run_training(resolve(as_given(given)), say)
        if code != DONE:
            return code
    say(f"{network.name}: measured")
    try:
        record = measure_network(
            open_trained(folder),
            network.arm,
            network.seed,
            minutes=_minutes(folder),
            say=lambda part: say(f"{network.name}: {part}"),
        )
    except SettingsError:
        raise
    except ValueError as error:  # such as activity that grows without end on long walks
        say(f"{network.name}: left out, it cannot be measured: {error}")
        return DONE
    write_record(record, record_path(out / RECORDS, network.arm, network.seed))
    return DONE


def _is_trained(folder: Path, network: Network) -> bool:
    """Whether a run got to its end, as its summary says."""
    return _steps_done(folder) == config_for(network.arm, network.seed).steps


def _how_far(folder: Path, network: Network) -> str:
    """Say how much of its training a run has behind it."""
    done = _steps_done(folder)
    if done is None:
        return "it is not trained" if not folder.exists() else "its training has not ended"
    return f"it is trained for {done:,} of {config_for(network.arm, network.seed).steps:,} steps"


def _steps_done(folder: Path) -> int | None:
    """Return how many steps a run has done, as its summary says; None without one."""
    try:
        return whole(read_object(folder / _SUMMARY).get(STEPS_DONE.key))
    except UnreadableError:
        return None


def _minutes(folder: Path) -> float | None:
    """Return what training took, where the run says so."""
    try:
        minutes = number(read_object(folder / _SUMMARY).get(MINUTES.key))
    except UnreadableError:
        return None
    return minutes if math.isfinite(minutes) else None


def records_in(out: Path) -> list[dict[str, Any]]:
    """Return all records of a study, in the order of their names.

    Raises
    ------
    SettingsError
        If one is none.
    """
    return [read_record(path) for path in sorted((out / RECORDS).glob("*.json"))]
