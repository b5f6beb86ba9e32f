"""An evaluation is shown as it was saved; what its file lacks is left out, and what is no such file is named."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.explorer_runs import config_of, make_moment, make_run
from tests.reports.pages import embedded, unpacked
from topogrid.reading import UnreadableError
from topogrid.reports.explorer import write_report
from topogrid.reports.explorer.evaluations import ShownEvaluation, shown_evaluations
from topogrid.reports.explorer.page import contents
from topogrid.runs.folder import RunFolder


def test_peaks_that_an_older_version_did_not_save_are_measured_again(tmp_path):
    folder = make_run(tmp_path / "old", units=9, steps=(10,))
    path = folder.evaluation / "step_00000010.npz"
    arrays = dict(np.load(path))
    axes = arrays.pop("settled/axes")
    np.savez(path, **arrays)
    maps = embedded(write_report(folder, config_of(folder)))["evaluations"][0]["views"]["settled"]["maps"]
    np.testing.assert_allclose(unpacked(maps["axes"][0]), axes[:, 0, 0], atol=1e-3)


def test_evaluations_of_another_network_are_left_out_and_named(tmp_path):
    folder = make_run(tmp_path / "mixed", units=9, steps=(10, 20))
    other = make_run(tmp_path / "other", units=4, steps=(5,))
    (other.evaluation / "step_00000005.npz").rename(folder.evaluation / "step_00000005.npz")
    (folder.evaluation / "step_00000007.npz").write_bytes(b"torn")
    inside = contents(folder, config_of(folder))
    assert [one["step"] for one in inside["evaluations"]] == [10, 20]
    assert "step_00000007" in inside["notes"][1]
    assert "another network" in inside["notes"][0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_run(tmp_path_factory.mktemp("shown") / "a", units=9, steps=(10,))


@pytest.fixture(scope="module")
def shown(folder: RunFolder) -> ShownEvaluation:
    return ShownEvaluation(folder.evaluation / "step_00000010.npz")


def test_measures_are_those_of_the_file_by_the_names_of_the_page(folder: RunFolder, shown: ShownEvaluation) -> None:
    saved = np.load(shown._saved.path)
    assert (shown.step, shown.views) == (10, ("settled", "start"))
    for view in shown.views:
        found = shown.measures(view)
        assert all(values.shape == (9,) for values in found.values())
        np.testing.assert_array_equal(np.stack([found["phase_1"], found["phase_2"]], 1), saved[f"{view}/phase"])
        np.testing.assert_array_equal(found["peak_rate"], saved[f"{view}/rate_maps"].max(axis=(1, 2)))
        np.testing.assert_array_equal(found["spacing"], saved[f"{view}/spacing"])


def test_errors_along_long_walks_lie_between_their_quartiles(shown: ShownEvaluation) -> None:
    lines = shown.long_walks()
    assert {values.shape for values in lines.values()} == {lines["seconds"].shape}
    assert (lines["low"] <= lines["median"]).all()
    assert (lines["median"] <= lines["high"]).all()
    assert (lines["middle"] == 88.0).all()


def test_what_a_file_lacks_is_left_out(folder: RunFolder, tmp_path: Path) -> None:
    other = RunFolder(tmp_path, tmp_path)
    shutil.copytree(folder.evaluation, other.evaluation)
    make_moment(other, 20, bare=True)
    bare = ShownEvaluation(other.evaluation / "step_00000020.npz")
    assert bare.views == ("settled",)
    assert bare.maps("settled") is None
    assert bare.long_walks() == {}
    assert bare.negative_share is None
    assert not {"peak_rate", "border", "grid_cell"} & set(bare.measures("settled"))
    (other.evaluation / "step_00000030.npz").write_bytes(_without_peaks(other.evaluation / "step_00000020.npz"))
    neither = ShownEvaluation(other.evaluation / "step_00000030.npz")
    with pytest.raises(UnreadableError, match="lacks settled/rate_maps"):
        neither.peaks("settled", (2.2, 2.2))


def _without_peaks(path: Path) -> bytes:
    arrays = {name: values for name, values in np.load(path).items() if not name.endswith(("axes", "ring_60"))}
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def test_files_that_cannot_be_shown_are_told_a_sentence_each(folder: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "step_00000003.npz").write_bytes(b"torn")
    good = folder.evaluation / "step_00000010.npz"
    shown, told = shown_evaluations([tmp_path / "step_00000003.npz", good], 9)
    assert [one.step for one in shown] == [10]
    (sentence,) = told
    assert sentence.startswith("Left out: step_00000003.npz")
    shown, told = shown_evaluations([good], 16)
    assert shown == []
    assert told == ["Left out: step_00000010.npz, which is of another network, of 9 units."]
