"""Every figure shows something, says what and in which units, and survives the results that runs really give."""

import ast
import gc
import itertools
import re
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text
from numpy.typing import NDArray

from topogrid import figures
from topogrid.analysis import distance_similarity, fit_scale_clusters
from topogrid.analysis.synthetic import lattice_map
from topogrid.figures import pieces as pieces_file
from topogrid.figures import rate_map_grids, style

Float = NDArray[np.float64]
SIDE = 4
UNITS = SIDE * SIDE
NAN = float("nan")
PRINTED_COLUMN_IN, PRINTED_PAGE_IN = 8.5 / 2.54, 18.3 / 2.54


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def spacing_sheet(missing: float = 0.4) -> Float:
    values = 0.8 + 0.1 * rng().random((SIDE, SIDE))
    values.flat[: int(missing * UNITS)] = np.nan
    return values


def tau_sheet() -> Float:
    return np.linspace(1, 20, UNITS).reshape(SIDE, SIDE)


def unit_maps(n_bins: int | tuple[int, int] = 12) -> Float:
    maps = np.stack([lattice_map(0.7 + 0.02 * unit, 3.0 * unit, n_bins=n_bins) for unit in range(UNITS)])
    maps[0] = 0.0  # a dead unit
    maps[:, 0, 0] = np.nan  # a corner that was never visited
    return maps


def unit_scores() -> Float:
    scores = np.linspace(1.4, -0.3, UNITS)
    scores[0] = np.nan
    return scores


def module_spacings() -> Float:
    return np.concatenate([centre * np.exp(0.04 * rng().normal(size=80)) for centre in (0.5, 0.7)])


def rate_maps(**changes: Any) -> Figure:
    settings = {"box_size": 2.2, "n": 6, "columns": 3} | changes
    return figures.rate_map_grid(
        unit_maps(), unit_scores(), spacing_sheet().ravel(), tau_sheet().ravel() * 20, **settings
    )


def paths(walks: int = 5, steps: int = 30, size: float = 0.02) -> tuple[Float, Float]:
    true = 0.3 + np.cumsum(size * rng().normal(size=(walks, steps, 2)), axis=1)
    return true, true + 0.03


def rows() -> list[dict[str, float]]:
    keys = (
        "train/total_loss",
        "train/ce_loss",
        "train/position_error_cm",
        "train/lr",
        "validation/trajectory_error_cm",
    )
    shares = ("share_above_0.3", "share_above_0.8", "null_share_above_0.3", "null_share_above_0.8")
    values = [1 / (1 + step) for step in range(6)]
    every = [*keys, *(f"validation/{share}" for share in shares)]
    return [{"step": 10.0 * step} | dict.fromkeys(every, value) for step, value in enumerate(values)]


def moments(count: int = 7) -> list[figures.Moment]:
    tau = tau_sheet().ravel()
    return [
        figures.Moment(100 * k, tau + k, [] if k == 0 else spacing_sheet(0.8 - 0.1 * k).ravel()) for k in range(count)
    ]


def module_panels(
    n_modules: int = 4, names: tuple[str, ...] = ("tau x0.8", "tau permuted over modules", "flat")
) -> list[figures.ModulePanel]:
    before = np.linspace(0.5, 1.0, n_modules)
    measured = 0.82 * before
    measured[-1] = NAN
    after = spacing_sheet().ravel()
    return [
        figures.ModulePanel(
            name, 0.8 * before, NAN * before if name == "flat" else measured, 0.02 + 0 * before, before, after
        )
        for name in names
    ]


def pieces(count: int = 8, with_feedback: bool = True) -> Figure:
    true, decoded = paths(count)
    true[-1, 20:] = NAN
    error = np.linspace(3, 9, 30)
    errors = figures.Errors(error, error - 1, [error - 2, error + 2], still=4 * error, middle=40.0)
    if with_feedback:
        errors = errors._replace(feedback_mean=error - 1, feedback_median=error - 2)
    return figures.followed_pieces(
        true, decoded, np.arange(1, 31) / 50, errors, 2.2, rng=rng(), feedback=decoded if with_feedback else None
    )


def named(label: str) -> figures.Network:
    return figures.Network(label, figures.PALETTE["blue" if label == "plain" else "purple"])


def whole(
    steps: int = 3000, with_feedback: bool = False, box: tuple[float, float] = (1.0, 1.0), name: str = "rat"
) -> Figure:
    time = np.arange(1, steps + 1) / 50
    true = 0.4 * np.stack([np.sin(time), np.sin(1.3 * time) / 2], axis=-1)
    decoded = true + 0.001 * np.minimum(time, 60)[:, None] * (1, -1)
    error = 100 * np.hypot(*(decoded - true).T)
    errors = figures.Errors(error, still=40 * np.abs(np.sin(time / 2)), middle=30.0)
    return figures.followed_whole(
        true,
        decoded,
        time,
        errors,
        box,
        feedback=true + 0.01 if with_feedback else None,
        name=name,
        detail="mean error",
    )


