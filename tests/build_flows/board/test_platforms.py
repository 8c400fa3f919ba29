"""Boards: each has a part that is planned for, and a platform of Amaranth's; others come from files."""

import pytest
from amaranth.hdl import Elaboratable, Module, Signal
from amaranth.vendor import XilinxPlatform

from build_flows.base import parts
from build_flows.base.errors import OfframpError
from build_flows.board.platforms import PLATFORMS, BoardPlatform, find_platform, read_platform


class Flow:
    """Does nothing but name a toolchain."""

    def __init__(self):
        super().__init__(toolchain="Vivado")


class Counter(Elaboratable):
    """Counts in a domain that nobody drives."""

    def elaborate(self, platform):
        m = Module()
        count = Signal(4)
        m.d.sync += count.eq(count + 1)
        return m


def test_every_board_has_a_part_that_is_planned_for():
    for name, board in PLATFORMS.items():
        assert board.name == name
        assert board.part in parts.PARTS
        assert f"{board.device}{board.package}-{board.speed}" == board.part
    assert {name: PLATFORMS[name].part for name in parts.BOARDS} == parts.BOARDS
    assert sorted(name for name, board in PLATFORMS.items() if board.pynq) == ["pynq-z1", "pynq-z2"]


@pytest.mark.parametrize("name", sorted(PLATFORMS))
def test_its_platform_is_amaranths(name):
    board = PLATFORMS[name]
    made = board.platform(Flow)
    assert issubclass(made, XilinxPlatform)
    platform = made()
    assert (platform.device, platform.package, platform.speed, platform._part) == (board.device, board.package, board.speed, board.part)
    if board.source:
        collected = board._base()
        assert (collected.device, collected.package, collected.speed) == (board.device, board.package, board.speed)


def test_no_pin_of_the_board_is_taken_for_a_clock_that_was_forgotten():
    assert PLATFORMS["arty-z7-20"]._base().default_clk == "clk125"
    with pytest.raises(Exception, match="sync"):
        PLATFORMS["arty-z7-20"].platform(Flow)().prepare(Counter())


@pytest.mark.parametrize("name", ["pynq-z2", "PYNQ_Z2", "Pynq-Z2"])
def test_any_spelling(name, tmp_path):
    assert find_platform(name, tmp_path) is PLATFORMS["pynq-z2"]


def test_unknown_board():
    with pytest.raises(OfframpError, match="no board is called 'de10'; known are arty-z7-20, cora-z7-10, ") as caught:
        find_platform("de10")
    assert "board.toml" in caught.value.hint


def test_a_board_of_the_users(tmp_path):
    (tmp_path / "mine.toml").write_text('name = "my-board-2"\npart = "xc7z045ffg900-2"\nlabel = "Mine"\n')
    board = find_platform("mine.toml", tmp_path)
    assert board == BoardPlatform(name="my-board-2", part="xc7z045ffg900-2", label="Mine")
    assert not board.pynq
    assert (board.device, board.package, board.speed) == ("xc7z045", "ffg900", "2")
    (tmp_path / "mine.toml").write_text('name = "b"\npart = "xc7z007sclg400-1"\n')
    assert read_platform(tmp_path / "mine.toml").label == "b"
    assert read_platform(tmp_path / "mine.toml").device == "xc7z007s"


@pytest.mark.parametrize(("text", "told"), [
    ('part = "xc7z020clg400-1"', "name is missing"),
    ('name = "b"', "part is missing"),
    ('name = "b"\npart = "xc7a35tcsg324-1"', "part must be that of a Zynq-7000, as xc7z020clg400-1, not 'xc7a35tcsg324-1'"),
    ('name = "b"\npart = 7', "part must be text, not 7"),
    ('name = "../b"\npart = "xc7z020clg400-1"', "name must be of small letters, digits and -, not '../b'"),
    ('name = "zedboard"\npart = "xc7z020clg400-1"', "the name 'zedboard' is taken by ZedBoard"),
    ('name = "b"\npart = "xc7z020clg400-1"\npynq = true', "there is no key 'pynq'; known are name, part, label"),
    ("name = ", "mine.toml"),
])
def test_a_faulty_file(text, told, tmp_path):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(OfframpError, match=told):
        read_platform(tmp_path / "mine.toml")


def test_no_such_file(tmp_path):
    with pytest.raises(OfframpError, match="no such file"):
        find_platform("mine.toml", tmp_path)
