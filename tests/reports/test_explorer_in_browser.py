"""The explorer in a real headless Chromium, opened from disk: what a person can do, and what they then see."""

import csv
import dataclasses
import json
import statistics
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.robustness.chromium import BROWSER, DRIVER, WHY_NOT, Browser, chromium
from benchmarks.robustness.explorer import choose, open_page, place_of, respond, settle
from tests.explorer_runs import MODULES, OUTCOME, config_of, make_evaluation, make_moment, make_run
from tests.quick_evaluations import without_lattices
from topogrid.analysis import autocorrelograms
from topogrid.analysis.maps.units import UnitMeasures
from topogrid.evaluation.saved import save_evaluation
from topogrid.reports.explorer import page, write_report
from topogrid.runs.folder import RunFolder

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not (BROWSER and DRIVER), reason=WHY_NOT)]

SIDE = 10
ASSETS = Path(page.__file__).parent / "assets"
SHOWN = {  # number on the page: column of units.csv, factor, digits
    "tau": ("tau_steps", 1, 3),
    "tau_ms": ("tau_ms", 1, 1),
    "spacing": ("spacing_m", 1, 3),
    "orientation": ("orientation_deg", 1, 1),
    "score_60": ("score_60", 1, 3),
    "score_90": ("score_90", 1, 3),
    "p_value": ("p_value", 1, 4),
    "phase_1": ("phase_1", 1, 3),
    "phase_2": ("phase_2", 1, 3),
    "border": ("border_score", 1, 3),
    "peak_rate": ("peak_rate", 1, 4),
    "information": ("information_bits", 1, 3),
    "negative_share": ("negative_share", 100, 1),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    made = make_run(tmp_path_factory.mktemp("explorer") / "a run", units=SIDE**2)
    write_report(made, config_of(made))
    return made


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def browser(window: Browser, folder: RunFolder) -> Iterator[Browser]:
    open_report(window, folder)
    yield window
    assert_silent(window, folder)


def open_report(browser: Browser, folder: RunFolder) -> None:
    browser.log("browser")
    browser.log("performance")
    open_page(browser, folder.report)


def assert_silent(browser: Browser, folder: RunFolder) -> None:
    """Nothing was complained about, and nothing asked for but the page itself and what is inside it."""
    assert browser.log("browser") == []
    addresses = browser.requests()
    assert addresses
    assert {address for address in addresses if not address.startswith("data:")} <= {folder.report.resolve().as_uri()}


def place(browser: Browser, unit: int, side: int = SIDE) -> tuple[float, float]:
    return place_of(browser, unit, side)


def unit_shown(browser: Browser) -> int:
    settle(browser)
    return int(browser.text("#unit-title").removeprefix("Unit "))


def rows_of(folder: RunFolder) -> list[dict[str, str]]:
    with folder.units_csv.open() as file:
        return list(csv.DictReader(file))


def n_selected(browser: Browser) -> int | None:
    settle(browser)
    text = browser.text("#selected")
    return int(text.split(" of ")[0].replace(",", "")) if " of " in text else None


def test_the_numbers_shown_are_those_of_units_csv(browser, folder):
    rows = rows_of(folder)
    lattices = sum(row["spacing_m"] != "nan" for row in rows)
    assert lattices > 20  # else this compares little
    for unit in (0, 13, 37, 58, 71, 99):
        browser.pointer(place(browser, unit))
        assert unit_shown(browser) == unit
        for key, (column, factor, digits) in SHOWN.items():
            text, value = browser.text(f"#number-{key}"), factor * float(rows[unit][column])
            if np.isnan(value):
                assert text == "-", (unit, key)
            else:
                number = float(text.split(" ")[0].rstrip("°"))
                # units.csv has six digits, which may round the other way.
                # Three digits of a rate, however small it is.
                room = 5e-3 * abs(value) if key == "peak_rate" else 0.5 * 10**-digits * (1 + 1e-3) + 1e-5 * abs(value)
                assert abs(number - value) <= room, (unit, key)
        assert browser.text("#number-grid_cell") == ("yes" if rows[unit]["grid_cell"] == "1" else "no")


def test_hovering_shows_and_a_click_pins(browser):
    browser.pointer(place(browser, 34))
    assert unit_shown(browser) == 34
    browser.pointer(place(browser, 35), press=True)
    browser.pointer(place(browser, 50))
    assert unit_shown(browser) == 35
    assert "pinned" in browser.text("#unit-place")
    browser.pointer(place(browser, 35), press=True)
    browser.pointer(place(browser, 51))
    assert unit_shown(browser) == 51


def test_the_keyboard_does_it_all(browser):
    browser.press("s")
    browser.pointer((3, 3))
    start = unit_shown(browser)
    browser.press("ArrowUp", "ArrowUp", "ArrowLeft")
    row, col = divmod(start, SIDE)
    moved = max(0, row - 2) * SIDE + max(0, col - 1)
    assert unit_shown(browser) == moved
    assert f"Unit {moved}," in browser.text("#announce")
    browser.press("Enter", "ArrowDown")
    assert unit_shown(browser) == moved
    browser.press("Home")
    browser.press("ArrowRight", "ArrowRight", shift=True)
    assert n_selected(browser) == 3
    browser.press("Escape")
    assert n_selected(browser) is None
    browser.press("Escape", "]")
    assert "evaluation 3 of 3" in browser.text("#step-text")
    browser.press("[")
    settle(browser)
    assert "evaluation 2 of 3" in browser.text("#step-text")
    browser.press("c", "v", "n", "?")
    settle(browser)
    assert browser.run("return document.getElementById('field').value") == "spacing"
    assert browser.run("return document.querySelector('input[name=view]:checked').value") == "start"
    assert browser.run("return document.getElementById('help').open")


def test_a_region_drawn_on_the_sheet_selects_its_units(browser):
    browser.pointer(place(browser, 22), place(browser, 40), place(browser, 55), press=True)
    assert n_selected(browser) == 4 * 4
    assert "rows 2-5, columns 2-5" in browser.text("#selected")
    browser.wait("document.getElementById('mean-sac-caption').textContent === 'Mean of 16 autocorrelograms'")
    assert "Mean of 16 rate maps" in browser.text("#mean-caption")
    assert spread(browser, "mean-map") > 5
    browser.run("document.getElementById('clear').click()")
    assert n_selected(browser) is None


def spread(browser: Browser, canvas: str) -> float:
    """Return the standard deviation of a drawing's pixels: 0 if it is blank."""
    pixels = browser.run(
        "const c = document.getElementById(arguments[0]);"
        "return Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).filter((_, i) => i % 4 < 3)",
        canvas,
    )
    return float(np.std(pixels))


@pytest.mark.parametrize(("key", "column"), [("tau", "tau_steps"), ("spacing", "spacing_m"), ("score_60", "score_60")])
def test_a_range_selects_the_units_inside_it(browser, folder, key, column):
    low, high = browser.run(
        "const ends = ['smallest', 'largest'].map(end => document.getElementById(`${end}-${arguments[0]}`));"
        "ends[0].value = 300; ends[1].value = 800;"
        "ends.forEach(input => input.dispatchEvent(new Event('input')));"
        "return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() =>"
        " done(ends.map(input => parseFloat(input.getAttribute('aria-valuetext')))))))",
        key,
    )
    values = np.array([float(row[column]) for row in rows_of(folder)])
    near = sum(np.abs(values - end) < 2e-3 for end in (low, high)).sum()
    assert low < high
    assert abs(n_selected(browser) - ((values >= low) & (values <= high)).sum()) <= near


def test_a_box_drawn_on_the_scatter_selects_units_there(browser, folder):
    left, top, width, height = browser.run(
        "const canvas = document.getElementById('scatter'); canvas.scrollIntoView({block: 'center'});"
        "const box = canvas.getBoundingClientRect(); return [box.left, box.top, box.width, box.height]"
    )
    # All of the plot between its margins.
    corner = (left + width - 14, top + height - 40)
    browser.pointer((left + 54, top + 12), (left + width / 2, top + 60), corner, press=True)
    lattices = sum(row["spacing_m"] != "nan" for row in rows_of(folder))
    assert n_selected(browser) == lattices
    assert "tau" in browser.text("#selected")
    assert "spacing" in browser.text("#selected")


def test_the_slider_goes_through_the_evaluations(browser):
    before = spread(browser, "sheet")
    images = []
    for step in (0, 1, 2):
        choose(browser, "step", step, "input")
        images.append(browser.run("return document.getElementById('sheet').toDataURL()"))
        assert browser.text("#step-text").startswith(("0 ", "50 ", "100 ")[step])
    assert len(set(images)) == 3
    assert before > 5


def test_every_field_colours_the_sheet_and_names_its_unit(browser):
    images = {}
    for name in browser.run("return Array.from(document.getElementById('field').options, option => option.value)"):
        choose(browser, "field", name)
        images[name] = browser.run("return document.getElementById('sheet').toDataURL()")
        assert browser.run("const c = document.querySelector('#bar canvas'); return c.width > 0 && c.height > 0")
    assert len(images) == 10
    assert len(set(images.values())) == 10


def test_maps_on_the_page_are_those_of_the_evaluation(browser, folder):
    maps = np.load(folder.evaluation / "step_00000100.npz")["settled/rate_maps"]
    expected = autocorrelograms(maps)
    browser.wait("document.getElementById('sac-caption').textContent.includes('Autocorrelogram')")
    source = (ASSETS / "autocorrelogram.js").read_text()
    for unit in (0, 42, 99):
        share = maps[unit] / max(maps[unit].max(), 1e-30)
        found = browser.run(
            f"{source}; return Array.from(autocorrelogram(Float32Array.from(arguments[0]), ...arguments[1]))",
            share.ravel().tolist(),
            [maps.shape[2], maps.shape[1]],
        )
        np.testing.assert_allclose(found, expected[unit].ravel(), atol=1e-5)


def test_dark_and_light_follow_the_system_and_the_button(browser):
    def colours() -> list[str]:
        settle(browser)
        return browser.run("const s = getComputedStyle(document.documentElement); return [s.backgroundColor, s.color]")

    try:
        seen = {}
        for scheme in ("light", "dark"):
            browser.emulate("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            seen[scheme] = colours()
        assert seen["light"] != seen["dark"]
        browser.press("t")
        assert colours() == seen["light"]
        browser.press("t")
        assert colours() == seen["dark"]
    finally:
        browser.emulate("Emulation.setEmulatedMedia", features=[])


def test_everything_that_acts_has_a_name(browser):
    nameless = browser.run(
        "return Array.from(document.querySelectorAll('button, select, input, canvas[tabindex], svg[tabindex]'))"
        ".filter(e => e.checkVisibility())"
        ".filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length))"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert nameless == []


def test_a_phone_shows_all_of_it_without_scrolling_sideways(folder):
    with chromium(width=390, height=844, touch=True) as phone:
        open_report(phone, folder)
        assert phone.run("return document.documentElement.scrollWidth") <= 390
        phone.run("document.getElementById('sheet').scrollIntoView()")
        phone.pointer(place(phone, 47), press=True, touch=True)
        assert unit_shown(phone) == 47
        assert "pinned" in phone.text("#unit-place")
        phone.run("document.getElementById('touch-brush').click(); document.getElementById('sheet').scrollIntoView()")
        phone.pointer(place(phone, 0), place(phone, 11), place(phone, 22), press=True, touch=True)
        assert n_selected(phone) == 9
        assert_silent(phone, folder)


@pytest.mark.parametrize(
    "settings",
    [{"units": 4, "steps": (10,)}, {"units": 25, "tau": False}, {"units": 16, "box_size": (2.2, 1.1), "bins": 16}],
    ids=["four units", "plain", "oblong"],
)
def test_small_plain_and_oblong_runs_work(window, tmp_path, settings):
    folder = make_run(tmp_path / "run", **settings)
    write_report(folder, config_of(folder))
    open_report(window, folder)
    side = round(settings["units"] ** 0.5)
    window.pointer(place(window, side + 1, side), press=True)
    assert unit_shown(window) == side + 1
    if not settings.get("tau", True):
        assert "tau = 1" in window.text("#about")
        assert "plain, tau = 1" in window.text("#range-tau")
    assert_silent(window, folder)


def test_modules_moments_and_interventions_are_shown(window, tmp_path):
    folder = make_run(tmp_path / "modules", steps=(0, 100), **MODULES)
    make_moment(folder, 20, bare=True)
    make_moment(folder, 40, bare=False)
    (folder.path / "interventions").mkdir()
    (folder.path / "interventions" / "headline.json").write_text(json.dumps({"outcomes": [OUTCOME, OUTCOME]}))
    write_report(folder, config_of(folder))
    open_report(window, folder)
    window.pointer(place(window, 8 * 5 + 2, 8))
    settle(window)
    assert "row 5, column 2, module 2" in window.text("#unit-place")
    assert "2.5 %" in window.text("#outcome-modules") or window.run(
        "return document.getElementById('outcome-modules').textContent.includes('2.5 %')"
    )
    assert window.run("return document.querySelectorAll('#outcome-modules tbody tr').length") == 8
    window.press("v")
    for step in (0, 1, 2, 3):
        choose(window, "step", step, "input")
        for field in ("spacing", "border", "phase", "tau"):
            choose(window, "field", field)
        window.run("document.getElementById('next-best').click()")
        settle(window)
        lacking = "has no rates from the first step" in window.text("#field-about")
        assert lacking == (step in (1, 2))
        assert ("was not measured" in window.text("#scatter-about")) == lacking
        assert window.text("#number-grid_cell") == "-" if lacking else window.text("#number-grid_cell") in ("yes", "no")
    assert_silent(window, folder)


def test_a_sheet_of_4096_units_stays_quick_and_small(window, tmp_path):
    folder = make_run(tmp_path / "full", units=4096, steps=(0, 100), bins=20)
    write_report(folder, config_of(folder))
    assert folder.report.stat().st_size < 6e6
    open_report(window, folder)
    responses = respond(window)
    assert responses.keys() == {"hover", "brush", "key", "slider"}
    assert len(responses["hover"].delays) >= 40
    medians = {what: round(statistics.median(delays)) for what, (delays, _work) in responses.items()}
    assert statistics.median([delay for delays, _work in responses.values() for delay in delays]) < 50, medians
    assert all(work < 50 for _delays, work in responses.values()), responses
    assert_silent(window, folder)


@pytest.mark.parametrize("tau", [False, True])
def test_a_sheet_without_a_lattice_begins_with_what_it_has(window: Browser, tmp_path: Path, tau: bool) -> None:
    made = make_run(tmp_path / "run", units=36, steps=(100,), tau=tau)
    config = config_of(made)
    plain = make_evaluation(config, 100, bins=14, blank=True)

    def without(view: UnitMeasures) -> UnitMeasures:
        return dataclasses.replace(view, lattice=without_lattices(view.lattice))

    save_evaluation(
        dataclasses.replace(plain, settled=without(plain.settled), start=without(plain.start)),
        made.evaluation / "step_00000100.npz",
    )
    write_report(made, config)
    open_report(window, made)
    settle(window)
    shown = {name: window.run(f"return document.getElementById('{name}').value") for name in ("field", "axis-y")}
    assert shown == ({"field": "tau", "axis-y": "score_60"} if tau else {"field": "score_60", "axis-y": "spacing"})
    assert_silent(window, made)
