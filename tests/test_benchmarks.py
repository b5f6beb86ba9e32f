"""The benchmarks compare like with like, and write what they measured where the documents say."""

import dataclasses
import importlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

import benchmarks.__main__
from benchmarks.__main__ import TABLES, TOPICS, main
from benchmarks.document import check_writable_between, markers
from benchmarks.robustness import reliability
from benchmarks.science import measurement, precision, recipe_search, spacing, time_to_grids
from benchmarks.speed import first_minute, gpu_check, gpu_speed, time_to_bar
from benchmarks.speed.data_time import _numpy_code, numpy_batch
from benchmarks.speed.module_time import step_number
from benchmarks.speed.plain_loop import PlainLoop
from benchmarks.speed.plain_modules import PlainModules
from benchmarks.speed.timing import fresh_state, interleaved, step_flop
from topogrid.cli.flags import parse_arguments
from topogrid.settings.config import TrainConfig
from topogrid.training.batch import make_batch
from topogrid.training.objective import read_steps
from topogrid.training.step import train_step
from topogrid.world.walks import simulate_walks

ROOT = Path(__file__).resolve().parent.parent
CPU = torch.device("cpu")
SMALL = TrainConfig(n_grid_cells=36, n_place_cells=24, pc_width=(0.3,), batch_size=12, seq_length=6, grad_clip=1e6)


# --- what topogrid is compared with


@pytest.mark.parametrize("tau", [False, True])
def test_the_plain_loop_does_the_same_work(tau: bool) -> None:
    config = dataclasses.replace(SMALL, tau=tau, learnable_tau=True)
    state = fresh_state(config, CPU, "fp32")
    loop = PlainLoop(state.network, config)
    batch = make_batch(config, state.place_cells, state.generators["walks"])
    ours = train_step(state, batch, config, measure=True).metrics
    plain = loop.train_step(batch, state.place_cells)
    assert plain["total"] == pytest.approx(float(ours["train/total_loss"]), rel=1e-5)
    assert 100 * plain["error"] == pytest.approx(float(ours["train/position_error_cm"]), rel=1e-4)
    for mine, theirs in ((state.network.units.wiring.weight, loop.w_rec), (state.network.readout, loop.readout)):
        assert mine.grad is not None
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("wiring", ["attractor", "learned"])
def test_the_plain_loop_of_modules_does_the_same_work(wiring: str) -> None:
    config = TrainConfig(preset="smoke", tau=True, wiring=wiring, steps=40, grad_clip=1e6)
    state = fresh_state(config, CPU, "fp32")
    with torch.no_grad():
        state.network.readout.normal_(0, 0.1, generator=torch.Generator().manual_seed(0))
    number = step_number(config)
    loop, moments = PlainModules(state.network, config), read_steps(number, config)
    batch = make_batch(
        config, state.place_cells, state.generators["walks"], step=number, scale=state.length_scale(config)
    )
    state.step = number - 1
    ours = train_step(state, batch, config, measure=True).metrics
    plain = loop.train_step(batch, moments)
    assert plain["total"] == pytest.approx(float(ours["train/total_loss"]), rel=1e-3)
    pairs = [(state.network.encoder, loop.encoder)]
    pairs += [(state.network.units.wiring.weight, loop.w_rec)] if wiring == "learned" else []
    for mine, theirs in pairs:
        assert mine.grad is not None
        assert theirs.grad is not None
        assert float((mine.grad - theirs.grad).norm()) < 0.02 * float(theirs.grad.norm())


