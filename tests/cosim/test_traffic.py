"""Whole accelerators under what their surroundings may do at any time: resets, writes, TLAST. All images are accounted for."""

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.trust_storm import model_of, storm
from benchmarks.trust_storm_script import SHAPES
from sim.accelerator.in_force import CHECK_TLAST, CLEAR, DISCARD, SOFT_RESET
from sim.accelerator.ledger import audit
from sim.accelerator.traffic import Drain, Go, Halt, Images, Kind, Pause, Read, Reset, Stall, Tlast, Traffic, Write
from tests import toy

pytestmark = pytest.mark.cosim

DENSE = {"arrival": "arrival", "anytime": "anytime", "classes": "class thresholds", "input": "class thresholds, input order"}
SHAPE_OF = {"some": "arrival", **DENSE}
"""Accelerators of ``SHAPES``. With ``some`` every fifth of the cycles is tried, else each."""
EACH = pytest.mark.parametrize("shape", ["some", *(pytest.param(name, marks=pytest.mark.slow) for name in DENSE)])
PACES = [(0, 0), (0.3, 0.3), (0, 0.97)]
WORDS = 12
DONE = [Pause(), Drain(), Read("STATUS", delay=60), Read("SAMPLES_IN"), Read("SAMPLES_OUT")]


@pytest.fixture
def traffic(request, toy_rtl, model_cache, shape):
    return Traffic(*toy_rtl(**SHAPES[SHAPE_OF[shape]]), model_cache)


@pytest.fixture
def offsets(shape):
    """``offsets(most)``: cycles below ``most``."""
    return lambda most: range(0, most, 5 if shape == "some" else 1)


@pytest.fixture
def play(traffic, tmp_path):
    """``play(events)``: log and ledger of them, in which nothing is lost, doubled or wrong."""

    def run(events, **options):
        images = toy.images(64, classes=traffic.netlist.classes, size=traffic.netlist.input.height)
        log = traffic.run(images, events, work=tmp_path, **options)
        book = audit(traffic.netlist, log, images, model_of(traffic.netlist))
        assert book.clean, book.reasons
        assert book.sent == book.answered + book.forgotten + book.inside
        return log, book

    return run


def swept(how, cycles):
    """A reset so many cycles after images begin to come, with images on their way, and whole batches after each."""
    events = [Write("BATCH_LENGTH", 3)]
    for number, offset in enumerate(cycles):
        events += [Stall(*PACES[number % 3]), Go(), *how(offset), Stall(delay=40), Images(3 + number % 3), *DONE]
    return events


@EACH
@pytest.mark.parametrize("discard", [0, DISCARD])
def test_a_soft_reset_at_every_offset_of_traffic(play, offsets, discard):
    """The source goes on, and a word that is on offer is the next image's first."""
    cycles = offsets(330)
    log, book = play(swept(lambda offset: [Write("CONTROL", SOFT_RESET | discard, delay=offset)], cycles))
    assert book.resets == len(cycles) + 1
    assert book.forgotten > len(cycles)
    assert (book.withdrawn > 5) == bool(discard)
    assert (log.of(Kind.IMAGE)[:, 2] >= 0).sum() > len(cycles) / 8, "few were cut within an image"


@EACH
def test_a_soft_reset_after_the_source_was_reset(play, offsets):
    """As the documents have it: stopped in any cycle, soft reset with discard, and at rest before it goes on."""
    def recovery(offset):
        return [Halt(delay=offset), Write("CONTROL", SOFT_RESET | DISCARD, delay=offset % 7), Read("STATUS", delay=40), Go()]

    log, book = play(swept(recovery, offsets(250)))
    assert book.forgotten > len(offsets(250))
    rest = [value for _, offset, value in log.of(Kind.READ).tolist() if offset == 0x10]
    assert set(rest) == {0}


@EACH
def test_a_second_soft_reset_at_every_offset_from_the_first(play, offsets):
    def twice(gap):
        again = SOFT_RESET | (DISCARD if gap % 4 == 3 else 0)
        return [Write("CONTROL", SOFT_RESET, delay=150 + gap % 5), Write("CONTROL", again, delay=gap % 60)]

    _, book = play(swept(twice, offsets(240)))
    assert book.resets == 2 * len(offsets(240)) + 1
    assert book.forgotten > 2 * len(offsets(240))


