"""Run a trained network along walks it never saw and measure its units. The only place where torch becomes NumPy.

Rate maps come twice. ``settled`` maps are taken after every unit has forgotten its first state; ``start`` maps are
taken from the first step on, as is common, when a slow unit still holds the encoder's view of where the walk began.
The difference between them is a result of its own: the part of a unit's tuning that path integration did not make.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from topogrid.analysis import (
    GridGate,
    GridScores,
    Lattice,
    RateMapAccumulator,
    RateMaps,
    border_scores,
    forming_spacing,
    grid_gate,
    grid_scores,
    measure_lattice,
    predicted_spacing,
    spatial_information,
)
from topogrid.model.network import Feedback, PathIntegrator
from topogrid.settings.config import TrainConfig
from topogrid.streams import make_generators
from topogrid.world.place_cells import PlaceCells
from topogrid.world.walks import Walks, join_steps, simulate_walks, split_steps

Float = NDArray[np.float64]

FORGOTTEN = 0.01  # a unit has forgotten its start when this share of it is left
WALKS_AT_ONCE, STEPS_AT_ONCE = 200, 64  # bound memory: activity of this many walks is held for this many steps
WALKS_FOR_THEORY = 4000
SHOWN_WALKS = 6  # walks kept whole, for the picture of decoded paths
MOST_MOMENTS = 500  # of the long walks at which errors are taken: every step up to 10 s of 20 ms
ANCHORED_SECONDS = 10.0  # counted of every anchored walk: enough to get everywhere in the box
ANCHOR = (2e-3, 2e-3)  # metres around the middle of the box in which these start
FEWEST_ANCHORED_WALKS = 60


@dataclass(frozen=True)
class Probe:
    """How held-out animals walk where that differs from training; the default is as in training."""

    speed_factor: float = 1.0
    """Multiplies all speeds."""
    box_factor: float = 1.0
    """Multiplies the sides of the box, at least 1. Walks start in the trained box, the only one that the encoder knows;
    rate maps cover the larger box in bins of the same size, on more samples; errors are counted in the trained box."""
    dt_factor: float = 1.0
    """Multiplies the duration of a step, a whole number or one over it. The paths are those of training, sampled more
    or less often, and everything that is counted in steps keeps its duration in seconds."""
    anchored: bool = False
    """Let the walks behind the rate maps all start in the middle of the box and be long enough to cover it. For maps of
    a network whose lattices moved: its encoder still knows the old ones, so that walks from everywhere begin at phases
    that do not agree, and blur the new ones. ``start`` maps then cover the same walks without burn-in."""

    def __post_init__(self) -> None:
        """Refuse factors that mean nothing."""
        if not self.speed_factor > 0 or not self.box_factor >= 1:
            raise ValueError(
                f"speed_factor must be above 0 and box_factor at least 1, got {self.speed_factor} and {self.box_factor}"
            )
        whole = max(self.dt_factor, 1 / self.dt_factor) if self.dt_factor > 0 else 0.5
        if abs(whole - round(whole)) > 1e-9:
            raise ValueError(f"dt_factor must be a whole number or one over it, got {self.dt_factor}")

    def steps(self, count: float) -> int:
        """Return how many steps last as long as ``count`` of training's."""
        return max(1, round(count / self.dt_factor))


AS_TRAINED = Probe()
STAGES = ("walks", "settled maps against their null", "maps from the start against theirs", "long walks")
"""What an evaluation does, in its order."""


