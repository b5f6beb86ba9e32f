"""The notebook is what a person gets: executed, small, free of this machine, and it still runs."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "examples" / "quickstart.ipynb"
LARGEST_BYTES = 1_000_000


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def pictures(notebook: nbformat.NotebookNode) -> list[str]:
    outputs = (output for cell in code_cells(notebook) for output in cell.outputs)
    return [output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})]


def errors(notebook: nbformat.NotebookNode) -> list[str]:
    outputs = (output for cell in code_cells(notebook) for output in cell.outputs)
    return [
        output.get("text", str(output))
        for output in outputs
        if output.output_type == "error"
        or re.search("Warning|Traceback", output.get("text", ""))  # progress is told, too
    ]


def test_the_notebook_is_valid_executed_in_order_and_small() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert len(pictures(notebook)) == 5
    assert errors(notebook) == []
    assert NOTEBOOK.stat().st_size < LARGEST_BYTES


def test_the_notebook_knows_nothing_of_the_machine_that_executed_it() -> None:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    texts = [
        json.dumps(cell["source"]) + json.dumps([o for o in cell.get("outputs", []) if "data" not in o])
        for cell in notebook["cells"]
    ]
    assert not any(re.search(r"/(home|tmp|root|usr|work|Users)/", text) for text in texts)
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    before = len(pictures(notebook))
    client = NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    assert len(pictures(notebook)) == before
    assert errors(notebook) == []