FIGURES: dict[str, Callable[[], Figure]] = {
    "tau in modules": lambda: figures.tau_map(tau_sheet(), 0.02, modules=2),
    "scale in modules": lambda: figures.scale_map(spacing_sheet(), modules=2),
    "a filmstrip": lambda: figures.filmstrip(moments(), 0.01, modules=2, limits=(1, 30)),
    "a filmstrip of one moment": lambda: figures.filmstrip(moments(1), 0.01),
    "predictions": lambda: figures.predicted_and_measured(module_panels(9) * 3, network=named("learned+tau")),
    "predictions with maps": lambda: figures.predicted_and_measured(
        module_panels(4), before_map=spacing_sheet(0.1).ravel(), modules=2
    ),
    "predictions of nothing": lambda: figures.predicted_and_measured(
        [figures.ModulePanel("flat", [NAN], [NAN], [NAN], [NAN])]
    ),
    "pieces": pieces,
    "two pieces": lambda: pieces(2, with_feedback=False),
    "error over a minute": lambda: figures.error_over_time(
        np.arange(1, 61),
        np.arange(60.0),
        median_cm=np.arange(60.0),
        middle_cm=88.0,
        hold_still_cm=90.0,
        floor_cm=4.2,
        feedback_error_cm=np.arange(60.0),
        feedback_median_cm=np.arange(60.0),
        n_walks=60,
        network=named("attractor+tau"),
    ),
    "tau": lambda: figures.tau_map(tau_sheet(), 0.02),
    "tau of a plain network": lambda: figures.tau_map(np.ones((SIDE, SIDE)), 0.02),
    "tau of one unit": lambda: figures.tau_map([[3.0]], 0.02, limits=(1, 10)),
    "scale": lambda: figures.scale_map(spacing_sheet(), 0.739),
    "scale without any lattice": lambda: figures.scale_map(np.full((SIDE, SIDE), NAN), 0.739),
    "scale of one unit": lambda: figures.scale_map([[0.8]]),
    "orientation": lambda: figures.orientation_map(spacing_sheet() * 60),
    "orientation without any lattice": lambda: figures.orientation_map([[NAN]]),
    "phase": lambda: figures.phase_map(np.stack([spacing_sheet()] * 2, axis=-1)),
    "phase without any lattice": lambda: figures.phase_map(np.full((1, 1, 2), NAN)),
    "best maps": rate_maps,
    "random maps": lambda: rate_maps(selection="random", rng=rng()),
    "maps of an oblong box": lambda: figures.rate_map_grid(
        unit_maps((12, 6)), unit_scores(), [NAN] * UNITS, [20.0] * UNITS, box_size=(2.2, 1.1), n=2
    ),
    "maps of dead units only": lambda: figures.rate_map_grid(
        np.zeros((2, 8, 8)), [NAN] * 2, [NAN] * 2, [20.0] * 2, box_size=1.0, selection="random", rng=rng()
    ),
    "no map that can be best": lambda: figures.rate_map_grid(
        np.zeros((2, 8, 8)), [NAN] * 2, [NAN] * 2, [20.0] * 2, box_size=1.0
    ),
    "signed maps": lambda: figures.rate_map_grid(-unit_maps()[1:3], [0.1, 0.2], [0.8] * 2, [20.0] * 2, box_size=1.0),
    "scores": lambda: figures.score_histogram(unit_scores(), rng().normal(size=300)),
    "scores of dead units": lambda: figures.score_histogram([NAN] * 3, []),
    "spacings": lambda: figures.spacing_histogram(spacing_sheet(), 0.739),
    "spacings in modules": lambda: figures.spacing_histogram(
        module_spacings(), 0.739, 0.94, fit_scale_clusters(module_spacings())
    ),
    "spacings in one module": lambda: figures.spacing_histogram(
        spacing_sheet(), 0.739, 0.94, fit_scale_clusters(spacing_sheet()), network=named("plain")
    ),
    "similarity": lambda: figures.similarity_by_distance(
        {
            "tau": distance_similarity(tau_sheet(), rng=rng()),
            "spacing": distance_similarity(spacing_sheet(), rng=rng()),
        },
        n_units=UNITS,
    ),
    "similarity without a null": lambda: figures.similarity_by_distance(
        {"tau": distance_similarity(tau_sheet())}, n_units=UNITS, network=named("plain")
    ),
    "similarity of nothing": lambda: figures.similarity_by_distance(
        {"spacing": distance_similarity(np.full((SIDE, SIDE), NAN), rng=rng())}, n_units=0
    ),
    "other scores": lambda: figures.score_panels(unit_scores(), unit_scores() - 1, unit_scores()),
    "other scores of dead units": lambda: figures.score_panels([NAN] * 3, [NAN] * 3, [NAN] * 3, network=named("plain")),
    "shares by tau": lambda: figures.shares_by_tau(
        tau_sheet() * 20, {"lattice": unit_scores() > 0, "silent": np.isnan(unit_scores())}
    ),
    "shares of one unit": lambda: figures.shares_by_tau([20.0], {"lattice": [0.0]}),
    "no spacings": lambda: figures.spacing_histogram([NAN], 0.739, network=named("plain")),
    "tau against spacing": lambda: figures.tau_against_spacing(
        tau_sheet() * 20, spacing_sheet(0.0), np.ones(UNITS), 0.739, 0.1, 0.0004
    ),
    "one tau against spacing": lambda: figures.tau_against_spacing([20.0] * UNITS, spacing_sheet(), np.ones(UNITS)),
    "tau without any lattice": lambda: figures.tau_against_spacing([20.0], [NAN], [False], rho=NAN, p=NAN),
    "paths": lambda: figures.decoded_trajectories(*paths(), 2.2, dt_s=0.02),
    "paths in an oblong box": lambda: figures.decoded_trajectories(*paths(1, 80, 0.05), (2.2, 1.0)),
    "a path that could not be decoded": lambda: figures.decoded_trajectories(paths()[0], np.full((5, 30, 2), NAN), 2.2),
    "error over time": lambda: figures.error_over_time([1, 2, 3], [4, 5, 6], [[3, 3, 3], [9, 9, 9]], [5, 10, 15], 4.2),
    "error at one time": lambda: figures.error_over_time([1.0], [4.0], hold_still_cm=20.0, n_walks=1),
    "a walk followed whole": whole,
    "a walk followed whole, with feedback": lambda: whole(with_feedback=True),
    "a walk followed whole in an oblong box": lambda: whole(box=(1.0, 0.5), name="$rat_{$"),
    "a followed walk of one sample": lambda: whole(steps=1),
    "one piece of one sample": lambda: figures.followed_pieces(
        [[[0.1, 0.2]]], [[[0.0, 0.2]]], [0.02], figures.Errors([3.0]), 1.0, rng=rng()
    ),
    "training": lambda: figures.training_curves(rows(), n_units=UNITS, chance_loss=0.9),
    "training of one row": lambda: figures.training_curves([{"step": 0, "train/ce_loss": 6.2, "train/lr": None}]),
    "training with gaps": lambda: figures.training_curves(
        [{"step": 1, "train/ce_loss": NAN, "train/position_error_cm": 0.0}, {"train/lr": 1.0}]
    ),
    "no training": lambda: figures.training_curves([]),
}


