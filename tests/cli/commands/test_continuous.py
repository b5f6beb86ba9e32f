"""``topogrid continuous`` measures, says what it found, and leaves a page that can be made again."""

import json
from pathlib import Path

import pytest

from topogrid.cli.main import main

SMALL = ["--rows", "32", "--columns", "128", "--tau_ratio", "2", "--seeds", "1", "--steps", "300", "--walks", "0"]


def test_page_picture_and_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "c"
    assert main(["continuous", *SMALL, "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("Movement across the gradient: flow is ")
    assert "of 2: 32 x 128 units, tau ratio 2, seed 1, along the gradient, " in said.err
    assert said.err.index("1 of 2: ") < said.err.index("2 of 2: ")
    numbers = json.loads((out / "continuous.json").read_text())
    assert len(numbers["straight"]) == 2
    page = (out / "continuous.md").read_text()
    command = "topogrid continuous " + " ".join(SMALL) + f" --out {out}"
    assert f"`{command}`" in page
    assert (out / "continuous.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["--rows", "33"], "rows must be even, got 33"),
        (["--rows", "x"], "a whole number of 0 or more is wanted, got 'x'"),
        (["--columns", "100"], "columns must be"),
        (["--tau_ratio", "0.5"], "a ratio of 1 to 100 is wanted, got '0.5'"),
        (["--tau_ratio", "nan"], "a ratio of 1 to 100 is wanted, got 'nan'"),
    ],
)
def test_what_makes_no_sheet_is_refused(
    wrong: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["continuous", *SMALL, "--out", str(tmp_path / "c"), *wrong]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "c").exists()
