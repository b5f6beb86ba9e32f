"""How far a run has come: bars on a terminal, a line a minute elsewhere, and what an evaluation found in one line."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from typing import NoReturn

from tqdm import tqdm

from topogrid.durations import clock, in_words
from topogrid.evaluation.evaluate import STAGES
from topogrid.measures.decoding import DIRECTION_ERROR, ERROR, LONG_ERROR, MODULE_SLOPE, STILL_LONG, STILL_SHORT
from topogrid.measures.training import LOSS
from topogrid.session.log import LOGGER, LastSaid, heard, tell
from topogrid.session.screen import Screen
from topogrid.settings.config import TrainConfig

PULSE = 60.0  # seconds after which a run that has said nothing says what it is doing
DRAWING = "drawing"


class Progress:
    """Shows what a run is doing: with bars on a terminal, elsewhere in a line whenever a minute passed in silence.

    Parameters
    ----------
    screen : Screen
    done, steps : int
        Steps of training done, and all.
    """

    def __init__(self, screen: Screen, done: int, steps: int) -> None:
        self.is_terminal = screen.isatty()
        self._screen = screen
        self._done, self._steps = done, steps
        self._bar: tqdm[NoReturn] | None = None
        self._doing, self._since = "", time.monotonic()
        self._last = LastSaid()
        self._heard = heard(self._last)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._pulse, name="pulse", daemon=True)

    def __enter__(self) -> Progress:
        self._heard.__enter__()
        if not self.is_terminal:
            self._thread.start()
        return self

    def __exit__(self, *_reason: object) -> None:
        self._over.set()
        if self._bar is not None:
            self._bar.close()
        if self._thread.is_alive():
            self._thread.join(1)
        self._heard.__exit__(None, None, None)

    def step(self, step: int) -> None:
        """Show that a step was taken."""
        self._done = step
        if not self.is_terminal:
            return
        if self._bar is None:
            # Made with the first step: the bar's own clock counts no start. Its own guess of what is left knows neither
            # phases nor evaluations.
            self._bar = tqdm(
                initial=step - 1,
                total=self._steps,
                unit="step",
                dynamic_ncols=True,
                file=self._screen,
                bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}, {rate_fmt}{postfix}]",
            )
        self._bar.update()

    def report(self, step: int, row: Mapping[str, float], left: float) -> None:
        """Show what a step came to.

        Parameters
        ----------
        step : int
        row : mapping of str to float
            Its logged figures.
        left : float
            Seconds to the end of the run.
        """
        error, speed = row.get("train/position_error_cm"), row["train/steps_per_sec"]
        told = f"loss {row[LOSS.key]:.4f}" + ("" if error is None else f", error {error:.1f} cm")
        self.step(step)
        if self._bar is not None:
            self._bar.set_postfix_str(f"{told}, {clock(left)} left")
        else:
            tell(f"step {step}/{self._steps}: {told}, {speed:.3g} steps/s, {clock(left)} left")

    def doing(self, what: str) -> None:
        """Say, if it lasts, what is done between steps; nothing, when training goes on."""
        self._doing, self._since = what, time.monotonic()

    def _pulse(self) -> None:
        while not self._over.wait(min(1.0, PULSE)):
            if time.monotonic() - self._last.at >= PULSE:
                LOGGER.info("%s", self._now())

    def _now(self) -> str:
        if self._doing:
            return f"{self._doing}, for {in_words(time.monotonic() - self._since)} so far"
        return f"step {self._done + 1}/{self._steps} is being taken"


class EvaluationProgress:
    """Shows how far an evaluation has come."""

    def __init__(self, progress: Progress, screen: Screen, step: int) -> None:
        self._progress, self._step = progress, step
        self._stages = (*STAGES, DRAWING)
        self._bar: tqdm[NoReturn] = tqdm(
            total=len(self._stages),
            unit="stage",
            leave=False,
            dynamic_ncols=True,
            file=screen,
            disable=not progress.is_terminal,
        )
        self._begun = 0

    def __enter__(self) -> EvaluationProgress:
        return self

    def __exit__(self, *_reason: object) -> None:
        self._bar.close()
        self._progress.doing("")

    def begin(self, stage: str) -> None:
        """Show the stage that begins now; the one before is done."""
        self._bar.update(bool(self._begun))
        self._begun += 1
        self._bar.set_description(f"evaluation: {stage}")
        self._progress.doing(f"evaluation at step {self._step}: {stage} ({self._begun} of {len(self._stages)})")


def say_evaluation(step: int, row: dict[str, float], config: TrainConfig) -> str:
    """Say the main numbers of an evaluation in one line, each with what it compares with."""

    def percent(name: str) -> str:
        return f"{100 * row[f'validation/{name}']:.0f}"

    turned = f", head direction {row[DIRECTION_ERROR.key]:.0f} degrees off" if config.head_direction_cells else ""
    slope = row.get(MODULE_SLOPE.key, math.nan)
    sloped = "" if math.isnan(slope) else f"spacing of modules goes as tau to the power {slope:.2f}; "
    return (
        f"evaluation at step {step}: error {row[ERROR.key]:.1f} cm over {config.seq_length} steps (sitting still "
        f"{row[STILL_SHORT.key]:.1f} cm), {row[LONG_ERROR.key]:.1f} cm as the mean of {config.long_seconds:g} s ("
        f"{row[STILL_LONG.key]:.1f} cm){turned}; "
        f"grid score above 0.3 in {percent('share_above_0.3')} % of units (null {percent('null_share_above_0.3')} %), "
        f"above 0.8 in {percent('share_above_0.8')} % (null {percent('null_share_above_0.8')} %), "
        f"{percent('share_gate')} % pass the grid-cell test; {sloped}{row['perf/eval_seconds']:.0f} s"
    )
