"""Flags become settings, a resumed run keeps its own, and nothing that cannot be used gets through."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.settings.command_lines import parse
from topogrid.cli.flags import parse_arguments
from topogrid.settings.config import TrainConfig, resume_conflicts
from topogrid.settings.errors import SettingsError
from topogrid.settings.fields import GROUPS
from topogrid.settings.saved import write_settings

pytestmark = pytest.mark.usefixtures("desk")

FIELDS = dataclasses.fields(TrainConfig)
NAMES = [field.name for field in FIELDS]

# Flags that users of the original and of the README know, with a value that has an effect.
KNOWN_FLAGS = """
--tau / --tau --tau_min 2 / --tau --tau_max 20 / --tau --tau_init radial / --tau --learnable_tau / --tau --fixed_tau
--tau --tau_init modules --n_modules 5 / --tau --tau_smoothness_weight 2 / --tau --tau_variance_weight 2 / --topoloss
--steps 7 / --batch_size 8 / --seq_length 10 / --lr 0.01 / --n_place_cells 300 / --n_grid_cells 576 / --weight_decay 0
--activation tanh / --box_size 1.5 / --dt 0.01 / --pc_width 0.2 / --surround_scale 3 / --surround_amplitude 0.5 / --DoG
--no_DoG / --save_dir elsewhere / --save_every 7 / --print_every 7 / --resume auto / --wandb_name mine / --wandb_offline
--seed 7
"""


# Command line


def test_without_flags_the_run_is_the_users_task() -> None:
    parsed = parse_arguments([])
    assert parsed.explicit == frozenset()
    assert parsed.config == TrainConfig()
    assert (parsed.config.n_grid_cells, parsed.config.n_place_cells, parsed.config.box_size) == (4096, 512, (2.2, 2.2))


@pytest.mark.parametrize("line", [line.strip() for line in KNOWN_FLAGS.replace("\n", "/").split("/") if line.strip()])
def test_known_flags_keep_their_names_with_underscores_or_dashes(line: str) -> None:
    flags = [word if word.startswith("--") else f"={word}" for word in line.split()]
    joined = " ".join(flags).replace(" =", "=")
    dashed = " ".join(
        flag.partition("=")[0].replace("_", "-") + "".join(flag.partition("=")[1:]) for flag in joined.split()
    )
    assert parse(line) == parse(joined) == parse(dashed)


@pytest.mark.parametrize("field", FIELDS, ids=NAMES)
def test_help_shows_every_flag_with_its_heading_and_default(
    field: dataclasses.Field[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(["--help"])
    assert ended.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"--{field.name} " in shown
    assert f"{GROUPS[field.metadata['group']]}:" in shown
    assert field.metadata["help"] in shown
    if field.metadata["unit"]:
        assert f"{field.metadata['help']} [{field.metadata['unit']}] (default: " in shown


@pytest.mark.parametrize(
    ("line", "tau"),
    [("--tau", True), *((f"--tau={word}", True) for word in ("true", "True", "1", "yes"))]
    + [(f"--tau={word}", False) for word in ("false", "False", "0", "no")]
    + [("--tau true", True), ("--tau false", False), ("--tau --steps 5", True)],
)
def test_switches_take_a_value_as_sweeps_give_them(line: str, tau: bool) -> None:
    assert parse(line).tau is tau


def test_legacy_switches_set_the_field_they_mean() -> None:
    assert not parse("--no_DoG").DoG
    assert parse("--no_DoG=false").DoG
    assert not parse("--tau --fixed_tau").learnable_tau
    assert parse("--wandb_offline").wandb == "offline"
    assert parse("--wandb offline --wandb_offline").wandb == "offline"
    assert parse("--wandb_offline=false").wandb == "auto"


def test_numbers_and_lists_are_read_as_people_write_them() -> None:
    config = parse("--steps 1e5 --box_size 2.2 1.5 --pc_width 0.09 0.16 0.28 --eval_burn_in 50 --wandb_tags a b")
    assert (config.steps, config.box_size, config.pc_width) == (100_000, (2.2, 1.5), (0.09, 0.16, 0.28))
    assert (config.eval_burn_in, config.wandb_tags) == (50, ("a", "b"))
    assert parse("--box_size 1.5").box_size == (1.5, 1.5)


def test_a_feature_spelled_out_as_off_lets_its_flags_pass() -> None:
    assert parse("--tau=False --tau_max=20 --n_modules=3").tau_max == 20
    assert parse("--topoloss=0 --topoloss_weight=3").describe() == "plain"
    assert parse("--wandb disabled --wandb_name mine").wandb == "disabled"


def test_flags_given_are_told_from_defaults() -> None:
    assert parse_arguments(["--tau", "--fixed_tau", "--steps=1500", "--wandb_offline"]).explicit == {
        "tau",
        "learnable_tau",
        "steps",
        "wandb",
    }


# Resuming


def make_run(name: str, line: str = "--preset smoke") -> Path:
    folder = Path("runs") / name
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "step_00000005.pt").touch()
    write_settings(parse(line), folder / "config.json")
    return folder


def test_a_resumed_run_keeps_its_settings_except_those_given() -> None:
    folder = make_run("mine", "--preset smoke --tau --wiring dense --tau_max 7 --lr 0.01")
    for line in (f"--resume {folder}", f"--resume {folder}/checkpoints/step_00000005.pt", "--resume auto --name mine"):
        parsed = parse_arguments([*line.split(), "--steps", "99", "--device", "cpu"])
        config = parsed.config
        assert (config.tau, config.tau_max, config.lr, config.steps, config.device) == (True, 7, 0.01, 99, "cpu")
        assert (config.save_dir, config.name, config.n_grid_cells) == ("runs", "mine", 64)
        assert Path(config.resume).exists()
        assert {"steps", "device", "resume"} <= parsed.explicit


def test_the_command_that_started_a_run_also_resumes_it() -> None:
    line = "--preset smoke --tau --tau_max 7 --name mine"
    fresh = parse(f"{line} --resume auto")
    assert fresh.resume == "auto"  # where the name is taken, the run is looked at again
    make_run("mine", line)
    assert dataclasses.replace(parse(f"{line} --resume auto"), resume="auto") == fresh


def test_a_moved_run_is_continued_where_it_is_now(tmp_path: Path) -> None:
    moved = make_run("mine").rename(tmp_path / "moved")
    assert (parse(f"--resume {moved}").save_dir, parse(f"--resume {moved}").name) == (str(tmp_path), "moved")


def test_auto_takes_the_newest_run_that_has_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for age, name in enumerate(("newest", "older", "empty")):
        checkpoint = make_run(name) / "checkpoints" / "step_00000005.pt"
        os.utime(checkpoint, (1e9 - age, 1e9 - age))
    (Path("runs") / "empty" / "checkpoints" / "step_00000005.pt").unlink()
    assert parse("--resume auto").name == "newest"


@pytest.mark.parametrize("field", FIELDS, ids=NAMES)
def test_conflicts_are_the_locked_fields_that_differ(field: dataclasses.Field[Any]) -> None:
    other: dict[str, Any] = {
        "n_grid_cells": 576, "tau_min": 2.0, "n_bands": 5, "pc_width": (0.2,), "box_size": (1.0, 1.0),
        "device": "cpu", "eval_burn_in": 3, "wandb_tags": ("a",), "preset": "smoke", "dt": 0.01,
        "surround_amplitude": 0.5, "final_lr_share": 0.5, "lr": 0.1, "tau_levels": (4,), "tau_growth_lr": 0.1,
        "error_seconds": (1.0,), "place_feedback": 0.5, "eval_surrogates": 3, "eval_at_start": False,
        "topoloss_schedule": ("linear",), "head_direction_cells": 12,
        "dropout": 0.1,
    }  # fmt: skip
    value = field.default
    choices = [choice for choice in field.metadata["choices"] if choice != value]
    changed = other.get(field.name, not value if isinstance(value, bool) else (choices or [None])[0])
    if changed is None:
        changed = "other" if isinstance(value, str) else value + 1
    # A wiring, and modules, go with some other settings only.
    beside: dict[str, Any] = {"wiring": {"tau": True, "tau_min": 2.0, "drive": 1.0, "norm": "module"}}.get(
        field.name, {}
    )
    if field.name == "network":
        beside = {"head_direction_cells": 12}
    if field.name == "modules_per_side":
        beside = {"wiring": "learned", "norm": "module"}
    saved_config = TrainConfig(**beside)
    new = dataclasses.replace(saved_config, **{field.name: changed})
    conflicts = resume_conflicts(saved_config, new)
    assert [line.split()[0] for line in conflicts] == ([field.name] if field.metadata["locked"] else [])


# Meaning


def test_derived_settings() -> None:
    config = TrainConfig(n_grid_cells=576, tau=True, topoloss=True, DoG=False)
    assert (config.sheet_side, config.surround, config.describe()) == (24, 0.0, "tau+topoloss")
    assert TrainConfig(box_size=1.5, surround_amplitude=0.5).box_size == (1.5, 1.5)  # type: ignore[arg-type]
    assert TrainConfig(surround_amplitude=0.5).surround == 0.5


# Nothing else gets through

Result = TypeVar("Result")


def attempt(make: Callable[[], Result]) -> tuple[str, Result | None]:
    """Return why it was refused, or what came of it; any other exception ends the test."""
    try:
        return "", make()
    except SettingsError as error:
        return str(error), None


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**18), 10**18),
    st.floats(),
    st.text(max_size=20),
    st.lists(st.floats(), max_size=4),
    st.sampled_from(["cosine", "identity", "modules", "auto", "uniform"]),
)


@given(st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=4))
def test_any_value_is_either_used_or_refused_in_one_line(settings: dict[str, Any]) -> None:
    refusal, config = attempt(lambda: TrainConfig(**settings))
    assert "\n" not in refusal
    assert config is None or TrainConfig(**dataclasses.asdict(config)) == config


WORDS = st.one_of(
    st.sampled_from(
        ["--tau", "--no-DoG", "--fixed_tau", "--resume", "auto", "--pc_width", "--n_grid_cells", "64", "-1"]
    ),
    st.sampled_from([f"--{name}" for name in NAMES]),
    st.sampled_from(["0.5", "1e9", "nan", "-inf", "true", "no", "modules", "--x=1", "-", "", "\n", "4096"]),
    st.text(max_size=8),
)


@given(st.lists(WORDS, max_size=6).filter(lambda words: not any(word.startswith("-h") for word in words)))
def test_any_command_line_is_either_resolved_or_refused_in_one_line(words: list[str]) -> None:
    refusal, parsed = attempt(lambda: parse_arguments(words))
    assert "\n" not in refusal
    assert parsed is None or parsed.explicit <= set(NAMES)


@pytest.mark.parametrize(
    ("signed_start", "tau", "signed"),
    [("auto", False, True), ("auto", True, False), (True, True, True), (False, False, False)],
)
def test_only_units_that_forget_their_start_begin_signed_unless_asked(
    signed_start: bool | str, tau: bool, signed: bool
) -> None:
    assert TrainConfig(signed_start=signed_start, tau=tau).starts_signed is signed


def test_numbers_may_come_from_numpy() -> None:
    given = TrainConfig(seed=np.int64(3), lr=np.float64(0.01), box_size=np.array([2.0, 1.5]), tau=np.bool_(True))
    assert given == TrainConfig(seed=3, lr=0.01, box_size=(2.0, 1.5), tau=True)
