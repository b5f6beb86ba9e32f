import importlib.util
import io
import json
import logging
import math
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import wandb
from matplotlib.figure import Figure
from PIL import Image

from tests.wandb_records import history, read_offline_run
from topogrid.figures.style import DPI
from topogrid.measures import FIGURES, METRICS, meaning
from topogrid.runs.folder import RunFolder
from topogrid.runs.metrics_log import read_metrics
from topogrid.session import wandb_mirror, wandb_mode
from topogrid.session.tracking import Tracker
from topogrid.session.wandb_mode import TrackingError

CORE = Path(importlib.util.find_spec("wandb").submodule_search_locations[0]) / "bin" / "wandb-core"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    """Start without a key, a mode and the home folder of a person."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NETRC", str(home / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(home / "config"))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("WANDB_X_DISABLE_STATS", "true")
    made: list[Tracker] = []
    begin = Tracker.__init__

    def remember(self, *args, **kwargs):
        begin(self, *args, **kwargs)
        made.append(self)

    monkeypatch.setattr(Tracker, "__init__", remember)
    yield
    for tracker in made:
        tracker.finish(timeout=5)  # what goes on beyond would tear down the session of the next test
    # W&B remembers a key, and the settings of its environment, for the life of its session.
    wandb.teardown()


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path / "runs", "run", tmp_path / "tau_imgs")


def offline_dir(folder: RunFolder) -> Path:
    (found,) = folder.wandb.glob("offline-run-*")
    return found


def a_figure() -> Figure:
    figure = Figure(figsize=(3, 2))
    figure.add_subplot().imshow(np.arange(12.0).reshape(3, 4))
    return figure


def test_refused_mode_makes_no_file(folder):
    with pytest.raises(TrackingError):
        Tracker(folder, {}, mode="online")
    assert not folder.metrics_path.exists()


# --- What is recorded ------------------------------------------------------------------------------------------------


def test_offline_run_reads_back_with_keys_and_pictures(folder, capfd, caplog, tmp_path):
    caplog.set_level(logging.INFO, "topogrid")
    tracker = Tracker(folder, {"steps": 3, "box_size": (2.2, 2.2)}, project="grids", tags=("a",), group="g")
    tracker.log(0, {"train/total_loss": 6.2, "train/position_error_cm": 80.0})
    tracker.log(
        5,
        {"train/total_loss": torch.tensor(6.1), "validation/share_above_0.3": np.float32(0.5)},
        figures={key: a_figure() for key in FIGURES},
        captions={"tau/tau_map": "after five steps"},
    )
    tracker.log(7, {"train/position_error_cm": math.nan})
    tracker.table("validation/units", ["unit", "tau"], [[0, 1.5], [1, 2.5]])
    tracker.summary({"validation/trajectory_error_cm": 5.0})
    lines = tracker.finish()

    assert tracker.notes == []
    ours = [one.getMessage() for one in caplog.records if one.name.startswith("topogrid")]
    assert ours == ["W&B: offline (no API key; `wandb login` makes one)."]
    assert capfd.readouterr() == ("", "")
    rows = read_metrics(folder.metrics_path)
    assert [row["step"] for row in rows] == [0, 5, 7]
    assert rows[1]["train/total_loss"] == pytest.approx(6.1)
    assert math.isnan(rows[2]["train/position_error_cm"])
    assert json.loads(folder.summary_path.read_text()) == {"validation/trajectory_error_cm": 5.0}

    records = read_offline_run(offline_dir(folder))
    run = next(record["run"] for record in records if record["type"] == "run")
    assert (run["project"], run["run_group"], run["tags"], run["job_type"]) == ("grids", "g", ["a"], "train")
    assert run["run_id"] == tracker.run_id
    assert run["config"]["update"]["box_size"] == [2.2, 2.2]
    items = history(records)
    # The table is a row of its own, to which W&B adds the step before it.
    assert [item["step"] for item in items] == [0, 5, 7, 7]
    at_5 = items[1]
    assert at_5["validation/share_above_0.3"] == 0.5
    assert at_5["tau/tau_map.caption"] == "after five steps"
    for key, entry in FIGURES.items():
        for png in (
            offline_dir(folder) / "files" / at_5[f"{key}.path"],
            folder.figures / entry.file,
            folder.gallery / entry.file,
        ):
            assert np.asarray(Image.open(png).convert("RGB")).std() > 10, f"{png} is blank"
    defined = [record["metric"] for record in records if record["type"] == "metric"]
    assert {metric.get("step_metric") for metric in defined if metric.get("name") != "step"} == {"step"}
    assert not any("summary" in metric for metric in defined), "every summary is one number, to sort and sweep by"
    in_sight = {metric["name"] for metric in defined if "name" in metric and not metric["options"].get("hidden")}
    assert {"train/ce_loss", "validation/share_above_0.3", "validation/null_share_above_0.3"} <= in_sight
    assert not any(name.startswith("validation/start/") or name.endswith("_p") for name in in_sight)
    assert len(in_sight) < 80

    text = "\n".join(lines)
    assert f"wandb sync {offline_dir(folder)}" in text
    assert f"wandb leet {offline_dir(folder)}" in text
    assert str(folder.gallery) in text
    assert "missed" not in text
    assert not (tmp_path / "home" / ".cache" / "wandb").exists()
    assert "WANDB_CACHE_DIR" not in os.environ


def test_a_run_without_pictures_names_and_leaves_no_folder_of_them(folder):
    tracker = Tracker(folder, {}, mode="disabled")
    assert folder.gallery.is_dir()
    assert not any("Pictures" in line for line in tracker.finish())
    assert not folder.gallery.exists()
    again = Tracker(folder, {}, mode="disabled", resumed=True)
    again.log(1, {}, {"tau/tau_map": Figure()})
    assert any(str(folder.gallery) in line for line in again.finish())
    assert any(folder.gallery.iterdir())


def test_a_run_goes_on_under_its_id(folder):
    first = Tracker(folder, {}, mode="offline")
    first.log(1, {"train/total_loss": 1.0})
    first.finish()
    second = Tracker(folder, {}, mode="offline", resumed=True)
    second.log(2, {"train/total_loss": 0.5})
    assert second.run_id == first.run_id
    sync = next(line for line in second.finish() if "wandb sync" in line)
    assert sync.count("offline-run-") == len(list(folder.wandb.glob("offline-run-*")))
    assert [row["step"] for row in read_metrics(folder.metrics_path)] == [1, 2]
    assert Tracker(folder, {}, mode="disabled", run_id="other").run_id == "other"


def test_keys_without_a_description_are_refused(folder):
    tracker = Tracker(folder, {}, mode="disabled")
    with pytest.raises(ValueError, match="train/total_loss"):
        tracker.log(1, {"train/totl_loss": 1.0})
    with pytest.raises(ValueError, match="not described"):
        tracker.log(1, figures={"nothing/like/it": a_figure()})
    with pytest.raises(ValueError, match="not described"):
        tracker.summary({"x": 1.0})
    tracker.table("validation/units", ["unit"], [[1]])
    with pytest.raises(ValueError, match="once"):
        tracker.table("validation/units", ["unit"], [[1]])
    assert read_metrics(folder.metrics_path) == []


def test_pdf_is_written_beside_every_png_and_wandb_gets_the_png(folder):
    tracker = Tracker(folder, {}, figure_format="pdf")
    tracker.log(1, figures={"tau/tau_map": a_figure()})
    tracker.finish()
    for place in (folder.figures, folder.gallery):
        assert (place / "tau_map.pdf").read_bytes().startswith(b"%PDF")
        assert np.asarray(Image.open(place / "tau_map.png").convert("RGB")).std() > 10
    assert [row["tau/tau_map.format"] for row in history(read_offline_run(offline_dir(folder)))] == ["png"]


def test_errors_may_be_told_at_any_moment(folder):
    asked = {"validation/error_7.5s_cm": 4.0, "validation/feedback_error_120s_median_cm": 9.0}
    tracker = Tracker(folder, {}, mode="disabled")
    tracker.log(1, asked)
    assert set(asked) <= set(read_metrics(folder.metrics_path)[0])
    assert meaning("validation/error_7.5s_cm") == "Mean decoding error 7.5 s into the long walks, cm."
    assert all(meaning(key) == sentence for key, sentence in METRICS.items())
    for key in ("validation/error_s_cm", "error_2s_cm", "validation/error_2s_mode_cm", "validation/error_2s"):
        assert meaning(key) is None
        with pytest.raises(ValueError, match="not described"):
            tracker.log(2, {key: 1.0})


def test_descriptions_are_sentences_and_files_are_distinct():
    assert all(sentence.endswith(".") and sentence[0].isupper() for sentence in METRICS.values())
    assert len({entry.file for entry in FIGURES.values()}) == len(FIGURES)


def test_disabled_makes_no_wandb_folder(folder):
    tracker = Tracker(folder, {}, mode="disabled")
    tracker.log(1, {"train/total_loss": 1.0})
    assert not any("wandb sync" in line for line in tracker.finish())
    assert not folder.wandb.exists()
    assert len(read_metrics(folder.metrics_path)) == 1


# --- What goes wrong -------------------------------------------------------------------------------------------------


class BrokenRun:
    """A W&B run whose service is in trouble."""

    def __init__(self, directory: Path, log) -> None:
        self.dir = str(directory / "files")
        self.log = log
        self.summary: dict = {}

    def define_metric(self, *args, **kwargs) -> None:
        pass

    def finish(self) -> None:
        pass


def test_wandb_that_raises_is_told_once_counted_and_costs_no_row(folder, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "topogrid")

    def fail(row):
        raise ConnectionResetError("Connection lost")

    monkeypatch.setattr("wandb.init", lambda **kwargs: BrokenRun(folder.wandb, fail))
    monkeypatch.setattr(wandb_mirror, "service_of", lambda wandb: None)
    tracker = Tracker(folder, {}, mode="offline")
    for step in range(5):
        tracker.log(step, {"train/total_loss": 1.0})
    lines = tracker.finish()
    assert len(tracker.notes) == 1
    assert "Connection lost" in tracker.notes[0]
    assert caplog.messages[1:] == tracker.notes
    assert any("missed 5 calls" in line for line in lines)
    assert len(read_metrics(folder.metrics_path)) == 5


def test_wandb_that_hangs_stops_neither_log_nor_finish(folder, monkeypatch):
    monkeypatch.setattr("wandb.init", lambda **kwargs: BrokenRun(folder.wandb, lambda row: threading.Event().wait(8)))
    monkeypatch.setattr(wandb_mirror, "service_of", lambda wandb: None)
    monkeypatch.setattr(wandb_mirror, "MAX_WAITING", 3)
    monkeypatch.setattr(threading.Thread, "join", _short_join(threading.Thread.join))
    tracker = Tracker(folder, {}, mode="offline")
    started = time.monotonic()
    for step in range(20):
        tracker.log(step, {"train/total_loss": 1.0})
    lines = tracker.finish(timeout=0.2)
    assert time.monotonic() - started < 3
    assert any("missed" in line for line in lines)
    assert "behind" in tracker.notes[0]
    assert len(read_metrics(folder.metrics_path)) == 20


def _short_join(join):
    return lambda self, timeout=None: join(self, None if timeout is None else min(timeout, 0.2))


@pytest.mark.skipif(not CORE.exists() or os.name != "posix", reason="needs W&B's service process")
@pytest.mark.parametrize("name", ["SIGKILL", pytest.param("SIGSTOP", marks=pytest.mark.slow)])
def test_real_service_killed_or_frozen(tmp_path, name):
    script = f"""