@pytest.fixture(scope="module", params=FIGURES)
def figure(request: pytest.FixtureRequest) -> Figure:
    return FIGURES[request.param]()


def pixels(fig: Figure) -> Float:
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba(), dtype=np.float64)[..., :3]


def all_axes(fig: Figure) -> list[Any]:
    return fig.findobj(match=lambda artist: hasattr(artist, "get_xlabel") and artist.get_visible())


def all_text(fig: Figure) -> str:
    return "\n".join(text.get_text() for text in fig.findobj(match=lambda artist: hasattr(artist, "get_fontsize")))


def test_the_best_of_every_module_are_shown_fastest_first() -> None:
    maps = np.stack([lattice_map(0.6 + 0.01 * unit) for unit in range(12)])
    scores, modules = np.linspace(0, 1, 12), np.repeat([1, 0, 2], 4)
    tau_ms = np.repeat([20.0, 10.0, 30.0], 4)
    fig = figures.rate_map_grid(maps, scores, np.full(12, 0.6), tau_ms, box_size=2.2, n=6, columns=6, module_of=modules)
    names = [text.get_text().split("\n")[0] for text in fig.axes[0].texts]
    assert names == ["unit 7", "unit 6", "unit 3", "unit 2", "unit 11", "unit 10"]
    assert "2 units with the best grid score in each of 3 modules" in " ".join(text.get_text() for text in fig.texts)


