"""Numbers gone wrong: training stops before they reach a weight, and the step can be taken again, bit for bit."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

import train_grid
from topogrid.cli.main import main as topogrid_main
from topogrid.runs.checkpoints import find_checkpoint, load_checkpoint, save_state
from topogrid.runs.errors import CheckpointError
from topogrid.runs.metrics_log import read_metrics
from topogrid.session import run as session
from topogrid.session.failures import LossWatch, load_dump, replay
from topogrid.training import step as training
from topogrid.training.objective import Batch

FLAGS = [
    "--preset",
    "smoke",
    "--precision",
    "fp32",
    "--device",
    "cpu",
    "--wandb",
    "disabled",
    "--n_grid_cells",
    "16",
    "--wiring",
    "dense",
]
SMALL = ["--eval_walks", "2", "--long_walks", "2", "--long_seconds", "0.1", "--eval_bins", "6"]


def run(folder: Path, *more: str, tau: bool = True) -> int:
    more = (*more, "--tau") if tau else more
    places = ["--save_dir", str(folder / "runs"), "--gallery_dir", str(folder / "imgs"), "--name", "a"]
    return train_grid.main([*FLAGS, *SMALL, *places, *more])


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "draw_evaluation", lambda *args, **kwargs: {})
    monkeypatch.setattr(session.WatchedPictures, "of_step", lambda self, step, row, tau: {})


class Spoiler:
    """Makes the batch of one step overflow, whenever it is drawn, and remembers what training saw there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, bad_step: int) -> None:
        self.seen: dict[str, Any] = {}
        honest_batch, honest_step = training.make_batch, training.train_step
        calls: dict[bytes, int] = {}

        def make_batch(
            config: Any,
            place_cells: Any,
            generator: torch.Generator,
            share: slice = slice(None),
            *,
            step: int = 1,
            **options: Any,
        ) -> Batch:
            # A batch is spoilt by where the generator stands, so that drawing it again spoils it again.
            number = calls.setdefault(generator.get_state().numpy().tobytes(), len(calls) + 1)
            batch = honest_batch(config, place_cells, generator, share, **options)
            return batch._replace(displacement=1e38 * batch.displacement) if number == bad_step else batch

        def train_step(state: Any, batch: Batch, config: Any, **options: Any) -> Any:
            if state.step + 1 == bad_step:
                weights = {name: value.clone() for name, value in state.network.state_dict().items()}
                self.seen = {"batch": Batch(*(value.clone() for value in batch)), "weights": weights}
            return honest_step(state, batch, config, **options)

        monkeypatch.setattr(training, "make_batch", make_batch)
        monkeypatch.setattr("topogrid.session.failures.make_batch", make_batch)
        monkeypatch.setattr(training, "train_step", train_step)


@pytest.mark.parametrize(("bad_step", "print_every"), [(1, 1), (5, 4), (8, 4), (11, 100)])
def test_the_dump_holds_the_first_bad_step_whenever_somebody_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bad_step: int, print_every: int
) -> None:
    spoiler = Spoiler(monkeypatch, bad_step)
    flags = ("--steps", "40", "--print_every", str(print_every), "--save_every", "3", "--eval_every", "20")
    assert run(tmp_path, *flags) == 3
    said = capsys.readouterr().err
    folder = tmp_path / "runs" / "a"
    (path,) = folder.glob("nonfinite_*.pt")
    assert path.name == f"nonfinite_step_{bad_step:08d}.pt"
    assert f"topogrid replay {path}" in said
    dump = load_dump(path)
    assert dump.step == bad_step
    for name, value in spoiler.seen["weights"].items():
        assert torch.equal(dump.network.state_dict()[name], value), name
    for name, value in spoiler.seen["batch"]._asdict().items():
        assert torch.equal(getattr(dump.batch, name), value), name
    saved = find_checkpoint(folder).state
    assert saved["step"] == (bad_step - 1) // 3 * 3
    assert all(torch.isfinite(value).all() for value in saved["network"].values())


