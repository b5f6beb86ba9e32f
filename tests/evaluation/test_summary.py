"""What is known of a network's units shows in its tracked numbers, in its files and in its pictures."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from topogrid.analysis import RateMaps
from topogrid.analysis.maps.units import measure_units
from topogrid.analysis.sheets import Sheet
from topogrid.analysis.synthetic import lattice_map
from topogrid.evaluation.gallery import draw_evaluation
from topogrid.evaluation.results import Decoding, Evaluation
from topogrid.evaluation.saved import save_evaluation, unit_rows
from topogrid.evaluation.summary import lattice_maps, sum_up, summarise
from topogrid.evaluation.theory import forming_line, theory_line
from topogrid.measures import FIGURES, METRICS, meaning
from topogrid.settings.config import TrainConfig

SIDE = 8
CONFIG = TrainConfig(n_grid_cells=SIDE**2, tau=True, eval_bins=20)


def evaluation_of(maps: np.ndarray, tau: np.ndarray) -> Evaluation:
    """Return what would have been measured had a network had these rate maps."""
    edges = np.linspace(-1.1, 1.1, maps.shape[1] + 1)
    full = RateMaps(maps, np.ones(maps.shape[1:], dtype=np.int64), edges, edges, (2.2, 2.2))
    view = measure_units(full, np.random.default_rng(0))
    second = 0.02 * np.arange(1, 501)
    path = np.zeros((1, 500, 2))
    decoding = Decoding(
        5.0, second, 100 * second, np.tile(second, (2, 1)), 200 * second, 1.0, path, path,
        long_median_cm=90 * second, middle_cm=88 + second, feedback_error_cm=50 * second,
        feedback_median_cm=40 * second, hold_still_short_cm=14.0, middle_short_cm=88.0,
    )  # fmt: skip
    return Evaluation(10, tau, 44, view, view, np.zeros(len(maps)), decoding, 0.1)


@pytest.fixture(scope="module")
def two_modules() -> Evaluation:
    """Two modules beside each other, orientations that turn from row to row, phases dealt out at random."""
    rng = np.random.default_rng(1)
    row, col = np.divmod(np.arange(SIDE**2), SIDE)
    spacing = np.where(col < SIDE // 2, 0.5, 0.75) * np.exp(0.01 * rng.normal(size=SIDE**2))
    maps = np.stack(
        [lattice_map(s, 6.0 * r, tuple(rng.random(2)), n_bins=20) for s, r in zip(spacing, row, strict=True)]
    )
    maps[0] = 0.0  # a dead unit
    return evaluation_of(maps, np.where(col < SIDE // 2, 1.0, 4.0) * np.exp(0.01 * col))


def test_modules_and_order_are_found_where_they_are(two_modules: Evaluation) -> None:
    row = summarise(two_modules, CONFIG)
    assert set(row) <= set(METRICS)
    for which in ("", "lattices/", "start/"):
        named = {
            name: row[f"validation/{which}{name}"]
            for name in ("n_scale_clusters", "scale_cluster_ratio", "scale_cluster_bic_gain")
        }
        assert named["n_scale_clusters"] == 2
        assert named["scale_cluster_ratio"] == pytest.approx(1.5, rel=0.02)
        assert named["scale_cluster_bic_gain"] > 10
    assert row["validation/scale_cluster_separation"] > 2
    assert row["validation/spacing_morans_i"] > 0.6
    assert row["validation/orientation_morans_i"] > 0.6
    assert row["validation/orientation_morans_p"] == pytest.approx(0.001)
    assert abs(row["validation/phase_morans_i"]) < 0.2
    assert 1 <= row["validation/spacing_order_reach"] <= SIDE / 2
    assert row["validation/share_beyond_null"] > 0.9
    assert row["validation/share_dead"] == pytest.approx(1 / SIDE**2)
    assert row["validation/square_score_mean"] < 0.3
    assert row["validation/information_median_bits"] > 0.1
    assert -1 < row["validation/border_score_mean"] < 0.5


def test_errors_are_told_at_the_moments_that_are_asked_for(two_modules: Evaluation) -> None:
    asked = dataclasses.replace(CONFIG, error_seconds=(0.4, 7.5, 60.0), place_feedback=0.01)
    row = summarise(two_modules, asked)
    assert row["validation/error_0.4s_cm"] == pytest.approx(40)
    assert row["validation/error_0.4s_median_cm"] == pytest.approx(36)
    assert row["validation/error_7.5s_hold_still_cm"] == pytest.approx(1500)
    assert row["validation/error_7.5s_middle_cm"] == pytest.approx(95.5)
    assert row["validation/feedback_error_7.5s_cm"] == pytest.approx(375)
    assert row["validation/feedback_error_7.5s_median_cm"] == pytest.approx(300)
    assert not any("60s" in name for name in row), "long walks last 10 s"
    assert all(meaning(name) for name in row)
    without = summarise(two_modules, CONFIG)
    assert not any("feedback" in name for name in without)
    assert {f"validation/error_{moment}s_cm" for moment in ("0.4", "2", "10")} <= set(without)
    assert without["validation/hold_still_short_error_cm"] == 14
    assert without["validation/middle_short_error_cm"] == 88
    assert without["validation/floor_error_cm"] == 1


def test_the_best_units_and_the_layout_of_tau_are_told(two_modules: Evaluation) -> None:
    row = summarise(two_modules, CONFIG)
    best = np.sort(two_modules.settled.scores.score_60[1:])[-25:]
    assert row["validation/best_25_grid_score_mean"] == pytest.approx(best.mean())
    assert row["validation/grid_score_mean"] < row["validation/best_25_grid_score_mean"]
    assert row["tau/explained_by_plane"] == pytest.approx(0.76, abs=0.05), "two halves are three quarters of a plane"
    assert 0 < row["tau/explained_by_radius"] <= 1
    assert 0.2 < row["tau/share_of_range"] < 0.5


def test_the_scale_of_modules_is_told_where_the_sheet_has_some(two_modules: Evaluation) -> None:
    assert not any("module" in name for name in summarise(two_modules, CONFIG))
    wired = {"wiring": "learned", "norm": "module", "modules_per_side": 2}
    row = summarise(two_modules, dataclasses.replace(CONFIG, **wired))
    assert row["validation/n_modules_with_spacing"] == 4
    measured = np.log(0.75 / 0.5) / np.log(two_modules.tau[7] / two_modules.tau[0])
    assert row["validation/module_scaling_slope"] == pytest.approx(measured, rel=0.05)
    assert row["validation/module_spacing_spread"] == pytest.approx(np.log(1.5) / 2, rel=0.05)
    assert row["validation/module_within_spread"] == pytest.approx(0.01, rel=0.5)
    assert "validation/predicted_spacing_m" not in row, (
        "theory is about place fields, modules have a scale of their own"
    )


def test_a_network_without_lattices_has_no_order_to_measure() -> None:
    blank = evaluation_of(np.zeros((SIDE**2, 20, 20)), np.ones(SIDE**2))
    row = summarise(blank, CONFIG)
    assert not any("morans" in name or "cluster" in name for name in row)
    assert np.isnan(row["validation/border_score_mean"])
    assert set(draw_evaluation(blank, CONFIG)) <= set(FIGURES)


def test_only_chosen_units_are_laid_out(two_modules: Evaluation) -> None:
    chosen = np.arange(SIDE**2) % 2 == 0
    maps = lattice_maps(two_modules.settled.lattice, chosen, Sheet(SIDE))
    assert maps["phase"].shape == (SIDE, SIDE, 2)
    assert np.isnan(maps["orientation"].ravel()[1::2]).all()
    assert np.exp(maps["spacing"][1, 2]) == pytest.approx(0.5, rel=0.05)


def test_pictures_files_and_table_hold_every_unit(two_modules: Evaluation, tmp_path: Path) -> None:
    drawn = draw_evaluation(two_modules, CONFIG)
    assert set(drawn) <= set(FIGURES)
    assert {"validation/distance_similarity", "validation/unit_scores", "validation/shares_by_tau"} <= set(drawn)
    labels = [text.get_text() for text in drawn["validation/spacing_histogram"].legends[0].get_texts()]
    assert any(label.startswith("2 components are better (BIC lower by") for label in labels)
    assert {"theory 0.739 m", "theory while forming 0.943 m"} <= set(labels)
    columns, rows = unit_rows(two_modules, CONFIG)
    assert len(rows) == SIDE**2
    assert {"score_90", "border_score", "information_bits", "negative_share"} <= set(columns)
    save_evaluation(two_modules, tmp_path / "one.npz")
    with np.load(tmp_path / "one.npz") as kept:
        assert kept["settled/axes"].shape == (SIDE**2, 3, 2)
        np.testing.assert_array_equal(kept["settled/border"], two_modules.settled.border)


def test_what_was_summed_up_is_drawn_and_not_found_again(
    two_modules: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = sum_up(two_modules, CONFIG)
    assert summary.row == summarise(two_modules, CONFIG)
    assert summary.similarity is not None
    assert summary.similarity.reach == summary.row["validation/lattices/spacing_order_reach"]
    assert summary.clusters is not None
    assert summary.clusters.n_clusters == summary.row["validation/lattices/n_scale_clusters"]
    monkeypatch.setattr("topogrid.evaluation.summary.fit_scale_clusters", None)
    drawn = draw_evaluation(two_modules, CONFIG, summary=summary)
    (spacing,) = [ax for ax in drawn["validation/distance_similarity"].axes if ax.get_title() == "log spacing"]
    (measured,) = [line for line in spacing.get_lines() if line.get_label() == "measured"]
    np.testing.assert_array_equal(measured.get_ydata(), summary.similarity.similarity)
    band = spacing.collections[0].get_paths()[0].vertices[:, 1]
    assert set(np.round(summary.similarity.null_high, 9)) <= set(np.round(band, 9))


def test_theory_lines_need_one_width_and_a_surround() -> None:
    assert theory_line(CONFIG) == pytest.approx(0.739, abs=5e-4)
    longer = forming_line(dataclasses.replace(CONFIG, seq_length=10)), forming_line(CONFIG)
    assert theory_line(CONFIG) < longer[0] < longer[1]
    for changes in ({"DoG": False}, {"pc_width": (0.1, 0.2)}):
        other = dataclasses.replace(CONFIG, **changes)
        assert theory_line(other) is None
        assert forming_line(other) is None
