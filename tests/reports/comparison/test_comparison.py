"""Runs are grouped by what differs, networks are what is counted, and whatever makes a comparison unfair is said."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from tests.made_runs import change_settings, made_run, six_runs
from tests.reports.compared import compared, line
from topogrid.cli.main import main
from topogrid.reports.comparison.comparison import compare
from topogrid.reports.comparison.text import differences_table, means_table
from topogrid.reports.records import find_runs
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.settings.fields import SCIENCE

# --- Groups ----------------------------------------------------------------------------------------------------------


def test_seeds_are_pooled_and_plain_comes_first(six: Path) -> None:
    comparison = compared(six)
    assert [(group.name, len(group.members)) for group in comparison.groups] == [("plain", 3), ("tau", 3)]
    assert comparison.by == ("tau",)
    assert [member.label for member in comparison.groups[1].members] == ["seed 0", "seed 1", "seed 2"]
    assert comparison.warnings == ()


LEARNED = {"wiring": "learned", "norm": "module", "recurrent_noise": 0.0, "drive": 0.0}


@pytest.mark.parametrize(
    ("wiring", "change", "named"),
    [
        ("attractor", {"learn_recurrent": True}, "learn_recurrent true"),
        ("learned", {"movement_gain_ratio": 1.5}, "movement_gain_ratio 1.5"),
        ("attractor", LEARNED, "learned+tau"),
        ("learned", {"isometry_scale": "mean"}, "isometry_scale mean"),
        ("learned", {"modules_per_side": 2}, "modules_per_side 2"),
    ],
)
def test_networks_of_other_wirings_are_other_networks(
    tmp_path: Path, wiring: str, change: dict[str, object], named: str
) -> None:
    """Settings of wirings once counted as bookkeeping: of two such runs one was left out as the other trained again."""
    given = {"modules_per_side": 1, "tau_min": 2.2} | (
        LEARNED if wiring == "learned" else {"wiring": wiring, "drive": 1.0}
    )
    if "movement_gain_ratio" in change:  # which lays gain out over several
        given |= {"modules_per_side": 2}
    made_run(tmp_path / "a", slope=0.1, **given)
    made_run(tmp_path / "b", slope=0.1, **given | change)
    comparison = compared(tmp_path)
    assert [len(group.members) for group in comparison.groups] == [1, 1]
    assert named in [group.name for group in comparison.groups]


def test_every_setting_of_a_network_sets_groups_apart() -> None:
    for field in dataclasses.fields(TrainConfig):
        of_network = field.metadata["locked"] or field.metadata["group"] == "optimisation"
        assert (field.metadata["group"] in SCIENCE) == bool(of_network) or field.name in ("seed", "preset"), field.name


def test_many_differences_are_one_note(tmp_path: Path) -> None:
    made_run(tmp_path / "a", dt=0.01)
    made_run(tmp_path / "b", dt=0.02, lr=0.5, steps=7, seq_length=9, batch_size=3, grad_clip=2.0)
    warnings = compared(tmp_path).warnings
    (told,) = [one for one in warnings if one.startswith("The groups differ in 5 more settings")]
    for part in ("lr (0.001; 0.5)", "seq_length (20; 9)", "so what is found may come from that."):
        assert part in told
    (task,) = [one for one in warnings if one.startswith("Not the same task")]
    assert "dt is 0.01, 0.02 s; seq_length is 20, 9 steps; errors" in task


def test_bookkeeping_and_settings_without_effect_make_no_group(tmp_path: Path) -> None:
    made_run(tmp_path / "a", print_every=7, save_dir="elsewhere", wandb_group="x", tau_max=5.0)
    made_run(tmp_path / "b", seed=1, tau_max=9.0, eval_every=3, threads=1, figure_format="pdf")
    comparison = compared(tmp_path)
    assert [group.name for group in comparison.groups] == ["plain"]
    assert comparison.by == ()


def test_time_constants_of_networks_with_other_steps_are_on_one_scale(tmp_path: Path) -> None:
    for name, dt in (("a", 0.01), ("b", 0.02)):
        made_run(tmp_path / name, slope=0.1, dt=dt)
    tau = {group.members[0].tau.mean() for group in compared(tmp_path).groups}
    assert max(tau) == pytest.approx(2 * min(tau))  # milliseconds: the same number of steps


def test_groups_are_named_by_all_that_differs(tmp_path: Path) -> None:
    for seed in range(2):
        made_run(tmp_path / f"a{seed}", seed=seed, slope=0.1, tau_max=5.0)
        made_run(tmp_path / f"b{seed}", seed=seed, slope=0.1, tau_max=10.0)
        made_run(tmp_path / f"c{seed}", seed=seed)
    assert [group.name for group in compared(tmp_path).groups] == ["plain", "tau, tau_max 5", "tau, tau_max 10"]
    by_mode = compared(tmp_path, "mode")
    assert [(group.name, len(group.members)) for group in by_mode.groups] == [("plain", 2), ("tau", 4)]
    assert "Pooled although they differ in tau_max: 5, 10." in by_mode.warnings


def test_settings_that_differ_along_with_the_mode_are_told_and_not_named(tmp_path: Path) -> None:
    for seed in range(2):
        made_run(tmp_path / f"p{seed}", seed=seed, lr=0.002)
        made_run(tmp_path / f"t{seed}", seed=seed, slope=0.1, lr=0.001)
    comparison = compared(tmp_path)
    assert [group.name for group in comparison.groups] == ["plain", "tau"]
    (warning,) = comparison.warnings
    assert warning.startswith("The groups differ in lr too (plain: lr 0.002; tau: lr 0.001)")


def test_a_setting_from_after_a_run_is_unknown_not_the_default_of_today(tmp_path: Path) -> None:
    for seed in range(2):
        change_settings(made_run(tmp_path / f"old{seed}", seed=seed), scale_lr=None)
        made_run(tmp_path / f"new{seed}", seed=seed)
    assert sorted(group.name for group in compared(tmp_path).groups) == ["scale_lr true", "scale_lr unknown"]


def test_the_same_network_trained_again_is_not_another_one(tmp_path: Path) -> None:
    made_run(tmp_path / "first", seed=0)
    made_run(tmp_path / "again", seed=0, print_every=3)
    made_run(tmp_path / "other", seed=1)
    comparison = compared(tmp_path)
    assert len(comparison.groups[0].members) == 2
    assert any("the same network trained again" in warning for warning in comparison.warnings)


def test_by_names_a_setting_or_says_which_is_meant(six: Path) -> None:
    with pytest.raises(SettingsError, match=r"'taumax' is none; did you mean tau_max\?"):
        compared(six, "taumax")
    assert [group.name for group in compared(six, "--seed").groups] == ["seed 0", "seed 1", "seed 2"]


def test_one_network_is_no_comparison(tmp_path: Path) -> None:
    made_run(tmp_path / "alone")
    with pytest.raises(ValueError, match="at least two trained networks, got 1"):
        compared(tmp_path)


# --- Numbers ---------------------------------------------------------------------------------------------------------


def test_the_table_holds_means_over_networks_and_differences_from_the_first_group(six: Path) -> None:
    error = line(compared(six), "error, training length")
    assert [one.mean for one in error.intervals] == [11.0, 8.0]
    assert [one.n for one in error.intervals] == [3, 3]
    assert error.intervals[0].low == pytest.approx(11 - 4.303 / np.sqrt(3), abs=1e-3)
    (difference,) = error.differences
    assert difference.value == -3.0
    assert difference.permutation_p == pytest.approx(0.1)
    excess = line(compared(six), "GS > 0.3 over null")
    assert [one.mean for one in excess.intervals] == pytest.approx([10.0, -5.0])


def test_units_are_never_counted_as_networks(six: Path) -> None:
    comparison = compared(six)
    assert {one.n for each in comparison.lines for one in each.intervals} <= {0, 3}
    assert {len(row[-1].split(",")) for row in differences_table(comparison)[1]} == {2}


# --- What makes it unfair --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"box_size": (1.5, 1.5)}, "Not the same task: box_size is 2.2 2.2, 1.5 1.5 m"),
        ({"seq_length": 40}, "Not the same task: seq_length is 20, 40 steps"),
        ({"pc_width": (0.2,)}, "Not the same task: pc_width is 0.12, 0.2 m"),
        ({"eval_bins": 32}, "Not measured alike: eval_bins is 20, 32"),
        ({"eval_walks": 100}, "Not measured alike: eval_walks is 2000, 100 walks"),
        ({"eval_burn_in": 50}, "Not measured alike: eval_burn_in is auto, 50 steps"),
        ({"steps": 600}, "Not trained equally long: 300, 600 steps"),
    ],
)
def test_runs_that_do_not_compare_are_said_to(tmp_path: Path, settings: dict[str, object], told: str) -> None:
    made_run(tmp_path / "a")
    made_run(tmp_path / "b", seed=1, **settings)
    assert any(warning.startswith(told) for warning in compared(tmp_path).warnings)


def test_another_measurement_of_the_same_run_counts_for_what_it_was_measured_with(tmp_path: Path) -> None:
    made_run(tmp_path / "a")
    run = made_run(tmp_path / "b", seed=1)
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps(summary | {"analysis": {"step": 300, "settings": {"eval_bins": 32}}}))
    assert any("eval_bins is 20, 32" in warning for warning in compared(tmp_path).warnings)


def test_an_unfinished_run_and_other_commits_are_told(tmp_path: Path) -> None:
    made_run(tmp_path / "a")
    run = made_run(tmp_path / "b", seed=1)
    change_settings(run, steps=900)
    change_settings(tmp_path / "a", steps=900)
    (run / "versions.json").write_text(json.dumps({"commit": "b" * 40, "torch": "2.13.0"}))
    warnings = compared(tmp_path).warnings
    assert "b is not finished: 300 of 900 steps, measured at step 300." in warnings
    assert "Runs of different commits: aaaaaaaaaa, bbbbbbbbbb." in warnings


@pytest.mark.parametrize("lost", ["metrics.jsonl", "units.csv", "summary.json", "versions.json", "evaluation"])
def test_a_missing_piece_costs_its_own_panel_and_is_told_in_a_line(tmp_path: Path, lost: str) -> None:
    made_run(tmp_path / "a", slope=0.1)
    run = made_run(tmp_path / "b", seed=1)
    (run / lost).rename(tmp_path / "lost")
    comparison = compared(tmp_path)
    assert len(means_table(comparison)[1]) == len(comparison.lines)
    if lost in ("metrics.jsonl", "evaluation"):
        assert any(warning.startswith("b: ") for warning in comparison.warnings)


def test_measures_that_nobody_has_are_named_once_a_group(tmp_path: Path) -> None:
    for seed in range(2):
        run = made_run(tmp_path / f"old{seed}", seed=seed)
        for file in ("metrics.jsonl", "summary.json"):
            text = (run / file).read_text().replace("validation/lattices/spacing_morans_i", "validation/forgotten")
            (run / file).write_text(
                text.replace('"validation/spacing_median_m": 0.8', '"validation/spacing_median_m": null')
            )
    (warning,) = compared(tmp_path).warnings
    assert warning == "plain: no value for median spacing, lattices; Moran's I of spacing, lattices."


# --- Pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["compare", "nowhere"], "nowhere is not there"),
        (["compare", "."], "at least two trained networks, got 0"),
        (["list", "nowhere"], "nowhere is not there"),
    ],
)
def test_what_cannot_be_compared_or_listed_is_refused_in_one_line(
    tmp_path, monkeypatch, capsys, arguments, told
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_list_names_broken_runs_instead_of_failing(six: Path, tmp_path: Path, capsys) -> None:
    made_run(tmp_path / "fine")
    made_run(tmp_path / "torn")
    (tmp_path / "torn" / "config.json").write_text("{")
    assert main(["list", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "fine" in told.splitlines()[1]
    assert told.splitlines()[-1].startswith("torn: broken, config.json is not JSON")
    assert main(["list", str(six)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 7


def test_runs_that_were_never_evaluated_are_left_out_in_one_line(tmp_path):
    runs = six_runs(tmp_path / "runs")
    for run in runs[:2]:
        (run / "summary.json").unlink()
        (run / "metrics.jsonl").write_text('{"step": 1, "train/ce_loss": 6.0}\n')
    result = compare(find_runs(runs).records, np.random.default_rng(0))
    (told,) = [warning for warning in result.warnings if "never evaluated" in warning]
    assert told == f"Left out, for they were never evaluated: {runs[0].name}, {runs[1].name}."
    assert sum(len(group.members) for group in result.groups) == 4


def test_a_run_that_was_extended_is_told_and_stands_alone(tmp_path):
    runs = six_runs(tmp_path / "runs")
    summary = json.loads((runs[0] / "summary.json").read_text())
    (runs[0] / "summary.json").write_text(json.dumps(summary | {"train/n_turns": 1}))
    result = compare(find_runs(runs).records, np.random.default_rng(0))
    assert any(warning.startswith(f"{runs[0].name} was trained on with other settings") for warning in result.warnings)
    assert [runs[0].name] in [[record.name for record in records] for records in result.records]
