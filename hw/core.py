"""The accelerator without its layers: from bus words to result words, with a stream port wherever layers attach."""

from collections.abc import Callable, Sequence
from typing import Any

from amaranth.hdl import Cat, Const, Module, ResetInserter, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.control.counters import Counters
from hw.control.soft_reset import stretch_reset
from hw.exits.admission import BATCH_BITS, Admission
from hw.exits.arrivals import Arrivals
from hw.exits.check_exits import check_exits
from hw.exits.control import ExitControl
from hw.exits.exit_path import ExitPath, exit_decision, label_bits, result_depth
from hw.exits.merge import ExitMerge
from hw.exits.runs import join_runs
from hw.exits.token import STAMP_BITS, token_layout
from hw.netlist import Netlist, NetlistError, Stream, handed_on
from hw.placing import place
from hw.streams.bus_unpack import BusUnpack
from hw.streams.fifo import Fifo
from hw.streams.join import join_bits, join_stream, queue
from hw.streams.offer_hold import OfferHold

__all__ = ["COUNTER_BITS", "RESET_CYCLES", "TLAST_ERROR_BITS", "AcceleratorCore", "check_exits", "counted_streams", "entry_words",
           "stream_to"]

RESET_CYCLES = 16
"""How long a soft reset holds everything: FINN's units were checked with resets of 1, 2 and 16 cycles."""

INPUT_WORDS = 2
"""Bus words that wait at the input."""

COUNTER_BITS = 32
"""Width of counters, all but those of the cycles and of what TLAST did wrong."""

TLAST_ERROR_BITS = 8
"""Width of the count of TLAST in wrong places."""


