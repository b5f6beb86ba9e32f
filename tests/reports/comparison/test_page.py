"""A comparison is written as files that need nothing else, and takes the place of an older one."""

import base64
import dataclasses
import html
import json
from pathlib import Path

import pytest

from tests.made_runs import made_run
from tests.reports.compared import compared
from topogrid.cli.main import main
from topogrid.figures import COMPARISON_FIGURES
from topogrid.reports.comparison import page as comparison_page
from topogrid.reports.comparison.page import as_page, write_comparison


def test_the_command_writes_pages_that_need_no_other_file_and_says_what_it_found(tmp_path: Path, capsys) -> None:
    runs, out = tmp_path / "runs", tmp_path / "out"
    made_run(runs / "a")
    strange = made_run(runs / "b", seed=1, error_cm=12.0)
    (strange / "versions.json").write_text(json.dumps({"command": "train <script>alert(1)</script> | x"}))
    made_run(runs / "c", slope=0.1, error_cm=8.0)
    out.mkdir()
    (out / "comparison.md").write_text("of an older comparison")
    assert main(["compare", str(runs), "--out", str(out), "--format", "pdf"]) == 0
    assert {path.name for path in out.iterdir()} == {
        f"comparison.{kind}" for kind in ("html", "png", "md", "csv", "pdf")
    }
    assert (out / "comparison.pdf").read_bytes().startswith(b"%PDF")
    told = capsys.readouterr().out
    assert "tau 8.0, plain 11.0, difference -3.0" in told
    assert "plain (n = 2)" in told
    markdown, page = ((out / f"comparison.{kind}").read_text() for kind in ("md", "html"))
    assert "older comparison" not in markdown
    assert "![tau against plain](comparison.png)" in markdown
    assert f"topogrid compare {runs}" in markdown
    assert r"\| x" in markdown
    assert page.count("data:image/png;base64,") == page.count("<img ") == 4
    assert all(word not in page for word in ("<script", "http://", "https://", "<link"))
    assert "train &lt;script&gt;" in page
    assert page.count('class="wide"') == page.count('role="region" tabindex="0" aria-label="') == 3


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Draw nothing, and note which figures were asked for."""
    asked: list[str] = []
    monkeypatch.setattr(comparison_page, "comparison_figure", lambda name, groups, colours: asked.append(name))
    monkeypatch.setattr(comparison_page, "rendered", lambda figure: b"picture")
    return asked


def test_every_figure_has_its_caption_and_is_inside_the_page(six: Path, undrawn: list[str]) -> None:
    text = as_page(compared(six), "a command")
    assert undrawn == list(COMPARISON_FIGURES)
    assert text.count(base64.b64encode(b"picture").decode()) == text.count("<figcaption>") == len(COMPARISON_FIGURES)
    assert text.count("<table>") == text.count("</table>") == 3


@pytest.mark.usefixtures("undrawn")
def test_no_name_acts_in_the_page(six: Path) -> None:
    whole = compared(six)
    bad = "<img src=x onerror=alert(1)>&"
    groups = tuple(dataclasses.replace(group, name=bad) for group in whole.groups)
    text = as_page(dataclasses.replace(whole, groups=groups, warnings=(bad,), by=(bad,)), bad)
    assert "<img src=x" not in text
    assert text.count(html.escape(bad)) > 5


def test_two_groups_of_one_kind_have_colours_of_their_own(tmp_path: Path) -> None:
    for seed in range(2):
        made_run(tmp_path / f"a{seed}", seed=seed, slope=0.1, tau_max=5.0)
        made_run(tmp_path / f"b{seed}", seed=seed, slope=0.1, tau_max=10.0)
    colours = comparison_page._colours(compared(tmp_path))
    assert len(set(colours)) == len(colours) == 2


def test_where_no_folder_can_be_nothing_is_written(six: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ValueError, match="out is a file; choose another one"):
        write_comparison(compared(six), tmp_path / "out", command="")
    assert (tmp_path / "out").read_text() == "mine"
