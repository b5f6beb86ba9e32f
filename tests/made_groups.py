"""Groups of networks whose measures are chosen, so that what is drawn of them is known."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tests.made_runs import measures
from topogrid.analysis.networks.groups import Group, Member
from topogrid.figures import PALETTE


def member(seed: int, slope: float | None = None, n_units: int = 64, **changes: Any) -> Member:
    rng = np.random.default_rng(seed)
    rows = [
        {"step": step, "train/position_error_cm": 80 - step / 5, "train/ce_loss": 6.2} for step in range(0, 301, 50)
    ]
    rows += [{"step": step, **measures(80 - step / 5, step / 900, slope)} for step in range(0, 301, 100)]
    sheet = (round(n_units**0.5),) * 2
    kept = {
        "label": f"seed {seed}",
        "measures": measures(20 + seed, 1 / 3, slope),
        "rows": rows,
        "scores": rng.normal(0.2, 0.3, n_units),
        "spacing": 0.8 + 0.02 * rng.normal(size=sheet),
        "tau": np.full(sheet, 1.0 if slope is None else 5.0),
        "seconds": np.arange(1, 4.0),
        "long_error_cm": np.arange(2, 5.0),
        "hold_still_cm": np.arange(3, 6.0),
    }
    return Member(**(kept | changes))


def groups() -> list[Group]:
    return [
        Group("plain", "plain", tuple(map(member, range(3)))),
        Group("tau", "tau", tuple(member(seed, 0.1) for seed in range(3))),
    ]


BARE = [Group("plain", "plain", (Member("seed 0"), Member("seed 1")))]


GROUPS: dict[str, Sequence[Group]] = {
    "two": groups(),
    "one": groups()[:1],
    "one network": [Group("tau", "tau", (member(0, 0.1),))],
    "nothing kept": BARE,
    "one bare among others": [*groups(), *BARE],
    "many long names": [
        Group(f"tau, tau_max {n}, tau_smoothness_weight 0.0{n}", "tau", (member(n, 0.1, 16 * n * n),))
        for n in range(1, 8)
    ],
    "dead": [Group("plain", "plain", (member(0, scores=np.full(64, np.nan), spacing=np.full((8, 8), np.nan)),))],
}


def drawn(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba(), dtype=float)[..., :3]


COLOURS = list(PALETTE.values())


def axes_of(figure: Figure, label: str) -> Any:
    return next(ax for ax in figure.axes if ax.get_ylabel() == label)
