"""What the measurements of one network let a person say, in plain sentences.

Every sentence is one of three kinds. What agrees with an idea *is consistent with* it, no more; what does not is said
as plainly; and what was not measured well enough *cannot be said*. Numbers of units and of missing values stand beside
every share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from topogrid.analysis.sheets.scale_clusters import FEWEST_UNITS, SMALLEST_RATIO, SMALLEST_SHARE
from topogrid.evaluation.claims_of_errors import of_errors, of_unknown_places
from topogrid.measures.decoding import MODULE_SLOPE
from topogrid.settings.config import TrainConfig

LEVEL = 0.05  # p-values below it count


NEAR_THEORY = 0.1  # relative difference of a spacing from its prediction up to which the two agree


IN_PROPORTION = 0.2  # difference of a slope from 1, or from 0, up to which spacing is in proportion to tau, or unmoved


STRONG = 10.0  # difference in BIC that counts as strong evidence (Kass & Raftery 1995)


GRADIENT = 0.6  # share of the variance of log tau that a plane explains, from which shifted sheets are no fair null
TWO_GROUPS = 2.0  # Ashman's D from which two components are two groups


SHIFTED = 0.05  # difference between the views with and without burn-in, in shares, that is worth a sentence


def claims(
    row: Mapping[str, float], config: TrainConfig, *, knows_places: bool = True, knows_training: bool = True
) -> list[str]:
    """Say what can and what cannot be claimed about one network.

    Parameters
    ----------
    row : mapping
        What `summary.summarise` returned; a measure that is missing or NaN could not be taken.
    config : TrainConfig
        Settings of the network.
    knows_places : bool
        Whether the place cells are those the network was trained with; decoding means nothing otherwise.
    knows_training : bool
        Whether ``config`` also says how it was trained.

    Returns
    -------
    list of str
        One paragraph per question, each beginning with what it is about.
    """
    measures = {name: value for name, value in row.items() if math.isfinite(value)}
    questions: dict[str, Callable[[], str]] = {
        "Path integration": lambda: of_errors(measures, config) if knows_places else of_unknown_places(),
        "Grid cells": lambda: _grid_cells(measures, config),
        "Spacing": lambda: _spacing(measures, config),
        "Scale clusters": lambda: _scale_clusters(measures, config),
        "Scale of modules": lambda: _module_scales(measures, config),
        "Map of spacing": lambda: _order(measures, config),
        "Maps of orientation and phase": lambda: _directions(measures, config),
        "Map of tau": lambda: _tau_order(measures, config, knows_training),
        "Tau and spacing": lambda: _coupling(measures, config),
        "Memory of the start": lambda: _burn_in(measures, config),
    }
    told = [_answered(question, answer) for question, answer in questions.items()]
    scope = (
        "Scope: one network is one sample, however many units it has. Repeat with other seeds before calling any of "
        "this a property of the method."
    )
    return [paragraph for paragraph in (*told, scope) if paragraph]


def _answered(question: str, answer: Callable[[], str]) -> str:
    """Answer, unless what is asked for was written down in part only, or as what no measurement gives."""
    try:
        return answer()
    except KeyError as missing:
        return f"{question}: cannot be said, {missing.args[0]} is not there."
    except ArithmeticError:
        return f"{question}: cannot be said, its measures are none."


def _grid_cells(row: Mapping[str, float], config: TrainConfig) -> str:
    n_units, share, null = (
        config.n_grid_cells,
        row.get("validation/share_gate"),
        row.get("validation/null_share_gate"),
    )
    dead = row.get("validation/share_dead", 0.0)
    if share is None or null is None or dead >= 1:
        return f"Grid cells: cannot be said, {_percent(dead)} of the {n_units} units are silent."
    shares = " and ".join(
        f"{_percent(row[f'validation/share_above_{level}'])} above {level} (noise of their own period: "
        f"{_percent(row[f'validation/null_share_above_{level}'])})"
        for level in ("0.3", "0.8")
    )
    told = (
        f"Grid cells: of {n_units} units ({_percent(dead)} silent, counted as no grid cells), grid scores are {shares}."
    )
    beyond = row.get("validation/share_beyond_null")
    if beyond is not None:
        told += f" {_percent(beyond)} of units are beyond the 99th percentile of that noise, where chance puts 1 %."
    n_grid = round(share * n_units)
    if n_grid == 0:
        return f"{told} No unit passes the gate calibrated on that noise: no single unit can be called a grid cell."
    return (
        f"{told} {n_grid} {'unit passes' if n_grid == 1 else 'units pass'} the gate calibrated on that noise "
        f"({_percent(share)}; noise: {_percent(null)}), "
        "of whom 5 % may be false: consistent with hexagonal firing beyond what its period alone gives."
        + (" Its lattices are wired: by construction, not a result." if config.wiring == "attractor" else "")
    )


def _spacing(row: Mapping[str, float], config: TrainConfig) -> str:
    n, spacing = row.get("validation/n_grid_cell_spacings", 0.0), row.get("validation/grid_cell_spacing_m")
    missing = row.get("validation/spacing_nan_share", 1.0)
    without = f"{_percent(missing)} of all {config.n_grid_cells} units have no measurable spacing"
    if spacing is None:
        told = f"Spacing: cannot be said, no grid cell has one; {without}."
        of_all = row.get("validation/spacing_median_m")
        if of_all is None:
            return told
        return f"{told} The median of all lattices, which noise has as well, is {of_all:.3f} m."
    told = f"Spacing: {spacing:.3f} m, median of the {n:.0f} grid cell{'' if n == 1 else 's'} with one; {without}."
    theory = row.get("validation/predicted_spacing_m")
    if theory is None:
        return f"{told} Theory makes no prediction for {'this place code' if config.wiring == 'dense' else 'modules'}."
    off = spacing / theory - 1
    verdict = "is consistent with" if abs(off) <= NEAR_THEORY else "is not"
    told = f"{told} That {verdict} the {theory:.3f} m that theory predicts from the place fields ({off:+.0%})."
    forming = row.get("validation/forming_spacing_m")
    if forming is None or not theory < spacing <= forming * (1 + NEAR_THEORY):
        return told
    return (
        f"{told} It lies between that and the {forming:.3f} m at which lattices form while movement over "
        f"{config.seq_length} steps is not yet integrated."
    )


def _scale_clusters(row: Mapping[str, float], config: TrainConfig) -> str:
    counted = _counted(row, config, "n_scale_clusters", "scale_cluster_bic_gain")
    if counted is None:
        return f"Scale clusters: cannot be said, {_too_few(row)}."
    n, gain = round(row[f"{counted.prefix}n_scale_clusters"]), row[f"{counted.prefix}scale_cluster_bic_gain"]
    if n < 2:
        return (
            f"Scale clusters: one component describes log spacing best (BIC, n {counted.n} {counted.who}) among "
            f"mixtures of components at least {SMALLEST_RATIO:g} times apart, each of {_percent(SMALLEST_SHARE)} of "
            f"units and of {FEWEST_UNITS}: there is no sign of clusters.{counted.caveat}"
        )
    ratio, share, apart = (
        row.get(f"{counted.prefix}scale_cluster_{name}", math.nan) for name in ("ratio", "smallest_share", "separation")
    )
    beside = f"lower by {gain:.1f} than for one" if gain >= 0 else f"higher by {-gain:.1f} than of an even spread"
    told = (
        f"Scale clusters: {n} components describe log spacing best of all mixtures (BIC {beside}, n {counted.n} "
        f"{counted.who}), {ratio:.2f} times apart on average, the closest two at a separation of {apart:.1f}, the "
        f"smallest with {_percent(share)} of units."
    )
    if gain >= STRONG and apart >= TWO_GROUPS and share >= SMALLEST_SHARE and ratio >= SMALLEST_RATIO:
        return f"{told} This is consistent with several scales.{counted.caveat}"
    return (
        f"{told} Clusters would need {STRONG:g}, a ratio of {SMALLEST_RATIO:g}, a separation of {TWO_GROUPS:g} and "
        f"{_percent(SMALLEST_SHARE)} of units: there is no sign of them.{counted.caveat}"
    )


def _module_scales(row: Mapping[str, float], config: TrainConfig) -> str:
    """Say whether the modules' scale follows their tau; nothing in a sheet without modules."""
    n_modules = config.sheet.n_modules
    if n_modules == 1:
        return ""
    n = round(row.get("validation/n_modules_with_spacing", 0.0))
    if n == 0:
        return f"Scale of modules: cannot be said, in none of {n_modules} enough grid cells have a spacing."
    told = f"Scale of modules: {n} of {n_modules} modules have a spacing."
    within, between = (row.get(f"validation/module_{name}_spread") for name in ("within", "spacing"))
    if within is not None:
        told += f" Spacing spreads by {_percent(within)} inside a module"
        told += f" and by {_percent(between)} between modules" if between is not None else ""
        told += " (standard deviation of its logarithm; inside recorded modules about 6 %)."
    slope = row.get(MODULE_SLOPE.key)
    if slope is None:
        why = "their time constants are equal" if "tau/morans_i" not in row else "they are too few, or equal in tau"
        return f"{told} No slope on tau can be told over modules: {why}."
    told += f" The slope of log spacing on log tau over modules is {slope:+.2f}."
    proportional = (
        "is consistent with spacing in proportion to tau"
        if abs(slope - 1) <= IN_PROPORTION
        else "is not spacing in proportion to tau"
    )
    return f"{told} {_asked_of_modules(config, slope, proportional)}"


