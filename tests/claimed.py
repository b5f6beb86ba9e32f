"""The row of a network about which everything can be said, and what is said about one topic."""

from topogrid.evaluation.claims import claims
from topogrid.settings.config import TrainConfig

CONFIG = TrainConfig(n_grid_cells=400, tau=True)


ROW = {
    "validation/trajectory_error_cm": 6.0,
    "validation/hold_still_short_error_cm": 19.0,
    "validation/middle_short_error_cm": 88.0,
    "validation/long_error_cm": 20.0,
    "validation/hold_still_error_cm": 55.0,
    "validation/error_0.4s_cm": 7.0,
    "validation/error_2s_cm": 12.0,
    "validation/error_10s_cm": 30.0,
    "validation/error_10s_median_cm": 25.0,
    "validation/error_10s_hold_still_cm": 92.0,
    "validation/error_10s_middle_cm": 87.0,
    "validation/error_60s_cm": 70.0,
    "validation/floor_error_cm": 1.4,
    "validation/share_above_0.3": 0.5,
    "validation/null_share_above_0.3": 0.3,
    "validation/share_above_0.8": 0.2,
    "validation/null_share_above_0.8": 0.04,
    "validation/share_beyond_null": 0.12,
    "validation/share_gate": 0.25,
    "validation/null_share_gate": 0.01,
    "validation/share_dead": 0.1,
    "validation/grid_cell_spacing_m": 0.75,
    "validation/n_grid_cell_spacings": 90.0,
    "validation/spacing_nan_share": 0.4,
    "validation/predicted_spacing_m": 0.739,
    "validation/forming_spacing_m": 0.942,
    "validation/n_scale_clusters": 2.0,
    "validation/scale_cluster_bic_gain": 25.0,
    "validation/scale_cluster_ratio": 1.42,
    "validation/scale_cluster_smallest_share": 0.4,
    "validation/scale_cluster_separation": 3.0,
    "validation/orientation_morans_i": 0.3,
    "validation/orientation_morans_p": 0.002,
    "validation/phase_morans_i": 0.01,
    "validation/phase_morans_p": 0.4,
    "validation/spacing_morans_i": 0.5,
    "validation/spacing_morans_p": 0.001,
    "validation/spacing_partial_morans_i": 0.01,
    "validation/spacing_partial_morans_p": 0.4,
    "validation/tau_spacing_rho": 0.6,
    "validation/tau_spacing_p": 0.004,
    "validation/scaling_slope": 0.3,
    "validation/scaling_slope_low": 0.2,
    "validation/scaling_slope_high": 0.4,
    "validation/start/share_above_0.3": 0.7,
    "validation/start/tau_spacing_rho": 0.8,
    "tau/morans_i": 0.98,
}


def about(topic: str, changes: dict[str, float] | None = None, config: TrainConfig = CONFIG, **options: bool) -> str:
    """Return the one paragraph about a topic."""
    told = [one for one in claims(ROW | (changes or {}), config, **options) if one.startswith(f"{topic}: ")]
    assert len(told) <= 1
    return told[0] if told else ""
