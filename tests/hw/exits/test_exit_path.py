"""One exit with its gate: what leaves becomes a result, what stays goes on as token and frame."""

import numpy as np
import pytest
from amaranth.hdl import Module, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.exits.control import ExitControl
from hw.exits.exit_path import RESULT_DEPTH, ExitPath, exit_decision, label_bits, result_depth
from hw.exits.token import token_layout
from hw.streams.join import join_bits
from tests import toy

TOKEN = token_layout(id_bits=16, max_in_flight=8)


class Exit(wiring.Component):
    """Exit ``index`` of ``netlist``, everything it has as a port."""

    def __init__(self, netlist, index):
        self.netlist, self.index = netlist, index
        self.unit = exit_decision(netlist, index)
        self.last = index == len(netlist.exits) - 1
        bits, frame = len(self.unit.logits.payload), max((gate.bits for gate in netlist.gates), default=1)
        result = TOKEN.size + label_bits(netlist.classes) + self.unit.confidence_bits + netlist.anytime
        super().__init__({
            "control": In(ExitControl(self.unit)), "tokens": In(stream.Signature(TOKEN)), "logits": In(stream.Signature(bits)),
            "results": Out(stream.Signature(result)), "taken": Out(1), "waiting": Out(8),
        } | ({} if self.last else {
            "passed": Out(stream.Signature(TOKEN.size)), "frames": In(stream.Signature(frame)), "kept": Out(stream.Signature(frame)),
        }))

    def elaborate(self, platform):
        m = Module()
        path = ExitPath(m, self.netlist, self.index, self.unit, token=TOKEN, tokens=wiring.flipped(self.tokens),
                        control=wiring.flipped(self.control), wrap=lambda unit: unit)
        assert (path.gate is None, path.passed is None) == (self.last, self.last)
        wiring.connect(m, wiring.flipped(self.logits), path.decision.logits)
        join_bits(m, path.results, wiring.flipped(self.results))
        m.d.comb += [self.taken.eq(path.taken), self.waiting.eq(path.results_level)]
        if not self.last:
            wiring.connect(m, path.passed, wiring.flipped(self.passed))
            wiring.connect(m, wiring.flipped(self.frames), path.gate.i)
            wiring.connect(m, path.gate.o, wiring.flipped(self.kept))
        m.d.comb += [self.control.enable.eq(1), *([self.control.threshold.eq(300)] if hasattr(self.control, "threshold") else [])]
        return m


def logits(count, seed):
    values = np.random.default_rng(seed).integers(-500, 500, (count, 3))
    return values, [int(sum((int(value) & 0x7FF) << 11 * c for c, value in enumerate(row))) for row in values]


def tokens(count, lengths=()):
    """Of batches with these ``lengths``, one after the other, or all of one."""
    batches = [batch for batch, length in enumerate(lengths) for _ in range(length)] or [0] * count
    return [{"id": n, "slot": n % 8, "batch": batches[n], "stamp": 100 + n} for n in range(count)]


def expect(values, n, *, final=None):
    """The word of sample ``n``'s result."""
    token, label = Value.cast(TOKEN.const(tokens(n + 1)[n])), int(values[n].argmax())
    word = int(token.value) | label << len(token) | (int(values[n].max()) & 0xFFFF) << len(token) + 2
    return word | (0 if final is None else final << len(token) + 18)


@pytest.mark.parametrize("stalls", [0.0, 0.5])
@pytest.mark.parametrize("anytime", [False, True])
def test_samples_leave_or_go_on(play, stalls, anytime):
    netlist, count = toy.build(None, exits=2, anytime=anytime), 40
    beats = netlist.gates[0].frame_beats
    values, words = logits(count, seed=1)
    leaves = values.max(axis=1) >= 300
    frames = [n * beats + beat for n in range(count) for beat in range(beats)]
    stay = np.flatnonzero(~leaves)
    assert 8 < len(stay) < 32
    dut = Exit(netlist, 0)
    played = play(
        dut, {"tokens": (dut.tokens, tokens(count)), "logits": (dut.logits, words), "frames": (dut.frames, frames)},
        {"results": (dut.results, count if anytime else count - len(stay)), "passed": (dut.passed, len(stay)),
         "kept": (dut.kept, len(stay) * beats)}, gaps=stalls, stalls=stalls, sample={"taken": dut.taken})
    expected = [expect(values, n, final=int(leaves[n]) if anytime else None) for n in range(count) if anytime or leaves[n]]
    assert played.beats["results"] == expected
    assert played.beats["passed"] == [int(Value.cast(TOKEN.const(tokens(count)[n])).value) for n in stay]
    assert played.beats["kept"] == [n * beats + beat for n in stay for beat in range(beats)]
    assert sum(played.sampled["taken"]) == count - len(stay)


def test_the_last_exit_lets_all_leave(play):
    netlist, count = toy.build(None, exits=2), 20
    values, words = logits(count, seed=2)
    dut = Exit(netlist, 1)
    played = play(dut, {"tokens": (dut.tokens, tokens(count)), "logits": (dut.logits, words)}, {"results": (dut.results, count)},
                  first_stall=40, sample={"waiting": dut.waiting})
    assert played.beats["results"] == [expect(values, n) for n in range(count)]
    assert max(played.sampled["waiting"]) == RESULT_DEPTH


def test_results_of_the_next_batch_wait(play):
    """No batch ends here; one exit alone needs not know of it."""
    values, words = logits(7, seed=2)
    for exits, leave in ((1, 7), (2, 4)):
        dut = Exit(toy.build(None, exits=exits), exits - 1)
        played = play(dut, {"tokens": (dut.tokens, tokens(7, (4, 3))), "logits": (dut.logits, words)}, {"results": (dut.results, leave)})
        labels = [word >> TOKEN.size & 3 for word in played.beats["results"]]
        assert labels == [int(row.argmax()) for row in values[:leave]]


def test_how_many_results_may_wait():
    plain, anytime = toy.build(None, exits=3), toy.build(None, exits=3, anytime=True)
    assert [result_depth(plain, k) for k in range(3)] == [4, 4, 4]
    assert [result_depth(anytime, k) for k in range(3)] == [8, 8, 4]
    assert [label_bits(classes) for classes in (2, 3, 4, 5, 1000)] == [1, 2, 2, 3, 10]
