"""What a person sees of a run while it goes on: bars on a terminal, lines everywhere else."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from tqdm import tqdm

from topogrid.evaluation.evaluate import STAGES
from topogrid.files import append_text
from topogrid.runs.folder import RunFolder
from topogrid.settings.config import TrainConfig

Say = Callable[[str], None]


@dataclass
class Log:
    """Lines for a person, on the screen and in ``log.txt``."""

    folder: RunFolder
    say: Say

    def __call__(self, line: str) -> None:
        """Say a line and keep it, with the time."""
        self.say(line)
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
        try:
            append_text(self.folder.log_path, f"{stamp} {line}\n")
        except OSError:  # the line was said; a full disk must not end the run
            return


def training_bar(done: int, steps: int) -> tqdm[NoReturn]:
    """Return a bar on a terminal; elsewhere it is silent, and lines are written instead."""
    return tqdm(initial=done, total=steps, unit="step", dynamic_ncols=True, disable=not sys.stderr.isatty())


class EvaluationBar:
    """Shows on a terminal how far an evaluation has come."""

    def __init__(self) -> None:
        self._bar = tqdm(
            total=len(STAGES), unit="stage", leave=False, dynamic_ncols=True, disable=not sys.stderr.isatty()
        )
        self._begun = False

    def __enter__(self) -> EvaluationBar:
        return self

    def __exit__(self, *_reason: object) -> None:
        self._bar.close()

    def begin(self, stage: str) -> None:
        """Show the stage that begins now; the one before is done."""
        self._bar.update(self._begun)
        self._begun = True
        self._bar.set_description(f"evaluation: {stage}")


def say_evaluation(step: int, row: dict[str, float], config: TrainConfig) -> str:
    """Say the main numbers of an evaluation in one line."""

    def percent(name: str) -> str:
        return f"{100 * row[f'validation/{name}']:.0f}"

    return (
        f"evaluation at step {step}: error {row['validation/trajectory_error_cm']:.1f} cm over "
        f"{config.seq_length} steps, {row['validation/long_error_cm']:.1f} cm over {config.long_seconds:g} s; "
        f"grid score above 0.3 in {percent('share_above_0.3')} % of units (null {percent('null_share_above_0.3')} %), "
        f"above 0.8 in {percent('share_above_0.8')} % (null {percent('null_share_above_0.8')} %), "
        f"significant {percent('share_gate')} %; {row['perf/eval_seconds']:.0f} s"
    )
