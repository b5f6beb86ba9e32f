"""Settings come back from their file exactly, old names too, and what is no such file is refused in one line."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.settings.command_lines import parse
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.settings.saved import FORMAT, OLD_NAMES, from_mapping, read_settings, to_mapping, write_settings

pytestmark = pytest.mark.usefixtures("desk")


def test_settings_come_back_from_a_file_exactly(tmp_path: Path) -> None:
    config = parse("--tau --tau_max 10.1 --lr 0.1 --pc_width 0.1 0.3 --box_size 2 1 --wandb_tags a --eval_burn_in 7")
    write_settings(config, tmp_path / "config.json")
    assert read_settings(tmp_path / "config.json").config == config


def saved(**changes: Any) -> dict[str, Any]:
    return {"format": FORMAT, **dataclasses.asdict(TrainConfig()), **changes}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "{} is not JSON, wanted a config.json of a run"),
        ("<html></html>", "{} is not JSON, wanted a config.json of a run"),
        (b"\xff\xfe\x00", "{} is not JSON, wanted a config.json of a run"),
        ("[" * 100_000, "{} is not JSON, wanted a config.json of a run"),
        (" " * 1_000_001, "{} is too large for saved settings, wanted a config.json of a run"),
        ("[1, 2]", "{} holds no settings, wanted a config.json of a run"),
        ("{}", "{} is not of format 1, which is the one this version of topogrid reads"),
        (saved(format=2), "{} is not of format 1, which is the one this version of topogrid reads"),
        (saved(colour="red"), "{} has unknown settings 'colour'; it belongs to another version of topogrid"),
        ({"format": 1, "lr": 1}, "{} lacks settings 'DoG, activation, "),
        (saved(steps="5"), "{}: steps must be a whole number, got '5'"),
        (saved(steps=5.0), "{}: steps must be a whole number, got 5.0"),
        (saved(steps=True), "{}: steps must be a whole number, got True"),
        (saved(tau=1), "{}: tau must be true or false, got 1"),
        (saved(lr=None), "{}: lr must be a finite number, got None"),
        (saved(lr=math.nan), "{}: lr must be a finite number, got nan"),
        (saved(lr=10**400), "{}: lr must be a finite number, got 1000"),
        (saved(pc_width=[]), "{}: pc_width must be one or more finite numbers, got []"),
        (saved(pc_width={"a": 1}), "{}: pc_width must be one or more finite numbers, got {'a': 1}"),
        (saved(wandb_tags="abc"), "{}: wandb_tags must be words of printable text, got 'abc'"),
        (saved(name="a\nb"), "{}: name must be printable text, got 'a\\nb'"),
        (saved(n_grid_cells=10), "{}: n_grid_cells must be a square number for a square sheet, got 10;"),
    ],
)
def test_a_file_that_holds_no_settings_is_refused(content: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content if isinstance(content, bytes) else b"")
    if not isinstance(content, bytes):
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(SettingsError) as refused:
        read_settings(path)
    assert str(refused.value).startswith(message.replace("{}", str(path), 1))
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("path", ["absent.json", "."])
def test_a_file_that_cannot_be_read_is_refused(path: str) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read: .*; wanted a config\.json of a run$"):
        read_settings(path)


def test_old_names_are_read_as_the_new_ones() -> None:
    for old, new in OLD_NAMES.items():
        mapping = to_mapping(TrainConfig())
        mapping[old] = mapping.pop(new) + 1
        assert getattr(from_mapping(mapping, "x").config, new) == getattr(TrainConfig(), new) + 1


def test_what_came_later_may_be_missing_and_means_what_was_done_before() -> None:
    whole = to_mapping(TrainConfig())
    later = [field.name for field in dataclasses.fields(TrainConfig) if field.metadata["may_lack"]]
    read = from_mapping({name: value for name, value in whole.items() if name not in later}, "x")
    assert read == (TrainConfig(), frozenset(), ())


def test_unless_strict_what_is_missing_and_unknown_is_listed() -> None:
    mapping = to_mapping(TrainConfig(lr=0.01)) | {"colour": "red"}
    del mapping["steps"]
    read = from_mapping(mapping, "x", strict=False)
    assert (read.lacking, read.unknown) == (frozenset({"steps"}), ("colour",))
    assert (read.config.lr, read.config.steps) == (0.01, TrainConfig().steps)


def test_a_preset_in_a_file_says_where_settings_came_from_and_sets_none() -> None:
    mapping = to_mapping(TrainConfig(preset="smoke"))
    del mapping["readout_every"], mapping["steps"]
    read = from_mapping(mapping | {"preset": "original"}, "x", strict=False).config
    assert (read.preset, read.n_place_cells, read.steps) == ("original", 32, TrainConfig().steps)
