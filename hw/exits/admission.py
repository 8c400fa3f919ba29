"""Where samples enter: gives each frame its token and holds it back while too many are inside."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.exits.token import STAMP_BITS, token_layout

__all__ = ["BATCH_BITS", "Admission"]

BATCH_BITS = 32
"""Width of a batch length."""


class Admission(wiring.Component):
    """Passes a stream of frames on and issues one token for each frame's first beat.

    A frame is admitted only while fewer than ``max_in_flight`` samples are inside, so that every FIFO of tokens and every
    reorder buffer of that many places can never overflow. The length of a batch is latched with the first beat of its
    first frame; 0 counts as 1.

    Where samples overtake each other, any number of easy ones may pass a hard one. So that no two samples of a batch are
    inside under one id, the first frame of each half of the ids waits until all that had those ids before have left.

    Latency: 0 cycles (combinational) for beats; a token and a batch's length are on offer from the cycle after the first beat. Throughput:
    one beat a cycle, one frame every ``frame_beats`` cycles as long as tokens and lengths are taken as they are offered. Reset: no frame
    in progress, next sample is the first of a batch, none inside. A sample that leaves (``release``) in the cycle in which another wants
    in makes room from the next cycle on, and so does a token (a length) that is taken; with frames of a single beat it does in that cycle.

    ``token``, ``length`` and ``in_flight`` come from registers alone; ``i.ready`` depends combinationally on ``o.ready``, ``o.valid`` on
    ``i.valid``, and with frames of a single beat both on ``token.ready`` and ``length.ready``.

    Parameters
    ----------
    width : bits of a beat, at least 1
    frame_beats : beats of a frame, at least 1
    id_bits : width of the sample id
    max_in_flight : samples that may be inside at a time, at least 1
    overtaking : samples may leave in another order than they entered

    Members
    -------
    i, o : frames in and out, ``unsigned(width)``
    token : one token per frame; must be ready whenever fewer than ``max_in_flight`` are unread, else the next frame waits
    length : one batch length per batch, on offer from the same cycle as its first token; if it is not taken the next batch waits
    batch_length : samples per batch, ``unsigned(32)``
    now : what the token of a frame that enters is stamped with: a cycle count
    release : one cycle high for every sample that left
    release_half : with ``release``, the top bit of that sample's id; ignored without ``overtaking``
    in_flight : samples inside
    admitted : high in the cycle in which a frame's first beat enters
    ends_batch : with ``admitted``, that frame is the last of its batch
    """

    def __init__(self, *, width: int, frame_beats: int, id_bits: int, max_in_flight: int, overtaking: bool = True) -> None:
        if width < 1 or frame_beats < 1:
            raise ValueError(f"width and frame_beats must be at least 1, not width={width}, frame_beats={frame_beats}")
        self.width = width
        self.frame_beats = frame_beats
        self.id_bits = id_bits
        self.max_in_flight = max_in_flight
        self.overtaking = overtaking
        self.layout = token_layout(id_bits=id_bits, max_in_flight=max_in_flight)
        super().__init__({
            "i": In(stream.Signature(width)),
            "o": Out(stream.Signature(width)),
            "token": Out(stream.Signature(self.layout)),
            "length": Out(stream.Signature(BATCH_BITS)),
            "batch_length": In(BATCH_BITS),
            "now": In(STAMP_BITS),
            "release": In(1),
            "release_half": In(1),
            "in_flight": Out(range(max_in_flight + 1)),
            "admitted": Out(1),
            "ends_batch": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # What decides whether a frame may enter is known from the cycle before: flags, kept up with the numbers they stand for.
        beat = Signal(range(max(2, self.frame_beats)))
        first = Signal(init=1)
        slot = Signal(range(max(2, self.max_in_flight)))
        batch = Signal(len(self.token.payload.batch))
        position = Signal(self.id_bits)   # in the batch, modulo the ids
        to_come = Signal(BATCH_BITS)      # samples of the batch that have not entered, once one has
        opens_batch = Signal(init=1)
        full = Signal()

        of_batch = Signal(BATCH_BITS)
        last_of_batch = Signal()
        m.d.comb += [
            of_batch.eq(Mux(opens_batch, self.batch_length, to_come)),
            last_of_batch.eq(of_batch[1:] == 0),  # 1, or 0, which counts as 1
            self.ends_batch.eq(last_of_batch),
        ]

        # A batch of 2**32 - 1 samples never gives an id of 32 bits twice, and without an id there is nothing to tell apart.
        id_taken = Signal()
        if self.overtaking and 0 < self.id_bits < BATCH_BITS:
            half, below = position[-1], (1 << self.id_bits - 1) - 1
            again = Signal()  # the first sample of a half that others of the batch have had before
            with m.If(self.admitted):
                m.d.sync += again.eq((position & below == below) & ~last_of_batch)
            taken = []
            for which in range(2):
                inside, some = Signal.like(self.in_flight, name=f"inside_half{which}"), Signal(name=f"some_inside_half{which}")
                enters, leaves = self.admitted & (half == which), self.release & (self.release_half == which)
                m.d.sync += [inside.eq(inside + enters - leaves), some.eq(enters | (some & ~(leaves & (inside == 1))))]
                taken.append(some)
            m.d.comb += id_taken.eq(again & Mux(half, taken[1], taken[0]))

        room, token_free, length_free = Signal(), Signal(), Signal()
        m.d.comb += [
            # With several beats in a frame there is time to take a token before the next one, and nothing here need wait for the word.
            token_free.eq(~self.token.valid | (self.token.ready if self.frame_beats == 1 else 0)),
            length_free.eq(~self.length.valid | (self.length.ready if self.frame_beats == 1 else 0)),
            room.eq(~first | (~full & ~id_taken & token_free & (~opens_batch | length_free))),
            self.o.payload.eq(self.i.payload),
            self.o.valid.eq(self.i.valid & room),
            self.i.ready.eq(self.o.ready & room),
            self.admitted.eq(self.i.valid & self.i.ready & first),
        ]
        with m.If(~self.token.valid | self.token.ready):
            m.d.sync += self.token.valid.eq(self.admitted)
        with m.If(token_free):
            m.d.sync += [
                self.token.payload.id.eq(position),
                self.token.payload.slot.eq(slot),
                self.token.payload.batch.eq(batch),
                self.token.payload.stamp.eq(self.now),
            ]
        with m.If(~self.length.valid | self.length.ready):
            m.d.sync += self.length.valid.eq(self.admitted & opens_batch)
        with m.If(length_free):
            m.d.sync += self.length.payload.eq(self.batch_length | (self.batch_length == 0))
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [beat.eq(beat + 1), first.eq(beat == self.frame_beats - 1)]
            with m.If(beat == self.frame_beats - 1):
                m.d.sync += beat.eq(0)
        with m.If(self.admitted):
            m.d.sync += [slot.eq(slot + 1), position.eq(position + 1), to_come.eq(of_batch - 1), opens_batch.eq(last_of_batch)]
            with m.If(slot == self.max_in_flight - 1):
                m.d.sync += slot.eq(0)
            with m.If(last_of_batch):
                m.d.sync += [position.eq(0), batch.eq(batch + 1)]
        m.d.sync += [
            self.in_flight.eq(self.in_flight + self.admitted - self.release),
            full.eq(~self.release & (full | (self.admitted & (self.in_flight == self.max_in_flight - 1)))),
        ]
        return m
