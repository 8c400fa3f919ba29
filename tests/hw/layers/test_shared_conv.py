import numpy as np
import pytest
from amaranth.back import verilog

from build_flows.artefacts.memory_files import externalise
from hw.layers.shared_conv import SharedConv
from tests.hw.layers.shared_cases import SHAPES


def drawn(shape, frames, *, steps=3, seed=4, extreme=False):
    """Frames, weights and thresholds."""
    rng = np.random.default_rng(seed)
    low, high = (-(1 << (shape.bits - 1)), (1 << (shape.bits - 1)) - 1) if shape.signed else (0, (1 << shape.bits) - 1)
    top = (1 << (shape.weight_bits - 1)) - 1
    images = rng.integers(low, high + 1, (frames, shape.height, shape.width, shape.channels))
    size = (shape.out_channels, *shape.kernel, shape.weight_channels)
    weights = rng.choice([-1, 1], size) if shape.binary else rng.integers(-top, top + 1, size)
    top = top or 1
    if extreme:
        images[:] = high
        weights[:] = rng.choice([-top, top], shape.out_channels)[:, None, None, None]
    spread = max(1, int(np.sqrt(weights[0].size) * top * high / 3))
    thresholds = np.sort(rng.integers(-spread, spread + 1, (shape.out_channels, steps)), axis=1)
    return images, weights, thresholds


def sums(shape, image, weights):
    """Sums of a frame after the pool, by definition."""
    padded = np.zeros((shape.height + 2 * shape.pad[0], shape.width + 2 * shape.pad[1], shape.channels), np.int64)
    padded[shape.pad[0]:shape.pad[0] + shape.height, shape.pad[1]:shape.pad[1] + shape.width] = image
    found = np.zeros((shape.conv_height, shape.conv_width, shape.out_channels), np.int64)
    for y in range(shape.conv_height):
        for x in range(shape.conv_width):
            at = (slice(y * shape.stride[0], y * shape.stride[0] + shape.kernel[0]),
                  slice(x * shape.stride[1], x * shape.stride[1] + shape.kernel[1]))
            found[y, x] = (weights[..., 0] * padded[at].transpose(2, 0, 1)).sum((1, 2)) if shape.depthwise else np.tensordot(
                weights, padded[at], 3)
    pool = shape.pool
    found = found[:shape.out_height * pool[0], :shape.out_width * pool[1]]
    return found.reshape(shape.out_height, pool[0], shape.out_width, pool[1], -1).max((1, 3))


def beats(frame, bits, values=None):
    return [sum((int(value) % (1 << bits)) << (n * bits) for n, value in enumerate(beat))
            for beat in frame.reshape(-1, values or frame.shape[-1])]


def case(shape, frames, *, steps=3, out_min=0, exchangeable=False, **how):
    """The unit, what goes in, and what must come out."""
    images, weights, thresholds = drawn(shape, frames, steps=steps or 1, **how)
    wanted = [sums(shape, image, weights) for image in images]
    if steps:
        wanted = [out_min + (value[..., None] >= thresholds).sum(-1) for value in wanted]
        unit = SharedConv(shape, weights=weights.tolist(), thresholds=thresholds.tolist(), out_min=out_min,
                          out_bits=steps.bit_length() + (out_min < 0), exchangeable=exchangeable, behavioural=True)
    else:
        unit = SharedConv(shape, weights=weights.tolist(), thresholds=None, out_bits=24, behavioural=True)
    given = [beat for image in images for beat in beats(image, shape.bits, shape.beat)]
    return unit, given, [beat for value in wanted for beat in beats(value, unit.out_bits)]


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize(("gaps", "stalls"), [
    (0.3, 0.5), (0, 0.9), (0.9, 0)])
def test_is_the_convolution(play, name, gaps, stalls):
    unit, given, wanted = case(SHAPES[name], 2)
    played = play(unit, {"i": (unit.i, given)}, {"o": (unit.o, len(wanted))}, gaps=gaps, stalls=stalls)
    assert played.beats["o"] == wanted


@pytest.mark.many(3)
@pytest.mark.parametrize(("name", "how"), [
    ("pool", {"steps": 0}), ("odd width", {"steps": 0}), ("signed", {"steps": 15, "out_min": -8}), ("groups", {"steps": 1}),
    ("one pixel, pool", {"steps": 7}), ("pairs", {"extreme": True}), ("8 bits", {"extreme": True, "steps": 0}),
    ("2-bit weights", {"extreme": True}),
])
def test_outputs_of_every_kind(play, name, how):
    unit, given, wanted = case(SHAPES[name], 2, **how)
    played = play(unit, {"i": (unit.i, given)}, {"o": (unit.o, len(wanted))}, stalls=0.2)
    assert played.beats["o"] == wanted


