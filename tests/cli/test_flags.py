"""Whatever is wrong on a command line: exit code 2, one line that says how to mend it, and no file made."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import train_grid
from topogrid.settings.config import TrainConfig
from topogrid.settings.saved import write_settings

ROOT = Path(__file__).resolve().parents[2]

BAD_INPUT = [
    # Numbers that are none, or not finite
    ("--steps many", "--steps must be a whole number, got 'many'"),
    ("--steps 10.5", "--steps must be a whole number, got '10.5'"),
    ("--steps 1e400", "--steps must be a whole number, got '1e400'"),
    ("--lr quick", "--lr must be a finite number, got 'quick'"),
    ("--lr nan", "lr must be a finite number, got nan"),
    ("--lr inf", "lr must be a finite number, got inf"),
    ("--weight_decay -inf", "weight_decay must be a finite number, got -inf"),
    ("--pc_width 0.1 nan", "pc_width must be one or more finite numbers, got 0.1 nan"),
    ("--box_size 2.2 inf", "box_size must be one or two finite numbers, got 2.2 inf"),
    ("--box_size 1 2 3", "box_size must be one or two finite numbers, got 1.0 2.0 3.0"),
    ("--tau perhaps", "--tau must be true or false, got 'perhaps'"),
    ("--eval_burn_in soon", "--eval_burn_in must be auto or a whole number, got 'soon'"),
    # Sizes out of range
    ("--steps 0", "steps must be 1 to 1e+15 steps, got 0"),
    ("--steps -5", "steps must be 1 to 1e+15 steps, got -5"),
    ("--batch_size 0", "batch_size must be 1 to 1e+15 walks, got 0"),
    ("--seq_length -1", "seq_length must be 1 to 1e+15 steps, got -1"),
    ("--n_place_cells -512", "n_place_cells must be 1 to 1e+15, got -512"),
    ("--n_grid_cells 0", "n_grid_cells must be 4 to 1e+15, got 0"),
    ("--n_grid_cells -4096", "n_grid_cells must be 4 to 1e+15, got -4096"),
    ("--lr -1e-4", "lr must be above 0 and at most 1, got -0.0001"),
    ("--dt 0", "dt must be 1e-06 to 1 s, got 0.0"),
    ("--dt 20", "dt must be 1e-06 to 1 s, got 20.0"),
    ("--box_size 220", "box_size must be 0.1 to 100 m, got 220.0 220.0"),
    ("--box_size 2.2 -1", "box_size must be 0.1 to 100 m, got 2.2 -1.0"),
    ("--activity_cost -1", "activity_cost must be 0 to 1e+06, got -1.0"),
    ("--final_lr_share 2", "final_lr_share must be 0 to 1, got 2.0"),
    ("--print_every 0", "print_every must be 1 to 1e+15 steps, got 0"),
    ("--keep_checkpoints 0", "keep_checkpoints must be 1 to 1e+15, got 0"),
    ("--save_minutes 0", "save_minutes must be above 0 and at most 1e+06 minutes, got 0.0"),
    ("--seed -1", "seed must be 0 to 9.22337e+18, got -1"),
    ("--eval_bins 1000", "eval_bins must be 5 to 200, got 1000"),
    ("--eval_burn_in -3", "eval_burn_in must be 0 to 1e+06 steps, got -3"),
    ("--surround_scale 1", "surround_scale must be 1.01 to 1000, got 1.0"),
    ("--surround_amplitude 1.5", "surround_amplitude must be 0 to 1, got 1.5"),
    ("--tau --tau_min 0.5", "tau_min must be 1 to 1e+06 steps, got 0.5"),
    # Settings that do not go together
    (
        "--n_grid_cells 4000",
        "n_grid_cells must be a square number for a square sheet, got 4000; "
        "the nearest are 3969 (63 x 63) and 4096 (64 x 64)",
    ),
    (
        "--tau --wiring dense --tau_min 20",
        "tau_min must not be above tau_max, got 20 and 10 steps; lower tau_min or raise tau_max",
    ),
    (
        "--tau --wiring dense --tau_init modules --n_modules 9 --preset smoke",
        "n_bands must be at most 8, the rows of the sheet, got 9",
    ),
    (
        "--topoloss --topoloss_factor 9 --preset smoke",
        "topoloss_factor must be at most 8, the side of the sheet, got 9",
    ),
    (
        "--n_place_cells 8 --pc_width 0.1 0.2 0.3",
        "n_place_cells must be at least 3 for each place-field width, 9 in all, got 8; "
        "add place cells or give fewer widths",
    ),
    ("--box_size 1 --pc_width 1.2", "pc_width must be at most 1 m, the shorter side of the box, got 1.2"),
    (
        "--pc_width 0.01",
        "pc_width must be at least 0.0243 m for 512 place cells a width in this box, got 0.01; "
        "widen the fields, add place cells or turn the surround off with --no_DoG",
    ),
    # Words that are not known
    ("--activation selu", "activation must be one of relu, tanh, got 'selu'; did you mean relu?"),
    (
        "--tau --tau_init gradiant",
        "tau_init must be one of gradient, random, uniform, bands, radial, got 'gradiant'; did you mean gradient?",
    ),
    ("--device gpu", "device must be auto, cpu, cuda, cuda:N or mps, got 'gpu'"),
    ("--device cuda:x", "device must be auto, cpu, cuda, cuda:N or mps, got 'cuda:x'"),
    (
        "--preset labtop",
        "preset must be one of laptop, sheet64, sheet128, dense24, dense64, original, banino, smoke, got 'labtop'; "
        "did you mean laptop?",
    ),
    ("--preset=", "preset must be one of laptop, sheet64, sheet128, dense24, dense64, original, banino, smoke, got ''"),
    ("--name a/b", "name must be at most 100 letters, digits and any of . _ - inside, got 'a/b'"),
    ("--name ..", "name must be at most 100 letters, digits and any of . _ - inside, got '..'"),
    ("--wandb_group \x1b[2J", "--wandb_group must be printable text, got '\\x1b[2J'"),
    ("--resume runs/old\n", "--resume must be printable text, got 'runs/old\\n'"),
    ("--save_dir a\nb", "--save_dir must be printable text, got 'a\\nb'"),
    # Flags that are not known, incomplete or shortened
    ("--stepz 4", "unknown flag '--stepz'; did you mean --steps?"),
    ("--learn 1", "unknown flag '--learn'; did you mean --learn_recurrent?"),
    ("--", "unknown flag '--'; see --help"),
    ("--qqq", "unknown flag '--qqq'; see --help"),
    ("-s 5", "unknown flag '-s'; see --help"),
    ("100000", "'100000' belongs to no flag; settings are given as --name value, see --help"),
    ("--lr", "--lr needs a value; see --help"),
    ("--pc_width --tau", "--pc_width needs a value; see --help"),
    # Flags that would change nothing
    ("--tau_min 2", "--tau_min has no effect without --tau; add that or leave it out"),
    ("--tau-max 20 --topoloss", "--tau_max has no effect without --tau; add that or leave it out"),
    ("--fixed_tau", "--fixed_tau has no effect without --tau; add that or leave it out"),
    (
        "--tau --wiring dense --n_modules 3",
        "--n_bands has no effect without --tau_init bands; add that or leave it out",
    ),
    (
        "--tau --fixed_tau --tau_smoothness_weight 2",
        "--tau_smoothness_weight has no effect with --fixed_tau; leave one of them out",
    ),
    (
        "--tau --tau_variance_weight 0 --tau_diversity variance",
        "--tau_diversity has no effect with --tau_variance_weight 0.0; leave one of them out",
    ),
    ("--topoloss_on input", "--topoloss_on has no effect without --topoloss; add that or leave it out"),
    (
        "--network lstm --tau",
        "tau True is of leaky units and has no effect with network lstm; leave one of them out",
    ),
    ("--network lstm --activation tanh", "--activation has no effect with --network lstm; leave one of them out"),
    ("--lstm_units 5", "--lstm_units has no effect without --network lstm; add that or leave it out"),
    (
        "--preset banino --network leaky",
        "preset banino is of network lstm, got network 'leaky'; leave one of them out, or take another preset",
    ),
    (
        "--head_direction_concentration 5",
        "--head_direction_concentration has no effect without a --head_direction_cells above 0; add that or leave it "
        "out",
    ),
    (
        "--topoloss_schedule linear",
        "--topoloss_schedule has no effect without --topoloss; add that or leave it out",
    ),
    (
        "--topoloss --topoloss_schedule linar:10",
        "topoloss_schedule must be parts (constant, linear or cosine, each alone, as constant:STEPS:SHARE, "
        "linear:STEPS:FROM:TO or cosine:STEPS:FROM:TO), got 'linar:10'; did you mean linear?",
    ),
    ("--no_DoG --surround_scale 3", "--surround_scale has no effect with --no_DoG; leave one of them out"),
    ("--init xavier --input_gain 2", "--input_gain has no effect with --init xavier; leave one of them out"),
    (
        "--preset original --recurrent_noise 0.1",
        "--recurrent_noise has no effect without --init identity; add that or leave it out",
    ),
    (
        "--lr_schedule constant --final_lr_share 0.1",
        "--final_lr_share has no effect with --lr_schedule constant; leave one of them out",
    ),
    # Wirings
    (
        "--tau --n_grid_cells 576 --modules_per_side 5",
        "modules_per_side must divide the 24 units along each side of the sheet, got 5; give one of 1 2 3 4 6 8 12, or "
        "another n_grid_cells",
    ),
    (
        "--tau --wiring attractor --n_grid_cells 1296 --modules_per_side 6",
        "an attractor module needs an even number of units a side, at least 8 (in a smaller one the bump sticks to "
        "single units and no longer follows movement), got 6; give fewer modules_per_side or more n_grid_cells",
    ),
    (
        "--tau --wiring attractor --tau_min 1.5",
        "attractor wiring needs time constants of 2 steps and more (below, one step overshoots where the attractor "
        "pulls to, and activity flickers), got tau_min 1.5; give --tau_min 2",
    ),
    (
        "--wiring attractor",
        "attractor wiring needs time constants of 2 steps and more (below, one step overshoots where the attractor "
        "pulls to, and activity flickers), got a plain network, in which tau is 1; add --tau",
    ),
    (
        "--tau --wiring attractor --drive 0",
        "attractor wiring needs a drive above 0, without which its units fall silent, got 0; give --drive 1",
    ),
    (
        "--norm module --activation tanh",
        "norm module divides rectified activity by its norm and goes with activation relu only, got tanh; leave one of "
        "them out",
    ),
    (
        "--tau --norm none",
        "wiring learned compares activity of equal norm and needs norm module; add --norm module",
    ),
    (
        "--modules_per_side 2",
        "modules_per_side 2 needs units connected inside modules; add --wiring attractor, learned or blocks",
    ),
    (
        "--tau --wiring attractor --topoloss",
        "topoloss on recurrent weights has no effect with attractor wiring, which fixes them, got topoloss_on "
        "recurrent; add --learn_recurrent, or give --topoloss_on readout",
    ),
    (
        "--tau --wiring atractor",
        "wiring must be one of dense, attractor, learned, blocks, got 'atractor'; did you mean attractor?",
    ),
    (
        "--tau --wiring learned --movement_gain 30",
        "--movement_gain has no effect with --wiring learned; leave one of them out",
    ),
    ("--tau --learn_recurrent", "--learn_recurrent has no effect without --wiring attractor; add that or leave it out"),
    ("--isometry_scale tau", "--isometry_scale has no effect without --wiring learned; add that or leave it out"),
    (
        "--tau --wiring attractor --scale_lr false",
        "--scale_lr has no effect with --wiring attractor; leave one of them out",
    ),
    (
        "--preset dense24 --tau --wiring attractor",
        "preset dense24 is of dense wiring, got wiring 'attractor'; leave one of them out, or take another preset",
    ),
    (
        "--tau --wiring attractor --movement_lr_scale 2",
        "--movement_lr_scale has no effect without --learn_movement; add that or leave it out",
    ),
    (
        "--tau --wiring attractor --weight_decay 0.1",
        "--weight_decay has no effect without --learn_recurrent; add that or leave it out",
    ),
    ("--tau --readout_every 2", "--readout_every has no effect without --wiring dense; add that or leave it out"),
    ("--tau --activity_cost 2", "--activity_cost has no effect without --wiring dense; add that or leave it out"),
    # Flags that contradict each other
    (
        "--tau --learnable_tau --fixed_tau",
        "--learnable_tau and --fixed_tau contradict each other; give one of them",
    ),
    ("--DoG --no_DoG", "--DoG and --no_DoG contradict each other; give one of them"),
    ("--wandb online --wandb_offline", "--wandb and --wandb_offline contradict each other; give one of them"),
    ("--steps 5 --steps 6", "--steps is given twice, as 5 and as 6; give it once"),
    # More than the machine has
    (
        "--n_grid_cells 1000000000000",
        "1000000000000 units and a batch of 200 need at least 1.49e+16 GiB of memory, this machine has 16 GiB; "
        "lower n_grid_cells",
    ),
    (
        "--batch_size 1000000",
        "4096 units and a batch of 1000000 need at least 1.03e+03 GiB of memory, this machine has 16 GiB; "
        "lower batch_size, seq_length or n_place_cells",
    ),
    # Folders
    ("--save_dir=", "save_dir must be the path of a folder, no part above 255 bytes, got ''"),
    ("--save_dir file", "save_dir must be a folder, but 'file' is a file; give another path"),
    ("--gallery_dir file/maps", "gallery_dir must be a folder, but 'file' is a file; give another path"),
    ("--save_dir locked/runs", "save_dir cannot be written: no permission in 'locked'; give another path"),
    # Runs to continue
    ("--resume=", "--resume found nothing at ''; give a run folder, a checkpoint or auto"),
    ("--resume runs/none", "--resume found nothing at 'runs/none'; give a run folder, a checkpoint or auto"),
    ("--resume old", "--resume found nothing at 'old'; did you mean runs/old?"),
    ("--resume file", "--resume must be a run folder or a checkpoint inside one, but 'file' is neither"),
    (
        "--resume runs/old/config.json",
        "--resume must be a run folder or a checkpoint inside one, but 'runs/old/config.json' is neither",
    ),
    ("--resume runs", "--resume must be a run folder or a checkpoint inside one, but 'runs' is neither"),
    (
        "--resume runs/spoilt",
        "--resume found no good checkpoint in 'runs/spoilt'; start that run anew without --resume",
    ),
    ("--resume runs/garbled", "runs/garbled/config.json is not JSON, wanted a config.json of a run"),
    (
        "--resume runs/old --n_grid_cells 100 --seed 1",
        "runs/old cannot continue with other settings: seed 0 -> 1; n_grid_cells 64 -> 100; "
        "leave these flags out or start a new run without --resume",
    ),
    (
        "--resume auto --name old --preset laptop",
        "runs/old cannot continue with other settings: preset '' -> 'laptop'; "
        "leave these flags out or start a new run without --resume",
    ),
    (
        "--resume runs/old --name new",
        "--resume continues runs/old, but name is 'new'; leave --name out",
    ),
    (
        "--resume runs/old --save_dir elsewhere",
        "--resume continues runs/old, but save_dir is 'elsewhere'; leave --save_dir out",
    ),
    (
        "--resume runs/old --tau_max 20",
        "runs/old cannot continue with other settings: tau_max 10.0 -> 20.0; "
        "leave these flags out or start a new run without --resume",
    ),
]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a file, a folder that cannot be written, and runs in three states."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setattr("topogrid.settings.machine.machine_memory", lambda: 16 * 2**30)
    # Permissions do not bind root, who may well run the tests.
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "locked" and access(path, mode))
    (tmp_path / "file").touch()
    (tmp_path / "locked").mkdir()
    for name in ("old", "spoilt", "garbled"):
        checkpoints = tmp_path / "runs" / name / "checkpoints"
        checkpoints.mkdir(parents=True)
        write_settings(TrainConfig(n_grid_cells=64, steps=5), checkpoints.parent / "config.json")
        (checkpoints / f"step_00000005.pt{'.corrupt' * (name == 'spoilt')}").touch()
    (tmp_path / "runs/garbled/config.json").write_text("<html>not found</html>")
    return tmp_path


def listing(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


@pytest.mark.parametrize(("line", "message"), BAD_INPUT, ids=[line for line, _ in BAD_INPUT])
def test_bad_input_is_answered_in_one_line(
    line: str, message: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = listing(desk)
    code = train_grid.main(line.split(" "))
    said = capsys.readouterr()
    assert (code, said.out, said.err) == (2, "", f"train_grid.py: {message}\n")
    assert listing(desk) == before


@pytest.mark.parametrize(
    ("world_size", "batch", "message"),
    [
        ("3", "200", "batch_size must split evenly over 3 processes, got 200; give 198 or 201"),
        ("8", "5", "batch_size must split evenly over 8 processes, got 5; give 8"),
        ("two", "200", "WORLD_SIZE in the environment must be a number of processes, got 'two'; unset it"),
        ("0", "200", "WORLD_SIZE in the environment must be a number of processes, got '0'; unset it"),
    ],
)
def test_a_batch_that_does_not_split_is_refused(
    world_size: str,
    batch: str,
    message: str,
    desk: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORLD_SIZE", world_size)
    assert train_grid.main(["--batch_size", batch]) == 2
    assert capsys.readouterr().err == f"train_grid.py: {message}\n"


@pytest.mark.parametrize("line", ["--n_grid_cells 4000", "--resume nothing", "--save_dir shut"])
def test_the_program_itself_exits_2_and_makes_no_file(line: str, tmp_path: Path) -> None:
    (tmp_path / "shut").touch()
    done = subprocess.run(
        [sys.executable, str(ROOT / "train_grid.py"), *line.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("train_grid.py: ")
    assert done.stderr.count("\n") == 1
    assert listing(tmp_path) == [str(tmp_path / "shut")]
