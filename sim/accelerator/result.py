"""What a simulation found: every sample's way, and what streams and stages did meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hw.accelerator import counted_streams
from hw.netlist import Netlist
from sim.accelerator.answers import Provisional, owners, provisional
from sim.accelerator.identity import positions
from sim.accelerator.trace import Trace
from sim.errors import SimulationError
from sim.result_word import unpack

__all__ = ["SimResult", "StageUse", "StreamUse", "assemble", "steady_cycles"]

Values = npt.NDArray[np.int64]


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
    in ``seconds``. ``registers`` as read at the end, counters added up over the processes; where the run was taken up after an
    interruption (``resumed``), they and all that follows from them do not cover what was done before it.

    ``words`` came out; more than one a sample where exits answer at any time, and ``provisional`` are those that were not final.
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
    words: int = 0
    provisional: Provisional | None = None

    @property
    def sim_cycles_per_second(self) -> float:
        """Speed of the simulation itself."""
        return self.sim_cycles / self.seconds if self.seconds else 0.0

    def to_json(self) -> dict[str, Any]:
        """What ``sim.json`` holds."""
        columns = ("id", "label", "exit", "confidence", "cycle_in", "cycle_out")
        rows = zip(*(getattr(self, name).tolist() for name in columns), strict=True)
        samples: list[dict[str, Any]] = [dict(zip(columns, row, strict=True)) for row in rows]
        if self.provisional is not None:
            for sample, said in zip(samples, self.provisional.rows(), strict=True):
                sample["provisional"] = said
        return {
            "version": 1,
            "samples": samples,
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


def steady_cycles(images: Sequence[int], results: Sequence[int], warm_up: int) -> float:
    """Cycles per sample once buffers have filled: the pace at which images are taken, from image ``warm_up`` to the last one.

    ``images`` are the cycles of first beats, ``results`` those of results. That pace is free of the drain at the end, and easy samples
    that overtake hard ones do not blur it. Runs of few images give the whole run's mean, drain included.
    """
    first = min(warm_up, len(images) // 4)
    if len(images) < 16:
        return (results[-1] - images[0]) / len(images)
    return (images[-1] - images[first]) / (len(images) - 1 - first)


def assemble(netlist: Netlist, lengths: Sequence[int], traces: Sequence[Trace], *, seconds: float, resumed: bool) -> SimResult:
    """One result from the traces of consecutive batches, whose lengths are ``lengths``, that took ``seconds`` together.

    The traces follow each other in time, as if one run had made them all; their counters are added up. Traces without registers are those
    of interrupted runs. Raises :class:`SimulationError` for results that are lost, doubled or mixed up.
    """
    images: list[int] = []
    results: list[tuple[int, bool, int]] = []
    for trace in traces:
        offset = results[-1][0] + 1 - trace.images[0] if results else 0
        images += [cycle + offset for cycle in trace.images]
        results += [(cycle + offset, last, word) for cycle, last, word in trace.results]
    words = unpack([word for _, _, word in results], netlist.result)
    cycle_of_word = np.array([cycle for cycle, _, _ in results], np.int64)
    fields, last, out, owner = words, [last for _, last, _ in results], cycle_of_word, None
    if netlist.anytime:
        final = words["final"].astype(np.bool_)
        owner = owners(words["id"].tolist(), words["exit"].tolist(), final.tolist(), last)
        fields = {name: values[final] for name, values in words.items()}
        last, out = np.array(last)[final].tolist(), cycle_of_word[final]
    id_bits = next(item.width for item in netlist.result.fields if item.name == "id")
    arrival = positions(fields["id"].tolist(), last, lengths, id_bits)
    if len(images) != len(arrival):
        raise SimulationError(f"{len(arrival)} images were sent, {len(images)} were taken")
    place = np.argsort(arrival)
    zeros = np.zeros(len(arrival), np.int64)
    early = None
    if owner is not None:
        early = provisional({name: values[~final] for name, values in words.items()}, arrival[owner[~final]], cycle_of_word[~final],
                            count=len(arrival), exits=len(netlist.exits))
    longest = max(traces, key=lambda item: len(item.results))
    registers = _registers([trace.snapshots[-1] for trace in traces if trace.snapshots])
    streams = tuple(StreamUse(name=name, stall=registers[f"STALL_{j}"], occupancy=registers[f"OCCUPANCY_MAX_{j}"])
                    for j, name in enumerate(counted_streams(netlist))) if registers else ()
    cycles = int(out[-1]) - images[0]
    stages = _stages(netlist, fields["exit"], cycles)
    simulated = sum(trace.cycles for trace in traces)
    return SimResult(
        **{name: fields.get(name, zeros)[place] for name in ("id", "label", "exit", "confidence")},
        latency=fields.get("cycles", zeros)[place], cycle_in=np.array(images, np.int64), cycle_out=out[place], arrival=arrival,
        cycles=cycles, cycles_per_sample=steady_cycles(longest.images, [item[0] for item in longest.results], netlist.max_in_flight),
        sim_cycles=simulated, seconds=seconds, streams=streams, stages=stages,
        gates=tuple(registers.get(f"GATE_OCCUPANCY_MAX_{k}", 0) for k in range(len(netlist.cuts))),
        limited_by=_limit(stages, streams, simulated), registers=registers, resumed=resumed, words=len(results), provisional=early)


def _registers(snapshots: Sequence[dict[str, int]]) -> dict[str, int]:
    """Registers of several runs as one: counters added up, highest fills the highest, all else as the last one read it."""
    merged = dict(snapshots[-1]) if snapshots else {}
    for name in merged:
        values = [snapshot[name] for snapshot in snapshots]
        if "OCCUPANCY_MAX" in name:
            merged[name] = max(values)
        elif name.startswith(("STALL_", "EXIT_COUNT_", "SAMPLES_")):
            merged[name] = sum(values)
    return merged


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
