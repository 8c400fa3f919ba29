"""Measures what the driver, the DMA and the block design do, without a board: the figures of ``docs/board.md``."""

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from build_flows.board.check import check_project

from benchmarks.figures import SEED, Figures, run_json
from build_flows.artefacts.cosim import CosimFile
from build_flows.artefacts.simulation import SimulationFile
from build_flows.artefacts.verdict import Verdict
from build_flows.base.ui import RichUi
from build_flows.board.dma_traffic import traffic
from build_flows.board.stand_in import write_stand_in
from build_flows.pages.html import percent
from build_flows.pages.verdict import at_clock
from build_flows.project.load import Project, load
from build_flows.steps.flow import verdict
from hw.netlist import load as load_netlist

__all__ = ["board"]

ROOT = Path(__file__).parent.parent
PART = "board benchmark"
COSIM_IMAGES = 300
COSIM_SECONDS = 180
PACKED_IMAGES = 10_000
PACKED_SECONDS = 0.2
REPEATS = 7


def board(ui: RichUi) -> str:
    """Measure, and write the table into ``docs/board.md`` and the figures to ``docs/board_benchmark.json``; gives the table."""
    figures = Figures(ui)
    digits, b_lenet = (load(ROOT / "examples" / name) for name in ("digits.toml", "b_lenet_fashion.toml"))
    _cosim(figures, digits, COSIM_IMAGES, "results equal to `simulate`, 100 %; under 3 minutes")
    _cosim(figures, b_lenet, PACKED_IMAGES, "results equal to `simulate`, 100 %")
    _packing(figures, b_lenet)
    for project in (digits, b_lenet):
        _words(figures, project, verdict(project, ui))
    for project in (digits, b_lenet):
        _connections(figures, project)
    return figures.write(ROOT / "docs" / "board.md", PART, ROOT / "docs" / "board_benchmark.json")


def _offramp(*words: str) -> dict[str, Any]:
    return run_json([sys.executable, "-m", "build_flows.cli.main", *words, "--json"], ROOT)


def _cosim(figures: Figures, project: Project, samples: int, target: str) -> None:
    """The driver on the Verilated accelerator; the time is that of the command, with training, RTL and the models built before."""
    file = project.file.relative_to(ROOT).as_posix()
    # Another seed first: what can be kept is made then, and the run itself is not taken from there.
    _offramp("cosim", file, "--samples", "1", "--seed", str(SEED + 1))
    started = time.monotonic()
    _offramp("cosim", file, "--samples", str(samples), "--seed", str(SEED))
    seconds = time.monotonic() - started
    found = CosimFile.load(project.output / "cosim.json")
    right = found.agree == found.samples == samples and seconds < COSIM_SECONDS
    figures.add(
        f"cosim, {project.name}, {samples:,} images, driver unchanged", target,
        f"{found.agree:,} of {found.samples:,} equal; self-test and {len(found.checks) - 1} kinds of failure passed; "
        f"{seconds:.0f} s; "
        f"{found.cycles_per_sample:,.1f} cycles a sample in a batch of {found.batch}, drain included "
        f"(without DMA, steady: {found.simulated_cycles_per_sample:,.1f})",
        right, f"`offramp cosim {file} --samples {samples}`",
    )


def _packing(figures: Figures, project: Project) -> None:
    """What Python adds to a transfer: images into bus words, result words into results."""
    from build_flows.base.files import hash_path
    from build_flows.board.platforms import find_platform
    from build_flows.board.manifest import manifest
    from offramp_driver.manifest import load_manifest
    from offramp_driver.packing import Packing, Unpacking

    netlist = load_netlist((project.output / "netlist.json").read_text(encoding="utf-8"))
    target = find_platform(project.config.target.board)
    with tempfile.TemporaryDirectory() as folder:
        bit, hwh = write_stand_in(Path(folder), netlist, target)
        manifest(netlist, target, {path.name: hash_path(path) for path in (bit, hwh)}).save(bit.with_suffix(".json"))
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


def _connections(figures: Figures, project: Project) -> None:
    file = project.file.relative_to(ROOT).as_posix()
    folder = Path(_offramp("build", file, "--project-only")["folder"])
    found = check_project(folder)
    figures.add(
        f"`build --project-only`, then the Tcl in tclsh, {project.name}", "every connection checked, none unconnected",
        f"{found.connections} pins and {found.interfaces} interfaces of {found.cells} cells, {found.addresses} addresses; none open that "
        "must not be",
        found.connections > 0, f"`offramp build {file} --project-only`, build_flows/board/check.py",
    )
