"""``python -m topogrid COMMAND``: everything that is not training."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from topogrid.evaluation.follow import draw_followed, feedback_of, follow_in_pieces, told
from topogrid.evaluation.reanalysis import MEASUREMENT_SETTINGS, bins_table, measure_again, open_trained, write_results
from topogrid.figures import save_figure
from topogrid.files import write_json_atomic, write_text_atomic
from topogrid.interventions.interventions import (
    INTERVENTIONS,
    Outcome,
    Subject,
    choose,
    intervene,
    obstacles,
    parse_units,
    silence,
)
from topogrid.interventions.modules import (
    HEADLINE,
    ModuleOutcome,
    draw_headline,
    headline_page,
    headline_record,
    headline_table,
    measure_headline,
    module_table,
    obstacle,
)
from topogrid.interventions.modules import KEY as HEADLINE_KEY
from topogrid.interventions.report import as_page, as_record, draw_outcomes, full_table, key, key_table
from topogrid.reports.comparison.comparison import compare
from topogrid.reports.comparison.page import write_comparison
from topogrid.reports.comparison.text import findings, means_table
from topogrid.reports.explorer import is_current, write_report
from topogrid.reports.records import find_runs, list_table
from topogrid.runs.checkpoints import CheckpointError
from topogrid.runs.folder import RunFolder
from topogrid.session.failures import replay
from topogrid.settings.config import SettingsError, TrainConfig
from topogrid.tables import to_csv, to_text
from topogrid.trained.original import SETTINGS
from topogrid.trained.safetensors import export_weights
from topogrid.trained.trained import load_run
from topogrid.world.walks import load_walks, shipped_walk

BAD_ARGUMENTS = 2  # exit code


class Command(NamedTuple):
    """A word after ``python -m topogrid``."""

    about: str
    declare: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        COMMANDS[arguments.command].run(arguments)
    except (SettingsError, CheckpointError, ValueError, OSError) as error:
        print(f"topogrid {arguments.command}: {error}", file=sys.stderr)
        return BAD_ARGUMENTS
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m topogrid", description="Look at a trained network.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.declare(commands.add_parser(name, help=command.about, description=command.about))
    return parser


# --- follow ----------------------------------------------------------------------------------------------------------


def _declare_follow(parser: argparse.ArgumentParser) -> None:
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
    _declare_settings(parser, ("place_feedback",))


def _follow(arguments: argparse.Namespace) -> None:
    if not arguments.restart >= 0:
        raise ValueError(f"--restart must be 0 or more seconds, got {arguments.restart}")
    walk_path = shipped_walk() if arguments.walk == "sargolini" else Path(arguments.walk)
    run = load_run(arguments.run)
    config = dataclasses.replace(run.config, **_given_settings(arguments, ("place_feedback",)))
    walk = load_walks(walk_path, dt=config.dt, box_size=config.box_size)
    followed = follow_in_pieces(
        run.network,
        run.place_cells,
        walk,
        dt=config.dt,
        restart_s=arguments.restart,
        feedback=feedback_of(config, run.place_cells),
    )
    name = f"follow_{walk_path.stem}"
    figure = draw_followed(followed, config, walk_path.stem)
    for folder in (run.folder.figures, run.folder.gallery):
        folder.mkdir(parents=True, exist_ok=True)
        save_figure(figure, folder / f"{name}.png")
    seconds = config.dt * len(walk.displacement)
    result = {"walk": walk_path.name, "seconds": seconds, "restart_seconds": arguments.restart, **followed.record()}
    if config.place_feedback:
        result["place_feedback"] = config.place_feedback
    write_json_atomic(run.folder.path / f"{name}.json", result)
    print("\n".join(told(followed, walk_path.name, seconds)))
    print(f"Picture: {run.folder.gallery / f'{name}.png'}")


# --- analyze ---------------------------------------------------------------------------------------------------------


def _declare_analyze(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run",
        help="folder of a run, a checkpoint (of a run, away from it, or of the original project), or *.safetensors",
    )
    parser.add_argument("--checkpoint", help="one checkpoint of the run (default: the newest)")
    parser.add_argument(
        "--bins",
        "--eval_bins",
        "--eval-bins",
        nargs="+",
        metavar="N",
        help="bins along each side of a rate map; shares are told for every number given, all else for the first",
    )
    _declare_settings(parser, MEASUREMENT_SETTINGS)
    parser.add_argument(
        "--out", metavar="FOLDER", help="where results go (default: into the run, or beside a checkpoint)"
    )
    _declare_format(parser)
    parser.add_argument(
        "--intervene",
        nargs="*",
        metavar="NAME",
        help=f"then change one thing at a time and measure again: all, or some of {', '.join(INTERVENTIONS)}",
    )
    _declare_silence(parser)
    bare = parser.add_argument_group("for a checkpoint that does not know its settings")
    bare.add_argument(
        "--place_cells", "--place-cells", metavar="FILE", help=".npy or .npz of place-field centres, (place, 2), metres"
    )
    _declare_settings(bare, SETTINGS)
    bare.add_argument("--no_DoG", "--no-DoG", dest="DoG", action="store_const", const=["false"], help="no surround")


def _analyze(arguments: argparse.Namespace) -> None:
    wanted, chosen = _planned(arguments.intervene, arguments.silence)
    if arguments.intervene == []:
        wanted = choose(None)
    settings = _given_settings(arguments, (*MEASUREMENT_SETTINGS, *SETTINGS))
    opened = open_trained(
        arguments.run,
        checkpoint=arguments.checkpoint,
        settings=settings,
        place_cells=arguments.place_cells,
        out=arguments.out,
    )
    for note in opened.notes:
        print(f"Note: {note}.", file=sys.stderr)
    bins = [_value(text) for text in arguments.bins or ()] or [opened.subject.config.eval_bins]
    result = measure_again(opened, bins)
    write_results(opened, result, figure_format=arguments.format)
    print(f"What {opened.source} lets a person say, at {next(iter(result.rows))} bins:\n")
    print("\n".join(f"* {sentence}" for sentence in result.sentences))
    print(f"\nShares of all units, in brackets those of noise:\n\n{to_text(*bins_table(result.rows))}")
    folder = opened.folder
    print(f"Units: {folder.units_csv}   Pictures: {folder.gallery}   All: {folder.summary_path}", file=sys.stderr)
    config = dataclasses.replace(opened.subject.config, eval_bins=next(iter(result.rows)))
    print(f"To explore: {write_report(folder, config)}", file=sys.stderr)
    if wanted or chosen:
        subject = dataclasses.replace(opened.subject, config=config)
        _measure_interventions(subject, wanted, chosen, folder)


def _declare_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("png", "pdf"), default="png", help="pdf: pictures as vector PDFs too")


def _declare_settings(parser: argparse._ActionsContainer, names: Sequence[str]) -> None:
    """Add flags of the settings ``names``; their values stay text, which `TrainConfig` checks."""
    for field in dataclasses.fields(TrainConfig):
        if field.name in names:
            several = isinstance(field.default, tuple)
            switch = isinstance(field.default, bool)
            parser.add_argument(
                *dict.fromkeys((f"--{field.name}", f"--{field.name.replace('_', '-')}")),
                nargs="+" if several else "?" if switch else 1,
                const=["true"] if switch else None,
                metavar="true|false" if switch else field.metadata["unit"].upper() or "X",
                help=field.metadata["help"],
            )


def _given_settings(arguments: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """Return the settings that the command line names, as `TrainConfig` takes them."""
    given = {}
    for name in names:
        texts = getattr(arguments, name, None)
        if texts is not None:
            values = [_value(text) for text in ([texts] if isinstance(texts, str) else texts)]
            given[name] = values[0] if len(values) == 1 else values
    return given


def _value(text: str) -> Any:
    """Return the number or the truth value that a text stands for, else the text itself."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


