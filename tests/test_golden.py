import json
from pathlib import Path

import pytest

from tests import golden

slow = pytest.mark.slow


@pytest.mark.parametrize(
    "mode", [pytest.param(mode, marks=[] if mode in ("tau+topoloss", "modules") else slow) for mode in golden.MODES]
)
def test_a_network_is_what_it_was(mode: str, tmp_path: Path) -> None:
    wanted = json.loads(golden.GOLDEN.read_text(encoding="utf-8"))
    found = golden.measured(mode, tmp_path)
    assert set(wanted[mode]["files"]) <= set(found["files"])
    assert found["weight_sums"] == pytest.approx(wanted[mode]["weight_sums"], rel=1e-4)
    for old, new in zip(wanted[mode]["rows"], found["rows"], strict=True):
        assert {key: new.get(key) for key in old if key.startswith(("train/", "tau/", "step"))} == pytest.approx(
            {key: value for key, value in old.items() if key.startswith(("train/", "tau/", "step"))}, rel=1e-3, abs=1e-6
        )
    if wanted["machine"] == golden.machine():
        assert found["weights"] == wanted[mode]["weights"]
        assert {name: found["arrays"].get(name) for name in wanted[mode]["arrays"]} == wanted[mode]["arrays"]
        for old, new in zip(wanted[mode]["rows"], found["rows"], strict=True):
            assert {key: new.get(key) for key in old} == old
