"""Modules wired as hexagonal tori that a bump of activity moves over: the continuous attractor of Burak & Fiete (2009).

A module of n x n units has them at ``p = (col + row / 2, row sqrt(3) / 2)`` on a torus of side n: a hexagonal lattice.
Every unit prefers one of four directions of movement, in turn over each block of 2 x 2 units, and its outgoing weights
are shifted a little along it. Movement then drives the units of its direction harder, and the bump moves along.

Which lattice a module makes is wired. What is *not* is how wide it is in the box: a slow module moves its bump slowly,
so that the animal goes further between two fields. Measured: spacing is 0.2325 m times tau at a movement gain of 36.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from topogrid.analysis.sheets import Sheet
from topogrid.model.wiring.base import Network, PlaceCode
from topogrid.model.wiring.fitting import fit_encoder_and_readout
from topogrid.model.wiring.modular import Modular
from topogrid.settings.config import TrainConfig

EXCITATION, INHIBITION = 6.0, 3.3  # J1 and J0: one bump a module, 38 to 40 % of units active
SHIFT = 0.2  # of the side of a module: how far outgoing weights are shifted along the preferred direction
QUARTER_TURNS = ((0, 1), (3, 2))  # preferred directions in a block of 2 x 2 units, in quarters of a turn


class Attractor(Modular):
    """Modules of an even number of units a side, with fixed recurrent and movement weights unless told to learn.

    Parameters
    ----------
    sheet : Sheet
    learn_recurrent, learn_movement : bool
        Whether the wired weights (with the drive), and those from movement, get a gradient.
    """

    def __init__(self, sheet: Sheet, *, learn_recurrent: bool = False, learn_movement: bool = False) -> None:
        super().__init__(sheet)
        self.learn_recurrent, self.learn_movement = learn_recurrent, learn_movement

    @classmethod
    def from_config(cls, config: TrainConfig) -> Attractor:
        """Return the wiring of a network."""
        return cls(config.sheet, learn_recurrent=config.learn_recurrent, learn_movement=config.learn_movement)

    @torch.no_grad()
    def initialise(self, network: Network, config: TrainConfig, generator: torch.Generator) -> None:
        """Wire every module, and turn each by an angle of its own; encoder and read-out wait for `fit`."""
        self.weight.copy_(torus_weights(self.sheet.module_side))
        turned = turned_directions(self.sheet, generator)
        order = torch.from_numpy(self.sheet.order).flatten()
        gains = self.movement_gains(self.sheet.n_modules, config.movement_gain_ratio).to(turned.device)
        network.units.w_in[order] = (config.movement_gain * gains[:, None, None] * turned).flatten(0, 1)
        network.encoder.zero_()
        network.readout.zero_()
        self.weight.requires_grad_(self.learn_recurrent)
        network.units.w_in.requires_grad_(self.learn_movement)
        if network.units.drive is not None:
            network.units.drive.requires_grad_(self.learn_recurrent)

    def fit(self, network: Network, place_cells: PlaceCode, config: TrainConfig) -> None:
        """Set encoder and read-out by ridge regression on states that the untrained attractor has at known places."""
        fit_encoder_and_readout(network, place_cells, config)


def positions(side: int) -> Tensor:
    """Return where the units of a module stand on their torus, ``(unit, 2)``, in distances between neighbours."""
    row, col = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return torch.stack((col + 0.5 * row, row * math.sqrt(3) / 2), dim=-1).reshape(-1, 2)


def preferred_directions(side: int) -> Tensor:
    """Return the unit vector of movement that each unit of a module prefers, ``(unit, 2)``."""
    quarters = torch.tensor(QUARTER_TURNS).repeat(side // 2, side // 2).flatten()
    angle = quarters * (math.pi / 2)
    return torch.stack((angle.cos(), angle.sin()), dim=-1)


def wave_vectors(side: int) -> Tensor:
    """Return the three wave vectors, 60 degrees apart, that are periodic on the torus, ``(3, 2)``."""
    angle = torch.tensor([90.0, 150.0, 210.0]).deg2rad()
    return 4 * math.pi / (math.sqrt(3) * side) * torch.stack((angle.cos(), angle.sin()), dim=-1)


def torus_weights(side: int) -> Tensor:
    """Return the recurrent weights of a module of ``side`` x ``side`` units, ``(receiver, sender)``.

    A sum of three cosines of where receiver and sender stand, shifted along the sender's preferred direction:
    ``(J1 sum_a cos(k_a . (p_i - p_j - l e_j)) - J0) / n^2``.

    References
    ----------
    Burak & Fiete, PLoS Comput. Biol. 2009 (shifted weights); Guanella, Kiper & Verschure, Int. J. Neural Syst. 2007
    (one bump on a twisted torus).
    """
    place = positions(side)
    offset = place[:, None] - place[None] - SHIFT * side * preferred_directions(side)[None]
    waves = torch.cos(offset @ wave_vectors(side).t()).sum(dim=-1)
    return (EXCITATION * waves - INHIBITION) / side**2


def turned_directions(sheet: Sheet, generator: torch.Generator) -> Tensor:
    """Return the preferred directions of all units, each module turned by its own angle, ``(module, unit, 2)``.

    Angles are spread evenly over the 60 degrees after which a hexagonal lattice repeats, and dealt out to modules.
    """
    place = torch.randperm(sheet.n_modules, generator=generator, device=generator.device).cpu()
    angle = place * (math.pi / 3 / sheet.n_modules)
    turn = torch.stack((angle.cos(), -angle.sin(), angle.sin(), angle.cos()), dim=-1).reshape(-1, 2, 2)
    return torch.einsum("mcd,ud->muc", turn, preferred_directions(sheet.module_side))
