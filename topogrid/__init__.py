"""topogrid: train path integrators on a cortical sheet and ask what sets the scale of their grid cells.

``import topogrid as tg`` imports nothing slow; what is used is imported when it is first used.

``tg.train(preset="laptop", tau=True, name="mine")``
    Trains a network and returns its `Run`.
``tg.open_trained("runs/mine")``
    Opens the folder of a run, a checkpoint, safetensors or a file of the original project: the same object.
``run.units``, ``run.rate_maps``, ``run.tau_map``, ``run.spacing_map``, ``run.figure("scale_map")``
    What was measured: a table of units, arrays, pictures that show themselves in notebooks.
``run.intervene("tau_x1.25")``, ``run.follow("sargolini")``, ``run.evaluate(bins=32)``
    What can be done with it.
``tg.TrainConfig``, ``tg.SettingsError``, ``tg.CheckpointError``, ``tg.TrainingError``
    All settings, checked, and what can go wrong.
``tg.analysis``, ``tg.figures``
    Measures of anybody's rate maps, with NumPy and SciPy alone; arrays drawn.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # as `typing` has it, which would take most of the time of this import
if TYPE_CHECKING:
    from typing import Any

    from topogrid import analysis as analysis
    from topogrid import figures as figures
    from topogrid.api.run import Run as Run
    from topogrid.api.run import open_trained as open_trained
    from topogrid.api.training import TrainingError as TrainingError
    from topogrid.api.training import train as train
    from topogrid.runs.errors import CheckpointError as CheckpointError
    from topogrid.settings.config import TrainConfig as TrainConfig
    from topogrid.settings.errors import SettingsError as SettingsError

__version__ = "0.4.0"

_HOMES = {
    "CheckpointError": "topogrid.runs.errors",
    "Run": "topogrid.api.run",
    "SettingsError": "topogrid.settings.errors",
    "TrainConfig": "topogrid.settings.config",
    "TrainingError": "topogrid.api.training",
    "open_trained": "topogrid.api.run",
    "train": "topogrid.api.training",
}
_PACKAGES = ("analysis", "figures")

__all__ = [
    "CheckpointError",
    "Run",
    "SettingsError",
    "TrainConfig",
    "TrainingError",
    "__version__",
    "analysis",
    "figures",
    "open_trained",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    if name in _PACKAGES:
        return import_module(f"topogrid.{name}")
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"topogrid has no {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
