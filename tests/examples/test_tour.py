"""The tour runs from beginning to end, as a reader would run it."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.test_layering import ROOT

TOUR = ROOT / "examples" / "tour.ipynb"


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.cosim
@pytest.mark.timeout(1500)
def test_the_tour_runs(tmp_path: Path) -> None:
    notebook = nbformat.read(TOUR, as_version=4)
    (tmp_path / "build").mkdir()
    pinned = os.sched_getaffinity(0)
    # A reader has all cores, and the kernel gets those of whoever starts it.
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    finally:
        os.sched_setaffinity(0, pinned)
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in shown if output.output_type == "error"]
    text = "\n".join(str(output.get("text") or output.data.get("text/plain", "")) for output in shown)
    assert "simulated RTL" in text
    assert text.count("fits: True") == 2
    assert text.count("leave at exit 0") == 3
    tables = [output.data["text/html"] for output in shown if "text/html" in output.get("data", {})]
    assert any("<table>" in table for table in tables)


def test_the_tour_asks_only_for_what_there_is() -> None:
    """Its cells compile, and it names no place of a machine."""
    for cell in nbformat.read(TOUR, as_version=4).cells:
        if cell.cell_type == "code":
            compile(cell.source, "tour", "exec")
            assert "/home" not in cell.source
            assert "/tmp" not in cell.source
