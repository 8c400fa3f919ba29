"""What makes a unit's size: a few physical quantities of each kind of unit, counted as its RTL has them.

The cost model weighs them (:mod:`build_flows.planning.cost_model`); its coefficients are LUTs, or flip-flops, for one of each. ``memory``
and ``shift`` are LUTs that are memory and shift register, ``one`` is 1.
"""

from functools import lru_cache
from math import ceil, gcd

__all__ = [
    "Terms", "add_terms", "concat_terms", "converter_terms", "mvau_terms", "padding_terms", "pool_terms", "sum_terms", "threshold_terms",
    "window_terms",
]

Terms = dict[str, float]

_PRODUCT_BITS = 25
"""Width of the multiplier of a DSP48E1 that the matrix unit packs products into."""
_DSP_BITS = 48
"""Width of the DSP48E1's accumulator."""


def log2(value: int) -> int:
    """Bits that count ``value`` things."""
    return max(0, value - 1).bit_length()


def add_terms(lanes: int, bits: int, others: int) -> Terms:
    """Adders: of each of ``lanes`` sums of ``bits`` a register and an adder of two, and for each of ``others``, the inputs but the first,
    behind the second two look-up tables a bit that make two summands of three."""
    return {"bits": lanes * bits, "more": lanes * bits * (others - 1), "one": 1}


def concat_terms(bits: int) -> Terms:
    """A register of a beat of ``bits``."""
    return {"bits": bits, "one": 1}


def padding_terms(bits: int, width: int, height: int, folds: int) -> Terms:
    """Padding: two registers of a beat, counters of a padded ``width`` x ``height`` map with ``folds`` beats a pixel."""
    return {"bits": bits, "counter": log2(width + 1) + log2(height + 1) + log2(folds), "one": 1}


def window_terms(
    bits: int, window: int, lines: int, depth: int, loops: tuple[int, ...], beats: int, memory: int, banks: int, parallel: bool
) -> Terms:
    """Sliding window of beats of ``bits``: ``loops`` are the lengths of its counters, ``beats`` those of a frame in.

    ``parallel``: it hands out whole windows of ``window`` pixels, from registers joined by ``lines`` memories of ``depth`` words
    each (``lines`` 0: none); otherwise one memory of ``depth``. ``memory`` is the LUTs of all of them, ``banks`` the parts of each.
    """
    counters = {"position": log2(beats + 1), "address": log2(depth), "loops": sum(log2(loop + 1) for loop in loops), "one": 1}
    muxes = (lines if parallel else 1) * bits * (banks - 1)
    taps = window * bits if parallel else 0
    return {"taps": taps, "line": (lines if parallel else 1) * bits, "mux": muxes, "memory": memory, **counters}


def converter_terms(in_bits: int, out_bits: int) -> Terms:
    """Width converter: a buffer of a beat in and a beat out, of parts as wide as their common divisor; a wide beat in is turned into place
    by a barrel of as many positions as it has parts, unless one beat is a whole number of the other: then parts are shifted."""
    common = gcd(in_bits, out_bits)
    ins, outs = in_bits // common, out_bits // common
    turned = ins > 1 and outs > 1
    barrel, placed = (in_bits * ceil((ins - 1) / 3), common * ins * (ins + outs)) if turned else (0, 0)
    return {"in": in_bits, "out": out_bits, "barrel": barrel, "parts": ins + outs, "placed": placed, "one": 1}


def mvau_terms(
    *, pe: int, simd: int, synapse: int, neuron: int, weight_bits: int, in_bits: int, sum_bits: int, products: int,
    memory: int, weight_banks: int, replay_banks: int, block: bool, block_replay: bool,
) -> Terms:
    """Matrix-vector unit with its weight memory: adder trees behind the DSPs, lane by lane, as the core has them.

    ``synapse`` and ``neuron`` are its folds, ``products`` those of a DSP; ``memory`` is LUTs that hold weights and replayed activations,
    the ``banks`` their parts; ``block``: they are in block RAM.
    """
    adders = registers = pairs = high = 0
    lanes = _lane_bits(products, weight_bits, in_bits, sum_bits)
    levels = log2(simd)
    for start in range(0, pe, products):
        used = min(products, pe - start)
        pairs += simd * (used - 1)
        for lane in range(products - used, products):
            more, kept = _tree(simd, lanes[lane], 0, levels + int(simd == 1))
            adders, registers = adders + more, registers + kept
            above = _high_bits(sum_bits, lanes, lane, simd)
            if above:
                more, kept = _tree(simd, 1, 1, levels - 1 + int(simd == 1))
                adders, registers, high = adders + more, registers + kept, high + above
    stream = pe * simd * weight_bits
    # A single word of weights is a constant.
    weights, activations = stream if synapse * neuron > 1 else 0, simd * in_bits if neuron > 1 else 0
    return {
        "adders": adders, "registers": registers, "pairs": pairs, "high": high, "results": pe * sum_bits,
        "weights": weights, "weights_read": 0 if block else weights, "weight_mux": weights * (weight_banks - 1),
        "activations": activations, "activations_read": 0 if block_replay else activations, "replay_mux": activations * (replay_banks - 1),
        "constants": stream - weights, "counters": log2(synapse) * (3 if neuron > 1 else 1) + log2(neuron) + log2(synapse * neuron),
        "memory": memory, "shift": stream + pe * sum_bits, "one": 1,
    }