@dataclass(frozen=True)
class UnitMeasures:
    """One view (settled or from the start) of every unit."""

    rate_maps: RateMaps
    scores: GridScores
    lattice: Lattice
    gate: GridGate
    border: Float
    """``(unit,)``, border score of Solstad et al. (2008)."""
    information: Float
    """``(unit,)``, spatial information, bits per spike-equivalent."""

    @property
    def peak(self) -> Float:
        """Highest rate of every unit, ``(unit,)``, activity units."""
        return np.nanmax(self.rate_maps.maps, axis=(1, 2))  # type: ignore[no-any-return]

    @property
    def dead(self) -> NDArray[np.bool_]:
        """Units that never fire, ``(unit,)``."""
        return self.peak <= 0

    def share_above(self, threshold: float) -> float:
        """Share of all units, dead ones included, whose 60-degree grid score is above ``threshold``."""
        return float(np.mean(np.nan_to_num(self.scores.score_60, nan=-np.inf) > threshold))


@dataclass(frozen=True)
class Decoding:
    """How well the place read-out knows where the animal is."""

    error_cm: float
    """Mean over walks and steps of training length; this and all errors inside the trained box only."""
    seconds: Float
    """``(time,)``, moments of the long walks, from their start: every step, or at most `MOST_MOMENTS` of them, those of
    ``config.error_seconds`` among them."""
    long_error_cm: Float
    """``(time,)``, mean over long walks."""
    long_quartiles_cm: Float
    """``(2, time)``, lower and upper quartile over long walks."""
    hold_still_cm: Float
    """``(time,)``, error of an animal that believes it never left its start."""
    floor_cm: float
    """Error of decoding the true place code: what a perfect integrator would reach."""
    true_paths: Float
    """``(walk, time, 2)``, metres: a few long walks."""
    decoded_paths: Float
    """``(walk, time, 2)``, metres: where the network thought they were."""
    long_median_cm: Float
    """``(time,)``, median over long walks."""
    middle_cm: Float
    """``(time,)``, error of always guessing the middle of the box."""
    feedback_error_cm: Float
    """``(time,)``, mean over the long walks with `config.place_feedback`; NaN if that is 0."""
    feedback_median_cm: Float
    """``(time,)``, median of the same."""
    hold_still_short_cm: float
    """Error of an animal that believes it never left its start, over the walks and steps of ``error_cm``."""
    middle_short_cm: float
    """Error of always guessing the middle of the box, over the same."""


@dataclass(frozen=True)
class Evaluation:
    """Everything measured on one network at one step of its training."""

    step: int
    tau: Float
    """``(unit,)``, steps; ones in a plain network."""
    burn_in: int
    """Steps walked before settled rates are counted."""
    settled: UnitMeasures
    start: UnitMeasures
    negative_share: Float
    """``(unit,)``, share of settled states below zero."""
    decoding: Decoding
    seconds_taken: float


@dataclass(frozen=True)
class Glance:
    """What is measured where a whole evaluation would cost too much: settled maps, their scores and their lattices."""

    step: int
    tau: Float
    """``(unit,)``, steps; ones in a plain network."""
    burn_in: int
    """Steps walked before rates are counted."""
    rate_maps: RateMaps
    scores: GridScores
    lattice: Lattice


def burn_in_steps(tau_max: float) -> int:
    """Count steps until less than 1 % of any unit's first state is left: ``(1 - 1/tau)^t < 0.01``.

    A tau-1 unit forgets in the one step it takes.
    """
    if tau_max <= 1:
        return 1
    return math.ceil(math.log(FORGOTTEN) / math.log1p(-1 / tau_max))