import os, signal
from topogrid.runs.folder import RunFolder
from topogrid.session import tracking, wandb_mirror
folder = RunFolder.create({str(tmp_path)!r}, "run", {str(tmp_path / "imgs")!r})
tracker = tracking.Tracker(folder, {{}}, mode="offline")
for step in range(3):
    tracker.log(step, {{"train/total_loss": 1.0}})
service = wandb_mirror.service_of(tracker._mirror._wandb)
os.kill(service.pid, signal.{name})
if signal.{name} == signal.SIGKILL:
    service.wait()
for step in range(3, 6):
    tracker.log(step, {{"train/total_loss": 1.0}})
print("\\n".join(tracker.finish(timeout=1)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "missed" in done.stdout
    assert len(read_metrics(tmp_path / "run" / "metrics.jsonl")) == 6


def test_unwritable_wandb_folder_disables_and_says_so(folder):
    folder.wandb.write_text("in the way")
    tracker = Tracker(folder, {}, mode="offline")
    tracker.log(1, {"train/total_loss": 1.0})
    tracker.finish()
    assert tracker.mode.mode == "disabled"
    assert "is a file" in tracker.notes[0]
    assert len(read_metrics(folder.metrics_path)) == 1


def test_wandb_dir_of_the_environment_is_used(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "scratch"))
    tracker = Tracker(folder, {})
    assert any(str(tmp_path / "scratch") in line for line in tracker.finish())
    assert not folder.wandb.exists()


@pytest.mark.parametrize(("failing", "mode"), [({"online"}, "offline"), ({"online", "offline"}, "disabled")])
def test_failing_start_falls_back(folder, monkeypatch, failing, mode):
    def init(**kwargs):
        if kwargs["mode"] in failing:
            raise RuntimeError("no service")
        return BrokenRun(folder.wandb, lambda row: None)

    monkeypatch.setattr("wandb.init", init)
    monkeypatch.setattr(wandb_mode, "_has_key", lambda: True)
    tracker = Tracker(folder, {}, mode="online")
    assert tracker.mode.mode == mode
    assert len(tracker.notes) == len(failing)
    tracker.finish()


@pytest.mark.skipif(not CORE.exists(), reason="needs W&B's service process")
def test_key_without_a_network_ends_offline_under_the_same_id(folder, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(wandb_mirror, "INIT_TIMEOUT", 1)
    tracker = Tracker(folder, {})
    assert tracker.mode.mode == "offline"
    tracker.log(1, {"train/total_loss": 1.0})
    assert any(f"-{tracker.run_id}" in line for line in tracker.finish())
    assert history(read_offline_run(offline_dir(folder)))[0]["train/total_loss"] == 1.0


def test_rows_that_a_full_disk_refused_are_written_later(folder, monkeypatch):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    tracker = Tracker(folder, {}, mode="disabled")
    try:
        tracker.log(1, {"train/total_loss": 1.0})
        resource.setrlimit(resource.RLIMIT_FSIZE, (folder.metrics_path.stat().st_size + 10, before[1]))
        tracker.log(2, {"train/total_loss": 1.0})
        tracker.log(3, {"train/total_loss": 1.0})
        torn = [row["step"] for row in read_metrics(folder.metrics_path)]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, previous)
    assert torn == [1]
    assert len(tracker.notes) == 1
    tracker.log(4, {"train/total_loss": 1.0})
    tracker.finish()
    assert [row["step"] for row in read_metrics(folder.metrics_path)] == [1, 2, 3, 4]


def test_figure_that_cannot_be_drawn_is_a_note(folder):
    figure = a_figure()
    figure.savefig = lambda *args, **kwargs: (_ for _ in ()).throw(ValueError("cannot draw"))
    tracker = Tracker(folder, {}, mode="disabled")
    tracker.log(1, figures={"tau/tau_map": figure})
    assert "cannot draw" in tracker.notes[0]


def test_same_picture_is_the_same_file(folder):
    tracker = Tracker(folder, {}, mode="disabled")
    saved = []
    for step in (1, 2):
        tracker.log(step, figures={"tau/tau_map": a_figure()})
        saved.append((folder.figures / "tau_map.png").read_bytes())
    assert saved[0] == saved[1]
    assert Image.open(io.BytesIO(saved[0])).info["dpi"][0] == pytest.approx(DPI, abs=0.1)


def test_artifact_offline_only_when_asked(folder, tmp_path):
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"weights")
    silent = Tracker(folder, {}, mode="offline")
    silent.artifact(weights)
    silent.finish()
    assert not [r for r in read_offline_run(offline_dir(folder)) if r["type"] == "artifact"]
    other = RunFolder.create(tmp_path / "runs", "run", tmp_path / "tau_imgs")
    asked = Tracker(other, {}, mode="offline", log_artifact=True)
    asked.artifact(weights, aliases=("latest", "best"))
    asked.finish()
    text = json.dumps(read_offline_run(offline_dir(other)))
    assert f"model-{asked.run_id}" in text
    assert "best" in text
