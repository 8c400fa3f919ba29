"""The accelerator's top: FINN layers, forks, gates, decisions and merge behind AXI-Stream and AXI4-Lite."""

import zlib

from amaranth.hdl import Cat, ClockDomain, Module, ResetInserter, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.control.axi_lite import AxiLiteRegisters
from hw.control.clamp import clamp
from hw.control.register_map import ADDR_WIDTH, accelerator_registers
from hw.control.registers import Register, with_init
from hw.exits.admission import Admission
from hw.exits.decision import ExitDecision
from hw.exits.exchangeable import exchangeable_memory
from hw.exits.frame_gate import FrameGate
from hw.exits.merge import ExitMerge
from hw.exits.router import ExitRouter
from hw.exits.token import STAMP_BITS
from hw.layers.dataflow import Dataflow
from hw.netlist import Netlist, NetlistError, Stream, dump
from hw.streams.bus_unpack import BusUnpack
from hw.streams.fifo import Fifo
from hw.streams.interface_attributes import interface_attributes

__all__ = ["Accelerator", "build_id", "counted_streams", "registers", "result_depth"]

RESET_CYCLES = 16
"""How long a soft reset holds everything: FINN's units were checked with resets of 1, 2 and 16 cycles."""

RESULT_DEPTH = 4
"""Results an exit may have waiting at the merge before its decisions wait too. (Where every exit answers: the last exit's; of an early
one as many as samples may be inside, so that none waits for results of the batch before.)"""


def build_id(netlist: Netlist) -> int:
    """32-bit identity of an accelerator, read back from its BUILD register: the checksum of its netlist."""
    return zlib.crc32(dump(netlist).encode())


def counted_streams(netlist: Netlist) -> list[str]:
    """The streams with stall and occupancy counters, in the order of their registers: the image input, what enters each later
    stage, each exit's logits, and the results."""
    return ["input", *(f"gate{gate.exit}" for gate in netlist.gates), *(f"exit{item.index}" for item in netlist.exits), "output"]


def result_depth(netlist: Netlist, index: int) -> int:
    """Results of exit ``index`` that may wait at the merge."""
    early = index < len(netlist.exits) - 1
    return max(RESULT_DEPTH, netlist.max_in_flight) if netlist.anytime and early else RESULT_DEPTH


def registers(netlist: Netlist) -> list[Register]:
    """The accelerator's registers with their initial values, the one declaration behind Verilog, driver and documentation."""
    values = {"CLASSES": netlist.classes, "BUILD": build_id(netlist)}
    for item in netlist.exits:
        values[f"THRESHOLD_{item.index}"] = item.threshold
        values[f"ENABLE_{item.index}"] = int(item.enabled)
    declared = accelerator_registers(exits=len(netlist.exits), streams=len(counted_streams(netlist)), gates=len(netlist.gates))
    return with_init(declared, values)


