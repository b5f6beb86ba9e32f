"""Made-up results of every kind that a run really gives, the figures of them, and what is seen in a figure."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from topogrid import figures
from topogrid.analysis import distance_similarity, fit_scale_clusters
from topogrid.analysis.synthetic import lattice_map

Float = NDArray[np.float64]


SIDE = 4


UNITS = SIDE * SIDE


NAN = float("nan")


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def spacing_sheet(missing: float = 0.4) -> Float:
    values = 0.8 + 0.1 * rng().random((SIDE, SIDE))
    values.flat[: int(missing * UNITS)] = np.nan
    return values


def tau_sheet() -> Float:
    return np.linspace(1, 20, UNITS).reshape(SIDE, SIDE)


def unit_maps(n_bins: int | tuple[int, int] = 12) -> Float:
    maps = np.stack([lattice_map(0.7 + 0.02 * unit, 3.0 * unit, n_bins=n_bins) for unit in range(UNITS)])
    maps[0] = 0.0  # a dead unit
    maps[:, 0, 0] = np.nan  # a corner that was never visited
    return maps


def unit_scores() -> Float:
    scores = np.linspace(1.4, -0.3, UNITS)
    scores[0] = np.nan
    return scores


def module_spacings() -> Float:
    return np.concatenate([centre * np.exp(0.04 * rng().normal(size=80)) for centre in (0.5, 0.7)])


def rate_maps(**changes: Any) -> Figure:
    settings = {"box_size": 2.2, "n": 6, "columns": 3} | changes
    return figures.rate_map_grid(
        unit_maps(), unit_scores(), spacing_sheet().ravel(), tau_sheet().ravel() * 20, **settings
    )


def paths(walks: int = 5, steps: int = 30, size: float = 0.02) -> tuple[Float, Float]:
    true = 0.3 + np.cumsum(size * rng().normal(size=(walks, steps, 2)), axis=1)
    return true, true + 0.03


def rows() -> list[dict[str, float]]:
    keys = (
        "train/total_loss",
        "train/ce_loss",
        "train/position_error_cm",
        "train/lr",
        "validation/trajectory_error_cm",
    )
    shares = ("share_above_0.3", "share_above_0.8", "null_share_above_0.3", "null_share_above_0.8")
    values = [1 / (1 + step) for step in range(6)]
    every = [*keys, *(f"validation/{share}" for share in shares)]
    return [{"step": 10.0 * step} | dict.fromkeys(every, value) for step, value in enumerate(values)]


def moments(count: int = 7) -> list[figures.Moment]:
    tau = tau_sheet().ravel()
    return [
        figures.Moment(100 * k, tau + k, [] if k == 0 else spacing_sheet(0.8 - 0.1 * k).ravel()) for k in range(count)
    ]


def module_panels(
    n_modules: int = 4, names: tuple[str, ...] = ("tau x0.8", "tau permuted over modules", "flat")
) -> list[figures.ModulePanel]:
    before = np.linspace(0.5, 1.0, n_modules)
    measured = 0.82 * before
    measured[-1] = NAN
    after = spacing_sheet().ravel()
    return [
        figures.ModulePanel(
            name, 0.8 * before, NAN * before if name == "flat" else measured, 0.02 + 0 * before, before, after
        )
        for name in names
    ]


def pieces(count: int = 8, with_feedback: bool = True) -> Figure:
    true, decoded = paths(count)
    true[-1, 20:] = NAN
    error = np.linspace(3, 9, 30)
    errors = figures.Errors(error, error - 1, [error - 2, error + 2], still=4 * error, middle=40.0)
    if with_feedback:
        errors = errors._replace(feedback_mean=error - 1, feedback_median=error - 2)
    walk = figures.FollowedPaths(true, decoded, np.arange(1, 31) / 50, errors, 2.2, decoded if with_feedback else None)
    return figures.followed_pieces(walk, rng=rng())


def named(label: str) -> figures.Network:
    return figures.Network(label, figures.PALETTE["blue" if label == "plain" else "purple"])


def whole(
    steps: int = 3000, with_feedback: bool = False, box: tuple[float, float] = (1.0, 1.0), name: str = "rat"
) -> Figure:
    time = np.arange(1, steps + 1) / 50
    true = 0.4 * np.stack([np.sin(time), np.sin(1.3 * time) / 2], axis=-1)
    decoded = true + 0.001 * np.minimum(time, 60)[:, None] * (1, -1)
    error = 100 * np.hypot(*(decoded - true).T)
    errors = figures.Errors(error, still=40 * np.abs(np.sin(time / 2)), middle=30.0)
    fed = true + 0.01 if with_feedback else None
    return figures.followed_whole(figures.FollowedPaths(true, decoded, time, errors, box, fed, name, "mean error"))


FIGURES: dict[str, Callable[[], Figure]] = {
    "tau in modules": lambda: figures.tau_map(tau_sheet(), 0.02, modules=2),
    "scale in modules": lambda: figures.scale_map(spacing_sheet(), modules=2),
    "a filmstrip": lambda: figures.filmstrip(moments(), 0.01, modules=2, limits=(1, 30)),
    "a filmstrip of one moment": lambda: figures.filmstrip(moments(1), 0.01),
    "predictions": lambda: figures.predicted_and_measured(module_panels(9) * 3, network=named("learned+tau")),
    "predictions with maps": lambda: figures.predicted_and_measured(
        module_panels(4), before_map=spacing_sheet(0.1).ravel(), modules=2
    ),
    "predictions of nothing": lambda: figures.predicted_and_measured(
        [figures.ModulePanel("flat", [NAN], [NAN], [NAN], [NAN])]
    ),
    "pieces": pieces,
    "two pieces": lambda: pieces(2, with_feedback=False),
    "error over a minute": lambda: figures.error_over_time(
        np.arange(1, 61),
        np.arange(60.0),
        median_cm=np.arange(60.0),
        middle_cm=88.0,
        hold_still_cm=90.0,
        floor_cm=4.2,
        feedback_error_cm=np.arange(60.0),
        feedback_median_cm=np.arange(60.0),
        n_walks=60,
        network=named("attractor+tau"),
    ),
    "tau": lambda: figures.tau_map(tau_sheet(), 0.02),
    "tau of a plain network": lambda: figures.tau_map(np.ones((SIDE, SIDE)), 0.02),
    "tau of one unit": lambda: figures.tau_map([[3.0]], 0.02, limits=(1, 10)),
    "scale": lambda: figures.scale_map(spacing_sheet(), 0.739),
    "scale without any lattice": lambda: figures.scale_map(np.full((SIDE, SIDE), NAN), 0.739),
    "scale of one unit": lambda: figures.scale_map([[0.8]]),
    "orientation": lambda: figures.orientation_map(spacing_sheet() * 60),
    "orientation without any lattice": lambda: figures.orientation_map([[NAN]]),
    "phase": lambda: figures.phase_map(np.stack([spacing_sheet()] * 2, axis=-1)),
    "phase without any lattice": lambda: figures.phase_map(np.full((1, 1, 2), NAN)),
    "best maps": rate_maps,
    "random maps": lambda: rate_maps(selection="random", rng=rng()),
    "maps of an oblong box": lambda: figures.rate_map_grid(
        unit_maps((12, 6)), unit_scores(), [NAN] * UNITS, [20.0] * UNITS, box_size=(2.2, 1.1), n=2
    ),
    "maps of dead units only": lambda: figures.rate_map_grid(
        np.zeros((2, 8, 8)), [NAN] * 2, [NAN] * 2, [20.0] * 2, box_size=1.0, selection="random", rng=rng()
    ),
    "no map that can be best": lambda: figures.rate_map_grid(
        np.zeros((2, 8, 8)), [NAN] * 2, [NAN] * 2, [20.0] * 2, box_size=1.0
    ),
    "signed maps": lambda: figures.rate_map_grid(-unit_maps()[1:3], [0.1, 0.2], [0.8] * 2, [20.0] * 2, box_size=1.0),
    "scores": lambda: figures.score_histogram(unit_scores(), rng().normal(size=300)),
    "scores of dead units": lambda: figures.score_histogram([NAN] * 3, []),
    "spacings": lambda: figures.spacing_histogram(spacing_sheet(), 0.739),
    "spacings in modules": lambda: figures.spacing_histogram(
        module_spacings(), 0.739, 0.94, fit_scale_clusters(module_spacings())
    ),
    "spacings in one module": lambda: figures.spacing_histogram(
        spacing_sheet(), 0.739, 0.94, fit_scale_clusters(spacing_sheet()), network=named("plain")
    ),
    "similarity": lambda: figures.similarity_by_distance(
        {
            "tau": distance_similarity(tau_sheet(), rng=rng()),
            "spacing": distance_similarity(spacing_sheet(), rng=rng()),
        },
        n_units=UNITS,
    ),
    "similarity without a null": lambda: figures.similarity_by_distance(
        {"tau": distance_similarity(tau_sheet())}, n_units=UNITS, network=named("plain")
    ),
    "similarity of nothing": lambda: figures.similarity_by_distance(
        {"spacing": distance_similarity(np.full((SIDE, SIDE), NAN), rng=rng())}, n_units=0
    ),
    "other scores": lambda: figures.score_panels(unit_scores(), unit_scores() - 1, unit_scores()),
    "other scores of dead units": lambda: figures.score_panels([NAN] * 3, [NAN] * 3, [NAN] * 3, network=named("plain")),
    "shares by tau": lambda: figures.shares_by_tau(
        tau_sheet() * 20, {"lattice": unit_scores() > 0, "silent": np.isnan(unit_scores())}
    ),
    "shares of one unit": lambda: figures.shares_by_tau([20.0], {"lattice": [0.0]}),
    "no spacings": lambda: figures.spacing_histogram([NAN], 0.739, network=named("plain")),
    "tau against spacing": lambda: figures.tau_against_spacing(
        tau_sheet() * 20, spacing_sheet(0.0), np.ones(UNITS), 0.739, 0.1, 0.0004
    ),
    "one tau against spacing": lambda: figures.tau_against_spacing([20.0] * UNITS, spacing_sheet(), np.ones(UNITS)),
    "tau without any lattice": lambda: figures.tau_against_spacing([20.0], [NAN], [False], rho=NAN, p=NAN),
    "paths": lambda: figures.decoded_trajectories(*paths(), 2.2, seconds=0.02 * np.arange(1, 31)),
    "paths in an oblong box": lambda: figures.decoded_trajectories(*paths(1, 80, 0.05), (2.2, 1.0)),
    "a path that could not be decoded": lambda: figures.decoded_trajectories(paths()[0], np.full((5, 30, 2), NAN), 2.2),
    "error over time": lambda: figures.error_over_time([1, 2, 3], [4, 5, 6], [[3, 3, 3], [9, 9, 9]], [5, 10, 15], 4.2),
    "error at one time": lambda: figures.error_over_time([1.0], [4.0], hold_still_cm=20.0, n_walks=1),
    "a walk followed whole": whole,
    "a walk followed whole, with feedback": lambda: whole(with_feedback=True),
    "a walk followed whole in an oblong box": lambda: whole(box=(1.0, 0.5), name="$rat_{$"),
    "a followed walk of one sample": lambda: whole(steps=1),
    "one piece of one sample": lambda: figures.followed_pieces(
        figures.FollowedPaths([[[0.1, 0.2]]], [[[0.0, 0.2]]], [0.02], figures.Errors([3.0]), 1.0), rng=rng()
    ),
    "training": lambda: figures.training_curves(rows(), n_units=UNITS, chance_loss=0.9),
    "training of one row": lambda: figures.training_curves([{"step": 0, "train/ce_loss": 6.2, "train/lr": None}]),
    "training with gaps": lambda: figures.training_curves(
        [{"step": 1, "train/ce_loss": NAN, "train/position_error_cm": 0.0}, {"train/lr": 1.0}]
    ),
    "no training": lambda: figures.training_curves([]),
}


def pixels(fig: Figure) -> Float:
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba(), dtype=np.float64)[..., :3]


def all_axes(fig: Figure) -> list[Any]:
    return fig.findobj(match=lambda artist: hasattr(artist, "get_xlabel") and artist.get_visible())


def all_text(fig: Figure) -> str:
    return "\n".join(text.get_text() for text in fig.findobj(match=lambda artist: hasattr(artist, "get_fontsize")))
