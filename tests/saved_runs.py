"""Small finished runs kept in ``tests/data``, which this and every later version opens.

``python -m tests.saved_runs [WIRING or lstm ...]`` makes those of the present version anew, for a new form of a run;
what earlier versions wrote stays as it is. `tests/data/README.md` says which version wrote which.
"""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.faults.any_settings import in_little_time
from topogrid.session.asked import as_given, resolve
from topogrid.session.run import run_training
from topogrid.trained.opening import open_trained
from topogrid.trained.safetensors import export_weights

DATA = Path(__file__).with_name("data")
VERSION = "0.4.0"
KEPT_VERSION = "0.3.0"
"""Version of which runs of the first three wirings are kept, for tests that need one of them."""
SMALL: dict[str, Any] = {
    "n_place_cells": 32, "steps": 4, "batch_size": 4, "print_every": 1, "eval_every": 100, "save_every": 100,
    "keep_checkpoints": 1, "eval_walks": 20, "eval_bins": 8, "eval_burn_in": 2, "long_walks": 4, "long_seconds": 1.0,
    "error_seconds": (0.4,), "wandb": "disabled", "device": "cpu", "precision": "fp32", "threads": 1,
}  # fmt: skip
WIRINGS: dict[str, dict[str, Any]] = {
    "dense": {"preset": "smoke", "wiring": "dense", "tau": True, "n_grid_cells": 16, "seq_length": 10},
    "attractor": {"wiring": "attractor", "tau": True, "n_grid_cells": 64, "modules_per_side": 1, "seq_length": 20},
    "learned": {
        "wiring": "learned", "tau": True, "n_grid_cells": 64, "modules_per_side": 2, "seq_length": 6,
        "isometry_states": 8, "walks_to_choose": 1, "tau_levels": (2,), "tau_growth_steps": 1,
        "tau_own_steps": 2, "readout_steps": 1, "readout_length": 20,
    },
    "blocks": {
        "preset": "smoke", "wiring": "blocks", "tau": True, "n_grid_cells": 64, "modules_per_side": 2, "seq_length": 10,
    },
    "lstm": {
        "preset": "smoke", "network": "lstm", "n_grid_cells": 16, "lstm_units": 8, "head_direction_cells": 12,
        "seq_length": 10,
    },
}  # fmt: skip
KEPT = ("config.json", "metrics.jsonl", "summary.json", "units.csv", "versions.json", "log.txt")


def make(wiring: str, into: Path) -> None:
    """Train a small network of a wiring; keep its folder without pictures, and its weights as safetensors."""
    with tempfile.TemporaryDirectory() as desk, in_little_time(Path(desk)):
        sys.argv = ["train_grid.py"]  # what versions.json says of the command
        config = resolve(as_given(SMALL | WIRINGS[wiring] | {"name": wiring}))
        assert run_training(config, lambda _line: None) == 0
        run = Path("runs") / wiring
        shutil.rmtree(into / wiring, ignore_errors=True)
        (into / wiring).mkdir(parents=True)
        for name in KEPT:
            shutil.copy(run / name, into / wiring / name)
        for folder in ("checkpoints", "evaluation"):
            (into / wiring / folder).mkdir()
            for path in (run / folder).glob(f"step_{SMALL['steps']:08d}.*"):  # the best stays too, and is left out
                shutil.copy(path, into / wiring / folder)
        (into / f"{wiring}.safetensors").unlink(missing_ok=True)
        export_weights(open_trained(run), into / f"{wiring}.safetensors")


if __name__ == "__main__":
    for one in sys.argv[1:] or WIRINGS:
        make(one, DATA / VERSION)