def test_a_figure_is_drawn_within_its_edges_and_has_units(figure: Figure) -> None:
    image = pixels(figure)
    assert image.std() > 5
    assert figure.dpi == figures.DPI
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    assert (border == 255).all(), "something is cut off at the edge"
    bare = {"column", "row (0: dorsal end)", "training step", "learning rate", ""}  # counts and pure numbers
    for ax in all_axes(figure):
        for label in (ax.get_xlabel(), ax.get_ylabel()):
            assert label in bare or "(" in label or label.startswith(("units", "upper:", "lower:")), label


def test_letters_are_legible_in_print(figure: Figure) -> None:
    width = figure.get_figwidth()
    printed = PRINTED_COLUMN_IN if width <= style.COLUMN else PRINTED_PAGE_IN
    texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    assert min(text.get_fontsize() for text in texts) * min(1.0, printed / width) > 5.9


def test_captions_of_rate_maps_do_not_touch() -> None:
    # As wide as captions get: no lattice, the slowest units, two digits of peak.
    fig = figures.rate_map_grid(
        np.tile(0.0123 * unit_maps()[3:4], (16, 1, 1)), [0.98] * 16, [NAN] * 16, [200.0] * 16,
        [f"unit {4000 + unit}" for unit in range(16)], box_size=2.2, n=16,
    )  # fmt: skip
    pixels(fig)
    captions = [text for text in fig.findobj(Text) if "GS " in text.get_text() and text.axes]
    boxes = sorted((box.y0, box.x0, box.x1) for box in (text.get_window_extent() for text in captions))
    neighbours = [(a, b) for a, b in itertools.pairwise(boxes) if a[0] == b[0]]
    assert len(neighbours) == 14
    assert all(right[1] - left[2] > 2 for left, right in neighbours)


def test_a_title_says_how_much_was_measured(figure: Figure) -> None:
    assert any(character.isdigit() for character in figure.get_suptitle()) or "nothing logged" in figure.get_suptitle()


def test_a_figure_dies_with_its_last_reference() -> None:
    fig = FIGURES["scale"]()
    pixels(fig)
    gone = weakref.ref(fig)
    del fig
    gc.collect()
    assert gone() is None


def test_pyplot_is_never_imported() -> None:
    check = "import sys, topogrid.figures; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_the_settings_of_a_user_change_neither_figures_nor_are_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    plain = pixels(figures.spacing_histogram(spacing_sheet(), 0.739))
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 20.0)
    monkeypatch.setitem(matplotlib.rcParams, "xtick.labelsize", 20.0)
    np.testing.assert_array_equal(pixels(figures.spacing_histogram(spacing_sheet(), 0.739)), plain)
    assert matplotlib.rcParams["font.size"] == 20.0


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_saving_makes_the_folder_and_the_same_file_twice(tmp_path: Path, suffix: str) -> None:
    files = []
    for folder in ("first", "second"):
        path = tmp_path / folder / f"spacing{suffix}"
        assert figures.save_figure(figures.spacing_histogram(spacing_sheet(), 0.739), path) == path
        files.append(path.read_bytes())
    assert files[0] == files[1]


def test_no_jet_and_circular_maps_close() -> None:
    maps = {style.SHEET_MAP, style.RATE_MAP, style.SAC_MAP, style.TIME_MAP}
    assert maps <= {"viridis", "cividis", "magma"}
    first, last = np.array(style.CIRCULAR_MAP(0.0)), np.array(style.CIRCULAR_MAP(1.0))
    assert np.abs(first - last).max() < 0.02
    colours = style.CIRCULAR_MAP(np.linspace(0, 1, 256))[:, :3]
    assert np.ptp(colours, axis=1).min() > 0.15, "grey stands for units without a value"


