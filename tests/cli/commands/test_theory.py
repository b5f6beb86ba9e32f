"""``topogrid theory`` says what is predicted and what forms, and draws it."""

import json
from pathlib import Path

import pytest

from topogrid.cli.main import main


def test_prediction_patterns_and_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["theory", "--pc_width", "0.14", "--out", str(tmp_path / "t")]) == 0
    said = capsys.readouterr()
    found = json.loads((tmp_path / "t" / "theory.json").read_text())
    assert f"Predicted spacing: {found['predicted_spacing_m']:.3f} m" in said.out
    positive, signed = found["patterns"].values()
    assert positive["share_above_0.8"] > 0.7 > 0.3 > signed["share_above_0.8"]
    assert positive["spacing_median_m"] == pytest.approx(found["predicted_spacing_m"], rel=0.1)
    assert (tmp_path / "t" / "theory.png").stat().st_size > 10_000
    assert "theory.png" in said.err


def test_two_widths_have_no_theory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["theory", "--pc_width", "0.1", "0.2", "--out", str(tmp_path / "t")]) == 2
    assert "theory is of one width of place fields" in capsys.readouterr().err
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("words", [["--pc_width", "0.001"], ["--box_size", "100", "0.1", "--pc_width", "0.05"]])
def test_what_is_refused_is_told_with_what_this_command_takes(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["theory", *words, "--out", str(tmp_path / "t")]) == 2
    said = capsys.readouterr().err
    assert "give other --pc_width or --box_size" in said
    assert not any(name in said for name in ("add place cells", "no_DoG", "more eval_bins"))
