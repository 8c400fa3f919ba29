import random
from collections import deque
from itertools import chain

import pytest

from hw.exits.frame_gate import FrameGate
from hw.streams.axis import axis_verilog
from tests.in_pairs import in_pairs

SHAPES = [(1, 1), (1, 2), (1, 3), (2, 2), (3, 1), (5, 2), (3, 5), (12, 4), (40, 3)]  # (frame_beats, frames)


class Model:
    """What the docstring promises, cycle by cycle, with frames as lists and slots as a count."""

    def __init__(self, frame_beats, frames):
        self.frame_beats, self.frames = frame_beats, frames
        self.now = 0
        self.entering = []
        self.undecided, self.kept = deque(), deque()  # (cycle from which the next step is possible, beats)
        self.offered = None
        self.level = 0

    def outputs(self):
        """``i.ready``, ``keep.ready``, what ``o`` offers (None: nothing) and ``level`` in this cycle."""
        room = bool(self.entering) or self.level < self.frames
        return room, bool(self.undecided and self.undecided[0][0] <= self.now), self.offered, self.level

    def step(self, beat, keep, o_ready):
        """A cycle in which ``i`` offers ``beat`` and ``keep`` this verdict (None: nothing)."""
        i_ready, keep_ready, *_ = self.outputs()
        if self.offered is None or o_ready:
            self.offered = None
            if self.kept and self.kept[0][0] <= self.now:
                frame = self.kept[0][1]
                self.offered = frame.pop(0)
                if not frame:
                    self.kept.popleft()
                    self.level -= 1
        if keep is not None and keep_ready:
            _, frame = self.undecided.popleft()
            if keep:
                self.kept.append((self.now + 1, frame))
            else:
                self.level -= 1
        if beat is not None and i_ready:
            self.level += not self.entering
            self.entering.append(beat)
            if len(self.entering) == self.frame_beats:
                self.undecided.append((self.now + 1, self.entering))
                self.entering = []
        self.now += 1


def drawn(frame_beats, keeps, seed=3):
    """Frames of random beats, and the beats of those that are kept."""
    rng = random.Random(seed)
    frames = [[rng.getrandbits(16) for _ in range(frame_beats)] for _ in keeps]
    kept = [frame for frame, keep in zip(frames, keeps, strict=True) if keep]
    return list(chain(*frames)), list(chain(*kept))


def verdicts(count, share, seed=4):
    rng = random.Random(seed)
    return [int(rng.random() < share) for _ in range(count)]


def run(play, gate, keeps, *, from_cycle=0, model=True, **options):
    """Plays frames with these verdicts, the first of them offered in ``from_cycle``; every cycle must be the model's."""
    beats, kept = drawn(gate.frame_beats, keeps)
    pins = {f"{name}.{pin}": getattr(getattr(gate, name), pin) for name in ("i", "keep", "o") for pin in ("valid", "ready", "payload")}
    played = play(gate, {"i": (gate.i, beats), "keep": (gate.keep, keeps, from_cycle)}, {"o": (gate.o, len(kept))},
                  sample={"level": gate.level} | pins, **options)
    assert played.beats["o"] == kept
    if model:
        reference = Model(gate.frame_beats, gate.frames)
        for cycle, values in enumerate(zip(*(played.sampled[name] for name in ("level", *pins)), strict=True)):
            level, i_valid, i_ready, beat, keep_valid, keep_ready, keep, o_valid, o_ready, out = values
            assert (i_ready, keep_ready, out if o_valid else None, level) == reference.outputs(), f"cycle {cycle}"
            reference.step(beat if i_valid else None, keep if keep_valid else None, o_ready)
    return played


