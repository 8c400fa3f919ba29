"""What the benchmark writes; what it measures is measured by running it."""

from benchmarks import bench
from benchmarks.figures import Figure, figure_table
from benchmarks.tables import marks
from build_flows.base.files import read_json


def test_the_readme_has_the_marks_and_the_figures_of_the_last_run():
    readme = (bench.ROOT / "README.md").read_text(encoding="utf-8")
    assert [readme.count(mark) for mark in marks(bench.PART)] == [1, 1]
    assert figure_table([Figure(**row) for row in read_json(bench.ROOT / "docs" / "benchmark.json")["figures"]]) in readme
