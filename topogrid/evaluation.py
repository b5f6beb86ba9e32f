"""Run a trained network along walks it never saw and measure its units. The only place where torch becomes NumPy.

Rate maps come twice. ``settled`` maps are taken after every unit has forgotten its first state; ``start`` maps are
taken from the first step on, as is common, when a slow unit still holds the encoder's view of where the walk began.
The difference between them is a result of its own: the part of a unit's tuning that path integration did not make.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

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
    grid_gate,
    grid_scores,
    measure_lattice,
    morans_i,
    predicted_spacing,
    sheet_correlation,
    spatial_information,
)
from topogrid.config import TrainConfig
from topogrid.network import PathIntegrator
from topogrid.place_cells import PlaceCells
from topogrid.runs import make_generators
from topogrid.trajectories import Walks, simulate_walks

Float = NDArray[np.float64]

FORGOTTEN = 0.01  # a unit has forgotten its start when this share of it is left
WALKS_AT_ONCE = 200  # bounds memory: activity of this many walks is held for one walk's length
SHOWN_WALKS = 6  # walks kept whole, for the picture of decoded paths
FEWEST_MEASURED = 10  # units with a spacing below which no statistics of the sheet are computed


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
    """Mean over walks and steps of training length."""
    seconds: Float
    """``(time,)``, of the long walks, from their start."""
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


def burn_in_steps(tau_max: float) -> int:
    """Count steps until less than 1 % of any unit's first state is left: ``(1 - 1/tau)^t < 0.01``.

    A tau-1 unit forgets in the one step it takes.
    """
    if tau_max <= 1:
        return 1
    return math.ceil(math.log(FORGOTTEN) / math.log1p(-1 / tau_max))


@torch.no_grad()
def evaluate(network: PathIntegrator, place_cells: PlaceCells, config: TrainConfig, *, step: int) -> Evaluation:
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

    Returns
    -------
    Evaluation
    """
    began = time.perf_counter()
    device = network.encoder.device
    generators = make_generators(config.seed, device, ("held_out_walks", "held_out_long_walks"))
    rng = np.random.default_rng([config.seed, 20])
    tau = network.units.tau
    tau_steps = np.ones(config.n_grid_cells) if tau is None else tau.double().cpu().numpy()
    burn_in = burn_in_steps(float(tau_steps.max())) if config.eval_burn_in == "auto" else int(config.eval_burn_in)
    maps = _stream_rate_maps(network, place_cells, config, generators["held_out_walks"], burn_in)
    return Evaluation(
        step=step,
        tau=tau_steps,
        burn_in=burn_in,
        settled=measure_units(maps.settled, rng),
        start=measure_units(maps.start, rng),
        negative_share=maps.negative_share,
        decoding=_measure_decoding(network, place_cells, config, maps.error_cm, generators["held_out_long_walks"]),
        seconds_taken=time.perf_counter() - began,
    )


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


def _stream_rate_maps(
    network: PathIntegrator,
    place_cells: PlaceCells,
    config: TrainConfig,
    generator: torch.Generator,
    burn_in: int,
) -> _StreamedMaps:
    """Walk, and forget each batch of walks once it is counted: memory does not grow with ``eval_walks``."""
    settled, start = (
        RateMapAccumulator(config.n_grid_cells, config.box_size, config.eval_bins) for _view in ("settled", "start")
    )
    negative = torch.zeros(config.n_grid_cells, dtype=torch.float64)
    error_sum = torch.zeros(())
    for walks in _held_out_walks(config, generator, burn_in + config.seq_length):
        prediction = network(place_cells.encode(walks.start), walks.displacement)
        trained = slice(0, config.seq_length)
        decoded = place_cells.decode(prediction.logits[trained])
        error_sum += place_cells.error(decoded, walks.position[trained]).mean(dim=0).sum().cpu()
        for accumulator, steps in ((start, trained), (settled, slice(burn_in, None))):
            positions = walks.position[steps].reshape(-1, 2).cpu().numpy()
            accumulator.add(positions, prediction.activity[steps].flatten(0, 1).cpu().numpy())
        negative += (prediction.activity[burn_in:] < 0).sum(dim=(0, 1)).double().cpu()
    samples = config.eval_walks * config.seq_length
    return _StreamedMaps(
        settled.rate_maps(),
        start.rate_maps(),
        (negative / samples).numpy(),
        100 * float(error_sum) / config.eval_walks,
    )


