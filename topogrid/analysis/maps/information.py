"""How much a unit's activity says about position."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.inputs import MapsLike, as_maps, as_occupancy
from topogrid.analysis.levels import near_one

__all__ = ["spatial_information"]


def spatial_information(rate_maps: MapsLike, occupancy: ArrayLike) -> NDArray[np.float64]:
    """Return each unit's spatial information in bits per spike-equivalent.

    ``sum_i p_i (r_i / r) log2(r_i / r)`` with ``p_i`` the share of time in bin ``i``, ``r_i`` the rate there and
    ``r`` the mean rate. Activity has no spikes; one spike-equivalent is one unit of time-integrated activity, which
    cancels.

    Parameters
    ----------
    rate_maps : array_like, ``(unit, bin_y, bin_x)``
        Non-negative rates; NaN or masked where a bin was not visited.
    occupancy : array_like, ``(bin_y, bin_x)``
        Time or number of samples in each bin; masked is none.

    Returns
    -------
    ndarray, ``(unit,)``
        Bits; 0 for a constant map, NaN where the mean rate is zero or a rate is negative (the measure is not defined
        there).

    Raises
    ------
    TypeError
        If maps or occupancy are not real numbers.
    ValueError
        If the shapes do not match or the occupancy is negative or not finite.

    References
    ----------
    Skaggs et al., NIPS 1992.
    """
    maps = near_one(as_maps(rate_maps))
    time = near_one(as_occupancy(occupancy, maps.shape[1:])[None])[0]
    rates = maps.reshape(len(maps), -1)
    visited = np.isfinite(rates) & (time.ravel() > 0)
    share = visited * time.ravel()
    total = share.sum(axis=1, keepdims=True)
    share /= np.where(total > 0, total, 1.0)
    rates = np.where(visited, rates, 0.0)
    mean = (share * rates).sum(axis=1, keepdims=True)
    defined = (mean[:, 0] > 0) & (rates >= 0).all(axis=1)
    relative = rates / np.where(defined[:, None], mean, 1.0)
    logarithm = np.log2(relative, out=np.zeros_like(relative), where=relative > 0)
    information: NDArray[np.float64] = np.where(defined, (share * relative * logarithm).sum(axis=1), np.nan)
    return information