def _lane_bits(products: int, weight_bits: int, in_bits: int, sum_bits: int) -> list[int]:
    """Bits of each product's lane in the DSP's accumulator, as ``sliceLanes`` of FINN's ``mvu.sv`` gives them to narrow weights."""
    least = weight_bits + in_bits - 1
    slack = _PRODUCT_BITS - weight_bits - (products - 1) * least
    lanes = []
    for lane in range(1, products):
        extra = (slack + products - 1 - lane) // (products - lane)
        lanes.append(least + extra)
        slack -= extra
    return [*lanes, min(sum_bits, _DSP_BITS - sum(lanes))]


def _high_bits(sum_bits: int, lanes: list[int], lane: int, simd: int) -> int:
    """Bits of the accumulator for what overflows a lane; about those of ``hi_width`` in FINN's ``mvu.sv``."""
    if sum_bits <= lanes[lane]:
        return 0 if lane == len(lanes) - 1 else 1 + log2(simd)
    return 1 + max(sum_bits - lanes[lane], log2(simd))


@lru_cache(maxsize=16384)
def _tree(leaves: int, bits: int, more: int, stages: int) -> tuple[int, int]:
    """Bits that a tree over ``leaves`` adds, and bits of its ``stages`` registers, as FINN's ``add_multi.sv`` places them.

    A node above ``n`` leaves is ``bits + log2(n + more)`` wide, rounded up.
    """
    adders = registers = 0
    loads = [1] * (2 * leaves - 1)
    for node in range(leaves - 2, -1, -1):
        loads[node] = loads[2 * node + 1] + loads[2 * node + 2]
    levels = log2(leaves)
    inside = min(levels, stages)
    for node, load in enumerate(loads):
        wide = bits + log2(load + more)
        level = log2(node + 2) - 1
        if node < leaves - 1:
            adders += wide
        step = levels - level
        if level < levels and step * inside // levels < (step + 1) * inside // levels:
            registers += wide
    return adders, registers + max(0, stages - levels) * (bits + log2(leaves + more))


def threshold_terms(*, pe: int, folds: int, bits: int, tables: list[tuple[int, bool]]) -> Terms:
    """Thresholding by binary search: at each step a table is read, and a value of ``bits`` compared and kept twice.

    ``tables``: words of the table of each step, and whether it is in block RAM. ``state`` is the bits of values, of what was found so
    far, and of the queue of results; ``table`` is columns of the tables in LUTs (few words have few that differ), ``deep`` what a column
    takes above 64 words, in LUTs of 64.
    """
    levels = len(tables)
    columns = [0 if words < 2 or block else min(bits, words) for words, block in tables]
    state = bits * (2 * levels - 1) + levels * levels + levels * (2 * levels + 3)
    return {
        "state": pe * state, "compared": pe * bits * levels, "table": pe * sum(columns),
        "deep": pe * sum(wide * (ceil(words / 64) - 1) for wide, (words, _) in zip(columns, tables, strict=True)),
        "channel": log2(folds) * 2 * levels, "one": 1,
    }


def pool_terms(
    lanes: int, bits: int, compares: int, memories: list[tuple[int, int, int, int]], counters: tuple[int, ...]
) -> Terms:
    """Max pool of ``lanes`` values of ``bits`` a beat: ``compares`` comparators of a value on both axes together, and delays, each of
    ``memories`` (words, LUTs, registers and banks) not in block RAM."""
    compared = lanes * compares
    width = lanes * bits
    return {
        "bits": width, "compared": bits * compared, "compared_twice": bits * bits * compared, "delayed": width * len(memories),
        "mux": sum(width * (banks - 1) for _, _, _, banks in memories), "address": sum(log2(words) for words, *_ in memories),
        "counters": sum(log2(value) for value in counters), "registers": sum(kept for _, _, kept, _ in memories),
        "memory": sum(luts for _, luts, _, _ in memories), "one": 1,
    }


def sum_terms(bits: int, words: int, memory: int, registers: int, banks: int, counters: tuple[int, ...]) -> Terms:
    """Sum over a frame: adders of ``bits`` a beat, a delay and a queue of ``words`` each, in ``memory`` LUTs and ``registers``."""
    return {
        "bits": bits, "mux": bits * (banks - 1), "address": log2(words), "counters": sum(log2(value) for value in counters),
        "registers": registers, "memory": memory, "one": 1,
    }
