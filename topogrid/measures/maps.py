"""What is tracked of the rate maps of all units, and of their order on the sheet."""

from topogrid.measures.record import Measure

PERCENT = "% of units"


def _share(key: str, about: str, label: str, short: str, null: Measure | None = None, digits: int = 1) -> Measure:
    return Measure(f"validation/{key}", about, label, short, PERCENT, 100, digits, null)


def _null(key: str, about: str, label: str) -> Measure:
    return Measure(f"validation/{key}", about, label, label, "%", 100)


NULL_03 = _null(
    "null_share_above_0.3", "Share of the null's maps with a score above 0.3: what noise alone gives.", "null > 0.3"
)
NULL_08 = _null(
    "null_share_above_0.8", "Share of the null's maps with a score above 0.8: what noise alone gives.", "null > 0.8"
)
NULL_GATE = _null("null_share_gate", "Share of the null's maps that pass the same gate.", "null grid cells")
ABOVE_03 = _share(
    "share_above_0.3", "Share of all units with a 60-degree grid score above 0.3.", "GS > 0.3", "GS > 0.3", NULL_03
)
ABOVE_08 = _share(
    "share_above_0.8", "Share of all units with a 60-degree grid score above 0.8.", "GS > 0.8", "GS > 0.8", NULL_08
)
BEYOND_NULL = _share(
    "share_beyond_null",
    "Share of all units beyond the 99th percentile of their own null, where chance puts 1 %.",
    "units beyond the 99 % of their null",
    "beyond\nnull",
)._replace(unit="%")
GRID_CELLS = _share(
    "share_gate",
    "Share of all units that are grid cells: they pass the null-calibrated gate (5 % false discoveries).",
    "grid cells, 5 % false discoveries",
    "grid cells",
    NULL_GATE,
    1,
)._replace(unit="%")
DEAD = _share("share_dead", "Share of units that are never active.", "dead units", "dead")._replace(unit="%")
NO_LATTICE = _share(
    "spacing_nan_share",
    "Share of units without six autocorrelogram peaks, so without a spacing.",
    "units without a lattice",
    "no spacing",
)._replace(unit="%")
SPACING = Measure(
    "validation/spacing_median_m",
    "Median grid spacing of the units with a lattice, m.",
    "median spacing, lattices",
    "spacing",
    "m",
    digits=3,
)
GRID_CELL_SPACING = Measure(
    "validation/grid_cell_spacing_m",
    "Median grid spacing of the grid cells, m.",
    "median spacing, grid cells",
    "spacing",
    "m",
    digits=3,
)
N_SPACINGS = Measure(
    "validation/n_grid_cell_spacings",
    "Number of grid cells with a spacing: the n of their statistics on the sheet.",
    digits=0,
)
UNITS = (
    Measure("validation/grid_score_mean", "Mean 60-degree grid score of all units with a score."),
    Measure("validation/grid_score_max", "Best 60-degree grid score."),
    Measure(
        "validation/best_25_grid_score_mean",
        "Mean 60-degree grid score of the 25 best units; recorded data has 1.3 to 1.4.",
    ),
    Measure(
        "validation/n_grid_cells_above_0.3",
        "Number of units with a 60-degree grid score above 0.3; read it beside the null share.",
    ),
    ABOVE_03,
    ABOVE_08,
    NULL_03,
    NULL_08,
    BEYOND_NULL,
    GRID_CELLS,
    NULL_GATE,
    DEAD,
    Measure("validation/square_score_mean", "Mean 90-degree (square) score of all units with a score."),
    Measure("validation/border_score_mean", "Mean border score of the units that fire, -1 to 1."),
    Measure("validation/information_median_bits", "Median spatial information of the units that fire, bits."),
    SPACING,
    NO_LATTICE,
    GRID_CELL_SPACING,
    N_SPACINGS,
)
"""Over all units of the sheet, silent ones included."""

