"""What a shared unit takes: its memories, exactly, and what the cost model weighs of the rest, counted as its RTL has it."""

from dataclasses import dataclass
from math import ceil

from build_flows.planning.memory_map import Placed, place, place_rom, place_table
from build_flows.planning.unit_terms import Terms, log2
from hw.layers.bit_counts import count_plan, count_tables
from hw.layers.chain_sums import chain_delays, chain_latency, operand_delays
from hw.layers.lut_chain import lut_delays
from hw.layers.lut_rows import chain_rows
from hw.layers.row_ring import ring_banks, ring_words
from hw.layers.shared_conv import output_depth
from hw.layers.shared_shape import SharedShape
from hw.layers.sum_plan import registers
from hw.layers.weight_memory import DISTRIBUTED

__all__ = ["SharedSize", "shared_size"]

_LUT_TABLE = 256
"""Thresholds of a search step that are look-up tables, as :mod:`hw.layers.threshold_memory` has them."""


@dataclass(frozen=True)
class SharedSize:
    """Terms of the cost model, ``bram18`` half blocks, and whether the weights are in block RAM."""

    terms: Terms
    bram18: int
    block: bool


def shared_size(shape: SharedShape, *, sum_bits: int, steps: int, out_bits: int, exchangeable: bool) -> SharedSize:
    """The size of a unit whose accumulators are ``sum_bits`` wide, with ``steps`` thresholds a channel (0: the sums are the output).

    Terms are bits but ``memory`` and ``shift``, LUTs, and ``one``: ``registers`` on the way of the data; ``logic``, adders between
    chains and of the accumulators, multiplexers of up to four words, comparisons for the pool and for thresholds, and look-up tables of 64
    entries that hold thresholds, weights and what reader and ring look up; ``control``, counters and addresses. A unit that multiplies in
    look-up tables has ``rows`` too, the bits of its chains in which a multiple is added; one that counts bits ``tables``, those of six
    inputs, and ``adders``, the bits of those behind them.
    """
    memories = _Memories()
    word, words = shape.inputs * shape.bits, max(2, shape.ring_rows * ring_words(shape))
    ring = memories.add(place(words, word), ring_banks(shape))
    weights, block = _weights(shape, memories, exchangeable)
    lanes_bits, sums = shape.lanes * sum_bits, shape.pixels * shape.outputs
    pooled, beside = shape.columns * shape.pool[0] > 1, shape.pixels == 2 and not shape.paired
    if pooled and shape.drain > 1:
        memories.add(place(shape.drain, lanes_bits))
    tables = _thresholds(shape, memories, sum_bits, steps, exchangeable)
    depth, width = output_depth(shape, steps), shape.out_channels * out_bits
    memories.add(place(depth, width) if depth > 64 else place(depth - 1, width, style="distributed"))

    rows, chained = _lut_chains(shape) if shape.lut else (0, _counted(shape) if shape.binary else 0)
    delays, levels, copies = chain_delays(shape), steps.bit_length(), 2 if shape.paired and shape.output_groups > 1 else 1
    # A pixel's values beyond the last are never read: from the third on, a lane's are a shift register, the first that is read with them.
    beyond = (shape.output_groups * shape.outputs - shape.out_channels) // shape.lanes
    unread = (beyond + 1) * shape.lanes * out_bits if beyond >= 2 else 0
    glue = sums * shape.packing.field * (len(shape.chain_lengths) - 1)
    beat = shape.beat_groups * word if shape.beat_groups > 1 else 0
    drained, larger = lanes_bits * (2 if beside else 1), lanes_bits * (int(beside) + int(pooled))
    terms: Terms = {
        "registers": (
            shape.pixels * shape.bits * sum(delay for delay in operand_delays(shape) if delay < 3) + chained + glue + 2 * sums * sum_bits
            + word * (shape.pixels + 1 + ring_banks(shape) * int(ring.style != "block")) + beat + drained + larger
            + shape.lanes * _search_bits(shape, sum_bits, levels) + copies * (shape.output_groups * shape.outputs * out_bits - unread)
            + width + memories.registers
        ),
        "logic": (
            glue + sums * sum_bits + word * (2 * int(shape.pixels == 2) + shape.pixels * (ring.banks - 1) * int(ring.style != "registers"))
            + beat + drained * ceil((shape.drain - 1) / 3) + 2 * larger + width * copies + shape.lanes * levels * (sum_bits + 1)
            + tables + weights + _reader_tables(shape)
        ),
        "control": _counters(shape) + log2(max(2, shape.weight_rows)) * (max(delays) + 4) + chain_latency(shape) + 2 * levels,
        "memory": memories.lutram,
        "shift": _shifts(shape, levels, pooled) + copies * (shape.lanes * out_bits if unread else 0),
        "one": 1,
    }
    if shape.lut:
        terms["rows"] = rows
    if shape.binary:
        nodes = registers([count_plan(shape.inputs)])
        terms |= {"tables": sums * count_tables(shape.inputs), "adders": sums * sum(node.adder_bits for node in nodes)}
    return SharedSize(terms, memories.bram18, block)


