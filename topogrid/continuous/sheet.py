"""A sheet of units with local wiring everywhere alike: Burak and Fiete's, without edges, and with any map of tau."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from topogrid.analysis.options import as_count, as_number

Single = NDArray[np.float32]

REACH = 13.0
"""Length scale of the wiring, units (Burak and Fiete's lambda)."""
STRENGTH = 2.0
"""Of the wiring: the uniform state gives way to bumps."""
SHIFT = 2
"""How far a unit's outgoing wiring is shifted along its preferred direction, units."""
ROW_APART = 16
"""Units from one row of bumps to the next: the wave that the wiring amplifies most."""
SPEED_PER_DRIVE = 4.25
"""Speed of bumps where tau is the same everywhere, units a step, times tau, by drive: measured, a test holds it."""
_DIRECTIONS = ((1, 0), (0, 1), (-1, 0), (0, -1))
_BLOCK = ((0, 1), (3, 2))  # preferred directions of two by two units


class Sheet:
    """Units ``(row, column)`` on a torus, each wired to those around it in the same way.

    A unit excites nobody and inhibits a ring around it, a little shifted along its preferred direction; it is driven
    by movement in that direction. Bumps of activity form on a hexagonal lattice and flow with the movement::

        h <- h + (relu(W h + 1 + drive . direction) - h) / tau

    Parameters
    ----------
    rows, columns : int
        Even, so that the blocks of preferred directions close up, and room for two rows of bumps, which are
        `ROW_APART` apart: less holds stripes.

    Raises
    ------
    TypeError, ValueError
        If they are no such numbers.

    References
    ----------
    Burak, Y. & Fiete, I. R. Accurate path integration in continuous attractor network models of grid cells. PLoS
    Computational Biology (2009). The wiring; edges, spiking and the gradient of tau are not theirs.
    """

    def __init__(self, rows: int, columns: int) -> None:
        for side, what in ((rows, "rows"), (columns, "columns")):
            if as_count(side, what, least=2 * ROW_APART) % 2:
                raise ValueError(f"{what} must be even, got {side}")
        self.shape = (int(rows), int(columns))
        kind = np.tile(np.array(_BLOCK), (rows // 2, columns // 2))
        self._masks = np.stack([kind == one for one in range(4)]).astype(np.float32)
        self._towards = np.array(_DIRECTIONS, dtype=np.float32)[kind].transpose(2, 0, 1)
        self._spectra = _spectra(self.shape)

    def settled(self, tau: ArrayLike, rng: np.random.Generator, n_steps: int = 1500) -> Single:
        """Return the bumps that grow from noise without movement, ``(1, row, column)``.

        Parameters
        ----------
        tau : array_like, broadcast to ``(row, column)``
            Steps, above 1.
        rng : numpy.random.Generator
            Draws the noise.
        n_steps : int
        """
        activity = (0.1 * rng.random((1, *self.shape))).astype(np.float32)
        still = np.zeros((1, 2), dtype=np.float32)
        for _ in range(n_steps):
            activity = self.step(activity, still, tau)
        return activity

    def step(self, activity: Single, drive: ArrayLike, tau: ArrayLike) -> Single:
        """Return activity one step later.

        Parameters
        ----------
        activity : ndarray, ``(sheet, row, column)``
        drive : array_like, ``(sheet, 2)``
            Movement along columns and along rows; bumps keep up below about 0.2.
        tau : array_like, broadcast to ``(row, column)``
            Steps.
        """
        drive = np.asarray(drive, dtype=np.float32)[:, :, None, None]
        sent = fft.rfft2(activity[:, None] * self._masks)
        wanted: Single = fft.irfft2((sent * self._spectra).sum(axis=1), s=self.shape)
        wanted += 1 + drive[:, 0] * self._towards[0] + drive[:, 1] * self._towards[1]
        np.maximum(wanted, 0, out=wanted)
        wanted -= activity
        wanted /= np.asarray(tau, dtype=np.float32)
        wanted += activity
        return wanted


def ramp(columns: int, middle: float, ratio: float) -> NDArray[np.float64]:
    """Return a smooth map of tau by column: up by ``ratio`` over one half, down again over the other.

    Parameters
    ----------
    columns : int
    middle : float
        Geometric mean of the shortest and the longest tau, steps.
    ratio : float
        Longest over shortest, 1 or more; 1 is the same tau everywhere.

    Raises
    ------
    TypeError, ValueError
        If they are no such numbers.
    """
    middle = as_number(middle, "the middle of tau, steps,", above=0)
    ratio = as_number(ratio, "the ratio of longest to shortest tau, 1 or more,", above=0)
    if ratio < 1:
        raise ValueError(f"the ratio of longest to shortest tau must be 1 or more, got {ratio:g}")
    way = 1 - np.abs(2 * (np.arange(columns) + 0.5) / columns - 1)
    tau: NDArray[np.float64] = middle / np.sqrt(ratio) * ratio**way
    return tau


def _spectra(shape: tuple[int, int]) -> NDArray[np.complex64]:
    """Return the spectra ``(direction, wave_y, wave_x)`` of what units of each preferred direction send."""
    apart: list[Any] = [np.minimum(np.arange(side), side - np.arange(side)) for side in shape]
    squared = 3 * (apart[0][:, None] ** 2 + apart[1] ** 2) / REACH**2
    wiring = fft.rfft2(STRENGTH * (np.exp(-1.05 * squared) - np.exp(-squared))).real
    wave_y, wave_x = 2 * np.pi * fft.fftfreq(shape[0])[:, None], 2 * np.pi * fft.rfftfreq(shape[1])
    spectra: NDArray[np.complex64] = np.stack(
        [wiring * np.exp(-1j * SHIFT * (wave_x * x + wave_y * y)) for x, y in _DIRECTIONS]
    ).astype(np.complex64)
    return spectra
