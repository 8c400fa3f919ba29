"""Claims about AcceleratorCore: what its units do together, at the smallest size."""

from functools import partial
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data

from hw.core import AcceleratorCore
from hw.exits.decision import Mode
from hw.netlist import Exit, Gate, Input, Netlist, Result, ResultField, Stream
from hw.proofs.contract import Harness, Proof, keeps_contract, kept, level, offers_fairly, took
from hw.proofs.samples import queue

__all__ = ["PROOFS", "describe"]

_LONGEST = 2
"""Batches have 1 or 2 samples."""
_BITS = 2
"""Bits of a frame that matter: they are two logits of one bit each, 0 or -1."""
_COUNT = 3
"""Bits of counts of frames."""
_PATIENCE = {1: 6, 2: 12}
"""By exits: cycles of fair surroundings after which a result leaves, if there is a frame inside."""


def describe(h: Harness, core: AcceleratorCore) -> None:
    """From the first stage to the results each frame gives one result, right, with its place in its batch; none is stuck.

    Any image may come at any time, and any batch length. Whether a sample leaves at an exit is free, by the exit's mode. The layers are
    :class:`_Stage`; ``soft_reset`` and ``clear_counters`` stay low.
    """
    m, exits = h.m, len(core.netlist.exits)
    for port in (core.soft_reset, core.clear_counters):
        h.drive(port, Const(0))
    h.assume((core.batch_length >= 1) & (core.batch_length <= _LONGEST))
    stages = [_Stage(h, core, k) for k in range(exits)]
    fair = core.results.ready & Cat(stage.moves for stage in stages).all()

    enters, leaves = took(core.to_stage0), took(core.results)
    inside = level(h, enters, leaves, "inside", bits=_COUNT)
    h.claim("no_more_are_inside_than_may_be_and_two_results_that_wait", inside <= core.netlist.max_in_flight + 2)
    h.claim("result_has_a_frame_before_it", ~core.results.valid | (inside != 0))
    keeps_contract(h, core.results, "results")
    _watch_one(h, core, enters, leaves, inside)

    idle = Signal(range(_PATIENCE[exits] + 1), name="idle_cycles")
    with m.If(leaves | (inside == 0) | ~fair):
        m.d.sync += idle.eq(0)
    with m.Elif(idle != _PATIENCE[exits]):
        m.d.sync += idle.eq(idle + 1)
    h.claim(f"one_leaves_after_at_most_{_PATIENCE[exits]}_cycles_of_fair_surroundings", idle != _PATIENCE[exits])
    h.cover("three_are_inside", inside == core.netlist.max_in_flight + 2)
    if exits > 1:
        h.cover("frame_goes_on", took(core.to_stage1))


class _Stage:
    """The layers of a stage: each frame they take is logits for the exit and, but for the last stage, a frame for the gate, in the order of
    the frames, at any pace, each by itself; as many frames wait inside as samples may be in flight. ``moves``: in this cycle they offer
    what they have, and take what there is room for."""

    def __init__(self, h: Harness, core: AcceleratorCore, k: int) -> None:
        frames, depth = getattr(core, f"to_stage{k}"), core.netlist.max_in_flight
        control = getattr(core, f"exit{k}")
        h.drive(control.enable, Const(1))
        h.assume((control.mode == Mode.ALWAYS) | (control.mode == Mode.NEVER))
        self.moves: Value = Const(1)
        for name in ("exit", "gate")[:1 + (k < len(core.netlist.gates))]:
            end = getattr(core, f"to_{name}{k}")
            head, filled, used = queue(h.m, depth, data.StructLayout({"bits": _BITS}), took(frames), frames.payload[:_BITS], took(end),
                                       f"before_{name}{k}")
            h.assume((~end.valid | filled) & (~frames.ready | (used != depth)))
            h.drive(end.payload, head.bits)
            offers_fairly(h, end, f"{name}{k}")
            self.moves &= (end.valid | ~filled) & (frames.ready | (used == depth))


