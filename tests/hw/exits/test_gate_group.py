import random

import pytest

from hw.exits.gate_group import GateGroup
from tests.in_pairs import in_pairs

TENSORS = [((8, 1), (8, 1)), ((8, 3), (5, 3)), ((4, 6), (8, 1)), ((8, 1), (4, 9)), ((3, 2), (4, 4), (5, 1)),
           ((2, 1), (3, 5), (4, 2), (5, 3))]
"""(bits, beats of a frame) of each tensor."""


def drawn(group, keeps, seed=5):
    """By tensor, the frames of all samples, and those of the samples that are kept."""
    rng = random.Random(seed)
    frames = [[[rng.getrandbits(bits) for _ in range(beats)] for _ in keeps] for bits, beats in group.tensors]
    flat = [[beat for frame in tensor for beat in frame] for tensor in frames]
    kept = [[beat for frame, keep in zip(tensor, keeps, strict=True) if keep for beat in frame] for tensor in frames]
    return flat, kept


def run(play, group, keeps, *, starts=(0, 0, 0, 0), **options):
    """Plays samples with these verdicts, those of tensor n offered from cycle ``starts[n]`` on; all that is kept must come, as it was."""
    flat, kept = drawn(group, keeps)
    sources = {f"i{n}": (getattr(group, f"i{n}"), beats, starts[n]) for n, beats in enumerate(flat)}
    sinks = {f"o{n}": (getattr(group, f"o{n}"), len(beats)) for n, beats in enumerate(kept)}
    played = play(group, {**sources, "keep": (group.keep, keeps)}, sinks, sample={"level": group.level}, **options)
    for n, beats in enumerate(kept):
        assert played.beats[f"o{n}"] == beats, f"tensor {n}"
    assert max(played.sampled["level"]) <= group.frames
    return played


def verdicts(count, share, seed=4):
    rng = random.Random(seed)
    return [int(rng.random() < share) for _ in range(count)]


@in_pairs({
    "tensors": TENSORS, "frames": [1, 2, 5], "share": [0.25, 0.5, 1], "reset": [False, True],
    ("gaps", "stalls"): [(0, 0), (0.3, 0.3), (0, 0.9), (0.9, 0), (0.5, 0.3)],
})
@pytest.mark.many(5)
def test_kept_samples_come_whole_in_order_and_once(play, tensors, frames, share, gaps, stalls, reset):
    count = 24
    group = GateGroup(tensors, frames)
    keeps = verdicts(count, share)
    options = {"reset_at": {"o0": 3, "i1": 5}} if reset else {}
    played = run(play, group, keeps, gaps=gaps, stalls=stalls, **options)
    last = max(n for n, keep in enumerate(keeps) if keep)
    assert all(len(played.beats[f"i{n}"]) >= (last + 1) * beats for n, (_, beats) in enumerate(tensors))


def test_a_verdict_waits_for_the_last_tensor(play):
    group = GateGroup([(8, 2), (8, 3)], 3)
    played = run(play, group, [1, 1], starts=(0, 20))
    assert played.cycles["i0"] == [0, 1, 2, 3], "what has a slot does not wait for the other tensor"
    assert played.cycles["keep"] == [23, 26]
    assert (played.cycles["o0"][0], played.cycles["o1"][0]) == (25, 25)


def test_a_drop_is_one_cycle_for_all_tensors(play):
    group = GateGroup([(8, 2), (8, 30)], 2)
    played = run(play, group, [0, 0, 0, 1], extra=40)
    assert played.cycles["keep"] == [30, 60, 90, 120]
    assert played.sampled["level"][30:33] == [2, 1, 2]
    # The third sample begins in the tensor that is there first, with the slot of the first.
    assert played.cycles["i0"][4] == 31


def test_a_slot_is_free_when_all_tensors_are_read(play):
    """Tensor 0 is read at once, tensor 1 not before cycle 50: the sample behind them may not begin in either before that."""
    group = GateGroup([(8, 2), (8, 2)], 2)
    played = run(play, group, [1, 1, 1], stalls={"o0": 0, "o1": 0}, first_stall=0, starts=(0, 0))
    slow = run(play, GateGroup([(8, 2), (8, 2)], 2), [1, 1, 1], stalls={"o0": 0, "o1": 0.97}, seed=3)
    assert slow.cycles["o0"][3] < slow.cycles["o1"][0]
    # Its last beat goes to the output register with the transfer of the one before.
    assert slow.cycles["i0"][4] > slow.cycles["o1"][0]
    assert slow.cycles["i1"][4] > slow.cycles["o1"][0]
    assert played.cycles["i0"][4] < 9


@pytest.mark.parametrize("tensors", [((8, 3), (8, 3)), ((8, 12), (8, 4))])
def test_kept_samples_pass_at_full_rate(play, tensors):
    longest = max(beats for _, beats in tensors)
    played = run(play, GateGroup(tensors, 4), [1] * 12)
    for n, (_, beats) in enumerate(tensors):
        if beats == longest:
            assert played.cycles[f"i{n}"] == list(range(12 * longest))
            assert played.span(f"o{n}") == 12 * longest


@pytest.mark.parametrize(("arguments", "message"), [
    (([], 2), "tensors must be from 1 to 4, not 0"), (([(1, 1)] * 5, 2), "tensors must be from 1 to 4, not 5"),
    (([(1, 1), (1, 1)], 0), "frames must be at least 1, not 0"), (([(1, 1), (0, 1)], 1), "width must be at least 1, not 0"),
])
def test_a_parameter_out_of_range_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        GateGroup(*arguments)