def _held_out_walks(config: TrainConfig, generator: torch.Generator, n_steps: int) -> Iterator[Walks]:
    for first in range(0, config.eval_walks, WALKS_AT_ONCE):
        yield simulate_walks(
            min(WALKS_AT_ONCE, config.eval_walks - first),
            n_steps,
            box_size=config.box_size,
            dt=config.dt,
            generator=generator,
            periodic=config.periodic,
        )


def _measure_decoding(
    network: PathIntegrator,
    place_cells: PlaceCells,
    config: TrainConfig,
    error_cm: float,
    generator: torch.Generator,
) -> Decoding:
    n_steps = max(1, round(config.long_seconds / config.dt))
    walks = simulate_walks(
        config.long_walks,
        n_steps,
        box_size=config.box_size,
        dt=config.dt,
        generator=generator,
        periodic=config.periodic,
    )
    decoded = follow(network, place_cells, walks)
    error = 100 * place_cells.error(decoded, walks.position).cpu().double().numpy()
    still = 100 * place_cells.error(walks.start.expand_as(walks.position), walks.position)
    perfect = place_cells.decode(place_cells.encode(walks.position))
    shown = slice(0, SHOWN_WALKS)
    return Decoding(
        error_cm=error_cm,
        seconds=config.dt * np.arange(1, n_steps + 1, dtype=np.float64),
        long_error_cm=error.mean(axis=1),
        long_quartiles_cm=np.quantile(error, (0.25, 0.75), axis=1),
        hold_still_cm=still.mean(dim=1).cpu().double().numpy(),
        floor_cm=float(100 * place_cells.error(perfect, walks.position).mean()),
        true_paths=walks.position[:, shown].transpose(0, 1).cpu().double().numpy(),
        decoded_paths=decoded[:, shown].transpose(0, 1).cpu().double().numpy(),
    )


@torch.no_grad()
def follow(network: PathIntegrator, place_cells: PlaceCells, walks: Walks, *, steps_at_once: int = 100) -> torch.Tensor:
    """Where the network thinks walks have got to, told only where they began and how they moved.

    Parameters
    ----------
    network, place_cells
        What was trained.
    walks : Walks
        Of any length; activity is held for ``steps_at_once`` steps only.

    Returns
    -------
    Tensor, ``(time, batch, 2)``
        Decoded positions, metres.
    """
    state = network.start_state(place_cells.encode(walks.start))
    decoded = []
    for part in torch.split(walks.displacement, steps_at_once):
        activity = network.units(part, state)
        decoded.append(place_cells.decode(network.read_out(activity)))
        state = activity[-1]
    return torch.cat(decoded)


def summarise(evaluation: Evaluation, config: TrainConfig) -> dict[str, float]:
    """Flatten an evaluation into the figures that are tracked, by their tracked names."""
    rng = np.random.default_rng([config.seed, 21])
    decoding = evaluation.decoding
    row = {
        "validation/trajectory_error_cm": decoding.error_cm,
        "validation/long_error_cm": float(decoding.long_error_cm.mean()),
        "validation/hold_still_error_cm": float(decoding.hold_still_cm.mean()),
        "validation/share_negative": float(evaluation.negative_share.mean()),
        "perf/eval_seconds": evaluation.seconds_taken,
    }
    theory = theory_line(config)
    if theory is not None:
        row["validation/predicted_spacing_m"] = theory
    for prefix, view in (("validation/", evaluation.settled), ("validation/start/", evaluation.start)):
        row |= {prefix + name: value for name, value in _summarise_view(view).items()}
    return row | _summarise_sheet(evaluation, config, rng)


def _summarise_view(view: UnitMeasures) -> dict[str, float]:
    scores = view.scores.score_60
    measured = bool(np.isfinite(scores).any())
    spacing = view.lattice.spacing
    return {
        "grid_score_mean": float(np.nanmean(scores)) if measured else math.nan,
        "grid_score_max": float(np.nanmax(scores)) if measured else math.nan,
        "n_grid_cells_above_0.3": float(np.nansum(scores > 0.3)),
        "share_above_0.3": view.share_above(0.3),
        "share_above_0.8": view.share_above(0.8),
        "null_share_above_0.3": view.gate.null_share_03,
        "null_share_above_0.8": view.gate.null_share_08,
        "share_gate": float(view.gate.passed.mean()),
        "null_share_gate": view.gate.null_share_gate,
        "share_dead": float(view.dead.mean()),
        "spacing_median_m": float(np.nanmedian(spacing)) if np.isfinite(spacing).any() else math.nan,
        "spacing_nan_share": float(np.isnan(spacing).mean()),
    }


