"""What a machine has to be able to do for a run: memory, folders, processes."""

from __future__ import annotations

import os
from pathlib import Path

from topogrid.files import check_writable, one_line
from topogrid.settings.config import TrainConfig
from topogrid.settings.cost import evaluation_cost
from topogrid.settings.errors import SettingsError, show

_LONGEST_EVALUATION = 1.0  # days of the fastest machine


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
        large = _weights(config) > _step_values(config)
        sizes = "n_grid_cells" if large else f"batch_size, {_longest_walk(config)} or n_place_cells"
        raise SettingsError(
            f"{config.n_grid_cells} units and a batch of {config.batch_size} need at least {_gib(needed)} of memory, "
            f"this machine has {_gib(present)}; lower {sizes}"
        )
    _check_evaluation(config, present)
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


def _check_evaluation(config: TrainConfig, present: int) -> None:
    cost = evaluation_cost(config)
    if cost.memory > present:
        raise SettingsError(
            f"an evaluation needs at least {_gib(cost.memory)} of memory, this machine has {_gib(present)}; lower "
            "long_walks, long_seconds, eval_burn_in, tau_max, eval_bins or n_grid_cells, or raise dt"
        )
    days = cost.seconds(_weights(config)) / 86400
    if days > _LONGEST_EVALUATION:
        raise SettingsError(
            f"one evaluation takes {cost.walk_steps:,} steps, at least {days:,.3g} days on any machine; lower "
            "eval_walks, long_walks, long_seconds, eval_burn_in or tau_max"
        )


def _weights(config: TrainConfig) -> int:
    if config.network == "lstm":
        gates = 4 * config.lstm_units * (config.lstm_units + 4)
        codes = config.n_place_cells + config.head_direction_cells
        return gates + (2 * config.lstm_units + config.n_grid_cells) * codes + config.n_grid_cells * config.lstm_units
    senders = config.n_grid_cells // config.modules_per_side**2  # of every unit
    return config.n_grid_cells * (senders + 2 + 2 * config.n_place_cells + config.head_direction_cells)


def _longest_walk(config: TrainConfig) -> str:
    """Return the setting that says how long the longest walks of training are."""
    lengths = {"seq_length": config.seq_length}
    if config.wiring == "learned":
        lengths["readout_length"] = config.readout_length
        lengths["late_length"] = config.late_length if config.late_steps else 0
    return max(lengths, key=lengths.__getitem__)


def _step_values(config: TrainConfig) -> int:
    length: int = getattr(config, _longest_walk(config))
    gated = 6 * config.lstm_units if config.network == "lstm" else 0
    return length * config.batch_size * (config.n_grid_cells + config.n_place_cells + gated)


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
    try:
        check_writable(folder)
    except OSError as error:  # as of a file system that takes no files, whatever its permissions say
        why = one_line(error).split("; ")[0]
        raise SettingsError(f"{name} cannot be written: {why}; give another path") from error
