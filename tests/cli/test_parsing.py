"""A command line is read whole or refused in one line, with the flag that may have been meant."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topogrid.cli.parsing import Parser, with_readable_numbers
from topogrid.settings.errors import SettingsError


@pytest.fixture
def parser() -> Parser:
    parser = Parser(prog="topogrid test")
    parser.add_argument("run")
    parser.add_argument("--restart", "--re-start")
    parser.add_argument("--kind", choices=("a", "b"))
    return parser


@pytest.mark.parametrize("number", ["-1", "-1e-4", "-.5", "-inf", "-NaN", "-1_0"])
def test_a_negative_number_is_a_value_and_no_flag(parser: Parser, number: str) -> None:
    read = parser.read(["x", "--restart", number])
    assert read.restart.strip() == number


@settings(max_examples=40)
@given(st.lists(st.text(max_size=6), max_size=5))
def test_only_blanks_are_put_before_numbers(words: list[str]) -> None:
    changed = with_readable_numbers(words)
    assert [word.lstrip(" ") for word in changed] == [word.lstrip(" ") for word in words]
    assert all(new == old or old.startswith("-") for new, old in zip(changed, words, strict=True))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x", "--rest", "1"], "unknown flag '--rest'; did you mean --restart?"),
        (["x", "--restrat=1"], "unknown flag '--restrat'; did you mean --restart?"),
        (["x", "-q"], "unknown flag '-q'; see --help"),
        (["x", "-1"], "'-1' is one word too many; see --help"),
        (["x", "y"], "'y' is one word too many; see --help"),
        (["x", "y\x1b[2J"], "'y\\x1b[2J' is one word too many; see --help"),
        (["x", "--restart"], "--restart/--re-start needs a value; see --help"),
        (["x", "--kind", "c"], "argument --kind: invalid choice: 'c' (choose from a, b); see --help"),
        ([], "the following arguments are required: run; see --help"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(parser: Parser, words: list[str], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parser.read(words)
    assert str(refused.value).replace("'a', 'b'", "a, b") == message  # as older versions of argparse quote them
