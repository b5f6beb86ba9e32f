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

    import numpy as np

    from topogrid.analysis import form_patterns, grid_scores, measure_lattice
    from topogrid.evaluation.theory import forming_line, theory_line
    from topogrid.figures import pattern_rows, save_figure
    from topogrid.files import check_writable, write_json_atomic
    from topogrid.settings.config import TrainConfig
    from topogrid.settings.errors import SettingsError
    from topogrid.tables import plain

    config = TrainConfig(**given_settings(arguments, SETTINGS))
    predicted, forming = theory_line(config), forming_line(config)
    if predicted is None or forming is None:
        raise SettingsError(f"theory is of one width of place fields, got pc_width {config.pc_width}; give one")
    out = Path(arguments.out)
    check_writable(out)
    sigma, scale = config.pc_width[0], config.surround_scale
    maps, scores, spacing, found = {}, {}, {}, {}
    said: list[str] = []
    for number, (name, positive) in enumerate((("rates above 0", True), ("rates of both signs", False))):
        maps[name] = form_patterns(
            sigma, scale, rng=np.random.default_rng([config.seed, number]), box_size=config.box_size,
            non_negative=positive, periodic=config.periodic,
        )  # fmt: skip
        scores[name] = grid_scores(maps[name]).score_60
        spacing[name] = measure_lattice(maps[name], config.box_size).spacing
        there = spacing[name][np.isfinite(spacing[name])]
        share = float(np.mean(np.nan_to_num(scores[name], nan=-1.0) > 0.8))
        middle = float(np.median(there)) if there.size else None
        found[name] = {"n_maps": len(maps[name]), "share_above_0.8": share, "spacing_median_m": middle}
        told = "no lattice" if middle is None else f"median spacing {middle:.3f} m"
        said.append(f"Patterns with {name}: {100 * share:.0f} % have a grid score above 0.8, {told}.")
    record = {
        "sigma_m": sigma, "surround_scale": scale, "box_m": config.box_size, "periodic": config.periodic,
        "predicted_spacing_m": predicted, "forming_spacing_m": forming, "patterns": found,
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    write_json_atomic(out / "theory.json", record)
    detail = f"place fields of {sigma:g} m, theory {predicted:.3f} m; title: grid score, spacing"
    picture = save_figure(
        pattern_rows(maps, scores, spacing, detail=detail), out / "theory.png", figure_format=arguments.format
    )
    print(
        f"Predicted spacing: {predicted:.3f} m where position is known, {forming:.3f} m while it is not yet integrated."
    )
    print("\n".join(said))
    print(plain(f"Picture: {picture}   Numbers: {out / 'theory.json'}"), file=sys.stderr)
