"""Tables say what their cells say, whatever that would mean to a terminal, a renderer or a spreadsheet."""

import csv
import html
import io
import re

import pytest

from topogrid.tables import code, markdown, plain, to_csv, to_markdown, to_text

# An escape sequence, a text that turns round, a line break, a lone surrogate of a name that is not UTF-8.
SENT = ["\x1b]0;owned\x07", "a\u202eb", "two\nlines", "\udcff", "\x9b31m", "\u2066", "a\u2028b", "\r"]


@pytest.mark.parametrize("text", SENT)
def test_a_terminal_is_sent_nothing_that_it_acts_on(text: str) -> None:
    shown = plain(text)
    assert all(letter.isprintable() for letter in shown)
    assert shown.encode("utf-8")
    for made in (to_text(["name"], [[text]]), to_markdown(["name"], [[text]])):
        assert all(letter.isprintable() for letter in made.replace("\n", ""))
        assert made.count("\n") == len(to_text(["name"], [["fine"]]).splitlines()) + made.startswith("|")


def test_what_people_write_stays_as_it_is() -> None:
    for text in ("runs/ü", "日本", "tau, 20 cm", "GS > 0.3 (% of units)", "-", "a_b"):
        assert plain(text) == text
    assert markdown("tau_max 8, GS > 0.3 (+6.8 points), n = 3") == "tau_max 8, GS > 0.3 (+6.8 points), n = 3"


@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror=alert(1)>", "[click](javascript:alert(1))", "![x](http://a.b/c.png)", "a|b", "`code`",
        "**bold**", "_slanted_", "~~gone~~", "http://a.example/x", "www.example.org", "&lt;script&gt;", "back\\slash",
    ],
)  # fmt: skip
def test_markdown_has_no_markup_but_its_own(text: str) -> None:
    escaped = markdown(text)
    assert html.unescape(re.sub(r"\\(.)", r"\1", escaped)) == text
    bare = re.sub(r"\\.|&lt;|&amp;", "", escaped)
    assert not re.search(r"[<\[\]`*|~]|(?<!\w)_|_(?!\w)|://|www\.|&\w+;", bare)


def test_a_cell_ends_no_cell_and_a_span_of_code_ends_where_it_should() -> None:
    row = to_markdown(["a", "b"], [["x | y", "z"]]).splitlines()[2]
    assert len(re.findall(r"(?<!\\)\|", row)) == 3
    assert to_markdown(["a"], [["[x](y)"]], marked_up=True).splitlines()[2] == "| [x](y) |"
    assert code("topogrid open") == "`topogrid open`"
    assert code("a ` b `` c") == "``` a ` b `` c ```"


@pytest.mark.parametrize("text", ["=cmd|calc!A0", "@SUM(1)", "-2+3", "+1+1", " =1+1", "\t=1", "\uff1d1+1", "=1\n+1"])
def test_a_spreadsheet_computes_nothing(text: str) -> None:
    (cell,) = list(csv.reader(io.StringIO(to_csv(["run"], [[text]]))))[1]
    assert cell.startswith("'")


def test_numbers_in_csv_stay_numbers() -> None:
    rows = list(csv.reader(io.StringIO(to_csv(["a"] * 5, [[-0.5, -3, "-0.5", "-", ""]]))))
    assert rows[1] == ["-0.5", "-3", "-0.5", "-", ""]
