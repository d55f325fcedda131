"""The notebooks in sample_images/: each runs from top to bottom and gives its stored outputs.

``GOLDEN=write`` in the environment stores the outputs of the run; look at them, and commit them.
"""

import os
import re
from base64 import b64decode
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "sample_images").glob("*.ipynb"))
MOST_BYTES = 700_000
nbformat = pytest.importorskip("nbformat")


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(cell):
    """What a cell shows, but for its figures."""
    return [
        output.text
        if output.output_type == "stream"
        else {kind: text for kind, text in output.data.items() if kind.startswith("text/")}
        for output in cell.outputs
    ]


def figures(cell):
    shown = [output.data for output in cell.outputs if output.output_type != "stream"]
    return [b64decode(data["image/png"]) for data in shown if "image/png" in data]


def executed(path, folder):
    """Run all cells in an empty folder; an exception in one is raised here."""
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = read(path)
    resources = {"metadata": {"path": str(folder)}}
    options = {"timeout": 300, "resources": resources, "coalesce_streams": True}
    nbclient.NotebookClient(notebook, **options).execute()
    return notebook


def write(notebook, path):
    """Store the outputs, without what differs from machine to machine."""
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    nbformat.write(notebook, path)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # those of Jupyter's packages are not ours
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_gives_the_stored_outputs(path, tmp_path, alike):
    kept, run = read(path), executed(path, tmp_path)
    assert not list(tmp_path.iterdir())
    if os.environ.get("GOLDEN") == "write":
        write(run, path)
        return
    for old, new in zip(code_cells(kept), code_cells(run), strict=True):
        assert texts(new) == texts(old), old.source
        drawn, stored = tmp_path / "drawn.png", tmp_path / "stored.png"
        for found, expected in zip(figures(new), figures(old), strict=True):
            drawn.write_bytes(found)
            stored.write_bytes(expected)
            alike(drawn, stored)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_stored_small_and_as_a_fresh_run_leaves_it(path):
    assert path.stat().st_size < MOST_BYTES
    notebook = read(path)
    nbformat.validate(notebook)
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    assert sum(len(figures(cell)) for cell in code_cells(notebook)) >= 1
    shown = str([texts(cell) for cell in code_cells(notebook)])
    assert "<table" in shown
    assert not re.search(r"/(home|tmp|usr|work)/|Error|Warning", shown)
    assert notebook.metadata.language_info == {"name": "python"}
    assert not any("execution" in cell.metadata for cell in notebook.cells)


def test_there_are_three():
    assert [path.stem[:1] for path in NOTEBOOKS] == ["1", "2", "3"]
