"""A comparison in a real headless Chromium, opened from disk: whole, quiet, readable on a phone and by the keyboard."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.robustness.chromium import BROWSER, DRIVER, WHY_NOT, Browser, chromium
from topogrid.cli.main import main

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not (BROWSER and DRIVER), reason=WHY_NOT)]


@pytest.fixture(scope="module")
def page(six: Path) -> Path:
    """Return the page of a comparison of six runs."""
    out = six.parent / "out"
    assert main(["compare", str(six), "--out", str(out)]) == 0
    return out / "comparison.html"


@pytest.fixture(params=[1440, 390])
def browser(page: Path, request: pytest.FixtureRequest) -> Iterator[Browser]:
    with chromium(width=request.param) as opened:
        opened.open(page)
        yield opened


def test_it_is_whole_and_asks_for_nothing(browser: Browser, page: Path) -> None:
    assert browser.log("browser") == []
    assert {one for one in browser.requests() if not one.startswith("data:")} == {page.resolve().as_uri()}
    broken = "return [...document.images].filter((one) => !one.complete || !one.naturalWidth).length"
    assert browser.run(broken) == 0
    assert browser.run("return document.images.length") == 4
    assert browser.run("return [...document.images].every((one) => one.alt.length > 10)")


def test_no_picture_is_empty(browser: Browser) -> None:
    """The pixels of every picture vary, in each of its quarters."""
    spread = browser.run("""
        return [...document.images].flatMap((image) => [0, 1].flatMap((x) => [0, 1].map((y) => {
          const canvas = document.createElement("canvas"), w = image.naturalWidth >> 1, h = image.naturalHeight >> 1;
          [canvas.width, canvas.height] = [w, h];
          const context = canvas.getContext("2d");
          context.drawImage(image, -x * w, -y * h);
          return new Set(new Uint32Array(context.getImageData(0, 0, w, h).data.buffer)).size;
        })))""")
    assert len(spread) == 16
    assert min(spread) > 10


def test_nothing_runs_out_of_the_window_and_wide_tables_scroll_by_keyboard(browser: Browser) -> None:
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    wide = """
        return [...document.querySelectorAll("table")].map((one) => one.parentElement)
          .filter((one) => one.scrollWidth > one.clientWidth && one.tabIndex < 0).length"""
    assert browser.run(wide) == 0
