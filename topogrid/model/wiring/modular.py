"""Units connected inside modules: square patches of the sheet that integrate each on their own.

Shapes: T time, B batch, M module, N unit of the whole sheet, n unit of one module.
"""

from __future__ import annotations

import torch
from torch import Tensor

from topogrid.analysis.sheets import Sheet
from topogrid.model.low_rank import Factors, factors_of
from topogrid.model.wiring.base import Wiring


class Modular(Wiring):
    """Weights ``(module, unit, unit)`` inside the modules of a sheet; a row belongs to the receiving unit."""

    def __init__(self, sheet: Sheet) -> None:
        across = sheet.module_side**2
        super().__init__((sheet.n_modules, across, across))
        self.sheet = sheet
        self.own: tuple[slice, Tensor] | None = None
        """Where processes split the modules: those of this process, and their weights as it moves them, a leaf of its
        own beside ``weight``."""
        self._taken_apart: tuple[Tensor, int, Factors | None] | None = None

    @property
    def factors(self) -> Factors | None:
        """Patterns of weights that do not learn, if few make them up; found once, and again where weights change.

        None on a GPU, which would launch four pieces of work in place of one and wait for the weights to be looked at.
        Values changed through ``weight.data`` go unseen, as by all of autograd.
        """
        # Made in inference mode, weights do not tell when they change.
        if self.weight.requires_grad or self.weight.device.type != "cpu" or self.weight.is_inference():
            return None
        if self._taken_apart is not None:
            weights, version, factors = self._taken_apart
            if weights.data_ptr() == self.weight.data_ptr() and version == self.weight._version:
                return factors
        self._taken_apart = self.weight.detach(), self.weight._version, factors_of(self.weight)
        return self._taken_apart[-1]

    def weights_of(self, modules: slice) -> Tensor:
        """See `Wiring.weights_of`; a process's own modules have the weights that it moves."""
        return self.own[1] if self.own is not None and self.own[0] == modules else super().weights_of(modules)

    @property
    def n_units(self) -> int:
        """Units on the sheet."""
        return self.sheet.n_units

    def arrange(self, values: Tensor) -> Tensor:
        """Sort values ``(N, ...)`` by module, ``(M, n, ...)``."""
        modules, across = self.sheet.modules, self.sheet.module_side
        patches = values.reshape(modules, across, modules, across, *values.shape[1:]).transpose(1, 2)
        return patches.reshape(modules**2, across**2, *values.shape[1:])

    def by_unit(self, values: Tensor) -> Tensor:
        """Give every unit what its module has, ``(M,)`` to ``(N,)``."""
        modules, across = self.sheet.modules, self.sheet.module_side
        return values.reshape(modules, 1, modules, 1).expand(-1, across, -1, across).reshape(-1)

    def arrange_states(self, states: Tensor) -> Tensor:
        """Sort states ``(B, N)`` by module, ``(M, B, n)``; of the whole sheet, or of some rows of its modules."""
        modules, across = self.sheet.modules, self.sheet.module_side
        rows = states.shape[-1] // (modules * across**2)
        patches = states.reshape(-1, rows, across, modules, across).permute(1, 3, 0, 2, 4)
        return patches.reshape(rows * modules, -1, across**2)

    def restore_states(self, states: Tensor) -> Tensor:
        """Bring states ``(T, M, B, n)`` of all modules, or of some rows of them, into sheet order, ``(T, B, N)``."""
        modules, across = self.sheet.modules, self.sheet.module_side
        time, several, batch, _ = states.shape
        patches = states.reshape(time, several // modules, modules, batch, across, across).permute(0, 3, 1, 4, 2, 5)
        return patches.reshape(time, batch, several * across**2)

    @property
    def weight_maps(self) -> Tensor:
        """The weights as maps over the receiving units of a module, ``(n, M x n)``."""
        return self.weight.transpose(0, 1).flatten(1)

    @staticmethod
    def movement_gains(n_modules: int, ratio: float) -> Tensor:
        """Return the gain from movement of every module, ``(module,)``, relative to their geometric mean.

        It falls in even ratios from the first module to the last, so that spacing, which goes as tau over gain, rises.
        """
        place = torch.linspace(0.5, -0.5, n_modules) if n_modules > 1 else torch.zeros(1)
        return torch.as_tensor(ratio) ** place

    @torch.no_grad()
    def silence(self, units: Tensor) -> None:
        """Cut units off in both directions."""
        gone = torch.zeros(self.n_units, dtype=torch.bool, device=self.weight.device)
        gone[units] = True
        silent = self.arrange(gone)
        self.weight.masked_fill_(silent[:, :, None] | silent[:, None, :], 0.0)
