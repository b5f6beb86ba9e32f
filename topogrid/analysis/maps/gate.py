"""Which units are grid cells: grid scores against those of surrogates, for one unit and for a whole network.

Smooth maps of any kind pass the customary threshold of 0.3 in a third of all cases, so a share of "grid cells" means
nothing without the share among surrogates.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.maps.nulls import NULLS, ring_radius
from topogrid.analysis.maps.scores import checked_maps, grid_scores

__all__ = ["GridGate", "grid_gate"]

Float = NDArray[np.float64]

_UNIT_LEVEL, _DISCOVERY_RATE = 0.01, 0.05
_FEWEST_SURROGATES = 8000  # of a whole network
_MIN_POOL, _MAX_POOLS = 2000, 8  # surrogate scores behind a p-value, and classes of spatial period
_FINEST_POOL = 16_000  # to which a pool grows where that could decide


class GridGate(NamedTuple):
    """Which units are grid cells, and what chance would have given.

    Attributes
    ----------
    p_value : ndarray, ``(unit,)``
        Share of surrogates, pooled over units of similar period, that score at least as high; NaN for dead units.
    passed : ndarray of bool, ``(unit,)``
        ``p_value <= 0.01`` and also significant at a false-discovery rate of 5 % over the network (Benjamini-Hochberg).
    threshold : ndarray, ``(unit,)``
        The 99th percentile of the unit's pool of surrogate scores: the score it had to exceed.
    score_60 : ndarray, ``(unit,)``
        The grid scores that were judged.
    share_03, share_05, share_08 : float
        Share of *all* units, dead ones included, with a score above 0.3, 0.5 and 0.8.
    null_share_03, null_share_05, null_share_08 : float
        The same shares among surrogates. Never quote the former without the latter.
    null_share_gate : float
        Share of surrogates, of *all* units' as above, that would pass where the network's own units did: the largest
        p-value that passed, 0 if none did.
    null_scores : ndarray, ``(unit, surrogate)``
        Scores of the surrogates; NaN for dead units.
    n_surrogates : int
        Surrogates per unit, without those drawn afterwards for a finer p-value.
    null : str
        Name of the null.
    """

    p_value: Float
    passed: NDArray[np.bool_]
    threshold: Float
    score_60: Float
    share_03: float
    share_05: float
    share_08: float
    null_share_03: float
    null_share_05: float
    null_share_08: float
    null_share_gate: float
    null_scores: Float
    n_surrogates: int
    null: str


def grid_gate(
    rate_maps: ArrayLike, *, null: str = "ring", n_surrogates: int | None = None, rng: np.random.Generator
) -> GridGate:
    """Say which units are grid cells, judged against surrogates of themselves.

    Parameters
    ----------
    rate_maps : array_like, ``(unit, bin_y, bin_x)``
        Maps of the units of *one* network; NaN where unvisited.
    null : {"ring", "fields", "spectrum", "low_pass"}
        Kind of surrogate, a key of `NULLS`.
    n_surrogates : int, optional
        Surrogates per unit. Units of similar spatial period share theirs. By default at least four a unit and enough
        for 8,000 in all, so that each p-value rests on about 2,000; and more, up to 16,000 a p-value, where units that
        beat all of theirs would pass if only p could be smaller.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    GridGate

    Raises
    ------
    ValueError
        If the null is unknown, ``n_surrogates`` is below 1, or the maps are malformed.

    References
    ----------
    Barry & Burgess, Journal of Neuroscience Methods 2017 (field shuffle); Benjamini & Hochberg, JRSS B 1995.
    """
    if null not in NULLS:
        raise ValueError(f"null must be one of {', '.join(NULLS)}, got {null!r}")
    maps = checked_maps(rate_maps)
    scores = grid_scores(maps).score_60
    alive = np.isfinite(scores)
    if n_surrogates is not None and n_surrogates < 1:
        raise ValueError(f"n_surrogates must be at least 1, got {n_surrogates}")
    adaptive = n_surrogates is None
    n_surrogates = n_surrogates or max(4, -(-_FEWEST_SURROGATES // max(int(alive.sum()), 1)))
    living = maps[alive]

    def draw(units: NDArray[np.intp], times: int) -> Float:
        """Score ``times`` surrogates of each of these living units, ``(unit, surrogate)``."""
        return np.stack([grid_scores(NULLS[null](living[units], rng)).score_60 for _ in range(times)], axis=1)

    null_scores = draw(np.arange(len(living)), n_surrogates)
    pools = _pools(null_scores, ring_radius(living))
    if adaptive:
        pools = _refined(pools, scores[alive], draw)
    p_value, threshold = np.full(len(maps), np.nan), np.full(len(maps), np.nan)
    p_value[alive], threshold[alive] = _judge(scores[alive], pools)
    passed = _benjamini_hochberg(p_value, _DISCOVERY_RATE) & (p_value <= _UNIT_LEVEL)
    every_null_score = np.full((len(maps), n_surrogates), np.nan)
    every_null_score[alive] = null_scores
    return GridGate(
        p_value=p_value,
        passed=passed,
        threshold=threshold,
        score_60=scores,
        share_03=_share_above(scores, 0.3),
        share_05=_share_above(scores, 0.5),
        share_08=_share_above(scores, 0.8),
        null_share_03=_share_above(every_null_score, 0.3),
        null_share_05=_share_above(every_null_score, 0.5),
        null_share_08=_share_above(every_null_score, 0.8),
        null_share_gate=float(p_value[passed].max(initial=0.0)) * float(alive.sum()) / max(len(maps), 1),
        null_scores=every_null_score,
        n_surrogates=n_surrogates,
        null=null,
    )


def _share_above(scores: Float, level: float) -> float:
    """Return the share of all scores above a level; a dead unit's NaN counts as one that is not."""
    return float(np.count_nonzero(scores > level)) / max(scores.size, 1)