def test_replay_says_where_it_went_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Spoiler(monkeypatch, 3)
    assert run(tmp_path, "--steps", "10") == 3
    (path,) = (tmp_path / "runs" / "a").glob("nonfinite_*.pt")
    monkeypatch.undo()
    capsys.readouterr()
    assert topogrid_main(["replay", str(path)]) == 0
    said = capsys.readouterr().out
    again = replay(path)
    assert again.first_bad is not None
    assert f"First not finite: {again.first_bad.name}" in said
    names = [quantity.name for quantity in again.quantities]
    assert names.index("weights encoder") < names.index("batch displacement") < names.index("activity")
    assert names.index("logits") < names.index("train/total_loss") < names.index("gradient units.wiring.weight")
    fine = {quantity.name for quantity in again.quantities if not quantity.n_bad}
    assert {"weights units.wiring.weight", "batch displacement"} <= fine
    assert "step 1 of the walk" in again.first_bad.detail or again.first_bad.name.startswith("train/")


def test_a_run_that_really_diverges_can_be_replayed_and_goes_on_from_the_last_good_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wild = ("--lr", "1", "--scale_lr=false", "--warmup_steps", "0", "--grad_clip", "0", "--seq_length", "60")
    code = run(
        tmp_path, *wild, "--steps", "100", "--print_every", "50", "--eval_every", "100", "--save_every", "7", tau=False
    )
    assert code == 3
    folder = tmp_path / "runs" / "a"
    (path,) = folder.glob("nonfinite_*.pt")
    assert replay(path).first_bad is not None
    good = find_checkpoint(folder).state["step"]
    assert good < load_dump(path).step
    assert train_grid.main(["--resume", str(folder), "--lr", "1e-6", "--steps", str(good + 3)]) == 0
    steps = [row["step"] for row in read_metrics(folder / "metrics.jsonl")]
    assert steps == sorted(steps)
    capsys.readouterr()


def test_weights_that_are_not_finite_are_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = training.train_step

    def overflow(state: Any, batch: Batch, config: Any, **options: Any) -> Any:
        record = honest(state, batch, config, **options)
        if state.step == 4:
            with torch.no_grad():
                state.network.units.wiring.weight[0, 0] = math.inf
        return record

    monkeypatch.setattr(training, "train_step", overflow)
    assert run(tmp_path, "--steps", "8", "--save_every", "2") == 3
    assert "step 4 is not saved: its weights are not finite" in capsys.readouterr().err
    folder = tmp_path / "runs" / "a"
    assert find_checkpoint(folder).state["step"] == 2
    monkeypatch.undo()
    (path,) = folder.glob("nonfinite_*.pt")
    first = replay(path).first_bad
    assert first is not None
    assert (first.name, first.n_bad) == ("weights units.wiring.weight", 1)


def test_a_dump_that_the_disk_does_not_take_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Spoiler(monkeypatch, 2)

    def refuse(*arguments: Any) -> None:
        raise CheckpointError("it could not be saved: disk full")

    monkeypatch.setattr("topogrid.session.failures.save_state", refuse)
    assert run(tmp_path, "--steps", "10") == 3
    assert "disk full" in capsys.readouterr().err


# --- Exploding loss


def test_an_exploding_loss_is_told_once() -> None:
    watch = LossWatch()
    said = [watch.news(step, 2.0 + 0.01 * step) for step in range(20)]
    said += [watch.news(20, 9.0), watch.news(21, 30.0), watch.news(22, math.nan)]
    assert [bool(sentence) for sentence in said] == [False] * 21 + [True, False]
    assert "30 at step 21" in said[21]


@pytest.mark.parametrize("usual", [-3.0, 0.5, 100.0])
def test_what_counts_is_the_rise_over_the_usual_size(usual: float) -> None:
    watch = LossWatch([usual] * 10)
    assert not watch.news(1, usual + 3.9 * abs(usual))
    assert watch.news(2, usual + 4.1 * abs(usual))


