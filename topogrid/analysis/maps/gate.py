"""Which units are grid cells: grid scores against those of surrogates, for one unit and for a whole network.

Smooth maps of any kind pass the customary threshold of 0.3 in a third of all cases, so a share of "grid cells" means
nothing without the share among surrogates.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.inputs import MapsLike, as_maps
from topogrid.analysis.maps.nulls import NULLS, noise_on_rings, ring_radius
from topogrid.analysis.maps.scores import grid_scores
from topogrid.analysis.options import as_choice, as_count, as_generator, as_reals

__all__ = ["GridGate", "grid_gate"]

Float = NDArray[np.float64]

UNIT_LEVEL, _DISCOVERY_RATE = 0.01, 0.05
_FEWEST_SURROGATES = 8000  # of a whole network
_MIN_POOL, _MAX_POOLS = 2000, 8  # surrogate scores behind a p-value, and classes of spatial period
_FINEST_POOL = 16_000  # to which a pool grows where that could decide
_SURROGATES_AT_ONCE = 128  # a network of few units draws several for each in one go, which costs the same


class GridGate(NamedTuple):
    """Which units are grid cells, and what chance would have given.

    Attributes
    ----------
    p_value : ndarray, ``(unit,)``
        Share of surrogates, pooled over units of similar period, that score at least as high; NaN for dead units.
    passed : ndarray of bool, ``(unit,)``
        ``p_value <= 0.01`` and also significant at a false-discovery rate of 5 % over the network (Benjamini-Hochberg).
    share_03, share_05, share_08 : float
        Share of *all* units, dead ones included, with a score above 0.3, 0.5 and 0.8.
    null_share_03, null_share_08 : float
        Two of these shares among surrogates. Never quote the former without the latter.
    null_share_gate : float
        Share of surrogates, of *all* units' as above, that would pass where the network's own units did: the largest
        p-value that passed, 0 if none did.
    null_scores : ndarray, ``(unit, surrogate)``
        Scores of the surrogates; NaN for dead units.
    n_surrogates : int
        Surrogates per unit, without those drawn afterwards for a finer p-value.
    """

    p_value: Float
    passed: NDArray[np.bool_]
    share_03: float
    share_05: float
    share_08: float
    null_share_03: float
    null_share_08: float
    null_share_gate: float
    null_scores: Float
    n_surrogates: int


def grid_gate(
    rate_maps: MapsLike,
    box_size: float | tuple[float, float] | None = None,
    *,
    null: str = "ring",
    n_surrogates: int | None = None,
    scores: ArrayLike | None = None,
    rng: np.random.Generator,
) -> GridGate:
    """Say which units are grid cells, judged against surrogates of themselves.

    Parameters
    ----------
    rate_maps : array_like, ``(unit, bin_y, bin_x)``
        Maps of the units of *one* network, or of the cells of one animal; NaN or masked where unvisited.
    box_size : float or (float, float), optional
        Side of the box, or its width and height, metres. Only to refuse bins that are not square.
    null : {"ring", "fields", "spectrum", "low_pass"}
        Kind of surrogate, a key of `NULLS`.
    n_surrogates : int, optional
        Surrogates per unit. Units of similar spatial period share theirs. By default at least four a unit and enough
        for 8,000 in all, so that each p-value rests on about 2,000; and more, up to 16,000 a p-value, where units that
        beat all of theirs would pass if only p could be smaller.
    scores : array_like, ``(unit,)``, optional
        Hexagonal scores of the maps where `grid_scores` was asked for them before.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    GridGate

    Raises
    ------
    TypeError
        If maps or scores are not real numbers, ``n_surrogates`` is not a whole number or ``rng`` is no generator.
    ValueError
        If the null is unknown, ``n_surrogates`` is below 1, the maps are malformed or their bins not square, or there
        is not one score for each.

    References
    ----------
    Barry & Burgess, Journal of Neuroscience Methods 2017 (field shuffle); Benjamini & Hochberg, JRSS B 1995.
    """
    null = as_choice(null, "null", tuple(NULLS))
    maps, rng = as_maps(rate_maps, box_size, square=True), as_generator(rng)
    adaptive = n_surrogates is None
    if n_surrogates is not None:
        n_surrogates = as_count(n_surrogates, "n_surrogates")
    scores = grid_scores(maps).score_60 if scores is None else as_reals(scores, "scores")
    if scores.shape != maps.shape[:1]:
        raise ValueError(f"scores must be those of the {len(maps)} maps, got shape {scores.shape}")
    alive = np.isfinite(scores)
    n_surrogates = n_surrogates or max(4, -(-_FEWEST_SURROGATES // max(int(alive.sum()), 1)))
    living = maps[alive]
    radius = ring_radius(living)

    def draw(units: NDArray[np.intp], times: int) -> Float:
        """Score ``times`` surrogates of each of these living units, ``(unit, surrogate)``."""
        at_once = max(1, _SURROGATES_AT_ONCE // max(units.size, 1))
        rounds = (min(at_once, times - start) for start in range(0, times, at_once))
        scored = [grid_scores(surrogates(np.tile(units, n))).score_60.reshape(n, -1) for n in rounds]
        return np.concatenate(scored).T

    def surrogates(units: NDArray[np.intp]) -> Float:
        """Draw a surrogate for each of these living units; their rings are found once."""
        if null == "ring":
            return noise_on_rings(living[units], radius[units], rng)
        return NULLS[null](living[units], rng)

    null_scores = draw(np.arange(len(living)), n_surrogates)
    pools = _pools(null_scores, radius)
    if adaptive:
        pools = _refined(pools, scores[alive], draw)
    p_value = np.full(len(maps), np.nan)
    p_value[alive] = _judge(scores[alive], pools)
    passed = _discovered(p_value) & (p_value <= UNIT_LEVEL)
    every_null_score = np.full((len(maps), n_surrogates), np.nan)
    every_null_score[alive] = null_scores
    return GridGate(
        p_value=p_value,
        passed=passed,
        share_03=_share_above(scores, 0.3),
        share_05=_share_above(scores, 0.5),
        share_08=_share_above(scores, 0.8),
        null_share_03=_share_above(every_null_score, 0.3),
        null_share_08=_share_above(every_null_score, 0.8),
        null_share_gate=float(p_value[passed].max(initial=0.0)) * float(alive.sum()) / max(len(maps), 1),
        null_scores=every_null_score,
        n_surrogates=n_surrogates,
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


def _judge(scores: Float, pools: list[_Pool]) -> Float:
    """Return every unit's p-value."""
    p_value = np.ones(scores.size)
    for members, null in pools:
        at_least = null.size - np.searchsorted(null, scores[members], side="left")
        p_value[members] = (1 + at_least) / (1 + null.size)
    return p_value


