"""What the benchmark writes; what it measures is measured by running it."""

from benchmarks import bench


def test_the_readme_has_the_marks_and_the_figures_of_the_last_run():
    readme = (bench.ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.count(bench.BEGIN) == readme.count(bench.END) == 1
    for figure in bench.read_json(bench.ROOT / "docs" / "benchmark.json")["figures"]:
        verdict = "met" if figure["met"] else "**missed**"
        assert f"| {figure['name']} | {figure['target']} | {figure['value']} | {verdict} | {figure['how']} |" in readme
