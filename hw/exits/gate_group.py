"""The conditional buffer of a cut of several tensors: gates that share their slots and their verdicts."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.exits.frame_gate import FrameGate

__all__ = ["MOST", "GateGroup"]

MOST = 4
"""Tensors that one cut may have."""


class GateGroup(wiring.Component):
    """Holds the frames that a sample has in several tensors until its verdict arrives, then lets all of them pass or forgets them all.

    A :class:`FrameGate` for each tensor, all of as many slots. A slot of the group is one of every gate: it is taken with the first beat of
    a sample in whichever tensor it comes first, and is free again when the sample is dropped, or when the last beat of its last tensor was
    read out. A tensor's frame is let in when its sample has its slot, or one is free. One verdict a sample is taken, for all gates in one
    cycle, once all its frames are wholly in. Kept frames leave in the order in which they came, in each tensor at its own pace.

    Latency, throughput and reset are those of the gates: a frame whose sample has a slot enters without waiting, a verdict is taken 1 cycle
    after the last beat of the sample's last tensor at the earliest, and a slot given back is there in the next cycle. ``i[n].ready``,
    ``keep.ready`` and all of ``o`` come from registers alone.

    It can not deadlock as long as verdicts keep coming for samples that are wholly in, and whoever reads ``o`` needs nothing of a sample's
    successor to finish it: a sample that has a slot has room for every beat of it in every tensor, so none of its tensors ever waits for
    another, nor for a verdict; and a sample without one waits in all tensors for a slot that the oldest sample inside gives back.

    Parameters
    ----------
    tensors : (bits of a beat, beats of a frame) of each, both at least 1; at least one and at most 4 (``MOST``) tensors
    frames : slots, that is, samples that it holds, at least 1

    Members
    -------
    i : frames of each tensor, beat by beat
    keep : one verdict a sample, 1 to let it pass and 0 to drop it
    o : the frames of each tensor that were kept
    level : slots in use, from 0 to ``frames``
    """

    def __init__(self, tensors: Sequence[tuple[int, int]], frames: int) -> None:
        if not 1 <= len(tensors) <= MOST:
            raise ValueError(f"tensors must be from 1 to {MOST}, not {len(tensors)}")
        self.tensors = tuple(tensors)
        self.frames = frames
        self._gates = [FrameGate(width, beats, frames) for width, beats in tensors]
        super().__init__({
            **{f"i{n}": In(stream.Signature(width)) for n, (width, _) in enumerate(tensors)},
            **{f"o{n}": Out(stream.Signature(width)) for n, (width, _) in enumerate(tensors)},
            "keep": In(stream.Signature(1)),
            "level": Out(range(frames + 1)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        gates = self._gates
        # Of each tensor, the samples that have a slot and have not begun there, and those that were read out there but not in all.
        owed, ahead = ([Signal(range(self.frames + 1), name=f"{name}{n}") for n in range(len(gates))] for name in ("owed", "ahead"))
        room = Signal(init=1)    # a slot is free
        may, begins, leads, done = (Signal(len(gates), name=name) for name in ("may", "begins", "leads", "done"))
        whole, verdict, drop, enters, leaves = Signal(), Signal(), Signal(), Signal(), Signal()
        for n, gate in enumerate(gates):
            m.submodules[f"gate{n}"] = gate
            source, target = getattr(self, f"i{n}"), getattr(self, f"o{n}")
            passes = Signal(name=f"passes{n}")
            m.d.comb += [
                may[n].eq((owed[n] != 0) | room),
                passes.eq(~gate.first | may[n]),
                gate.i.payload.eq(source.payload), gate.i.valid.eq(source.valid & passes), source.ready.eq(gate.i.ready & passes),
                begins[n].eq(source.valid & source.ready & gate.first),
                leads[n].eq(begins[n] & (owed[n] == 0)),
                done[n].eq(gate.finished | (ahead[n] != 0)),
                gate.keep.payload.eq(self.keep.payload), gate.keep.valid.eq(verdict),
            ]
            wiring.connect(m, gate.o, wiring.flipped(target))
            m.d.sync += [owed[n].eq(owed[n] + enters - begins[n]), ahead[n].eq(ahead[n] + gate.finished - leaves)]
        following = Signal(range(self.frames + 1))
        m.d.comb += [
            whole.eq(Cat(gate.keep.ready for gate in gates).all()),
            self.keep.ready.eq(whole),
            verdict.eq(self.keep.valid & whole),
            drop.eq(verdict & ~self.keep.payload),
            enters.eq(leads.any()),
            leaves.eq(done.all()),
            following.eq(self.level + enters - drop - leaves),
        ]
        m.d.sync += [self.level.eq(following), room.eq(following != self.frames)]
        return m
