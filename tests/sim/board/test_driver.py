"""The board's real driver, in a program of its own, on the simulated board."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim.board.link import environment
from tests.build_flows.board.test_deploy import make

pytestmark = pytest.mark.cosim

HEAD = """
import sys
import numpy as np
from offramp_driver import Accelerator
from offramp_driver.errors import DmaTimeout
with np.load("samples.npz") as file:
    samples = dict(file)

def check(found):
    for name in ("label", "exit", "confidence"):
        assert (getattr(found, name) == samples["expected_" + name]).all(), name
"""

CLASSIFY = HEAD + """
with Accelerator("toy.bit") as acc:
    check(acc.classify(samples["images"]))
    assert acc.counters["samples_out"] == len(samples["images"])
# In several batches, which overlap.
with Accelerator("toy.bit", download=False, buffer_bytes=7 * 48) as acc:
    check(acc.classify(samples["images"]))
"""

TIMEOUT = HEAD + """
with Accelerator("toy.bit", timeout=2e-5) as acc:
    try:
        acc.classify(np.concatenate([samples["images"]] * 40))
    except DmaTimeout as error:
        # Read one after the other, while it goes on.
        assert 0 < error.counters["samples_out"] < 40 * len(samples["images"]), error.counters
    else:
        raise AssertionError("nothing timed out")
    assert acc.status["busy"] == 0
with Accelerator("toy.bit", download=False) as acc:
    check(acc.classify(samples["images"]))
"""

STREAM = HEAD + """
with Accelerator("toy.bit", buffer_bytes=7 * 48) as acc:
    found = list(acc.stream(iter(samples["images"])))
    for name in ("label", "exit", "confidence"):
        assert [getattr(result, name) for result in found] == samples["expected_" + name].tolist(), name
    check(acc.classify(samples["images"]))
"""

INTERRUPT = HEAD + """
import signal
inside = False
came = 0
# Only inside the call, so that the end of this program's own statements is never hit.
signal.signal(signal.SIGALRM, lambda *_: inside and signal.raise_signal(signal.SIGINT))
with Accelerator("toy.bit") as acc:
    images = np.concatenate([samples["images"]] * 40)
    for number in range(20):
        inside = True
        signal.setitimer(signal.ITIMER_REAL, 0.0005 + 0.0007 * number)
        try:
            acc.classify(images)
            inside = False
        except KeyboardInterrupt:
            inside = False
            came += 1
        check(acc.classify(samples["images"]))
assert came > 5, came
"""


def run(folder: Path, job, text: str, **faults: int) -> None:
    """Run a program in the package's folder; it must end well."""
    job = dataclasses.replace(job, faults=faults)
    done = subprocess.run([sys.executable, "-c", text], cwd=folder, env={**os.environ, **environment(job)}, capture_output=True, text=True,
                          check=False, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def package(toy_job, tmp_path: Path):
    """The toy's package and the job of its board."""
    netlist, job = toy_job()
    return make(tmp_path, netlist), job


def test_results_are_those_of_the_golden_model(package) -> None:
    run(*package, CLASSIFY)


def test_after_a_timeout_the_next_batch_is_right(package) -> None:
    run(*package, TIMEOUT)


def test_a_stream_gives_every_result_in_its_order(package) -> None:
    run(*package, STREAM)


def test_after_ctrl_c_at_any_moment_the_next_batch_is_right(package) -> None:
    run(*package, INTERRUPT)
