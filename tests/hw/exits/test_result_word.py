"""The result word: fields side by side, wide enough for what is in flight."""

import itertools

import pytest

from hw.exits.result_word import result_word
from hw.netlist import NetlistError


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize(("classes", "exits", "in_flight"), [(2, 1, 2), (10, 2, 32), (10, 3, 1024), (100, 4, 64)])
def test_fields_stand_side_by_side(bits, classes, exits, in_flight):
    word = result_word(bits=bits, classes=classes, exits=exits, max_in_flight=in_flight)
    fields = {item.name: item for item in word.fields}
    assert list(fields) == ["id", "label", "exit", "confidence"] + (["cycles"] if bits == 64 else [])
    assert word.fields[0].offset == 0
    assert all(a.offset + a.width == b.offset for a, b in itertools.pairwise(word.fields))
    assert word.fields[-1].offset + word.fields[-1].width <= bits
    assert 1 << fields["id"].width >= in_flight
    assert 1 << fields["label"].width >= classes
    assert 1 << fields["exit"].width >= exits
    assert fields["confidence"].signed


def test_too_narrow_is_refused():
    with pytest.raises(NetlistError, match="a result of 32 bits is too narrow for classes=1000, exits=32, max_in_flight=65536"):
        result_word(bits=32, classes=1000, exits=32, max_in_flight=65536)
    with pytest.raises(NetlistError, match="a result word has 32 or 64 bits, not 48"):
        result_word(bits=48, classes=10, exits=2, max_in_flight=8)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize(("classes", "exits", "in_flight"), [(2, 1, 2), (10, 3, 1024), (1000, 30, 1024)])
def test_final_is_the_highest_bit(bits, classes, exits, in_flight):
    """Whatever room the other fields have; without it they have all."""
    if bits == 32 and classes == 1000:
        in_flight = 8
    plain = result_word(bits=bits, classes=classes, exits=exits, max_in_flight=in_flight)
    word = result_word(bits=bits, classes=classes, exits=exits, max_in_flight=in_flight, anytime=True)
    assert (word.fields[-1].name, word.fields[-1].offset, word.fields[-1].width) == ("final", bits - 1, 1)
    assert word.fields[-2].offset + word.fields[-2].width < bits
    assert [item.offset for item in word.fields[:-1]] == [item.offset for item in plain.fields]
    assert [item.width for item in word.fields[:3]] == [item.width for item in plain.fields[:3]]
    assert "final" not in [item.name for item in plain.fields]
