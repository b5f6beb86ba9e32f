"""What is said about a network follows from its measures: yes, no, and cannot say."""

import math

import pytest

from tests.claimed import CONFIG, ROW, about
from topogrid.evaluation.claims import claims
from topogrid.settings.config import TrainConfig

COUPLING = [f"validation/{name}" for name in ("tau_spacing_rho", "tau_spacing_p", "scaling_slope")]


def test_nothing_is_ever_proved() -> None:
    for sentence in claims(ROW, CONFIG):
        assert "prove" not in sentence
        assert "nan" not in sentence.replace("(nan", "")


def test_grid_cells() -> None:
    yes = about("Grid cells")
    assert "100 units pass the gate calibrated on that noise (25.0 %; noise: 1.0 %)" in yes
    assert "consistent with" in yes
    assert "50.0 % above 0.3 (noise of their own period: 30.0 %)" in yes
    assert "12.0 % of units are beyond the 99th percentile of that noise" in yes
    wired = TrainConfig(n_grid_cells=400, tau=True, tau_min=2.4, drive=1.0, wiring="attractor")
    assert about("Grid cells", config=wired).endswith("Its lattices are wired: by construction, not a result.")
    assert "wired" not in yes
    assert "no single unit can be called a grid cell" in about("Grid cells", {"validation/share_gate": 0.0})
    assert "cannot be said, 100.0 %" in about("Grid cells", {"validation/share_dead": 1.0})


def test_spacing() -> None:
    yes = about("Spacing")
    assert "0.750 m, median of the 90 grid cells with one" in yes
    assert "40.0 % of all 400 units have no measurable spacing" in yes
    assert "is consistent with the 0.739 m" in yes
    assert "is not the 0.739 m that theory predicts from the place fields (+35%)" in about(
        "Spacing", {"validation/grid_cell_spacing_m": 1.0}
    )
    assert "between that and the 0.942 m at which lattices form" in about(
        "Spacing", {"validation/grid_cell_spacing_m": 0.86}
    )
    assert "lattices form" not in about("Spacing", {"validation/grid_cell_spacing_m": 0.7})
    assert "no prediction" in about("Spacing", {"validation/predicted_spacing_m": math.nan})
    none = about("Spacing", {"validation/grid_cell_spacing_m": math.nan, "validation/spacing_median_m": 0.86})
    assert "cannot be said" in none
    assert none.endswith("The median of all lattices, which noise has as well, is 0.860 m.")


def test_scale_clusters() -> None:
    yes = about("Scale clusters")
    assert (
        "2 components describe log spacing best of all mixtures (BIC lower by 25.0 than for one, n 90 grid cells)"
        in yes
    )
    assert "is consistent with several scales" in yes
    even = about("Scale clusters", {"validation/scale_cluster_bic_gain": -48.6})
    assert "best of all mixtures (BIC higher by 48.6 than of an even spread" in even
    assert "there is no sign of them" in even
    for name, weak in (("bic_gain", 3.0), ("separation", 1.0), ("smallest_share", 0.02), ("ratio", 1.04)):
        assert "there is no sign of them" in about("Scale clusters", {f"validation/scale_cluster_{name}": weak})
    one = about("Scale clusters", {"validation/n_scale_clusters": 1.0})
    assert "one component describes log spacing best" in one
    assert "at least 1.15 times apart, each of 5.0 % of units and of 10" in one
    assert "cannot be said" in about("Scale clusters", {"validation/n_scale_clusters": math.nan})


MODULES = {
    "validation/n_modules_with_spacing": 4.0,
    "validation/module_scaling_slope": 0.97,
    "validation/module_spacing_spread": 0.22,
    "validation/module_within_spread": 0.004,
}
LEARNED = {"wiring": "learned", "norm": "module", "tau": True, "n_grid_cells": 400, "modules_per_side": 2}


def test_nothing_is_said_about_modules_that_are_not_there() -> None:
    assert about("Scale of modules", MODULES) == ""