def entry_words(netlist: Netlist) -> int:
    """Bus words that may have been taken before their image's first beat has entered, at most: those of the FIFO, and those of three beats,
    of which two wait in a FIFO and one where words are cut."""
    return INPUT_WORDS + 3 * -(-netlist.input.beat_bits // netlist.input.bus_bits)


def counted_streams(netlist: Netlist) -> list[str]:
    """The streams with stall and occupancy counters, in the order of their registers: the image input, what enters each later
    stage, each exit's logits, and the results."""
    return ["input", *(f"gate{k}" for k in range(len(netlist.cuts))), *(f"exit{item.index}" for item in netlist.exits), "output"]


def _end(k: int, n: int) -> str:
    """What a stream of stage or gate ``k`` is called by, that of its tensor ``n``."""
    return f"{k}_{n}" if n else f"{k}"


def stream_to(netlist: Netlist, dst: str, index: int = 0) -> Stream:
    """The stream that ends at input ``index`` of ``dst``; raises :class:`NetlistError` when there is none."""
    for item in netlist.streams:
        if item.dst == (dst, index):
            return item
    raise NetlistError(f"no stream ends at {f'input {index} of ' if index else ''}{dst!r}")


class AcceleratorCore(wiring.Component):
    """Admits images, decides at every exit what its head's logits say, gates the frames of later stages, and merges results.

    The layers are outside: between ``to_stage<k>`` and, of the same stage, ``to_exit<k>`` (the logits of its head) and ``to_gate<k>`` (what
    later stages work on). Every frame that leaves on ``to_stage<k>`` must come back as one frame of logits and, but for the last stage,
    one frame for the gate, in the order of the frames and at any pace. Where a cut has several tensors, there is one stream for each of
    them on either side, and each sample has a frame on all of them (:class:`GateGroup`); a tensor that a stage only hands on goes from gate
    to gate inside. FIFOs that the netlist has on its streams to the first layer and to the exits are inside.

    Throughput: one bus word, beat, decision and result a cycle. Latency: 3 cycles from the word that completes a frame's first beat to that
    beat on ``to_stage0``; from a sample's last logits on ``to_exit<k>`` to its result that of the ``ExitDecision``, 1 cycle and that of
    the ``ExitMerge``; either and that of the stream's FIFO, if it has one. Reset: everything is cleared. ``soft_reset`` clears everything
    but what is set from outside, and takes ``reset_cycles`` cycles from the next one on, in which ``core_reset`` is high, nothing is
    taken from ``images``, and the layers are to be reset too. A result that is on offer then stays so until it is taken or ``discard``
    comes (:class:`OfferHold`); nothing else of before is given, and ``images`` stays closed until it is gone. It counts nowhere but in
    ``batch_done`` and ``stall_output``.

    Parameters
    ----------
    netlist : what to build; of its layers only what stands in streams and gates
    reset_cycles : how long a soft reset holds everything; at least 1
    beside : adds to the core's own module what stands around the core, which then shares its level of the hierarchy; called with the module
        and the core

    Members
    -------
    images : bus words, each image starting on one
    images_last : TLAST of the word on offer on ``images``; it is looked at while ``check_tlast`` is high, and decides nothing
    results : ``{word, last}``, ``last`` with the last result of a batch
    to_stage<k> : frames for the first layer of stage k: images, or what gate k - 1 let pass; to_stage<k>_<n> : of its other tensors, from 1
    to_gate<k> : frames for gate k, for all exits but the last; to_gate<k>_<n> : of its other tensors
    to_exit<k> : logits of exit k
    to_exit<k>_gate : logits of exit k's gate head, where its policy takes them
    soft_reset, clear_counters, discard : high for one cycle each
    check_tlast : whether TLAST in wrong places is counted (:class:`Arrivals`)
    batch_length : samples per batch, taken over with the first beat of a batch's first image; 0 counts as 1
    exit<k> : ``ExitControl`` of exit k
    core_reset : active-high reset of all that belongs to the core: for the layers
    busy, in_flight : samples are inside, a result of theirs has not been taken, or a reset is going on; samples inside
    output_pending : a result of before a soft reset is on offer; ``busy`` does not tell of it
    batch_done : high for the cycle after the one in which the last result of a batch was taken
    tlast_errors : TLAST in wrong places, 255 being that many or more; cleared with the counters
    cycles, samples_in, samples_out, exit_count<k> : counters: cycles, samples that entered, (final) results that left, of exit k
    stall_<name>, occupancy_<name> : cycles in which a counted stream was valid and not ready; the most that its FIFO held
    gate_occupancy<k> : the most frames that gate k held, which are samples where it holds several tensors
    """

    def __init__(self, netlist: Netlist, *, beside: "Callable[[Module, AcceleratorCore], None] | None" = None,
                 reset_cycles: int = RESET_CYCLES) -> None:
        check_exits(netlist)
        self.netlist = netlist
        self.reset_cycles = reset_cycles
        self._beside = beside
        self._entry = next(item for item in netlist.streams if item.src[0] == "input")
        self._logits = [stream_to(netlist, f"exit{item.index}") for item in netlist.exits]
        self._learned = {k: item for k in range(len(netlist.exits)) for item in netlist.streams if item.dst == (f"exit{k}", 1)}
        self._id_bits = next(item.width for item in netlist.result.fields if item.name == "id")
        self._token = token_layout(id_bits=self._id_bits, max_in_flight=netlist.max_in_flight)
        self._decisions = [exit_decision(netlist, item.index) for item in netlist.exits]
        waiting = _sum([Const(result_depth(netlist, item.index)) for item in netlist.exits])
        levels: dict[str, Any] = {"input": range(INPUT_WORDS + 1), "output": waiting.shape()}
        held = [range(cut[0].frames + 1) for cut in netlist.cuts]
        levels |= {f"gate{k}": frames for k, frames in enumerate(held)}
        tensors = [(_end(k, n), _end(k + 1, n), gate) for k, cut in enumerate(netlist.cuts) for n, gate in enumerate(cut)]
        levels |= {f"exit{k}": range(max(2, item.depth + 1)) for k, item in enumerate(self._logits)}
        super().__init__({
            "images": In(stream.Signature(netlist.input.bus_bits)),
            "results": Out(stream.Signature(data.StructLayout({"word": netlist.result.bits, "last": 1}))),
            "to_stage0": Out(stream.Signature(self._entry.bits)),
            **{f"to_stage{stage}": Out(stream.Signature(gate.bits)) for _, stage, gate in tensors if handed_on(gate.dst) is None},
            **{f"to_gate{name}": In(stream.Signature(gate.bits)) for name, _, gate in tensors if handed_on(gate.src) is None},
            **{f"to_exit{k}": In(stream.Signature(item.bits)) for k, item in enumerate(self._logits)},
            **{f"to_exit{k}_gate": In(stream.Signature(item.bits)) for k, item in self._learned.items()},
            "images_last": In(1), "check_tlast": In(1), "tlast_errors": Out(TLAST_ERROR_BITS),
            "soft_reset": In(1), "clear_counters": In(1), "discard": In(1), "batch_length": In(BATCH_BITS),
            **{f"exit{k}": In(ExitControl(decision)) for k, decision in enumerate(self._decisions)},
            "core_reset": Out(1, init=1), "busy": Out(1), "output_pending": Out(1),
            "in_flight": Out(range(netlist.max_in_flight + 1)), "batch_done": Out(1),
            "cycles": Out(2 * COUNTER_BITS), "samples_in": Out(COUNTER_BITS), "samples_out": Out(COUNTER_BITS),
            **{f"exit_count{item.index}": Out(COUNTER_BITS) for item in netlist.exits},
            **{f"stall_{name}": Out(COUNTER_BITS) for name in counted_streams(netlist)},
            **{f"occupancy_{name}": Out(levels[name]) for name in counted_streams(netlist)},
            **{f"gate_occupancy{k}": Out(frames) for k, frames in enumerate(held)},
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        stretch_reset(m, self.soft_reset, self.core_reset, self.reset_cycles)
        wrap = ResetInserter({"sync": self.core_reset})
        now, clear = Signal(STAMP_BITS), Signal(name="clear")
        m.d.sync += now.eq(now + 1)
        m.d.comb += clear.eq(self.core_reset | self.clear_counters)
        counters = Counters(m, clear)
        counters.count(self.cycles, Const(1))

        admission = self._admit(m, wrap, counters, now)
        paths = self._decide(m, wrap, counters, admission.token)
        merge = self._merge(m, wrap, counters, now, paths)
        lengths = queue(m, "lengths", admission.length, self.netlist.max_in_flight, wrap)
        wiring.connect(m, lengths.o, merge.length)
        m.d.comb += [
            admission.release.eq(merge.release),
            admission.release_half.eq(merge.release_half),
            self.in_flight.eq(admission.in_flight),
            self.busy.eq((admission.in_flight != 0) | merge.o.valid | self.core_reset),
        ]
        self._watch(counters, "output", self.results, _sum([path.results_level for path in paths]))
        if self._beside is not None:
            self._beside(m, self)
        return m

    def _admit(self, m: Module, wrap: ResetInserter, counters: Counters, now: Value) -> Any:
        """Images from the bus to the first stage; gives the ports of their admission."""
        shape, closed = self.netlist.input, self.core_reset | self.output_pending
        words_each = -(-shape.frame_beats * shape.beat_bits // shape.bus_bits)
        words = place(m, "input_words", Fifo(shape.bus_bits, INPUT_WORDS), wrap)
        unpack = place(m, "unpack", BusUnpack(shape.bus_bits, shape.beat_bits, shape.frame_beats), wrap)
        # Between the two, so that admission decides in one cycle and the cutting of words follows in another.
        beats = place(m, "input_beats", Fifo(shape.beat_bits, 2), wrap)
        admission = place(m, "admission", Admission(
            width=shape.beat_bits, frame_beats=shape.frame_beats, id_bits=self._id_bits, max_in_flight=self.netlist.max_in_flight,
            overtaking=self.netlist.order == "arrival"), wrap)
        m.d.comb += [
            words.i.payload.eq(self.images.payload),
            words.i.valid.eq(self.images.valid & ~closed),
            self.images.ready.eq(words.i.ready & ~closed),
            admission.batch_length.eq(self.batch_length),
        ]
        arrivals = place(m, "arrivals", Arrivals(words_each, entry_words(self.netlist)), wrap)
        m.d.comb += [
            arrivals.taken.eq(self.images.valid & self.images.ready), arrivals.last.eq(self.images_last), arrivals.now.eq(now),
            arrivals.entered.eq(admission.admitted), arrivals.ends_batch.eq(admission.ends_batch), admission.now.eq(arrivals.stamp),
        ]
        counters.tally(self.tlast_errors, (arrivals.misplaced + arrivals.missing) & self.check_tlast.replicate(2))
        wiring.connect(m, words.o, unpack.i)
        wiring.connect(m, unpack.o, beats.i)
        wiring.connect(m, beats.o, admission.i)
        join_stream(m, self._entry, admission.o, wiring.flipped(self.to_stage0), wrap)
        counters.count(self.samples_in, admission.admitted)
        self._watch(counters, "input", self.images, words.level)
        return admission

    def _decide(self, m: Module, wrap: ResetInserter, counters: Counters, token: Any) -> list[ExitPath]:
        """Every exit with its gate, the samples' tokens through them all, from ``token`` on."""
        netlist = self.netlist
        tokens = queue(m, "tokens0", token, netlist.max_in_flight, wrap).o
        paths = []
        for k, (unit, item) in enumerate(zip(self._decisions, self._logits, strict=True)):
            path = ExitPath(m, netlist, k, unit, token=self._token, tokens=tokens, control=getattr(self, f"exit{k}"), wrap=wrap)
            paths.append(path)
            fifo = join_stream(m, item, wiring.flipped(getattr(self, f"to_exit{k}")), path.decision.logits, wrap)
            self._watch(counters, f"exit{k}", path.decision.logits, Const(0) if fifo is None else fifo.level)
            counters.count(getattr(self, f"exit_count{k}"), path.taken)
            if "gate" in unit.score.ports:
                learned = stream_to(netlist, f"exit{k}", 1)
                join_stream(m, learned, wiring.flipped(getattr(self, f"to_exit{k}_gate")), path.decision.gate, wrap)
            if path.gate is not None:
                self._gate(m, k, path, paths)
                counters.count(getattr(self, f"stall_gate{k}"), _any([end.valid & ~end.ready for end in path.gate_out]))
                for name in (f"occupancy_gate{k}", f"gate_occupancy{k}"):
                    counters.highest(getattr(self, name), path.gate.level)
            tokens = path.passed
        join_runs(m, [(unit, path.decision) for unit, path in zip(self._decisions, paths, strict=True)], netlist.max_in_flight, wrap)
        return paths

    def _gate(self, m: Module, k: int, path: ExitPath, paths: Sequence[ExitPath]) -> None:
        """Joins what gate ``k`` holds to the stages around it, and to gate ``k - 1``, of one of ``paths``, where that hands it on."""
        for n, (gate, into, out) in enumerate(zip(self.netlist.cuts[k], path.gate_in, path.gate_out, strict=True)):
            before = handed_on(gate.src)
            if before is None:
                wiring.connect(m, wiring.flipped(getattr(self, f"to_gate{_end(k, n)}")), into)
            else:
                wiring.connect(m, paths[k - 1].gate_out[before], into)
            if handed_on(gate.dst) is None:
                wiring.connect(m, out, wiring.flipped(getattr(self, f"to_stage{_end(k + 1, n)}")))

    def _merge(self, m: Module, wrap: ResetInserter, counters: Counters, now: Value, paths: Sequence[ExitPath]) -> Any:
        """All exits' results into one stream; gives the ports of the merge."""
        netlist = self.netlist
        unit = ExitMerge(
            exits=len(netlist.exits), token=self._token, max_in_flight=netlist.max_in_flight, label_bits=label_bits(netlist.classes),
            confidence_bits=self._decisions[0].confidence_bits, bits=netlist.result.bits, fields=netlist.result.fields, order=netlist.order,
            anytime=netlist.anytime)
        merge = place(m, "merge", unit, wrap)
        for k, path in enumerate(paths):
            join_bits(m, path.results, merge.i[k])
            if path.batch_ends is not None:
                m.d.comb += path.batch_ends.eq(merge.ends)
        # It is not reset with what stands before it.
        hold = place(m, "hold", OfferHold(unit.word.size))
        join_bits(m, merge.o, hold.i)
        join_bits(m, hold.o, self.results)
        m.d.comb += [
            merge.now.eq(now), hold.cut.eq(self.soft_reset), hold.closed.eq(self.core_reset), hold.discard.eq(self.discard),
            self.output_pending.eq(hold.pending),
        ]
        taken = self.results.valid & self.results.ready
        m.d.sync += self.batch_done.eq(taken & self.results.payload.last)
        sent = taken & ~hold.pending
        if netlist.anytime:
            sent &= self.results.payload.word.bit_select(next(item.offset for item in netlist.result.fields if item.name == "final"), 1)
        counters.count(self.samples_out, sent)
        return merge

    def _watch(self, counters: Counters, name: str, where: Any, level: Value) -> None:
        """Counts the stalls of the counted stream ``name``, which is to be seen at ``where``, and keeps its highest level."""
        counters.count(getattr(self, f"stall_{name}"), where.valid & ~where.ready)
        counters.highest(getattr(self, f"occupancy_{name}"), level)


def _any(values: Sequence[Value]) -> Value:
    return Cat(values).any() if len(values) > 1 else values[0]


def _sum(values: Sequence[Value]) -> Value:
    return sum(values[1:], start=values[0])