def _asked_of_modules(config: TrainConfig, slope: float, proportional: str) -> str:
    """Say what of a slope over modules is a finding, which depends on how the network is wired and trained."""
    if config.wiring == "attractor":
        return (
            "Lattices are wired, so they are there by construction; what is tested is whether tau sets their "
            f"scale. The slope {proportional}; changing tau tells more (--intervene)."
        )
    if config.isometry_scale == "tau":
        return (
            "The loss asks each module for a scale in proportion to its tau, so the slope is by construction; what "
            "changing tau does afterwards is not (--intervene)."
        )
    if config.isometry_scale == "mean":
        found = "does not follow tau, as it has to" if abs(slope) <= IN_PROPORTION else "goes with tau, as it must not"
        return f"The loss asks all modules for one scale: this is the control that is blind to tau. The scale {found}."
    return (
        "The loss takes each module's scale from how far movement drives it and names no spacing, so the slope is a "
        f"finding too: it {proportional}; changing tau tells more (--intervene)."
    )


class _Counted(NamedTuple):
    """The units that a statistic of the sheet is over."""

    prefix: str
    n: int
    who: str
    caveat: str


def _counted(row: Mapping[str, float], config: TrainConfig, *names: str) -> _Counted | None:
    """Choose the grid cells, or all units with a lattice where those are too few; ``None`` where both are."""
    n_grid = round(row.get("validation/n_grid_cell_spacings", 0.0))
    n_lattices = round((1 - row.get("validation/spacing_nan_share", 1.0)) * config.n_grid_cells)
    few = f" Grid cells among them: {n_grid}; the lattices may be those of noise, and this a hint at most."
    for chosen in (
        _Counted("validation/", n_grid, "grid cells", ""),
        _Counted("validation/lattices/", n_lattices, "units with a lattice", few),
    ):
        if all(chosen.prefix + name in row for name in names):
            return chosen
    return None