@torch.no_grad()
def evaluate(
    network: PathIntegrator,
    place_cells: PlaceCells,
    config: TrainConfig,
    *,
    step: int,
    probe: Probe = AS_TRAINED,
    progress: Callable[[str], None] = lambda stage: None,
) -> Evaluation:
    """Measure a network on held-out walks.

    The walks and the surrogates depend on ``config.seed`` alone, so two evaluations of one run see the same animals and
    training's random stream is not touched.

    Parameters
    ----------
    network : PathIntegrator
    place_cells : PlaceCells
    config : TrainConfig
        Box, walks, bins and burn-in.
    step : int
        Steps the network was trained for; goes into the result.
    probe : Probe
        How the animals walk where that differs from training.
    progress : callable
        Told each of `STAGES` when it begins.

    Returns
    -------
    Evaluation
    """
    began = time.perf_counter()
    generators = make_generators(config.seed, network.encoder.device, ("held_out_walks", "held_out_long_walks"))
    rng = np.random.default_rng([config.seed, 20])
    tau = _tau_steps(network, config)
    burn_in = _burn_in(tau, config, probe)
    walks, settled_maps, start_maps, long_walks = STAGES
    progress(walks)
    maps = _stream_rate_maps(network, place_cells, config, probe, generators["held_out_walks"], burn_in)
    progress(settled_maps)
    settled = measure_units(maps.settled, rng)
    progress(start_maps)
    start = measure_units(maps.start, rng)
    progress(long_walks)
    return Evaluation(
        step=step,
        tau=tau,
        burn_in=burn_in,
        settled=settled,
        start=start,
        negative_share=maps.negative_share,
        decoding=_measure_decoding(network, place_cells, config, probe, maps, generators["held_out_long_walks"]),
        seconds_taken=time.perf_counter() - began,
    )


@torch.no_grad()
def glance(
    network: PathIntegrator, place_cells: PlaceCells, config: TrainConfig, *, step: int, probe: Probe = AS_TRAINED
) -> Glance:
    """Measure the settled lattices of a network, and nothing else: no null, no start view, no long walks.

    The walks are those of `evaluate`, and so are the maps.

    Parameters
    ----------
    network, place_cells, config, step, probe
        See `evaluate`.

    Returns
    -------
    Glance
    """
    generator = make_generators(config.seed, network.encoder.device, ("held_out_walks",))["held_out_walks"]
    tau = _tau_steps(network, config)
    burn_in = _burn_in(tau, config, probe)
    accumulator = _accumulator(config, probe)
    for first, activity, position, _start in _held_out_activity(
        network, place_cells, config, probe, generator, burn_in
    ):
        once_settled = slice(max(0, burn_in - first), None)
        _count(accumulator, position[once_settled].flatten(0, 1), activity[once_settled].flatten(0, 1))
    maps = accumulator.rate_maps()
    return Glance(step, tau, burn_in, maps, grid_scores(maps.maps), measure_lattice(maps.maps, maps.box_size))


def _tau_steps(network: PathIntegrator, config: TrainConfig) -> Float:
    tau = network.units.tau
    return np.ones(config.n_grid_cells) if tau is None else tau.double().cpu().numpy()


def _burn_in(tau: Float, config: TrainConfig, probe: Probe) -> int:
    """Count the steps of the probe that are left out at the start of a walk."""
    if config.eval_burn_in == "auto":
        return burn_in_steps(float(tau.max()))
    return round(int(config.eval_burn_in) / probe.dt_factor)


def measure_units(rate_maps: RateMaps, rng: np.random.Generator) -> UnitMeasures:
    """Score rate maps, whatever made them, and judge them against their null."""
    return UnitMeasures(
        rate_maps=rate_maps,
        scores=grid_scores(rate_maps.maps),
        lattice=measure_lattice(rate_maps.maps, rate_maps.box_size),
        gate=grid_gate(rate_maps.maps, rng=rng),
        border=border_scores(rate_maps.maps, rate_maps.box_size),
        information=spatial_information(rate_maps.maps, rate_maps.occupancy),
    )


@dataclass(frozen=True)
class _StreamedMaps:
    settled: RateMaps
    start: RateMaps
    negative_share: Float
    error_cm: float
    hold_still_cm: float
    middle_cm: float


class _Counts(NamedTuple):
    """How much of the held-out walks is counted."""

    n_walks: int
    settled: int
    """Steps of each after burn-in."""
    start: int
    """Steps of each from the first one on."""


