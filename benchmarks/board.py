"""Measures what the driver and the design around the accelerator do, without a board: the figures of ``docs/board.md``."""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.board_storm import board_storm
from benchmarks.figures import SEED, Figures, run_json
from build_flows.artefacts.cosim import CosimFile
from build_flows.artefacts.simulation import SimulationFile
from build_flows.artefacts.verdict import Verdict
from build_flows.base.ui import RichUi, Ui
from build_flows.board.dma_traffic import traffic
from build_flows.board.plan_file import PlanFile
from build_flows.board.platforms import find_platform
from build_flows.board.primitive_check import TAKEN, check_clock, check_primitives
from build_flows.board.stand_in import write_stand_in
from build_flows.pages.html import percent
from build_flows.pages.verdict import at_clock
from build_flows.project.load import Project, load
from build_flows.steps.flow import verdict
from hw.netlist import load as load_netlist
from sim.tools.yosys import read_written, run_yosys

__all__ = ["PARTS", "board"]

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "board.md"
DATA = ROOT / "docs" / "board_benchmark.json"
PART = "board benchmark"
COSIM_SECONDS = 180
NEAR = 0.01
"""By how much a batch behind the DMA may take longer than without."""
PACKED_IMAGES = 10_000
PACKED_SECONDS = 0.2
REPEATS = 7
DIGITS, B_LENET = "digits", "b_lenet_fashion"


def board(ui: Ui, *names: str) -> str:
    """Measure (``names`` of :data:`PARTS`; all when none is given), and write the table into ``docs/board.md`` and the figures to
    ``docs/board_benchmark.json``, where figures of parts that are not named stay as they are; gives the table."""
    figures = Figures(ui)
    for figures.part, measure in PARTS.items():
        if names and figures.part not in names:
            figures.keep(figures.part, DATA)
            continue
        measure(figures)
    return figures.write(PAGE, PART, DATA)


def _example(name: str) -> Project:
    return load(ROOT / "examples" / f"{name}.toml")


def _storm(figures: Figures) -> None:
    found = board_storm(figures.ui)
    figures.add(found.name, found.target, found.value, found.met, found.how)


def _driver(figures: Figures) -> None:
    _packing(figures, _example(B_LENET))
    for name in (DIGITS, B_LENET):
        project = _example(name)
        _words(figures, project, verdict(project, figures.ui))


def _offramp(*words: str) -> dict[str, Any]:
    return run_json([sys.executable, "-m", "build_flows.cli.main", *words, "--json"], ROOT)


def _cosim(figures: Figures, project: Project, target: str, limit: float | None = None, samples: int | None = None) -> None:
    """The driver against all of the programmable logic, on the first ``samples`` test images (None: all that are simulated), within
    ``limit`` seconds; that time is the command's, with training, RTL and the models built before."""
    file = project.file.relative_to(ROOT).as_posix()
    some = () if samples is None else ("--samples", str(samples))
    # Another seed first: what can be kept is made then, and the run itself is not taken from there.
    _offramp("cosim", file, "--samples", "1", "--seed", str(SEED + 1))
    started = time.monotonic()
    _offramp("cosim", file, *some, "--seed", str(SEED))
    seconds = time.monotonic() - started
    found = CosimFile.load(project.output / "cosim.json")
    told = SimulationFile.load(project.output / "sim.json").samples
    right = found.agree == found.samples == (samples or len(told)) and (limit is None or seconds < limit)
    how = " ".join(("`offramp cosim", file, *some)) + "`"
    figures.add(
        f"cosim, {project.name}, {found.samples:,} test images through driver, DMA and accelerator", target,
        f"{found.agree:,} of {found.samples:,} equal; self-test and {len(found.checks) - 1} kinds of failure passed; {seconds:.0f} s",
        right, how,
    )
    batch = told[:found.batch]
    alone = (max(item.cycle_out for item in batch) - min(item.cycle_in for item in batch)) / len(batch)
    more = found.cycles_per_sample / alone - 1
    figures.add(
        f"cycles a sample with the DMA against without, {project.name}", f"within {percent(NEAR, 0)}, batches of 500",
        f"{found.cycles_per_sample:,.1f} against {alone:,.1f} ({100 * more:+.2f} %), a batch of {found.batch} from its start until the "
        "driver sees its end, against from the first word in to the last result out; at steady state without a DMA "
        f"{found.simulated_cycles_per_sample:,.1f}",
        more <= NEAR, f"{how}; `sim.json`, the same images",
    )


