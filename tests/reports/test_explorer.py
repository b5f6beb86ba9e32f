"""What the explorer's page carries is what was measured, whatever the run; the browser has a file of its own."""

import json
import os

import numpy as np
import pytest

from tests.explorer_runs import MODULES, OUTCOME, config_of, make_moment, make_run
from tests.reports.pages import embedded, rates, unpacked
from topogrid.cli.main import main
from topogrid.reports.explorer import is_current, write_report
from topogrid.reports.explorer.page import contents
from topogrid.reports.explorer.sprites import encode_png
from topogrid.runs.folder import RunFolder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_run(tmp_path_factory.mktemp("report") / "a")


@pytest.fixture(scope="module")
def written(folder: RunFolder) -> dict:
    return embedded(write_report(folder, config_of(folder)))


# --- the page ---


def test_the_page_holds_the_numbers_of_the_last_evaluation(folder, written):
    saved = np.load(folder.evaluation / "step_00000100.npz")
    last = written["evaluations"][-1]
    assert [evaluation["step"] for evaluation in written["evaluations"]] == [0, 50, 100]
    np.testing.assert_allclose(unpacked(last["tau"]), saved["tau"], rtol=1e-6)
    for view in ("settled", "start"):
        measures = last["views"][view]["measures"]
        for name in ("score_60", "score_90", "p_value", "grid_cell", "spacing", "orientation", "border", "information"):
            np.testing.assert_allclose(
                unpacked(measures[name]), saved[f"{view}/{name}"].astype(float), rtol=1e-6, atol=1e-9
            )
        for axis in (0, 1):
            np.testing.assert_allclose(
                unpacked(measures[f"phase_{axis + 1}"]), saved[f"{view}/phase"][:, axis], rtol=1e-6
            )
    assert (
        np.isfinite(unpacked(last["views"]["settled"]["measures"]["spacing"])).mean() > 0.5
    )  # there is something to see


def test_the_page_holds_the_rate_maps_and_their_peaks(folder, written):
    for evaluation in written["evaluations"]:
        saved = np.load(folder.evaluation / f"step_{evaluation['step']:08d}.npz")
        for view in ("settled", "start"):
            maps, original = evaluation["views"][view]["maps"], saved[f"{view}/rate_maps"]
            half_a_step = original.max(axis=(1, 2)) / maps["levels"] / 2
            assert (np.abs(rates(maps, 64) - original).max(axis=(1, 2)) <= half_a_step + 1e-6).all()
            x0, y0, x2, y2 = (unpacked(axis) for axis in maps["axes"])
            np.testing.assert_allclose(np.stack([x0, y0], -1), saved[f"{view}/axes"][:, 0], atol=1e-4)
            np.testing.assert_allclose(np.stack([x0 + x2, y0 + y2], -1), saved[f"{view}/axes"][:, 1], atol=2e-4)
            np.testing.assert_allclose(unpacked(maps["ring"]), saved[f"{view}/ring_60"], atol=1e-4)


def test_earlier_evaluations_keep_what_colours_the_sheet(folder, written):
    saved = np.load(folder.evaluation / "step_00000050.npz")
    middle = written["evaluations"][1]
    np.testing.assert_allclose(unpacked(middle["tau"]), saved["tau"], atol=1e-3)
    for name in ("score_60", "spacing", "orientation", "border"):
        np.testing.assert_allclose(
            unpacked(middle["views"]["settled"]["measures"][name]), saved[f"settled/{name}"], atol=1e-3
        )


def test_the_page_tells_how_the_run_was_made(folder, written):
    config = config_of(folder)
    shown = {one["name"]: one for one in written["settings"]}
    assert shown["n_grid_cells"]["value"] == "64"
    assert shown["tau"]["value"] == "yes"
    assert shown["tau"]["changed"]
    assert not shown["dt"]["changed"]
    assert ["made by", "python train_grid.py --tau"] in written["commands"]
    assert written["versions"]["commit"] == "abc"
    assert any(sentence.startswith("Scope") for sentence in written["findings"])
    assert {chart["title"] for chart in written["charts"]} >= {"Loss", "Decoding error", "Units by grid score"}
    assert written["run"]["theory"] == pytest.approx(0.739, abs=1e-3)
    assert config.sheet_side == written["run"]["side"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [{"units": 4, "steps": (10,)}, {"tau": False}, {"units": 9, "tau": False, "DoG": False}, {"pc_width": (0.1, 0.2)}],
)
def test_runs_of_every_kind_have_a_page(tmp_path, settings):
    folder = make_run(tmp_path / "kind", **settings)
    inside = embedded(write_report(folder, config_of(folder)))
    if not settings.get("tau", True):
        assert (unpacked(inside["evaluations"][-1]["tau"]) == 1).all()
        assert inside["bands"]["settled"] is None


