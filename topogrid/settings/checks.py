"""What settings ask of one another; what is at fault is told with the remedy."""

from __future__ import annotations

import math
import re
from pathlib import Path

from topogrid.settings.errors import SettingsError, show
from topogrid.settings.fields import Settings
from topogrid.settings.schedules import last_begin, parse_schedule

_LONGEST_NAME = 100


_LONGEST_FOLDER_NAME = 255  # bytes, the limit of common file systems


# With all of the surround subtracted, fields narrower than this share of the distance between place cells can leave a
# position that no cell codes: both softmaxes round to the same one-hot vector, and their difference to zero.
_NARROWEST_FIELD = 0.25


_SMALLEST_ATTRACTOR, _FASTEST_ATTRACTOR = 8, 2.0  # units a side; steps


_FEWEST_BINS, _FEWEST_DIRECTIONS = 4, 3
_LONGEST_TAG, _LONGEST_WANDB_NAME, _NOT_IN_A_PROJECT = 64, 128, "/\\#?%:"  # of W&B


def check(config: Settings) -> None:
    """Refuse settings that do not go together.

    Raises
    ------
    SettingsError
    """
    _check_texts(config)
    _check_sheet(config)
    _check_network(config)
    _check_wiring(config)
    _check_topography(config)
    _check_tau(config)
    _check_reading(config)
    _check_resting(config)
    _check_place_code(config)
    _check_maps(config)
    _check_wandb(config)


def _check_texts(config: Settings) -> None:
    if config.name and not re.fullmatch(rf"[A-Za-z0-9]([A-Za-z0-9._-]{{0,{_LONGEST_NAME - 2}}}\w)?", config.name, re.A):
        raise SettingsError(
            f"name must be at most {_LONGEST_NAME} letters, digits and any of . _ - inside, got {show(config.name)}"
        )
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", config.device):
        raise SettingsError(f"device must be auto, cpu, cuda, cuda:N or mps, got {show(config.device)}")
    for name in ("save_dir", "gallery_dir"):
        folder = getattr(config, name)
        if not folder or any(len(part.encode()) > _LONGEST_FOLDER_NAME for part in Path(folder).parts):
            raise SettingsError(
                f"{name} must be the path of a folder, no part above {_LONGEST_FOLDER_NAME} bytes, got {show(folder)}"
            )


def _check_sheet(config: Settings) -> None:
    side = config.sheet_side
    if side * side != config.n_grid_cells:
        raise SettingsError(
            f"n_grid_cells must be a square number for a square sheet, got {config.n_grid_cells}; the nearest are "
            f"{side**2} ({side} x {side}) and {(side + 1) ** 2} ({side + 1} x {side + 1})"
        )


def _check_network(config: Settings) -> None:
    """Refuse what an LSTM does not have; settings that only it has need it, and are refused where they are given."""
    if config.network != "lstm":
        return
    for name, off in (("wiring", "dense"), ("tau", False), ("topoloss", False), ("norm", "none"), ("drive", 0.0)):
        if getattr(config, name) != off:
            raise SettingsError(
                f"{name} {getattr(config, name)} is of leaky units and has no effect with network lstm; leave one of "
                "them out"
            )
    for name in ("place_feedback", "training_feedback"):
        if strength := getattr(config, name):
            raise SettingsError(
                f"{name} pulls at the activity of leaky units and has no effect with network lstm, got {strength:g}; "
                "leave one of them out"
            )
    if config.precision == "bf16":
        raise SettingsError("network lstm computes in fp32 alone, got precision bf16; leave one of them out")
    if not config.head_direction_cells:
        raise SettingsError(
            "network lstm is told turns, not directions, and begins from a code of the first one: it needs "
            "head_direction_cells above 0; give --head_direction_cells 12"
        )


