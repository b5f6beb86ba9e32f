"""What interventions did, and a walk that was followed, as a person looks at them in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from topogrid.api.pictures import Picture
from topogrid.api.units import import_pandas
from topogrid.evaluation.followed import Followed, draw_followed, told
from topogrid.interventions.modules import ModuleOutcome, draw_headline, headline_table
from topogrid.interventions.report import draw_outcomes, key_table
from topogrid.interventions.run import Outcome
from topogrid.settings.config import TrainConfig
from topogrid.tables import plain, to_markdown, to_text

Kind = TypeVar("Kind", Outcome, ModuleOutcome)


class Changes(Generic[Kind]):
    """Outcomes of interventions, the baseline first: ``changes["tau_x1.25"]`` is one of them.

    Each has ``name``, ``about``, ``note`` and ``paired``, all units and modules before and after; one of a table has
    ``measures`` by tracked name, one of modules ``scales``, ``predicted`` and ``deviation``.

    Parameters
    ----------
    outcomes : sequence
    left_out : dict
        Why some were not done, by name.
    config : TrainConfig
        Of the network.
    """

    def __init__(self, outcomes: Sequence[Kind], left_out: dict[str, str], config: TrainConfig) -> None:
        self.outcomes: list[Kind] = list(outcomes)
        self.left_out, self._config = left_out, config

    def __getitem__(self, name: str) -> Kind:
        found = next((one for one in self.outcomes if one.name == name), None)
        if found is None:
            why = f"; it was left out: {self.left_out[name]}" if name in self.left_out else ""
            raise KeyError(
                f"there is no outcome {name!r}{why}; there are {', '.join(one.name for one in self.outcomes)}"
            )
        return found

    def __iter__(self) -> Iterator[Kind]:
        return iter(self.outcomes)

    def __len__(self) -> int:
        return len(self.outcomes)

    @property
    def table(self) -> tuple[list[str], list[list[str]]]:
        """Column names and rows of what a person compares first, as text."""
        modules = self._of_modules()
        return headline_table(modules) if modules else key_table(self._of_units())

    @property
    def picture(self) -> Picture:
        """What was measured, drawn."""
        modules = self._of_modules()
        if modules:
            return Picture("interventions", lambda: draw_headline(modules, self._config))
        return Picture("interventions", lambda: draw_outcomes(self._of_units(), self._config))

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame``: every measure of every outcome, and its name.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_pandas()
        of_units = self._of_units()
        if of_units:
            return pandas.DataFrame([{"name": one.name, "note": one.note, **one.measures} for one in of_units])
        columns, rows = self.table
        return pandas.DataFrame(rows, columns=columns)

    def _of_units(self) -> list[Outcome]:
        found: list[object] = list(self.outcomes)
        return [one for one in found if isinstance(one, Outcome)]

    def _of_modules(self) -> list[ModuleOutcome]:
        found: list[object] = list(self.outcomes)
        return [one for one in found if isinstance(one, ModuleOutcome)]

    def _repr_markdown_(self) -> str:
        return to_markdown(*self.table)

    def __repr__(self) -> str:
        return to_text(*self.table)


@dataclass(frozen=True)
class FollowedWalk:
    """A recorded walk that a network followed."""

    walk: str
    """Name of the recording."""
    seconds: float
    """How long it is."""
    pieces: Followed
    """Paths and errors, piece by piece."""
    config: TrainConfig
    """Of the network."""

    @property
    def summary(self) -> dict[str, float]:
        """Mean and median errors in centimetres, of the network and of what nobody needs a network for."""
        return self.pieces.summary()

    @property
    def picture(self) -> Picture:
        """Paths and errors, drawn."""
        name = plain(self.walk)
        return Picture(f"follow {name}", lambda: draw_followed(self.pieces, self.config, name))

    def _repr_png_(self) -> bytes:
        return self.picture.png

    def __repr__(self) -> str:
        return "\n".join(told(self.pieces, plain(self.walk), self.seconds))
