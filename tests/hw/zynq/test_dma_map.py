import pytest

from hw.control.registers import check, offsets
from hw.zynq.beats_to_words import WORD_BITS as READER_BITS
from hw.zynq.dma_map import ADDR_WIDTH, MAGIC, VERSION, dma_registers
from hw.zynq.transfer import Fault
from hw.zynq.words_to_beats import WORD_BITS as WRITER_BITS

OFFSETS = {
    "ID": 0x00, "VERSION": 0x04, "BUS": 0x08, "CONTROL": 0x0C, "STATUS": 0x10, "RESET": 0x14, "HP0": 0x18, "INTERRUPTS": 0x1C,
    "INTERRUPTS_CLEAR": 0x20, "INTERRUPTS_ENABLE": 0x24, "READER_ADDRESS": 0x40, "READER_LENGTH": 0x44, "READER_SILENT": 0x48,
    "WRITER_ADDRESS": 0x60, "WRITER_LENGTH": 0x64, "WRITER_SILENT": 0x68, "WRITER_WORDS": 0x6C,
}
"""Those of version 1: a driver has them."""


@pytest.mark.parametrize("writer", WRITER_BITS)
@pytest.mark.parametrize("reader", READER_BITS)
def test_registers_lie_where_they_did(reader, writer):
    registers = dma_registers(reader, writer)
    check(registers, ADDR_WIDTH)
    assert offsets(registers) == OFFSETS
    by_name = {item.name: item for item in registers}
    assert by_name["ID"].init == MAGIC == 0x4F46_5244
    assert by_name["VERSION"].init == VERSION == 1
    assert by_name["BUS"].init == writer << 8 | reader


def test_errors_are_those_that_are_told():
    """The text of the registers numbers them."""
    assert [(fault.name, fault.value) for fault in Fault] == [("NONE", 0), ("REFUSED", 1), ("SLVERR", 2), ("DECERR", 3)]