def _packing(figures: Figures, project: Project) -> None:
    """What Python adds to a transfer: images into bus words, result words into results."""
    from build_flows.base.files import hash_path
    from build_flows.board.manifest import manifest
    from offramp_driver.manifest import load_manifest
    from offramp_driver.packing import Packing, Unpacking

    netlist = load_netlist((project.output / "netlist.json").read_text(encoding="utf-8"))
    target = find_platform(project.config.target.board, project.file.parent)
    with tempfile.TemporaryDirectory() as folder:
        bit = write_stand_in(Path(folder), netlist, target)
        manifest(netlist, target, {bit.name: hash_path(bit)}).save(bit.with_suffix(".json"))
        told = load_manifest(bit)
    packing, unpacking = Packing(told.input), Unpacking(told.result_bits, told.fields, told.order)
    rng = np.random.default_rng(SEED)
    shape = (PACKED_IMAGES, *packing.shape)
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    ids = next(item for item in netlist.result.fields if item.name == "id")
    rest = rng.integers(0, 1 << (netlist.result.bits - ids.width - 1), PACKED_IMAGES, dtype=np.uint64) << np.uint64(ids.width)
    words: Any = (rest | rng.permutation(PACKED_IMAGES).astype(np.uint64)).astype(unpacking.dtype)
    buffer = np.zeros(PACKED_IMAGES * packing.image_bytes, np.uint8)
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        packing.pack(packing.batch(images), buffer)
        results = unpacking.unpack(words)
        times.append(time.perf_counter() - started)
        assert len(results["label"]) == PACKED_IMAGES
    median = float(np.median(times))
    figures.add(f"driver's packing and unpacking of {PACKED_IMAGES:,} {project.config.model.preset} images", "under 0.2 s",
                f"{median * 1e3:.1f} ms, on this machine; a board's Cortex-A9 was not measured", median < PACKED_SECONDS,
                f"median of {REPEATS}; 7.84 MB in, 80 kB out")


def _words(figures: Figures, project: Project, verdict: Verdict) -> None:
    """What the DMA carries, at the clock that can be expected, as ``report.html`` tells it."""
    netlist = replace(load_netlist((project.output / "netlist.json").read_text(encoding="utf-8")), clock_mhz=verdict.expected_clock_mhz)
    images, results = traffic(netlist, verdict.rate(SimulationFile.load(project.output / "sim.json").figures.cycles_per_sample))
    limit = min(images.stream_mb_per_second, images.port_mb_per_second)
    figures.add(
        f"DMA words an image and a result, {project.name}", "the fewest that the widths allow",
        f"{images.words} of {images.bits} bits in (at least {images.least}), {results.words} of {results.bits} bits out "
        f"(at least {results.least}); {images.mb_per_second:,.1f} of {limit:,.0f} MB/s "
        f"({percent(images.used, 0)}; the port alone: {images.port_mb_per_second:,.0f}) {at_clock(verdict)}",
        images.words == images.least and results.words == results.least, "`report.html`, In and out",
    )


def _plans(figures: Figures, project: Project) -> None:
    """Build plans of both flows, each made twice, and what Yosys makes of the open flow's."""
    from build_flows.base.files import hash_path

    file = project.file.relative_to(ROOT).as_posix()
    with tempfile.TemporaryDirectory() as folder:
        same = []
        for way in ("vivado", "open"):
            paths = [Path(folder) / f"{way}-{number}.zip" for number in range(2)]
            for path in paths:
                # In a process of its own each time, and not taken from the one before.
                (project.output / f"plan-{way}.zip").unlink(missing_ok=True)
                _offramp("build", file, "--flow", way, "--plan", str(path))
            same.append(hash_path(paths[0]) == hash_path(paths[1]))
        figures.add(f"build plans, {project.name}, each flow's made twice", "byte for byte the same",
                    f"{sum(same)} of {len(same)} flows' the same", all(same), f"`offramp build {file} --flow FLOW --plan FILE`")
        _primitives(figures, project, PlanFile((Path(folder) / "open-0.zip").read_bytes()), Path(folder) / "open")


def _primitives(figures: Figures, project: Project, plan: PlanFile, folder: Path) -> None:
    """The plan's own Yosys script and its check, on the pyosys wheel's Yosys."""
    plan.unpack(folder)
    name = plan.facts["name"]
    run_yosys((folder / f"{name}.ys").read_text(encoding="utf-8").splitlines(), folder)
    netlist = read_written(folder / f"{name}.json")
    faults, clock = check_primitives(netlist), check_clock(netlist, "ps7.fclk0")
    kinds = Counter(cell["type"] for cell in netlist["modules"][name]["cells"].values() if cell["type"] in TAKEN)
    figures.add(
        f"netlist check for the open flow, {project.name}", "0 primitives outside the list",
        f"{len(faults)} of {sum(kinds.values()):,} primitives of {len(kinds)} kinds; {'one clock drives all' if not clock else clock[0]}",
        not faults and not clock, f"`{name}.ys` and `check_netlist.py` of the plan",
    )


PARTS: dict[str, Callable[[Figures], None]] = {
    "digits": lambda figures: _cosim(figures, _example(DIGITS), "all equal to `simulate`; under 3 minutes", COSIM_SECONDS),
    "b_lenet": lambda figures: _cosim(figures, _example(B_LENET), "all equal to `simulate`"),
    "storm": _storm,
    "driver": _driver,
    "digits_plans": lambda figures: _plans(figures, _example(DIGITS)),
    "b_lenet_plans": lambda figures: _plans(figures, _example(B_LENET)),
}
"""What is measured, by name."""


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(PARTS)))
def main(names: tuple[str, ...]) -> None:
    """Measure NAMES (all without any) of the figures of docs/board.md, and write them there."""
    from rich.console import Console

    click.echo(board(RichUi(Console(file=sys.stderr)), *names))


if __name__ == "__main__":
    main()
