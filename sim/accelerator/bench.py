"""The bench of a whole accelerator: built once, it runs any number of scenarios."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hw.accelerator import counted_streams, registers
from hw.control.register_map import ADDR_WIDTH
from hw.netlist import Netlist
from sim.accelerator.images import image_words, pack, write_words
from sim.accelerator.protocol import BINDING, CHECKER, binding, idle_limit
from sim.accelerator.scenario import Step, encode
from sim.accelerator.sources import accelerator_sources
from sim.accelerator.trace import Trace, whole_record
from sim.accelerator.waivers import waivers
from sim.errors import StallError
from sim.tools.cocotb_process import Cancel, Progress, run_cocotb
from sim.tools.verilator import HDL, Built, Design, build

__all__ = ["AcceleratorBench"]

__sources__ = ("sim.benches.accelerator",)

PORTS = (
    "clk", "rst_n", "source_go", "source_first", "source_words", "stall_in", "stall_out", "seed",
    "wake_results", "wake_words", "idle_limit", "wake", "idle", "words_in", "images_in", "results", "batches", "interrupts", "cycle",
    "awaddr", "awvalid", "awready", "wdata", "wstrb", "wvalid", "wready", "bresp", "bvalid", "bready",
    "araddr", "arvalid", "arready", "rdata", "rresp", "rvalid", "rready",
)
"""What Python sees of the bench. Nothing below the bench is visible to it, so that Verilator may optimise all of that."""


class AcceleratorBench:
    """The Verilated accelerator of ``netlist``, whose Verilog is in the folder ``rtl`` (with ``filelist.f``), inside its bench.

    Models are kept in ``cache``. ``trace`` builds the variant that can write waves, and in which the layers' own assertions are checked;
    ``optimise`` is the C++ optimisation: a large accelerator runs 6 % faster with ``O2`` than with ``O1``, and builds several times slower.
    ``building`` is told when a model is built.
    """

    def __init__(
        self, netlist: Netlist, rtl: Path, cache: Path, *, trace: bool = False, optimise: str = "O1", jobs: int | None = None,
        building: Built | None = None,
    ) -> None:
        self.netlist = netlist
        self.rtl = rtl.absolute()
        self.registers = registers(netlist)
        shape = (netlist.input.height, netlist.input.width, netlist.input.channels)
        self.image_words = image_words(shape, netlist.input.bus_bits)
        self.final = next((item.offset for item in netlist.result.fields if item.name == "final"), None)
        sources, includes = accelerator_sources(self.rtl)
        design = Design(
            top="bench", sources=[HDL / "bench.sv", CHECKER, *sources], includes=includes, trace=trace, assertions=trace, optimise=optimise,
            public={"bench": PORTS}, waive=waivers(sources), texts={BINDING: binding(netlist)},
            parameters={"BUS_BITS": netlist.input.bus_bits, "RESULT_BITS": netlist.result.bits, "ADDR_BITS": ADDR_WIDTH,
                        "IMAGE_WORDS": self.image_words, **({} if self.final is None else {"FINAL_BIT": self.final})},
        )
        self.model = build(design, cache, jobs=jobs, progress=building)

    @property
    def idle_limit(self) -> int:
        """Cycles without any movement at input or output after which something must be stuck, when nobody stalls it from outside."""
        return idle_limit(self.netlist)

    def run(
        self, images: npt.NDArray[np.uint8], steps: Sequence[Step], *, work: Path, seed: int = 1, waves: Path | None = None,
        idle_limit: int | None = None, tick: int = 250_000, progress: Progress | None = None, timeout: float | None = None,
        cancel: Cancel | None = None,
    ) -> Trace:
        """Carry out ``steps`` with ``images`` (uint8 ``[n, h, w, c]``) as the source's file.

        ``work`` is a folder for the run's files. ``progress`` is told ``results``, ``images_in`` and ``cycle`` every ``tick`` cycles.
        ``cancel`` ends the run from another thread.
        Raises :class:`StallError` naming the streams that stood still when nothing moves for ``idle_limit`` cycles, and
        :class:`SimulationError` when the simulation fails otherwise.
        """
        work = work.absolute()
        work.mkdir(parents=True, exist_ok=True)
        write_words(pack(images, self.netlist.input.bus_bits), work / "images.bin")
        limit = self.idle_limit if idle_limit is None else idle_limit
        job = {
            "steps": [encode(step) for step in steps], "image_words": self.image_words, "seed": seed & 0xFFFFFFFF, "idle_limit": limit,
            "registers": {item.name: item.offset for item in self.registers}, "tick": tick, "output": str(work / "report.json"),
        }
        (work / "job.json").write_text(json.dumps(job), encoding="utf-8")
        (work / "report.json").unlink(missing_ok=True)
        plusargs = [f"images={work / 'images.bin'}", f"results={work / 'results.txt'}"]
        plusargs += [f"waves={waves.absolute()}"] if waves else []
        run_cocotb(self.model, top="bench", module="sim.benches.accelerator", folder=work, cwd=self.rtl, plusargs=plusargs,
                   env={"OFFRAMP_JOB": str(work / "job.json")}, progress=progress, timeout=timeout, cancel=cancel)
        report = json.loads((work / "report.json").read_text(encoding="utf-8"))
        if "stalled" in report:
            raise StallError(self._explain(report["stalled"], report, limit))
        return dataclasses.replace(
            whole_record(work / "results.txt", report["counts"], self.final), log=report["log"],
            snapshots=[self._signed(item) for item in report["snapshots"]], counts=report["counts"], cycles=report["cycles"],
            seconds=report["seconds"])

    def _signed(self, snapshot: Mapping[str, int]) -> dict[str, int]:
        signed = {item.name for item in self.registers if item.signed}
        return {name: value - (value >> 31 << 32) if name in signed else value for name, value in snapshot.items()}

    def _explain(self, stalled: Mapping[str, Any], report: Mapping[str, Any], limit: int) -> str:
        names = counted_streams(self.netlist)
        stuck = [names[int(name.removeprefix("STALL_"))] for name in stalled["stuck"]]
        values = stalled["registers"]
        where = f"standing still: {', '.join(stuck)}" if stuck else "no counted stream waits, so a layer swallowed its input"
        fills = ", ".join(f"{name} {values[f'OCCUPANCY_MAX_{j}']}" for j, name in enumerate(names))
        counts = report["counts"]
        return (f"nothing moved for {limit} cycles in step {stalled['step']} ({stalled['why']}); {where}. "
                f"Images in: {counts['images_in']}, results: {counts['results']}, inside: {values['STATUS'] >> 16}; highest fills: {fills}")