def _refined(pools: list[_Pool], scores: Float, draw: Callable[[NDArray[np.intp], int], Float]) -> list[_Pool]:
    """Double the pools whose units beat all surrogates, as long as a smaller p-value could make one pass.

    More surrogates are drawn only where none has reached the score so far, and p is then at most too large (Besag &
    Clifford, Biometrika 1991).
    """
    while True:
        p_value = _judge(scores, pools)
        least = np.empty(scores.size)
        for pool in pools:
            least[pool.members] = pool.least
        unbeaten = p_value <= least
        hoped = np.where(unbeaten, np.minimum(p_value, 1 / (1 + _FINEST_POOL)), p_value)
        waiting = unbeaten & _discovered(hoped) & ~_discovered(p_value)
        growing = [waiting[pool.members].any() and pool.null.size < _FINEST_POOL for pool in pools]
        if not any(growing):
            return pools
        pools = [_doubled(pool, draw) if grows else pool for pool, grows in zip(pools, growing, strict=True)]


def _doubled(pool: _Pool, draw: Callable[[NDArray[np.intp], int], Float]) -> _Pool:
    times = -(-pool.null.size // pool.members.size)
    return _Pool(pool.members, _sorted(np.concatenate([pool.null, draw(pool.members, times).ravel()])))


def _discovered(p_value: Float) -> NDArray[np.bool_]:
    """Return which units are significant at the false-discovery rate; NaN never is, and does not count."""
    found, there = np.zeros(p_value.size, dtype=bool), np.isfinite(p_value)
    found[there] = _adjusted(p_value[there]) <= _DISCOVERY_RATE
    return found


def _adjusted(p_value: Float) -> Float:
    """Return p-values adjusted as Benjamini and Hochberg do; `scipy.stats` has it, and takes a second to import."""
    order = np.argsort(p_value)
    scaled = p_value[order] * (p_value.size / np.arange(1, p_value.size + 1))
    out = np.empty(p_value.size)
    out[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return np.clip(out, 0.0, 1.0)