class _Pool(NamedTuple):
    """Units of similar spatial period, and the scores of their surrogates in rising order."""

    members: NDArray[np.intp]
    null: Float

    @property
    def least(self) -> float:
        """Smallest p-value that it can give."""
        return 1 / (1 + self.null.size)


def _pools(null_scores: Float, radius: Float) -> list[_Pool]:
    """Sort units into classes of similar spectral radius that share the scores of their surrogates."""
    n_pools = min(_MAX_POOLS, max(1, null_scores.size // _MIN_POOL))
    classes = np.array_split(np.argsort(radius, kind="stable"), n_pools)
    return [_Pool(members, _sorted(null_scores[members])) for members in classes]


def _sorted(scores: Float) -> Float:
    ordered: Float = np.sort(scores[np.isfinite(scores)], axis=None)
    return ordered


def _judge(scores: Float, pools: list[_Pool]) -> tuple[Float, Float]:
    """Return every unit's p-value and the 99th percentile of its pool."""
    p_value, threshold = np.ones(scores.size), np.full(scores.size, np.nan)
    for members, null in pools:
        at_least = null.size - np.searchsorted(null, scores[members], side="left")
        p_value[members] = (1 + at_least) / (1 + null.size)
        threshold[members] = np.quantile(null, 1 - _UNIT_LEVEL) if null.size else np.nan
    return p_value, threshold


def _refined(pools: list[_Pool], scores: Float, draw: Callable[[NDArray[np.intp], int], Float]) -> list[_Pool]:
    """Double the pools whose units beat all surrogates, as long as a smaller p-value could make one pass.

    More surrogates are drawn only where none has reached the score so far, and p is then at most too large (Besag &
    Clifford, Biometrika 1991).
    """
    while True:
        p_value, _ = _judge(scores, pools)
        least = np.empty(scores.size)
        for pool in pools:
            least[pool.members] = pool.least
        unbeaten = p_value <= least
        hoped = np.where(unbeaten, np.minimum(p_value, 1 / (1 + _FINEST_POOL)), p_value)
        waiting = (
            unbeaten & _benjamini_hochberg(hoped, _DISCOVERY_RATE) & ~_benjamini_hochberg(p_value, _DISCOVERY_RATE)
        )
        growing = [waiting[pool.members].any() and pool.null.size < _FINEST_POOL for pool in pools]
        if not any(growing):
            return pools
        pools = [_doubled(pool, draw) if grows else pool for pool, grows in zip(pools, growing, strict=True)]


def _doubled(pool: _Pool, draw: Callable[[NDArray[np.intp], int], Float]) -> _Pool:
    times = -(-pool.null.size // pool.members.size)
    return _Pool(pool.members, _sorted(np.concatenate([pool.null, draw(pool.members, times).ravel()])))


def _benjamini_hochberg(p_value: Float, rate: float) -> NDArray[np.bool_]:
    """Return which hypotheses are rejected at this false-discovery rate; NaN is never rejected and does not count."""
    order = np.sort(p_value[np.isfinite(p_value)])
    below = np.flatnonzero(order <= rate * np.arange(1, order.size + 1) / max(order.size, 1))
    return p_value <= (order[below[-1]] if below.size else -1.0)
