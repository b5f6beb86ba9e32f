"""Settings are flags of a command by either spelling, and only those that were given are passed on."""

import pytest

from topogrid.cli.arguments import declare_format, declare_settings, declare_silence, given_settings, planned
from topogrid.cli.parsing import Parser
from topogrid.interventions.catalogue import INTERVENTIONS
from topogrid.settings.errors import SettingsError

NAMES = ("eval_walks", "pc_width", "tau", "place_feedback")


@pytest.fixture
def parser() -> Parser:
    parser = Parser(prog="topogrid test")
    declare_settings(parser, NAMES)
    declare_format(parser)
    declare_silence(parser)
    return parser


def test_what_was_given_comes_with_its_kind_by_either_spelling(parser: Parser) -> None:
    read = parser.read(["--eval-walks", "30", "--pc_width", "0.1", "0.2", "--place-feedback", "0.5"])
    assert given_settings(read, NAMES) == {"eval_walks": 30, "pc_width": (0.1, 0.2), "place_feedback": 0.5}


def test_a_switch_is_true_where_it_stands_alone_and_what_is_left_out_is_not_given(parser: Parser) -> None:
    assert given_settings(parser.read(["--tau"]), NAMES) == {"tau": True}
    assert given_settings(parser.read(["--tau", "false"]), NAMES) == {"tau": False}
    assert given_settings(parser.read([]), NAMES) == {}
    assert parser.read([]).format == "png"


def test_a_bad_value_is_refused_by_the_name_of_its_flag(parser: Parser) -> None:
    with pytest.raises(SettingsError, match="--eval_walks must be a whole number, got 'many'"):
        given_settings(parser.read(["--eval-walks", "many"]), NAMES)


def test_plans_are_known_interventions_and_units() -> None:
    assert planned(None, None) == ([], [])
    assert planned(["speed_x2", "tau_x2", "tau_x2"], ["7", "3-5"]) == (["tau_x2", "speed_x2"], [7, 3, 4, 5])
    assert planned(["all"], None)[0] == list(INTERVENTIONS)
    with pytest.raises(ValueError, match="there is no intervention 'lesion'"):
        planned(["lesion"], None)
    for units in ("5-3", "-1", "a"):
        with pytest.raises(ValueError, match=f"ranges like 40-63; got '{units}'"):
            planned(None, [units])
