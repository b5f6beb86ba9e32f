"""Take training steps with the processes that ``torchrun`` started, and print the median seconds of one.

Settings come as JSON in the environment variable ``TOPOGRID_BENCHMARK``; see `benchmarks.speed.module_time`.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time

import torch

from benchmarks.speed.module_time import step_number
from benchmarks.speed.timing import fresh_state
from topogrid.settings.config import TrainConfig
from topogrid.training.hardware import keep_freed_memory
from topogrid.training.processes import joined
from topogrid.training.step import train


def main() -> int:
    """Read the settings, train, print."""
    given = json.loads(os.environ["TOPOGRID_BENCHMARK"])
    config = TrainConfig(**given["settings"])
    keep_freed_memory()
    torch.set_num_threads(1)
    with joined() as processes:
        state = fresh_state(config, torch.device("cpu"), "fp32")
        state.step = step_number(config) - 1
        state.spread(processes)
        seconds, began = [], time.perf_counter()
        for record in train(state, config):
            float(record.finite)
            now = time.perf_counter()
            seconds.append(now - began)
            began = now
            if len(seconds) > given["steps"]:
                break
        if processes.first:
            print(statistics.median(seconds[1:]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