def _counts(config: TrainConfig, probe: Probe) -> _Counts:
    trained = probe.steps(config.seq_length)
    # A larger box takes as many more samples to cover, and longer walks to get to its far corners.
    usual = round(trained * probe.box_factor**2)
    if not probe.anchored:
        return _Counts(config.eval_walks, usual, trained)
    seconds = ANCHORED_SECONDS / min(1, probe.speed_factor)
    covering = max(usual, round(probe.steps(seconds / config.dt) * probe.box_factor**2))
    n_walks = max(FEWEST_ANCHORED_WALKS, math.ceil(config.eval_walks * usual / covering))
    return _Counts(n_walks, covering, covering)


class _MeanError:
    """Mean of errors that come part by part."""

    def __init__(self) -> None:
        self._sum, self._n = 0.0, 0

    def add(self, error: torch.Tensor) -> None:
        """Count errors in metres; NaN is no error."""
        self._sum += float(error.nansum(dtype=torch.float64))
        self._n += int(error.isfinite().sum())

    @property
    def cm(self) -> float:
        """Mean in centimetres; NaN without any."""
        return 100 * self._sum / self._n if self._n else math.nan


def _stream_rate_maps(
    network: PathIntegrator,
    place_cells: PlaceCells,
    config: TrainConfig,
    probe: Probe,
    generator: torch.Generator,
    burn_in: int,
) -> _StreamedMaps:
    """Walk, and forget what was counted: memory does not grow with the number or the length of the walks."""
    settled, start = _accumulator(config, probe), _accumulator(config, probe)
    negative = torch.zeros(config.n_grid_cells, dtype=torch.float64)
    network_error, still, middle = _MeanError(), _MeanError(), _MeanError()
    trained, counts = probe.steps(config.seq_length), _counts(config, probe)
    for first, activity, position, began in _held_out_activity(network, place_cells, config, probe, generator, burn_in):
        from_start, once_settled = slice(0, max(0, counts.start - first)), slice(max(0, burn_in - first), None)
        for accumulator, steps in ((start, from_start), (settled, once_settled)):
            _count(accumulator, position[steps].flatten(0, 1), activity[steps].flatten(0, 1))
        negative += (activity[once_settled] < 0).sum(dim=(0, 1)).cpu()
        if first < trained:
            truth = position[: trained - first]
            decoded = place_cells.decode(network.read_out(activity[: trained - first]))
            network_error.add(_error_inside(place_cells, decoded, truth))
            still.add(_error_inside(place_cells, began.expand_as(truth), truth))
            middle.add(_error_inside(place_cells, torch.zeros_like(truth), truth))
    return _StreamedMaps(
        settled.rate_maps(),
        start.rate_maps(),
        (negative / (counts.n_walks * counts.settled)).numpy(),
        network_error.cm,
        still.cm,
        middle.cm,
    )


def _accumulator(config: TrainConfig, probe: Probe) -> RateMapAccumulator:
    bins = round(config.eval_bins * probe.box_factor)
    return RateMapAccumulator(config.n_grid_cells, _walked_box(config, probe), bins)


def _count(accumulator: RateMapAccumulator, position: torch.Tensor, activity: torch.Tensor) -> None:
    """Add samples ``(sample, ...)``, summed on the device: a map comes back from it, not every unit at every moment."""
    if not len(position):
        return
    cells = accumulator.cells(position.double().cpu().numpy())
    sums = activity.new_zeros(accumulator.n_cells, activity.shape[1])
    sums.index_add_(0, torch.from_numpy(cells).to(activity.device), activity)
    accumulator.add_sums(cells, sums.cpu().numpy())


