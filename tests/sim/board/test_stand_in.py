"""The stand-in for pynq: overlays, registers, and memory behind a cache."""

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from build_flows.board.platforms import find_platform
from build_flows.board.stand_in import write_stand_in
from sim.board.link import ENVIRONMENT, GARBAGE, MEMORY_BASE, environment
from sim.board.stand_in import pynq as stand_in
from tests import toy
from tests.sim.board.hand import ACCELERATOR_BASE, DMA_BASE, DONE, LENGTH, S2MM, STATUS


@pytest.fixture
def pynq(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The library on a board that is never started, unless a test loads a bitstream into it."""
    raw = {"model": str(tmp_path / "model"), "rtl": str(tmp_path), "dma_base": DMA_BASE, "accelerator_base": ACCELERATOR_BASE,
           "access_cycles": 100, "seed": 1, "memory_bytes": 1 << 16, "faults": {}}
    monkeypatch.setenv(ENVIRONMENT, json.dumps(raw))
    monkeypatch.setattr(stand_in, "_state", stand_in._State())
    yield stand_in
    stand_in._state.close()


def files(folder: Path) -> tuple[Path, Path]:
    return write_stand_in(folder, toy.build(None), find_platform("pynq-z2"))


def test_an_overlay_tells_of_its_blocks(pynq: ModuleType, tmp_path: Path) -> None:
    bit, _ = files(tmp_path)
    overlay = pynq.Overlay(str(bit), download=False)
    assert {name: (item["phys_addr"], item["addr_range"]) for name, item in overlay.ip_dict.items()} == {
        "axi_dma_0": (DMA_BASE, 0x10000), "accelerator_0": (ACCELERATOR_BASE, 0x1000), "axi_intc_0": (0x4180_0000, 0x10000)}
    assert overlay.ip_dict["axi_dma_0"]["type"] == "xilinx.com:ip:axi_dma:7.1"
    assert overlay.ip_dict["axi_dma_0"]["parameters"]["c_sg_length_width"] == "26"
    assert not overlay.is_loaded()


@pytest.mark.parametrize("which", [0, 1], ids=["bit", "hwh"])
def test_without_one_of_its_files_there_is_no_overlay(which: int, pynq: ModuleType, tmp_path: Path) -> None:
    found = files(tmp_path)
    found[which].unlink()
    with pytest.raises(FileNotFoundError, match=f"Cannot find {found[which]}"):
        pynq.Overlay(str(found[0]), download=False)


def test_registers_of_logic_that_was_never_loaded(pynq: ModuleType) -> None:
    registers = pynq.MMIO(DMA_BASE, 0x1000)
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


@pytest.mark.cosim
def test_a_loaded_bitstream_starts_anew(pynq: ModuleType, toy_job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netlist, job = toy_job()
    monkeypatch.setenv(ENVIRONMENT, environment(job)[ENVIRONMENT])
    bit, _ = write_stand_in(tmp_path, netlist, find_platform("pynq-z2"))
    blocks = pynq.Overlay(str(bit)).ip_dict
    registers = pynq.MMIO(blocks["accelerator_0"]["phys_addr"], blocks["accelerator_0"]["addr_range"])
    assert registers.read(0) == int.from_bytes(b"OFRP", "big")
    registers.write(0x14, 77)
    assert registers.read(0x14) == 77
    pynq.Overlay(str(bit), download=False)
    assert registers.read(0x14) == 77
    pynq.Overlay(str(bit))
    assert registers.read(0x14) == 1


@pytest.mark.cosim
@pytest.mark.parametrize("forgotten", ["flush", "invalidate", None])
def test_what_a_driver_forgets_shows(forgotten: str | None, pynq: ModuleType, toy_job, tmp_path: Path, monkeypatch) -> None:
    netlist, job = toy_job()
    monkeypatch.setenv(ENVIRONMENT, environment(job)[ENVIRONMENT])
    bit, _ = write_stand_in(tmp_path, netlist, find_platform("pynq-z2"))
    pynq.Overlay(str(bit))
    dma, accelerator = pynq.MMIO(DMA_BASE, 0x1000), pynq.MMIO(ACCELERATOR_BASE, 0x1000)
    images = np.zeros((4, 48), np.uint8)
    sent, got = pynq.allocate(images.shape, np.uint8), pynq.allocate(4, np.uint64)
    sent[:] = images
    if forgotten != "flush":
        sent.flush()
    accelerator.write(0x14, 4)
    for channel, buffer in ((S2MM, got), (0, sent)):
        dma.write(channel, 1)
        dma.write(channel + 0x18, buffer.physical_address)
        dma.write(channel + LENGTH, buffer.nbytes)
    while not dma.read(S2MM + STATUS) & DONE:
        pass
    if forgotten != "invalidate":
        got.invalidate()
    at = next(item for item in netlist.result.fields if item.name == "exit")
    exits = [int(word) >> at.offset & 1 for word in got]
    # Black images go to the last exit; the bright garbage of memory leaves at the first, and nobody wrote the copy of the results.
    assert exits == ([1] * 4 if forgotten is None else [0] * 4)
