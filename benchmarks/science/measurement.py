"""Measure the measures, and write what is found into docs/measurement.md: ``python -m benchmarks.science.measurement``.

How often do maps without a lattice pass as grid cells, how well is an injected lattice recovered, how often are two
unrelated maps of a sheet "correlated", and how long does scoring take? ``--quick`` runs the same code on little data
and writes nothing; ``--only speed`` and the like print one part and write nothing either.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import os
import statistics
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal, stats

from benchmarks.document import check_writable_between, write_between
from topogrid.analysis import NULLS, Lattice, grid_gate, grid_scores, measure_lattice, sheet_correlation
from topogrid.analysis.maps.scores import RING_INNER, RING_OUTER
from topogrid.analysis.synthetic import lattice_map, smooth_noise
from topogrid.tables import to_markdown

Float = NDArray[np.float64]
Table = tuple[list[str], list[list[str]]]

DOCUMENT = Path("docs/measurement.md")
SECTION = "measured"
BOX = 2.2  # metres
SPACINGS = (0.45, 0.6, 0.74, 0.95, 1.2, 1.4)  # metres
NOISE = (0.0, 0.1, 0.3)  # sd of the noise on every bin, shares of the peak rate
LEVEL = 0.05
ROUNDS = 8  # of timing, fast and slow scorer in turns
SURROGATES = 99  # with them, p reaches the level in exactly 5 % of cases where nothing is to be found
NULL_TESTS: tuple[Literal["shift", "phase", "permutation"], ...] = ("shift", "phase", "permutation")


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    networks: int = 25
    """Simulated networks for each null."""
    units: int = 400
    """Units of such a network."""
    lattices: int = 200
    """Lattices for each spacing, noise and number of bins."""
    pairs: int = 500
    """Pairs of unrelated sheet maps."""
    sheet: int = 64
    """Side of a sheet, units."""
    scored: int = 4096
    """Maps whose scoring is timed."""
    rotated: int = 128
    """Maps that the slow scorer is timed on."""


QUICK = Sizes(networks=1, units=40, lattices=4, pairs=6, sheet=16, scored=256, rotated=4)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and write into the document; 2 if that has no place for it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.science.measurement", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little data, nothing written: does it run?")
    parser.add_argument("--only", choices=tuple(CAPTIONS), nargs="+", help="some parts, printed and not written")
    parser.add_argument("--seed", type=int, default=0, help="seed of all maps (default: %(default)s)")
    parser.add_argument("--into", type=Path, default=DOCUMENT, help="document to write into (default: %(default)s)")
    arguments = parser.parse_args(argv)
    writes = not (arguments.quick or arguments.only)
    problem = check_writable_between(arguments.into, SECTION) if writes else None
    if problem:
        print(f"measurement: {problem}", file=sys.stderr)
        return 2
    sections = []
    for section in measured(QUICK if arguments.quick else Sizes(), arguments.seed, arguments.only):
        print(section, flush=True)
        sections.append(section)
    if writes:
        write_between(arguments.into, "\n".join(sections), SECTION)
        print(f"written into {arguments.into}", file=sys.stderr)
    return 0


CAPTIONS = {
    "false_positives": (
        "**False positives**: {networks} networks of {units} units at 20 bins a row. Every unit is a surrogate of a "
        "lattice of 0.45-1.4 m, so whatever passes is wrong. `one unit`: share of units beyond the 99th percentile of "
        "their ring noise (1 % is nominal). `gate`: share that `grid_gate` passes. `any`: share of networks with at "
        "least one passed unit (5 % is nominal). The last row is what the gate can see: the lattices themselves, under "
        "noise of half their peak on every bin."
    ),
    "recovery": (
        "**Injection and recovery**: {lattices} lattices a row, of random orientation and phase, in a box of 2.2 m. "
        "`noise`: on every bin, as a share of the peak rate. Bias of spacing; median, 95th percentile and largest of "
        "its errors; the last two of orientation; share without a measured lattice."
    ),
    "correlation_size": (
        "**Size of the map correlation**: {pairs} pairs of unrelated smooth maps a row, sheets of {sheet} x {sheet} "
        "units cut from larger ones. `smooth`: sd of the blur, units. `measured`: share of units with a value. Share "
        "of pairs with p up to 0.05, which should be 5 %; `every unit counts`: the textbook test of a rank correlation."
    ),
    "speed": "**Speed** on {machine}.",
}


def measured(sizes: Sizes, seed: int, only: Collection[str] | None = None) -> Iterator[str]:
    """Yield every part as Markdown, or those named; each has its own random numbers."""
    for number, measure in enumerate((false_positives, recovery, correlation_size, speed)):
        if only and measure.__name__ not in only:
            continue
        columns, rows = measure(sizes, np.random.default_rng([seed, number]))
        caption = CAPTIONS[measure.__name__].format(**dataclasses.asdict(sizes), machine=_machine())
        yield f"{caption}\n\n{to_markdown(columns, rows, marked_up=True)}"


# --- False positives -------------------------------------------------------------------------------------------------


def false_positives(sizes: Sizes, rng: np.random.Generator) -> Table:
    """Score networks in which nothing is a grid cell, one row a null, and one in which everything is."""
    rows = [
        _passing(f"{name} noise" if name != "fields" else "shuffled fields", sizes, rng, make)
        for name, make in NULLS.items()
    ]
    rows.append(_passing("lattices", sizes, rng, lambda maps, rng: maps + 0.5 * rng.normal(size=maps.shape)))
    return ["maps", "GS > 0.3", "GS > 0.5", "GS > 0.8", "one unit", "gate", "any"], rows


def _passing(
    name: str, sizes: Sizes, rng: np.random.Generator, make: Callable[[Float, np.random.Generator], Float]
) -> list[str]:
    shares = []
    for _ in range(sizes.networks):
        maps, _ = _lattices(rng.uniform(SPACINGS[0], SPACINGS[-1], sizes.units), 20, rng)
        gate = grid_gate(make(maps, rng), rng=rng)
        beyond = np.nan_to_num(gate.p_value, nan=1.0) <= 0.01
        passed = gate.passed
        shares.append((gate.share_03, gate.share_05, gate.share_08, beyond.mean(), passed.mean(), passed.any()))
    return [name, *(_percent(share) for share in np.mean(shares, axis=0))]


def _lattices(spacing: Float, n_bins: int, rng: np.random.Generator) -> tuple[Float, Float]:
    """Return maps ``(unit, bin_y, bin_x)`` of peak about 1 with random phases, and their random orientations."""
    orientation = rng.uniform(0, 60, len(spacing))
    maps = [
        lattice_map(one, angle, (first, second), n_bins=n_bins, box_size=BOX)
        for one, angle, (first, second) in zip(spacing, orientation, rng.random((len(spacing), 2)), strict=True)
    ]
    return np.stack(maps), orientation


# --- Injection and recovery ------------------------------------------------------------------------------------------


def recovery(sizes: Sizes, rng: np.random.Generator) -> Table:
    """Inject lattices and measure them."""
    rows = []
    for n_bins in (20, 32):
        for noise in NOISE:
            for spacing in SPACINGS:
                maps, orientation = _lattices(np.full(sizes.lattices, spacing), n_bins, rng)
                lattice = measure_lattice(maps + noise * rng.normal(size=maps.shape), BOX)
                rows.append([str(n_bins), f"{noise:g}", f"{spacing:g} m", *_errors(lattice, spacing, orientation)])
    columns = ["bins", "noise", "spacing", "bias", "median", "95 %", "largest", "turned 95 %", "turned", "no lattice"]
    return columns, rows


def _errors(lattice: Lattice, spacing: float, orientation: Float) -> list[str]:
    found: Float = lattice.spacing
    there = np.isfinite(found)
    if not there.any():
        return ["-", "-", "-", "-", "-", "-", "100.0 %"]
    relative = found[there] / spacing - 1
    turned = np.abs((lattice.orientation - orientation + 30)[there] % 60 - 30)
    return [
        f"{100 * relative.mean():+.2f} %",
        *(f"{100 * error:.2f} %" for error in np.quantile(np.abs(relative), (0.5, 0.95, 1))),
        *(f"{error:.2f} deg" for error in np.quantile(turned, (0.95, 1))),
        _percent(1 - there.mean()),
    ]


# --- Size of the map correlation -------------------------------------------------------------------------------------


def correlation_size(sizes: Sizes, rng: np.random.Generator) -> Table:
    """Correlate unrelated smooth maps and count how often each test says that they are related."""
    rows = []
    for width in (2, 4, 8):
        for share in (1.0, 0.3, 0.03):
            rejected = np.zeros(1 + len(NULL_TESTS))
            for _ in range(sizes.pairs):
                # From a sheet twice as wide: a real one is not periodic.
                pair = smooth_noise(2, 2 * sizes.sheet, width, rng)[:, : sizes.sheet, : sizes.sheet]
                pair[1][rng.random(pair[1].shape) > share] = np.nan
                rejected += _p_values(pair[0], pair[1], rng) <= LEVEL
            rows.append([str(width), _percent(share), *(_percent(one) for one in rejected / sizes.pairs)])
    return ["smooth", "measured", "every unit counts", *(f"`{null}`" for null in NULL_TESTS)], rows


def _p_values(a: Float, b: Float, rng: np.random.Generator) -> Float:
    both = np.isfinite(a) & np.isfinite(b)
    textbook = float(stats.spearmanr(a[both], b[both]).pvalue)
    surrogates = [sheet_correlation(a, b, null=null, rng=rng, n_surrogates=SURROGATES).p_value for null in NULL_TESTS]
    return np.array([textbook, *surrogates])


# --- Speed -----------------------------------------------------------------------------------------------------------


def speed(sizes: Sizes, rng: np.random.Generator) -> Table:
    """Time both scorers in turns on maps of 32 bins, and compare what they say."""
    maps = np.concatenate(
        [NULLS["low_pass"](np.tile(one, (64, 1, 1)), rng) for one in _varied(sizes.scored // 64, rng)]
    )
    grid_scores(maps[: sizes.rotated])  # what is prepared once for maps of this size
    fast = grid_scores(maps[: sizes.rotated]).score_60
    slow = np.zeros(sizes.rotated)
    fast_rounds, slow_rounds = [], []
    for share in np.array_split(np.arange(sizes.rotated), min(ROUNDS, sizes.rotated)):
        fast_rounds.append(_seconds(lambda: grid_scores(maps)))

        def rotate_share(share: NDArray[np.intp] = share) -> None:
            slow[share] = [rotated_score(one) for one in maps[share]]

        slow_rounds.append(_seconds(rotate_share) * len(maps) / len(share))
    seconds, scaled = statistics.median(fast_rounds), statistics.median(slow_rounds)
    rows = [
        [f"`grid_scores`, 60 and 90 degrees, {len(maps)} maps of 32 bins", f"{seconds:.2f} s"],
        [f"seven SciPy rotations a unit, measured on {sizes.rotated} maps and scaled up", f"{scaled:.0f} s"],
        ["how many times faster", f"{scaled / seconds:.0f}"],
        [f"largest difference of a score on those {sizes.rotated}", f"{np.abs(fast - slow).max():.0e}"],
    ]
    return ["scorer", "time"], rows


def _varied(count: int, rng: np.random.Generator) -> Float:
    return _lattices(rng.uniform(SPACINGS[0], SPACINGS[-1], count), 32, rng)[0]


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def rotated_score(rate_map: Float) -> float:
    """Return the 60-degree score of one map ``(bin, bin)`` without NaN, by turning its autocorrelogram seven times."""
    side = len(rate_map)
    sac = _autocorrelogram(rate_map)
    turned = {angle: ndimage.rotate(sac, angle, reshape=False, order=3) for angle in (30, 45, 60, 90, 120, 135, 150)}
    y, x = np.indices(sac.shape) - (side - 1)
    radius = np.hypot(x, y)
    best = -np.inf
    for outer in RING_OUTER:
        ring = (radius > RING_INNER * side) & (radius <= outer * side)
        centred = sac[ring] - sac[ring].mean()
        c = {a: (centred * (t[ring] - sac[ring].mean())).mean() for a, t in turned.items()}
        score = (c[60] + c[120]) / 2 - (c[30] + c[90] + c[150]) / 3
        best = max(best, score / (sac[ring].var() + 1e-5))
    return float(best)


def _autocorrelogram(rate_map: Float) -> Float:
    rates, ones = rate_map / np.abs(rate_map).max(), np.ones_like(rate_map)

    def correlate(first: Float, second: Float) -> Float:
        product: Float = signal.fftconvolve(first, second[::-1, ::-1])
        return product

    n = np.rint(correlate(ones, ones))
    mean, shifted = correlate(rates, ones) / n, correlate(ones, rates) / n
    variances = (correlate(rates**2, ones) / n - mean**2) * (correlate(ones, rates**2) / n - shifted**2)
    varies = variances > 1e-20
    covariance = correlate(rates, rates) / n - mean * shifted
    return np.where(varies & (n > 1), np.clip(covariance / np.sqrt(np.where(varies, variances, 1.0)), -1, 1), 0.0)


def _machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = " and ".join(f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "scipy"))
    return f"{cores} CPU cores with {versions}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


if __name__ == "__main__":
    sys.exit(main())