def _held_out_activity(
    network: PathIntegrator,
    place_cells: PlaceCells,
    config: TrainConfig,
    probe: Probe,
    generator: torch.Generator,
    burn_in: int,
) -> Iterator[tuple[int, torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Yield parts of held-out walks: first step, activity and positions ``(time, batch, ...)``, starts."""
    counts = _counts(config, probe)
    n_steps = burn_in + counts.settled
    start_box = ANCHOR if probe.anchored else config.box_size
    for done in range(0, counts.n_walks, WALKS_AT_ONCE):
        walks = _walk(config, probe, min(WALKS_AT_ONCE, counts.n_walks - done), n_steps, generator, start_box)
        for first, activity in _in_parts(network, place_cells, walks, STEPS_AT_ONCE):
            yield first, activity, walks.position[first : first + len(activity)], walks.start


def _walked_box(config: TrainConfig, probe: Probe) -> tuple[float, float]:
    width, height = config.box_size
    return width * probe.box_factor, height * probe.box_factor


def _walk(
    config: TrainConfig,
    probe: Probe,
    n_walks: int,
    n_steps: int,
    generator: torch.Generator,
    start_box: tuple[float, float],
) -> Walks:
    """Let animals walk for ``n_steps`` of the probe's steps."""
    box = _walked_box(config, probe)
    walks = simulate_walks(
        n_walks,
        math.ceil(n_steps * probe.dt_factor),
        box_size=box,
        dt=config.dt,
        generator=generator,
        periodic=config.periodic,
        speed_factor=probe.speed_factor,
        start_box=start_box,
    )
    if probe.dt_factor < 1:
        walks = split_steps(walks, round(1 / probe.dt_factor), box_size=box, periodic=config.periodic)
    elif probe.dt_factor > 1:
        walks = join_steps(walks, round(probe.dt_factor))
    return Walks(walks.start, walks.displacement[:n_steps], walks.position[:n_steps])


def _in_parts(
    network: PathIntegrator,
    place_cells: PlaceCells,
    walks: Walks,
    steps_at_once: int,
    feedback: Feedback | None = None,
) -> Iterator[tuple[int, torch.Tensor]]:
    """Yield activity ``(time, batch, unit)`` along walks, part by part, with the number of the part's first step."""
    state, first = network.start_state(place_cells.encode(walks.start)), 0
    for part in torch.split(walks.displacement, steps_at_once):
        activity = network.walk(part, state, feedback=feedback, n_before=first)
        yield first, activity
        state, first = activity[-1], first + len(part)


def _error_inside(place_cells: PlaceCells, decoded: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
    """Return decoding errors in metres; NaN outside the trained box, where no place cell could be right."""
    half = torch.tensor(place_cells.box_size, device=position.device) / 2
    inside = (position.abs() <= half * (1 + 1e-6)).all(dim=-1)
    return place_cells.error(decoded, position).where(inside, math.nan)


def _measure_decoding(
    network: PathIntegrator,
    place_cells: PlaceCells,
    config: TrainConfig,
    probe: Probe,
    short: _StreamedMaps,
    generator: torch.Generator,
) -> Decoding:
    n_steps = probe.steps(config.long_seconds / config.dt)
    walks = _walk(config, probe, config.long_walks, n_steps, generator, config.box_size)
    at = _moments(n_steps, [probe.steps(seconds / config.dt) for seconds in config.error_seconds])
    position = walks.position[torch.from_numpy(at).to(walks.position.device)]
    decoded = follow(network, place_cells, walks, at=at)
    perfect = place_cells.decode(place_cells.encode(position))

    def errors_cm(believed: torch.Tensor) -> Float:
        error: Float = _error_inside(place_cells, believed, position).cpu().double().numpy()
        return 100 * error

    error, shown = errors_cm(decoded), slice(0, SHOWN_WALKS)
    fed = np.full_like(error, math.nan)
    if config.place_feedback > 0:
        feedback = Feedback(config.place_feedback, probe.steps(config.place_feedback_every), place_cells.softmax)
        fed = errors_cm(follow(network, place_cells, walks, at=at, feedback=feedback))
    with warnings.catch_warnings():
        # No animal is in the trained box at that moment: NaN says so.
        warnings.filterwarnings("ignore", "Mean of empty slice|All-NaN slice", RuntimeWarning)
        return Decoding(
            error_cm=short.error_cm,
            seconds=config.dt * probe.dt_factor * np.arange(1, n_steps + 1, dtype=np.float64)[at],
            long_error_cm=np.nanmean(error, axis=1),
            long_quartiles_cm=np.nanquantile(error, (0.25, 0.75), axis=1),
            hold_still_cm=np.nanmean(errors_cm(walks.start.expand_as(position)), axis=1),
            floor_cm=float(np.nanmean(errors_cm(perfect))),
            true_paths=position[:, shown].transpose(0, 1).cpu().double().numpy(),
            decoded_paths=decoded[:, shown].transpose(0, 1).cpu().double().numpy(),
            long_median_cm=np.nanmedian(error, axis=1),
            middle_cm=np.nanmean(errors_cm(torch.zeros_like(position)), axis=1),
            feedback_error_cm=np.nanmean(fed, axis=1),
            feedback_median_cm=np.nanmedian(fed, axis=1),
            hold_still_short_cm=short.hold_still_cm,
            middle_short_cm=short.middle_cm,
        )


def _moments(n_steps: int, wanted: Sequence[int]) -> NDArray[np.int64]:
    """Choose the steps, counted from 0, at which errors are taken: all, or few enough, the last and the wanted ones."""
    told = {step - 1 for step in wanted if step <= n_steps} | {n_steps - 1}
    every = 1 if n_steps <= MOST_MOMENTS else math.ceil(n_steps / max(1, MOST_MOMENTS - len(told)))
    return np.array(sorted(told.union(range(every - 1, n_steps, every))), dtype=np.int64)


@torch.no_grad()
def follow(
    network: PathIntegrator,
    place_cells: PlaceCells,
    walks: Walks,
    *,
    feedback: Feedback | None = None,
    at: NDArray[np.int64] | None = None,
    steps_at_once: int = 100,
) -> torch.Tensor:
    """Where the network thinks walks have got to, told only where they began and how they moved.

    Parameters
    ----------
    network, place_cells
        What was trained.
    walks : Walks
        Of any length; activity is held for ``steps_at_once`` steps only.
    feedback : Feedback, optional
        Closes the loop from the predicted place code back to the units.
    at : ndarray of int, ``(time,)``, optional
        Steps at which the place is decoded, counted from 0, in rising order; all by default.

    Returns
    -------
    Tensor, ``(time, batch, 2)``
        Decoded positions, metres.
    """
    decoded = []
    for first, activity in _in_parts(network, place_cells, walks, steps_at_once, feedback):
        inside = slice(None) if at is None else at[(at >= first) & (at < first + len(activity))] - first
        decoded.append(place_cells.decode(network.read_out(activity[inside])))
    return torch.cat(decoded)


def theory_line(config: TrainConfig) -> float | None:
    """Spacing in metres that pattern formation predicts from the place fields.

    ``None`` where one width and a surround are not given, and in modules, whose scale does not come from place fields.
    """
    if config.wiring != "dense" or not config.DoG or config.surround_amplitude == 0 or len(config.pc_width) > 1:
        return None
    return predicted_spacing(config.pc_width[0], config.surround_scale)


def forming_line(config: TrainConfig) -> float | None:
    """Spacing in metres that theory predicts for lattices as they form; ``None`` where `theory_line` is."""
    if theory_line(config) is None:
        return None
    walks = simulate_walks(
        WALKS_FOR_THEORY,
        config.seq_length,
        box_size=config.box_size,
        dt=config.dt,
        generator=torch.Generator().manual_seed(0),  # not the run's: a prediction does not depend on the seed
        periodic=config.periodic,
    )
    # Displacements added up, not positions subtracted: on a torus these jump.
    moved = walks.displacement.cumsum(dim=0).double().numpy()
    return forming_spacing(config.pc_width[0], config.surround_scale, np.hypot(moved[..., 0], moved[..., 1]))
