import json
import math
import os
from pathlib import Path

import pytest

from topogrid.measures import METRICS, OLD_METRICS, current_metrics
from topogrid.runs.metrics_log import MetricsFile, read_metrics, truncate_metrics


def names(path: Path) -> list[str]:
    return sorted(inside.name for inside in path.iterdir())


def test_rows_read_back_and_a_torn_last_line_is_ignored_then_removed(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert read_metrics(path) == []
    file = MetricsFile(path)
    file.append({"step": 1, "x": 0.5})
    file.append({"step": 2, "x": math.nan})
    file.close()
    with path.open("a") as torn:
        torn.write('{"step": 3, "x"')
    assert [row["step"] for row in read_metrics(path)] == [1, 2]
    assert math.isnan(read_metrics(path)[1]["x"])
    again = MetricsFile(path)
    again.append({"step": 3})
    again.close()
    again.close()  # as a run does that finishes before it leaves
    assert [row["step"] for row in read_metrics(path)] == [1, 2, 3]


def test_truncating_leaves_no_gap_and_no_double(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"step": step}) + "\n" for step in range(1, 6)) + '{"st')
    assert truncate_metrics(path, 3) == 3
    assert [row["step"] for row in read_metrics(path)] == [1, 2, 3]
    assert truncate_metrics(path, 3) == 0
    assert truncate_metrics(tmp_path / "none", 3) == 0
    assert names(tmp_path) == ["metrics.jsonl"]


def test_a_broken_line_inside_is_named(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n<html>\n{"step": 2}\n')
    with pytest.raises(ValueError, match="line 2"):
        read_metrics(path)


def test_numbers_that_an_older_version_wrote_come_by_their_new_names(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 4, "validation/n_modules": 2, "validation/start/lattices/module_ratio": null}\n')
    (row,) = read_metrics(path)
    assert set(row) == {"step", "validation/n_scale_clusters", "validation/start/lattices/scale_cluster_ratio"}
    assert row["validation/n_scale_clusters"] == 2
    assert current_metrics(row) == pytest.approx(row, nan_ok=True)


def test_old_names_are_gone_and_new_ones_described():
    assert {f"validation/lattices/{name}" for name in OLD_METRICS.values()} <= set(METRICS)
    assert not {f"validation/{name}" for name in OLD_METRICS} & set(METRICS)


# --- Files that somebody else made ------------------------------------------------------------------------------------

NO_ROWS = {
    "a number of words": b'{"step": 2, "loss": "x"}\n',
    "a step of words": b'{"step": "x"}\n',
    "a step of a list": b'{"step": [1]}\n',
    "a step without end": b'{"step": Infinity}\n',
    "a step below 0": b'{"step": -1}\n',
    "a step of truth": b'{"step": true}\n',
    "a huge number": b'{"step": 2, "loss": 1' + b"0" * 400 + b"}\n",
    "a list": b"[1]\n",
    "nested": b"[" * 20_000 + b"\n",
    "no end": b"x" * 3_000_000 + b"\n",
}


@pytest.mark.parametrize("kind", NO_ROWS)
def test_what_is_no_row_is_told_and_dropped_when_a_run_goes_on(tmp_path, kind):
    path = tmp_path / "metrics.jsonl"
    good = b'{"step": 1, "loss": 1.5}\n'
    path.write_bytes(good + NO_ROWS[kind] + good)
    with pytest.raises(ValueError, match="line 2 is not a row of metrics"):
        read_metrics(path)
    assert truncate_metrics(path, 5) >= 1
    assert path.read_bytes() == 2 * good


@pytest.mark.parametrize("kind", ["pipe", "device", "link"])
def test_rows_are_written_to_no_pipe_device_or_link(tmp_path, kind):
    path = tmp_path / "metrics.jsonl"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        (tmp_path / "outside").write_text('{"step": 1}\n')
        path.symlink_to("/dev/zero" if kind == "device" else tmp_path / "outside")
    with pytest.raises(OSError, match="in place of a regular file"):
        MetricsFile(path)
    assert kind != "link" or (tmp_path / "outside").read_text() == '{"step": 1}\n'
