"""Every image is accounted for: what is right is clean, and whatever is wrong with it is told."""

import re

import numpy as np
import pytest

from sim.accelerator.images import pack
from sim.accelerator.in_force import DISCARD, SOFT_RESET
from sim.accelerator.ledger import audit
from sim.accelerator.traffic import Kind
from tests import toy
from tests.traffic_log import IMAGES, SHAPE, image, layers, log, result, word, written

NETLIST = toy.build(None, **SHAPE)
EXITS = [int(values.max() < 900) for values in toy.logits(IMAGES, NETLIST)[0]]
RESET = (Kind.RESET, 5, 16, 0)


def batch(netlist=NETLIST, **changes):
    """A batch of three images and their results, in another order; ``changes`` give records anew, by name, None for none."""
    records = {
        "reset": RESET, "length": written(netlist, 40, "BATCH_LENGTH", 3), "0": image(100, 0), "1": image(120, 1), "2": image(140, 2),
        "r0": result(200, word(netlist, 0, EXITS[0], 0)), "r2": result(210, word(netlist, 2, EXITS[2], 2)),
        "r1": result(220, word(netlist, 1, EXITS[1], 1), last=True), "drained": (Kind.DRAINED, 400, 0, 0),
    } | changes
    return [row for item in records.values() if item is not None for row in (item if isinstance(item, list) else [item])]


def judged(records, netlist=NETLIST):
    return audit(netlist, log(records), IMAGES, layers(netlist))


def test_what_is_right_is_clean():
    assert set(EXITS[:3]) == {0, 1}
    book = judged(batch())
    assert book.clean
    assert (book.sent, book.answered, book.forgotten, book.inside, book.reasons) == (3, 3, 0, 0, [])
    assert (book.decisions, book.exact, book.resets, book.writes) == (3, 3, 1, 1)


R1 = word(NETLIST, 1, EXITS[1], 1)


@pytest.mark.parametrize(("change", "count", "told"), [
    ({"r2": result(210, word(NETLIST, 0, EXITS[0], 0))}, "doubled", "id 0 came again"),
    ({"r1": result(220, R1), "again": result(230, R1, last=True)}, "wrong", r"no TLAST after 3 results of a batch of \[3\]"),
    ({"again": result(230, R1)}, "wrong", "id 1 is of no image"),
    ({"2": None}, "wrong", "id 2 is of no image"),
    ({"r1": None}, "lost", "image 1, begun in cycle 120, has no result"),
    ({"r0": None}, "lost", "the batch ends after 2 results, of image 2 too"),
    ({"r0": None, "r1": result(220, R1)}, "lost", "image 0, begun in cycle 100, has no result"),
    ({"r1": result(220, R1)}, "wrong", "no TLAST after 3 results"),
    ({"length": written(NETLIST, 40, "BATCH_LENGTH", 4)}, "wrong", r"a batch of \[4\] ends after 3 results"),
    ({"r1": result(110, R1, last=True)}, "wrong", "id 1 is of no image"),
    ({"r1": result(220, word(NETLIST, 1, EXITS[1], 1, label=3), last=True)}, "wrong", "image 1, taken in cycle 220: .*'label': 3"),
    ({"r1": result(220, word(NETLIST, 1, EXITS[1], 1, confidence=5), last=True)}, "wrong", "image 1, taken .*'confidence': 5"),
    ({"r1": result(220, word(NETLIST, 1, EXITS[1], 1, cycles=101), last=True)}, "wrong", "image 1, taken in cycle 220: .*'cycles': 101"),
    ({"r1": result(220, word(NETLIST, 1, 1 - EXITS[1], 1), last=True)}, "wrong",
     f"image 1, begun in cycle 120, left at exit {1 - EXITS[1]}, but no rule in force at exit 0"),
    ({"other": (Kind.CHANGED, 205, 7, 0)}, "wrong", "the result on offer became 0x7"),
    ({"gone": (Kind.WITHDRAWN, 205, 7, 201)}, "wrong", "the result 0x7 on offer was taken back"),
    ({"read": (Kind.READ, 500, 0x28, 4)}, "wrong", "SAMPLES_IN reads as 0x4, not 0x3"),
    ({"stuck": (Kind.STUCK, 9000, 0, 0)}, "wrong", "nothing moves any more"),
])
def test_what_is_wrong_is_told(change, count, told):
    book = judged(batch(**change))
    assert not book.clean
    assert getattr(book, count) >= 1
    assert [reason for reason in book.reasons if re.search(told, reason)], book.reasons


