"""The package's scripts and its notebook, as they lie there, on the Verilated toy behind the simulated board's DMA."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim.board.link import environment
from tests.build_flows.board.test_deploy import make
from tests.sim.board.conftest import toy_job  # noqa: F401 (a fixture)

pytestmark = pytest.mark.cosim

CELLS = """
import json, pathlib, matplotlib
matplotlib.use("agg")
notebook = json.loads(pathlib.Path("toy.ipynb").read_text())
space = {"__name__": "__main__"}
for number, cell in enumerate(cell for cell in notebook["cells"] if cell["cell_type"] == "code"):
    exec(compile("".join(cell["source"]), f"cell {number}", "exec"), space)
print("all cells ran")
"""


def run(folder: Path, job, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], cwd=folder, env={**os.environ, **environment(job)}, capture_output=True, text=True,
                          check=False)


def test_the_self_test_passes_and_an_image_that_was_changed_is_named(toy_job, tmp_path: Path) -> None:  # noqa: F811
    import numpy as np

    netlist, job = toy_job()
    folder = make(tmp_path, netlist)
    done = run(folder, job, "selftest.py", "--json")
    assert (done.returncode, json.loads(done.stdout)["agree"]) == (0, 40), done.stderr
    with np.load(folder / "samples.npz") as file:
        samples = dict(file)
    samples["images"][4] = 255 - samples["images"][4]
    np.savez(folder / "samples.npz", **samples)
    done = run(folder, job, "selftest.py", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"], told["agree"]) == (1, False, 39)
    assert told["errors"][0].startswith("image 4: ")


def test_the_benchmark_counts_the_accelerators_own_cycles(toy_job, tmp_path: Path) -> None:  # noqa: F811
    netlist, job = toy_job()
    done = run(make(tmp_path, netlist), job, "benchmark.py", "--images", "200", "--repeat", "1", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["images"] == 200
    # An image is 12 bus words, and a toy's slowest layer takes 4 x 4 cycles.
    assert 16 <= told["cycles_per_sample"] < 60
    assert sum(told["exits"]) == pytest.approx(1)


def test_every_cell_of_the_notebook_runs(toy_job, tmp_path: Path) -> None:  # noqa: F811
    netlist, job = toy_job()
    done = run(make(tmp_path, netlist), job, "-c", CELLS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("all cells ran\n")
