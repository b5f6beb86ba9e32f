"""What every wiring answers: who is connected to whom, with which first weights, and in which order of units.

A wiring owns the recurrent weights; nobody else knows their shape. A new one is a file with a subclass of `Wiring`, a
word among the choices of the setting ``wiring``, and a line in the registry of this package.

Shapes: T time, B batch, M module, N unit of the whole sheet, n unit of one module.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

from topogrid.model.low_rank import Factors
from topogrid.model.module_recurrence import Exact
from topogrid.model.penalty import weight_decay
from topogrid.settings.config import TrainConfig


class Units(Protocol):
    """What a wiring sees of the recurrent units."""

    w_in: nn.Parameter
    drive: nn.Parameter | None

    @property
    def wiring(self) -> Wiring:
        """How they are connected."""

    def __call__(self, displacement: Tensor, start: Tensor) -> Tensor:
        """Return activity ``(T, B, N)`` along displacements ``(T, B, 2)`` from a start ``(B, N)``."""


class Network(Protocol):
    """What a wiring sees of the network around it."""

    encoder: nn.Parameter
    readout: nn.Parameter

    @property
    def units(self) -> Units:
        """The recurrent units."""


class PlaceCode(Protocol):
    """What a wiring sees of the place cells."""

    def encode(self, position: Tensor) -> Tensor:
        """Return the code ``(..., place)`` of positions ``(..., 2)``, metres."""


class Wiring(nn.Module):
    """How units are connected.

    Parameters
    ----------
    shape : tuple of int
        Of the weights: ``(unit, unit)``, or ``(module, unit, unit)``.
    """

    exact: ClassVar[Exact] = "nothing"
    """What of the weights passes in fp32 where the rest is rounded to bf16."""
    automatic_bf16: ClassVar[bool] = False
    """Whether ``--precision auto`` may round the weights: only where that was measured to change no result."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))

    @classmethod
    @abstractmethod
    def from_config(cls, config: TrainConfig) -> Wiring:
        """Return the wiring of a network, its weights not yet drawn."""

    @property
    @abstractmethod
    def n_units(self) -> int:
        """Units on the sheet."""

    @property
    def width_scale(self) -> float:
        """What the learning rate of weights that sum over units is multiplied by, so that it holds on every sheet."""
        return 1.0

    @abstractmethod
    def initialise(self, network: Network, config: TrainConfig, generator: torch.Generator) -> None:
        """Draw all first weights of the network in place."""

    def fit(self, network: Network, place_cells: PlaceCode, config: TrainConfig) -> None:
        """Set encoder and read-out from what the recurrent units do by themselves; does nothing by default.

        Called once before training and again where the map of time constants has grown. It depends on the network and
        the settings alone, so that doing it again changes nothing.
        """

    # Order of units -------------------------------------------------------------------------------------------------

    def arrange(self, values: Tensor) -> Tensor:
        """Bring values ``(N, ...)`` into the layout of the products; as they are by default."""
        return values

    def by_unit(self, values: Tensor) -> Tensor:
        """Give every unit what its module has, ``(M,)`` to ``(N,)``; all are one module by default."""
        return values.expand(self.n_units)

    def arrange_states(self, states: Tensor) -> Tensor:
        """Bring states ``(B, N)`` into the layout of the products."""
        return states

    def restore_states(self, states: Tensor) -> Tensor:
        """Bring states of the products, behind a time axis, into sheet order, ``(T, B, N)``."""
        return states

    @property
    def factors(self) -> Factors | None:
        """Patterns that make up weights which do not learn, where few do; none by default."""
        return None

    @property
    def weight_maps(self) -> Tensor:
        """The weights as maps over the receiving units of a square sheet, ``(unit, map)``; as they are by default."""
        return self.weight

    def weights_of(self, modules: slice) -> Tensor:
        """Return the weights, of some modules where there are modules."""
        return part_of(self.weight, modules)

    # What is done to weights ----------------------------------------------------------------------------------------

    def penalty(self, towards: str, modules: slice = slice(None)) -> Tensor:
        """Return the sum of squared weights, or of their distance from the identity; of some modules, if there are."""
        return weight_decay(self.weights_of(modules), towards)

    @abstractmethod
    def silence(self, units: Tensor) -> None:
        """Cut units off in both directions; call without gradients."""

    @torch.no_grad()
    def cut(self) -> None:
        """Set all weights to 0."""
        self.weight.zero_()


def part_of(values: Tensor, modules: slice) -> Tensor:
    """Return values ``(module, ...)`` of some modules; all of them as they are, which costs their gradient no copy."""
    return values if modules == slice(None) else values[modules]
