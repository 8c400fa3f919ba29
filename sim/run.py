"""Simulates images through a whole accelerator and says what came out, when, and what it cost in cycles."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hw.accelerator import counted_streams
from hw.netlist import Netlist
from sim.bench import AcceleratorBench
from sim.cocotb_process import Progress
from sim.errors import SimulationError
from sim.identity import positions
from sim.result_word import unpack
from sim.scenario import Read, Reset, Results, Send, Sent, Stall, Step, Write
from sim.trace import Trace, parse

__all__ = ["SimResult", "StageUse", "StreamUse", "expected_ids", "simulate", "steady_cycles"]

Values = npt.NDArray[np.int64]

BATCH = 1000
"""Images in a batch unless the caller says otherwise: an interrupted run is taken up at a batch's start."""


@dataclass(frozen=True, kw_only=True)
class StreamUse:
    """A counted stream: cycles in which it was valid and not ready, and the most beats its FIFO held."""

    name: str
    stall: int
    occupancy: int


@dataclass(frozen=True, kw_only=True)
class StageUse:
    """A stage (its head included): ``samples`` that reached it, their share ``reach``, and ``busy``, the share of the run's cycles for
    which its slowest unit, ``unit``, worked on them at the ``cycles`` a frame that it was planned for."""

    index: int
    samples: int
    reach: float
    unit: str
    cycles: int
    busy: float


@dataclass(frozen=True, kw_only=True)
class SimResult:
    """Per sample, int64 ``[n]`` in image order: ``id``, ``label``, ``exit``, ``confidence``, ``latency`` (the result word's ``cycles``, 0
    where it has none), ``cycle_in`` and ``cycle_out``. ``arrival`` are image indices in the order in which their results came.

    ``cycles`` from the first image's first beat to the last result; ``cycles_per_sample`` at steady state; ``sim_cycles`` were simulated
    in ``seconds``. ``registers`` as read at the end; where the run was taken up after an interruption (``resumed``), they and all that
    follows from them cover the last part only.
    """

    id: Values
    label: Values
    exit: Values
    confidence: Values
    latency: Values
    cycle_in: Values
    cycle_out: Values
    arrival: Values
    cycles: int
    cycles_per_sample: float
    sim_cycles: int
    seconds: float
    streams: tuple[StreamUse, ...]
    stages: tuple[StageUse, ...]
    gates: tuple[int, ...]
    limited_by: str
    registers: dict[str, int] = field(default_factory=dict)
    resumed: bool = False

    @property
    def sim_cycles_per_second(self) -> float:
        """Speed of the simulation itself."""
        return self.sim_cycles / self.seconds if self.seconds else 0.0

    def to_json(self) -> dict[str, Any]:
        """What ``sim.json`` holds."""
        columns = ("id", "label", "exit", "confidence", "cycle_in", "cycle_out")
        rows = zip(*(getattr(self, name).tolist() for name in columns), strict=True)
        return {
            "version": 1,
            "samples": [dict(zip(columns, row, strict=True)) for row in rows],
            "streams": {item.name: {"stall": item.stall, "occupancy": item.occupancy} for item in self.streams},
            "gates": list(self.gates),
            "stages": [vars(item) for item in self.stages],
            "cycles": self.cycles,
            "cycles_per_sample": self.cycles_per_sample,
            "limited_by": self.limited_by,
            "sim_cycles": self.sim_cycles,
            "sim_cycles_per_second": self.sim_cycles_per_second,
            "registers": self.registers,
            "resumed": self.resumed,
        }


def expected_ids(batches: Sequence[int], id_bits: int) -> Values:
    """The id every image must get, int64 ``[n]``: its place in its batch, modulo ``2**id_bits``."""
    return np.concatenate([np.arange(length) for length in batches]).astype(np.int64) % (1 << id_bits)


