"""Write the tables of the published runs from their records: ``python -m benchmarks.science.published``.

Reads ``tau_imgs/<run>/record/``; rewrites what stands between the markers of `DOCUMENTS`. With ``--from runs``
it first copies records and pictures of those runs of that folder which ``RUNS`` names.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.document import check_writable_between, write_between
from benchmarks.science.front_page import (
    beside_others,
    best_guesses,
    found,
    found_by_study,
    ladder,
    long_training,
    minutes,
)
from benchmarks.science.records import GALLERY, Record, errors, number, read_record, slope
from topogrid.tables import to_markdown

ALL_RUNS, CHANGES = "published runs", "published interventions"
DENSE_CHANGES, FOUND_IN_RUNS = "dense interventions", "found in published runs"
LADDER, FOUND, MINUTES, BESIDE_OTHERS = "ladder", "found", "minutes", "beside others"
LONG, LONG_WALKS = "long training", "longer walks"
FULL_SHEETS = ("dense64-plain", "dense64-tau", "sheet64-learned", "sheet64-attractor")
SEEDS = (0, 1, 2)
LEARNED_RUNS = tuple(f"laptop-learned-seed{seed}" for seed in SEEDS)
SHORT_RUNS = (*(f"laptop-short-seed{seed}" for seed in SEEDS), "sheet64-short")
LONGER_RUNS = (
    "laptop-longer-free-seed0",
    *(f"laptop-longer-held-seed{seed}" for seed in SEEDS),
    "laptop-longer-fixed-seed0",
    *(f"laptop-longer-seed{seed}" for seed in SEEDS),
)
LONG_RUNS = tuple(f"long-tau-seed{seed}" for seed in SEEDS)
RUNS = (
    *FULL_SHEETS,
    *LEARNED_RUNS,
    "laptop-learned-blind",
    *(f"laptop-attractor-seed{seed}" for seed in SEEDS),
    "dense24-plain",
    "dense24-tau",
    *SHORT_RUNS,
    *LONGER_RUNS,
    *LONG_RUNS,
)
SHOWN_FIRST = "sheet64-learned"
DENSE_CHANGED = "dense24-tau"
RENAMED = {"laptop": "dense24", "sheet64": "dense64"}
"""Presets of networks connected all to all, by their names in version 0.1.0."""

FILES = ("config.json", "log.txt", "metrics.jsonl", "summary.json", "units.csv", "versions.json")
PICTURES = ("tau_map", "scale_map", "ratemaps", "filmstrip", "interventions", "long_error", "follow_sargolini")


def all_runs(records: Sequence[Record]) -> str:
    """Return the tables of tau_imgs/README.md: where each run comes from, and what was measured."""
    made = [
        [
            f"[{one.name}]({one.name})",
            f"`{command(one)}`",
            str(one.config["seed"]),
            str(one.versions.get("commit", ""))[:10],
            number(one, "train/steps_done", ".0f"),
            number(one, "perf/minutes", ".1f"),
            number(one, "perf/peak_memory_mb", ".0f"),
        ]
        for one in records
    ]
    measured = [
        [
            one.name,
            number(one, "validation/share_gate", ".1f", 100),
            f"{number(one, 'validation/share_above_0.8', '.1f', 100)} "
            f"({number(one, 'validation/null_share_above_0.8', '.1f', 100)})",
            number(one, "validation/best_25_grid_score_mean", ".2f"),
            number(one, "validation/spacing_median_m", ".3f"),
            slope(one) if one.config.get("tau") else "-",
            errors(one, ""),
            errors(one, "feedback_"),
            best_guesses(one),
            explained(one),
            number(one, "tau/share_of_range", ".0f", 100),
            rat(one),
        ]
        for one in records
    ]
    columns = ["run", "command", "seed", "commit", "steps", "minutes", "peak memory (MB)"]
    more = [
        "run", "grid cells %", "GS > 0.8 % (null)", "25 best", "spacing m", "slope",
        "error cm at 0.4 / 2 / 10 / 60 s", "with feedback", "best guess cm", "tau: plane / radius", "tau: range %",
        "rat cm: without / with (still)",
    ]  # fmt: skip
    return to_markdown(columns, made, marked_up=True) + "\n" + to_markdown(more, measured, marked_up=True)


def command(record: Record) -> str:
    """Return the command that makes such a run today, without what says where its files go."""
    words = str(record.versions.get("command", "")).split()[1:]
    words = words[1:] if words[:1] == ["train"] else words
    kept: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in ("--wandb", "--name", "--save_dir", "--gallery_dir", "--threads", "--resume"):
            skip = True
        elif word != "--wandb_offline":
            kept.append(word)
    if record.name.startswith("dense"):
        kept = [RENAMED.get(word, word) for word in kept]
    if record.name in LONG_RUNS and "movement_free_steps" not in record.config:
        kept += ["--movement_free_steps", str(record.config["steps"])]  # as they were before this could be said
    if record.config.get("wiring") == "learned" and "late_steps" not in record.config:
        kept += ["--late_steps", "0"] + ([] if "--steps" in kept else ["--steps", str(record.config["steps"])])
    return " ".join(["python train_grid.py", *kept])


def explained(record: Record) -> str:
    """Write how much of the map of tau a plane and a radius explain."""
    told = [number(record, f"tau/explained_by_{layout}", ".2f") for layout in ("plane", "radius")]
    return " / ".join(told) if set(told) != {"-"} else "-"


def rat(record: Record) -> str:
    """Write the error on the recorded rat without and with feedback, beside sitting still."""
    found = record.rat
    if "piece_seconds" not in found:
        return "-"
    told = [f"{found[key]:.1f}" for key in ("mean_error_cm", "feedback_mean_error_cm") if found.get(key) is not None]
    return f"{' / '.join(told)} ({found['hold_still_mean_error_cm']:.0f})"


def changes(records: Sequence[Record]) -> str:
    """Return the table of interventions: how far module spacings are from what is predicted."""
    rows = [
        [
            one.name,
            outcome["name"],
            _percent(outcome["median_deviation"], "+"),
            _percent(outcome["largest_deviation"], ""),
            "-" if outcome["between"] is None else f"{outcome['between']:.3f}",
            f"{100 * outcome['score_above_0.8']:.0f}",
        ]
        for one in records
        for outcome in one.headline
        if outcome["name"] != "baseline"
    ]
    columns = ["run", "changed", "off, median %", "off, at most %", "spread of log spacing", "GS > 0.8 %"]
    return to_markdown(columns, rows, marked_up=True)


def _percent(share: float | None, sign: str) -> str:
    return "-" if share is None else f"{100 * share:{sign}.1f}"


def take_over(runs: Path, name: str, gallery: Path = GALLERY) -> bool:
    """Copy the record and the pictures of a run; False if it is not there."""
    run, there = runs / name, gallery / name
    if not (run / "summary.json").is_file():
        return False
    (there / "record").mkdir(parents=True, exist_ok=True)
    for file in FILES:
        shutil.copyfile(run / file, there / "record" / file)
    for extra in ("headline.json", "headline.md", "table.md"):
        if (run / "interventions" / extra).is_file():
            shutil.copyfile(run / "interventions" / extra, there / "record" / extra)
    for file in run.glob("follow_*.json"):
        shutil.copyfile(file, there / "record" / file.name)
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    pictures = Path(config["gallery_dir"]) / name
    pictures = pictures if pictures.is_absolute() else runs.parent / pictures
    for picture in PICTURES:
        source = pictures / f"{picture}.png"
        if source.is_file() and source.resolve() != (there / source.name).resolve():
            shutil.copyfile(source, there / source.name)
    for picture in ("tau_map", "scale_map") if name == SHOWN_FIRST else ():
        shutil.copyfile(there / f"{picture}.png", gallery / f"{picture}.png")
    return True


def dense_changes(_records: Sequence[Record]) -> str:
    """Return the table of what each intervention did to the dense network, as the command wrote it."""
    lines = (GALLERY / DENSE_CHANGED / "record" / "table.md").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line.startswith("|")) + "\n"


def only(names: Sequence[str], write: Callable[[Sequence[Record]], str]) -> Callable[[Sequence[Record]], str]:
    """Return a writer that is given the records of some runs alone."""
    return lambda records: write([one for one in records if one.name in names])


DOCUMENTS: dict[tuple[Path, str], Callable[[Sequence[Record]], str]] = {
    (Path("README.md"), FOUND): found_by_study,
    (Path("README.md"), MINUTES): minutes,
    (Path("docs/index.md"), FOUND): found_by_study,
    (Path("docs/train.md"), MINUTES): minutes,
    (Path("docs/findings.md"), LADDER): only(FULL_SHEETS, ladder),
    (Path("docs/findings.md"), FOUND_IN_RUNS): found,
    (Path("docs/findings.md"), LONG_WALKS): only((*SHORT_RUNS, *LEARNED_RUNS, SHOWN_FIRST), long_training),
    (Path("docs/findings.md"), LONG): only((*SHORT_RUNS, *LONGER_RUNS, *LONG_RUNS), long_training),
    (Path("docs/related_work.md"), BESIDE_OTHERS): only(FULL_SHEETS, beside_others),
    (GALLERY / "README.md", ALL_RUNS): all_runs,
    (GALLERY / "README.md", CHANGES): changes,
    (Path("docs/interventions.md"), DENSE_CHANGES): dense_changes,
}
"""What is written between which markers of which document."""


def main(argv: Sequence[str] | None = None) -> int:
    """Write the tables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="runs", type=Path, metavar="FOLDER", help="take runs over from here first")
    arguments = parser.parse_args(argv)
    for path, name in DOCUMENTS:
        trouble = check_writable_between(path, name)
        if trouble:
            print(trouble, file=sys.stderr)
            return 2
    if arguments.runs is not None:
        for name in RUNS:
            if take_over(arguments.runs, name):
                print(f"took over {name}")
    records = [record for record in map(read_record, RUNS) if record is not None]
    missing = sorted(set(RUNS) - {record.name for record in records})
    if missing:
        print(f"{GALLERY} has no record of {', '.join(missing)}; take it over with --from", file=sys.stderr)
        return 2
    for (path, name), write in DOCUMENTS.items():
        write_between(path, write(records), name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
