"""The whole accelerator under cocotb: carries out a scenario and writes down what the registers said.

Reads the job named by ``OFFRAMP_JOB``: ``steps`` (:mod:`sim.accelerator.scenario`), ``registers`` (offset by name), ``image_words``,
``seed``, ``idle_limit``, ``tick``, ``output``. Python wakes when the bench toggles ``wake`` and every ``tick`` cycles, for progress.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import First, RisingEdge, Timer, ValueChange

from sim.accelerator.scenario import Cycles, Read, Reset, Results, Send, Sent, Stall, Step, Write, decode
from sim.benches.axi import AxiLite

PERIOD_NS = 10
NEVER = 0xFFFFFFFF


class _Stalled(Exception):
    pass


class _Bench:
    def __init__(self, dut: Any, job: dict[str, Any]) -> None:
        self.dut = dut
        self.job = job
        self.axi = AxiLite(dut, dut.clk)
        self.words = 0
        self.results = 0
        self.go = 0
        self.log: list[dict[str, Any]] = []
        self.snapshots: list[dict[str, int]] = []
        dut.rst_n.value = 0
        for name, value in (("source_go", 0), ("source_first", 0), ("source_words", 0), ("stall_in", 0), ("stall_out", 0),
                            ("seed", job["seed"]), ("wake_results", NEVER), ("wake_words", NEVER), ("idle_limit", job["idle_limit"])):
            getattr(dut, name).value = value

    def read(self, name: str) -> int:
        return int(getattr(self.dut, name).value)

    async def step(self, step: Step) -> None:
        match step:
            case Reset(cycles):
                await self.reset(cycles)
            case Write(register, value):
                await self.axi.write(self.job["registers"][register], value)
            case Read():
                self.snapshots.append({name: await self.axi.read(offset) for name, offset in self.job["registers"].items()})
            case Stall(source, sink):
                self.dut.stall_in.value = round(source * 65536)
                self.dut.stall_out.value = round(sink * 65536)
            case Send(first, words):
                await self.send(first, words)
            case Sent():
                await self.wait("wake_words", self.words, lambda: self.read("words_in"))
            case Results(count):
                self.results += count
                await self.wait("wake_results", self.results, lambda: self.read("results"))
            case Cycles(count):
                await Timer(count * PERIOD_NS, "ns")
        self.log.append({"step": type(step).__name__, "cycle": self.read("cycle")})

    async def reset(self, cycles: int) -> None:
        self.dut.rst_n.value = 0
        for _ in range(max(cycles, 1)):
            await RisingEdge(self.dut.clk)
        self.dut.rst_n.value = 1
        # the reset is registered in the bench, and a soft reset stretches it
        for _ in range(3):
            await RisingEdge(self.dut.clk)
        self.rebase()

    def rebase(self) -> None:
        self.words = self.read("words_in")
        self.results = self.read("results")

    async def send(self, first: int, words: int) -> None:
        self.go ^= 1
        self.dut.source_first.value = first * self.job["image_words"]
        self.dut.source_words.value = words
        self.dut.source_go.value = self.go
        for _ in range(2):
            await RisingEdge(self.dut.clk)
        if words == 0:
            self.rebase()
        self.words += words

    async def wait(self, wake: str, target: int, count: Callable[[], int]) -> None:
        getattr(self.dut, wake).value = target
        while count() < target:
            await First(ValueChange(self.dut.wake), Timer(self.job["tick"] * PERIOD_NS, "ns"))
            self.progress()
            if self.read("idle") and count() < target:
                raise _Stalled(f"{target - count()} more {'results' if wake == 'wake_results' else 'words'} expected")
        getattr(self.dut, wake).value = NEVER

    def progress(self) -> None:
        print("@offramp " + json.dumps({"results": self.read("results"), "images_in": self.read("images_in"),
                                        "cycle": self.read("cycle")}), flush=True)

    async def diagnose(self) -> dict[str, Any]:
        """Which counted streams are stuck: those whose stall counter moves while nothing else does."""
        names = [name for name in self.job["registers"] if name.startswith("STALL_")]
        before = {name: await self.axi.read(self.job["registers"][name]) for name in names}
        await Timer(64 * PERIOD_NS, "ns")
        after = {name: await self.axi.read(self.job["registers"][name]) for name in self.job["registers"]}
        return {"stuck": [name for name in names if after[name] - before[name] >= 64], "registers": after}


@cocotb.test()  # type: ignore[untyped-decorator]
async def scenario(dut: Any) -> None:
    """Carries out the job's steps."""
    job = json.loads(Path(os.environ["OFFRAMP_JOB"]).read_text(encoding="utf-8"))
    bench = _Bench(dut, job)
    report: dict[str, Any] = {"log": bench.log, "snapshots": bench.snapshots}
    # times the simulation, from inside: loading Python and the model is no part of it
    started = time.perf_counter()
    first = bench.read("cycle")
    try:
        for step in job["steps"]:
            await bench.step(decode(step))
        # what comes now was not asked for
        await Timer(job.get("settle", 64) * PERIOD_NS, "ns")
    except _Stalled as stalled:
        report["stalled"] = {"why": str(stalled), "step": len(bench.log), **await bench.diagnose()}
    report["seconds"] = time.perf_counter() - started
    report["cycles"] = bench.read("cycle") - first
    report["counts"] = {name: bench.read(name) for name in ("words_in", "images_in", "results", "batches", "interrupts")}
    try:
        Path(job["output"]).write_text(json.dumps(report), encoding="utf-8")
    except OSError as error:
        # cocotb does not say why a test failed where the simulation ends with it
        print(f"cannot write the report: {error}", flush=True)
        raise
