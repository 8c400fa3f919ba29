"""What a design takes that is neither a layer nor a gate's memory: streams, control, decisions, gates' logic, routing and the merge.

These units are small and alike from design to design. Each count is a straight line through what Yosys made of them: streams and what does
not depend on exits in b_alexnet (two exits), b_lenet (two) and digits (three) on a 64-bit bus; decisions in a sweep of policies, 1 to 10
logits a beat and 10 to 16 bits (``offramp exit-unit simulate --synth``), and in these designs. All together it was within 6 % of their LUTs
and flip-flops; of triple_wins, which nothing is fitted to, within 5 % of the LUTs and 10 % of the flip-flops.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil

from build_flows.planning.cost_model import Cost
from build_flows.planning.folding import Folding

__all__ = ["ALWAYS", "decision_cost", "glue_cost", "logit_beats", "stream_cost", "with_decisions"]

ALWAYS = "always"
"""The policy of a last exit."""

_ALONE = Cost(lut=1196, lutram=24, ff=1064, carry=102)
"""What is there once: admission, arrivals, merge, the queue of lengths, and of registers and top what does not grow with exits."""
_EXIT = Cost(lut=589, lutram=92, ff=347, carry=34)
"""What each exit adds: registers, its part of the top, queues of results and tokens, routing."""
_GATE = Cost(lut=215, lutram=44, ff=158, carry=19)
"""A gate's logic and its verdicts."""
_FORK = Cost(lut=5, ff=2)
_UNPACK = Cost(lut=90, ff=75, carry=3)
_ACROSS = Cost(lut=195, ff=20)
"""What unpacking takes more where beats do not divide the words of the bus."""
_OURS = ("static", "shared")
_PAIRED = 0.04
"""The share of these LUTs that could have another one beside them."""

_Line = tuple[float, float, float, float]
"""What a decision takes: whatever it sees, for a bit of a logit, for a logit of a beat, and for a bit of each of these."""

# By policy: LUTs, flip-flops, and DSPs for a logit of a beat.
_DECISIONS: dict[str, tuple[_Line, _Line, int]] = {
    "max_logit": ((22, 0, 0, 1.75), (25, 3, 0, 0.5), 0),
    "margin": ((20, 2, 0, 3.4), (25, 2.5, 0, 1.5), 0),
    "softmax": ((60, 0, 122, 2.9), (150, 0, 80, 3.4), 0),
    "entropy": ((200, 0, 400, 2.9), (220, 0, 180, 3.4), 1),
    ALWAYS: ((10, 0, 0, 1.75), (5, 3, 0, 0.5), 0),
}
_JOINED: tuple[_Line, _Line] = ((31, 0, 3, 1), (46, 0, 10, 0))
"""What a decision takes more in an accelerator than by itself: biases, its token, and a register behind it."""


def stream_cost(bits: int, *, short: bool = False) -> Cost:
    """A FIFO of 3 words of ``bits`` between two units, two in memory and one in front; ``short``: of 2, both registers."""
    if short:
        return Cost(lut=bits + 6, ff=2 * bits + 4)
    memory = 4 * ceil(bits / 6)
    return Cost(lut=bits + 9 + memory, lutram=memory, ff=bits + 7)


def glue_cost(folding: Folding, bus_bits: int) -> Cost:
    """All that is no layer of ``folding``, no gate's memory and no decision, with images on a bus of ``bus_bits``."""
    network = folding.network
    found = [_ALONE, *([_EXIT] * len(network.stages)), stream_cost(bus_bits, short=True), _unpacked(folding, bus_bits), *_streams(folding)]
    found += [_GATE for stage in range(len(network.stages)) for _ in network.cut(stage)]
    total = sum(found, Cost())
    return total + Cost(pairable=round(_PAIRED * (total.lut - total.lutram)))


def logit_beats(folding: Folding) -> tuple[tuple[int, int], ...]:
    """For each exit the logits of a beat, and the bits of each."""
    found = []
    for head in folding.network.heads:
        units, bits = folding.plans[head[-1].name].units, head[-1].sum_bits
        found.append((max(1, units[-1].out_bits // bits) if units and bits else 1, bits))
    return tuple(found)


def with_decisions(glue: Cost, logits: Sequence[tuple[int, int]], policies: Sequence[str]) -> Cost:
    """``glue`` and the decisions on ``logits`` (:func:`logit_beats`) by ``policies`` of the early exits."""
    return sum((decision_cost(policy, *beat) for policy, beat in zip((*policies, ALWAYS), logits, strict=True)), glue)


def decision_cost(policy: str, logits: int, bits: int) -> Cost:
    """The decision of an exit by ``policy`` on ``logits`` of ``bits`` a beat, and the register behind it. Raises ValueError for a policy
    that nothing is known of."""
    if policy not in _DECISIONS:
        raise ValueError(f"policy must be one of {', '.join(_DECISIONS)}, not {policy!r}")
    luts, ffs, dsp = _DECISIONS[policy]
    seen = (1, bits, logits, bits * logits)
    lut, ff = (round(sum(weight * count for line in lines for weight, count in zip(line, seen, strict=True)))
               for lines in ((luts, _JOINED[0]), (ffs, _JOINED[1])))
    return Cost(lut=lut, ff=ff, dsp=dsp * logits, carry=8 + 4 * logits)


def _streams(folding: Folding) -> Iterator[Cost]:
    """The image's stream, one behind every unit, and into every reader of what forks but gates. Into exits and from one unit of ours right
    into another two words are enough."""
    network = folding.network
    yield stream_cost(folding.input_pe * network.in_bits, short=True)
    last = {head[-1].name for head in (*network.heads, *network.gates) if head}
    for run in network.runs:
        units = [(unit, layer.name) for layer in run.layers for unit in folding.plans[layer.name].units]
        for (unit, _), (behind, _) in pairwise(units):
            yield stream_cost(unit.out_bits, short=unit.kind in _OURS and behind.kind in _OURS)
        if units:
            unit, name = units[-1]
            # Later stages read a gate, which has memory of its own.
            direct = sum(not run.held or network.runs[place].index <= run.held[0] for place in run.behind)
            forks = direct + len(run.held) > 1
            yield from [stream_cost(unit.out_bits, short=name in last)] * (1 + direct * forks)
            if forks:
                yield _FORK


def _unpacked(folding: Folding, bus_bits: int) -> Cost:
    bits = folding.input_pe * 8
    return _UNPACK if bus_bits % bits == 0 else _UNPACK + _ACROSS
