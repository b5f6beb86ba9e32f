"""Score recorded cells: spikes and a track in, a table of grid cells out.

Without a file it makes a session up, whose answer is known: three perfect grid cells and one that fires anywhere.

    python examples/score_your_own_cells.py
    python examples/score_your_own_cells.py session.npz --box_size 1.0 1.0 --csv cells.csv

A session is an .npz file of `time` (sample,) in seconds, `position` (sample, 2) in metres, and for each cell its spike
times in seconds, in arrays whose names begin with `spikes_`.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topogrid.analysis import NULLS, grid_table, tuning_map
from topogrid.analysis.synthetic import lattice_spikes, random_track

Float = NDArray[np.float64]


def made_up(seconds: float, rng: np.random.Generator) -> tuple[Float, Float, dict[str, Float]]:
    """Return time, positions and spikes of a session in a box of 1 m; cells are named for their spacing."""
    time, position = random_track(seconds, 1.0, rng)
    spikes = {f"{spacing:.2f} m": lattice_spikes(time, position, spacing, rng) for spacing in (0.3, 0.4, 0.5)}
    return time, position, spikes | {"anywhere": np.sort(rng.uniform(0, seconds, round(3 * seconds)))}


def read(path: Path) -> tuple[Float, Float, dict[str, Float]]:
    """Return time, positions and spikes of a recorded session."""
    with np.load(path, allow_pickle=False) as session:
        spikes = {name.removeprefix("spikes_"): session[name] for name in session.files if name.startswith("spikes_")}
        return session["time"], session["position"], spikes


def main(words: list[str] | None = None) -> int:
    """Score the cells of a session."""
    parser = argparse.ArgumentParser(description="Score recorded cells.")
    parser.add_argument("session", nargs="?", type=Path, help="an .npz file; made up where there is none")
    parser.add_argument(
        "--box_size", type=float, nargs=2, metavar=("WIDTH", "HEIGHT"), help="m; else that of the track"
    )
    parser.add_argument("--bin_cm", type=float, default=4.0, help="side of a bin, cm")
    parser.add_argument("--smoothing_cm", type=float, default=5.0, help="standard deviation of the smoothing, cm")
    parser.add_argument("--null", choices=tuple(NULLS), default="ring", help="what a score is judged against")
    parser.add_argument("--surrogates", type=int, help="surrogates a cell; by default as many as p-values need")
    parser.add_argument("--seconds", type=float, default=1200.0, help="length of the session that is made up")
    parser.add_argument("--csv", type=Path, help="write the table there as well")
    options = parser.parse_args(words)
    rng = np.random.default_rng(0)
    time, position, spikes = read(options.session) if options.session else made_up(options.seconds, rng)
    box = tuple(options.box_size) if options.box_size else None
    maps = tuning_map(spikes, time, position, box, bin_cm=options.bin_cm, smoothing_cm=options.smoothing_cm)
    table = grid_table(maps, null=options.null, n_surrogates=options.surrogates, rng=rng)
    print(f"{'cell':12} {'score':>6} {'spacing cm':>10} {'peaks':>5} {'p':>8}  passes ({options.null} null)")
    for name, row in zip(spikes, table, strict=True):
        spacing = f"{100 * row['spacing_m']:.1f}" if np.isfinite(row["spacing_m"]) else "-"
        verdict = "yes" if row["passed"] else "no"
        print(f"{name:12} {row['score']:6.2f} {spacing:>10} {row['n_peaks']:5d} {row['p_value']:8.4f}  {verdict}")
    if options.csv:
        with options.csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["cell", *(table.dtype.names or ())])
            writer.writerows([name, *row.tolist()] for name, row in zip(spikes, table, strict=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
