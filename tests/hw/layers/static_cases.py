"""Cases of static convolutions with drawn weights and frames, and what they must give, from the definitions and nothing of ours."""

import numpy as np

DEFAULTS = {
    "height": 5, "width": 6, "channels": 2, "bits": 4, "signed": False, "out_min": 0, "out_bits": 4, "out_signed": False,
    "kernel": (3, 3), "stride": (1, 1), "pad": (1, 1), "pool": (1, 1), "pixels": 1,
}


def parameters(seed=1, *, outputs=3, weight_bits=4, steps=15, **changes):
    """Parameters of StaticConv with drawn weights and, where ``steps`` is not 0, so many thresholds a channel; ``changes`` go on top."""
    rng = np.random.default_rng(seed)
    found = DEFAULTS | changes
    high = 1 << (weight_bits - 1)
    weights = rng.integers(-high, high, (outputs, *found["kernel"], found["channels"]))
    reach = int(np.abs(weights).sum(axis=(1, 2, 3)).max()) * ((1 << found["bits"]) - 1) // 3 + 1
    drawn = {"weights": weights.tolist(), "thresholds": np.sort(rng.integers(-reach, reach, (outputs, steps)), axis=1).tolist()}
    if not steps:
        drawn["thresholds"] = None
    return drawn | found


def draw_frames(given, count, seed=3):
    """Frames of random values; one in three is all of the greatest value, so that anything left of the frame before shows."""
    rng = np.random.default_rng(seed)
    low, high = (-(1 << (given["bits"] - 1)), 1 << (given["bits"] - 1)) if given["signed"] else (0, 1 << given["bits"])
    shape = given["height"], given["width"], given["channels"]
    return [np.full(shape, high - 1) if n % 3 == 1 else rng.integers(low, high, shape) for n in range(count)]


def sums(given, frame):
    """The convolution's sums by its definition, before thresholds and pool."""
    (tall, wide), (down, across), (above, beside) = given["kernel"], given["stride"], given["pad"]
    padded = np.pad(frame, ((above, above), (beside, beside), (0, 0)))
    weights = np.array(given["weights"])
    return np.array([[(weights * padded[y:y + tall, x:x + wide]).sum((1, 2, 3)) for x in range(0, padded.shape[1] - wide + 1, across)]
                     for y in range(0, padded.shape[0] - tall + 1, down)])


def outputs(given, frame):
    """What StaticConv makes of a frame: thresholds first, then the pool."""
    found = sums(given, frame)
    if given["thresholds"] is not None:
        found = given["out_min"] + (np.array(given["thresholds"]) <= found[..., np.newaxis]).sum(-1)
    down, across = given["pool"]
    height, width = found.shape[0] // down, found.shape[1] // across
    return found[:height * down, :width * across].reshape(height, down, width, across, -1).max((1, 3))


def pack(values, per_beat, bits):
    """Values in their order, ``per_beat`` of ``bits`` bits a beat, the first lowest."""
    flat = [int(value) % (1 << bits) for value in np.asarray(values).reshape(-1)]
    return [sum(value << (n * bits) for n, value in enumerate(flat[at:at + per_beat])) for at in range(0, len(flat), per_beat)]


def vectors(given, lanes, count=3, seed=3):
    """Beats of ``count`` frames in, and of what must come out."""
    frames = draw_frames(given, count, seed)
    inside, outside = given["pixels"] * given["channels"], lanes * len(given["weights"])
    return ([beat for frame in frames for beat in pack(frame, inside, given["bits"])],
            [beat for frame in frames for beat in pack(outputs(given, frame), outside, given["out_bits"])])