def _check_wiring(config: Settings) -> None:
    side, modules = config.sheet_side, config.modules_per_side
    if side % modules:
        fitting = [count for count in range(1, min(side, 16) + 1) if side % count == 0]
        raise SettingsError(
            f"modules_per_side must divide the {side} units along each side of the sheet, got {modules}; "
            f"give one of {show(tuple(fitting))}, or another n_grid_cells"
        )
    if config.norm == "module" and config.activation != "relu":
        raise SettingsError(
            f"norm module divides rectified activity by its norm and goes with activation relu only, got "
            f"{config.activation}; leave one of them out"
        )
    if config.wiring == "dense":
        if modules > 1:
            raise SettingsError(
                f"modules_per_side {modules} needs units connected inside modules; add --wiring attractor, learned or "
                "blocks"
            )
        return
    if config.activation != "relu":
        raise SettingsError(f"wiring {config.wiring} works with activation relu only, got {config.activation}")
    if config.wiring == "learned" and config.norm != "module":
        raise SettingsError("wiring learned compares activity of equal norm and needs norm module; add --norm module")
    if config.wiring == "attractor":
        _check_attractor(config)


def _check_attractor(config: Settings) -> None:
    across = config.sheet_side // config.modules_per_side
    if across < _SMALLEST_ATTRACTOR or across % 2:
        raise SettingsError(
            f"an attractor module needs an even number of units a side, at least {_SMALLEST_ATTRACTOR} (in a smaller "
            f"one the bump sticks to single units and no longer follows movement), got {across}; give fewer "
            "modules_per_side or more n_grid_cells"
        )
    if not config.tau or config.tau_min < _FASTEST_ATTRACTOR:
        got = f"tau_min {config.tau_min:g}" if config.tau else "a plain network, in which tau is 1"
        raise SettingsError(
            f"attractor wiring needs time constants of {_FASTEST_ATTRACTOR:g} steps and more (below, one step "
            f"overshoots where the attractor pulls to, and activity flickers), got {got}; "
            + (f"give --tau_min {_FASTEST_ATTRACTOR:g}" if config.tau else "add --tau")
        )
    if not config.drive > 0:
        raise SettingsError(
            f"attractor wiring needs a drive above 0, without which its units fall silent, got {config.drive:g}; "
            "give --drive 1"
        )


def _check_topography(config: Settings) -> None:
    parts = parse_schedule(config.topoloss_schedule, "topoloss_schedule")
    if not config.topoloss:
        return
    begin = last_begin(parts)
    if begin >= config.steps:
        raise SettingsError(
            f"topoloss_schedule begins its last part after step {begin}, which must be below the {config.steps} steps "
            f"of training, got {show(config.topoloss_schedule)}; shorten the parts or raise steps"
        )
    # Units of different modules are not connected: recurrent weights have a map over each module.
    what, side = "sheet", config.sheet_side
    if config.wiring != "dense" and config.topoloss_on == "recurrent":
        what, side = "module", side // config.modules_per_side
    if config.topoloss_factor > side:
        raise SettingsError(
            f"topoloss_factor must be at most {side}, the side of the {what}, got {config.topoloss_factor}"
        )
    learns = {"recurrent": "learn_recurrent", "input": "learn_movement"}.get(config.topoloss_on)
    if config.wiring == "attractor" and learns and not getattr(config, learns):
        raise SettingsError(
            f"topoloss on {config.topoloss_on} weights has no effect with attractor wiring, which fixes them, got "
            f"topoloss_on {config.topoloss_on}; add --{learns}, or give --topoloss_on readout"
        )
    why = _why_readout_rests(config)
    if why and config.topoloss_on == "readout":
        raise SettingsError(
            f"topoloss on the read-out of learned wiring needs steps in which that learns, got {why}; give "
            "--readout_steps, or --topoloss_on recurrent"
        )


def _check_tau(config: Settings) -> None:
    if config.tau_min > config.tau_max:
        raise SettingsError(
            f"tau_min must not be above tau_max, got {config.tau_min:g} and {config.tau_max:g} steps; "
            "lower tau_min or raise tau_max"
        )
    if config.tau and config.tau_init == "bands" and config.n_bands > config.sheet_side:
        raise SettingsError(f"n_bands must be at most {config.sheet_side}, the rows of the sheet, got {config.n_bands}")
    if config.tau and max(config.tau_levels) > config.sheet_side:
        raise SettingsError(
            f"tau_levels must be at most {config.sheet_side}, the side of the sheet, got {show(config.tau_levels)}"
        )


def _check_reading(config: Settings) -> None:
    """Refuse a loss that would read no step of a walk: it would be the mean over nothing."""
    # A read-out that learns alone has moments of its own.
    if config.wiring != "learned" and config.readout_every > config.seq_length:
        raise SettingsError(
            f"readout_every must be at most {config.seq_length} steps, the length of a walk, got "
            f"{config.readout_every}; lower it or raise seq_length"
        )


