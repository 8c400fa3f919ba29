"""The stand-in for pynq: bitstreams, clocks, overlays, registers, and memory behind a cache."""

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from build_flows.board.platforms import find_platform
from build_flows.board.stand_in import write_stand_in
from hw.netlist import Netlist
from hw.zynq.dma_map import dma_registers
from hw.zynq.zynq_design import PAGES
from sim.board.link import ENVIRONMENT, GARBAGE, MEMORY_BASE, environment
from sim.board.stand_in import pynq as stand_in
from tests.sim.board.hand import ACCELERATOR_BASE, BUSY, READ_WIDTH, START, WRITE_WIDTH


@pytest.fixture
def pynq(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The library on a board that is never started, unless a test loads a bitstream into it."""
    raw = {"model": str(tmp_path / "model"), "rtl": str(tmp_path), "accelerator_base": ACCELERATOR_BASE, "memory_bytes": 1 << 16}
    monkeypatch.setenv(ENVIRONMENT, json.dumps(raw))
    monkeypatch.setattr(stand_in, "_state", stand_in._State())
    yield stand_in
    stand_in._state.close()


def overlay_files(folder: Path) -> tuple[Path, Path]:
    """A .bit, and a .hwh that tells of one block."""
    bit, hwh = folder / "toy.bit", folder / "toy.hwh"
    bit.touch()
    hwh.write_text(f"""<EDKSYSTEM><MODULES>
        <MODULE INSTANCE="accelerator" MODTYPE="accelerator" VLNV="offramp:user:accelerator:1.0">
          <PARAMETERS><PARAMETER NAME="C_WIDTH" VALUE="12"/></PARAMETERS></MODULE>
        <MODULE INSTANCE="ps7" MODTYPE="processing_system7"><MEMORYMAP>
          <MEMRANGE INSTANCE="accelerator" BASEVALUE="{ACCELERATOR_BASE:#x}" HIGHVALUE="{ACCELERATOR_BASE + 0xfff:#x}" MEMTYPE="REGISTER"/>
          <MEMRANGE INSTANCE="ddr" BASEVALUE="0x0" HIGHVALUE="0xff" MEMTYPE="MEMORY"/>
        </MEMORYMAP></MODULE></MODULES></EDKSYSTEM>""")
    return bit, hwh


def test_an_overlay_tells_of_its_blocks(pynq: ModuleType, tmp_path: Path) -> None:
    overlay = pynq.Overlay(str(overlay_files(tmp_path)[0]), download=False)
    assert overlay.ip_dict == {"accelerator": {
        "phys_addr": ACCELERATOR_BASE, "addr_range": 0x1000, "type": "offramp:user:accelerator:1.0", "parameters": {"C_WIDTH": "12"}}}
    assert not overlay.is_loaded()


@pytest.mark.parametrize("which", [0, 1], ids=["bit", "hwh"])
def test_without_one_of_its_files_there_is_no_overlay(which: int, pynq: ModuleType, tmp_path: Path) -> None:
    found = overlay_files(tmp_path)
    found[which].unlink()
    with pytest.raises(FileNotFoundError, match=f"Cannot find {found[which]}"):
        pynq.Overlay(str(found[0]), download=False)


def test_a_bitstream_needs_its_file_and_a_full_load(pynq: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.bit does not exist"):
        pynq.Bitstream(str(tmp_path / "none.bit"))
    with pytest.raises(RuntimeError, match="level shifters"):
        pynq.Bitstream(str(overlay_files(tmp_path)[0]), partial=True)


def test_a_clock_is_what_two_dividers_make(pynq: ModuleType) -> None:
    assert pynq.Clocks.fclk0_mhz == 250.0
    for asked, got in ((100.0, 100.0), (130.0, 125.0), (98.0, 100.0)):
        pynq.Clocks.fclk0_mhz = asked
        assert pynq.Clocks.fclk0_mhz == pytest.approx(got, rel=0.03)
    with pytest.raises(ValueError, match="Frequency too low or too high"):
        pynq.Clocks.fclk0_mhz = 0


def test_registers_of_logic_that_was_never_loaded(pynq: ModuleType) -> None:
    registers = pynq.MMIO(ACCELERATOR_BASE, 0x1000)
    with pytest.raises(RuntimeError, match="no bitstream is loaded"):
        registers.read(0)
    with pytest.raises(ValueError, match="offset must be from 0 to 4095, not 4096"):
        registers.read(0x1000)
    with pytest.raises(MemoryError, match="multiple of 4"):
        registers.write(2, 0)
    with pytest.raises(ValueError, match="length must be 4 here, not 8"):
        registers.read(0, 8)


def test_a_buffer_is_a_copy_until_it_is_flushed_or_invalidated(pynq: ModuleType) -> None:
    with pynq.allocate((2, 3), np.uint16) as buffer:
        start = buffer.physical_address - MEMORY_BASE
        memory = pynq._state.shared().bytes
        assert memory[start : start + 12] == bytes([GARBAGE]) * 12
        buffer[:] = np.arange(6).reshape(2, 3)
        assert memory[start : start + 12] == bytes([GARBAGE]) * 12
        buffer.flush()
        assert memory[start : start + 12] == np.arange(6, dtype="<u2").tobytes()
        memory[start : start + 2] = b"\x34\x12"
        assert buffer[0, 0] == 0
        buffer.invalidate()
        assert buffer.tolist() == [[0x1234, 1, 2], [3, 4, 5]]
    with pytest.raises(RuntimeError, match="has been given back"):
        buffer.flush()


def test_memory_is_given_out_once_and_again_after_it_came_back(pynq: ModuleType) -> None:
    first, second = pynq.allocate(5000, np.uint8), pynq.allocate((10,), "u4")
    assert first.physical_address == MEMORY_BASE
    assert second.physical_address == MEMORY_BASE + 8192
    first.freebuffer()
    assert pynq.allocate(100, np.uint8).physical_address == MEMORY_BASE
    assert pynq.allocate(8192, np.uint8).physical_address == MEMORY_BASE + 12288
    with pytest.raises(RuntimeError, match="Failed to allocate Memory"):
        pynq.allocate(1 << 16, np.uint8)


def test_what_was_given_back_does_not_touch_who_has_its_place_now(pynq: ModuleType) -> None:
    first = pynq.allocate(100, np.uint8)
    whole = first.view(np.uint32)
    first.freebuffer()
    second = pynq.allocate(100, np.uint8)
    assert second.physical_address == first.physical_address
    first.freebuffer()
    second.flush()
    for stale in (first, whole):
        with pytest.raises(RuntimeError, match="has been given back"):
            stale.flush()
        with pytest.raises(RuntimeError, match="has been given back"):
            stale.invalidate()


def test_part_of_a_buffer_does_not_take_itself_for_the_whole(pynq: ModuleType) -> None:
    buffer = pynq.allocate(64, np.uint8)
    assert not hasattr(buffer[8:16], "physical_address")
    assert buffer.view(np.uint32).physical_address == buffer.physical_address


@pytest.fixture
def loaded(pynq: ModuleType, toy_job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, Netlist, Path]:
    """The library on a board with the toy, whose clock is set and whose bitstream is loaded; the toy, and its .bit."""
    netlist, job = toy_job()
    monkeypatch.setenv(ENVIRONMENT, environment(job)[ENVIRONMENT])
    bit = write_stand_in(tmp_path, netlist, find_platform("pynq-z2"))
    pynq.Clocks.fclk0_mhz = 100.0
    pynq.Bitstream(str(bit)).download()
    return pynq, netlist, bit


@pytest.mark.cosim
def test_a_loaded_bitstream_starts_anew(loaded: tuple[ModuleType, Netlist, Path]) -> None:
    pynq, _, bit = loaded
    accelerator, width = pynq.MMIO(ACCELERATOR_BASE, 0x1000), pynq.MMIO(READ_WIDTH, 4)
    assert accelerator.read(0) == int.from_bytes(b"OFRP", "big")
    accelerator.write(0x14, 77)
    width.write(0, width.read() & ~1)
    assert (accelerator.read(0x14), width.read() & 1) == (77, 0)
    pynq.Bitstream(str(bit)).download()
    assert accelerator.read(0x14) == 1
    # The clock is the processing system's own affair, and stays.
    assert pynq.Clocks.fclk0_mhz == pytest.approx(100.0)


@pytest.mark.cosim
@pytest.mark.parametrize("forgotten", ["flush", "invalidate", None])
def test_what_a_driver_forgets_shows(forgotten: str | None, loaded: tuple[ModuleType, Netlist, Path]) -> None:
    pynq, netlist, _ = loaded
    for address in (READ_WIDTH, WRITE_WIDTH):
        width = pynq.MMIO(address, 4)
        width.write(0, width.read() & ~1)
    offsets = {item.name: item.offset for item in dma_registers(netlist.input.bus_bits, netlist.result.bits)}
    dma, accelerator = pynq.MMIO(PAGES["dma"].base, 0x1000), pynq.MMIO(ACCELERATOR_BASE, 0x1000)
    images = np.zeros((4, 48), np.uint8)
    sent, got = pynq.allocate(images.shape, np.uint8), pynq.allocate(4, np.uint64)
    sent[:] = images
    if forgotten != "flush":
        sent.flush()
    accelerator.write(0x14, 4)
    for channel, buffer, words in (("WRITER", got, 4), ("READER", sent, 48)):
        dma.write(offsets[f"{channel}_ADDRESS"], buffer.physical_address)
        dma.write(offsets[f"{channel}_LENGTH"], words)
    dma.write(offsets["CONTROL"], START["reader"] | START["writer"])
    while dma.read(offsets["STATUS"]) & BUSY["writer"]:
        pass
    if forgotten != "invalidate":
        got.invalidate()
    at = next(item for item in netlist.result.fields if item.name == "exit")
    exits = [int(word) >> at.offset & 1 for word in got]
    # Black images go to the last exit; the bright garbage of memory leaves at the first, and nobody wrote the copy of the results.
    assert exits == ([1] * 4 if forgotten is None else [0] * 4)
