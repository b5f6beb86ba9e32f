"""How long a full evaluation takes, and which part of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from benchmarks.speed.timing import fresh_state, seconds_of
from topogrid.analysis import border_scores, grid_gate, grid_scores, measure_lattice, spatial_information
from topogrid.evaluation.evaluate import evaluate
from topogrid.evaluation.gallery import draw_evaluation
from topogrid.evaluation.results import Evaluation
from topogrid.evaluation.summary import Summary, sum_up
from topogrid.figures import rendered
from topogrid.settings.config import TrainConfig
from topogrid.trained.trained import Trained
from topogrid.training.hardware import choose_precision


def evaluation_times(config: TrainConfig) -> dict[str, float]:
    """Evaluate an untrained network once, then time the parts again on its maps.

    Returns
    -------
    dict
        Seconds by part: ``evaluate`` (all of it), in it ``walks and rate maps, long walks`` (what is left over after
        the parts below, each of which is done for two views), then ``summarise`` and ``figures``.
    """
    device = torch.device("cpu")
    state = fresh_state(config, device, choose_precision("auto", device))
    found = {}
    done: list[Evaluation] = []
    whole = seconds_of(lambda: done.append(evaluate(Trained(state.network, state.place_cells, config, 0))))
    (evaluation,) = done
    maps, box = evaluation.settled.rate_maps, config.box_size
    parts: dict[str, Callable[[], object]] = {
        "grid scores": lambda: grid_scores(maps.maps),
        "lattices": lambda: measure_lattice(maps.maps, box),
        "null and gate": lambda: grid_gate(maps.maps, rng=np.random.default_rng(0)),
        "border scores": lambda: border_scores(maps.maps, box),
        "spatial information": lambda: spatial_information(maps.maps, maps.occupancy),
    }
    for name, part in parts.items():
        found[f"{name} (two views)"] = 2 * seconds_of(part)
    found = {"evaluate": whole, "walks, rate maps, long walks": whole - sum(found.values()), **found}
    summaries: list[Summary] = []
    found["summarise"] = seconds_of(lambda: summaries.append(sum_up(evaluation, config)))
    found["figures, as PNG"] = seconds_of(lambda: _render(evaluation, config, summaries[-1]))
    return found


def _render(evaluation: Evaluation, config: TrainConfig, summary: Summary) -> None:
    for figure in draw_evaluation(evaluation, config, summary=summary).values():
        rendered(figure)
