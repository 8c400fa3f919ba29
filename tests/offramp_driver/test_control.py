"""The accelerator's registers by meaning, and time by its own clock."""

from collections.abc import Iterator

import pytest

from hw.control.register_map import accelerator_registers
from hw.control.registers import offsets
from offramp_driver import DmaError
from offramp_driver.control import Control, Stopwatch

STREAMS = ["input", "gate0", "gate1", "exit0", "exit1", "exit2", "output"]
AT = offsets(accelerator_registers(exits=3, streams=7, gates=2))


class Registers:
    """What is read: the register's own offset, unless it is told."""

    def __init__(self, **values: int) -> None:
        self.values = {AT[name]: value for name, value in values.items()}
        self.written: list[tuple[int, int]] = []

    def read(self, offset: int) -> int:
        assert offset in AT.values()
        return self.values.get(offset, offset)

    def write(self, offset: int, value: int) -> None:
        self.written.append((offset, value))


def control(registers: object) -> Control:
    return Control(registers, exits=3, gates=2, streams=STREAMS)


def test_counters_are_read_where_the_gateware_has_them() -> None:
    found = control(Registers(CYCLES_HI=2, CYCLES_LO=5)).counters
    assert found == {
        "samples_in": AT["SAMPLES_IN"], "samples_out": AT["SAMPLES_OUT"], "cycles": (2 << 32) + 5,
        "exits": [AT[f"EXIT_COUNT_{k}"] for k in range(3)], "gates": [AT[f"GATE_OCCUPANCY_MAX_{k}"] for k in range(2)],
        "streams": {name: {"stall": AT[f"STALL_{j}"], "occupancy": AT[f"OCCUPANCY_MAX_{j}"]} for j, name in enumerate(STREAMS)},
    }


@pytest.mark.parametrize(("status", "found"), [
    (0, {}), (1, {"busy": True}), (0x000C_0001, {"busy": True, "in_flight": 12}), (2, {"output_pending": True}),
    (0xFF04, {"tlast_errors": 255}), (8, {"bad_address": True})])
def test_status(status: int, found: dict[str, int]) -> None:
    """Bits that stay do not keep it from being at rest."""
    one = control(Registers(STATUS=status))
    assert one.status == {"busy": False, "in_flight": 0, "output_pending": False, "tlast_errors": 0, "bad_address": False} | found
    assert one.at_rest is not found.get("busy", False)


def test_commands() -> None:
    registers = Registers()
    one = control(registers)
    one.soft_reset()
    one.clear_counters()
    one.set_batch_length(300)
    one.write(AT["THRESHOLD_1"], -2)
    # Every command keeps TLAST checked; a reset discards what is on offer.
    assert registers.written == [(AT["CONTROL"], 0b1101), (AT["CONTROL"], 0b1010),
                                 (AT["BATCH_LENGTH"], 300), (AT["THRESHOLD_1"], 0xFFFF_FFFE)]


def test_cycles_are_whole_where_the_low_word_goes_round_in_between() -> None:
    read: Iterator[int] = iter([6, 0xFFFF_FFFF, 7, 3, 7])

    class Turning:
        def read(self, offset: int) -> int:
            assert offset in (AT["CYCLES_LO"], AT["CYCLES_HI"])
            return next(read)

    assert control(Turning()).cycles == (7 << 32) + 3


class Clock:
    """CYCLES_LO reads one after the other of ``counts``, the last one for ever."""

    def __init__(self, *counts: int) -> None:
        self.counts = list(counts)

    def read(self, offset: int) -> int:
        assert offset == AT["CYCLES_LO"]
        return self.counts.pop(0) if len(self.counts) > 1 else self.counts[0]


def test_a_stopwatch_counts_from_its_making() -> None:
    watch = Stopwatch(control(Clock(100, 150, 299, 300, 301)), 200)
    assert [watch.running() for _ in range(4)] == [True, True, True, False]
    assert watch.elapsed == 201


def test_it_goes_on_where_the_counter_goes_round_or_is_cleared() -> None:
    watch = Stopwatch(control(Clock(0xFFFF_FFF0, 0x10, 0x30, 0x05)), 1000)
    assert all(watch.running() for _ in range(3))
    assert watch.elapsed == 0x20 + 0x20 + 0x05


def test_a_clock_that_stands_still_is_an_error() -> None:
    watch = Stopwatch(control(Clock(5)), 1000)
    with pytest.raises(DmaError, match="the accelerator's clock stands still"):
        all(watch.running() for _ in range(100_000))
