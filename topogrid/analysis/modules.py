"""Modules of grid spacing: a Gaussian mixture on log spacing, against the alternative of a single component."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

__all__ = ["Modules", "fit_modules"]

Float = NDArray[np.float64]

_MIN_SD = 0.01  # of log spacing: a component cannot be narrower than 1 %, the precision of a spacing
_ITERATIONS = 500


class Modules(NamedTuple):
    """The mixture with the lowest BIC, components ordered by spacing; empty if there are too few spacings.

    Attributes
    ----------
    n_modules : int
        Components of the best mixture. More than one need not mean modules: see ``bic_gain`` and ``separation``.
    spacing : ndarray, ``(module,)``
        Centre of each component, metres.
    spread : ndarray, ``(module,)``
        Standard deviation of log spacing in each component.
    weight : ndarray, ``(module,)``
        Share of units in each component.
    ratio : ndarray, ``(module - 1,)``
        Spacing of each component over the next smaller one; about 1.4 between modules of the rat.
    separation : ndarray, ``(module - 1,)``
        Ashman's D between neighbouring components; above 2 they are two groups, not one skewed group in two pieces.
    label : ndarray of int, ``(unit,)``
        Most probable component of every unit, -1 for a unit without spacing.
    bic : ndarray, ``(component,)``
        Bayesian information criterion of 1, 2, ... components; lower is better, NaN where there are too few units.
    bic_gain : float
        BIC of one component minus that of the best mixture: 0 if one is best, above 10 strong evidence against one.
    """

    n_modules: int
    spacing: Float
    spread: Float
    weight: Float
    ratio: Float
    separation: Float
    label: NDArray[np.int64]
    bic: Float
    bic_gain: float


class _Mixture(NamedTuple):
    """Means, standard deviations and weights ``(component,)``, and the log likelihood of the data."""

    mean: Float
    sd: Float
    weight: Float
    log_likelihood: float


def fit_modules(spacing: ArrayLike, max_modules: int = 5) -> Modules:
    """Fit Gaussian mixtures of one component and more to log spacing, and keep the one of lowest BIC.

    Parameters
    ----------
    spacing : array_like, any shape
        Spacings in metres; NaN for units without a lattice. Flattened.
    max_modules : int
        Largest number of components.

    Returns
    -------
    Modules

    Raises
    ------
    ValueError
        If a spacing is not positive, or ``max_modules`` is below 1.

    Notes
    -----
    Deterministic: expectation-maximisation from quantiles and from the widest gaps of the data; the likelier is kept.

    References
    ----------
    Stensola et al., Nature 2012 (modules and their ratios); Ashman et al., Astronomical Journal 1994 (D).

    """
    if max_modules < 1:
        raise ValueError(f"max_modules must be at least 1, got {max_modules}")
    values = np.asarray(spacing, dtype=np.float64).ravel()
    has_value = np.isfinite(values)
    if (values[has_value] <= 0).any():
        raise ValueError("spacings must be positive metres: mark units without a lattice as NaN")
    logs = np.log(values[has_value])
    fits = [_fit(logs, k) if logs.size >= 3 * k else None for k in range(1, max_modules + 1)]
    # A component has a mean, a spread and a weight; the weights sum to 1.
    bic = np.array(
        [
            np.nan if fit is None else (3 * k - 1) * np.log(logs.size) - 2 * fit.log_likelihood
            for k, fit in enumerate(fits, start=1)
        ]
    )
    label = np.full(values.size, -1, dtype=np.int64)
    if np.isnan(bic[0]):
        none = np.empty(0)
        return Modules(0, none, none, none, none, none, label, bic, np.nan)
    best = fits[int(np.nanargmin(bic))]
    assert best is not None  # noqa: S101 -- its BIC is finite
    label[has_value] = _log_joint(logs, best.mean, best.sd, best.weight).argmax(axis=1)
    step, pooled = np.diff(best.mean), np.sqrt((best.sd[1:] ** 2 + best.sd[:-1] ** 2) / 2)
    gain = float(bic[0] - np.nanmin(bic))
    return Modules(
        best.mean.size, np.exp(best.mean), best.sd, best.weight, np.exp(step), step / pooled, label, bic, gain
    )


def _fit(logs: Float, components: int) -> _Mixture:
    """Return the likelier of two deterministic fits, components ordered by mean."""
    ordered = np.sort(logs)
    widest_gaps = np.sort(np.argsort(-np.diff(ordered), kind="stable")[: components - 1] + 1)
    starts = (np.array_split(ordered, components), np.split(ordered, widest_gaps))
    fits = [_expectation_maximisation(ordered, parts) for parts in starts]
    best = max(fits, key=lambda fit: fit.log_likelihood)
    order = np.argsort(best.mean)
    return _Mixture(best.mean[order], best.sd[order], best.weight[order], best.log_likelihood)


def _expectation_maximisation(logs: Float, parts: list[Float]) -> _Mixture:
    """Improve a partition of the data until the likelihood settles."""
    mean = np.array([part.mean() for part in parts])
    sd = np.maximum([part.std() for part in parts], _MIN_SD)
    weight = np.array([part.size for part in parts]) / logs.size
    previous = -np.inf
    for _ in range(_ITERATIONS):
        joint = _log_joint(logs, mean, sd, weight)
        total = logsumexp(joint, axis=1)
        likelihood = float(total.sum())
        if likelihood - previous < 1e-8 * logs.size:
            break
        previous = likelihood
        share = np.exp(joint - total[:, None])
        size = np.maximum(share.sum(axis=0), 1e-12)
        weight = size / size.sum()
        mean = share.T @ logs / size
        sd = np.maximum(np.sqrt((share * (logs[:, None] - mean) ** 2).sum(axis=0) / size), _MIN_SD)
    return _Mixture(mean, sd, weight, float(logsumexp(_log_joint(logs, mean, sd, weight), axis=1).sum()))


def _log_joint(logs: Float, mean: Float, sd: Float, weight: Float) -> Float:
    """Return the log density of every value in every component, ``(value, component)``."""
    joint: Float = np.log(weight) - np.log(sd) - 0.5 * np.log(2 * np.pi) - 0.5 * ((logs[:, None] - mean) / sd) ** 2
    return joint
