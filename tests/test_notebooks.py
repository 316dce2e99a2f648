"""Notebooks run from their first cell to the last, and are stored without results.

The default tests run their code, shortened, with that of the pages
(tests/test_docs_commands.py); here a kernel runs them as a reader does.
"""

import json

import pytest

from tests.conftest import REPOSITORY

NOTEBOOKS = sorted((REPOSITORY / "docs" / "en" / "notebooks").glob("*.ipynb"))


def code_cells(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_they_are_stored_without_results(path):
    assert code_cells(path)
    for cell in code_cells(path):
        assert cell["source"]
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


def printed(notebook):
    """All text and the kinds of all results of a notebook that was run."""
    outputs = [
        output
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]
    text = "".join(output.get("text", "") for output in outputs)
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    return text, kinds


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said", "pictures"),
    [
        ("segment_and_explain", ["place_words/level_0", "maps.html"], 4),
        ("add_a_neck", ["other values stand in padded words", "loss:"], 1),
    ],
)
def test_a_kernel_runs_them(name, said, pictures, tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="pip install -e '.[tests]'")
    pytest.importorskip("ipykernel", reason="pip install -e '.[tests]'")
    nbformat = pytest.importorskip("nbformat", reason="comes with nbclient")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    path = REPOSITORY / "docs" / "en" / "notebooks" / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    # From an empty folder: a notebook needs nothing beside it.
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=1200, resources=resources).execute()
    text, kinds = printed(notebook)
    for part in said:
        assert part in text
    assert kinds.count("image/png") == pictures


def test_each_of_them_is_run():
    assert {path.stem for path in NOTEBOOKS} == {"add_a_neck", "segment_and_explain"}
