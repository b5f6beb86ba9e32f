"""Clusters of grid spacing: a Gaussian mixture on log spacing, against the alternative of a single component.

A *scale cluster* is a component of that mixture, wherever its units stand; a *module* is a patch of the sheet.
"""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.inputs import as_values
from topogrid.analysis.options import as_count, as_number

__all__ = ["FEWEST_UNITS", "SMALLEST_RATIO", "SMALLEST_SHARE", "ScaleClusters", "fit_scale_clusters"]

Float = NDArray[np.float64]

SMALLEST_RATIO = 1.15
"""Ratio of neighbouring clusters' spacings from which they are two: the smallest between modules of rats is 1.2."""
SMALLEST_SHARE = 0.05
"""Share of units below which a component is a handful of odd units."""
FEWEST_UNITS = 10
"""Units below which it is one as well."""

_MIN_SD = 0.01  # of log spacing: a component cannot be narrower than 1 %, the precision of a spacing
_ITERATIONS = 500


class ScaleClusters(NamedTuple):
    """The admissible mixture with the lowest BIC, components ordered by spacing; empty if there are too few spacings.

    Attributes
    ----------
    n_clusters : int
        Components of the best mixture. More than one need not mean clusters: see ``bic_gain`` and ``separation``.
    spacing : ndarray, ``(cluster,)``
        Centre of each component, metres.
    spread : ndarray, ``(cluster,)``
        Standard deviation of log spacing in each component.
    weight : ndarray, ``(cluster,)``
        Share of units in each component.
    ratio : ndarray, ``(cluster - 1,)``
        Spacing of each component over the next smaller one; about 1.4 between modules of the rat.
    separation : ndarray, ``(cluster - 1,)``
        Ashman's D between neighbouring components; above 2 they are two groups, not one skewed group in two pieces.
    label : ndarray of int, ``(unit,)``
        Most probable component of every unit, -1 for a unit without spacing.
    bic : ndarray, ``(component,)``
        Bayesian information criterion of 1, 2, ... components; lower is better, NaN where no mixture of so many is
        admissible.
    bic_gain : float
        BIC of one group minus that of the best mixture: 0 or less if one group is best, above 10 strong evidence
        against one. One group is one component, or an even spread of log spacing from the smallest to the largest,
        whichever has the lower BIC: a continuum is no clusters.
    """

    n_clusters: int
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


def fit_scale_clusters(
    spacing: ArrayLike,
    max_clusters: int = 5,
    *,
    smallest_ratio: float = SMALLEST_RATIO,
    smallest_share: float = SMALLEST_SHARE,
    fewest_units: float = FEWEST_UNITS,
) -> ScaleClusters:
    """Fit Gaussian mixtures of one component and more to log spacing, and keep the admissible one of lowest BIC.

    Without floors BIC splits the skewed or long-tailed spacings of one lattice in two, and gives a component to a few
    odd units.

    Parameters
    ----------
    spacing : array_like, any shape
        Spacings in metres; NaN for units without a lattice. Flattened.
    max_clusters : int
        Largest number of components.
    smallest_ratio : float
        A mixture is admissible only if neighbouring components' spacings are this far apart,
    smallest_share : float
        each component holds this share of the units with a spacing,
    fewest_units : float
        and as many units. One component always is admissible.

    Returns
    -------
    ScaleClusters

    Raises
    ------
    TypeError
        If spacings are not real numbers, or ``max_clusters`` is not a whole one.
    ValueError
        If a spacing is not positive, ``max_clusters`` or ``smallest_ratio`` is below 1, or a floor is negative.

    Notes
    -----
    Deterministic: expectation-maximisation from quantiles and from the widest gaps of the data; the likelier admissible
    one is kept.

    References
    ----------
    Stensola et al., Nature 2012 (modules of the rat, 1.2 to 2.0 times apart); Ashman et al., Astronomical Journal 1994
    (D).
    """
    max_clusters = as_count(max_clusters, "max_clusters")
    smallest_ratio = as_number(smallest_ratio, "smallest_ratio", least=1)
    smallest_share, fewest_units = (
        as_number(smallest_share, "smallest_share", least=0),
        as_number(fewest_units, "fewest_units", least=0),
    )
    values = as_values(spacing, "spacings")
    has_value = np.isfinite(values)
    if (values[has_value] <= 0).any():
        raise ValueError("spacings must be positive metres: mark units without a lattice as NaN")
    logs = np.log(values[has_value])

    def admissible(fit: _Mixture) -> bool:
        far = np.diff(fit.mean) >= np.log(smallest_ratio)
        return bool(far.all()) and fit.weight.min() >= max(smallest_share, fewest_units / logs.size)

    fits: list[_Mixture | None] = []
    for k in range(1, max_clusters + 1):
        tried = _fits(logs, k) if logs.size >= 3 * k else []
        kept = [fit for fit in tried if k == 1 or admissible(fit)]
        fits.append(max(kept, key=lambda fit: fit.log_likelihood) if kept else None)
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
        return ScaleClusters(0, none, none, none, none, none, label, bic, np.nan)
    best = fits[int(np.nanargmin(bic))]
    assert best is not None  # noqa: S101 -- its BIC is finite
    label[has_value] = _log_joint(logs, best.mean, best.sd, best.weight).argmax(axis=1)
    step, pooled = np.diff(best.mean), np.sqrt((best.sd[1:] ** 2 + best.sd[:-1] ** 2) / 2)
    gain = float(min(bic[0], _bic_of_even_spread(logs)) - np.nanmin(bic))
    return ScaleClusters(
        best.mean.size, np.exp(best.mean), best.sd, best.weight, np.exp(step), step / pooled, label, bic, gain
    )


