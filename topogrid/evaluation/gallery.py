"""Which pictures a person gets of an evaluation, by the names they are tracked under."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from topogrid import figures
from topogrid.analysis import distance_similarity
from topogrid.analysis.sheets.order import DistanceSimilarity
from topogrid.evaluation.results import Evaluation
from topogrid.evaluation.summary import PERIODS, Summary, lattice_maps, sum_up
from topogrid.evaluation.theory import forming_line, theory_line
from topogrid.figures import Moment, Selection
from topogrid.measures.maps import COUPLING, COUPLING_P, LATTICES
from topogrid.measures.pictures import CURVES
from topogrid.settings.config import TrainConfig
from topogrid.streams import numpy_generator
from topogrid.training.objective import Phase, phase_and_length, phase_of, phases_left

PHASE_NAMES: dict[Phase, str] = {
    "growth": "tau grows",
    "modules": "modules learn",
    "readout": "read-out learns",
    "all": "place is learned",
}
"""What each phase of training does, for the learning curves."""

MAIN_PICTURES = ("validation/top_10_ratemaps", "validation/topographic_scale_map", "tau/tau_map", CURVES)
"""What stands for an evaluation where few pictures are wanted."""


def wanted_pictures(config: TrainConfig) -> Collection[str] | None:
    """Return the tracked names of the pictures that a run draws of its evaluations; ``None`` for all."""
    return MAIN_PICTURES if config.pictures == "main" else None


def draw_evaluation(
    evaluation: Evaluation,
    config: TrainConfig,
    *,
    rows: Sequence[dict[str, float]] = (),
    summary: Summary | None = None,
    only: Collection[str] | None = None,
) -> dict[str, Figure]:
    """Draw the pictures of an evaluation.

    Parameters
    ----------
    evaluation : Evaluation
    config : TrainConfig
        Of the run.
    rows : sequence of dict
        Rows of ``metrics.jsonl`` so far, for the learning curves.
    summary : Summary, optional
        What `sum_up` found of this evaluation; it is found here if left out.
    only : collection of str, optional
        Tracked names of the pictures to draw; all if left out.

    Returns
    -------
    dict of str to Figure
        By tracked name, such as ``validation/topographic_scale_map``.
    """
    view, decoding = evaluation.settled, evaluation.decoding
    sheet = config.sheet
    theory = theory_line(config)
    network, modules = network_of(config), config.modules_per_side
    tau_ms = evaluation.tau * config.dt * 1000
    summary = sum_up(evaluation, config) if summary is None else summary
    rho, p_value = coupling_of(summary.row) or (None, None)
    passed = int(view.gate.passed.sum())
    drawers: dict[str, Callable[[], Figure]] = {
        "validation/top_10_ratemaps": lambda: _rate_maps(evaluation, config, "best"),
        "validation/random_ratemaps": lambda: _rate_maps(evaluation, config, "random"),
        "validation/topographic_scale_map": lambda: figures.scale_map(
            sheet.map(view.lattice.spacing),
            theory,
            note=f"{passed:,} of all units pass the grid-cell test (5 % false discoveries)",
            modules=modules,
        ),
        "validation/orientation_map": lambda: figures.orientation_map(
            sheet.map(view.lattice.orientation), modules=modules
        ),
        "validation/phase_map": lambda: figures.phase_map(sheet.map(view.lattice.phase), modules=modules),
        "validation/grid_score_histogram": lambda: figures.score_histogram(
            view.scores.score_60,
            view.gate.null_scores,
            n_dead=int(view.dead.sum()),
            network=network,
            null_name="ring noise",
        ),
        "validation/spacing_histogram": lambda: figures.spacing_histogram(
            view.lattice.spacing,
            theory,
            forming_line(config),
            summary.clusters,
            network=network,
            of_modules=summary.of_modules,
        ),
        "validation/distance_similarity": lambda: _draw_order(evaluation, config, network, summary.similarity),
        "validation/unit_scores": lambda: figures.score_panels(
            view.scores.score_90,
            np.where(view.dead, np.nan, view.border),
            np.where(view.dead, np.nan, view.information),
            network=network,
        ),
        "validation/trajectories": lambda: figures.decoded_trajectories(
            decoding.true_paths,
            decoding.decoded_paths,
            config.box_size,
            seconds=decoding.seconds,
            first_seconds=config.seq_length * config.dt,
            network=network,
        ),
        "validation/long_error": lambda: figures.error_over_time(
            decoding.seconds,
            decoding.long_error_cm,
            decoding.long_quartiles_cm,
            decoding.hold_still_cm,
            decoding.floor_cm,
            band_name="middle half of walks",
            n_walks=config.long_walks,
            network=network,
            median_cm=getattr(decoding, "long_median_cm", None),
            middle_cm=getattr(decoding, "middle_cm", None),
            feedback_error_cm=getattr(decoding, "feedback_error_cm", None),
            feedback_median_cm=getattr(decoding, "feedback_median_cm", None),
        ),
        "tau/tau_map": lambda: draw_tau(evaluation.tau, config),
    }
    if config.tau:
        drawers["validation/tau_against_spacing"] = lambda: figures.tau_against_spacing(
            tau_ms,
            view.lattice.spacing,
            view.gate.passed,
            theory,
            rho,
            p_value,
            p_name="p (shifted sheets)",
            module=sheet.module_of,
        )
        drawers["validation/shares_by_tau"] = lambda: figures.shares_by_tau(
            tau_ms,
            {
                "grid score > 0.3": view.scores.score_60 > 0.3,
                "lattice": np.isfinite(view.lattice.spacing),
                "states below zero": evaluation.negative_share,
                "silent": view.dead,
            },
            null={"noise > 0.3": view.gate.null_share_03},
            network=network,
        )
    if rows:
        drawers[CURVES] = lambda: draw_curves(rows, config)
    return {key: draw() for key, draw in drawers.items() if only is None or key in only}


def _draw_order(
    evaluation: Evaluation, config: TrainConfig, network: figures.Network, of_spacing: DistanceSimilarity | None
) -> Figure:
    """Draw how similarity falls with distance for the properties of all lattices, and for tau."""
    lattice = evaluation.settled.lattice
    measured = np.isfinite(lattice.spacing)
    rng = numpy_generator(config.seed, "curves shown")
    maps = lattice_maps(lattice, measured, config.sheet)
    # The curve and the band of which the tracked reach of spacing comes; without it there are too few lattices.
    curves = {"log spacing": of_spacing or distance_similarity(maps.pop("spacing"))}
    curves |= {
        name: distance_similarity(values, period=PERIODS[name], rng=rng)
        for name, values in maps.items()
        if name != "spacing"
    }
    if np.ptp(evaluation.tau) > 0:
        log_tau = config.sheet.map(np.log(evaluation.tau))
        curves = {"log tau (all units)": distance_similarity(log_tau, rng=rng)} | curves
    return figures.similarity_by_distance(curves, n_units=int(measured.sum()), network=network)


def draw_tau(tau: np.ndarray, config: TrainConfig) -> Figure:
    """Draw time constants ``(unit,)`` in steps on the sheet, on the scale of all they may become."""
    limits = (config.tau_min, config.tau_max) if config.tau else None
    return figures.tau_map(config.sheet.map(tau), config.dt, limits=limits, modules=config.modules_per_side)


def draw_curves(rows: Sequence[dict[str, float]], config: TrainConfig) -> Figure:
    """Draw loss and errors against step, from rows of ``metrics.jsonl``."""
    return figures.training_curves(
        rows,
        network=network_of(config),
        n_units=config.n_grid_cells,
        chance_loss=chance_loss(config),
        phases=[(first, _phase_name(first, config)) for _, first, _ in phases_left(0, config)],
    )


def _phase_name(first: int, config: TrainConfig) -> str:
    """Return what the phase that begins with step ``first`` does; of one that goes on, from which walks."""
    phase, length = phase_and_length(first, config)
    goes_on = first > 1 and phase_of(first - 1, config) == phase
    return f"on walks of {length} steps" if goes_on else PHASE_NAMES[phase]


def draw_filmstrip(moments: Sequence[Moment], config: TrainConfig) -> Figure:
    """Draw tau and spacing on the sheet at moments of training, on the scale of all that tau may become.

    Parameters
    ----------
    moments : sequence of Moment
        Step, tau ``(unit,)`` in steps and spacing ``(unit,)`` in metres, in the order of their steps.
    config : TrainConfig

    Returns
    -------
    Figure
    """
    limits = (config.tau_min, config.tau_max) if config.tau else None
    return figures.filmstrip(moments, config.dt, modules=config.modules_per_side, limits=limits)


def coupling_of(row: Mapping[str, float]) -> tuple[float, float] | None:
    """Rank correlation of tau with spacing over all units with a lattice, and its p-value, from a row of metrics."""
    names = COUPLING.inside(LATTICES).key, COUPLING_P.inside(LATTICES).key
    return (row[names[0]], row[names[1]]) if all(name in row for name in names) else None


def network_of(config: TrainConfig) -> figures.Network:
    """Return what the network of a run is called in figures, and its colour."""
    return figures.Network(config.kind.label, figures.PALETTE[config.kind.colour])


def chance_loss(config: TrainConfig) -> float:
    """Cross-entropy in nats of a network that knows nothing: a uniform guess in every population."""
    return float(np.log(config.n_place_cells / len(config.pc_width)))


def _rate_maps(evaluation: Evaluation, config: TrainConfig, selection: Selection) -> Figure:
    view = evaluation.settled
    return figures.rate_map_grid(
        view.rate_maps.maps,
        view.scores.score_60,
        view.lattice.spacing,
        evaluation.tau * config.dt * 1000,
        box_size=config.box_size,
        selection=selection,
        rng=numpy_generator(config.seed, "units shown"),
        module_of=config.sheet.module_of if config.modules_per_side > 1 else None,
    )