# --- intervene -------------------------------------------------------------------------------------------------------


def _declare_intervene(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="folder of a run")
    parser.add_argument("--checkpoint", help="one of its checkpoints (default: the newest)")
    _declare_settings(parser, ("eval_bins", *MEASUREMENT_SETTINGS))
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help=f"all, or some of {', '.join(INTERVENTIONS)} (default: for a sheet with modules, tau and speed changed "
        "and every module compared with what is predicted; else all)",
    )
    _declare_silence(parser)


def _declare_silence(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--silence",
        nargs="+",
        metavar="UNIT",
        help="silence these units: their numbers in units.csv, or ranges like 40-63",
    )


def _planned(names: Sequence[str] | None, units: Sequence[str] | None) -> tuple[list[str], list[int]]:
    """Return the named interventions, none where there are no names, and the units to silence."""
    return choose(names) if names else [], parse_units(units or ())


def _intervene(arguments: argparse.Namespace) -> None:
    wanted, chosen = _planned(arguments.only, arguments.silence)
    run = load_run(arguments.run, arguments.checkpoint)
    config = dataclasses.replace(run.config, **_given_settings(arguments, ("eval_bins", *MEASUREMENT_SETTINGS)))
    subject = Subject(run.network, run.place_cells, config, run.step)
    if not wanted and not chosen and not obstacle(subject):
        _measure_headline(subject, run.folder)
        return
    if not wanted and not chosen:
        wanted = choose(None)
    _measure_interventions(subject, wanted, chosen, run.folder)


