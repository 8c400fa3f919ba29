"""What ``offramp cosim`` tells, and the options that it refuses."""

import subprocess
import sys

from build_flows.cli.cosim import _figures
from tests.build_flows.artefacts.test_cosim import sample


def test_what_a_person_is_told() -> None:
    rows = dict(_figures(sample()))
    assert rows == {
        "images through driver, DMA and RTL": "1,300", "equal to the simulation": "1,300", "cycles per sample, 500 in a batch": "138.2",
        "without a DMA, at steady state": "130.4", "DMA words an image (at least)": "16 of 32 bits (16)",
        "DMA words a result (at least)": "1 of 64 bits (1)", "input bandwidth used": "46.0 of 400 MB/s (11.5 %)", "seconds": "21.8"}


def test_bad_options_are_one_line() -> None:
    for words in (["--samples", "0"], ["--seed", "-1"], ["--board", "zedboard"]):
        command = [sys.executable, "-m", "build_flows.cli.main", "cosim", "x.toml", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert f"Invalid value for '{words[0]}'" in done.stderr
