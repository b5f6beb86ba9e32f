"""Pictures that a run draws between its evaluations, for whoever watches it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from matplotlib.figure import Figure
from torch import Tensor

from topogrid.evaluation.gallery import draw_curves, draw_tau
from topogrid.measures.pictures import CURVES
from topogrid.runs.metrics_log import thinned_metrics
from topogrid.settings.config import TrainConfig

TAU_MAP_EVERY = 5  # logged steps; the map is one figure a person watches while it forms
FIRST_CURVES = 60.0  # seconds of a run after which its learning curves are drawn
LATER_CURVES = 1.5  # times as old a run is when they are drawn again: six times in ten minutes, 14 times in four hours
WORTH_A_STRIP = 300.0  # seconds that are left of a run whose strip of pictures is drawn before its end

Drawn = TypeVar("Drawn")


class WatchedPictures(Generic[Drawn]):
    """What somebody who watches wants to see of logged steps.

    Parameters
    ----------
    config : TrainConfig
    metrics_path : Path
        Rows that were logged.
    render : callable
        Makes files of figures, by their tracked names.
    """

    def __init__(
        self, config: TrainConfig, metrics_path: Path, render: Callable[[Mapping[str, Figure]], dict[str, Drawn]]
    ) -> None:
        self._config, self._metrics_path, self._render = config, metrics_path, render
        self._began, self._next_curves = time.perf_counter(), FIRST_CURVES
        self.seconds = 0.0
        """What the learning curves of the last step took, which say nothing about training speed."""

    def of_step(self, step: int, row: Mapping[str, float], tau: Tensor | None) -> dict[str, Drawn]:
        """Draw those of a step that are due, by their tracked names.

        Parameters
        ----------
        step : int
        row : mapping
            What is logged of the step, not in the file yet.
        tau : Tensor, ``(unit,)``, optional
            Time constants, steps.
        """
        self.seconds = 0.0
        drawn = self._render(tau_picture(step, tau, self._config))
        age = time.perf_counter() - self._began
        if age >= self._next_curves:
            self._next_curves = LATER_CURVES * age
            began = time.perf_counter()
            rows = [*thinned_metrics(self._metrics_path), {"step": step, **row}]
            drawn |= self._render({CURVES: draw_curves(rows, self._config)})
            self.seconds = time.perf_counter() - began
        return drawn


def tau_picture(step: int, tau: Tensor | None, config: TrainConfig) -> dict[str, Figure]:
    """Return the map of tau, ``(unit,)`` in steps, at a step that shows one."""
    if tau is None or step % (TAU_MAP_EVERY * config.print_every):
        return {}
    return {"tau/tau_map": draw_tau(tau.detach().double().cpu().numpy(), config)}