def _measure_headline(subject: Subject, folder: RunFolder) -> None:
    stem = folder.path / "interventions" / "headline"
    stem.parent.mkdir(exist_ok=True)
    outcomes: list[ModuleOutcome] = []
    title = f"Modules of {folder.name} after {subject.step} steps of training"
    with tqdm(total=1 + len(HEADLINE), unit="intervention", disable=not sys.stderr.isatty()) as bar:
        for outcome in measure_headline(subject):
            outcomes.append(outcome)
            write_text_atomic(stem.with_suffix(".md"), headline_page(title, outcomes))
            write_text_atomic(stem.with_suffix(".csv"), to_csv(*module_table(outcomes)))
            record = {"run": folder.name, "step": subject.step, "outcomes": headline_record(outcomes)}
            write_json_atomic(stem.with_suffix(".json"), record | {"picture": "interventions/headline.png"})
            bar.set_postfix_str(outcome.name)
            bar.update()
    figure = draw_headline(outcomes, subject.config)
    folder.gallery.mkdir(parents=True, exist_ok=True)
    for path in (stem.with_suffix(".png"), folder.gallery / "interventions.png"):
        save_figure(figure, path)
    print(to_text(*headline_table(outcomes)))
    print(HEADLINE_KEY)
    print(f"Picture: {folder.gallery / 'interventions.png'}   Module by module: {stem}.md .csv .json", file=sys.stderr)
    if any(folder.evaluation.glob("step_*.npz")):
        print(f"Page: {write_report(folder, subject.config)}", file=sys.stderr)


def _measure_interventions(subject: Subject, wanted: Sequence[str], chosen: Sequence[int], folder: RunFolder) -> None:
    if chosen:
        silence(subject, chosen)  # says what is wrong with them before anything is measured
    skipped = obstacles(subject, wanted)
    for name, reason in skipped.items():
        print(f"left out {name}: {reason}", file=sys.stderr)
    names = [name for name in wanted if name not in skipped]
    all_of_them = len(wanted) == len(INTERVENTIONS)
    stem = folder.path / "interventions" / ("table" if all_of_them else "selection")
    stem.parent.mkdir(exist_ok=True)
    outcomes: list[Outcome] = []
    with tqdm(total=1 + len(names) + bool(chosen), unit="intervention", disable=not sys.stderr.isatty()) as bar:
        for outcome in intervene(subject, names, chosen=chosen):
            outcomes.append(outcome)
            # Written after each, so that whoever stops an hour of measuring keeps what there is.
            _write_outcomes(stem, outcomes, skipped, folder.name, subject.step)
            bar.set_postfix_str(outcome.name)
            bar.update(not outcome.hidden)
    save_figure(draw_outcomes(outcomes, subject.config), stem.with_suffix(".png"))
    print(to_text(*key_table(outcomes)))
    for outcome in outcomes:
        if outcome.note:
            print(f"{outcome.name}: {outcome.note}")
    print(key(outcomes))
    print(f"Everything measured: {stem}.csv .json .md .png", file=sys.stderr)


def _write_outcomes(stem: Path, outcomes: Sequence[Outcome], left_out: dict[str, str], name: str, step: int) -> None:
    title = f"Interventions on {name} after {step} steps of training"
    write_text_atomic(stem.with_suffix(".csv"), to_csv(*full_table(outcomes)))
    write_text_atomic(stem.with_suffix(".md"), as_page(title, outcomes, left_out))
    result = {"run": name, "step": step, "outcomes": as_record(outcomes), "left_out": left_out}
    write_json_atomic(stem.with_suffix(".json"), result)


# --- open ------------------------------------------------------------------------------------------------------------


def _declare_open(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="folder of a run, or of an analysis")
    parser.add_argument(
        "--no_browser", "--no-browser", action="store_true", help="only make sure that the page is there, and say where"
    )