def _order(row: Mapping[str, float], config: TrainConfig) -> str:
    counted = _counted(row, config, "spacing_morans_i", "spacing_morans_p")
    if counted is None:
        return f"Map of spacing: cannot be said whether there is one, {_too_few(row)}."
    value, p_value = (row[f"{counted.prefix}spacing_morans_{one}"] for one in "ip")
    told = f"Map of spacing: Moran's I of log spacing is {value:.2f} (p {p_value:.3f}, n {counted.n} {counted.who})."
    if p_value >= LEVEL:
        return f"{told} There is no sign that neighbours on the sheet have similar spacings.{counted.caveat}"
    told = f"{told} This is consistent with neighbours on the sheet having similar spacings.{counted.caveat}"
    if f"{counted.prefix}spacing_partial_morans_p" not in row:
        return told
    left, left_p = (row[f"{counted.prefix}spacing_partial_morans_{one}"] for one in "ip")
    kept = "order is left" if left_p < LEVEL else "no order is left"
    return f"{told} Once log tau is accounted for, {kept} (I {left:.2f}, p {left_p:.3f})."


def _directions(row: Mapping[str, float], config: TrainConfig) -> str:
    """Say whether neighbours share orientation and phase, as the units of a module share the first."""
    names = ("orientation_morans_i", "orientation_morans_p", "phase_morans_i", "phase_morans_p")
    counted = _counted(row, config, *names)
    if counted is None:
        return f"Maps of orientation and phase: cannot be said, {_too_few(row)}."
    told = []
    for name in ("orientation", "phase"):
        value, p_value = (row[f"{counted.prefix}{name}_morans_{one}"] for one in "ip")
        found = "consistent with neighbours being alike" if p_value < LEVEL else "no sign of order"
        told.append(f"Moran's I of {name} is {value:.2f} (p {p_value:.3f}): {found}")
    return f"Maps of orientation and phase: {'; '.join(told)} (n {counted.n} {counted.who}).{counted.caveat}"


