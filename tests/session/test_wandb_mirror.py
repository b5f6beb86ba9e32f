"""Calls to W&B are made in order by a thread of their own, and whatever it does reaches nobody."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest
import wandb

from topogrid.session import wandb_mirror
from topogrid.session.wandb_mirror import Mirror, missed


class Service:
    """A W&B run that notes who calls it with what, and fails where it is told to."""

    def __init__(self, folder: Path, fails: tuple[int, ...] = ()) -> None:
        self.dir, self.url, self.fails = str(folder / "run" / "files"), "https://wandb.example/run", fails
        self.rows: list[dict[str, Any]] = []
        self.defined: dict[str, bool] = {}
        self.threads: set[str] = set()
        self.finished = False

    def define_metric(self, name: str, *, step_metric: str = "", hidden: bool = False) -> None:
        self.threads.add(threading.current_thread().name)
        self.defined[name] = hidden

    def log(self, row: dict[str, Any]) -> None:
        self.threads.add(threading.current_thread().name)
        if row["step"] in self.fails:
            raise ConnectionError(f"no answer to {row['step']}\nat all")
        self.rows.append(row)

    def finish(self) -> None:
        self.finished = True


NAMES = ("train/total_loss", "validation/null_share_gate", "validation/start/share_gate", "validation/error_2s_cm")


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setattr(wandb_mirror, "service_of", lambda wandb: None)
    monkeypatch.setattr(wandb, "teardown", lambda: None)

    def begin(*fails: int, mode: str = "offline", resumed: bool = False) -> tuple[Mirror, Service, dict[str, Any]]:
        service, given = Service(tmp_path, fails), {}
        monkeypatch.setattr(wandb, "init", lambda **arguments: given.update(arguments) or service)
        return Mirror(tmp_path, mode, {"id": "abc", "project": "grids"}, resumed, NAMES), service, given

    return begin


def test_rows_arrive_in_order_from_another_thread_and_finishing_waits_for_them(make: Any) -> None:
    mirror, service, _given = make()
    for step in range(50):
        mirror.submit(lambda step=step: mirror.log(step, {"train/total_loss": 1.0}, {}))
    mirror.finish(10)
    assert [row["step"] for row in service.rows] == list(range(50))
    assert service.threads == {"wandb-mirror"}
    assert service.finished
    assert (mirror.trouble, mirror.n_missed) == (None, 0)
    assert not any("missed" in line for line in mirror.closing_lines())


def test_a_call_that_fails_costs_itself_alone_and_only_the_first_is_told(make: Any) -> None:
    mirror, service, _given = make(1, 3)
    for step in range(5):
        mirror.submit(lambda step=step: mirror.log(step, {}, {}))
    mirror.finish(10)
    assert [row["step"] for row in service.rows] == [0, 2, 4]
    assert mirror.n_missed == 2
    assert "no answer to 1" in mirror.trouble
    assert "\n" not in mirror.trouble
    assert mirror.closing_lines()[-1] == missed(2)


def test_a_service_that_hangs_fills_no_memory(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wandb_mirror, "MAX_WAITING", 4)
    mirror, _service, _given = make()
    goes_on = threading.Event()
    mirror.submit(goes_on.wait)
    for _ in range(30):
        mirror.submit(lambda: None)
    assert mirror._queue.qsize() <= 4
    assert mirror.n_missed >= 25
    assert mirror.trouble == "it is 4 calls behind"
    goes_on.set()
    mirror.finish(10)


def test_few_panels_are_in_sight_and_errors_at_any_moment_are_like_all_others(make: Any) -> None:
    mirror, service, _given = make()
    mirror.finish(10)
    assert service.defined["step"]
    assert not service.defined["*"]
    assert not service.defined["train/total_loss"]
    assert service.defined["validation/start/share_gate"]
    assert "validation/error_2s_cm" not in service.defined


@pytest.mark.parametrize(
    ("mode", "resumed", "resume"),
    [("online", True, "allow"), ("online", False, None), ("offline", True, None)],
)
def test_only_an_online_run_that_goes_on_is_resumed(make: Any, mode: str, resumed: bool, resume: str | None) -> None:
    mirror, _service, given = make(mode=mode, resumed=resumed)
    mirror.finish(10)
    assert (given["mode"], given["resume"], given["id"], given["project"]) == (mode, resume, "abc", "grids")
    lines = mirror.closing_lines()
    assert ("https://wandb.example/run" in lines[0]) is (mode == "online")
    assert ("wandb sync" in lines[0]) is (mode == "offline")


def test_a_run_that_does_not_start_leaves_the_environment_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(wandb, "teardown", lambda: None)
    monkeypatch.delenv("WANDB_CACHE_DIR")
    seen = []

    def init(**_arguments: Any) -> None:
        seen.append(os.environ["WANDB_CACHE_DIR"])
        raise RuntimeError("no service")

    monkeypatch.setattr(wandb, "init", init)
    before, threads = dict(os.environ), set(threading.enumerate())  # of another test one may still be ending
    with pytest.raises(RuntimeError, match="no service"):
        Mirror(tmp_path, "offline", {"id": "abc"}, False, NAMES)
    assert dict(os.environ) == before
    assert seen == [str(tmp_path / "wandb" / "cache-abc")]
    assert not any(thread.name == "wandb-mirror" for thread in set(threading.enumerate()) - threads)