def test_the_plain_loop_can_compare_all_states_of_a_batch() -> None:
    config = TrainConfig(preset="smoke", tau=True, wiring="learned", steps=40, isometry_states=20)
    n_states = (config.seq_length + 1) * config.batch_size
    state, number = fresh_state(config, CPU, "fp32"), step_number(config)
    scale = state.length_scale(config)
    batch = make_batch(config, state.place_cells, state.generators["walks"], step=number, scale=scale)

    def terms(states: int, *, all_states: bool) -> dict[str, float]:
        compared = dataclasses.replace(config, isometry_states=states)
        return PlainModules(state.network, compared, all_states=all_states).train_step(batch, [])

    everything, some = terms(config.isometry_states, all_states=True), terms(config.isometry_states, all_states=False)
    assert everything == terms(n_states, all_states=False)
    assert everything["capacity"] == some["capacity"]
    assert everything["isometry"] != some["isometry"]


def test_a_sheet_reaches_the_bar_by_both_share_and_error() -> None:
    fine = time_to_bar.Timed("--preset laptop --tau", 2.0, 1.0, 0.9, 6.0)
    assert fine.reaches
    assert not fine._replace(share=0.5).reaches
    assert not fine._replace(error_cm=20.0).reaches
    assert not fine._replace(error_cm=float("nan")).reaches
    written = time_to_bar.table([fine._replace(original_hours=5.0)])
    assert "150 x" in written
    assert "5.0 h" in written


def test_the_published_tables_are_those_of_their_records() -> None:
    document = ROOT / time_to_bar.DOCUMENT
    written = document.read_text()
    assert gpu_speed.table(gpu_speed.record_path(document)) in written
    record = json.loads(document.with_name("performance_time_to_bar.json").read_text())
    runs = [time_to_bar.Timed(**run) for run in record["runs"]]
    assert time_to_bar.table(runs).strip() in written


def test_a_gpu_takes_nothing_from_what_a_processor_took(tmp_path: Path) -> None:
    document = tmp_path / "speeds.md"
    document.write_text(f"<!-- {time_to_bar.TABLE} -->\n\n<!-- end {time_to_bar.TABLE} -->\n")
    command = time_to_bar.COMMANDS[2]
    slow = time_to_bar.Timed(command, 5.0, 4.0, 0.9, 6.0, "here")
    time_to_bar.keep(document, [slow._replace(original_hours=8.0)])
    time_to_bar.keep(document, [slow._replace(minutes=1.0, machine="there", gpu=True)])
    written = document.read_text()
    assert written.count(command) == 2
    assert "96 x" in written
    assert "8.0 h" in written
    assert "480 x" not in written  # no ratio of two machines
    document.with_name("speeds_time_to_bar.json").unlink()
    time_to_bar.keep(document, [slow._replace(gpu=True)])
    assert "nan" not in document.read_text()


@pytest.mark.slow
def test_a_command_is_timed_to_its_report() -> None:
    run = time_to_bar.timed("--preset smoke --tau --wiring attractor")
    assert 0 < run.training_minutes < run.minutes
    assert 0 <= run.share <= 1


