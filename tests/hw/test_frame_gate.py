import random
from itertools import chain

import pytest

from hw.axis import axis_verilog
from hw.frame_gate import FrameGate

SHAPES = [(1, 1), (1, 3), (2, 2), (3, 1), (5, 2), (12, 4), (40, 3)]  # (frame_beats, frames)


def drawn(frame_beats, keeps, seed=3):
    """Frames of random beats, and the beats of those that are kept."""
    rng = random.Random(seed)
    frames = [[rng.getrandbits(16) for _ in range(frame_beats)] for _ in keeps]
    kept = [frame for frame, keep in zip(frames, keeps, strict=True) if keep]
    return list(chain(*frames)), list(chain(*kept))


def verdicts(count, share, seed=4):
    rng = random.Random(seed)
    return [int(rng.random() < share) for _ in range(count)]


def run(play, gate, keeps, **options):
    beats, kept = drawn(gate.frame_beats, keeps)
    played = play(gate, {"i": (gate.i, beats), "keep": (gate.keep, keeps)}, {"o": (gate.o, len(kept))},
                  sample={"level": gate.level}, **options)
    assert played.beats["o"] == kept
    return played


@pytest.mark.parametrize(("frame_beats", "frames"), SHAPES)
@pytest.mark.parametrize("share", [0, 0.25, 0.5, 1])
@pytest.mark.parametrize(("gaps", "stalls"), [(0, 0), (0.3, 0.3), (0, 0.6), (0.6, 0)])
def test_kept_frames_pass_whole(play, frame_beats, frames, share, gaps, stalls):
    gate = FrameGate(16, frame_beats, frames)
    keeps = verdicts(max(8, 150 // frame_beats), share)
    beats, _ = drawn(frame_beats, keeps)
    played = run(play, gate, keeps, gaps=gaps, stalls=stalls, extra=frame_beats * frames + 60)
    if share:
        done = max(index for index, keep in enumerate(keeps) if keep)
        assert len(played.beats["keep"]) > done
    else:
        assert played.beats["i"]
    assert max(played.sampled["level"]) <= frame_beats * frames <= len(beats)


@pytest.mark.parametrize("frame_beats", [1, 2, 3, 20])
def test_kept_frames_leave_without_a_bubble(play, frame_beats):
    gate = FrameGate(16, frame_beats, 2)
    played = run(play, gate, [1] * 12)
    # The first frame has to be in before it leaves: last beat, its write, its read.
    assert played.cycles["o"] == list(range(frame_beats + 1, frame_beats + 1 + 12 * frame_beats))
    assert played.cycles["i"] == list(range(12 * frame_beats))


@pytest.mark.parametrize("frame_beats", [1, 2, 3, 100])
def test_a_drop_costs_one_cycle(play, frame_beats):
    """All frames are in before the first verdict: seven drops take seven cycles, and so between kept frames."""
    gate = FrameGate(16, frame_beats, 10)
    keeps = [0] * 7 + [1, 0, 1]
    filled = 10 * frame_beats
    beats, kept = drawn(frame_beats, keeps)
    played = play(gate, {"i": (gate.i, beats), "keep": (gate.keep, keeps, filled + 1)}, {"o": (gate.o, len(kept))},
                  sample={"level": gate.level})
    assert played.beats["o"] == kept
    first = filled + 1
    again = first + 7 + frame_beats
    assert played.cycles["keep"] == [*range(first, first + 8), again, again + 1]
    assert played.sampled["level"][first:first + 8] == [(10 - n) * frame_beats for n in range(8)]
    assert played.cycles["o"] == [*range(first + 8, first + 8 + frame_beats), *range(again + 2, again + 2 + frame_beats)]


def test_verdicts_are_taken_while_the_last_beat_waits(play):
    """Once a frame's last beat is on offer, the frames behind it get their verdicts, however long it is not taken."""
    keeps = [1, 0, 0, 0, 1]
    gate = FrameGate(16, 1, 4)
    beats, kept = drawn(1, keeps)
    played = play(gate, {"i": (gate.i, beats), "keep": (gate.keep, keeps)}, {"o": (gate.o, len(kept))}, first_stall=40)
    assert played.beats["o"] == kept
    assert played.cycles["keep"] == [1, 2, 3, 4, 5]


def test_verdicts_may_come_long_before_their_frame(play):
    gate = FrameGate(16, 6, 2)
    keeps = [1, 0, 1, 1, 0, 0, 1]
    played = run(play, gate, keeps, gaps=0.8)
    last_in = [played.cycles["i"][6 * n + 5] for n in range(7)]
    assert all(verdict > end for verdict, end in zip(played.cycles["keep"], last_in, strict=True))


def test_space_comes_back_beat_by_beat(play):
    """With one frame of room, the next frame enters while the kept one leaves."""
    gate = FrameGate(16, 10, 1)
    played = run(play, gate, [1, 1, 1], stalls=0.3)
    assert played.cycles["i"][10] < played.cycles["o"][2]
    assert max(played.sampled["level"]) == 10


def test_a_full_gate_stops_the_input_and_no_verdict_no_output(play):
    gate = FrameGate(16, 4, 3)
    beats, _ = drawn(4, [1] * 5)
    played = play(gate, {"i": (gate.i, beats)}, {"o": (gate.o, 0)}, extra=40)
    assert played.beats["i"] == beats[:12]
    assert played.beats["o"] == []


@pytest.mark.parametrize(("frame_beats", "frames"), [(1, 2), (5, 2), (12, 4)])
@pytest.mark.parametrize("at", [1, 7, 23, 38])
def test_reset_in_the_middle_of_a_frame(play, frame_beats, frames, at):
    gate = FrameGate(16, frame_beats, frames)
    run(play, gate, verdicts(60, 0.5), gaps=0.2, stalls=0.4, reset_at={"i": at})


def test_a_drop_takes_no_longer_in_a_large_frame(play):
    gate = FrameGate(4, 1000, 2)
    beats = [7] * 2000
    played = play(gate, {"i": (gate.i, beats), "keep": (gate.keep, [0, 0], 2001)}, {"o": (gate.o, 0)}, extra=2010,
                  sample={"level": gate.level})
    assert played.cycles["keep"] == [2001, 2002]
    assert played.sampled["level"][2001:2004] == [2000, 1000, 0]


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
