"""The flag beats the environment, and that the key; what W&B would refuse is refused before a run begins."""

import os
import time

import pytest
import wandb

from topogrid.session import wandb_mode
from topogrid.session.wandb_mode import TrackingError, choose_mode, environment, is_run_id, resolve_mode


@pytest.fixture(autouse=True)
def bare_home(monkeypatch, tmp_path):
    """Start without a key, a mode and the home folder of a person."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NETRC", str(home / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(home / "config"))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    yield
    # W&B remembers a key, and the settings of its environment, for the life of its session.
    wandb.teardown()


@pytest.mark.parametrize(
    ("flag", "env", "has_key", "mode", "reason"),
    [
        ("online", "offline", True, "online", "--wandb online"),
        ("offline", "online", True, "offline", "--wandb offline"),
        ("disabled", None, True, "disabled", "--wandb disabled"),
        (None, "disabled", True, "disabled", "WANDB_MODE=disabled"),
        ("auto", "offline", True, "offline", "WANDB_MODE=offline"),
        (None, "dryrun", True, "offline", "WANDB_MODE=dryrun"),
        (None, "run", True, "online", "WANDB_MODE=run"),
        (None, "online", False, "offline", "no API key"),
        (None, None, True, "online", "key"),
        ("auto", None, False, "offline", "no API key"),
        (None, "", False, "offline", "no API key"),
        (None, "bogus", False, "offline", "WANDB_MODE=bogus is not known"),
    ],
)
def test_flag_beats_environment_beats_key(flag, env, has_key, mode, reason):
    chosen = resolve_mode(flag, env, has_key)
    assert chosen.mode == mode
    assert reason in chosen.reason


def test_online_without_a_key_is_refused_with_the_remedy():
    with pytest.raises(TrackingError, match="wandb login"):
        resolve_mode("online", None, has_key=False)
    with pytest.raises(ValueError, match="sometimes"):
        resolve_mode("sometimes", None, has_key=True)


def test_looking_for_a_key_asks_nobody_prints_nothing_and_leaves_the_home_folder_alone(monkeypatch, capfd, tmp_path):
    assert choose_mode(None).mode == "offline"
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    started = time.monotonic()
    assert choose_mode(None).mode == "online"
    assert time.monotonic() - started < 2
    assert capfd.readouterr() == ("", "")
    assert not list((tmp_path / "home").iterdir())
    assert "WANDB_SILENT" not in os.environ


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("WANDB_RUN_ID", "../../x", "WANDB_RUN_ID in the environment must be 1 to 64 letters"),
        ("WANDB_RUN_ID", "x" * 65, "WANDB_RUN_ID in the environment must be 1 to 64 letters"),
        ("WANDB_TAGS", "fine," + "x" * 65, "each of WANDB_TAGS in the environment must have at most 64 letters"),
    ],
)
def test_what_wandb_would_refuse_in_the_environment_is_refused_before(monkeypatch, name, value, said):
    monkeypatch.setenv(name, value)
    for flag in (None, "auto", "offline"):
        with pytest.raises(TrackingError, match=said):
            choose_mode(flag)
    assert choose_mode("disabled").mode == "disabled"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert choose_mode(None).mode == "disabled"


@pytest.mark.parametrize(
    ("flag", "env", "asks"),
    [("offline", None, False), ("disabled", None, False), (None, "dryrun", False), ("auto", "disabled", False),
     ("online", "disabled", True), (None, None, True), (None, "online", True)],
)  # fmt: skip
def test_a_key_is_only_looked_for_where_the_answer_matters(monkeypatch, flag, env, asks):
    looked = []
    monkeypatch.setattr(wandb_mode, "_has_key", lambda: looked.append(1) or True)
    if env is not None:
        monkeypatch.setenv("WANDB_MODE", env)
    choose_mode(flag)
    assert bool(looked) is asks


def test_variables_are_set_for_a_while_and_those_of_a_person_stay(monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "false")

    def fail_on_the_way():
        with environment({"WANDB_SILENT": "true", "WANDB_X": "here"}):
            assert (os.environ["WANDB_SILENT"], os.environ["WANDB_X"]) == ("false", "here")
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        fail_on_the_way()
    assert os.environ["WANDB_SILENT"] == "false"
    assert "WANDB_X" not in os.environ


@pytest.mark.parametrize("text", ["a", "A-b_3", "x" * 64])
def test_ids_of_wandb_are_ids(text):
    assert is_run_id(text)


@pytest.mark.parametrize("text", ["", "x" * 65, "a/b", "..", "a b", "a\n", "\u00e9", None, 3])
def test_what_could_leave_a_folder_is_no_id(text):
    assert not is_run_id(text)
