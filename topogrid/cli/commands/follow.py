"""``topogrid follow``: a recorded walk followed by a trained network."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from topogrid.cli.arguments import check_there, declare_settings, given_settings
from topogrid.cli.progress import Progress
from topogrid.cli.screen import complain
from topogrid.settings.errors import did_you_mean, show
from topogrid.settings.fields import FEEDBACK_SETTINGS
from topogrid.world.layout import LOST, MAX_SPEED, SEPARATORS, SHIPPED, Layout


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", help="folder of a run, a checkpoint, or *.safetensors")
    parser.add_argument(
        "walk",
        help="recorded walk: .npz, .npy, .mat, .pkl, or a table such as .csv, of t in seconds and x and y in metres; "
        "or sargolini or tanni, the walks in ratinabox",
    )
    parser.add_argument(
        "--restart",
        default="10",
        metavar="S",
        help="tell the network where the animal is every S seconds, to the nearest step; 0: only once (default: 10)",
    )
    file = parser.add_argument_group("how the file is laid out, where it is not seconds and metres named t, x and y")
    file.add_argument(
        "--columns",
        metavar="T,X,Y",
        help="columns by name or number: t,x,y, or t,x1,y1,x2,y2 of two lights; without t where --rate is given",
    )
    file.add_argument("--units", default="m", help="of positions: m, cm, mm, or px:SCALE with pixels per metre")
    file.add_argument("--separator", help=f"between columns: , ; | or {', '.join(SEPARATORS)} (default: seen)")
    file.add_argument(
        "--rate",
        metavar="HZ",
        help="time counts samples at this rate, or ticks (1000: milliseconds), or is missing",
    )
    file.add_argument("--agent", metavar="NAME", help="whose walk to take where the file holds several")
    file.add_argument(
        "--lost",
        choices=LOST,
        default=LOST[0],
        help="what to do where the animal was not seen: refuse the walk, or leave samples out and interpolate",
    )
    file.add_argument(
        "--max_speed",
        "--max-speed",
        metavar="M/S",
        default=f"{MAX_SPEED:g}",
        help="a faster step is a fault of tracking (default: %(default)s)",
    )
    declare_settings(parser, FEEDBACK_SETTINGS)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    restart_s = _number(arguments.restart, "--restart")
    layout = Layout(
        columns=arguments.columns,
        units=arguments.units,
        separator=arguments.separator,
        rate=None if arguments.rate is None else _number(arguments.rate, "--rate"),
        lost=arguments.lost,
        max_speed=_number(arguments.max_speed, "--max_speed"),
        agent=arguments.agent,
    )
    settings = given_settings(arguments, FEEDBACK_SETTINGS)

    check_there(arguments.run)
    if arguments.walk not in SHIPPED and not Path(arguments.walk).exists():
        hint = did_you_mean(arguments.walk, SHIPPED)
        if hint:
            raise ValueError(f"{arguments.walk}: no such file{hint}")

    from topogrid.evaluation.follow import follow_recording
    from topogrid.evaluation.reanalysis import results_folder
    from topogrid.tables import plain
    from topogrid.trained.opening import open_trained

    trained = open_trained(arguments.run, settings=settings)
    for note in trained.notes:
        complain(f"Note: {note}.")
    with Progress("step", only_on_terminal=True) as progress:
        found = follow_recording(trained, arguments.walk, restart_s=restart_s, layout=layout, progress=progress)
    picture = found.save(results_folder(trained, arguments.run))
    print("\n".join(found.told()))
    print(f"Picture: {plain(picture)}")


def _number(text: str, flag: str) -> float:
    """Return the finite number that a flag was given.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{flag} must be a finite number, got {show(text.strip())}")
    return value
