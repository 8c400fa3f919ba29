"""The page has the figures of the last run, and a command's memory is that of all its processes."""

import sys

from benchmarks import resources as bench_resources
from benchmarks.figures import Figure, figure_table
from benchmarks.tables import marks
from build_flows.base.files import read_json

HOLDS = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; x = bytearray(b'1' * 200_000_000); time.sleep(2)"])
child.wait()
"""


def test_the_page_has_the_marks_and_the_figures_of_the_last_run() -> None:
    page = bench_resources.PAGE.read_text(encoding="utf-8")
    assert [page.count(mark) for mark in marks(bench_resources.PART)] == [1, 1]
    figures = [Figure(**row) for row in read_json(bench_resources.DATA)["figures"]]
    assert len(figures) >= 8
    assert figure_table(figures) in page


def test_memory_of_all_processes() -> None:
    seconds, peak = bench_resources._timed([sys.executable, "-c", HOLDS])
    assert peak > 200_000_000
    assert seconds >= 2