def _check_resting(config: Settings) -> None:
    """Refuse what only a read-out would use that never learns, and a gain that is to differ between one module."""
    with_gain = config.wiring in ("attractor", "learned")
    if with_gain and config.movement_gain_ratio != 1 and config.modules_per_side == 1:
        raise SettingsError(
            f"movement_gain_ratio lays gain out over modules and needs modules_per_side above 1, got "
            f"{config.movement_gain_ratio:g} and 1; give more modules or leave it out"
        )
    why = _why_readout_rests(config)
    for name in ("training_feedback", "head_direction_cells"):
        if why and getattr(config, name):
            raise SettingsError(
                f"{name} has no effect without steps in which the read-out of learned wiring learns, got {why}; give "
                f"--readout_steps and more --steps, or leave {name} out"
            )


def _why_readout_rests(config: Settings) -> str:
    """Return why the read-out of learned wiring never learns; empty where it does."""
    if config.wiring != "learned":
        return ""
    if not config.readout_steps:
        return "readout_steps 0"
    return f"{config.steps} steps, of which a quarter is none" if config.steps < _FEWEST_STEPS_WITH_READOUT else ""


_FEWEST_STEPS_WITH_READOUT = 4  # the read-out learns in a quarter of all at most


def _check_place_code(config: Settings) -> None:
    populations, cells = len(config.pc_width), config.n_place_cells
    if cells < 3 * populations:
        raise SettingsError(
            f"n_place_cells must be at least 3 for each place-field width, {3 * populations} in all, got {cells}; "
            "add place cells or give fewer widths"
        )
    if 0 < config.head_direction_cells < _FEWEST_DIRECTIONS:
        raise SettingsError(
            f"head_direction_cells must be 0 or at least {_FEWEST_DIRECTIONS}, which tell all directions apart, "
            f"got {config.head_direction_cells}"
        )
    width, height = config.box_size
    if max(config.pc_width) > min(width, height):
        shorter = f"{min(width, height):g} m, the shorter side of the box"
        raise SettingsError(f"pc_width must be at most {shorter}, got {show(config.pc_width)}")
    narrowest = _NARROWEST_FIELD * math.sqrt(width * height * populations / cells)
    if config.surround > 0 and min(config.pc_width) < narrowest:
        raise SettingsError(
            f"pc_width must be at least {narrowest:.3g} m for {cells // populations} place cells a width in this box, "
            f"got {show(config.pc_width)}; widen the fields, add place cells or turn the surround off with --no_DoG"
        )


def _check_maps(config: Settings) -> None:
    """Refuse rate maps with fewer than `_FEWEST_BINS` bins along a side, too few to measure anything on."""
    shorter, longer = sorted(config.box_size)
    if round(config.eval_bins * shorter / longer) < _FEWEST_BINS:
        raise SettingsError(
            f"eval_bins counts along the longer side, and has to leave {_FEWEST_BINS} along the shorter one: a box of "
            f"{longer:g} m by {shorter:g} m needs {math.ceil(_FEWEST_BINS * longer / shorter)}, got "
            f"{config.eval_bins}; give more eval_bins or a less narrow box"
        )


def _check_wandb(config: Settings) -> None:
    """Refuse what W&B itself would refuse, which would leave a run without its mirror."""
    for tag in config.wandb_tags:
        if not 1 <= len(tag) <= _LONGEST_TAG:
            raise SettingsError(f"wandb_tags must have 1 to {_LONGEST_TAG} letters each, got {show(tag[:80])}")
    for name in ("wandb_project", "wandb_entity", "wandb_name", "wandb_group"):
        value = getattr(config, name)
        if len(value) > _LONGEST_WANDB_NAME:
            raise SettingsError(
                f"{name} must have at most {_LONGEST_WANDB_NAME} letters, got {len(value)}, from {show(value[:40])} on"
            )
    for name in ("wandb_project", "wandb_entity"):
        if set(getattr(config, name)) & set(_NOT_IN_A_PROJECT):
            raise SettingsError(
                f"{name} must not have any of {_NOT_IN_A_PROJECT}, which W&B refuses, got {show(getattr(config, name))}"
            )
