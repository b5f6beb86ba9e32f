"""What the explorer's page carries is what was measured, whatever the run; the browser has a file of its own."""

import base64
import html
import io
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.explorer_runs import MODULES, OUTCOME, config_of, make_moment, make_run
from topogrid.cli.main import main
from topogrid.reports.explorer import is_current, write_report
from topogrid.reports.explorer.page import MOST_BYTES, contents, page
from topogrid.reports.explorer.sprites import coarse, encode_png, exact, quantise, sprite
from topogrid.reports.explorer.words import gathered
from topogrid.runs.folder import RunFolder
from topogrid.tables import plain


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_run(tmp_path_factory.mktemp("report") / "a")


@pytest.fixture(scope="module")
def written(folder: RunFolder) -> dict:
    return embedded(write_report(folder, config_of(folder)))


def embedded(path: Path) -> dict:
    """Return the data of a page, by the rules of HTML: a script element ends at the first ``</script``."""
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def unpacked(packed: dict) -> np.ndarray:
    """Read packed numbers as the page does."""
    if "f4" in packed:
        return np.frombuffer(base64.b64decode(packed["f4"]), "<f4").astype(float)
    codes = np.frombuffer(base64.b64decode(packed["u2"]), "<u2")
    return np.where(codes == 65535, np.nan, packed["low"] + codes * (packed["high"] - packed["low"]) / 65534)


def rates(maps: dict, units: int) -> np.ndarray:
    """Read the rate maps of a sprite as the page does."""
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(maps["png"]))))
    width, height = maps["bins"]
    columns = maps["columns"]
    tiles = pixels.reshape(-1, height, columns, width).swapaxes(1, 2).reshape(-1, height, width)[:units].astype(float)
    low, peak = (unpacked(maps[name])[:, None, None] for name in ("low", "peak"))
    return np.where(tiles == 0, np.nan, low + (tiles - 1) / maps["levels"] * (peak - low))


# --- packing ---


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (64, 33)])
def test_a_png_reads_back_pixel_by_pixel(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    smooth = np.add.outer(np.arange(shape[0]), np.arange(shape[1])).astype(np.uint8)
    for image in (pixels, smooth):
        read = Image.open(io.BytesIO(encode_png(image)))
        assert read.mode == "L"
        np.testing.assert_array_equal(np.asarray(read), image)


@pytest.mark.parametrize("levels", [254, 30, 1])
@pytest.mark.parametrize("units", [1, 4, 5])
def test_rates_come_back_to_half_a_level(levels, units):
    rng = np.random.default_rng(1)
    maps = rng.normal(size=(units, 6, 9))
    maps[0] = 0.0
    maps[-1, 2, 3] = np.nan
    read = rates(sprite(quantise(maps, levels)), units)
    span = np.nanmax(maps, (1, 2), initial=0) - np.nanmin(maps, (1, 2), initial=0)
    np.testing.assert_array_equal(np.isnan(read), np.isnan(maps))
    assert (np.nan_to_num(np.abs(read - maps)) <= (span / levels / 2 + 1e-6)[:, None, None]).all()


def test_numbers_come_back_and_what_is_missing_stays_missing():
    values = np.array([np.nan, -1.25, 0.0, 3.0, 1e-3])
    np.testing.assert_allclose(unpacked(exact(values)), values, rtol=1e-6)
    np.testing.assert_allclose(unpacked(coarse(values)), values, atol=4.25 / 65534)
    for one in (np.full(3, np.nan), np.full(3, 2.5)):
        np.testing.assert_allclose(unpacked(coarse(one)), one)


@pytest.mark.parametrize(
    ("maps", "levels", "said"), [(np.zeros((2, 3)), 9, "missing axis"), (np.zeros((1, 2, 2)), 255, "1 to 254")]
)
def test_maps_that_cannot_be_packed_are_refused(maps, levels, said):
    with pytest.raises(ValueError, match=said):
        quantise(maps, levels)


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


def test_long_curves_are_thinned_and_keep_their_ends(tmp_path):
    folder = make_run(tmp_path / "long", units=4, steps=(5000,))
    loss = embedded(write_report(folder, config_of(folder)))["charts"][0]["series"][0]
    assert len(loss["steps"]) <= 400
    assert (loss["steps"][0], loss["steps"][-1]) == (1, 5000)


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


def test_peaks_that_an_older_version_did_not_save_are_measured_again(tmp_path):
    folder = make_run(tmp_path / "old", units=9, steps=(10,))
    path = folder.evaluation / "step_00000010.npz"
    arrays = dict(np.load(path))
    axes = arrays.pop("settled/axes")
    np.savez(path, **arrays)
    maps = embedded(write_report(folder, config_of(folder)))["evaluations"][0]["views"]["settled"]["maps"]
    np.testing.assert_allclose(unpacked(maps["axes"][0]), axes[:, 0, 0], atol=1e-3)


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


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"outcomes": 3}', '{"outcomes": []}'])
def test_interventions_that_cannot_be_read_are_left_out(tmp_path, text):
    folder = make_run(tmp_path / "spoiled", units=4, steps=(10,))
    path = folder.path / "interventions" / "headline.json"
    path.parent.mkdir()
    path.write_text(text)
    assert contents(folder, config_of(folder))["interventions"] is None