def test_a_run_without_a_single_lattice_has_a_page(tmp_path):
    folder = make_run(tmp_path / "noise", steps=(10,))
    path = folder.evaluation / "step_00000010.npz"
    arrays = dict(np.load(path))
    for view in ("settled", "start"):
        for name in ("spacing", "orientation", "phase", "axes"):
            arrays[f"{view}/{name}"] = np.full_like(arrays[f"{view}/{name}"], np.nan)
    np.savez(path, **arrays)
    measures = embedded(write_report(folder, config_of(folder)))["evaluations"][0]["views"]["settled"]["measures"]
    assert np.isnan(unpacked(measures["spacing"])).all()


@pytest.mark.slow
def test_moments_show_what_there_is(tmp_path):
    folder = make_run(tmp_path / "moments", units=16, steps=(0, 100))
    make_moment(folder, 20, bare=True)
    make_moment(folder, 40, bare=False)
    first, bare, moment, last = embedded(write_report(folder, config_of(folder)))["evaluations"]
    assert first["views"].keys() == last["views"].keys() == {"settled", "start"}
    assert bare["views"].keys() == moment["views"].keys() == {"settled"}
    assert bare["views"]["settled"]["maps"] is None
    assert moment["views"]["settled"]["maps"] is not None
    measures = [set(one["views"]["settled"]["measures"]) for one in (bare, moment, last)]
    assert {"grid_cell", "p_value"} & (measures[0] | measures[1]) == set()
    assert {"spacing", "score_60", "phase_1"} <= measures[0] & measures[1] & measures[2]
    assert bare["negative_share"] is None


def test_a_moment_may_be_the_only_evaluation(tmp_path):
    folder = make_run(tmp_path / "moment", units=16, steps=(10,))
    make_moment(folder, 10, bare=True)
    inside = embedded(write_report(folder, config_of(folder)))
    assert inside["long_walks"] == {}
    assert inside["bands"].keys() == {"settled"}


def test_interventions_are_told_module_by_module(tmp_path):
    folder = make_run(tmp_path / "modules", steps=(10,), **MODULES)
    inside = contents(folder, config_of(folder))
    assert inside["interventions"] is None
    assert inside["run"]["modules"] == 2
    write_report(folder, config_of(folder))
    path = folder.path / "interventions" / "headline.json"
    path.parent.mkdir()
    path.with_suffix(".png").write_bytes(encode_png(np.zeros((2, 2), np.uint8)))
    path.write_text(json.dumps({"outcomes": [OUTCOME, "?"], "picture": "interventions/headline.png"}))
    os.utime(path, (folder.report.stat().st_mtime + 10,) * 2)
    assert not is_current(folder)
    told = embedded(write_report(folder, config_of(folder)))["interventions"]
    assert told["outcomes"] == [OUTCOME]
    assert told["picture"].startswith("data:image/png;base64,iVBOR")


# --- open ---


def test_open_writes_the_page_once_and_prints_its_path(tmp_path, capsys, monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    folder = make_run(tmp_path / "b", units=4, steps=(10,))
    assert main(["open", str(folder.path)]) == 0
    assert opened == [folder.report.resolve().as_uri()]
    assert capsys.readouterr().out == f"{folder.report}\n"
    first = folder.report.stat().st_mtime_ns
    assert is_current(folder)
    assert main(["open", str(folder.path), "--no_browser"]) == 0
    assert len(opened) == 1
    assert folder.report.stat().st_mtime_ns == first
    newer = folder.report.stat().st_mtime + 10
    os.utime(folder.metrics_path, (newer, newer))
    assert main(["open", str(folder.path), "--no-browser"]) == 0
    assert folder.report.stat().st_mtime_ns != first


def test_open_says_when_there_is_no_browser(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    assert main(["open", str(make_run(tmp_path / "c", units=4, steps=(10,)).path)]) == 0
    assert "No browser" in capsys.readouterr().err


def test_open_refuses_what_it_cannot_show(tmp_path, capsys):
    empty = make_run(tmp_path / "d", units=4, steps=(10,))
    for path in empty.evaluation.iterdir():
        path.unlink()
    torn = make_run(tmp_path / "e", units=4, steps=(10,))
    (torn.evaluation / "step_00000010.npz").write_bytes(b"torn")
    for path, said in (
        (tmp_path / "nowhere", "is not a run"),
        (empty.path, "no evaluation"),
        (torn.path, "is damaged"),
    ):
        assert main(["open", str(path), "--no_browser"]) == 2
        told = capsys.readouterr().err
        assert said in told
        assert "Traceback" not in told