@EACH
@pytest.mark.parametrize("cycles", [1, 16])
def test_a_hard_reset_at_every_offset_also_of_a_soft_one_and_of_a_write(play, offsets, cycles):
    """Address and data of a write are apart, and what is under way is given up; registers are what they were at first."""
    def reset(offset):
        apart = Write("THRESHOLD_0", 7, address_after=offset % 11, data_after=offset % 13, answer_after=offset % 5, delay=150)
        soft = [Write("CONTROL", SOFT_RESET, delay=100)] if offset % 2 else []
        return [*soft, apart, Reset(cycles, delay=offset // 8), Read("THRESHOLD_0"), Write("BATCH_LENGTH", 3)]

    _, book = play(swept(reset, offsets(220)))
    assert book.readings >= 4 * len(offsets(220))


@EACH
def test_a_batch_length_written_at_every_offset(play, offsets):
    """It holds from a batch's first image on that enters after it, whenever it is written."""
    events = []
    for offset in offsets(16 * WORDS):
        events += [Write("BATCH_LENGTH", 2), Go(), Write("BATCH_LENGTH", 3 + offset % 2, delay=offset), Images(6), *DONE,
                   Write("CONTROL", SOFT_RESET)]
    log, book = play(events)
    assert book.forgotten == 0
    assert len(log.of(Kind.IRQ)) > len(offsets(16 * WORDS))


@EACH
def test_addresses_and_data_of_writes_apart(play):
    """In any order, answers taken late, the next write begun before: each writes what it says, and no other, also across a soft reset."""
    events = [Stall(0.2, 0.2), Go()]
    for apart in range(20):
        for address, data in ((apart, 0), (0, apart), (apart, 19 - apart)):
            events += [Write("BATCH_LENGTH", 1 + apart, address_after=address, data_after=data, answer_after=apart % 6),
                       Write("CONTROL", SOFT_RESET, address_after=data, data_after=address),
                       Write("THRESHOLD_0", 800 + 7 * apart, address_after=address, data_after=data),
                       Read("BATCH_LENGTH", delay=60), Read("THRESHOLD_0"), Read("CONTROL")]
    log, _ = play([*events, *DONE])
    assert len(log.of(Kind.WRITE)) == 180


@EACH
def test_strobes_write_their_bytes_alone(play, traffic):
    """Of every register that may be written; without its first byte a write to CONTROL is no command; others change nothing."""
    names = [item.name for item in traffic.registers if item.access == "rw"]
    events = [Write("CONTROL", CHECK_TLAST)]
    for strobe in range(16):
        for name in names:
            events += [Write(name, 0xFFFFFFFF, 15), Write(name, 0xA5C3_961B, strobe), Read(name, delay=20)]
        events += [Write("CONTROL", 0xFF, strobe & ~1), Write("VERSION", 0, strobe), Read("VERSION", delay=20), Read("CONTROL")]
    log, book = play(events)
    assert book.resets == 1
    by_offset = {offset for _, offset, _ in log.of(Kind.READ).tolist()}
    assert len(by_offset) == len(names) + 2
    assert {value for _, offset, value in log.of(Kind.READ).tolist() if offset in (0x04, 0x0C)} == {1, CHECK_TLAST}


@EACH
@pytest.mark.parametrize(("every", "shift", "errors"), [
    (1, 0, 0), (3, 0, 0), (0, 0, 4), (3, -1, 8), (3, 1, 8 - 1), (3, WORDS, 4), (3, -WORDS, 4), (1, 5, 12 + 4 - 1), (-1, 0, None),
])
def test_tlast_early_late_and_at_random(play, every, shift, errors):
    """Four batches of three images. It is told when that is asked for, and then only; the images are the same in any case. TLAST that comes
    later than its batch of the last one never comes; at random the ledger counts."""
    events = [Write("BATCH_LENGTH", 3)]
    for check in (CHECK_TLAST, 0):
        for pace in PACES:
            events += [Pause(), Drain(), Write("CONTROL", CLEAR | check | SOFT_RESET), Tlast(every, shift), Stall(*pace), Go(delay=60),
                       Images(12), *DONE]
    log, book = play(events)
    assert book.answered == 72
    told = [value >> 8 for _, offset, value in log.of(Kind.READ).tolist() if offset == 0x10]
    assert set(told[3:]) == {0}
    if errors is not None:
        assert told[:3] == [errors] * 3
    else:
        assert min(told[:3]) > 40


def without_initial_values(rtl: Path, folder: Path) -> Path:
    """``rtl`` again, its registers without initial values. What memories begin with stays: that is what is configured."""
    folder.mkdir()
    found = 0
    for file in rtl.iterdir():
        text, count = re.subn(r"^(\s*reg (?:signed )?(?:\[\d+:\d+\] )?\S+) = [^;]*;", r"\1;", file.read_text(), flags=re.M)
        found += count
        (folder / file.name).write_text(text)
    assert found > 100
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["anytime", "input"])
def test_any_state_at_power_up(toy_rtl, model_cache, tmp_path, shape):
    """Registers begin with anything, and one cycle of reset is enough."""
    netlist, rtl = toy_rtl(**SHAPES[DENSE[shape]])
    traffic = Traffic(netlist, without_initial_values(rtl, tmp_path / "rtl"), model_cache, checked=False)
    images = toy.images(64, classes=3)
    for seed in range(1, 41):
        log = traffic.run(images, [Write("BATCH_LENGTH", 3), Go(), Images(9), *DONE], work=tmp_path, power_up=seed,
                          reset=1 if seed % 2 else 16)
        book = audit(netlist, log, images, model_of(netlist))
        assert book.clean, (seed, book.reasons)
        assert book.answered == book.sent >= 9


@pytest.mark.slow
@pytest.mark.parametrize("name", [*DENSE.values(), "chain, anytime", "three words an image, one inside"])
def test_a_storm_of_everything(toy_rtl, model_cache, tmp_path, name):
    traffic = Traffic(*toy_rtl(**SHAPES[name]), model_cache)
    for seed in (1, 2):
        book = storm(traffic, 1500, seed, tmp_path)
        assert book.clean, book.reasons
        assert book.sent >= 1500
        assert book.sent == book.answered + book.forgotten
        assert np.greater([book.forgotten, book.writes, book.readings, book.exact], [5, 50, 50, 500]).all()
