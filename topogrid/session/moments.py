"""How a sheet of modules looks at moments of its training, and the strip of pictures that comes of it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from topogrid import figures
from topogrid.analysis.sheets import module_scales
from topogrid.evaluation.evaluate import glance
from topogrid.evaluation.gallery import draw_filmstrip
from topogrid.evaluation.probe import Probe
from topogrid.evaluation.results import Glance
from topogrid.evaluation.saved import saved_moments
from topogrid.settings.config import TrainConfig
from topogrid.trained.trained import Trained
from topogrid.training.objective import growth_steps, readout_steps

MOMENTS = (0.0, 0.03, 0.1, 1.0)  # of the growth of tau, at which the sheet is glanced at

GLANCED = 0.5  # of the walks of an evaluation, which are enough for lattices


def moment_steps(config: TrainConfig) -> frozenset[int]:
    """Return the steps at which a sheet of modules is glanced at: while tau grows, and while lattices form."""
    grown = growth_steps(config)
    if config.modules_per_side == 1 or not grown:
        return frozenset()
    early = {round(share * grown) for share in MOMENTS}
    if config.wiring == "learned":
        early.add(grown + round(0.3 * (config.steps - readout_steps(config) - grown)))
    return frozenset(step for step in early if 0 <= step < config.steps)


def evaluates_start(config: TrainConfig) -> bool:
    """Whether the untrained network is evaluated; where it is glanced at, that would tell little more and cost much."""
    return not moment_steps(config) if config.eval_at_start == "auto" else bool(config.eval_at_start)


def look_at_sheet(trained: Trained) -> tuple[Glance, str]:
    """Return how the sheet looks now, on walks that all start at one place, and a line that says it."""
    began = time.perf_counter()
    seen = glance(trained, probe=Probe(anchored=True), share=GLANCED)
    scales = module_scales(
        seen.lattice.spacing, seen.tau, trained.config.sheet.module_of, np.nan_to_num(seen.scores.score_60) > 0.3
    )
    above = float(np.mean(np.nan_to_num(seen.scores.score_60) > 0.8))
    there = scales.spacing[np.isfinite(scales.spacing)]
    spacing = f"modules of {there.min():.2f} to {there.max():.2f} m" if there.size else "no module with a spacing"
    return seen, (
        f"quick evaluation at step {trained.step}: grid score above 0.8 in {100 * above:.0f} % of units, {spacing}; "
        f"tau of modules {scales.tau.min():.2f} to {scales.tau.max():.2f} steps; {time.perf_counter() - began:.0f} s"
    )


def filmstrip(folder: Path, config: TrainConfig) -> Figure | None:
    """Draw how tau and scale appeared on the sheet, from the moments kept in ``folder``; none of fewer than two."""
    kept = [one for one in saved_moments(folder) if len(one[1]) == config.n_grid_cells]
    return draw_filmstrip([figures.Moment(*one) for one in kept], config) if len(kept) > 1 else None


class SaveDue:
    """Says after which steps to save: every so many, and after so many minutes.

    Parameters
    ----------
    config : TrainConfig
    """

    def __init__(self, config: TrainConfig) -> None:
        self._config = config
        self._last = time.perf_counter()
        self._answer = (-1, False)

    def is_due(self, step: int) -> bool:
        """Whether to save after a step; time passes, but a step gets one answer."""
        if self._answer[0] != step:
            waited = time.perf_counter() - self._last
            due = step % self._config.save_every == 0 or waited > 60 * self._config.save_minutes
            self._answer = (step, due)
        return self._answer[1]

    def begin(self) -> float:
        """Take note that the run is being saved; returns the time."""
        self._last = time.perf_counter()
        return self._last
