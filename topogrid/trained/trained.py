"""The one type of a trained network, wherever it came from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from topogrid.model.network import PathIntegrator
from topogrid.runs.folder import RunFolder
from topogrid.settings.config import TrainConfig
from topogrid.world.place_cells import PlaceCells


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained network with what belongs to it, ready to be measured."""

    network: PathIntegrator
    place_cells: PlaceCells
    config: TrainConfig
    """Settings, as far as they are known."""
    step: int
    """Steps the network was trained for; 0 if nothing says so."""
    origin: str = ""
    """What was opened."""
    folder: RunFolder | None = None
    """Folder of its run; ``None`` away from one."""
    knows_places: bool = True
    """Whether the place cells are those of training."""
    knows_training: bool = True
    """Whether the settings are those of training, and not defaults."""
    notes: tuple[str, ...] = ()
    """What a reader of measurements has to know, one sentence each."""

    def with_settings(self, settings: Mapping[str, Any]) -> Trained:
        """Return the same with other settings, such as those of the evaluation.

        Raises
        ------
        SettingsError
            If one cannot be used.
        """
        return dataclasses.replace(self, config=dataclasses.replace(self.config, **settings))