def test_the_numpy_rendering_makes_the_same_code() -> None:
    config = dataclasses.replace(SMALL, even_starts=False)
    state = fresh_state(config, CPU, "fp32")
    centres = state.place_cells.centres.double().numpy()
    start, displacement, code = numpy_batch(config, centres, np.random.default_rng(0))
    assert start.shape == (12, 24)
    assert displacement.shape == (12, 6, 2)
    assert code.shape == (12, 6, 24)
    walks = simulate_walks(500, 20, box_size=(2.2, 2.2), dt=0.02, generator=torch.Generator().manual_seed(0))
    many = dataclasses.replace(config, batch_size=500, seq_length=20)
    moved = numpy_batch(many, centres, np.random.default_rng(1))[1]
    assert np.abs(moved).mean() == pytest.approx(float(walks.displacement.abs().mean()), rel=0.05)
    positions = torch.rand(50, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1

    theirs = _numpy_code(positions.double().numpy()[:, None], centres, config)[:, 0]
    np.testing.assert_allclose(state.place_cells.encode(positions).numpy(), theirs, atol=2e-6)


def test_medians_are_taken_in_turns() -> None:
    order: list[str] = []
    seconds = interleaved({name: lambda name=name: order.append(name) for name in "ab"}, rounds=2, warm_up=1)
    assert order == list("ababab")
    assert set(seconds) == {"a", "b"}


def test_flop_of_the_published_step() -> None:
    """455 GFLOP at 4096 units, as worked out by hand."""
    assert step_flop(TrainConfig(n_grid_cells=4096)) / 1e9 == pytest.approx(453, abs=1)


# --- commands


@pytest.mark.slow
def test_quick_benchmarks_run_and_write_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--only", "step", "batch", "growth", "--into", "nowhere.md"]) == 0
    said = capsys.readouterr().out
    for topic in ("Training step", "One batch", "Growth"):
        assert f"**{topic}**" in said
    assert not Path("nowhere.md").exists()


@pytest.mark.slow
def test_every_topic_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick"]) == 0
    assert capsys.readouterr().out.count("**") == 2 * len(TOPICS)


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py")))
def test_every_benchmark_can_be_imported(name: str) -> None:
    importlib.import_module(f"benchmarks.{name}")


@pytest.mark.parametrize(
    "benchmark",
    [main, measurement.main, precision.main, reliability.main, spacing.main, time_to_bar.main, gpu_check.main],
)
def test_a_document_without_markers_is_refused_before_anything_is_measured(
    benchmark: Callable[[Sequence[str]], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.md").write_text("")
    assert benchmark(["--into", str(tmp_path / "empty.md")]) == 2
    assert capsys.readouterr().err.count("wanted one line <!-- ") == 1


@pytest.mark.parametrize(
    ("document", "name"),
    [
        *((benchmarks.__main__.DOCUMENT, table) for table in TABLES),
        (time_to_bar.DOCUMENT, time_to_bar.TABLE),
        (time_to_bar.DOCUMENT, gpu_speed.TABLE),
        (precision.DOCUMENT, precision.TABLES),
        (measurement.DOCUMENT, measurement.SECTION),
        (spacing.DOCUMENT, spacing.SECTION),
        (recipe_search.DOCUMENT, recipe_search.MARKER),
        *((reliability.DOCUMENT, f"measured {part}") for part in reliability.PARTS),
    ],
)
def test_published_documents_have_their_markers(document: Path, name: str) -> None:
    assert check_writable_between(ROOT / document, name) is None
    assert markers(name) == (f"<!-- {name} -->", f"<!-- end {name} -->")


def test_the_gpu_check_runs_where_there_is_no_gpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = tmp_path / "speeds.md"
    document.write_text("before\n\n<!-- gpu -->\n\n<!-- end gpu -->\n")
    there = ["--into", str(document)]
    assert gpu_check.main(["--device", "cpu", "--units", "36", "--steps", "2", "--no_modules", *there]) == 0
    said = capsys.readouterr().out
    record = json.loads(gpu_speed.record_path(document).read_text())
    assert [(row["sheet"], row["way"]) for row in record["rows"]] == [
        ("36 units, dense", "one by one"),
        ("36 units, dense, --tau", "one by one"),
    ]
    assert all(row["steps_per_second"] > 0 and 0 < row["limit_seconds"] < 1 for row in record["rows"])
    assert record["timed_steps"] == 2
    assert len(record["checks"]) == 4
    assert gpu_speed.table(gpu_speed.record_path(document)) in document.read_text()
    assert "cpu in fp32 agrees with the CPU in fp32: loss 0.0e+00, gradient 0.0e+00" in said
    for wiring in ("blocks", "attractor", "learned"):
        assert f"cpu, {wiring}, agrees with the CPU: loss 0.0e+00, gradient 0.0e+00" in said
    assert gpu_check.main(["--device", "cuda:99"]) == 2


# --- precision


def test_precision_runs_are_real_command_lines() -> None:
    run = precision.wanted_run("bf16", 2, 1500, quick=False)
    config = parse_arguments(list(run.flags)).config
    assert (config.precision, config.seed, config.steps, config.n_grid_cells) == ("bf16", 2, 1500, 576)


@pytest.mark.parametrize(("offset", "within"), [(0.1, "yes"), (30.0, "no")])
def test_bf16_is_judged_by_the_spread_of_fp32_seeds(offset: float, within: str) -> None:
    keys = [measure.key for measure in precision.MEASURES]
    results = {("fp32", seed): dict.fromkeys(keys, 10.0 + seed) for seed in range(3)}
    results |= {("bf16", seed): dict.fromkeys(keys, 10.0 + seed + offset) for seed in range(3)}
    columns, rows = precision.table(results)
    assert {len(row) for row in rows} == {len(columns)}
    assert {row[-1] for row in rows} == {within}


# --- time to grids


def rows_of_a_run() -> list[dict[str, float]]:
    """Return a run of 40 minutes that was interrupted for an hour after its second evaluation."""

    def evaluated(step: int, time: float, error: float, share: float) -> dict[str, float]:
        shares = dict.fromkeys(time_to_grids.SHARES, share)
        return {"step": step, "time": time, "perf/eval_seconds": 60.0, time_to_grids.ERROR: error, **shares}

    def trained(step: int, time: float) -> dict[str, float]:
        return {"step": step, "time": time, "perf/step_ms": 1000.0}

    return [
        evaluated(0, 60, 80, 0.0),
        trained(600, 660),
        evaluated(600, 720, 9, 0.5),
        trained(1200, 720 + 3600 + 600),
        evaluated(1200, 720 + 3600 + 660, 8, 0.42),
        trained(1800, 720 + 3600 + 1260),
        evaluated(1800, 720 + 3600 + 1320, 7, 0.4),
    ]


def test_a_network_works_once_error_and_shares_are_there() -> None:
    evaluated = time_to_grids.moments(rows_of_a_run())
    assert [moment.minutes for moment in evaluated] == pytest.approx([1, 12, 23, 34])
    last = evaluated[-1].row
    assert time_to_grids.first_working(evaluated, last, error_cm=10, points=5) is evaluated[2]
    assert time_to_grids.first_working(evaluated, last, error_cm=10, points=20) is evaluated[1]
    assert time_to_grids.first_working(evaluated, last, error_cm=5, points=20) is None


def test_time_to_grids_reads_published_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = ROOT / "tau_imgs" / "dense64-plain" / "record"
    assert time_to_grids.main([str(record)]) == 0
    assert capsys.readouterr().out.count("works") == 1
    assert time_to_grids.main([str(tmp_path)]) == 2
    (tmp_path / "metrics.jsonl").write_text(json.dumps({"step": 1}) + "\n")
    assert time_to_grids.main([str(tmp_path)]) == 2
    assert "have no time" in capsys.readouterr().err


# --- the first minutes


def test_the_first_minute_of_a_command_is_told_as_a_user_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "import time, pathlib; print('first'); time.sleep(0.3); print('will take about 3 minutes, 5%|##', flush=True)\n"
        "time.sleep(0.3); pathlib.Path('a.png').touch(); time.sleep(60)",
        encoding="utf-8",
    )
    monkeypatch.setattr(first_minute, "_argv", lambda _command: [sys.executable, str(script)])
    seen = first_minute.watch("topogrid train", limit=20)
    assert seen.line is not None
    assert seen.progress is not None
    assert seen.picture is not None
    assert 0 < seen.line <= seen.progress <= seen.picture < 20
    assert seen.estimate == seen.progress
    assert seen.end is None
    assert seen.cells()[-1] == "stopped"
    script.write_text("print('done')", encoding="utf-8")
    over = first_minute.watch("topogrid train", limit=20)
    assert over.end is not None
    assert over.cells()[2:5] == ["-", "-", "-"]


def test_the_commands_that_are_timed_are_those_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in first_minute.COMMANDS[:4]:
        assert command in readme
