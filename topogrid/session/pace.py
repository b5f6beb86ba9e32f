"""How long a run will take here, said before it begins and while it lasts."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from topogrid.durations import in_words
from topogrid.evaluation.gallery import wanted_pictures
from topogrid.session.moments import GLANCED, moment_steps
from topogrid.session.next_commands import resuming_command
from topogrid.session.rehearsal import Rehearsed
from topogrid.settings.config import TrainConfig
from topogrid.settings.cost import MOST_MOMENTS, evaluation_cost
from topogrid.settings.presets import PRESETS, settings_of
from topogrid.training.objective import phases_left, read_steps, walk_length

PATIENCE = 20 * 60.0  # seconds; to a run expected to take longer, shorter presets are named
OF_A_STEP = 1e-4  # seconds that a step of an evaluation takes, however few units there are
OF_A_UNIT = 0.015  # seconds of a core in which a unit is scored against its null, settled and from the start
OF_A_GLANCE = 0.003  # the same, without a null
OF_A_PICTURE = 0.5
ALL_PICTURES = 15  # that an evaluation can draw
OF_FEW_PATTERNS = 64  # multiplications that a step of a unit takes as long as, whose weights few patterns make up
TRUST = 10.0  # seconds of training after which steps taken count as much as those rehearsed
WORTH_SAYING = 60.0  # seconds below which nobody minds how long something takes
MUCH_SHORTER = 0.5  # share of a run's duration below which another preset is worth naming


def operations(config: TrainConfig, done: int = 0) -> float:
    """Multiplications of the training steps after ``done``, as far as they grow with settings.

    Durations are compared by them.
    """
    total = 0.0
    for phase, first, count in phases_left(done, config):
        states = config.batch_size * walk_length(first, config)
        readings = len(read_steps(first, config)) * config.batch_size
        passes = 0 if phase == "growth" else 1 if phase == "readout" else 3
        work = passes * states * _of_a_step(config)
        work += 0 if phase in ("growth", "modules") else 3 * readings * config.n_grid_cells * config.n_place_cells
        if phase == "modules":
            work += 3 * config.n_grid_cells * min(states, config.isometry_states) ** 2
        total += count * work
    return total


def _of_a_step(config: TrainConfig) -> float:
    """Return the multiplications of a step of one walk, without reading the place."""
    if config.network == "lstm":
        return 4 * config.lstm_units * (config.lstm_units + 3) + config.lstm_units * config.n_grid_cells
    senders = config.n_grid_cells / config.modules_per_side**2
    wired = config.wiring == "attractor" and not config.learn_recurrent
    return config.n_grid_cells * (min(senders, OF_FEW_PATTERNS) if wired else senders)


def evaluation_seconds(config: TrainConfig, per_operation: float) -> float:
    """Return about how long one evaluation and its pictures take.

    ``per_operation`` is the seconds that a multiplication of training takes here.
    """
    cost = evaluation_cost(config)
    readings = config.eval_walks * config.seq_length + config.long_walks * min(
        MOST_MOMENTS, config.long_seconds / config.dt
    )
    work = cost.walk_steps * _of_a_step(config) + config.n_grid_cells * readings * config.n_place_cells
    pictures = wanted_pictures(config)
    drawing = OF_A_PICTURE * (ALL_PICTURES if pictures is None else len(pictures))
    return work * per_operation + cost.steps * OF_A_STEP + config.n_grid_cells * OF_A_UNIT + drawing


def glance_seconds(config: TrainConfig, per_operation: float) -> float:
    """Return about how long a quick evaluation takes: short walks, and the lattice of every unit."""
    cost = evaluation_cost(dataclasses.replace(config, long_walks=1, long_seconds=config.dt))
    work = cost.walk_steps * _of_a_step(config)
    return GLANCED * work * per_operation + cost.steps * OF_A_STEP + config.n_grid_cells * OF_A_GLANCE


def evaluations_left(done: int, config: TrainConfig, *, at_start: bool) -> int:
    """Count the evaluations after ``done`` steps: every so often, at the end, and at the start if that is one."""
    between = (config.steps - 1) // config.eval_every - done // config.eval_every
    return at_start + max(0, between) + (done < config.steps)


def shorter_presets(config: TrainConfig, seconds: float) -> list[tuple[str, float]]:
    """Return presets for this kind of network that take much less than ``seconds`` here, the longest first.

    Parameters
    ----------
    config : TrainConfig
        Of the run.
    seconds : float
        What its training will take here.

    Returns
    -------
    list of (str, float)
        Flags, such as ``--preset laptop --tau``, and the seconds they will take here, by their number of operations.
    """
    whole, found = operations(config), []
    kind = {name: getattr(config, name) for name in ("tau", "topoloss", "network", "wiring")}
    for name, preset in PRESETS.items():
        if name in ("smoke", "original", config.preset):
            continue
        if any(preset.settings.get(one, kind[one]) != kind[one] for one in ("wiring", "network")):
            continue
        there = TrainConfig(**settings_of(name, {one: kind[one] for one in kind if one not in preset.settings}))
        takes = seconds * operations(there) / whole
        if takes < MUCH_SHORTER * seconds and there.n_grid_cells <= config.n_grid_cells:
            found.append((f"--preset {name}{_flags_of(name, kind)}", takes))
    # Of presets that train the same network, the one that is said in the fewest words.
    shortest = {round(takes): flags for flags, takes in sorted(found, key=lambda one: -len(one[0]))}
    return sorted(
        ((flags, takes) for flags, takes in found if shortest[round(takes)] == flags), key=lambda one: -one[1]
    )


class Forecast:
    """How long a run takes: its steps as rehearsed until enough are taken, its evaluations as estimated until one is.

    Parameters
    ----------
    config : TrainConfig
    rehearsed : sequence of Rehearsed
        What is left to train.
    done : int
        Steps taken before.
    """

    def __init__(self, config: TrainConfig, rehearsed: Sequence[Rehearsed], done: int) -> None:
        self._config, self._rehearsed, self._last = config, rehearsed, done
        self._taken = self._expected = 0.0
        work = operations(config, done)
        per_operation = self.training(done) / work if work else 0.0
        self.evaluation = evaluation_seconds(config, per_operation)
        """Seconds of one evaluation."""
        self.evaluated = False
        """Whether these are those of the last one, and no estimate."""
        self.glance = glance_seconds(config, per_operation)
        """Seconds of a quick one."""
        self.moments: Collection[int] = moment_steps(config)
        """Steps at which there is a quick one."""

    def training(self, done: int) -> float:
        """Return the seconds of the steps after ``done``, as rehearsed."""
        return sum(one.seconds * min(one.steps, max(0, one.first + one.steps - 1 - done)) for one in self._rehearsed)

    def took(self, step: int, seconds: float) -> None:
        """Take note of how long the steps up to ``step`` took since the last that was told."""
        self._expected += self.training(self._last) - self.training(step)
        self._taken += seconds
        self._last = step

    def left(self, step: int) -> float:
        """Return the seconds from the end of ``step`` to the end of the last evaluation."""
        slower = (self._taken + TRUST) / (self._expected + TRUST)
        evaluation = self.evaluation * (1.0 if self.evaluated else slower)
        evaluations = evaluations_left(step - 1, self._config, at_start=False) * evaluation
        return self.training(step) * slower + evaluations + sum(one >= step for one in self.moments) * self.glance

    def announcement(self, path: Path, *, at_start: bool, recorded: bool = False) -> str:
        """Say how long training will take on this machine, and which preset is really shorter where that is long.

        Parameters
        ----------
        path : Path
            Folder of the run, to go on with after it was stopped.
        at_start : bool
            Whether the network is evaluated before the first step.
        recorded : bool
            Whether training replays its steps from a recording, as it does on a GPU.
        """
        config, done = self._config, self._last
        seconds = self.training(done)
        times = _counted(evaluations_left(done, config, at_start=at_start), "evaluation", self.evaluation)
        looks = sum(one >= done for one in self.moments)
        quick = f" and {_counted(looks, 'quick one', self.glance)}" if looks else ""
        line = f"Training will take about {in_words(seconds)} here, by steps just timed, plus {times}{quick}."
        if recorded and seconds > WORTH_SAYING and not config.compile:
            line += " --compile makes such steps about twice as fast."
        line += _fewer_evaluations(done, config, max(seconds, WORTH_SAYING) / self.evaluation, at_start)
        if seconds > PATIENCE:
            shorter = [f"{flags} ({in_words(takes)})" for flags, takes in shorter_presets(config, seconds)]
            line += f" Shorter: {', '.join(shorter)}." if shorter else " Fewer --steps make it shorter."
            line += f" Ctrl-C saves; go on with: {resuming_command(path)}"
        return line


def _flags_of(preset: str, kind: Mapping[str, Any]) -> str:
    """Return the flags that make a preset train this kind of network."""
    words = ""
    given: dict[str, Any] = {}
    for name in ("tau", "topoloss"):
        if kind[name]:
            words, given = f"{words} --{name}", given | {name: True}
    for name in ("network", "wiring"):
        if settings_of(preset, given).get(name, getattr(TrainConfig, name)) != kind[name]:
            words, given = f"{words} --{name} {kind[name]}", given | {name: kind[name]}
    return words


def _counted(count: int, what: str, seconds: float) -> str:
    """Say how many of something there are, and how long one takes."""
    return f"{count} {what}{'' if count == 1 else 's'} of about {in_words(seconds)}{'' if count == 1 else ' each'}"


def _fewer_evaluations(done: int, config: TrainConfig, as_long: float, at_start: bool) -> str:
    """Say how to evaluate more seldom where that would take longer than training, as it does on a GPU; else nothing.

    ``as_long`` is how many evaluations take as long as the steps.
    """
    most = max(1, math.floor(as_long))
    times = evaluations_left(done, config, at_start=at_start)
    for count in range(min(most, times), 0, -1):
        every = 100 * math.ceil(config.steps / count / 100)
        left = evaluations_left(done, dataclasses.replace(config, eval_every=every), at_start=at_start)
        if left <= most < times:
            told = "once, at the end" if left == 1 else f"{left} times"
            return f" Most of the time goes to evaluations: --eval_every {every} evaluates {told}."
    if most < times and at_start:
        return " Most of the time goes to evaluations: --eval_at_start false leaves out that of the untrained network."
    return ""


class Pace:
    """How fast steps go by.

    Parameters
    ----------
    first_step : int
        Steps taken so far.
    """

    def __init__(self, first_step: int) -> None:
        self._step = first_step
        self._time = time.perf_counter()
        self.seconds = 0.0
        """What the steps between the last two calls took, without what was done beside them."""

    def steps_per_second(self, step: int, busy_elsewhere: float) -> float:
        """Return steps a second since the last call, without the seconds that were spent on other things."""
        now = time.perf_counter()
        steps, self.seconds = step - self._step, max(0.0, now - self._time - busy_elsewhere)
        self._step, self._time = step, now
        return steps / self.seconds if self.seconds > 0 else 0.0
