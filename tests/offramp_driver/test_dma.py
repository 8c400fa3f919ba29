"""Registers of memory reader and writer, one by one, against their declarations in the gateware."""

from pathlib import Path

import pytest

from hw.control.registers import offsets
from hw.zynq.dma_map import MAGIC, dma_registers
from offramp_driver import DmaError, MismatchError
from offramp_driver.dma import Dma
from offramp_driver.manifest import load_manifest
from tests.offramp_driver.fake_board import write_package

AT = offsets(dma_registers(32, 64))
BIT = {item.name: {field.name: field.lsb for field in item.fields} for item in dma_registers(32, 64)}


class Recorded:
    """Registers that remember what was written, and read as they are told."""

    def __init__(self, **values: int) -> None:
        self.written: list[tuple[int, int]] = []
        self.values = {AT[name]: value for name, value in values.items()}

    def read(self, offset: int) -> int:
        return self.values.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        self.written.append((offset, value))


def dma(found: Recorded) -> Dma:
    return Dma(found, reader_bits=32, writer_bits=64, length_bits=26)


@pytest.mark.parametrize(("channel", "name", "words"), [("send", "READER", 250), ("receive", "WRITER", 125)])
def test_a_transfer_is_prepared_by_address_and_length_in_words(channel: str, name: str, words: int) -> None:
    found = Recorded()
    getattr(dma(found), channel).prepare(0x1234_5640, 1000)
    assert found.written == [(AT[f"{name}_ADDRESS"], 0x1234_5640), (AT[f"{name}_LENGTH"], words)]


def test_both_start_in_one_write() -> None:
    found = Recorded()
    dma(found).start()
    bits = BIT["CONTROL"]
    assert found.written == [(AT["CONTROL"], 1 << bits["reader_start"] | 1 << bits["writer_start"])]


@pytest.mark.parametrize(("address", "size"), [(0x1_0000_0000, 8), (0, 12), (0, 8 << 26)])
def test_what_the_registers_cannot_hold_is_not_prepared(address: int, size: int) -> None:
    found = Recorded()
    with pytest.raises(DmaError, match=rf"receive \(writer\) channel cannot carry {size} bytes at {address:#x}: it takes whole words of 8"):
        dma(found).receive.prepare(address, size)
    assert found.written == []
    dma(found).receive.prepare(0xFFFF_FFC0, 8 * ((1 << 26) - 1))
    assert found.written[1] == (AT["WRITER_LENGTH"], (1 << 26) - 1)


@pytest.mark.parametrize(("busy", "done"), [
    ((), (True, True)), (("reader_busy",), (False, True)), (("writer_busy",), (True, False)),
    (("reader_busy", "writer_busy"), (False, False)),
])
def test_done_is_not_busy(busy: tuple[str, ...], done: tuple[bool, bool]) -> None:
    others = [field for field in BIT["STATUS"] if not field.endswith(("_busy", "_error"))]
    found = dma(Recorded(STATUS=sum(1 << BIT["STATUS"][field] for field in (*others, *busy))))
    assert found.done() == done
    assert [channel.busy for channel in (found.send, found.receive)] == [not item for item in done]


@pytest.mark.parametrize(("number", "text"), [(1, "its start was refused: an address must be a multiple"), (2, "SLVERR"), (3, "DECERR")])
@pytest.mark.parametrize("busy", [0, 1])
@pytest.mark.parametrize(("field", "channel"), [("reader", r"send \(reader\)"), ("writer", r"receive \(writer\)")])
def test_errors_are_told_by_name_also_while_the_transfer_goes_on(field: str, channel: str, number: int, text: str, busy: int) -> None:
    found = Recorded(STATUS=number << BIT["STATUS"][f"{field}_error"] | busy << BIT["STATUS"][f"{field}_busy"])
    with pytest.raises(DmaError, match=rf"{channel} channel tells of an error: .*{text}") as caught:
        dma(found).done()
    assert caught.value.counters == {}
    assert {item.name for item in dma(found).busy} == ({channel.replace("\\", "")} if busy else set())


def test_what_was_received_and_for_how_long_memory_is_silent() -> None:
    found = dma(Recorded(WRITER_WORDS=88, READER_SILENT=7, WRITER_SILENT=1 << 31))
    assert (found.received, found.send.silent, found.receive.silent) == (88, 7, 1 << 31)


def test_an_abort_is_of_both_in_one_write() -> None:
    found = Recorded()
    dma(found).abort()
    bits = BIT["CONTROL"]
    assert found.written == [(AT["CONTROL"], 1 << bits["reader_abort"] | 1 << bits["writer_abort"])]


@pytest.mark.parametrize(("status", "names"), [
    ((), []), (("reader_busy",), ["send (reader)"]), (("writer_busy",), ["receive (writer)"]),
    (("reader_busy", "writer_busy"), ["send (reader)", "receive (writer)"]), (("in_reset", "missed", "bad_address"), []),
])
def test_who_is_busy(status: tuple[str, ...], names: list[str]) -> None:
    found = Recorded(STATUS=sum(1 << BIT["STATUS"][name] for name in status))
    assert [channel.name for channel in dma(found).busy] == names


def test_what_stands_there_is_looked_at(tmp_path: Path) -> None:
    """Each wrong value alone is refused; errors and what is under way are of before, and are not."""
    manifest = load_manifest(write_package(tmp_path))
    good = {"ID": MAGIC, "VERSION": 1, "BUS": 32 | 64 << 8, "STATUS": 0xF03 | 1 << BIT["STATUS"]["bad_address"]}
    dma(Recorded(**good)).check(manifest)
    for name, value, text in (("ID", 0x4F465250, "no memory reader and writer"), ("VERSION", 2, "version 1"), ("BUS", 64 | 64 << 8, "BUS"),
                              ("STATUS", 1 << BIT["STATUS"]["in_reset"], "held in reset")):
        with pytest.raises(MismatchError, match=text):
            dma(Recorded(**{**good, name: value})).check(manifest)
