"""A harness that measures what each stage does by itself: its frame interval, the time to its verdict and what its FIFOs need.

The layers are the accelerator's own; their timing does not depend on the data, so sources and weights are zeros and
FIFOs are only counters, with a capacity that can be set while it runs. It is simulated, never synthesised.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from amaranth.hdl import Array, Cat, ClockDomain, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.exits.decision import ExitDecision
from hw.layers.dataflow import Dataflow
from hw.layers.layer_unit import LayerUnit
from hw.netlist import Netlist, Stream, handed_on

__all__ = ["CountingFifo", "PacedSource", "StageProbe"]

WORD = 32


class CountingFifo(wiring.Component):
    """A FIFO's timing without its memory: counts beats, holds at most ``limit`` of them, keeps the highest count seen.

    Latency: one cycle. Throughput: one beat a cycle for ``limit >= 2``. Reset: empty.

    Members
    -------
    i, o : beats in and out; the payload out is zero
    limit : capacity in beats
    top : highest level since reset
    """

    def __init__(self, width: int) -> None:
        super().__init__({"i": In(stream.Signature(width)), "o": Out(stream.Signature(width)), "limit": In(WORD), "top": Out(WORD)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        level = Signal(WORD)
        m.d.comb += [self.i.ready.eq(level < self.limit), self.o.valid.eq(level != 0)]
        m.d.sync += level.eq(level + (self.i.valid & self.i.ready) - (self.o.valid & self.o.ready))
        with m.If(level > self.top):
            m.d.sync += self.top.eq(level)
        return m


class PacedSource(wiring.Component):
    """Sends frames of zeros, ``frame_beats`` beats spread evenly over ``interval`` cycles; an interval of 0 sends as
    fast as they are taken.

    Latency: none. Throughput: one beat a cycle. Reset: nothing sent, first beat due at once.

    Members
    -------
    o : beats
    interval : cycles per frame
    """

    def __init__(self, width: int, frame_beats: int) -> None:
        if frame_beats < 1:
            raise ValueError(f"frame_beats must be at least 1, not {frame_beats}")
        self.frame_beats = frame_beats
        super().__init__({"o": Out(stream.Signature(width)), "interval": In(WORD)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Bresenham: a beat falls due each time the accumulated beats pass an interval; those not yet taken are owed.
        phase, owed = Signal(WORD), Signal(WORD, init=1)
        due = Signal()
        m.d.comb += [due.eq(phase + self.frame_beats >= self.interval), self.o.valid.eq((owed != 0) | (self.interval == 0))]
        m.d.sync += [
            phase.eq(phase + self.frame_beats - Mux(due, self.interval, 0)),
            owed.eq(owed + due - (self.o.valid & self.o.ready)),
        ]
        return m


def _outermost(values: Sequence[Value], *, latest: bool) -> Value:
    """The greatest of ``values``, or without ``latest`` the least."""
    found = values[0]
    for value in values[1:]:
        found = Mux(value > found if latest else value < found, value, found)
    return found


class StageProbe(wiring.Component):
    """All stages of ``netlist`` side by side, each fed and drained by itself.

    Stage k with its head and its decision gets its own :class:`PacedSource`; what leaves for the next stage and what is decided is always
    taken. Every stream between layers, and from a gate head to its exit, has a :class:`CountingFifo`. Software writes a word per cycle and
    reads any word at any time:

    ==========================  =====================================================================
    address                     word
    ==========================  =====================================================================
    ``stage_base(k) + 0``       write: interval of stage k's source; read: cycle in which a beat moved in the stage last
    ``stage_base(k) + 1``       read: frames that were decided on
    ``stage_base(k) + 2``       read: cycle in which the latest of them was
    ``stage_base(k) + 3``       read: cycle in which the first frame had wholly left for the gate, in all its tensors (0 in the last stage)
    ``stage_base(k) + 4``       read: cycle in which the first frame was decided on
    ``stage_base(k) + 5``       read: cycle in which the latest frame had wholly left for the gate
    ``stage_base(k) + 6``       read: frames that have wholly left for the gate
    ``stage_base(k) + 7``       read: cycle in which the first frame had wholly left for the gate in one of its tensors
    ``fifo_base + 2 * j``       write: capacity of FIFO j
    ``fifo_base + 2 * j + 1``   read: highest level of FIFO j
    ==========================  =====================================================================

    Latency: reads are combinational, writes take effect in the next cycle. Reset (``rst``): layers, sources, FIFOs
    and measurements; not what was written.

    Members
    -------
    clk, rst : clock; synchronous reset, active high
    addr, wdata, we : a word to write
    rdata : the word at ``addr``
    """

    def __init__(self, netlist: Netlist, *, stages: Iterable[int] | None = None) -> None:
        self.netlist = netlist
        self.stages = tuple(range(len(netlist.stages)) if stages is None else stages)
        kept = {layer.name for layer in netlist.layers if layer.stage in self.stages}
        self.streams: list[Stream] = [item for item in Dataflow.inner(netlist) if item.src[0] in kept and item.dst[0] in kept]
        # A gate head may be many samples ahead of its exit's head, and what it said waits.
        self.streams += [item for item in netlist.streams if item.src[0] in kept and self._to_gate(item)]
        self.fifo_base = 8 * len(netlist.stages)
        super().__init__({
            "clk": In(1), "rst": In(1), "addr": In(16), "wdata": In(WORD), "we": In(1), "rdata": Out(WORD),
        })

    @staticmethod
    def _to_gate(item: Stream) -> bool:
        """Whether ``item`` carries a gate head's logits to its exit."""
        return item.dst[0].startswith("exit") and item.dst[1] == 1

    @staticmethod
    def stage_base(stage: int) -> int:
        """First address of a stage's words."""
        return 8 * stage

    def _written(self, m: Module, address: int, name: str) -> Signal:
        value = Signal(WORD, name=name, reset_less=True)
        with m.If(self.we & (self.addr == address)):
            m.d.sync += value.eq(self.wdata)
        return value

    def elaborate(self, platform: object) -> Module:
        netlist, m = self.netlist, Module()
        m.domains.sync = sync = ClockDomain("sync")
        sync.clk = self.clk
        m.d.comb += sync.rst.eq(self.rst)
        words: dict[int, Value] = {}
        now = Signal(WORD)
        m.d.sync += now.eq(now + 1)

        flow = Dataflow(m, [layer for layer in netlist.layers if layer.stage in self.stages], rst_n=~self.rst,
                        unit=partial(LayerUnit, hollow=True))
        learned: dict[tuple[str, int], Any] = {}
        ends: dict[int, list[Any]] = {k: [] for k in self.stages}
        for j, item in enumerate(self.streams):
            m.submodules[item.name] = fifo = CountingFifo(item.bits)
            wiring.connect(m, flow.source(item.src), fifo.i)
            ends[netlist.layer(item.src[0]).stage] += [fifo.i, fifo.o]
            if self._to_gate(item):
                learned[item.dst] = fifo.o
            else:
                wiring.connect(m, fifo.o, flow.sink(item.dst))
            m.d.comb += fifo.limit.eq(self._written(m, self.fifo_base + 2 * j, f"limit{j}"))
            words[self.fifo_base + 2 * j + 1] = fifo.top

        for k in self.stages:
            base = self.stage_base(k)
            if k == 0:
                entry = next(item for item in netlist.streams if item.src[0] == "input")
                enters = [(entry.dst, entry.bits, entry.frame_beats)]
            else:
                enters = [(gate.dst, gate.bits, gate.frame_beats) for gate in netlist.cuts[k - 1] if handed_on(gate.dst) is None]
            interval = self._written(m, base, f"interval{k}")
            for n, (dst, bits, beats) in enumerate(enters):
                m.submodules[f"source{k}_{n}" if n else f"source{k}"] = source = PacedSource(bits, beats)
                wiring.connect(m, source.o, flow.sink(dst))
                m.d.comb += source.interval.eq(interval)
                ends[k].append(source.o)

            logits = next(item for item in netlist.streams if item.dst == (f"exit{k}", 0))
            policy = netlist.exits[k]
            m.submodules[f"decision{k}"] = decision = ExitDecision(
                classes=policy.classes, pe=policy.pe, acc_bits=policy.acc_bits, bias=policy.bias,
                policy=policy.policy, params=policy.params, exchangeable=netlist.exchangeable)
            m.d.comb += [decision.threshold.eq(policy.threshold), decision.enable.eq(1)]
            wiring.connect(m, flow.source(logits.src), decision.logits)
            ends[k] += [decision.logits, decision.o]
            if "gate" in decision.score.ports:
                wiring.connect(m, learned[f"exit{k}", 1], decision.gate)
            answers, answered, first_answer = self._drain(m, decision.o, 1, now, f"decision{k}")
            words |= {base + 1: answers, base + 2: answered, base + 4: first_answer}
            if k < len(netlist.cuts):
                left = []
                for n, gate in enumerate(netlist.cuts[k]):
                    name = f"gate{k}_{n}" if n else f"gate{k}"
                    if handed_on(gate.src) is None:
                        end = flow.source(gate.src)
                    else:
                        # What the stage only hands on leaves as it comes.
                        m.submodules[f"{name}_source"] = source = PacedSource(gate.bits, gate.frame_beats)
                        m.d.comb += source.interval.eq(interval)
                        end = source.o
                    ends[k].append(end)
                    left.append(self._drain(m, end, gate.frame_beats, now, name))
                words |= {base + 3: _outermost([first for _, _, first in left], latest=True),
                          base + 5: _outermost([at for _, at, _ in left], latest=True),
                          base + 6: _outermost([frames for frames, _, _ in left], latest=False),
                          base + 7: _outermost([first for _, _, first in left], latest=False)}
            moved = Signal(WORD, name=f"moved{k}")
            with m.If(Cat(end.valid & end.ready for end in ends[k]).any()):
                m.d.sync += moved.eq(now)
            words[base] = moved
        size = max(words) + 1
        table = Array(words.get(address, Signal(WORD, name=f"none{address}")) for address in range(size))
        m.d.comb += self.rdata.eq(table[self.addr])
        return m

    @staticmethod
    def _drain(m: Module, source: object, beats: int, now: Signal, name: str) -> tuple[Signal, Signal, Signal]:
        """Take every beat; count frames, note when the latest and the first were complete."""
        parts = ("beat", "frames", "latest", "first")
        beat, frames, latest, first = (Signal(WORD, name=f"{name}_{part}") for part in parts)
        # The payload is read so that the simulator cannot remove the layer that makes it.
        seen = Signal(name=f"{name}_seen")
        m.d.comb += source.ready.eq(1)  # type: ignore[attr-defined]
        with m.If(source.valid):  # type: ignore[attr-defined]
            m.d.sync += [seen.eq(Cat(source.payload).any()), beat.eq(beat + 1)]  # type: ignore[attr-defined]
            with m.If(beat == beats - 1):
                m.d.sync += [beat.eq(0), frames.eq(frames + 1), latest.eq(now)]
                with m.If(frames == 0):
                    m.d.sync += first.eq(now)
        return frames, latest, first