def soft(cycle, bits=SOFT_RESET):
    return written(NETLIST, cycle, "CONTROL", bits)


def test_a_soft_reset_forgets_what_has_no_result_but_not_what_is_on_offer():
    offered = result(260, word(NETLIST, 2, EXITS[2], 2), since=205)
    after = [*image(300, 3), result(340, word(NETLIST, 3, EXITS[3], 0))]
    book = judged(batch(r2=offered, r1=None, soft=soft(215), after=after))
    assert book.clean, book.reasons
    assert (book.sent, book.answered, book.forgotten, book.withdrawn) == (4, 3, 1, 0)
    late = judged(batch(r2=result(260, word(NETLIST, 2, EXITS[2], 2), since=240), r1=None, soft=soft(215)))
    assert late.reasons == ["cycle 260: a result with id 2 is of no image"]


@pytest.mark.parametrize(("bits", "at", "allowed"), [
    (SOFT_RESET | DISCARD, 215, True), (SOFT_RESET, 215, False), (DISCARD, 215, False), (SOFT_RESET | DISCARD, 213, False),
])
def test_a_result_may_be_withdrawn_by_a_discard_that_comes_with_a_soft_reset(bits, at, allowed):
    book = judged(batch(r2=(Kind.WITHDRAWN, 216, 7, 205), r1=None, soft=soft(at, bits), drained=None))
    assert (book.withdrawn, book.wrong) == ((1, 0) if allowed else (0, 1))


def test_a_word_that_a_reset_left_is_the_next_images_first():
    words = pack(IMAGES, 32)
    mixed = words[4].copy()
    mixed[0] = words[2, 7]
    one = np.concatenate([IMAGES[:3], mixed.reshape(1, 4, 4, 3)])
    logits = toy.logits(one, NETLIST)[0][3]
    value = word(NETLIST, 0, 0, 0, label=int(logits.argmax()), confidence=int(logits.max()), exit=int(logits.max() < 900))
    book = judged([RESET, soft(50), *image(80, 4, held=2 * 12 + 7), result(120, value, last=True), (Kind.DRAINED, 150, 0, 0)])
    assert (book.reasons, book.sent, book.answered) == ([], 1, 1)
    assert judged([RESET, soft(50), *image(80, 4), result(120, value, last=True), (Kind.DRAINED, 150, 0, 0)]).wrong >= 1


def test_in_the_order_of_the_images_one_out_of_turn_is_told():
    netlist = toy.build(None, **SHAPE, order="input")
    turn = {"r2": result(215, word(netlist, 1, EXITS[1], 1)), "r1": result(220, word(netlist, 2, EXITS[2], 2), last=True)}
    assert judged(batch(netlist, **turn), netlist).clean
    assert judged(batch(netlist), netlist).reasons[0] == "cycle 210: image 2 of its batch came out of turn"


def test_where_every_exit_answers_each_must_once_and_in_their_order():
    netlist = toy.build(None, **SHAPE, anytime=True)
    hard, easy = EXITS.index(1), EXITS.index(0)

    def run(*results):
        return judged([RESET, written(netlist, 40, "BATCH_LENGTH", 2), *image(100, hard), *image(120, easy), *results,
                       (Kind.DRAINED, 400, 0, 0)], netlist)

    early, final = word(netlist, hard, 0, 0, final=0), word(netlist, hard, 1, 0)
    other = result(230, word(netlist, easy, 0, 1), last=True)
    good = run(result(200, early), result(220, final), other)
    assert (good.reasons, good.answered) == ([], 2)
    assert run(result(220, final), other).reasons[0] == "image 0 was answered by exits [] before its final result"
    twice = run(result(200, early), result(205, early), result(220, final), other)
    assert twice.reasons[0] == "image 0 was answered by exits [0, 0] before its final result"
    wrong = run(result(200, word(netlist, hard, 0, 0, final=0, label=3)), result(220, final), other)
    assert "'label': 3" in wrong.reasons[0]


def test_sums():
    book = judged(batch())
    book.add(judged(batch(r1=None)))
    assert (book.sent, book.answered, book.lost, len(book.reasons)) == (6, 5, 1, 1)


def test_before_the_first_reset_anything_may_come():
    early = result(0, 12345)
    assert judged([early, (Kind.RESET, 0, 16, 0)]).clean
    assert not judged([early, (Kind.RESET, 1, 16, 0)]).clean