def _watch_one(h: Harness, core: AcceleratorCore, enters: Value, leaves: Value, inside: Value) -> None:
    """Watches one frame, whichever, until its result leaves."""
    m = h.m
    seen, waits = Signal(name="watched_seen"), Signal(name="watched_inside")
    ahead = Signal(_COUNT, name="before_the_watched")
    starts = enters & h.free("watch_this_frame", 1) & ~seen
    with m.If(starts):
        m.d.sync += [seen.eq(1), waits.eq(1), ahead.eq(inside - leaves)]
    with m.Elif(waits & leaves):
        m.d.sync += [ahead.eq(ahead - 1), waits.eq(ahead != 0)]
    logits = kept(h, starts, core.to_stage0.payload[:_BITS], "watched_logits")
    place = kept(h, starts, _place(m, core, enters), "watched_place")
    # With one in flight the next logits at exit 0 are its own.
    undecided = Signal(name="watched_is_undecided")
    m.d.sync += undecided.eq(starts | (undecided & ~took(core.to_exit0)))
    stays = (core.exit0.mode == Mode.NEVER) & (len(core.netlist.exits) > 1)
    exit_taken = kept(h, undecided & took(core.to_exit0), stays, "watched_stays")

    result = core.results.payload
    word: dict[str, Any] = {item.name: result.word[item.offset:item.offset + item.width] for item in core.netlist.result.fields}
    out = waits & (ahead == 0) & core.results.valid
    h.claim("label_is_that_of_the_frame", ~out | (word["label"] == (logits[0] & ~logits[1])))
    h.claim("id_is_the_place_in_the_batch", ~out | (word["id"] == place[0]))
    h.claim("last_is_with_the_last_of_the_batch", ~out | (result.last == place[1]))
    h.claim("exit_is_where_it_left", ~out | (word["exit"] == exit_taken))
    for k in range(len(core.netlist.exits)):
        h.cover(f"watched_frame_leaves_at_exit{k}", out & core.results.ready & (word["exit"] == k))


def _place(m: Module, core: AcceleratorCore, enters: Value) -> Value:
    """Of a frame that enters: whether its place in the batch is odd, and whether it is the last."""
    to_come, odd = Signal(range(_LONGEST), name="yet_to_enter_of_the_batch"), Signal(name="place_in_the_batch")
    length = Mux(to_come == 0, core.batch_length, to_come)
    with m.If(enters):
        m.d.sync += [to_come.eq(length - 1), odd.eq(~odd & (length != 1))]
    return Cat(odd, length == 1)


def _make(exits: int) -> AcceleratorCore:
    """A core of frames of one beat with one sample in flight: its last result may wait while the next one is inside."""
    fields, offset = [], 0
    for name, width in (("id", 1), ("label", 1), ("exit", 1), ("confidence", 2)):
        fields.append(ResultField(name=name, offset=offset, width=width, signed=name == "confidence"))
        offset += width
    streams = [Stream(name="entry", src=("input", 0), dst=("stage0", 0), bits=8, frame_beats=1, depth=0)]
    streams += [Stream(name=f"logits{k}", src=(f"stage{k}", 0), dst=(f"exit{k}", 0), bits=_BITS, frame_beats=1, depth=0)
                for k in range(exits)]
    return AcceleratorCore(Netlist(
        name="core", part="", clock_mhz=1.0, classes=2, order="arrival", max_in_flight=1, stages=(), layers=(), streams=tuple(streams),
        input=Input(height=1, width=1, channels=1, bits=8, signed=False, bus_bits=8, beat_bits=8, frame_beats=1),
        result=Result(bits=offset, fields=tuple(fields)),
        gates=tuple(Gate(exit=k, src=(f"stage{k}", 1), dst=(f"stage{k + 1}", 0), bits=_BITS, frame_beats=1, frames=1)
                    for k in range(exits - 1)),
        exits=tuple(Exit(index=k, policy="always", classes=2, pe=2, acc_bits=1, bias=(0, 0), threshold=0, enabled=True, scale=1.0)
                    for k in range(exits)),
    ), reset_cycles=1)


PROOFS = tuple(
    Proof(unit="accelerator_core", variant=f"{exits} exit{'s' * (exits > 1)}{', reset' if reset else ''}", reset=reset, depth=20,
          text="each frame one result, right, in its batch; none is stuck", make=partial(_make, exits), describe=describe)
    for exits, reset in ((1, False), (1, True), (2, False))
)
