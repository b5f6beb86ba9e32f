"""A table for people and one for programs say the same, and a missing value is told as missing."""

import dataclasses
import math

from tests.changed_networks import CONFIG
from topogrid.evaluation.results import Evaluation
from topogrid.interventions.paired import paired
from topogrid.interventions.report import as_page, as_record, counted_units, draw_outcomes, full_table, key, key_table
from topogrid.interventions.run import BASELINE, HIDDEN, Outcome


def outcome(before: Evaluation, name: str = BASELINE, **said: object) -> Outcome:
    told = {"compare_with": "", "about": "", "note": "", "measures": {}} | said
    return Outcome(name=name, paired=paired(before, before, CONFIG.sheet), **told)  # type: ignore[arg-type]


def test_the_table_is_over_grid_cells_or_else_says_that_it_is_not(before: Evaluation) -> None:
    def counting(n_grid: float) -> Outcome:
        measures = {
            "validation/n_grid_cell_spacings": n_grid,
            "validation/grid_cell_spacing_m": 0.7,
            "validation/spacing_median_m": 0.9,
            "paired/kept_share": 0.5,
            "paired/lattices/kept_share": 0.25,
        }
        return outcome(before, measures=measures)

    enough, few = [counting(20.0)], [counting(3.0)]
    assert counted_units(enough).who == "grid cells"
    assert {"0.700", "50"} <= set(key_table(enough)[1][0])
    assert {"0.900", "25"} <= set(key_table(few)[1][0])
    assert "no single one for more than a hint" in key(few)
    assert "hint" not in key(enough)


def test_a_missing_value_is_a_dash_for_people_and_nan_for_programs(before: Evaluation) -> None:
    outcomes = [outcome(before, measures={"validation/share_gate": 0.25, "validation/null_share_gate": 0.01})]
    columns, rows = key_table(outcomes)
    assert rows[0][columns.index("grid cells %")] == "25.0 (1.0)"
    assert set(rows[0]) == {BASELINE, "25.0 (1.0)", "-"}
    odd = [outcomes[0], dataclasses.replace(outcomes[0], measures={"perf/minutes": 1.0})]
    names, values = full_table(odd)
    assert math.isnan(values[0][names.index("perf/minutes")])
    assert math.isnan(values[1][names.index("validation/share_gate")])


def test_a_page_says_what_was_done_and_what_was_left_out(before: Evaluation) -> None:
    silenced = outcome(before, "silence_slow", about="The slowest silenced.", note="7 of 36 units | dead")
    page = as_page("On <b>mine</b>", [outcome(before), silenced], {"tau_x2": "a plain network has no time constants"})
    assert page.startswith("# On &lt;b>mine&lt;/b>\n")
    assert "* `silence_slow`: The slowest silenced. 7 of 36 units \\| dead\n" in page
    assert "* `tau_x2`: left out, a plain network has no time constants." in page
    assert page.count("| silence\\_slow ") + page.count("| silence_slow ") == 1


def test_a_record_holds_every_measure_and_is_a_copy(before: Evaluation) -> None:
    one = outcome(before, measures={"validation/share_gate": 0.5})
    (kept,) = as_record([one])
    assert kept["measures"] == {"validation/share_gate": 0.5}
    kept["measures"].clear()
    assert one.measures


def test_the_picture_has_a_line_an_outcome_and_names_what_is_only_not_counted(before: Evaluation) -> None:
    names = [BASELINE, "silence_slow", f"silence_slow{HIDDEN}"]
    fig = draw_outcomes([outcome(before, name) for name in names], CONFIG)
    shown = [tick.get_text() for tick in fig.axes[0].get_yticklabels()]
    assert shown == ["baseline", "silence slow", "silence slow, not counted only"]
    assert len(fig.axes) == 5
    plain = dataclasses.replace(CONFIG, tau=False, tau_max=10.0)
    assert len(draw_outcomes([outcome(before)], plain).axes) == 4


def test_a_slope_over_modules_is_told_where_it_is_steeper(before: Evaluation) -> None:
    units = {"validation/n_grid_cell_spacings": 20.0, "validation/scaling_slope": 0.8}
    over = [
        outcome(before, measures=units | {"validation/module_scaling_slope": slope}) for slope in (1.0, 0.5, math.nan)
    ]
    said = [key([one]) for one in over]
    assert "over modules 1.000: inside one tau varies" in said[0]
    assert not any("over modules" in one for one in said[1:])
    assert "over modules" not in key([outcome(before, measures=units)])