@pytest.mark.parametrize(
    ("settings", "slope", "said"),
    [
        ({"isometry_scale": "drive"}, 0.97, "a finding too: it is consistent with spacing in proportion to tau"),
        ({"isometry_scale": "drive"}, 0.5, "a finding too: it is not spacing in proportion to tau"),
        ({"isometry_scale": "tau"}, 0.97, "so the slope is by construction"),
        ({"isometry_scale": "mean"}, 0.05, "blind to tau. The scale does not follow tau, as it has to"),
        ({"isometry_scale": "mean"}, 0.9, "blind to tau. The scale goes with tau, as it must not"),
        (
            {"wiring": "attractor", "norm": "none", "tau_min": 2.4, "drive": 1.0, "n_grid_cells": 576},
            0.97,
            "what is tested is whether tau sets their scale. The slope is consistent with",
        ),
    ],
)
def test_what_a_slope_over_modules_means_depends_on_the_wiring(
    settings: dict[str, object], slope: float, said: str
) -> None:
    config = TrainConfig(**(LEARNED | settings))  # type: ignore[arg-type]
    told = about("Scale of modules", MODULES | {"validation/module_scaling_slope": slope}, config)
    assert said in told
    assert f"over modules is {slope:+.2f}" in told
    assert "4 of 4 modules have a spacing" in told
    assert "0.4 % inside a module and by 22.0 % between modules" in told


def test_modules_without_a_scale_or_a_slope() -> None:
    config = TrainConfig(**LEARNED)  # type: ignore[arg-type]
    none = {"validation/n_modules_with_spacing": 0.0, "validation/module_scaling_slope": math.nan}
    assert "cannot be said, in none of 4" in about("Scale of modules", none, config)
    no_slope = MODULES | {"validation/module_scaling_slope": math.nan}
    assert "they are too few, or equal in tau" in about("Scale of modules", no_slope, config)
    equal = no_slope | {"tau/morans_i": math.nan}
    assert "their time constants are equal" in about("Scale of modules", equal, config)


def test_the_kind_of_a_network_without_time_constants_is_told() -> None:
    row = {"tau/morans_i": math.nan} | dict.fromkeys(COUPLING, math.nan)
    learned = TrainConfig(**(LEARNED | {"tau": False}))  # type: ignore[arg-type]
    assert "cannot be said, a learned network has no time constants" in about("Tau and spacing", row, learned)


def test_maps_of_orientation_and_phase() -> None:
    told = about("Maps of orientation and phase")
    assert "orientation is 0.30 (p 0.002): consistent with neighbours being alike" in told
    assert "phase is 0.01 (p 0.400): no sign of order" in told
    assert "cannot be said" in about("Maps of orientation and phase", {"validation/phase_morans_p": math.nan})


def test_map_of_spacing() -> None:
    yes = about("Map of spacing")
    assert "consistent with neighbours on the sheet" in yes
    assert "no order is left (I 0.01, p 0.400)" in yes
    assert "Once log tau is accounted for, order is left" in about(
        "Map of spacing", {"validation/spacing_partial_morans_p": 0.01}
    )
    assert "no sign" in about("Map of spacing", {"validation/spacing_morans_p": 0.2})
    few = {"validation/spacing_morans_i": math.nan, "validation/n_grid_cell_spacings": 4.0}
    assert "cannot be said whether there is one, only 4 grid cells have a spacing, and too few" in about(
        "Map of spacing", few
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "is consistent with tau setting spacing"),
        ({"validation/tau_spacing_p": 0.5, "validation/scaling_slope_low": -0.1}, "does not support"),
        ({"validation/scaling_slope_low": -0.1}, "undecided"),
        (
            {
                "validation/tau_spacing_rho": -0.6,
                "validation/scaling_slope": -0.3,
                "validation/scaling_slope_low": -0.4,
                "validation/scaling_slope_high": -0.2,
            },
            "not what tau setting spacing would give",
        ),
        (dict.fromkeys(COUPLING, math.nan), "cannot be said, only 90 grid cells"),
        (dict.fromkeys([*COUPLING, "tau/morans_i"], math.nan), "cannot be said, all time constants are equal"),
    ],
)
def test_tau_and_spacing(changes: dict[str, float], said: str) -> None:
    assert said in about("Tau and spacing", changes)


