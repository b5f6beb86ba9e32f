"""Measure how quickly the sheet explorer of a run answers, and photograph it, in a headless Chromium.

``python -m benchmarks.robustness.explorer runs/mine`` prints the size of ``report.html`` and the time from an event of
mouse or keyboard to the end of the frame that shows its effect; ``--photos FOLDER`` writes the pictures of
docs/explorer.md too.
"""

import argparse
import itertools
import statistics
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.robustness.chromium import BROWSER, DRIVER, WHY_NOT, Browser, chromium

Point = tuple[float, float]

# Notes when an event came, and when the frame after it was done: a message posted from the frame's own callback is
# handled once that frame has been painted.
_NOTE_DELAYS = """
window.delays = {}; window.kind = '';
const painted = new MessageChannel(), waiting = [];
painted.port1.onmessage = () => {
  for (const [kind, time] of waiting.splice(0)) (delays[kind] ??= []).push(performance.now() - time);
};
for (const name of ['pointermove', 'keydown', 'input', 'change']) {
  addEventListener(name, event => {
    waiting.push([kind, event.timeStamp]);
    requestAnimationFrame(() => painted.port2.postMessage(0));
  }, {capture: true});
}
"""


def open_page(browser: Browser, page: Path) -> None:
    """Open an explorer and wait until it shows a unit."""
    browser.open(page)
    browser.wait("!document.getElementById('main').hidden")
    browser.wait("document.getElementById('rate-caption').textContent.startsWith('Rate map')")


def settle(browser: Browser) -> None:
    """Wait until what was changed has been painted."""
    browser.run("return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")


def place_of(browser: Browser, unit: int, side: int) -> Point:
    """Return where a unit of a sheet of ``side`` x ``side`` units is in the window."""
    left, top, width = browser.run(
        "const box = document.getElementById('sheet').getBoundingClientRect(); return [box.left, box.top, box.width]"
    )
    return left + (unit % side + 0.5) * width / side, top + (unit // side + 0.5) * width / side


def side_of(browser: Browser) -> int:
    """Return the units along each side of the sheet of the open page."""
    return int(browser.run("return JSON.parse(document.getElementById('data').textContent).run.side"))


def choose(browser: Browser, control: str, value: object, event: str = "change") -> None:
    """Set a control to a value, as a person would."""
    browser.run(
        "const control = document.getElementById(arguments[0]); control.value = arguments[1];"
        "control.dispatchEvent(new Event(arguments[2], {bubbles: true}))",
        control,
        value,
        event,
    )
    settle(browser)


class Response(NamedTuple):
    """How the page answered events of one kind, in milliseconds."""

    delays: list[float]
    """From each event to the end of the frame that shows it: depends on what else the machine does."""
    work: float
    """Processor time of the page's main thread an event, the driver's own messages included: depends on it less."""


def respond(browser: Browser) -> dict[str, Response]:
    """Move, drag, type and slide over the open page and return how it answered, by what was done."""
    browser.emulate("Performance.enable", timeDomain="threadTicks")
    browser.run(_NOTE_DELAYS)
    side = side_of(browser)
    busy: dict[str, float] = {}

    def doing(kind: str) -> None:
        settle(browser)
        browser.run("window.kind = arguments[0]", kind)
        busy[kind] = _busy_ms(browser)

    spread_out = range(0, side * side, max(1, side * side // 50))
    doing("hover")
    for unit in spread_out:
        browser.pointer(place_of(browser, unit, side))
    doing("brush")
    browser.pointer(*(place_of(browser, unit, side) for unit in spread_out[::3]), press=True)
    doing("key")
    browser.press("s", *["ArrowRight", "ArrowDown"] * 10)
    doing("slider")
    steps = int(browser.run("return Number(document.getElementById('step').max)")) + 1
    for turn in range(10):
        choose(browser, "step", turn % steps, "input")
    doing("end")
    delays: dict[str, list[float]] = browser.run("return window.delays")
    return {
        kind: Response(delays[kind], (busy[after] - busy[kind]) / len(delays[kind]))
        for kind, after in itertools.pairwise(busy)
    }


def _busy_ms(browser: Browser) -> float:
    metrics = browser.emulate("Performance.getMetrics")["metrics"]
    return 1000 * next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")


def photograph(page: Path, folder: Path) -> None:
    """Write the pictures of docs/explorer.md."""
    folder.mkdir(parents=True, exist_ok=True)
    with chromium(width=1440, height=1190) as browser:
        open_page(browser, page)
        settle(browser)
        browser.screenshot(folder / "light.png")
        browser.emulate("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        choose(browser, "field", "score_60")
        side = side_of(browser)
        corners = (side // 8 * side + side // 4, side // 2 * side + 3 * side // 4)
        browser.pointer(*(place_of(browser, unit, side) for unit in corners), press=True)
        browser.press("n")
        browser.wait("document.getElementById('mean-sac-caption').textContent.startsWith('Mean of')")
        settle(browser)
        browser.screenshot(folder / "selection-dark.png")
    with chromium(width=390, height=1350, touch=True) as phone:
        open_page(phone, page)
        choose(phone, "field", "orientation")
        phone.screenshot(folder / "phone.png")


def main() -> int:
    """Measure the page of a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run with report.html")
    parser.add_argument(
        "--photos", type=Path, metavar="FOLDER", help="also write the pictures of docs/explorer.md there"
    )
    arguments = parser.parse_args()
    page = arguments.run / "report.html"
    if not page.is_file():
        print(f"{page} is missing: python -m topogrid open {arguments.run} --no_browser writes it", file=sys.stderr)
        return 2
    if not (BROWSER and DRIVER):
        print(WHY_NOT, file=sys.stderr)
        return 2
    with chromium() as browser:
        open_page(browser, page)
        side, responses = side_of(browser), respond(browser)
    print(f"{page}: {page.stat().st_size / 1e6:.2f} MB, {side * side} units")
    for what, (delays, work) in responses.items():
        paint = f"median {statistics.median(delays):.0f} ms to paint, slowest {max(delays):.0f} ms, n {len(delays)}"
        print(f"  {what}: {paint}; {work:.1f} ms of work")
    if arguments.photos:
        photograph(page, arguments.photos)
    return 0


if __name__ == "__main__":
    sys.exit(main())
