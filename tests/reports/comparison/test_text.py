"""Sentences and tables say what the numbers say, with n and interval, and never more."""

import csv
import dataclasses
import io
import math
import re
from pathlib import Path

import pytest

from tests.made_runs import made_run, six_runs
from tests.reports.compared import compared
from topogrid.reports.comparison.text import as_csv, as_markdown, findings, means_table, p_text, runs_table, title


def test_findings_say_what_the_numbers_say(six: Path) -> None:
    told = " ".join(findings(compared(six)))
    assert "Tau: 25.0 % of units have GS > 0.3, noise 30.0 %; -5.0 points" in told
    assert "fewer than noise" not in told, "three networks between 20 and 30 % are not told apart from 30 %"
    assert "tau 8.0, plain 11.0, difference -3.0" in told
    assert "Welch p 0.021, permutation p 0.1, at least 0.1 with 3 and 3 networks): consistent with a difference" in told
    assert "beta +0.030 (95 % t interval +0.005 to +0.055, 3 networks" in told
    assert "proves" not in told


def test_a_single_network_a_group_has_no_interval_and_no_test(tmp_path: Path) -> None:
    made_run(tmp_path / "p")
    made_run(tmp_path / "t", slope=0.1, error_cm=5.0)
    comparison = compared(tmp_path)
    table = {row[0]: row[1:] for row in means_table(comparison)[1]}
    assert table["error, training length (cm)"] == ["10.0", "5.0"]
    assert sum("one network, so no interval" in warning for warning in comparison.warnings) == 2
    assert any("a single network allows no test" in sentence for sentence in findings(comparison))


def test_the_csv_holds_every_network_every_mean_and_every_difference(six: Path) -> None:
    comparison = compared(six)
    rows = list(csv.DictReader(io.StringIO(as_csv(comparison))))
    error = [row for row in rows if row["measure"] == "error, training length (cm)"]
    assert [row["kind"] for row in error].count("network") == 6
    assert {row["network"]: float(row["value"]) for row in error if row["kind"] == "network"}["tau-2"] == 9.0
    (difference,) = [row for row in error if row["kind"] == "difference"]
    assert (difference["group"], difference["from_group"], float(difference["value"])) == ("tau", "plain", -3.0)
    assert len(rows) == len(comparison.lines) * (6 + 2 + 1)


@pytest.mark.parametrize(
    ("p", "told"), [(math.nan, "-"), (0.0009, "< 0.001"), (0.001, "0.001"), (0.0214, "0.021"), (0.1, "0.1"), (1.0, "1")]
)
def test_a_p_value_is_told_as_people_write_it(p: float, told: str) -> None:
    assert p_text(p) == told


def test_what_is_compared_stands_in_the_title_the_first_group_last(six: Path) -> None:
    two = compared(six)
    assert title(two) == "tau against plain"
    three = dataclasses.replace(two, groups=(*two.groups, dataclasses.replace(two.groups[0], name="third")))
    assert title(three) == "3 groups: plain; tau; third"


def test_a_measure_that_some_networks_lack_is_told_with_how_many_have_it(tmp_path: Path) -> None:
    for run in six_runs(tmp_path / "runs")[:1]:
        for file in ("metrics.jsonl", "summary.json"):
            text = (run / file).read_text().replace("validation/long_error_cm", "validation/forgotten")
            (run / file).write_text(text)
    table = {row[0]: row[1:] for row in means_table(compared(tmp_path / "runs"))[1]}
    plain_text, tau_text = table["error, long walks (cm)"]
    assert plain_text.endswith(", n 2")
    assert ", n" not in tau_text
    assert table["rank correlation of tau and spacing"][0] == "-"


def test_every_run_is_named_with_its_group_and_commit(six: Path) -> None:
    columns, rows = runs_table(compared(six))
    assert [row[:3] for row in rows] == [[kind, f"{kind}-{s}", str(s)] for kind in ("plain", "tau") for s in range(3)]
    assert {row[columns.index("commit")] for row in rows} == {"a" * 10}
    assert {row[columns.index("steps")] for row in rows} == {"300/300"}


def test_markdown_holds_all_tables_and_no_name_breaks_them(six: Path) -> None:
    whole = compared(six)
    groups = (whole.groups[0], dataclasses.replace(whole.groups[1], name="a|b"))
    text = as_markdown(dataclasses.replace(whole, groups=groups), "picture.png", "topogrid compare `x`")
    for heading in ("# Comparison", "## Means over networks", "## Differences", "## Runs"):
        assert heading in text
    tables = [re.findall(r"(?<!\\)\|", line) for line in text.splitlines() if line.startswith("|")]
    assert len({len(bars) for bars in tables}) <= 3
    assert "a\\|b" in text