def test_without_a_usual_loss_nothing_explodes() -> None:
    watch = LossWatch([1.0] * 9)
    assert not watch.news(1, 1e9)
    assert LossWatch([1.0] * 10).news(1, 1e9)


def test_a_new_phase_is_told_and_is_no_explosion() -> None:
    watch = LossWatch([0.3] * 20, "growth")
    assert watch.news(40, 0.3, "growth") == ""
    assert "another one" in watch.news(41, 6.4, "all")
    assert [watch.news(step, 6.4, "all") for step in range(42, 60)] == [""] * 18
    assert "explodes" in watch.news(60, 60.0, "all")


def test_walks_of_another_length_are_told_once_and_are_no_explosion() -> None:
    watch = LossWatch([0.04] * 20, "modules", 20)
    assert watch.news(40, 0.04, "modules", 20) == ""
    assert "walks of 60 steps" in watch.news(41, 0.4, "modules", 60)
    assert [watch.news(step, 0.4, "modules", 60) for step in range(42, 60)] == [""] * 18
    assert "read-out" in watch.news(60, 3.0, "readout", 200)


def test_an_explosion_reaches_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = training.objective

    def explode(*arguments: Any) -> Any:
        terms = honest(*arguments)
        terms["train/total_loss"] = terms["train/total_loss"] * (1000 if explode.calls == 15 else 1)
        explode.calls += 1
        return terms

    explode.calls = 1  # type: ignore[attr-defined]
    monkeypatch.setattr(training, "objective", explode)
    assert run(tmp_path, "--steps", "20") == 0
    said = capsys.readouterr().err
    assert said.count("the loss explodes") == 1
    assert "at step 15," in said
    assert "the loss explodes" in (tmp_path / "runs" / "a" / "log.txt").read_text()


# --- Dumps that are none


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dump")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(session, "draw_evaluation", lambda *args, **kwargs: {})
        Spoiler(monkeypatch, 2)
        assert run(folder, "--steps", "4") == 3
    (path,) = (folder / "runs" / "a").glob("nonfinite_*.pt")
    return path


def _change(*where: str, to: Any) -> Any:
    def change(state: dict[str, Any]) -> None:
        for name in where[:-1]:
            state = state[name]
        state[where[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_change("format", to=2), "is no dump of a failed step"),
        (_change("config", to="all"), "is no dump of a failed step"),
        (_change("config", "n_grid_cells", to=10**12), r"needs at least 3\.73e\+15 GiB of memory"),
        (_change("config", "lr", to=-1.0), "lr must be above 0"),
        (_change("config", "color", to="red"), "is of another version of topogrid, or damaged"),
        (_change("network", to=[1]), "holds a list where the weights should be"),
        (_change("network", "encoder", to=torch.zeros(4, 4)), "must be"),
        (_change("network", "units.wiring.weight", to=torch.zeros(1).expand(16, 16)), "claims to be"),
        (_change("place_centres", to=torch.zeros(3, 2)), "place_centres in .* must be"),
        (_change("precision", to="fp8"), "precision in .* must be fp32 or bf16, got fp8"),
        (_change("batch", to={}), "lacks the batch"),
        (_change("batch", "position", to=torch.zeros(2, 2)), "position in .* must be"),
        (_change("batch", "code", to="much"), "must be a tensor of floats, got str"),
        (_change("step", to="third"), "step in .* must be a whole number"),
    ],
)
def test_a_dump_that_does_not_fit_together_is_refused(
    dump: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Any, message: str
) -> None:
    state = load_checkpoint(dump)
    change(state)
    path = tmp_path / "dump.pt"
    save_state(path, state)
    with pytest.raises((CheckpointError, ValueError), match=message):
        load_dump(path)
    assert topogrid_main(["replay", str(path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
