"""What ``offramp cosim`` tells, and the options that it refuses."""

import subprocess
import sys

from build_flows.cli.cosim import _figures

DMA = [
    {"name": "images in", "bits": 32, "words": 16, "least": 16, "payload": 1.0, "mb_per_second": 46.0, "stream_mb_per_second": 400.0,
     "port_mb_per_second": 800.0, "used": 0.115, "most_samples": 6.25e6},
    {"name": "results out", "bits": 64, "words": 1, "least": 1, "payload": 0.97, "mb_per_second": 5.8, "stream_mb_per_second": 800.0,
     "port_mb_per_second": 800.0, "used": 0.007, "most_samples": 1e8},
]


def test_what_a_person_is_told() -> None:
    rows = dict(_figures({"samples": 1300, "agree": 1300, "batch": 500, "cycles_per_sample": 138.25, "simulated_cycles_per_sample": 130.4,
                          "dma": DMA, "seconds": 21.84}))
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
