"""``topogrid theory``: the spacing that a place code asks for, and the patterns that form under it, with no network."""

from __future__ import annotations

import argparse
import sys

from topogrid.cli.arguments import declare_format, declare_settings, given_settings

SETTINGS = ("pc_width", "surround_scale", "box_size", "periodic", "seed")


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    declare_settings(parser, SETTINGS)
    parser.add_argument("--out", default="theory", metavar="FOLDER", help="where it goes (default: %(default)s)")
    declare_format(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from pathlib import Path

    from topogrid.evaluation.theory import forming_line, patterns_of, theory_line
    from topogrid.figures import pattern_rows, save_figure
    from topogrid.files import check_writable, write_json_atomic
    from topogrid.settings.config import TrainConfig
    from topogrid.settings.errors import SettingsError
    from topogrid.tables import plain

    try:
        config = TrainConfig(**given_settings(arguments, SETTINGS))
    except SettingsError as error:
        # What a network would be given instead, such as more place cells or bins, is nothing that this command takes.
        told, _, remedy = str(error).partition("; ")
        own = not any(name in remedy for name in ("place cells", "no_DoG", "eval_bins"))
        raise SettingsError(str(error) if own else f"{told}; give other --pc_width or --box_size") from None
    predicted, forming = theory_line(config), forming_line(config)
    if predicted is None or forming is None:
        raise SettingsError(f"theory is of one width of place fields, got pc_width {config.pc_width}; give one")
    out = Path(arguments.out)
    check_writable(out)
    formed = patterns_of(config)
    found = {
        name: {"n_maps": len(one.maps), "share_above_0.8": one.share_above, "spacing_median_m": one.median_spacing}
        for name, one in formed.items()
    }
    record = {
        "sigma_m": config.pc_width[0], "surround_scale": config.surround_scale, "box_m": config.box_size,
        "periodic": config.periodic, "predicted_spacing_m": predicted, "forming_spacing_m": forming, "patterns": found,
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    write_json_atomic(out / "theory.json", record)
    picture = save_figure(
        pattern_rows(
            {name: one.maps for name, one in formed.items()},
            {name: one.scores for name, one in formed.items()},
            {name: one.spacing for name, one in formed.items()},
            detail=f"place fields of {config.pc_width[0]:g} m, theory {predicted:.3f} m; title: grid score, spacing",
        ),
        out / "theory.png",
        figure_format=arguments.format,
    )
    print(
        f"Predicted spacing: {predicted:.3f} m where position is known, {forming:.3f} m while it is not yet integrated."
    )
    for name, one in formed.items():
        middle = one.median_spacing
        told = "no lattice" if middle is None else f"median spacing {middle:.3f} m"
        print(f"Patterns with {name}: {100 * one.share_above:.0f} % have a grid score above 0.8, {told}.")
    print(plain(f"Picture: {picture}   Numbers: {out / 'theory.json'}"), file=sys.stderr)
