"""Records of networks that nobody trained, whose answers are known."""

import numpy as np

from topogrid.study.arms import ARMS, config_for
from topogrid.study.records import FORMAT, slopes

TAU = [2.0, 2.5, 3.0, 3.5, 4.0]


def record(
    arm: str,
    seed: int,
    *,
    power: float = 1.0,
    cells: float = 1.0,
    asked: float = 1.0,
    flat: float = 0.0,
    gain_power: float = 0.0,
    tau: list[float] | None = None,
) -> dict:
    """Return a network whose spacing goes as tau to a power and follows changes of tau with another."""
    tau = TAU if tau is None else tau
    rng = np.random.default_rng(seed)
    gain = np.geomspace(2, 1, len(tau)) if gain_power else np.ones(len(tau))
    spacing = 0.25 * np.array(tau) ** power * gain**gain_power * np.exp(0.001 * rng.normal(size=len(tau)))
    between = float(np.std(np.log(spacing)))

    def change(name: str, factor: float, spread: float) -> dict:
        return {
            "name": name, "tau": tau, "spacing": list(spacing * factor), "spread": [0.01] * len(tau),
            "predicted": list(spacing), "median_deviation": 0.0, "largest_deviation": 0.0, "between": between * spread,
            "share_above_0.8": cells,
        }  # fmt: skip

    changes = [
        change("baseline", 1.0, 1.0),
        change("tau_x1.25", 1.25**asked, 1.0),
        change("tau_x1.3", 1.3**asked, 1.0),
        change("tau_flat", 1.0, flat),
    ]
    return {
        "format": FORMAT, "arm": arm, "seed": seed, "step": 10, "minutes": 1.5,
        "measures": {
            "validation/share_gate": cells, "validation/error_10s_cm": 7.0 + seed,
            "validation/error_60s_cm": 80.0 + seed,
        },
        "modules": {
            "tau": tau, "gain": list(gain), "spacing": list(spacing), "spread": [0.01] * len(tau),
            "slopes": slopes(spacing, np.array(tau), gain),
        },
        "courses": {
            "seconds": [0.1, 1.0, 60.0], "without": [4.0, 5.0, 80.0 + seed], "with": [4.0, 5.0, 8.0 + seed],
            "still": [5.0, 50.0, 120.0], "middle": [90.0, 90.0, 90.0],
        },
        "patches": {"smallest_score": 0.8, "orientation_sd": 3.0},
        "silenced": {"nothing": [5.0, 7.0 + seed], "silence_best": [9.0, 20.0 + seed]},
        "torus": {"betti": [2, 1]},
        "connections": {"locality": 2.0, "spectral_radius": [1.1, 1.2, None]},
        "feedback": [
            {
                "speed": speed, "code": code, "strength": strength, "seconds": [2.0, 60.0],
                "mean_cm": [5.0, 50.0 + seed - 400 * strength * (code == "decoded")], "median_cm": [5.0, 40.0],
            }
            for speed in (1.0, 2.0) for code in ("predicted", "decoded") for strength in (0.0, 0.01, 0.1)
        ],
        "units": _units(arm) if seed == 0 else {},
        "changes": {one["name"]: one for one in changes}, "versions": {},
    }  # fmt: skip


def _units(arm: str) -> dict:
    count = config_for(ARMS[arm], 0).n_grid_cells
    tau = [round(float(value), 4) for value in np.linspace(2, 4, count)]
    return {"tau": tau, "spacing": [None, *(0.25 * value for value in tau[1:])]}
