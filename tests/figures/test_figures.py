"""Every figure shows something, says what and in which units, and survives the results that runs really give."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from tests.drawn_figures import FIGURES, all_axes, pixels
from topogrid import figures
from topogrid.figures import style

PRINTED_COLUMN_IN, PRINTED_PAGE_IN = 8.5 / 2.54, 18.3 / 2.54


@pytest.fixture(scope="module", params=FIGURES)
def figure(request: pytest.FixtureRequest) -> Figure:
    return FIGURES[request.param]()


def test_a_figure_is_drawn_within_its_edges_and_has_units(figure: Figure) -> None:
    image = pixels(figure)
    assert image.std() > 5
    assert figure.dpi == figures.DPI
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    assert (border == 255).all(), "something is cut off at the edge"
    bare = {"column", "row", "training step", "learning rate", ""}  # counts and pure numbers
    for ax in all_axes(figure):
        for label in (ax.get_xlabel(), ax.get_ylabel()):
            assert label in bare or "(" in label or label.startswith(("units", "upper:", "lower:")), label


def test_letters_are_legible_in_print(figure: Figure) -> None:
    width = figure.get_figwidth()
    printed = PRINTED_COLUMN_IN if width <= style.COLUMN else PRINTED_PAGE_IN
    texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    assert min(text.get_fontsize() for text in texts) * min(1.0, printed / width) > 5.9


def test_a_title_says_how_much_was_measured(figure: Figure) -> None:
    assert any(character.isdigit() for character in figure.get_suptitle()) or "nothing logged" in figure.get_suptitle()


def test_pyplot_is_never_imported() -> None:
    check = "import sys, topogrid.figures; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


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
    # All inside the style: that of `Figure`, and the two ways in which it writes.
    assert sorted(found) == [f"topogrid/figures/style.py:{name}" for name in ("print_png", "savefig", "savefig")]


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