def _counted(shape: SharedShape) -> int:
    """Registers of operands and counts."""
    threes = -(-shape.inputs // 3)
    counts = 2 * threes + 2 * sum(min(6, threes - at).bit_length() for at in range(0, threes, 6))
    added = sum(node.bits for node in registers([count_plan(shape.inputs)]))
    return shape.inputs * (shape.pixels + shape.outputs) + shape.pixels * shape.outputs * (counts + added)


def _lut_chains(shape: SharedShape) -> tuple[int, int]:
    """Bits of all chains in which a multiple, or its sign, is added, and registers of the chains and of the activations' multiples."""
    rows = registers = 0
    for length in shape.chain_lengths:
        plan, starts = chain_rows(shape.bits, shape.signed, shape.weight_bits, length), lut_delays(shape.weight_bits, length)
        for row, after in zip(plan, (*plan[1:], None), strict=True):
            signed, late = shape.signed or row.top, row.stage > starts[row.product]
            above = row.sum_bits - row.low
            rows += shape.pixels * shape.outputs * (above if signed else min(above, shape.bits + row.width))
            if after is None or after.stage > row.stage:
                registers += shape.pixels * shape.outputs * row.sum_bits
            registers += row.width * shape.outputs * int(late)
        waits = {row.product for row in plan if row.stage > starts[row.product]}
        registers += shape.pixels * (3 * shape.bits + 3) * (length + len(waits)) * (shape.outputs if shape.depthwise else 1)
    return rows, registers


def _search_bits(shape: SharedShape, sum_bits: int, levels: int) -> int:
    """Registers of a lane's search: at each step a threshold, the value and what was found, and on to the next step value and channel."""
    channel = log2(shape.output_groups) + log2(shape.slots)
    steps = sum(2 * sum_bits + 1 + 2 * step + 1 for step in range(levels))
    return steps + max(0, levels - 1) * (sum_bits + 2 * channel)


class _Memories:
    """The sum of memories."""

    def __init__(self) -> None:
        self.lutram = self.bram18 = self.registers = 0

    def add(self, placed: Placed, times: int = 1) -> Placed:
        self.lutram += times * placed.lutram
        self.bram18 += times * placed.bram18
        self.registers += times * placed.registers
        return placed


def _weights(shape: SharedShape, memories: _Memories, exchangeable: bool) -> tuple[int, bool]:
    """Bits of the weights' look-up tables, and whether they are in block RAM: one memory for the channels of each delay."""
    rows, delays, tables, block = shape.weight_rows, chain_delays(shape), 0, False
    for delay in set(delays):
        bits = delays.count(delay) * shape.weights_each * shape.weight_bits
        if rows <= DISTRIBUTED:
            tables += bits * int(rows > 1)
            memories.registers += bits * int(shape.lut and rows > 1)
            continue
        words = 1 << log2(rows) if exchangeable else rows
        placed = place_table(words, bits) if exchangeable else place_rom(words, bits)
        memories.add(placed)
        block = block or placed.style == "block"
        memories.registers += bits * int(shape.lut)
        tables += 0 if placed.style == "block" else bits * ceil(words / 64)
    return tables, block


def _thresholds(shape: SharedShape, memories: _Memories, sum_bits: int, steps: int, exchangeable: bool) -> int:
    """Bits of the thresholds' look-up tables, 64 entries each."""
    rows, tables = shape.output_groups << log2(shape.slots), 0
    for step in range(steps.bit_length()):
        words = rows << step
        if exchangeable:
            placed = place_table(max(2, 1 << log2(words)), sum_bits + 1)
        else:
            placed = place_rom(words, sum_bits + 1) if words > _LUT_TABLE else Placed("logic")
        memories.add(placed, shape.lanes)
        if placed.style != "block":
            tables += shape.lanes * min(sum_bits + 1, words) * ceil(words / 64) * int(words > 1)
    return tables


def _reader_tables(shape: SharedShape) -> int:
    """Bits of the reader's and the ring's tables, 64 entries each."""
    rows, columns, positions = shape.out_height * shape.pool[0], shape.units * shape.columns, len(shape.positions())
    by_row = 2 * log2(shape.kernel[0] + 1) + 2 * log2(max(shape.needed) + 1)
    by_column = log2(shape.kernel[1] + 1) + log2(positions) + log2(shape.kernel[1] * shape.input_groups)
    by_position = shape.pixels * log2(ring_words(shape)) + 2
    return (by_row * ceil(rows / 64) + by_column * ceil(columns / 64) + by_position * ceil(positions / 64)
            + log2(shape.ring_rows * ring_words(shape)) * ceil(2 * shape.ring_rows / 64))


def _counters(shape: SharedShape) -> int:
    """Bits of counters and addresses of ring, reader and drain."""
    words = log2(shape.ring_rows * ring_words(shape))
    counted = (shape.width, shape.input_groups, shape.input_groups, shape.ring_rows, shape.beat_groups, shape.columns, shape.pool[0],
               shape.output_groups, shape.units, shape.out_height, 2 * shape.ring_rows, shape.ring_rows, shape.drain, shape.drain)
    planned = log2(len(shape.positions())) + log2(shape.kernel[0]) + log2(shape.kernel[1] * shape.input_groups) + log2(shape.ring_rows)
    return sum(log2(value) for value in counted) + words * (2 + shape.pixels) + 3 * planned


def _shifts(shape: SharedShape, levels: int, pooled: bool) -> int:
    """Bits that wait three cycles or more, each in a LUT that is a shift register."""
    group = log2(shape.output_groups)
    told = group + 1 + 2 * int(pooled) + int(shape.pixels == 2)
    state = group + log2(shape.slots) + 2 * int(shape.paired) + int(pooled) if levels > 1 else 0
    operands = shape.pixels * shape.bits * sum(delay >= 3 for delay in operand_delays(shape))
    # Look-up tables are read two cycles later than a memory: the address waits for three.
    operands += log2(shape.weight_rows) if shape.weight_rows <= DISTRIBUTED else 0
    if shape.binary and shape.inputs <= 3:     # one table counts them all: what is behind it is registers alone
        operands += 2 * shape.pixels * shape.outputs
    return operands + told * ceil((4 + chain_latency(shape)) / 32) + state + shape.pixels + int(shape.pixels == 2)
