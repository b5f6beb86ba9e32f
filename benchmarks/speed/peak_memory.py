"""Train two steps in a process of its own and print the most memory it held, GiB: settings as JSON on the input."""

from __future__ import annotations

import json
import sys

import torch

from benchmarks.speed.timing import fresh_state
from topogrid.evaluation.evaluate import evaluate
from topogrid.evaluation.gallery import draw_evaluation
from topogrid.settings.config import TrainConfig
from topogrid.trained.trained import Trained
from topogrid.training.batch import make_batch
from topogrid.training.hardware import choose_precision, keep_freed_memory, peak_memory_mb
from topogrid.training.step import train_step


def main() -> int:
    """Read the settings, train, print."""
    settings = json.load(sys.stdin)
    with_evaluation = settings.pop("_evaluate")
    config = TrainConfig(**settings)
    keep_freed_memory()
    device = torch.device("cpu")
    state = fresh_state(config, device, choose_precision("auto", device))
    for measure in (False, True):
        batch = make_batch(config, state.place_cells, state.generators["walks"])
        train_step(state, batch, config, measure=measure)
    if with_evaluation:
        evaluation = evaluate(Trained(state.network, state.place_cells, config, state.step))
        draw_evaluation(evaluation, config)
    print(peak_memory_mb() / 2**10)
    return 0


if __name__ == "__main__":
    sys.exit(main())