def _summarise_sheet(evaluation: Evaluation, config: TrainConfig, rng: np.random.Generator) -> dict[str, float]:
    """Order on the sheet: the topography of tau is asked for by the loss, that of spacing is the question."""
    side = (config.sheet_side, config.sheet_side)
    spacing = np.log(evaluation.settled.lattice.spacing).reshape(side)
    tau = np.log(evaluation.tau).reshape(side)
    row: dict[str, float] = {}
    if np.isfinite(spacing).sum() >= FEWEST_MEASURED:
        row["validation/spacing_morans_i"] = morans_i(spacing, rng=rng).value
    if np.ptp(tau) > 0:
        row["tau/morans_i"] = morans_i(tau, rng=rng).value
        if np.isfinite(spacing).sum() >= FEWEST_MEASURED:
            coupling = sheet_correlation(tau, spacing, rng=rng)
            row |= {"validation/tau_spacing_rho": coupling.rho, "validation/tau_spacing_p": coupling.p_value}
    return row


def theory_line(config: TrainConfig) -> float | None:
    """Spacing in metres that pattern formation predicts; ``None`` where one width and a surround are not given."""
    if not config.DoG or config.surround_amplitude == 0 or len(config.pc_width) > 1:
        return None
    return predicted_spacing(config.pc_width[0], config.surround_scale)


def unit_rows(evaluation: Evaluation, config: TrainConfig) -> tuple[list[str], list[list[float | int]]]:
    """Table of all units for ``units.csv``: column names (with units of measure) and one row per unit."""
    view = evaluation.settled
    unit = np.arange(config.n_grid_cells)
    columns: dict[str, NDArray[np.generic]] = {
        "unit": unit,
        "row": unit // config.sheet_side,
        "col": unit % config.sheet_side,
        "tau_steps": evaluation.tau,
        "tau_ms": evaluation.tau * config.dt * 1000,
        "score_60": view.scores.score_60,
        "score_90": view.scores.score_90,
        "p_value": view.gate.p_value,
        "grid_cell": view.gate.passed.astype(int),
        "spacing_m": view.lattice.spacing,
        "orientation_deg": view.lattice.orientation,
        "phase_1": view.lattice.phase[:, 0],
        "phase_2": view.lattice.phase[:, 1],
        "ellipse_ratio": view.lattice.ellipse_ratio,
        "border_score": view.border,
        "information_bits": view.information,
        "peak_rate": view.peak,
        "negative_share": evaluation.negative_share,
        "start_score_60": evaluation.start.scores.score_60,
        "start_spacing_m": evaluation.start.lattice.spacing,
    }
    return list(columns), [list(row) for row in zip(*(column.tolist() for column in columns.values()), strict=True)]


def save_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Keep an evaluation as an ``.npz`` of plain arrays, one prefix per view, for anyone's own analysis."""
    arrays: dict[str, NDArray[np.generic] | float | int] = {
        "step": evaluation.step,
        "tau": evaluation.tau,
        "burn_in": evaluation.burn_in,
        "negative_share": evaluation.negative_share,
    }
    arrays |= {f"decoding/{field.name}": getattr(evaluation.decoding, field.name) for field in fields(Decoding)}
    for name, view in (("settled", evaluation.settled), ("start", evaluation.start)):
        arrays |= {
            f"{name}/rate_maps": view.rate_maps.maps.astype(np.float32),
            f"{name}/occupancy": view.rate_maps.occupancy,
            f"{name}/score_60": view.scores.score_60,
            f"{name}/score_90": view.scores.score_90,
            f"{name}/p_value": view.gate.p_value,
            f"{name}/grid_cell": view.gate.passed,
            f"{name}/spacing": view.lattice.spacing,
            f"{name}/orientation": view.lattice.orientation,
            f"{name}/phase": view.lattice.phase,
            f"{name}/border": view.border,
            f"{name}/information": view.information,
        }
    partial = path.with_suffix(".npz.partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    partial.replace(path)