@pytest.mark.many(4)
@pytest.mark.parametrize("name", SHAPES)
def test_cycles_a_frame(play, name):
    """Without gaps and stalls the outputs are right too, and the last pixels of frames as far from each other as the shape says."""
    shape = SHAPES[name]
    unit, given, wanted = case(shape, 4)
    played = play(unit, {"i": (unit.i, given)}, {"o": (unit.o, len(wanted))})
    assert played.beats["o"] == wanted
    ends = played.cycles["o"][len(wanted) // 4 - 1::len(wanted) // 4]
    assert ends[3] - ends[1] == 2 * shape.cycles


@pytest.mark.many(3)
@pytest.mark.parametrize("name", ["groups, pool", "1x1", "fully connected", "pool"])
@pytest.mark.parametrize("at", [1, 6, 17])
def test_reset_at_any_beat(play, name, at):
    unit, given, wanted = case(SHAPES[name], 3)
    played = play(unit, {"i": (unit.i, given)}, {"o": (unit.o, len(wanted))}, stalls=0.4, gaps=0.2, reset_at={"i": min(at, len(given) - 1)})
    assert played.beats["o"] == wanted


@pytest.mark.many(2)
@pytest.mark.parametrize("cycles", range(1, 14, 4))
def test_reset_at_any_output(play, cycles):
    unit, given, wanted = case(SHAPES["groups"], 3)
    played = play(unit, {"i": (unit.i, given)}, {"o": (unit.o, len(wanted))}, stalls=0.2, reset_at={"o": cycles})
    assert played.beats["o"] == wanted


@pytest.mark.parametrize("name", ["pairs", "1x1, a step a visit", "groups, pool", "odd width"])
def test_a_stalled_output_stops_it_without_loss(play, name):
    """Nobody takes anything for long: no more pixels come to the output than have room there, and then all are still right."""
    shape = SHAPES[name]
    unit, given, wanted = case(shape, 6 if shape.reader_cycles < 20 else 4)
    assert len(wanted) > unit.depth
    played = play(unit, {"i": (unit.i, given)}, {"o": (unit.o, len(wanted))}, first_stall=500, limit=5000)
    assert played.beats["o"] == wanted


@pytest.mark.parametrize(("name", "weights", "exchangeable", "bits"), [
    ("pairs", 0, False, 2), ("pairs", 7, False, 13), ("pairs", -7, False, 13), ("pairs", 1, False, 11), ("pairs", 1, True, 13),
    ("signed", 7, False, 13), ("signed", 0, True, 13),
])
def test_sum_bits(name, weights, exchangeable, bits):
    shape = SHAPES[name]
    wall = [[[[weights] * shape.channels] * 3] * 3] * 4
    unit = SharedConv(shape, weights=wall, thresholds=None, out_bits=20, exchangeable=exchangeable)
    assert unit.sum_bits == bits


@pytest.mark.parametrize(("change", "message"), [
    ({"out_min": 1, "thresholds": None}, "out_min must be 0 without thresholds, not 1"),
    ({"thresholds": None}, r"out_bits must be at least 13, the sums' bits, not 2"),
    ({"thresholds": [[0] * 3] * 3}, "thresholds must be of 4 channels, not of 3"),
    ({"out_bits": 1}, "out_bits must hold values from 0 to 3, not out_bits=1"),
    ({"out_min": -1, "thresholds": [[0] * 4] * 4}, "out_bits must hold values from -1 to 3, not out_bits=2"),
    ({"out_min": -3}, "out_bits must hold values from -3 to 0, not out_bits=2"),
])
def test_errors(change, message):
    arguments = {"weights": [[[[7] * 4] * 3] * 3] * 4, "thresholds": [[0] * 3] * 4, "out_bits": 2}
    with pytest.raises(ValueError, match=f"^{message}$"):
        SharedConv(SHAPES["pairs"], **(arguments | change))


@pytest.mark.parametrize("change", [{"thresholds": None, "out_bits": 12}, {"exchangeable": True}])
def test_bits_have_thresholds_that_stay(change):
    shape = SHAPES["bits"]
    arguments = {"weights": [[[[1] * 13] * 3] * 3] * 4, "thresholds": [[0]] * 4, "out_bits": 1}
    with pytest.raises(ValueError, match=r"^a binary shape must have thresholds, and cannot be exchangeable$"):
        SharedConv(shape, **(arguments | change))


def test_exchangeable_contents_alone_differ():
    """Two units of other weights and thresholds are the same Verilog but for what memories hold."""
    texts = []
    for seed in (1, 2):
        shape = SHAPES["groups"]
        _, weights, thresholds = drawn(shape, 1, seed=seed)
        unit = SharedConv(shape, weights=weights.tolist(), thresholds=thresholds.tolist(), out_bits=2, exchangeable=True)
        texts.append(externalise(verilog.convert(unit, name="unit", emit_src=False, strip_internal_attrs=True)))
    assert texts[0][0] == texts[1][0]
    assert texts[0][1].keys() == texts[1][1].keys()
    assert all(texts[0][1][name] != texts[1][1][name] for name in texts[0][1])


@pytest.mark.parametrize("name", ["groups", "one pixel, pool"])
def test_an_exchangeable_unit(play, name):
    unit, given, wanted = case(SHAPES[name], 2, exchangeable=True)
    played = play(unit, {"i": (unit.i, given)}, {"o": (unit.o, len(wanted))}, stalls=0.2)
    assert played.beats["o"] == wanted
