"""Whoever stops keeps what there is, and every question has files of its own."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tests.changed_networks import BY_MODULE
from tests.saved_runs import DATA, KEPT_VERSION
from topogrid.cli.main import main as topogrid_main
from topogrid.interventions.catalogue import INTERVENTIONS
from topogrid.interventions.condition import Condition
from topogrid.interventions.files import _stem, measure_table_into
from topogrid.interventions.run import BASELINE, HIDDEN
from topogrid.measures import METRICS
from topogrid.runs.folder import RunFolder

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of a small finished run."""
    return Path(shutil.copytree(DATA / KEPT_VERSION / "dense", tmp_path_factory.mktemp("runs") / "a"))


def test_the_command_writes_one_complete_table(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert topogrid_main(["intervene", str(run)]) == 0
    said = capsys.readouterr().out
    wanted = [BASELINE]
    for name in (name for name in INTERVENTIONS if name not in BY_MODULE):
        wanted += [name, f"{name}{HIDDEN}"] if name.startswith("silence") else [name]
    folder = run / "interventions"
    with (folder / "table.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["intervention"] for row in table] == wanted
    measures = {name for name in table[0] if "/" in name}
    both_views = {name.replace("validation/start/", "validation/") for name in measures}
    assert {"validation/share_gate", "validation/null_share_gate", "validation/trajectory_error_cm"} <= both_views
    assert {name for name in measures if not name.startswith("paired/")} <= set(METRICS)
    record = json.loads((folder / "table.json").read_text(), parse_constant=pytest.fail)  # no NaN in JSON
    assert [one["name"] for one in record["outcomes"]] == wanted
    assert record["outcomes"][0]["measures"]["paired/map_correlation"] == pytest.approx(1)
    hidden = {one["name"]: one["compare_with"] for one in record["outcomes"]}
    assert hidden["silence_slow"] == f"silence_slow{HIDDEN}"
    assert hidden["tau_x2"] == BASELINE
    page = (folder / "table.md").read_text()
    assert all(f"| {name} " in page and f"`{name}`" in page and f"\n{name} " in f"\n{said}" for name in wanted)
    assert np.asarray(Image.open(folder / "table.png").convert("L"), dtype=float).std() > 3


def test_every_question_has_files_of_its_own(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("topogrid.interventions.files.draw_outcomes", lambda *_: Figure())
    folder = run / "interventions"
    asked = ["intervene", str(run), "--only", "no_recurrence", "--eval_walks"]
    assert topogrid_main([*asked, "4"]) == 0
    kept = (folder / "no_recurrence.npz").read_bytes()
    with (folder / "no_recurrence.csv").open() as file:
        assert [row["intervention"] for row in csv.DictReader(file)] == [BASELINE, "no_recurrence"]
    assert topogrid_main([*asked, "5"]) == 0
    assert topogrid_main(["intervene", str(run), "--only", "tau_x1.1", "--eval_walks", "4"]) == 0
    assert topogrid_main([*asked, "4"]) == 0
    assert (folder / "no_recurrence.npz").read_bytes() == kept
    found = {path.stem for path in folder.glob("*.json")}
    assert {"no_recurrence", "no_recurrence-2", "tau_x1.1"} <= found
    assert "no_recurrence-3" not in found
    with np.load(folder / "tau_x1.1.npz") as arrays:
        ratio = arrays["tau_x1.1/tau_after"] / arrays["tau_x1.1/tau_before"]
        assert ratio == pytest.approx(1.1)
        np.testing.assert_array_equal(arrays["baseline/spacing_before"], arrays["tau_x1.1/spacing_before"])
    said = capsys.readouterr().err
    assert "1/2 baseline: " in said  # nobody looks at a bar here
    assert "2/2 tau_x1.1: " in said


def test_files_are_written_after_each_outcome(subject: Condition, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", tmp_path / "imgs")
    told: list[tuple[str, int, int]] = []

    def stop(name: str, number: int, of: int) -> None:
        told.append((name, number, of))
        if number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_table_into(folder, subject, ["tau_x2", "tau_flat"], progress=stop)
    assert told == [(BASELINE, 1, 3), ("tau_x2", 2, 3)]
    stem = folder.path / "interventions" / "tau_x2+tau_flat"
    record = json.loads(stem.with_name(f"{stem.name}.json").read_text())
    assert [one["name"] for one in record["outcomes"]] == [BASELINE, "tau_x2"]
    with np.load(stem.with_name(f"{stem.name}.npz")) as arrays:
        assert {name.split("/")[0] for name in arrays} == {BASELINE, "tau_x2"}


def test_bad_units_are_refused_before_anything_is_measured(subject: Condition, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", tmp_path / "imgs")
    with pytest.raises(ValueError, match="must be 0 to 35, got 36 to 36"):
        measure_table_into(folder, subject, [], [36])
    assert not list(tmp_path.iterdir())


def test_names_tell_the_question_and_a_damaged_answer_is_not_written_over(tmp_path: Path) -> None:
    asked = {"names": ["tau_x2"]}
    assert _stem(tmp_path, ["tau_x2"], [], asked).name == "tau_x2"
    assert _stem(tmp_path, ["tau_x2", "dt_x2"], [3], asked).name == "tau_x2+dt_x2+1-more"
    assert _stem(tmp_path, list(INTERVENTIONS), [], asked).name == "table"
    assert _stem(tmp_path, list(INTERVENTIONS), [1], asked).name != "table"
    (tmp_path / "tau_x2.json").write_text("{torn")
    assert _stem(tmp_path, ["tau_x2"], [], asked).name == "tau_x2-2"
    (tmp_path / "tau_x2-2.json").write_text(json.dumps({"asked": asked}))
    assert _stem(tmp_path, ["tau_x2"], [], asked).name == "tau_x2-2"


def test_what_was_complete_is_kept_until_it_is_measured_again(
    subject: Condition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("topogrid.interventions.files.draw_outcomes", lambda *_: Figure())
    folder = RunFolder(tmp_path / "a", tmp_path / "a")
    first = measure_table_into(folder, subject, ["tau_x2"])
    before = first.stem.with_name(f"{first.stem.name}.csv").read_text()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_table_into(folder, subject, ["tau_x2"], progress=stop)
    assert first.stem.with_name(f"{first.stem.name}.csv").read_text() == before
    assert measure_table_into(folder, subject, ["tau_x2"]).stem == first.stem
    with pytest.raises(ValueError, match="tau_x2@module99 cannot be done here"):
        measure_table_into(folder, subject, ["tau_x2@module99"])