class Accelerator(wiring.Component):
    """A multi-exit network as one AXI-Stream accelerator.

    Images enter on ``s_axis``, each starting on a bus word; one result word per image leaves on ``m_axis``, ``tlast``
    with the last one of a batch of
    ``BATCH_LENGTH`` images. Easy images leave at early exits; their feature maps are dropped in the gates in one cycle.

    Where results have a field ``final`` (``netlist.anytime``), every exit that an image passes gives a word, in the order of the exits;
    batches, ids, ``tlast`` and all counters go by the final ones.

    Throughput is that of the slowest stage at the share of images that reach it. Latency differs per image and stands
    in the result's
    ``cycles``. Reset: ``ap_rst_n`` clears everything; ``CONTROL.soft_reset`` everything but the writable registers,
    and holds ``s_axis_tready`` and
    ``m_axis_tvalid`` low for sixteen cycles.

    Parameters
    ----------
    netlist : what to build

    Members
    -------
    ap_clk, ap_rst_n : clock; synchronous reset, active low
    s_axis_tdata, s_axis_tvalid, s_axis_tready, s_axis_tlast : images; ``tlast`` is ignored, batches go by count
    m_axis_tdata, m_axis_tvalid, m_axis_tready, m_axis_tlast : results
    s_axilite_* : registers (``hw.control.register_map``)
    irq : high for one cycle when the last result of a batch is taken
    """

    def __init__(self, netlist: Netlist) -> None:
        if [item.index for item in netlist.exits] != list(range(len(netlist.exits))):
            raise NetlistError(f"exits must be numbered from 0 in order, not {[item.index for item in netlist.exits]}")
        if [gate.exit for gate in netlist.gates] != list(range(len(netlist.exits) - 1)):
            raise NetlistError(f"every exit but the last needs one gate, in order, not {[gate.exit for gate in netlist.gates]}")
        if netlist.anytime:
            if netlist.order != "arrival":
                raise NetlistError(f"where every exit answers, order must be 'arrival', not {netlist.order!r}")
            mute = [item.index for item in netlist.exits if item.policy == "never"]
            if mute:
                raise NetlistError(f"exit {mute[0]} has policy never, which finds no class, and every exit must answer")
        self.netlist = netlist
        self.registers = registers(netlist)
        axi = {"awaddr": In(ADDR_WIDTH), "awvalid": In(1), "awready": Out(1), "wdata": In(32), "wstrb": In(4), "wvalid": In(1),
               "wready": Out(1), "bresp": Out(2), "bvalid": Out(1), "bready": In(1), "araddr": In(ADDR_WIDTH), "arvalid": In(1),
               "arready": Out(1), "rdata": Out(32), "rresp": Out(2), "rvalid": Out(1), "rready": In(1)}
        super().__init__({
            "ap_clk": In(1), "ap_rst_n": In(1),
            "s_axis_tdata": In(netlist.input.bus_bits), "s_axis_tvalid": In(1), "s_axis_tready": Out(1), "s_axis_tlast": In(1),
            "m_axis_tdata": Out(netlist.result.bits), "m_axis_tvalid": Out(1), "m_axis_tready": In(1), "m_axis_tlast": Out(1),
            **{f"s_axilite_{name}": member for name, member in axi.items()},
            "irq": Out(1),
        })
        self._axi = axi
        for name, attributes in interface_attributes(self.signature.members).items():
            getattr(self, name).attrs.update(attributes)

    def _stream(self, dst: str, index: int = 0) -> Stream:
        for item in self.netlist.streams:
            if item.dst == (dst, index):
                return item
        raise NetlistError(f"no stream ends at {f'input {index} of ' if index else ''}{dst!r}")

    def elaborate(self, platform: object) -> Module:
        netlist = self.netlist
        exits = len(netlist.exits)
        m = Module()
        m.domains.sync = sync = ClockDomain("sync")
        sync.clk = self.ap_clk
        m.d.comb += sync.rst.eq(~self.ap_rst_n)

        m.submodules.registers = bank = AxiLiteRegisters(self._declared(), ADDR_WIDTH, preset=self._presets())
        if netlist.exchangeable:
            self._settings(m, bank)
        for name, member in self._axi.items():
            inner, outer = getattr(bank.bus, name), getattr(self, f"s_axilite_{name}")
            m.d.comb += inner.eq(outer) if member.flow == In else outer.eq(inner)

        # A reset is stretched and registered: it fans out to every unit.
        core_reset = Signal(init=1)
        remaining = Signal(range(RESET_CYCLES + 1), init=RESET_CYCLES)
        with m.If(bank.control_soft_reset):
            m.d.sync += [remaining.eq(RESET_CYCLES), core_reset.eq(1)]
        with m.Elif(remaining != 0):
            m.d.sync += remaining.eq(remaining - 1)
        with m.Else():
            m.d.sync += core_reset.eq(0)
        core = ResetInserter({"sync": core_reset})

        now = Signal(STAMP_BITS)
        m.d.sync += now.eq(now + 1)

        # Images in.
        m.submodules.unpack = unpack = core(BusUnpack(netlist.input.bus_bits, netlist.input.beat_bits, netlist.input.frame_beats))
        id_bits = next(item.width for item in netlist.result.fields if item.name == "id")
        m.submodules.admission = admission = core(Admission(
            width=netlist.input.beat_bits, frame_beats=netlist.input.frame_beats, id_bits=id_bits,
            max_in_flight=netlist.max_in_flight, overtaking=netlist.order == "arrival"))
        m.submodules.input_words = words = core(Fifo(netlist.input.bus_bits, 2))
        m.d.comb += [
            words.i.payload.eq(self.s_axis_tdata),
            words.i.valid.eq(self.s_axis_tvalid & ~core_reset),
            self.s_axis_tready.eq(words.i.ready & ~core_reset),
            admission.now.eq(now),
            admission.batch_length.eq(bank.batch_length),
        ]
        wiring.connect(m, words.o, unpack.i)
        # Between the two, so that admission decides in one cycle and the cutting of words follows in another.
        m.submodules.input_beats = beats = core(Fifo(netlist.input.beat_bits, 2))
        wiring.connect(m, unpack.o, beats.i)
        wiring.connect(m, beats.o, admission.i)

        # Layers, and the streams between them.
        flow = Dataflow(m, netlist.layers, rst_n=~core_reset, wrap=core)
        entry = next(item for item in netlist.streams if item.src[0] == "input")
        flow.connect(entry, admission.o, flow.sink(entry.dst))
        for inner in Dataflow.inner(netlist):
            flow.connect(inner, flow.source(inner.src), flow.sink(inner.dst))

        # Decisions, gates and tokens.
        m.submodules.tokens0 = tokens = core(Fifo(len(Value.cast(admission.token.payload)), netlist.max_in_flight))
        self._connect_raw(m, admission.token, tokens.i)
        label_bits = max(1, ceil_log2(netlist.classes))
        probes: dict[str, tuple[Value, Value, Value]] = {"input": (self.s_axis_tvalid, self.s_axis_tready, words.level)}
        decisions, results, levels = [], [], []
        for item in netlist.exits:
            k, last = item.index, item.index == exits - 1
            m.submodules[f"decision{k}"] = decision = core(ExitDecision(
                classes=item.classes, pe=item.pe, acc_bits=item.acc_bits, bias=item.bias, policy=item.policy, params=item.params,
                exchangeable=netlist.exchangeable))
            decisions.append(decision)
            self._control(m, bank, decision, k)
            logits = self._stream(f"exit{k}")
            flow.connect(logits, flow.source(logits.src), decision.logits)
            level = flow.fifos[logits.name].level if logits.name in flow.fifos else Signal(1, name=f"no_level{k}")
            probes[f"exit{k}"] = (decision.logits.valid, decision.logits.ready, level)

            m.submodules[f"router{k}"] = router = core(ExitRouter(
                token=admission.layout, label_bits=label_bits, confidence_bits=decision.confidence_bits, last=last,
                anytime=netlist.anytime))
            self._connect_raw(m, decision.o, router.decision)
            self._connect_raw(m, tokens.o, router.token)
            m.submodules[f"results{k}"] = waiting = core(Fifo(len(Value.cast(router.result.payload)), result_depth(netlist, k)))
            self._connect_raw(m, router.result, waiting.i)
            results.append(waiting)
            m.d.comb += getattr(bank, f"exit_count_{k}").eq(self._counter(m, bank, core_reset, router.taken, f"exit_count{k}"))
            if last:
                continue
            gate = netlist.gates[k]
            m.submodules[f"gate{k}"] = buffer = core(FrameGate(gate.bits, gate.frame_beats, gate.frames))
            m.submodules[f"verdicts{k}"] = verdicts = core(Fifo(1, gate.frames + 1))
            self._connect_raw(m, router.keep, verdicts.i)
            wiring.connect(m, verdicts.o, buffer.keep)
            wiring.connect(m, flow.source(gate.src), buffer.i)
            wiring.connect(m, buffer.o, flow.sink(gate.dst))
            probes[f"gate{k}"] = (buffer.o.valid, buffer.o.ready, buffer.level)
            levels.append(buffer.level)
            m.submodules[f"tokens{k + 1}"] = tokens = core(Fifo(len(Value.cast(router.passed.payload)), netlist.max_in_flight))
            self._connect_raw(m, router.passed, tokens.i)

        self._join_beside(m, flow, decisions, core)

        # Results out.
        m.submodules.merge = merge = core(ExitMerge(
            exits=exits, token=admission.layout, max_in_flight=netlist.max_in_flight, label_bits=label_bits,
            confidence_bits=decisions[0].confidence_bits, bits=netlist.result.bits, fields=netlist.result.fields, order=netlist.order,
            anytime=netlist.anytime))
        for k, waiting in enumerate(results):
            self._connect_raw(m, waiting.o, merge.i[k])
        m.submodules.lengths = lengths = core(Fifo(len(admission.length.payload), netlist.max_in_flight))
        wiring.connect(m, admission.length, lengths.i)
        wiring.connect(m, lengths.o, merge.length)
        m.d.comb += [
            merge.now.eq(now),
            admission.release.eq(merge.release),
            admission.release_half.eq(merge.release_half),
            self.m_axis_tdata.eq(merge.o.payload.word),
            self.m_axis_tlast.eq(merge.o.payload.last),
            self.m_axis_tvalid.eq(merge.o.valid & ~core_reset),
            merge.o.ready.eq(self.m_axis_tready),
        ]
        m.d.sync += self.irq.eq(merge.batch_done & ~core_reset)
        waiting_results = sum((item.level for item in results[1:]), start=results[0].level)
        probes["output"] = (self.m_axis_tvalid, self.m_axis_tready, waiting_results)

        sent = self.m_axis_tvalid & self.m_axis_tready
        if netlist.anytime:
            sent &= merge.o.payload.word.bit_select(next(item.offset for item in netlist.result.fields if item.name == "final"), 1)

        # What software can read.
        cycles = self._counter(m, bank, core_reset, Signal(init=1), "cycles", width=64)
        m.d.comb += [
            bank.status_in_flight.eq(admission.in_flight),
            bank.status_busy.eq((admission.in_flight != 0) | merge.o.valid | core_reset),
            bank.cycles_lo.eq(cycles[:32]),
            bank.cycles_hi.eq(cycles[32:]),
            bank.samples_in.eq(self._counter(m, bank, core_reset, admission.admitted, "samples_in")),
            bank.samples_out.eq(self._counter(m, bank, core_reset, sent, "samples_out")),
        ]
        for j, name in enumerate(counted_streams(netlist)):
            valid, ready, level = probes[name]
            m.d.comb += [
                getattr(bank, f"stall_{j}").eq(self._counter(m, bank, core_reset, valid & ~ready, f"stall_{name}")),
                getattr(bank, f"occupancy_max_{j}").eq(self._maximum(m, bank, core_reset, level, f"occupancy_{name}")),
            ]
        for k, level in enumerate(levels):
            m.d.comb += getattr(bank, f"gate_occupancy_max_{k}").eq(self._maximum(m, bank, core_reset, level, f"gate_occupancy{k}"))
        return m

    def _presets(self) -> tuple[str, ...]:
        """The registers whose initial values follow from exchangeable heads."""
        return tuple(f"THRESHOLD_{item.index}" for item in self.netlist.exits) if self.netlist.exchangeable else ()

    def _declared(self) -> list[Register]:
        """The registers as the Verilog has them: those that are read from a memory have no value there."""
        return with_init(self.registers, {"BUILD": 0}) if self.netlist.exchangeable else self.registers

    def _settings(self, m: Module, bank: AxiLiteRegisters) -> None:
        """What the registers of exchangeable heads begin with, and the identity of the whole, from a memory."""
        values = {item.name: item.init for item in self.registers}
        names = ("BUILD", *self._presets())
        m.submodules.settings = memory = exchangeable_memory("settings", 32, [values[name] & 0xFFFF_FFFF for name in names])
        for address, name in enumerate(names):
            read = memory.read_port(domain="comb")
            target = bank.build if name == "BUILD" else getattr(bank, f"{name.lower()}_preset")
            m.d.comb += [read.addr.eq(address), target.eq(read.data)]

    @staticmethod
    def _control(m: Module, bank: AxiLiteRegisters, decision: ExitDecision, k: int) -> None:
        """An exit's registers to its decision."""
        threshold = getattr(bank, f"threshold_{k}")
        m.d.comb += [
            decision.threshold.eq(clamp(threshold, decision.threshold_range)),
            decision.enable.eq(getattr(bank, f"enable_{k}")),
            Value.cast(decision.mode).eq(getattr(bank, f"mode_{k}_mode")),
        ]
        if "class_write" in decision.score.ports:
            chosen = getattr(bank, f"mode_{k}_class")
            m.d.comb += [
                decision.class_write.eq(getattr(bank, f"threshold_{k}_written") & (chosen < decision.classes)),
                decision.class_index.eq(chosen),
                decision.class_value.eq(clamp(threshold, decision.score.value_range)),
            ]

    def _join_beside(self, m: Module, flow: Dataflow, decisions: list[ExitDecision], core: ResetInserter) -> None:
        """The streams that decisions have beside logits and results: a gate head's logits, and what exits tell the next one."""
        for k, decision in enumerate(decisions):
            ports = decision.score.ports
            if "gate" in ports:
                item = self._stream(f"exit{k}", 1)
                flow.connect(item, flow.source(item.src), decision.gate)
            if "token_i" in ports and (k == 0 or "token_o" not in decisions[k - 1].score.ports):
                raise NetlistError(f"exit {k} takes tokens, but no exit before it gives them")
            if "token_o" not in ports:
                continue
            follower = decisions[k + 1] if k + 1 < len(decisions) else None
            if follower is None or "token_i" not in follower.score.ports:
                m.d.comb += decision.token_o.ready.eq(1)
                continue
            m.submodules[f"runs{k}"] = runs = core(Fifo(len(Value.cast(decision.token_o.payload)), self.netlist.max_in_flight))
            self._connect_raw(m, decision.token_o, runs.i)
            self._connect_raw(m, runs.o, follower.token_i)

    @staticmethod
    def _connect_raw(m: Module, src: object, dst: object) -> None:
        """Join two streams whose payloads have the same bits but not the same shape."""
        here, there = Value.cast(src.payload), Value.cast(dst.payload)  # type: ignore[attr-defined]
        if len(here) != len(there):
            raise NetlistError(f"stream widths differ: {len(here)} into {len(there)}")
        m.d.comb += [there.eq(Cat(here)), dst.valid.eq(src.valid), src.ready.eq(dst.ready)]  # type: ignore[attr-defined]

    @staticmethod
    def _counter(m: Module, bank: AxiLiteRegisters, reset: Signal, event: Value, name: str, width: int = 32) -> Signal:
        count = Signal(width, name=name)
        with m.If(reset | bank.control_clear_counters):
            m.d.sync += count.eq(0)
        with m.Elif(event):
            m.d.sync += count.eq(count + 1)
        return count

    @staticmethod
    def _maximum(m: Module, bank: AxiLiteRegisters, reset: Signal, level: Value, name: str) -> Signal:
        top = Signal.like(level, name=name, init=0)
        with m.If(reset | bank.control_clear_counters):
            m.d.sync += top.eq(0)
        with m.Elif(level > top):
            m.d.sync += top.eq(level)
        return top
