# SPDX-License-Identifier: Apache-2.0
"""The notebook in docs/ runs, and shows tables."""

import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.kernel
NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"


def test_the_notebook(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=":")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    context = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=60, resources=context).execute()
    cells = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    result, live, frame, asked = cells
    for outputs in (result, live, frame, asked):
        pages = [each.data.get("text/html", "") for each in outputs if "data" in each]
        assert any("<table" in page for page in pages), outputs
    assert "/etc/ld.so.cache" in result[-1].data["text/html"]
    assert "openat" in live[0].data["text/html"]  # what stood there first was replaced