SPACING_ORDER = Measure(
    "validation/spacing_morans_i",
    "Moran's I of log spacing on the sheet, -1 to 1.",
    "Moran's I of spacing",
    "spacing",
    digits=2,
)
PARTIAL_ORDER = Measure(
    "validation/spacing_partial_morans_i",
    "Moran's I of what a straight line on log tau leaves over of log spacing.",
    "the same, tau taken out",
    "spacing,\ntau out",
    digits=2,
    of_tau=True,
)
COUPLING_P = Measure(
    "validation/tau_spacing_p",
    "P-value of that correlation, from shifts of one map over the other and its reflections.",
    digits=3,
    of_tau=True,
    panel=False,
)
COUPLING = Measure(
    "validation/tau_spacing_rho",
    "Spearman correlation of tau and spacing.",
    "rank correlation of tau and spacing",
    "rho",
    digits=2,
    null=COUPLING_P,
    of_tau=True,
)
SLOPE = Measure(
    "validation/scaling_slope",
    "Slope beta of log spacing on log tau; 0: tau does not set spacing.",
    "beta: slope of log spacing on log tau",
    "beta",
    digits=3,
    interval=("validation/scaling_slope_low", "validation/scaling_slope_high"),
    of_tau=True,
)
SHEET = (
    SPACING_ORDER,
    Measure("validation/spacing_morans_p", "Permutation p-value of Moran's I of spacing.", panel=False),
    Measure(
        "validation/spacing_order_reach",
        "Distance on the sheet, units, up to which spacings are more alike than permuted ones.",
    ),
    Measure("validation/orientation_morans_i", "Moran's I of orientation (mod 60 degrees) on the sheet, -1 to 1."),
    Measure("validation/orientation_morans_p", "Permutation p-value of Moran's I of orientation.", panel=False),
    Measure("validation/phase_morans_i", "Moran's I of phase (unit-cell coordinates) on the sheet, -1 to 1."),
    Measure("validation/phase_morans_p", "Permutation p-value of Moran's I of phase.", panel=False),
    Measure(
        "validation/n_scale_clusters", "Components of the mixture that describes log spacing best (BIC, with floors)."
    ),
    Measure(
        "validation/scale_cluster_bic_gain",
        "BIC of one component, or an even spread, minus that of the best mixture; above 10 is strong evidence.",
    ),
    Measure(
        "validation/scale_cluster_ratio", "Mean ratio of neighbouring components' spacings, where there are several."
    ),
    Measure(
        "validation/scale_cluster_smallest_share",
        "Share of units in the smallest component; never below 5 % or 10 units.",
        panel=False,
    ),
    Measure(
        "validation/scale_cluster_separation",
        "Smallest separation (Ashman's D) of neighbouring components; below 2 they are one.",
    ),
    PARTIAL_ORDER,
    Measure("validation/spacing_partial_morans_p", "Permutation p-value of that Moran's I.", panel=False),
    COUPLING,
    COUPLING_P,
    SLOPE,
    Measure(
        "validation/scaling_slope_low",
        "Lower end of its 95 % interval, from resampled blocks of the sheet.",
        panel=False,
    ),
    Measure(
        "validation/scaling_slope_high",
        "Upper end of its 95 % interval, from resampled blocks of the sheet.",
        panel=False,
    ),
)
"""Order of lattices on the sheet, over the grid cells or over all units with a lattice."""

LATTICES = "lattices/"
"""Stands before the name of what is measured over all units with a lattice."""

FROM_START = "start/"
"""Stands before the name of what is measured from the first step on, before units have forgotten their start."""

OVER_ALL = "Over all units with a lattice: "
WITHOUT_BURN_IN = "Without burn-in: "


def of_all_lattices(measure: Measure) -> Measure:
    """Return the same measure over all units with a lattice."""
    return measure.inside(LATTICES)._replace(about=OVER_ALL + measure.about)


def from_the_start(measure: Measure) -> Measure:
    """Return the same measure of rates counted from the first step on."""
    return measure.inside(FROM_START)._replace(about=WITHOUT_BURN_IN + measure.about, panel=False)