@in_pairs({
    ("frame_beats", "frames"): SHAPES, "share": [0, 0.25, 0.5, 1], ("gaps", "stalls"): [(0, 0), (0.3, 0.3), (0, 0.6), (0.6, 0)],
})
@pytest.mark.many(4)
def test_every_cycle_is_the_models(play, frame_beats, frames, share, gaps, stalls):
    count = max(8, 80 // frame_beats)
    played = run(play, FrameGate(16, frame_beats, frames), verdicts(count, share), gaps=gaps, stalls=stalls,
                 extra=60 if share else 4 * count * frame_beats + 100)
    assert len(played.beats["i"]) >= count * frame_beats - frames * frame_beats
    if not share:
        assert len(played.beats["keep"]) == count


@pytest.mark.parametrize(("frame_beats", "frames"), [(1, 5), (2, 5), (3, 4), (1, 40)])
def test_two_slots_come_back_in_one_cycle(play, frame_beats, frames):
    """A full gate whose first half is kept: while those are read, the others are dropped, and as many frames enter at once."""
    half = frames // 2
    keeps = [1] * half + [0] * (frames - half) + verdicts(60, 0.5)
    full = frames * frame_beats
    played = run(play, FrameGate(16, frame_beats, frames), keeps, from_cycle=full)
    assert played.cycles["keep"][:frames] == list(range(full, full + frames))
    assert played.cycles["o"][:half * frame_beats] == list(range(full + 2, full + 2 + half * frame_beats))
    later = [cycle for cycle in played.cycles["i"] if cycle > full]
    assert later[:full] == list(range(later[0], later[0] + full))


@pytest.mark.parametrize(("frame_beats", "frames"), [(1, 3), (2, 3), (3, 3), (20, 3), (7, 6)])
def test_kept_frames_pass_at_full_rate(play, frame_beats, frames):
    played = run(play, FrameGate(16, frame_beats, frames), [1] * 12)
    # The first frame has to be in before it leaves: last beat, verdict, read.
    assert played.cycles["i"] == list(range(12 * frame_beats))
    assert played.cycles["o"] == list(range(frame_beats + 2, 13 * frame_beats + 2))


@pytest.mark.parametrize(("frame_beats", "frames", "cycles"), [(1, 1, 3), (9, 1, 19), (1, 2, 1.5), (9, 2, 9.5)])
def test_kept_frames_pass_one_or_two_slots(play, frame_beats, frames, cycles):
    played = run(play, FrameGate(16, frame_beats, frames), [1] * 12)
    firsts = played.cycles["i"][::frame_beats]
    assert firsts[10] - firsts[0] == 10 * cycles


@pytest.mark.parametrize(("frame_beats", "frames"), [(1, 2), (2, 2), (20, 2), (1, 3), (7, 4)])
def test_dropped_frames_enter_at_full_rate(play, frame_beats, frames):
    played = run(play, FrameGate(16, frame_beats, frames), [0] * 12, extra=14 * frame_beats)
    assert played.cycles["i"] == list(range(12 * frame_beats))
    assert played.cycles["keep"] == list(range(frame_beats, 13 * frame_beats, frame_beats))


@pytest.mark.parametrize("frame_beats", [1, 2, 3, 100])
def test_a_drop_costs_one_cycle(play, frame_beats):
    """All frames are in before the first verdict: ten verdicts take ten cycles, each drop gives back a slot."""
    filled = 10 * frame_beats
    played = run(play, FrameGate(16, frame_beats, 10), [0] * 7 + [1, 0, 1], from_cycle=filled + 1)
    first = filled + 1
    assert played.cycles["keep"] == list(range(first, first + 10))
    assert played.sampled["level"][first:first + 8] == list(range(10, 2, -1))
    assert played.cycles["o"] == list(range(first + 9, first + 9 + frame_beats)) + [
        max(first + 9 + frame_beats, first + 11) + n for n in range(frame_beats)]


def test_a_drop_takes_no_longer_in_a_large_frame(play):
    gate = FrameGate(4, 1000, 2)
    played = play(gate, {"i": (gate.i, [7] * 2000), "keep": (gate.keep, [0, 0], 2001)}, {"o": (gate.o, 0)}, extra=2010,
                  sample={"level": gate.level})
    assert played.cycles["keep"] == [2001, 2002]
    assert played.sampled["level"][2001:2004] == [2, 1, 0]


@pytest.mark.parametrize("frame_beats", [1, 4])
def test_drops_behind_a_waiting_frame_free_their_slots(play, frame_beats):
    """The output stands still with one kept frame in it and one behind: thirty easy frames pass beside them."""
    keeps = [1, 1] + [0] * 30 + [1]
    played = run(play, FrameGate(16, frame_beats, 4), keeps, first_stall=31 * (frame_beats + 1) + 40)
    assert played.cycles["i"][:32 * frame_beats] == list(range(32 * frame_beats))
    assert played.cycles["keep"][:32] == [frame_beats * (n + 1) for n in range(32)]
    assert max(played.sampled["level"]) <= 4


def test_a_lone_slot_is_enough_for_easy_frames_behind_a_waiting_one(play):
    played = run(play, FrameGate(16, 6, 2), [1] + [0] * 20 + [1], first_stall=400)
    assert played.cycles["i"][6:21 * 6] == [6 + 7 * frame + beat for frame in range(20) for beat in range(6)]


def test_verdicts_are_taken_whatever_the_output_does(play):
    keeps = [1, 0, 1, 0, 0, 1]
    played = run(play, FrameGate(16, 3, 6), keeps, from_cycle=18, first_stall=80)
    assert played.cycles["keep"] == list(range(18, 24))
    assert played.sampled["level"][30] == 3


def test_verdicts_may_come_long_before_their_frame(play):
    played = run(play, FrameGate(16, 6, 2), [1, 0, 1, 1, 0, 0, 1], gaps=0.8)
    last_in = [played.cycles["i"][6 * n + 5] for n in range(7)]
    assert all(verdict > end for verdict, end in zip(played.cycles["keep"], last_in, strict=True))


def test_a_full_gate_stops_the_input_and_no_verdict_no_output(play):
    gate = FrameGate(16, 4, 3)
    beats, _ = drawn(4, [1] * 5)
    played = play(gate, {"i": (gate.i, beats)}, {"o": (gate.o, 0)}, extra=40, sample={"level": gate.level})
    assert played.beats["i"] == beats[:12]
    assert played.beats["o"] == []
    assert played.sampled["level"] == [0] + [1] * 4 + [2] * 4 + [3] * 32


@pytest.mark.many(3)
@pytest.mark.parametrize(("frame_beats", "frames"), [(1, 2), (5, 2), (12, 4)])
@pytest.mark.parametrize("at", [1, 7, 23, 38])
def test_reset_in_the_middle_of_a_frame(play, frame_beats, frames, at):
    run(play, FrameGate(16, frame_beats, frames), verdicts(60, 0.5), gaps=0.2, stalls=0.4, reset_at={"i": at})


@pytest.mark.parametrize("frame_beats", [1, 2])
@pytest.mark.parametrize(("gaps", "stalls"), [(0, 0), (0.2, 0.4)])
def test_many_frames(play, frame_beats, gaps, stalls):
    """Above 64 frames the queues of slots have one cycle more latency; nothing else changes."""
    keeps = verdicts(400, 0.5)
    played = run(play, FrameGate(16, frame_beats, 70), keeps, model=False, gaps=gaps, stalls=stalls, from_cycle=110 * frame_beats)
    assert max(played.sampled["level"]) == 70
    run(play, FrameGate(16, frame_beats, 70), keeps[:100], model=False, gaps=gaps, stalls=stalls)


def test_verilog():
    gate = FrameGate(9, 6, 3)
    text = axis_verilog(gate, "gate", {"in0_V": gate.i, "keep": gate.keep}, {"out0_V": gate.o})
    assert "input [7:0] keep_TDATA" in text
    assert "reg [8:0] memory [17:0]" in text


@pytest.mark.parametrize(("arguments", "message"), [
    ((0, 4, 2), "width must be at least 1, not 0"),
    ((8, 0, 2), "frame_beats must be at least 1, not 0"),
    ((8, 4, 0), "frames must be at least 1, not 0"),
])
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        FrameGate(*arguments)
