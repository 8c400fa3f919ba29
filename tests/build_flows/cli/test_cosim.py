"""What ``offramp cosim`` tells, and the options that it refuses."""

import subprocess
import sys

from rich.text import Text

from build_flows.cli.cosim import _figures
from tests.build_flows.artefacts.test_cosim import sample
from tests.build_flows.cli.stand_in import TOO_SLOW, VERDICT


def test_what_a_person_is_told() -> None:
    rows = {row[0]: str(row[1]) for row in _figures(sample(), VERDICT)}
    assert rows == {
        "images through driver, DMA and RTL": "1,300", "equal to the simulation": "1,300", "cycles per sample, 500 in a batch": "138.2",
        "without a DMA, at steady state": "130.4", "DMA words an image (at least)": "16 of 32 bits (16)",
        "DMA words a result (at least)": "1 of 64 bits (1)", "input bandwidth used": "46.0 of 400 MB/s (11.5 %)", "seconds": "21.8",
        "part": "fits xc7z020clg400-1 (predicted, not synthesised yet)", "clock": "clock not estimated yet, 100 MHz is set",
        "samples per second, a batch": "723,327 at 100 MHz, the clock set, not estimated yet"}


def test_rates_are_at_the_clock_that_can_be_expected() -> None:
    rows = {row[0]: row[1] for row in _figures(sample(), TOO_SLOW)}
    assert str(rows["samples per second, a batch"]) == "668,571 at 92.4 MHz, the clock estimated"
    assert str(rows["input bandwidth used"]) == "42.5 of 370 MB/s (11.5 %)"
    for name in ("clock", "samples per second, a batch"):
        cell = rows[name]
        assert isinstance(cell, Text)
        assert cell.style == "bold red"


def test_bad_options_are_one_line() -> None:
    for words in (["--samples", "0"], ["--seed", "-1"]):
        command = [sys.executable, "-m", "build_flows.cli.main", "cosim", "x.toml", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert f"Invalid value for '{words[0]}'" in done.stderr
