"""All figures look alike whatever a user has set, and are written whole or not at all."""

import gc
import io
import weakref
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.drawn_figures import FIGURES, NAN, pixels, spacing_sheet
from topogrid import figures
from topogrid.figures import style


def test_a_figure_dies_with_its_last_reference() -> None:
    fig = FIGURES["scale"]()
    pixels(fig)
    gone = weakref.ref(fig)
    del fig
    gc.collect()
    assert gone() is None


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


def test_groups_have_colours_of_their_own_and_the_first_of_a_kind_keeps_its_colour() -> None:
    found = figures.distinct_colours(["blue", "vermilion", "vermilion", "blue", "orange"])
    assert found[:2] == [figures.PALETTE["blue"], figures.PALETTE["vermilion"]]
    assert found[4] == figures.PALETTE["orange"]
    assert len(set(found)) == 5
    assert len(figures.distinct_colours(["blue"] * 20)) == 20


def test_numbers_have_their_nouns_and_missing_values_are_left_out() -> None:
    assert [style.counted(n, "unit") for n in (0, 1, 4096)] == ["0 units", "1 unit", "4,096 units"]
    assert style.finite([[1.0, NAN], [np.inf, 2.0]]).tolist() == [1, 2]


def test_a_pdf_stands_beside_the_bitmap(tmp_path: Path) -> None:
    figures.save_figure(FIGURES["scale"](), tmp_path / "scale.png", figure_format="pdf")
    assert (tmp_path / "scale.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "scale.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", ["scale", "spacing histogram"])
def test_a_bitmap_is_the_file_that_savefig_writes(name: str) -> None:
    build = FIGURES["scale"] if name == "scale" else lambda: figures.spacing_histogram(spacing_sheet(), 0.739)
    written = io.BytesIO()
    Figure.savefig(build(), written, format="png", dpi=style.DPI, metadata={"Software": None})
    assert style.rendered(build()) == written.getvalue()