@pytest.mark.parametrize("picture", [None, "../other.png", "nowhere.png", "config.json", 3])
def test_only_a_picture_of_the_run_is_embedded(tmp_path, picture):
    folder = make_run(tmp_path / "run", units=4, steps=(10,))
    (tmp_path / "other.png").write_bytes(encode_png(np.zeros((2, 2), np.uint8)))
    path = folder.path / "interventions" / "headline.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"outcomes": [{"name": "flat", "measured_m": "?"}], "picture": picture}))
    told = contents(folder, config_of(folder))["interventions"]
    assert told["picture"] is None
    assert told["outcomes"][0]["measured_m"] == []


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


def test_evaluations_of_another_network_are_left_out_and_named(tmp_path):
    folder = make_run(tmp_path / "mixed", units=9, steps=(10, 20))
    other = make_run(tmp_path / "other", units=4, steps=(5,))
    (other.evaluation / "step_00000005.npz").rename(folder.evaluation / "step_00000005.npz")
    (folder.evaluation / "step_00000007.npz").write_bytes(b"torn")
    inside = contents(folder, config_of(folder))
    assert [one["step"] for one in inside["evaluations"]] == [10, 20]
    assert "step_00000007" in inside["notes"][1]
    assert "another network" in inside["notes"][0]


def test_findings_of_an_analysis_of_that_step_come_first(tmp_path):
    folder = make_run(tmp_path / "analysed", units=9, steps=(10,))
    analysis = {"step": 10, "claims": ["Scope: as analysed."], "notes": ["a note"]}
    folder.summary_path.write_text(json.dumps({"validation/trajectory_error_cm": None, "analysis": analysis}))
    inside = contents(folder, config_of(folder))
    assert inside["findings"] == ["Scope: as analysed."]
    assert inside["notes"] == ["a note"]
    folder.summary_path.write_text(json.dumps({"analysis": analysis | {"step": 9}}))
    assert len(contents(folder, config_of(folder))["findings"]) > 1


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


def test_theory_is_left_out_where_there_is_none(tmp_path):
    folder = make_run(tmp_path / "f", units=4, steps=(10,), DoG=False)
    inside = contents(folder, config_of(folder))
    assert inside["run"]["theory"] is None
    assert not any("theory" in words for _number, words in inside["facts"])
    assert not any("nan" in number for number, _words in inside["facts"])


def test_the_main_numbers_stand_beside_their_baselines(tmp_path):
    folder = make_run(tmp_path / "g", units=16, steps=(10,))
    told = dict(reversed(pair) for pair in contents(folder, config_of(folder))["facts"])
    assert told["error over 20 steps (sitting still 20.0 cm)"] == "5.0 cm"
    assert any("noise" in words and number.endswith(" %") for words, number in told.items())


def test_one_reason_for_several_gaps_is_told_once():
    few = "only 0 grid cells have a spacing, and too few other units a lattice."
    sentences = [
        "Spacing: cannot be said, no grid cell has one.",
        f"Scale clusters: cannot be said, {few}",
        "Path integration: well.",
        f"Map of spacing: cannot be said whether there is one, {few}",
    ]
    told = gathered(sentences)
    assert told == [sentences[0], f"Scale clusters, Map of spacing: cannot be said, {few}", sentences[2]]
    assert gathered([]) == []
