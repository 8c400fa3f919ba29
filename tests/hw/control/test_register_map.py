"""The accelerator's register map: places that drivers rely on, and its limits."""

import pytest

from hw.control.register_map import ADDR_WIDTH, MAGIC, VERSION, accelerator_registers
from hw.control.registers import check, offsets


@pytest.mark.parametrize(("exits", "streams", "gates"), [(1, 0, 0), (2, 5, 1), (3, 8, 2), (32, 384, 32)])
def test_no_collisions(exits, streams, gates):
    registers = accelerator_registers(exits, streams, gates)
    check(registers, ADDR_WIDTH)
    assert len(registers) == 14 + 4 * exits + gates + 2 * streams


def test_published_places():
    """Once published, an offset stays: a driver of an older release must find it."""
    found = offsets(accelerator_registers(exits=3, streams=8, gates=2))
    assert {name: found[name] for name in (
        "ID", "VERSION", "BUILD", "CONTROL", "STATUS", "BATCH_LENGTH", "EXITS", "CLASSES", "STREAMS", "GATES", "SAMPLES_IN", "SAMPLES_OUT",
        "CYCLES_LO", "CYCLES_HI", "THRESHOLD_0", "ENABLE_0", "EXIT_COUNT_0", "MODE_0", "THRESHOLD_2", "MODE_2",
        "GATE_OCCUPANCY_MAX_1", "STALL_0", "OCCUPANCY_MAX_0", "STALL_7",
    )} == {
        "ID": 0x00, "VERSION": 0x04, "BUILD": 0x08, "CONTROL": 0x0C, "STATUS": 0x10, "BATCH_LENGTH": 0x14, "EXITS": 0x18, "CLASSES": 0x1C,
        "STREAMS": 0x20, "GATES": 0x24, "SAMPLES_IN": 0x28, "SAMPLES_OUT": 0x2C, "CYCLES_LO": 0x30, "CYCLES_HI": 0x34,
        "THRESHOLD_0": 0x100, "ENABLE_0": 0x104, "EXIT_COUNT_0": 0x108, "MODE_0": 0x10C, "THRESHOLD_2": 0x120, "MODE_2": 0x12C,
        "GATE_OCCUPANCY_MAX_1": 0x308, "STALL_0": 0x400, "OCCUPANCY_MAX_0": 0x404, "STALL_7": 0x438,
    }


def test_constants():
    registers = {item.name: item for item in accelerator_registers(exits=3, streams=8, gates=2)}
    assert MAGIC == 0x4F465250
    assert registers["ID"].init == MAGIC
    assert registers["VERSION"].init == VERSION == 1
    assert [registers[name].init for name in ("EXITS", "STREAMS", "GATES", "BATCH_LENGTH", "ENABLE_2")] == [3, 8, 2, 1, 1]
    assert registers["THRESHOLD_1"].signed


@pytest.mark.parametrize("k", [0, 1, 2])
def test_mode(k):
    """What an exit does, at first as its policy says, and the class whose threshold a write to its threshold sets."""
    registers = {item.name: item for item in accelerator_registers(exits=3, streams=8, gates=2)}
    mode = registers[f"MODE_{k}"]
    assert (mode.access, mode.init, mode.bits) == ("rw", 0, 26)
    assert [(field.name, field.lsb, field.bits) for field in mode.fields] == [("mode", 0, 2), ("class", 16, 10)]
    assert registers[f"THRESHOLD_{k}"].strobe, "a write itself says something: it may be a class's"
    assert f"MODE_{k}.class" in registers[f"THRESHOLD_{k}"].doc


@pytest.mark.parametrize(("numbers", "message"), [
    ((0, 0, 0), "exits must be from 1 to 32, not 0"),
    ((33, 0, 0), "exits must be from 1 to 32, not 33"),
    ((1, 385, 0), "streams must be from 0 to 384, not 385"),
    ((1, 0, 33), "gates must be from 0 to 32, not 33"),
])
def test_refuses(numbers, message):
    with pytest.raises(ValueError, match=message):
        accelerator_registers(*numbers)
