"""The accelerator's core with the toy's layers around it, all in Amaranth, and a bench that plays images through it."""

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from amaranth.hdl import Module, ResetInserter
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.core import AcceleratorCore
from hw.layers.dataflow import attach_layers
from hw.netlist import Layer, Netlist
from sim.accelerator.images import pack
from sim.result_word import unpack
from tests import toy
from tests.quick_simulator import simulate


class ToyLayer(wiring.Component):
    """A toy's unit with the members of a ``LayerUnit``."""

    def __init__(self, layer: Layer, unit: Any) -> None:
        self._unit = unit
        ends = [getattr(unit.o, "payload", None)] if hasattr(unit.o, "payload") else [end.payload for end in unit.o]
        self._ins = [unit.i, *([unit.other] if hasattr(unit, "other") else [])]
        super().__init__({"rst_n": In(1)} | {f"i{n}": In(stream.Signature(len(end.payload))) for n, end in enumerate(self._ins)}
                         | {f"o{n}": Out(stream.Signature(len(end))) for n, end in enumerate(ends)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.unit = ResetInserter({"sync": ~self.rst_n})(self._unit)
        for n, end in enumerate(self._ins):
            wiring.connect(m, wiring.flipped(getattr(self, f"i{n}")), end)
        for n, end in enumerate([self._unit.o] if hasattr(self._unit.o, "payload") else self._unit.o):
            wiring.connect(m, end, wiring.flipped(getattr(self, f"o{n}")))
        return m


def toy_layers(*, id_bits: int | None = None, **shape: Any) -> tuple[Netlist, Callable[[Layer], ToyLayer]]:
    """``toy.build(None, **shape)``, with ids of ``id_bits`` bits if that is given, and what makes its layers in Amaranth."""
    units: dict[str, Any] = {}
    netlist = toy.build(None, units=units, **shape)
    if id_bits is not None:
        fields = tuple(replace(item, width=id_bits) if item.name == "id" else item for item in netlist.result.fields)
        netlist = replace(netlist, result=replace(netlist.result, fields=fields))
    return netlist, lambda layer: ToyLayer(layer, units[layer.name])


class _Shape(dict[str, Any]):
    """Arguments of :func:`toy_layers`, told apart by what they are."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(repr(self))


def toy_core(**shape: Any) -> AcceleratorCore:
    """The core of :func:`toy_layers`, its layers beside it; the same one for the same shape, which need not be compiled again."""
    return _toy_core(_Shape(shape))


@lru_cache(maxsize=4)
def _toy_core(shape: _Shape) -> AcceleratorCore:
    netlist, unit = toy_layers(**shape)

    def beside(m: Module, core: AcceleratorCore) -> None:
        attach_layers(m, netlist, core, ResetInserter({"sync": core.core_reset}), unit=unit)

    return AcceleratorCore(netlist, beside=beside)


@dataclass
class Ran:
    """What came out since the last reset: result words with the cycle in which each was taken and whether it was a batch's last, how often
    a batch was done, and what the core told at the end. ``resets`` are the lengths of all resets, in cycles. ``stale`` are the words, with
    whether they were a batch's last, that were on offer when a reset came and were taken after it."""

    words: list[int] = field(default_factory=list)
    last: list[bool] = field(default_factory=list)
    cycles: list[int] = field(default_factory=list)
    batches_done: int = 0
    status: dict[str, int] = field(default_factory=dict)
    resets: list[int] = field(default_factory=list)
    stale: list[tuple[int, bool]] = field(default_factory=list)

    def fields(self, netlist: Any) -> dict[str, Any]:
        """The results' fields by name, in the order in which they came."""
        return unpack(self.words, netlist.result)

    def forget(self) -> None:
        """A reset: nothing that came before counts."""
        for column in (self.words, self.last, self.cycles):
            column.clear()
        self.batches_done = 0


STATUS = ("busy", "in_flight", "output_pending", "tlast_errors",
          "cycles", "samples_in", "samples_out", "exit_count", "stall_", "occupancy_", "gate_occupancy")


def run(core: AcceleratorCore, images: np.ndarray, batches: Sequence[int], *, gaps: float = 0.0, stalls: float = 0.0, seed: int = 1,
        soft_reset: tuple[int, int] | None = None, discard: bool = False, lasts: Collection[int] | None = None,
        script: Callable[[Any, int], None] | None = None, extra: int = 60,
        limit: int = 20_000) -> Ran:
    """Plays ``images`` in batches of those lengths, with gaps before a word and stalls of the output of those probabilities a cycle.

    ``soft_reset`` gives the cycle of one and the image from which on the source then goes on: batches begin there, and before it is one
    that never ends; ``discard`` comes with it. ``lasts`` are the words with TLAST, and has it checked. ``script(ctx, cycle)`` is called in
    every cycle. Ends ``extra`` cycles after every batch gave its last result. Checks that a result on offer stays as it is until it is
    taken or discarded, what a reset holds back, and that nothing enters while a result of before is on offer.
    """
    netlist = core.netlist
    packed = pack(images, netlist.input.bus_bits)
    source = [int.from_bytes(word.tobytes(), "little") for image in packed for word in image]
    per_image = packed.shape[1]
    begin = 0 if soft_reset is None else soft_reset[1]
    lengths = {} if soft_reset is None else {0: 10**6}
    lengths |= {per_image * (begin + sum(batches[:n])): length for n, length in enumerate(batches)}
    pauses, halts, ran = random.Random(seed), random.Random(seed + 1), Ran()

    async def bench(ctx: Any) -> None:
        for item in netlist.exits:
            control = getattr(core, f"exit{item.index}")
            ctx.set(control.enable, item.enabled)
            if hasattr(control, "threshold"):
                ctx.set(control.threshold, item.threshold)
        waits = begin if soft_reset is not None else None
        sent, offered, held, spare, cycle, was_reset = 0, False, None, 0, 0, False
        while spare < extra:
            assert cycle < limit, f"{len(ran.words)} results after {limit} cycles"
            ctx.set(core.soft_reset, waits is not None and cycle == soft_reset[0])
            ctx.set(core.discard, discard and waits is not None and cycle == soft_reset[0])
            ctx.set(core.check_tlast, lasts is not None)
            ctx.set(core.images_last, lasts is not None and sent in lasts)
            if waits is not None and cycle > soft_reset[0]:
                sent, offered, waits = per_image * waits, False, None
            offered = sent < len(source) and (offered or pauses.random() >= gaps)
            ctx.set(core.images.valid, offered)
            if offered:
                ctx.set(core.images.payload, source[sent])
                if sent in lengths:
                    ctx.set(core.batch_length, lengths[sent])
            ctx.set(core.results.ready, halts.random() >= stalls)
            if script is not None:
                script(ctx, cycle)
            valid, ready, pending = ctx.get(core.results.valid), ctx.get(core.results.ready), ctx.get(core.output_pending)
            if ctx.get(core.core_reset):
                if not was_reset:
                    held = None if discard else held
                    assert pending == (held is not None)
                    ran.resets.append(0)
                    ran.forget()
                assert (valid, ctx.get(core.images.ready), ctx.get(core.busy)) == (pending, 0, 1)
                ran.resets[-1] += 1
            assert not (pending and (ctx.get(core.images.ready) or held is None)), "not closed, or nothing was on offer"
            was_reset = bool(ctx.get(core.core_reset))
            assert valid or held is None, "a result on offer was taken back"
            if valid:
                word = ctx.get(core.results.payload.word), bool(ctx.get(core.results.payload.last))
                assert held in (None, word), "a result on offer changed"
                held = None if ready else word
                if ready and pending:
                    ran.stale.append(word)
                    ran.batches_done -= word[1]
                elif ready:
                    for column, value in zip((ran.words, ran.last, ran.cycles), (*word, cycle), strict=True):
                        column.append(value)
            ran.batches_done += ctx.get(core.batch_done)
            if offered and ctx.get(core.images.ready):
                sent, offered = sent + 1, False
            spare += waits is None and sum(ran.last) == len(batches)
            await ctx.tick()
            cycle += 1
        for name in core.signature.members:
            if name.startswith(STATUS):
                ran.status[name] = ctx.get(getattr(core, name))

    simulate(core, bench)
    return ran