def _bic_of_even_spread(logs: Float) -> float:
    """Return the BIC of log spacings that lie evenly between two ends, the smallest and the largest."""
    width = max(float(np.ptp(logs)), np.sqrt(12) * _MIN_SD)  # no narrower than the narrowest component
    return float(2 * np.log(logs.size) + 2 * logs.size * np.log(width))


def _fits(logs: Float, components: int) -> list[_Mixture]:
    """Return two deterministic fits, components ordered by mean."""
    ordered = np.sort(logs)
    widest_gaps = np.sort(np.argsort(-np.diff(ordered), kind="stable")[: components - 1] + 1)
    starts = (np.array_split(ordered, components), np.split(ordered, widest_gaps))
    fits = [_expectation_maximisation(ordered, parts) for parts in starts]
    orders = [np.argsort(fit.mean, kind="stable") for fit in fits]
    return [
        _Mixture(fit.mean[order], fit.sd[order], fit.weight[order], fit.log_likelihood)
        for fit, order in zip(fits, orders, strict=True)
    ]


def _expectation_maximisation(logs: Float, parts: list[Float]) -> _Mixture:
    """Improve a partition of the data until the likelihood settles."""
    mean = np.array([part.mean() for part in parts])
    sd = np.maximum([part.std() for part in parts], _MIN_SD)
    weight = np.array([part.size for part in parts]) / logs.size
    previous = -np.inf
    for _ in range(_ITERATIONS):
        joint = _log_joint(logs, mean, sd, weight)
        total = scipy.special.logsumexp(joint, axis=1)
        likelihood = float(total.sum())
        if likelihood - previous < 1e-8 * logs.size:
            break
        previous = likelihood
        share = np.exp(joint - total[:, None])
        size = np.maximum(share.sum(axis=0), 1e-12)
        weight = size / size.sum()
        mean = share.T @ logs / size
        sd = np.maximum(np.sqrt((share * (logs[:, None] - mean) ** 2).sum(axis=0) / size), _MIN_SD)
    return _Mixture(mean, sd, weight, float(scipy.special.logsumexp(_log_joint(logs, mean, sd, weight), axis=1).sum()))


def _log_joint(logs: Float, mean: Float, sd: Float, weight: Float) -> Float:
    """Return the log density of every value in every component, ``(value, component)``."""
    joint: Float = np.log(weight) - np.log(sd) - 0.5 * np.log(2 * np.pi) - 0.5 * ((logs[:, None] - mean) / sd) ** 2
    return joint
