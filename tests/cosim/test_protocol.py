"""The checker of the ports, bound to toys: silent where the gateware is right, and it finds what no comparison of results does."""

import pytest
from amaranth.back import verilog

from hw.accelerator import Accelerator, counted_streams
from sim.accelerator.bench import AcceleratorBench
from sim.accelerator.protocol import entry_words, idle_limit
from sim.accelerator.scenario import Cycles, Read, Reset, Results, Send, Stall, Write
from sim.board.link import Board, BoardJob
from sim.board.model import build_board
from sim.errors import SimulationError
from tests import toy
from tests.planted import plant
from tests.sim.board.hand import ACCELERATOR_BASE, WRITER, arm, send, wait, widen

pytestmark = pytest.mark.cosim

SHAPE = {"exits": 2, "thresholds": (900,)}

@pytest.fixture
def faulty(tmp_path, monkeypatch):
    """``faulty(module, unit, old, new)``: netlist and rtl of a toy with a fault in a unit of ``hw``."""

    def make(module, unit, old, new, **shape):
        changed = plant(monkeypatch, module, unit, old, new)
        rtl = tmp_path / "rtl"
        rtl.mkdir()
        netlist = toy.build(rtl, **(SHAPE | shape))
        top = (changed if unit == "Accelerator" else Accelerator)(netlist)
        (rtl / "accelerator.v").write_text(verilog.convert(top, name="accelerator", emit_src=False, strip_internal_attrs=True))
        (rtl / "filelist.f").write_text("".join(f"{path.name}\n" for path in sorted(rtl.glob("*.v"))))
        return netlist, rtl

    return make


def plain(bench):
    """Three batches, with stalls."""
    return [Reset(), Stall(0.3, 0.3), Write("BATCH_LENGTH", 10), Send(0, 30 * bench.image_words), Results(30)]


def unready(bench):
    """One batch of which nothing is taken for as long as a result may take at most."""
    return [Reset(), Stall(0, 1), Write("BATCH_LENGTH", 3), Send(0, 3 * bench.image_words), Cycles(2 * bench.idle_limit + 1000), Read(),
            Stall(0, 0), Results(3), Read()]


def long_batches(bench):
    """Three images each of batches that are longer than so many bits count, cut short by soft resets."""
    steps = [Reset()]
    for bit in range(2, 32):
        for length in (1 << bit, (1 << bit) + 1, (1 << bit) + 2)[bit < 3:]:
            steps += [Write("BATCH_LENGTH", length), Send(0, 3 * bench.image_words), Results(3), Write("CONTROL", 1), Cycles(20)]
    return steps


SCENARIOS = {"plain": plain, "unready": unready, "long_batches": long_batches}


@pytest.mark.slow
@pytest.mark.parametrize("scenario", list(SCENARIOS))
@pytest.mark.parametrize("shape", [{}, {"anytime": True}, {"order": "input"}], ids=["arrival", "anytime", "input"])
def test_silent_on_what_is_right(toy_rtl, model_cache, tmp_path, scenario, shape):
    netlist, rtl = toy_rtl(**SHAPE, **shape)
    bench = AcceleratorBench(netlist, rtl, model_cache)
    trace = bench.run(toy.images(30), SCENARIOS[scenario](bench), work=tmp_path)
    assert trace.counts["batches"] == trace.counts["interrupts"] == {"plain": 3, "unready": 1, "long_batches": 0}[scenario]
    if scenario == "unready":
        # It was on offer all the time, without a word of the sink.
        assert trace.snapshots[0]["SAMPLES_OUT"] == 0
        stall = f"STALL_{counted_streams(netlist).index('output')}"
        assert trace.snapshots[0][stall] > 2 * idle_limit(netlist) - 1000


@pytest.mark.slow
@pytest.mark.parametrize(("scenario", "module", "unit", "old", "new", "message"), [
    ("plain", "hw.core", "AcceleratorCore", "self.batch_done.eq(taken & self.results.payload.last)", "self.batch_done.eq(0)",
     r"protocol rule irq is broken at \d+: irq is low"),
    ("plain", "hw.accelerator", "Accelerator", "self.m_axis_tdata.eq(core.results.payload.word)",
     "self.m_axis_tdata.eq(core.results.payload.word ^ core.cycles[3])", "protocol rule m_axis_payload_stable is broken"),
    ("unready", "hw.accelerator", "Accelerator", "self.m_axis_tvalid.eq(core.results.valid)",
     "self.m_axis_tvalid.eq(core.results.valid & self.m_axis_tready)", "protocol rule m_axis_result_due is broken"),
    ("long_batches", "hw.exits.merge", "ExitMerge", "self.length.payload == 1", "self.length.payload[:16] == 1",
     "protocol rule m_axis_last is broken at .*: tlast is 1 with result 1 of a batch of 65537"),
    ("long_batches", "hw.exits.merge", "ExitMerge", "counted & (to_send == 2)", "counted & (to_send[:16] == 2)",
     "protocol rule m_axis_last is broken at .*: tlast is 1 with result 2 of a batch of 65538"),
    ("long_batches", "hw.exits.admission", "Admission", "of_batch[1:] == 0", "of_batch[1:16] == 0",
     "nothing moved for .* more results expected"),
])
def test_a_planted_fault_breaks_a_rule(faulty, model_cache, tmp_path, scenario, module, unit, old, new, message):
    netlist, rtl = faulty(module, unit, old, new)
    bench = AcceleratorBench(netlist, rtl, model_cache, optimise="O0")
    with pytest.raises(SimulationError, match=message):
        bench.run(toy.images(30), SCENARIOS[scenario](bench), work=tmp_path)


@pytest.mark.slow
def test_a_program_on_a_board_is_told(faulty, model_cache):
    netlist, rtl = faulty("hw.accelerator", "Accelerator", "self.irq.eq(core.batch_done)", "self.irq.eq(0)")
    board = Board(BoardJob(model=build_board(netlist, rtl, model_cache), rtl=rtl, accelerator_base=ACCELERATOR_BASE,
                           memory_bytes=1 << 20, fclk0=100.0))
    widen(board)
    told = r"the simulated board has ended: protocol rule irq is broken at [1-9]\d*: irq is low"
    arm(board, netlist, 3)
    send(board, netlist, toy.images(3))
    with pytest.raises(SimulationError, match=told):
        wait(board, WRITER)
    with pytest.raises(SimulationError, match=told):
        _ = board.cycles
    board.close()


@pytest.mark.slow
@pytest.mark.parametrize("shape", [{}, {"classes": 12, "bus_bits": 32}])
def test_words_that_wait_outside(toy_rtl, model_cache, tmp_path, shape):
    """The accelerator is full: so many words of the next image are taken as may be taken before it enters."""
    netlist, rtl = toy_rtl(**SHAPE, max_in_flight=1, **shape)
    bench = AcceleratorBench(netlist, rtl, model_cache, optimise="O0")
    images = toy.images(6, classes=netlist.classes)
    trace = bench.run(images, [Reset(), Stall(0, 1), Write("BATCH_LENGTH", 6), Send(0, 6 * bench.image_words), Cycles(1000), Read()],
                      work=tmp_path)
    entered = trace.snapshots[0]["SAMPLES_IN"]
    assert entered < 6
    assert trace.counts["words_in"] == entered * bench.image_words + entry_words(netlist)