def test_a_gradient_of_tau_is_said_beside_the_correlation() -> None:
    told = "of unrelated gradients more are correlated than p says"
    assert told in about("Tau and spacing", {"tau/explained_by_plane": 0.9})
    assert told not in about("Tau and spacing", {"tau/explained_by_plane": 0.3})


def test_a_slope_is_told_as_what_doubling_does() -> None:
    assert "twice the tau goes with +23.1% spacing" in about("Tau and spacing")


def test_nothing_is_said_about_the_tau_of_a_plain_network() -> None:
    plain = TrainConfig(n_grid_cells=400)
    row = {"tau/morans_i": math.nan} | dict.fromkeys(COUPLING, math.nan)
    assert "cannot be said, a plain network has no time constants" in about("Tau and spacing", row, plain)
    assert about("Map of tau", row, plain) == ""
    assert about("Memory of the start", row, plain) == ""


def test_order_that_was_asked_for_is_no_finding() -> None:
    assert "the first layout (gradient) and the loss asked for it, so it is by construction" in about("Map of tau")
    free = TrainConfig(n_grid_cells=400, tau=True, tau_init="random", tau_smoothness_weight=0.0)
    assert "nothing asked for it" in about("Map of tau", {}, free)
    assert "the checkpoint does not say" in about("Map of tau", knows_training=False)


def test_memory_of_the_start_is_set_beside_what_is_left() -> None:
    told = about("Memory of the start")
    assert "70.0 % score above 0.3" in told
    assert "+0.80 and +0.60" in told
    assert "so quote the second" in told
    assert "quote" not in about("Memory of the start", {"validation/start/share_above_0.3": 0.51})


def test_one_network_is_one_sample() -> None:
    assert claims(ROW, CONFIG)[-1].startswith("Scope: one network is one sample")


def test_lattices_that_may_be_of_noise_give_a_hint_at_most() -> None:
    names = ["spacing_morans_i", "spacing_morans_p", *(name.removeprefix("validation/") for name in COUPLING)]
    moved = {f"validation/{name}": math.nan for name in names} | {"validation/n_grid_cell_spacings": 3.0}
    row = moved | {
        name.replace("validation/", "validation/lattices/"): value
        for name, value in ROW.items()
        if "morans" in name or "scaling" in name or "tau_spacing" in name
    }
    for topic in ("Map of spacing", "Tau and spacing"):
        told = about(topic, row)
        assert "n 240 units with a lattice" in told
        assert "Grid cells among them: 3; " in told
        assert "a hint at most" in told


@pytest.mark.parametrize("value", [None, 0.0, -1.0, 1e300, -1e300])
def test_a_row_that_was_spoilt_is_answered_question_by_question(value: float | None) -> None:
    whole = claims(ROW, CONFIG)
    for key in ROW:
        spoilt = {name: one for name, one in ROW.items() if name != key} | ({} if value is None else {key: value})
        told = claims(spoilt, CONFIG)
        assert all(isinstance(sentence, str) for sentence in told)
        assert {sentence.partition(":")[0] for sentence in told} <= {sentence.partition(":")[0] for sentence in whole}
    assert any(
        "is not there" in sentence for sentence in claims({**ROW, "validation/share_above_0.3": math.nan}, CONFIG)
    )


def test_two_slopes_of_one_sheet_are_squared() -> None:
    assert "Over modules it is steeper (above)" in about("Tau and spacing", {"validation/module_scaling_slope": 0.97})
    assert "Over modules" not in about("Tau and spacing", {"validation/module_scaling_slope": -2.0})
    assert "Over modules" not in about("Tau and spacing")