def _tau_order(row: Mapping[str, float], config: TrainConfig, knows_training: bool) -> str:
    value = row.get("tau/morans_i")
    if value is None:
        return ""
    told = f"Map of tau: Moran's I of log tau is {value:.2f}"
    if not knows_training:
        return f"{told}; whether the first layout or the loss asked for it, the checkpoint does not say."
    asked = []
    if config.tau_init != "random":
        asked.append(f"the first layout ({config.tau_init})")
    if config.learnable_tau and config.tau_smoothness_weight > 0:
        asked.append("the loss")
    why = f"{' and '.join(asked)} asked for it, so it is by construction" if asked else "nothing asked for it"
    return f"{told}; {why}."


def _coupling(row: Mapping[str, float], config: TrainConfig) -> str:
    if not config.tau:
        article = "an" if config.network == "lstm" else "a"
        return f"Tau and spacing: cannot be said, {article} {config.describe()} network has no time constants."
    names = ("tau_spacing_rho", "tau_spacing_p", "scaling_slope", "scaling_slope_low", "scaling_slope_high")
    counted = _counted(row, config, *names)
    if counted is None:
        equal = "tau/morans_i" not in row
        return f"Tau and spacing: cannot be said, {'all time constants are equal' if equal else _too_few(row)}."
    rho, p_value, beta, low, high = (row[counted.prefix + name] for name in names)
    told = (
        f"Tau and spacing: rank correlation {rho:+.2f} (p {p_value:.3f} against shifted sheets, n {counted.n} "
        f"{counted.who}); slope of log spacing on log tau {beta:+.3f} (95 % interval {low:+.3f} to {high:+.3f}), so "
        f"twice the tau goes with {2**beta - 1:+.1%} spacing."
    )
    over_modules = row.get(MODULE_SLOPE.key)
    if over_modules is not None and over_modules > beta:
        told += " Over modules it is steeper (above), for inside a module tau varies and spacing does not."
    if row.get("tau/explained_by_plane", 0.0) > GRADIENT:
        told += " Tau is mostly a gradient over the sheet, and of unrelated gradients more are correlated than p says."
    correlated, sloped = p_value < LEVEL, not low <= 0 <= high
    if correlated and sloped and rho > 0 and beta > 0:
        verdict = (
            "This is consistent with tau setting spacing, and with both following something else that training laid "
            "out; only changing tau can tell (--intervene)."
        )
    elif correlated and sloped:
        verdict = "This is not what tau setting spacing would give, where slower units have the wider grids."
    elif correlated or sloped:
        verdict = "The two tests disagree: undecided."
    else:
        verdict = "This does not support that tau sets spacing."
    return f"{told} {verdict}{counted.caveat}"


def _burn_in(row: Mapping[str, float], config: TrainConfig) -> str:
    """Say what the memory of the start makes: nothing where there are no time constants, and units forget at once."""
    names = ("validation/share_above_0.3", "validation/start/share_above_0.3")
    if not config.tau or any(name not in row for name in names):
        return ""
    settled, start = (row[name] for name in names)
    told = (
        f"Memory of the start: counted from the first step on, {_percent(start)} score above 0.3; after every unit has "
        f"forgotten its start, {_percent(settled)}."
    )
    for which in ("", "lattices/"):
        rho = [row.get(f"validation/{view}{which}tau_spacing_rho") for view in ("start/", "")]
        if rho[0] is not None and rho[1] is not None:
            told += f" The rank correlation of tau and spacing is {rho[0]:+.2f} and {rho[1]:+.2f}."
            break
    if abs(settled - start) > SHIFTED:
        told += " The two views differ: the first holds what units remember of the start, so quote the second."
    return told


def _too_few(row: Mapping[str, float]) -> str:
    n = row.get("validation/n_grid_cell_spacings", 0.0)
    return f"only {n:.0f} grid cells have a spacing, and too few other units a lattice"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
