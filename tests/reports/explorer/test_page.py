"""A page is one file that asks for nothing, stays small, and is made anew when what it is made of changes."""

import html
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from tests.explorer_runs import config_of, make_run
from tests.reports.pages import embedded
from topogrid.reports.explorer import is_current, words, write_report
from topogrid.reports.explorer import page as explorer_page
from topogrid.reports.explorer.page import MOST_BYTES, contents, page
from topogrid.runs.folder import RunFolder
from topogrid.settings.config import TrainConfig
from topogrid.tables import plain


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_run(tmp_path_factory.mktemp("report") / "a", units=16)


@pytest.mark.parametrize("name", ["</script><script>alert(1)</script>", "<!--<script>", "%%DATA%% & \"q\" 'q' \u2028"])
def test_no_name_breaks_out_of_the_page(folder, name):
    inside = contents(folder, config_of(folder))
    inside["run"]["name"] = inside["findings"][0] = name
    text = page(name, inside)
    assert text.count("<script") == page("a", contents(folder, config_of(folder))).count("<script")
    data = text.split('id="data">')[1].split("</script")[0]
    assert json.loads(data)["run"]["name"] == name
    assert f"<title>{html.escape(plain(name))}" in text


def test_the_page_asks_for_nothing(folder):
    text = write_report(folder, config_of(folder)).read_text()
    outside = re.sub(r'id="data">.*?</script', "", text, flags=re.DOTALL)
    addresses = set(re.findall(r"(?:https?:)?//[\w.]+\.\w+[^\s\"']*", outside))
    assert addresses == {"http://www.w3.org/2000/svg"}  # the name of a format, which nobody fetches
    assert "default-src 'none'" in text
    assert not re.search(r"<(?:link|script|img)[^>]+(?:src|href)=\"(?!data:)", outside)


def test_a_page_that_would_be_too_large_leaves_earlier_maps_out(folder, monkeypatch):
    whole = embedded(write_report(folder, config_of(folder)))
    size = len(json.dumps(whole))
    monkeypatch.setattr("topogrid.reports.explorer.page.MOST_BYTES", size - 1000)
    less = contents(folder, config_of(folder))
    assert len(json.dumps(less)) <= size - 1000
    assert less["evaluations"][-1]["views"]["settled"]["maps"] is not None
    assert [step["step"] for step in less["evaluations"]] == [0, 50, 100]
    assert MOST_BYTES < 6e6


@pytest.mark.parametrize("count", [0, 1, 2, 7, 64])
def test_maps_are_added_from_coarse_to_fine_until_all_are_there(count: int) -> None:
    """After any number of them, no gap is more than about twice as wide as another."""
    order = list(explorer_page._coarse_to_fine(count))
    assert sorted(order) == list(range(count))
    for taken in range(2, count):
        gaps = np.diff([-1, *sorted(order[:taken]), count])
        assert gaps.max() <= 2 * gaps.min() + 2


@pytest.mark.parametrize(("count", "most"), [(0, 3), (2, 3), (3, 3), (10, 3), (100, 7), (5, 1)])
def test_at_most_so_many_evaluations_are_taken_evenly_the_first_among_them(count: int, most: int) -> None:
    paths = [Path(str(number)) for number in range(count)]
    kept = [int(path.name) for path in explorer_page._spread(paths, most)]
    assert len(kept) == min(count, most)
    assert kept[:1] == [0][:count]
    gaps = np.diff([*kept, count])
    assert not kept or gaps.max() - gaps.min() <= 1


def test_a_page_is_old_once_anything_that_it_is_made_of_is_newer(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run", tmp_path / "imgs")
    run.evaluation.mkdir(parents=True)
    assert not is_current(run)
    run.report.write_text("page")
    written = run.report.stat().st_mtime
    assert is_current(run)
    sources = [run.config_path, run.metrics_path, run.summary_path, words.interventions_path(run)]
    for source in (*sources, run.evaluation / "step_00000010.npz"):
        source.parent.mkdir(exist_ok=True)
        source.write_text("{}")
        os.utime(source, (written + 10,) * 2)
        assert not is_current(run), source.name
        os.utime(source, (written - 10,) * 2)
        assert is_current(run), source.name


def test_a_run_without_an_evaluation_or_of_another_network_has_no_page(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run", tmp_path / "imgs")
    run.evaluation.mkdir(parents=True)
    with pytest.raises(ValueError, match="has no evaluation yet"):
        contents(run, TrainConfig())
    other = make_run(tmp_path / "other", units=16, steps=(5,))
    with pytest.raises(ValueError, match="has 16 units and its run 9; `analyze` it again"):
        contents(other, config_of(other, n_grid_cells=9))
    assert not other.report.exists()
