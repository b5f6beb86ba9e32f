"""What was asked for in Python is resolved as on the command line."""

from pathlib import Path

import pytest

from topogrid.cli.flags import parse_arguments
from topogrid.session.asked import MEANT, as_given, near_miss, resolve
from topogrid.settings.config import KINDS
from topogrid.settings.errors import SettingsError


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORLD_SIZE", raising=False)


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("", {}),
        ("--tau", {"tau": True}),
        ("--preset smoke --tau --steps 7", {"preset": "smoke", "tau": True, "steps": 7}),
        ("--preset laptop --wiring dense --no_DoG", {"preset": "laptop", "wiring": "dense", "DoG": False}),
        ("--tau=false --tau_max 20", {"tau": False, "tau_max": 20.0}),
        ("--wandb disabled --wandb_name x", {"wandb": "disabled", "wandb_name": "x"}),
        ("--resume auto --preset smoke", {"resume": "auto", "preset": "smoke"}),
    ],
)
def test_both_ways_lead_to_the_same_settings(line: str, settings: dict[str, object]) -> None:
    assert resolve(as_given(settings)) == parse_arguments(line.split()).config


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tau_max": 20.0}, "--tau_max has no effect without --tau; add that or leave it out"),
        ({"topoloss": False, "topoloss_on": "input", "preset": "nothing"}, "preset must be one of"),
        ({"hidden_size": 9}, "there is no setting 'hidden_size'; did you mean n_grid_cells?"),
        ({"stepz": 9}, "there is no setting 'stepz'; did you mean steps?"),
        ({"preset": ""}, "preset must be one of"),
        ({"resume": "nowhere"}, "--resume found nothing at 'nowhere'"),
    ],
)
def test_both_ways_refuse_the_same(settings: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        resolve(as_given(settings))
    assert str(refused.value).startswith(said)


def test_hints_lead_to_settings_and_never_hide_one() -> None:
    assert set(MEANT.values()) <= set(KINDS)
    assert set(MEANT).isdisjoint(KINDS)
    assert near_miss("learning_rate", mark="--") == "; did you mean --lr?"
    assert near_miss("fixed_tua", ("fixed_tau",)) == "; did you mean fixed_tau?"
    assert near_miss("zzzzzz") == ""