def _open(arguments: argparse.Namespace) -> None:
    folder = RunFolder(Path(arguments.run), Path(arguments.run))
    # The page of an analysis was written with settings that its folder does not hold.
    if not folder.report.is_file() or (folder.config_path.is_file() and not is_current(folder)):
        folder = RunFolder.open(arguments.run)
        print(f"Writing {folder.report} ...", file=sys.stderr)
        write_report(folder, TrainConfig.from_json(folder.config_path))
    print(folder.report)
    if not arguments.no_browser and not webbrowser.open(folder.report.resolve().as_uri()):
        print("No browser could be started here; open that file with one.", file=sys.stderr)


# --- compare ---------------------------------------------------------------------------------------------------------


def _declare_compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="folder of a run or of its record, or one that holds some"
    )
    parser.add_argument(
        "--by", nargs="+", default=[], metavar="SETTING",
        help="settings that tell the groups apart, or mode: plain, tau, topoloss (default: all that differ)",
    )  # fmt: skip
    parser.add_argument("--out", default="comparison", metavar="FOLDER", help="where it goes (default: %(default)s)")
    _declare_format(parser)


def _compare(arguments: argparse.Namespace) -> None:
    found = find_runs(arguments.runs)
    notes = [f"{one.path.name} is left out: {one.reason}." for one in found.broken]
    notes += [f"{path.name} is left out: it holds no run." for path in found.empty]
    comparison = compare(found.records, np.random.default_rng(0), by=arguments.by, notes=notes)
    flags = [word for name in ("by",) if getattr(arguments, name) for word in (f"--{name}", *getattr(arguments, name))]
    command = shlex.join(["python", "-m", "topogrid", "compare", *arguments.runs, *flags, "--out", arguments.out])
    paths = write_comparison(comparison, arguments.out, command=command, figure_format=arguments.format)
    for warning in comparison.warnings:
        print(f"Note: {warning}", file=sys.stderr)
    print("\n".join(f"* {sentence}" for sentence in findings(comparison)))
    print(f"\n{to_text(*means_table(comparison))}")
    print(f"Page: {paths['html']}   All: {', '.join(str(path) for path in paths.values())}", file=sys.stderr)


# --- list ------------------------------------------------------------------------------------------------------------


def _declare_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", default="runs", help="folder that holds runs (default: %(default)s)")


def _list(arguments: argparse.Namespace) -> None:
    found = find_runs([arguments.folder])
    if found.records:
        print(to_text(*list_table(found)), end="")
    for path, reason in found.broken:
        print(f"{path.name}: broken, {reason}")
    if not found.records and not found.broken:
        print(f"{arguments.folder} holds no run; python train_grid.py makes one.")


# --- replay ----------------------------------------------------------------------------------------------------------


def _declare_replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dump", help="nonfinite_step_....pt in the folder of a run that stopped on a non-finite loss")


def _replay(arguments: argparse.Namespace) -> None:
    print("\n".join(replay(arguments.dump).lines()))


# --- export ----------------------------------------------------------------------------------------------------------


def _declare_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="folder of a run")
    parser.add_argument("file", help="file to write, *.safetensors; `analyze` opens it again")
    parser.add_argument("--checkpoint", help="one of its checkpoints (default: the newest)")


def _export(arguments: argparse.Namespace) -> None:
    run = load_run(arguments.run, arguments.checkpoint)
    path = export_weights(run, arguments.file)
    print(f"Weights of {run.folder.name} after {run.step} steps, with their settings: {path}")


COMMANDS = {
    "follow": Command("Follow a recorded walk with a trained network.", _declare_follow, _follow),
    "analyze": Command("Measure a run or a checkpoint again and say what it shows.", _declare_analyze, _analyze),
    "open": Command("Open the sheet explorer of a run in a browser.", _declare_open, _open),
    "compare": Command("Compare groups of runs over their seeds.", _declare_compare, _compare),
    "list": Command("List the runs on disk.", _declare_list, _list),
    "intervene": Command("Change one thing at a time and measure everything again.", _declare_intervene, _intervene),
    "export": Command("Write the weights of a run to a safetensors file.", _declare_export, _export),
    "replay": Command("Take a step that was not finite again and say where it goes wrong.", _declare_replay, _replay),
}


if __name__ == "__main__":
    sys.exit(main())
