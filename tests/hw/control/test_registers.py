"""Registers as data: what is refused, and what is made of the declaration."""

import pytest

from hw.control.registers import Field, Register, check, markdown, offsets, with_init

GOOD = {"name": "LIMIT", "offset": 8, "bits": 12, "access": "rw", "doc": "A limit."}


@pytest.mark.parametrize(("change", "message"), [
    ({"name": "limit"}, "name must be an identifier in capitals, not 'limit'"),
    ({"name": "A B"}, "not 'A B'"),
    ({"offset": 6}, "LIMIT: offset must be a multiple of 4, not 0x6"),
    ({"bits": 33}, "LIMIT: bits must be from 1 to 32, not 33"),
    ({"access": "wo"}, "LIMIT: access must be 'rw', 'ro' or 'pulse', not 'wo'"),
    ({"init": 4096}, "LIMIT: init must be from 0 to 4095, not 4096"),
    ({"init": 2048, "signed": True}, "LIMIT: init must be from -2048 to 2047, not 2048"),
    ({"access": "ro", "strobe": True}, "LIMIT: only an 'rw' register may have a strobe, not 'ro'"),
    ({"init": 1, "access": "pulse"}, "LIMIT: init of a pulse must be 0, not 1"),
    ({"access": "ro", "read_with": "LIMIT"}, "LIMIT: only an 'ro' register without fields may be read with another, not 'ro' with LIMIT"),
    ({"read_with": "OTHER"}, "LIMIT: only an 'ro' register without fields may be read with another, not 'rw' with OTHER"),
    ({"fields": (Field(name="a", lsb=0, bits=2, access="wo", doc=""),)}, "access of field a must be 'rw', 'ro' or 'pulse', not 'wo'"),
    ({"fields": (Field(name="a", lsb=11, bits=2, doc=""),)}, "LIMIT: field a must have bits of its own below bit 12, not 2 from bit 11"),
    ({"fields": (Field(name="a", lsb=0, bits=2, doc=""), Field(name="b", lsb=1, bits=1, doc=""))}, "field b must have bits of its own"),
    ({"fields": tuple(Field(name=name, lsb=lsb, bits=1, doc="") for name, lsb in (("a", 0), ("b", 1), ("c", 0)))},
     "field c must have bits of its own"),
])
def test_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        Register(**{**GOOD, **change})


def test_check_collisions():
    first = Register(**GOOD)
    check([first], 4)
    with pytest.raises(ValueError, match="two registers are called LIMIT"):
        check([first, Register(**{**GOOD, "offset": 0})], 4)
    with pytest.raises(ValueError, match="OTHER and LIMIT are both at 0x8"):
        check([first, Register(**{**GOOD, "name": "OTHER"})], 4)
    with pytest.raises(ValueError, match="LIMIT: offset 0x8 is beyond 3 address bits"):
        check([first], 3)
    with pytest.raises(ValueError, match="HIGH is read with LOW, and no register is called so"):
        check([first, Register(name="HIGH", offset=0, bits=32, access="ro", read_with="LOW", doc="")], 4)


def test_with_init():
    changed = with_init([Register(**GOOD)], {"LIMIT": 77})
    assert [item.init for item in changed] == [77]
    with pytest.raises(ValueError, match="no register is called LIMITS"):
        with_init([Register(**GOOD)], {"LIMITS": 1})
    with pytest.raises(ValueError, match="not -1"):
        with_init([Register(**GOOD)], {"LIMIT": -1})


def test_offsets_and_markdown():
    declared = [
        Register(**GOOD),
        Register(name="COMMAND", offset=0, bits=2, access="pulse", doc="Commands.", fields=(
            Field(name="go", lsb=0, bits=1, doc="Go."), Field(name="way", lsb=1, bits=1, access="rw", doc="Way."))),
        Register(name="LEVEL", offset=4, bits=8, access="ro", signed=True, init=-3, doc="A level."),
    ]
    assert offsets(declared) == {"LIMIT": 8, "COMMAND": 0, "LEVEL": 4}
    assert markdown(declared).splitlines()[2:] == [
        "| 0x000 | `COMMAND` | 2 | pulse | 0 | Commands. |",
        "| | `.go` | [0] | | | Go. |",
        "| | `.way` | [1] | rw | | Way. |",
        "| 0x004 | `LEVEL` | 8, signed | ro | -3 | A level. |",
        "| 0x008 | `LIMIT` | 12 | rw | 0 | A limit. |",
    ]