def steady_cycles(images: Sequence[int], results: Sequence[int], warm_up: int) -> float:
    """Cycles per sample once buffers have filled: the pace at which images are taken, from image ``warm_up`` to the last one.

    ``images`` are the cycles of first beats, ``results`` those of results. That pace is free of the drain at the end, and easy samples
    that overtake hard ones do not blur it. Runs of few images give the whole run's mean, drain included.
    """
    first = min(warm_up, len(images) // 4)
    if len(images) < 16:
        return (results[-1] - images[0]) / len(images)
    return (images[-1] - images[first]) / (len(images) - 1 - first)


def _split(length: int, batches: Sequence[int] | None) -> list[int]:
    if batches is None:
        batches = [min(BATCH, length - start) for start in range(0, length, BATCH)]
    if any(item < 1 for item in batches) or sum(batches) != length:
        raise ValueError(f"batches must be positive and add up to {length} images, not {list(batches)}")
    return list(batches)


def _steps(batches: Sequence[int], words: int, writes: Mapping[str, int], stall: Stall) -> list[Step]:
    steps: list[Step] = [Reset(), stall, *(Write(name, value) for name, value in writes.items())]
    first = 0
    # batches of one length follow each other without a gap; another length has to be written between two of them
    for length, run in groupby(batches):
        count = length * len(list(run))
        steps += [Write("BATCH_LENGTH", length), Send(first, count * words), Sent()]
        first += count
    return [*steps, Results(first), Read()]


class _Parts:
    """The records of interrupted runs of one job; whole batches in them need not be simulated again."""

    def __init__(self, work: Path, key: str, batches: Sequence[int]) -> None:
        self.folder = folder = work / "parts"
        self.record = work / "results.txt"
        self.traces: list[Trace] = []
        self.done = 0
        state = folder / "state.json"
        known = json.loads(state.read_text(encoding="utf-8")) if state.is_file() else None
        if known != {"key": key}:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            state.write_text(json.dumps({"key": key}), encoding="utf-8")
            self.record.unlink(missing_ok=True)
        # a run that was killed could not put its record aside
        self.keep()
        for path in sorted(folder.glob("part*.txt")):
            self._take(parse(path), batches)

    def _take(self, part: Trace, batches: Sequence[int]) -> None:
        count = whole = 0
        for length in batches[self.done :]:
            if count + length > len(part.results) or not part.results[count + length - 1][1]:
                break
            count += length
            whole += 1
        if whole:
            self.traces.append(Trace(images=part.images[:count], results=part.results[:count]))
            self.done += whole

    def keep(self) -> None:
        """Put the record of an interrupted run aside."""
        if self.record.is_file():
            self.record.replace(self.folder / f"part{len(list(self.folder.glob('part*.txt'))):03d}.txt")


def simulate(
    netlist: Netlist, rtl: Path, images: npt.NDArray[np.uint8], *, work: Path, cache: Path, stall_in: float = 0.0, stall_out: float = 0.0,
    seed: int = 1, batches: Sequence[int] | None = None, writes: Mapping[str, int] | None = None, waves: Path | None = None,
    idle_limit: int | None = None, optimise: str = "O2", jobs: int = 2, resume: bool = True, progress: Progress | None = None,
) -> SimResult:
    """Send ``images`` (uint8 ``[n, h, w, c]``, at least one) through the accelerator of ``netlist``, whose Verilog is in ``rtl``.

    ``stall_in`` and ``stall_out`` (0 to below 1) are the shares of cycles that source and sink sit out at random, drawn from ``seed``.
    ``batches`` are batch lengths that add up to ``n``; one after another without waiting. ``writes`` are registers to set before.
    ``waves`` gets an FST file. Files of the run go to ``work``, built models to ``cache``. After an interruption (a kill too), the same
    call goes on at the first batch that was not finished, unless ``resume`` is off.

    Raises what :class:`AcceleratorBench` raises, and :class:`SimulationError` for results that are lost, doubled or mixed up.
    """
    if not len(images):
        raise ValueError("images must be at least one, not 0")
    for name, value in (("stall_in", stall_in), ("stall_out", stall_out)):
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be from 0 to below 1, not {value}")
    lengths = _split(len(images), batches)
    bench = AcceleratorBench(netlist, rtl, cache, trace=waves is not None, optimise=optimise, jobs=jobs)
    words = bench.image_words
    writes = dict(writes or {})
    key = hashlib.sha256(json.dumps([str(bench.model.parent.name), images.shape, lengths, stall_in, stall_out, seed, writes]).encode()
                         + np.ascontiguousarray(images).tobytes()).hexdigest()
    parts = _Parts(work, key, lengths if resume else [])
    rest = lengths[parts.done :]
    slack = 1 / ((1 - stall_in) * (1 - stall_out))
    trace: Trace | None = None
    if rest:
        steps = _steps(rest, words, writes, Stall(stall_in, stall_out))
        try:
            trace = bench.run(
                images[sum(lengths[: parts.done]) :], steps, work=work, seed=seed, waves=waves,
                idle_limit=round(bench.idle_limit * slack) if idle_limit is None else idle_limit, progress=progress)
        except BaseException:
            parts.keep()
            raise
    result = _result(netlist, lengths, parts.traces, trace)
    shutil.rmtree(parts.folder, ignore_errors=True)
    return result


def _result(netlist: Netlist, lengths: Sequence[int], parts: Sequence[Trace], final: Trace | None) -> SimResult:
    images: list[int] = []
    results: list[tuple[int, bool, int]] = []
    traces = [*parts, *([final] if final else [])]
    for trace in traces:
        # parts follow each other in time, as if there had been no interruption
        offset = results[-1][0] + 1 - trace.images[0] if results else 0
        images += [cycle + offset for cycle in trace.images]
        results += [(cycle + offset, last, word) for cycle, last, word in trace.results]
    fields = unpack([word for _, _, word in results], netlist.result)
    id_bits = next(item.width for item in netlist.result.fields if item.name == "id")
    arrival = positions(fields["id"].tolist(), [last for _, last, _ in results], lengths, id_bits)
    if len(images) != len(arrival):
        raise SimulationError(f"{len(arrival)} images were sent, {len(images)} were taken")
    place = np.argsort(arrival)
    zeros = np.zeros(len(arrival), np.int64)
    out = np.array([cycle for cycle, _, _ in results], np.int64)
    longest = max(traces, key=lambda item: len(item.results))
    steady = steady_cycles(longest.images, [cycle for cycle, _, _ in longest.results], netlist.max_in_flight)
    registers = final.snapshots[-1] if final else {}
    streams = tuple(StreamUse(name=name, stall=registers[f"STALL_{j}"], occupancy=registers[f"OCCUPANCY_MAX_{j}"])
                    for j, name in enumerate(counted_streams(netlist))) if registers else ()
    cycles = int(out[-1]) - images[0]
    stages = _stages(netlist, fields["exit"], cycles)
    return SimResult(
        **{name: fields.get(name, zeros)[place] for name in ("id", "label", "exit", "confidence")},
        latency=fields.get("cycles", zeros)[place], cycle_in=np.array(images, np.int64), cycle_out=out[place], arrival=arrival,
        cycles=cycles, cycles_per_sample=steady, sim_cycles=final.cycles if final else 0, seconds=final.seconds if final else 0.0,
        streams=streams, stages=stages, gates=tuple(registers.get(f"GATE_OCCUPANCY_MAX_{gate.exit}", 0) for gate in netlist.gates),
        limited_by=_limit(stages, streams, final.cycles if final else 0), registers=registers, resumed=bool(parts))


def _stages(netlist: Netlist, exits: Values, cycles: int) -> tuple[StageUse, ...]:
    used = []
    for stage in netlist.stages:
        reached = int((exits >= stage.index).sum())
        slowest = max((layer for layer in netlist.layers if layer.stage == stage.index), key=lambda layer: layer.cycles, default=None)
        planned = slowest.cycles if slowest else 0
        used.append(StageUse(index=stage.index, samples=reached, reach=reached / len(exits), unit=slowest.name if slowest else "",
                             cycles=planned, busy=reached * planned / cycles if cycles else 0.0))
    return tuple(used)


def _limit(stages: Sequence[StageUse], streams: Sequence[StreamUse], cycles: int) -> str:
    """What sets the pace: the source or sink when they do, else the slowest unit of the stage that is busiest."""
    stalls = {item.name: item.stall for item in streams}
    if not stages:
        return ""
    busiest = max(stages, key=lambda stage: stage.busy)
    if busiest.busy < 0.5:
        if stalls.get("output", 0) > cycles // 2:
            return "output"
        if stalls.get("input", 0) < cycles // 20:
            return "input"
    return f"stage {busiest.index}, {busiest.unit}"