def test_only_one_function_of_the_project_writes_figures() -> None:
    root = Path(__file__).parents[2]
    found = [
        f"{path.relative_to(root)}:{node.func.attr}"
        for folder in ("topogrid", "benchmarks", "examples")
        for path in sorted((root / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr in {"savefig", "print_figure", "print_png"}
    ]
    assert found == ["topogrid/figures/style.py:savefig"] * 2  # the second is that of `Figure`, in the style


@pytest.mark.parametrize("package", ["figures", "analysis", "reports"])
def test_no_tracked_name_is_spelled_out_where_measures_are_shown(package: str) -> None:
    found = [
        f"{path.name}: {node.value}"
        for path in sorted((Path(__file__).parents[2] / "topogrid" / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.match(r"(train|tau|perf|paired|validation)/\w", node.value)
    ]
    assert found == []


def test_a_picture_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = figures.save_figure(FIGURES["scale"](), tmp_path / "scale.png")
    before = path.read_bytes()

    def fail(*_arguments: object, **_more: object) -> None:
        raise ValueError("cannot draw")

    broken = FIGURES["scale"]()
    broken.savefig = fail  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="cannot draw"):
        figures.save_figure(broken, path)
    with pytest.raises(ValueError, match="png, pdf, svg, got 'jpg'"):
        figures.save_figure(FIGURES["scale"](), tmp_path / "scale.jpg")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_one_value_needs_no_scale_and_nothing_measured_no_colour_bar() -> None:
    for name in ("tau of a plain network", "scale without any lattice"):
        assert [ax.get_ylabel() for ax in all_axes(FIGURES[name]())] == ["row (0: dorsal end)"]


def test_the_axis_of_tau_holds_all_units_whether_or_not_they_have_a_lattice() -> None:
    fig = figures.tau_against_spacing([20.0, 200.0], [NAN, NAN], [False, False])
    low, high = all_axes(fig)[0].get_xlim()
    assert 0 < low < 20 < 200 < high


def test_equal_shares_do_not_hide_one_another_and_stand_beside_the_null() -> None:
    tau = np.repeat(np.arange(1, 5) * 20.0, 5)
    same = {name: np.zeros(20) for name in ("lattice", "silent", "below zero")}
    fig = figures.shares_by_tau(tau, same, null={"noise > 0.3": 0.3})
    lines = {line.get_label(): line for line in all_axes(fig)[0].get_lines()}
    shapes = {(line.get_marker(), line.get_markersize(), line.get_linestyle()) for line in lines.values()}
    assert len(shapes) == 4
    assert set(lines["noise > 0.3"].get_ydata()) == {30.0}


def test_panels_of_zeros_begin_at_zero_without_a_stray_number() -> None:
    panel = figures.Panel("grid cells\n(% of units)", [0.0, 0.0], [0.0, 0.0], from_zero=True)
    fig = figures.condition_lines(["baseline", "cut"], [panel], title="What cutting does to 2 units")
    pixels(fig)
    ax = fig.axes[0]
    assert ax.get_xlim()[1] > 0.5
    assert ax.xaxis.get_offset_text().get_text() == ""


def test_the_colour_bar_of_tau_reads_the_same_in_steps_and_milliseconds() -> None:
    fig = figures.tau_map(tau_sheet(), 0.02)
    pixels(fig)
    (steps,) = [ax for ax in all_axes(fig) if ax.get_ylabel() == "time constant tau (steps)"]
    (ms,) = [ax for ax in all_axes(fig) if ax.get_ylabel() == "time constant tau (ms)"]
    np.testing.assert_allclose(ms.get_ylim(), 20 * np.array(steps.get_ylim()))
    np.testing.assert_allclose(steps.get_ylim(), (1, 20))


def test_the_first_row_of_a_sheet_is_at_the_top_and_unmeasured_units_are_not_coloured() -> None:
    sheet = spacing_sheet()
    fig = figures.scale_map(sheet, 0.739)
    image = fig.findobj(AxesImage)[0]
    bottom, top = image.axes.get_ylim()
    assert bottom > top
    np.testing.assert_array_equal(np.ma.getmaskarray(image.get_array()), np.isnan(sheet))
    assert f"grey: no lattice (n = {np.isnan(sheet).sum()})" in all_text(fig)
    assert "theory: 0.739 m" in all_text(fig)
    assert "grey" not in all_text(figures.scale_map(np.full((2, 2), 0.8)))


def borders(ax: Any) -> list[float]:
    return sorted({float(line.get_xdata()[0]) for line in ax.get_lines() if len({*line.get_xdata()}) == 1})


def test_lines_lie_between_modules_and_nowhere_else() -> None:
    sheet = np.arange(36.0).reshape(6, 6)
    for draw in (figures.orientation_map, figures.scale_map, lambda values, **k: figures.tau_map(values, 0.02, **k)):
        assert borders(draw(sheet, modules=3).findobj(AxesImage)[0].axes) == [1.5, 3.5]
        assert borders(draw(sheet).findobj(AxesImage)[0].axes) == []
    both = figures.phase_map(np.stack([sheet] * 2, axis=-1), modules=2).findobj(AxesImage)[:2]
    assert [borders(image.axes) for image in both] == [[2.5], [2.5]]


def test_a_filmstrip_shows_five_moments_on_shared_scales() -> None:
    fig = figures.filmstrip(moments(9), 0.01, modules=2)
    titles = [ax.get_title() for ax in all_axes(fig) if ax.get_title()]
    assert titles == [f"step {step}" for step in (0, 200, 400, 600, 800)]
    images = [image for image in fig.findobj(AxesImage) if np.asarray(image.get_array()).shape == (SIDE, SIDE)]
    assert len(images) == 10
    for row in (images[:5], images[5:]):
        assert len({image.get_clim() for image in row}) == 1
    np.testing.assert_allclose(images[0].get_array(), 10 * tau_sheet())  # milliseconds
    assert "no lattice" in all_text(fig)
    assert "5 of 9 moments" in fig.get_suptitle()


def test_predictions_stand_against_measures_and_what_was_before() -> None:
    fig = figures.predicted_and_measured(module_panels(4), network=named("attractor+tau"))
    first, _second, flat = all_axes(fig)[:3]
    lines = {line.get_label(): line for line in first.get_lines()}
    np.testing.assert_allclose(lines["before (if spacing stayed)"].get_ydata(), np.linspace(0.5, 1.0, 4))
    np.testing.assert_allclose(lines["before (if spacing stayed)"].get_xdata(), 0.8 * np.linspace(0.5, 1.0, 4))
    np.testing.assert_array_equal(lines["as predicted"].get_xdata(), lines["as predicted"].get_ydata())
    points = first.containers[0].lines[0]
    np.testing.assert_allclose(points.get_ydata()[:3] / points.get_xdata()[:3], 0.82 / 0.8)
    assert points.get_color() == named("attractor+tau").colour
    assert "2.5 %\n3 of 4 modules" in all_text(fig)
    assert "no module\nhas a spacing" in [text.get_text() for text in flat.texts]
    with_maps = figures.predicted_and_measured(module_panels(4), before_map=spacing_sheet().ravel(), modules=2)
    assert [ax.get_title() for ax in all_axes(with_maps)].count("after") == 3


def test_pieces_are_the_best_the_median_the_worst_and_random_ones() -> None:
    chosen = pieces_file.choose_pieces(np.array([5.0, 1.0, 9.0, 3.0, 4.0, NAN, 2.0]), rng())
    assert [index for index, _why in chosen[:3]] == [1, 4, 2]
    assert [why for _index, why in chosen] == ["best", "median", "worst", "random", "random", "random"]
    assert len({index for index, _why in chosen}) == 6
    assert pieces_file.choose_pieces(np.array([2.0, 1.0]), rng()) == [(1, "best"), (0, "worst")]
    assert pieces_file.choose_pieces(np.array([2.0]), rng()) == [(0, "best")]
    fig = pieces()
    assert [ax.get_title(loc="left").split("\n")[0] for ax in all_axes(fig)][:3] == ["best", "median", "worst"]
    assert "8 pieces of 0.6 s" in fig.get_suptitle()


def test_errors_stand_beside_every_baseline_that_was_measured() -> None:
    time = np.arange(1, 31)
    fig = figures.error_over_time(
        time,
        time,
        median_cm=time,
        middle_cm=88.0,
        feedback_error_cm=np.full(30, NAN),
        n_walks=7,
        network=named("learned"),
    )
    lines = {line.get_label(): line for line in all_axes(fig)[0].get_lines()}
    assert lines.keys() == {"learned, mean of 7 walks", "median", "guessing the middle"}
    assert set(lines["guessing the middle"].get_ydata()) == {88.0}
    assert lines["median"].get_color() == named("learned").colour
    assert lines["median"].get_linewidth() < lines["learned, mean of 7 walks"].get_linewidth()
    assert all_axes(fig)[0].get_xscale() == "log"
    assert all_axes(figures.error_over_time(time, time, log_time=False))[0].get_xscale() == "linear"
    assert all_axes(figures.error_over_time(time / 2, time))[0].get_xscale() == "linear"


def test_groups_have_colours_of_their_own_and_the_first_of_a_kind_keeps_its_colour() -> None:
    found = figures.distinct_colours(["blue", "vermilion", "vermilion", "blue", "orange"])
    assert found[:2] == [figures.PALETTE["blue"], figures.PALETTE["vermilion"]]
    assert found[4] == figures.PALETTE["orange"]
    assert len(set(found)) == 5
    assert len(figures.distinct_colours(["blue"] * 20)) == 20


def test_a_row_profile_holds_mean_and_standard_error() -> None:
    sheet = np.array([[1.0, 2.0, 3.0], [4.0, NAN, NAN], [NAN, NAN, NAN]])
    fig = figures.tau_map(sheet, 0.02)
    (bars,) = [ax.containers[0] for ax in all_axes(fig) if ax.containers]
    np.testing.assert_allclose(bars.lines[0].get_xydata(), [[2, 0], [4, 1]])
    low, high = np.array([np.ptp(path.vertices[:, 0]) / 2 for path in bars.lines[2][0].get_paths()])
    np.testing.assert_allclose([low, high], [1 / np.sqrt(3), 0])


def test_orientations_are_taken_mod_60_and_phases_mod_1() -> None:
    turned = figures.orientation_map([[59.0, 119.0], [-1.0, 0.0]]).findobj(AxesImage)[0].get_array()
    np.testing.assert_allclose(turned, [[59, 59], [59, 0]])
    shifted = figures.phase_map(np.array([[[1.25, -0.25]]]))
    assert [float(image.get_array()[0, 0]) for image in shifted.findobj(AxesImage)[:2]] == [0.25, 0.75]


def test_the_best_maps_are_the_best_and_a_random_sample_holds_dead_units_too() -> None:
    scores = unit_scores()
    assert rate_map_grids._choose(scores, 3, "best", None).tolist() == [1, 2, 3]
    sample = rate_map_grids._choose(scores, UNITS, "random", rng())
    assert sorted(sample.tolist()) == list(range(UNITS))
    assert sample[-1] == 0
    assert "6 best of 16 units" in rate_maps().get_suptitle()
    title = rate_maps(selection="random", rng=rng(), n=99).get_suptitle()
    assert "16 of 16 units drawn at random" in title


def test_a_rate_map_is_drawn_with_y_up_and_scaled_to_its_peak() -> None:
    rates = np.array([[0.0, 1.0, 2.0], [0.0, 0.0, 0.0], [4.0, 0.0, 0.0]])  # the peak is at large y and small x
    fig = figures.rate_map_grid(rates[None], [0.5], [0.8], [40.0], ["the one"], box_size=1.0)
    image = fig.findobj(AxesImage)[0]
    left, right, bottom, top = image.get_extent()
    down = image.axes.get_ylim()[0] > image.axes.get_ylim()[1]
    assert (down, bottom > top, left < right, image.origin) == (True, True, True, "upper")
    np.testing.assert_allclose(image.get_array(), rates[::-1] / 4)
    assert "the one\nGS 0.50, 0.80 m\n40 ms, pk 4" in all_text(fig)


def test_shares_count_dead_units_and_stand_beside_those_of_the_null() -> None:
    fig = figures.score_histogram([0.1, 0.5, 0.9, NAN], [0.0, 0.4], (0.3, 0.8), network=named("plain"))
    assert "plain network: 50.0 % > 0.3, 25.0 % > 0.8" in all_text(fig)
    assert "null: 50.0 % > 0.3, 0.0 % > 0.8" in all_text(fig)
    assert fig.get_suptitle() == "Grid scores of 4 units\n1 dead and counted in the shares; 2 null maps"


def test_only_units_beyond_the_null_are_coloured_and_counted() -> None:
    passed = np.arange(UNITS) < 5
    fig = figures.tau_against_spacing(tau_sheet(), spacing_sheet(0.0), passed, rho=0.25, p=0.0001, p_name="p (shifts)")
    lines = {line.get_label(): line for line in all_axes(fig)[0].get_lines()}
    assert len(lines["beyond the null (n = 5)"].get_xdata()) == 5
    assert lines["beyond the null (n = 5)"].get_color() == style.UNNAMED.colour
    assert len(lines["lattice, not beyond the null (n = 11)"].get_xdata()) == 11
    assert "rho 0.25, p (shifts) < 0.001\nn = 16 lattices of 16 units" in fig.get_suptitle()


def test_errors_of_paths_are_told_in_centimetres() -> None:
    true, _decoded = paths()
    fig = figures.decoded_trajectories(true, true + np.array([0.03, 0.04]), 2.2, dt_s=0.02)
    assert all_text(fig).count("mean error 5.0 cm") == 4
    assert "mean error of 5 walks: 5.0 cm over 30 steps" in fig.get_suptitle()
    assert "(0.6 s)" in fig.get_suptitle()
    assert "told only where it began; mean error" in whole().get_suptitle()


def test_the_first_steps_have_a_row_and_a_mean_error_of_their_own() -> None:
    true, _decoded = paths(3)
    off = np.where(np.arange(30)[:, None] < 10, 0.01, 0.2) * np.array([1.0, 0.0])
    fig = figures.decoded_trajectories(true, true + off, 2.2, first_steps=10, dt_s=0.02)
    titles = [ax.get_title(loc="left") for ax in fig.axes]
    assert titles == ["mean error 1.0 cm"] * 3 + ["mean error 13.7 cm"] * 3
    assert [len(ax.lines[0].get_xdata()) for ax in fig.axes] == [10] * 3 + [30] * 3
    assert "1.0 cm over 10 steps (0.2 s), 13.7 cm over 30 steps (0.6 s)" in fig.get_suptitle()


def test_short_walks_are_enlarged_and_long_ones_show_the_whole_box() -> None:
    def width(fig: Figure) -> float:
        return float(np.ptp(all_axes(fig)[0].get_xlim()))

    assert width(figures.decoded_trajectories(*paths(size=0.002), 2.2)) < 0.5
    assert width(figures.decoded_trajectories(*paths(size=0.2), 2.2)) > 2.2


@pytest.mark.parametrize("build", [pieces, whole])
def test_a_followed_walk_shows_the_true_path_on_top_and_both_guesses(build: Callable[[], Figure]) -> None:
    *panels, below, _key = all_axes(build())
    drawn = [ax for ax in panels if ax.get_title(loc="left")]
    assert len(drawn) == 6
    for ax in drawn:
        lines = {line.get_label(): line for line in ax.get_lines()}
        labels = [line.get_label() for line in ax.get_lines()]
        assert labels.index("true path") > labels.index("decoded path")
        assert lines["true path"].get_linewidth() < lines["decoded path"].get_linewidth()
        assert len(lines["true path"].get_xdata()) == len(lines["decoded path"].get_xdata())
    shown = {line.get_label(): line for line in below.get_lines()}
    assert np.isfinite(shown["holding still"].get_ydata()).all()
    assert np.isfinite(shown["guessing the middle"].get_ydata()).all()


def test_a_walk_followed_whole_is_shown_from_its_start_to_its_end() -> None:
    panels = [ax for ax in all_axes(whole()) if ax.get_title(loc="left")]
    assert [ax.get_title(loc="left").split("\n")[0] for ax in panels][::5] == ["from 0.02 s", "from 50 s"]
    assert float(panels[0].get_title(loc="left").split("\n")[1].split()[0]) < 1
    assert float(panels[5].get_title(loc="left").split("\n")[1].split()[0]) > 7


def test_curves_follow_the_steps_and_a_resumed_run_counts_once() -> None:
    again = {"step": 10.0, "train/ce_loss": 5.0, "validation/share_above_0.3": 0.5}
    fig = figures.training_curves([*rows(), again])
    lines = {line.get_label(): line for ax in all_axes(fig) for line in ax.get_lines()}
    np.testing.assert_allclose(lines["cross-entropy"].get_xdata(), np.arange(6) * 10)
    assert lines["cross-entropy"].get_ydata()[1] == 5.0
    assert lines["above 0.3"].get_ydata()[1] == 50.0
    assert lines["noise above 0.3"].get_linestyle() == "--"
    assert lines["noise above 0.3"].get_color() == figures.NULL_COLOUR


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: figures.tau_map([1.0, 2.0], 0.02), r"tau_sheet must be \(row, col\), got shape \(2,\)"),
        (lambda: figures.tau_map([[1.0]], 0.0), "dt_s must be a positive number of seconds, got 0.0"),
        (lambda: figures.scale_map(np.zeros((0, 3))), r"spacing_sheet must be \(row, col\), got shape \(0, 3\)"),
        (lambda: figures.phase_map(np.zeros((2, 2))), r"phase_sheet must be \(row, col, 2\), got shape \(2, 2\)"),
        (lambda: figures.scale_map(np.zeros((4, 4)), modules=3), "a sheet of 4 x 4 units has no 3 modules a side"),
        (lambda: figures.filmstrip([], 0.02), "at least one moment"),
        (lambda: figures.predicted_and_measured([]), "at least one panel"),
        (
            lambda: figures.predicted_and_measured([figures.ModulePanel("flat", [1.0], [1.0, 2.0], [0.0], [1.0])]),
            r"'flat' needs predicted, measured, spread and before of \(module,\)",
        ),
        (
            lambda: figures.followed_pieces(*paths(), [0.0], figures.Errors([0.0]), 1.0, rng=rng()),
            r"seconds must be \(30,\)",
        ),
        (lambda: rate_maps(n=0), "n and columns must be at least 1, got 0 and 3"),
        (lambda: rate_maps(selection="random"), "needs rng, got None"),
        (lambda: rate_maps(selection="worst"), 'must be "best" or "random", got \'worst\''),
        (lambda: rate_maps(labels=["a"]), r"one entry per map \(16\)"),
        (lambda: figures.tau_against_spacing([1.0], [1.0, 2.0], [True]), "got 1, 2 and 1"),
        (
            lambda: figures.decoded_trajectories(np.zeros((3, 2)), np.zeros((3, 2)), 2.2),
            r"must both be \(walk, time, 2\)",
        ),
        (
            lambda: figures.followed_whole(np.zeros((3, 2)), np.zeros((3, 2)), [0.0], figures.Errors([0.0]), 1.0),
            r"seconds must be \(3,\)",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_a_reason(call: Callable[[], Figure], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
