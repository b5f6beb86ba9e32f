"""A wiring, a term of the loss and a measure come from outside: a new file each, a line in settings and registries.

The package is copied, the lines and files of `CONTRIBUTING.md` are added to the copy, and a network of the new wiring
is trained, saved, opened and measured. No other file of the copy is touched.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

WIRING = '''
"""Units connected to their neighbours along the rows of the sheet."""

from __future__ import annotations

import torch
from torch import Tensor

from topogrid.model.wiring.base import Network, Wiring
from topogrid.model.wiring.dense import initialise
from topogrid.settings.config import TrainConfig


class Banded(Wiring):
    """Weights ``(unit, unit)`` that begin as 0 beyond a band."""

    @classmethod
    def from_config(cls, config: TrainConfig) -> Banded:
        """Return the wiring of a network."""
        return cls((config.n_grid_cells, config.n_grid_cells))

    @property
    def n_units(self) -> int:
        """Units on the sheet."""
        return len(self.weight)

    @torch.no_grad()
    def initialise(self, network: Network, config: TrainConfig, generator: torch.Generator) -> None:
        """Draw the first weights."""
        initialise(network, "identity", generator, recurrent_noise=0.1)
        self.weight.copy_(self.weight.triu(-2).tril(2))

    @torch.no_grad()
    def silence(self, units: Tensor) -> None:
        """Cut units off in both directions."""
        self.weight[units] = 0
        self.weight[:, units] = 0
'''

TERM = '''
"""The cost of weights that reach far."""

from __future__ import annotations

import torch
from torch import Tensor


def reach(weights: Tensor) -> Tensor:
    """Return the mean absolute weight times how far apart its units are."""
    place = torch.arange(len(weights), device=weights.device)
    return (weights.abs() * (place[:, None] - place).abs()).mean()
'''

MEASURE = '''
"""How busy the sheet is."""

from __future__ import annotations

import numpy as np

from topogrid.evaluation.results import Evaluation
from topogrid.measures.record import Measure

BUSY = Measure("validation/busy", "Mean rate over units and bins, activity units.", label="mean rate")


def busy(evaluation: Evaluation) -> float:
    """Return the mean rate."""
    return float(np.nanmean(evaluation.settled.rate_maps.maps))
'''

NEW_FILES = {"model/wiring/banded.py": WIRING, "training/reach.py": TERM, "evaluation/busy.py": MEASURE}

# By file: what is found there once, and what stands there then.
LINES = {
    "settings/fields.py": {
        '"learned", "blocks"), needs': '"learned", "blocks", "banded"), needs',
        "    grad_clip: float = ": '    reach_weight: float = _optimisation(0.0, "Weight of the reach of weights.", '
        "bounds=NOT_NEGATIVE, may_lack=True)\n    grad_clip: float = ",
    },
    "model/wiring/__init__.py": {
        "from topogrid.model.wiring.base import": "from topogrid.model.wiring.banded import Banded\n"
        "from topogrid.model.wiring.base import",
        '"blocks": Blocks}': '"blocks": Blocks, "banded": Banded}',
    },
    "training/objective.py": {
        "from topogrid.training import geometry, losses\n": "from topogrid.training import geometry, losses\n"
        "from topogrid.training.reach import reach\n",
        "TERMS = (\n": 'TERMS = (\n    Term("train/reach_loss", "Reach of weights, times its weight.", ("all",), '
        "lambda config: config.reach_weight > 0,\n         lambda context: context.config.reach_weight * "
        "reach(context.network.units.wiring.weight)),\n",
    },
    "evaluation/summary.py": {
        "MEASURED: dict[str, Callable[[Evaluation], float]] = {\n": "from topogrid.evaluation.busy import BUSY, busy"
        "  # noqa: E402\n\nMEASURED: dict[str, Callable[[Evaluation], float]] = {\n    BUSY.key: busy,\n",
    },
}

PROGRAM = """
import json, sys, torch
from topogrid.cli.flags import parse_arguments
from topogrid.evaluation.evaluate import evaluate
from topogrid.evaluation.summary import summarise
from topogrid.session.companions import build_state
from topogrid.trained.safetensors import export_weights, import_weights
from topogrid.trained.trained import Trained
from topogrid.training.processes import ALONE
from topogrid.training.step import make_batch, train_step

flags = "--preset smoke --wiring banded --tau --n_grid_cells 36 --eval_walks 4 --eval_bins 8 --long_walks 2"
config = parse_arguments(f"{flags} --long_seconds 0.2 --reach_weight 0.5 --lr 0.01 --warmup_steps 0".split()).config
state = build_state(config, ALONE)
first = state.network.units.wiring.weight.detach().clone()
for _ in range(3):
    batch = make_batch(config, state.place_cells, state.generators["walks"], step=state.step + 1)
    record = train_step(state, batch, config, measure=True)
trained = Trained(state.network.eval(), state.place_cells, config, state.step)
again = import_weights(export_weights(trained, "out.safetensors"))
row = summarise(evaluate(again), again.config)
print(json.dumps({
    "wiring": type(state.network.units.wiring).__name__,
    "kind": config.describe(),
    "banded": bool((first == first.triu(-2).tril(2)).all()),
    "moved": bool((first != state.network.units.wiring.weight).any()),
    "reach": float(record.metrics["train/reach_loss"]),
    "busy": row["validation/busy"],
    "same": bool(torch.equal(again.network.units.wiring.weight, state.network.units.wiring.weight)),
}))
"""


def extended(where: Path) -> Path:
    """Return a copy of the package with the lines and files added."""
    package = where / "topogrid"
    shutil.copytree(ROOT / "topogrid", package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in NEW_FILES.items():
        assert not (package / name).exists()
        (package / name).write_text(text.lstrip())
    for name, changes in LINES.items():
        text = (package / name).read_text(encoding="utf-8")
        for old, new in changes.items():
            assert text.count(old) == 1, f"{name} has {text.count(old)} times {old!r}"
            text = text.replace(old, new)
        (package / name).write_text(text, encoding="utf-8")
    return package


@pytest.mark.slow
def test_nothing_but_settings_registries_and_new_files_is_touched(tmp_path: Path) -> None:
    package = extended(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["reach"] > 0
    assert found["busy"] >= 0
    assert {name: found[name] for name in ("wiring", "kind", "banded", "moved", "same")} == {
        "wiring": "Banded", "kind": "banded+tau", "banded": True, "moved": True, "same": True
    }  # fmt: skip
    touched = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if path.relative_to(package).as_posix() not in NEW_FILES
        and path.read_bytes() != (ROOT / "topogrid" / path.relative_to(package)).read_bytes()
    }
    assert touched == set(LINES)
