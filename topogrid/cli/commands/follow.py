"""``topogrid follow``: a recorded walk followed by a trained network."""

from __future__ import annotations

import argparse
from pathlib import Path

from topogrid.cli.arguments import declare_settings, given_settings
from topogrid.cli.screen import complain


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", help="folder of a run")
    parser.add_argument(
        "walk", help="recorded walk (.npz with t in s and pos in m), or sargolini: the one in ratinabox"
    )
    parser.add_argument(
        "--restart",
        type=float,
        default=10.0,
        metavar="S",
        help="tell the network where the animal is every S seconds; 0: only at the start (default: %(default)s)",
    )
    declare_settings(parser, ("place_feedback",))


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from topogrid.evaluation.follow import draw_followed, feedback_of, follow_in_pieces, told
    from topogrid.evaluation.reanalysis import results_folder
    from topogrid.figures import save_figure
    from topogrid.files import write_json_atomic
    from topogrid.trained.opening import open_trained
    from topogrid.world.recordings import load_walks, shipped_walk

    if not arguments.restart >= 0:
        raise ValueError(f"--restart must be 0 or more seconds, got {arguments.restart}")
    walk_path = shipped_walk() if arguments.walk == "sargolini" else Path(arguments.walk)
    trained = open_trained(arguments.run, settings=given_settings(arguments, ("place_feedback",)))
    for note in trained.notes:
        complain(f"Note: {note}.")
    config, results = trained.config, results_folder(trained, arguments.run)
    walk = load_walks(walk_path, dt=config.dt, box_size=config.box_size)
    followed = follow_in_pieces(
        trained.network,
        trained.place_cells,
        walk,
        dt=config.dt,
        restart_s=arguments.restart,
        feedback=feedback_of(config, trained.place_cells),
    )
    name = f"follow_{walk_path.stem}"
    figure = draw_followed(followed, config, walk_path.stem)
    for folder in (results.figures, results.gallery):
        folder.mkdir(parents=True, exist_ok=True)
        save_figure(figure, folder / f"{name}.png")
    seconds = config.dt * len(walk.displacement)
    result = {
        "walk": walk_path.name,
        "step": trained.step,
        "seconds": seconds,
        "restart_seconds": arguments.restart,
        **followed.record(),
    }
    if config.place_feedback:
        result["place_feedback"] = config.place_feedback
    write_json_atomic(results.path / f"{name}.json", result)
    print("\n".join(told(followed, walk_path.name, seconds)))
    print(f"Picture: {results.gallery / f'{name}.png'}")
