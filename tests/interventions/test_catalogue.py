"""Names of interventions: a table, doses at any level and in any place, and what is no name."""

import pytest

from topogrid.interventions.catalogue import INTERVENTIONS, choose, dose, named, parse_units


def test_names_are_chosen_in_the_order_of_the_table_and_unknown_ones_refused():
    assert choose(None) == list(INTERVENTIONS)
    assert choose(["all"]) == choose(None)
    assert choose(["untrained", "tau_x2"]) == ["tau_x2", "untrained"]
    with pytest.raises(
        ValueError, match=r"'tau_y3'; did you mean tau_x\S+; .* other_animals, tau_x0.8, tau_x1.25, tau_x0.5"
    ):
        choose(["tau_y3"])


def test_a_dose_is_given_at_any_level_and_where_it_is_wanted():
    assert choose(["tau_x1.10", "untrained", "tau_x1.1", "tau_x2@module3", "silence@module0"]) == [
        "untrained", "tau_x1.1", "tau_x2@module3", "silence@module0"
    ]  # fmt: skip
    assert named("tau_x2") is INTERVENTIONS["tau_x2"]
    assert dose("box", 1.5).name == "box_x1.5"
    for name, said in {
        "box_x0.5": "has to be above 1",
        "tau_x0": "has to be above 0",
        "tau_x1000": "below 1000",
        "speed_x2@module1": "leave @module1 out",
        "mass_x2": "there is no intervention 'mass_x2'",
        "tau_x2@module": "there is no intervention",
        "tau_x-1": "there is no intervention",
    }.items():
        with pytest.raises(ValueError, match=said):
            named(name)


@pytest.mark.parametrize("text", ["-3", "a", "5-3", "1-", "1.5"])
def test_units_that_are_none_are_refused(text: str):
    with pytest.raises(ValueError, match="units are numbers as in"):
        parse_units([text])
    assert parse_units(["7", "2-4"]) == [7, 2, 3, 4]


def test_a_range_that_no_sheet_has_is_refused_before_it_is_written_out():
    with pytest.raises(ValueError, match="below 10,000,000"):
        parse_units(["0-999999999999"])


def test_every_intervention_says_what_it_does_by_a_name_that_is_read_back():
    for name, one in INTERVENTIONS.items():
        assert one.name == name
        assert one.about.endswith(".")
        assert named(name) is one
    assert dose("tau", 1.3).about == "All time constants times 1.3."
    assert dose("tau", 1.3, 4).name == named("tau_x1.3@module4").name
    with pytest.raises(ValueError, match="there is no dose of 'mass'; doses are of tau, speed, box, dt"):
        dose("mass", 2.0)
