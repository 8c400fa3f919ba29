"""Memory that is shared with the logic."""

import types

import numpy as np
import pytest

from offramp_driver import DriverError
from offramp_driver.buffers import Buffer


def test_a_buffer_is_the_memory_that_was_given() -> None:
    called: list[str] = []

    class Memory(np.ndarray):
        physical_address = np.int64(0x1680_0000)

        def __getattribute__(self, name: str) -> object:
            if name in ("flush", "invalidate", "freebuffer"):
                return lambda: called.append(name)
            return super().__getattribute__(name)

    memory = np.zeros(5, np.uint64).view(Memory)
    asked: list[object] = []
    buffer = Buffer(lambda shape, dtype: asked.append((shape, dtype)) or memory, 5, np.dtype(np.uint64))
    assert asked == [((5,), np.uint64)]
    assert np.shares_memory(buffer.array, memory)
    assert (type(buffer.array), type(buffer.address), buffer.address) == (np.ndarray, int, 0x1680_0000)
    buffer.flush()
    buffer.invalidate()
    buffer.free()
    assert called == ["flush", "invalidate", "freebuffer"]
    assert len(buffer.array) == 0


@pytest.mark.parametrize("error", [MemoryError("full"), RuntimeError("full")])
def test_no_memory_is_told(error: Exception) -> None:
    def allocate(*_: object) -> types.SimpleNamespace:
        raise error

    with pytest.raises(DriverError, match=r"no contiguous memory for 40 bytes: .* smaller buffer_bytes \(full\)"):
        Buffer(allocate, 5, np.dtype(np.uint64))
