"""A board in plain Python for tests of the driver: what it uses of ``pynq``, AXI DMA's registers, and a two-exit accelerator behind them.

Time passes with every access to a register. The DMA follows PG021 (direct register mode): what real hardware leaves undefined is a
:class:`ProtocolError`. Buffers are a cache of their own, as on the board: without flush and invalidate nothing gets to the other side.
"""

import hashlib
import json
import types
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

DMA, TOP = 0x4040_0000, 0x43C0_0000
MEMORY = 0x1000_0000
BUILD = 0x1A2B_3C4D
REST = {"busy": False, "in_flight": 0, "output_pending": False, "tlast_errors": 0, "bad_address": False}
"""The driver's status of an accelerator in which nothing is and nothing went wrong."""


class ProtocolError(AssertionError):
    """The driver did what hardware does not define."""


def manifest(**changes: Any) -> dict[str, Any]:
    """A manifest of a network of 4 x 4 x 1 bytes, 5 classes and two exits; ``changes`` replace whole keys."""
    found: dict[str, Any] = {
        "version": 1, "name": "toy", "offramp": "0.1.0", "board": "pynq-z2", "board_label": "Pynq-Z2", "part": "xc7z020clg400-1",
        "clock_mhz": 100.0, "build": BUILD, "design": f"toy_{BUILD:08x}", "register_map": 1, "files": {},
        "input": {"height": 4, "width": 4, "channels": 1, "bits": 8, "signed": False, "bus_bits": 32, "words": 4},
        "result": {"bits": 64, "fields": [
            {"name": "id", "offset": 0, "width": 4, "signed": False}, {"name": "label", "offset": 4, "width": 3, "signed": False},
            {"name": "exit", "offset": 7, "width": 1, "signed": False}, {"name": "confidence", "offset": 8, "width": 16, "signed": True},
            {"name": "cycles", "offset": 24, "width": 24, "signed": False}]},
        "order": "arrival", "classes": 5, "max_in_flight": 8, "cycles_per_sample": 20, "cycles_all_hard": 60,
        "streams": ["input", "gate0", "exit0", "exit1", "output"], "gates": 1,
        "dma": {"instance": "axi_dma_0", "length_bits": 26}, "accelerator": {"instance": "accelerator_0"},
        "exits": [
            {"policy": "max_logit", "classes": 5, "threshold": 128, "enabled": True, "scale": 0.5, "threshold_range": [-256, 256],
             "params": {}},
            {"policy": "always", "classes": 5, "threshold": 0, "enabled": True, "scale": 0.25, "threshold_range": None, "params": {}}],
    }
    return {**found, **changes}


def by_class(thresholds: list[int]) -> list[dict[str, Any]]:
    """The exits of :func:`manifest`, with a threshold for every class at the first."""
    first, last = manifest()["exits"]
    return [{**first, "policy": "class_threshold", "threshold": 0, "params": {"score": "max_logit", "thresholds": thresholds}}, last]


def write_package(folder: Path, **changes: Any) -> Path:
    """A package's three files in ``folder``; the path of the .bit."""
    bit, hwh = folder / "toy.bit", folder / "toy.hwh"
    bit.write_bytes(b"configuration")
    hwh.write_text("<EDKSYSTEM/>")
    raw = manifest(**changes)
    raw["files"] = raw["files"] or {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (bit, hwh)}
    (folder / "toy.json").write_text(json.dumps(raw))
    return bit


def expected(images: np.ndarray, thresholds: int | list[int] = 128) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Class, exit and confidence of uint8 ``[n, ...]``: the sum modulo 5; 0 where the greatest value reaches the threshold, else 1; that
    value, or at the last exit the first value less 100."""
    flat = images.reshape(len(images), -1).astype(np.int64)
    label = flat.sum(1) % 5
    least = np.asarray(thresholds)[label] if isinstance(thresholds, list) else thresholds
    leave = flat.max(1) >= least
    return label, np.where(leave, 0, 1), np.where(leave, flat.max(1), flat[:, 0] - 100)


class Channel:
    """Registers of one channel: CR, SR, address, length, and how far the transfer is."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.control, self.status, self.address, self.length, self.busy, self.moved = 0x0001_0002, 0x1, 0, 0, False, 0

    def end(self) -> None:
        self.busy = False
        self.status |= 0x1002

    def fail(self, bit: int) -> None:
        self.busy = False
        self.control &= ~1
        self.status |= bit | 0x4001


class Buffer(np.ndarray):
    """What ``pynq.allocate`` gives: the array is the processor's view."""

    board: "FakeBoard"
    physical_address: int

    clean: bytes

    def flush(self) -> None:
        self.clean = self.tobytes()
        self.board.write_memory(self.physical_address, self.clean)

    def invalidate(self) -> None:
        self.clean = self.board.read_memory(self.physical_address, self.nbytes)
        self[:] = np.frombuffer(self.clean, self.dtype)

    def evict(self) -> None:
        """What a cache may do at any time: lines that were written to go to memory."""
        if self.tobytes() != self.clean:
            self.flush()

    def freebuffer(self) -> None:
        self.board.held = [buffer for buffer in self.board.held if buffer is not self]


class FakeBoard:
    """The board. ``log`` tells what was asked of it, in order; ``pynq`` is the module to give to the driver.

    ``faults`` (all are over after a reset of the DMA unless they say otherwise): ``hold_results`` n: after n results no more are taken;
    ``error`` (base, bit): the next transfer of that channel fails; ``short`` n: TLAST comes with result n; ``wrong_id`` n: result n has
    the id of the one before; ``interrupt`` n: Ctrl-C at the n-th access from now; and for good ``stuck_reset``, ``stuck_busy`` (STATUS),
    ``stuck_clock``, ``no_run``; ``bad`` {offset: value}: what registers read.
    """

    def __init__(self, access_cycles: int = 20, **changes: Any) -> None:
        self.spec = manifest(**changes)
        self.access_cycles = access_cycles
        self.memory = bytearray(1 << 20)
        self.free = MEMORY
        self.held: list[Buffer] = []
        self.log: list[Any] = []
        self.faults: dict[str, Any] = {}
        self.no_memory = False
        self.now = 0
        self.dma = {0x00: Channel(), 0x30: Channel()}
        self.resetting = 0
        self.fifo: deque[tuple[int, bool]] = deque()
        self.started = False
        self.pynq = types.SimpleNamespace(Overlay=self._overlay, MMIO=self._mmio, allocate=self._allocate)
        self.load()

    # What pynq offers.

    def _overlay(self, path: str, download: bool = True) -> Any:
        self.log.append(("download", Path(path).name) if download else ("attach", Path(path).name))
        if download:
            self.load()
        names = {"axi_dma_0": (DMA, 1 << 16), "accelerator_0": (TOP, 1 << 12)}
        hidden = self.faults.get("hidden_block")
        return types.SimpleNamespace(ip_dict={
            name: {"phys_addr": base, "addr_range": span} for name, (base, span) in names.items() if name != hidden})

    def _mmio(self, base: int, length: int) -> Any:
        def read(offset: int) -> int:
            self.step()
            assert offset in range(0, length, 4)
            return self.read_dma(offset) if base == DMA else self.read_top(offset)

        def write(offset: int, value: int) -> None:
            self.step()
            assert offset in range(0, length, 4)
            assert 0 <= value < 1 << 32
            (self.write_dma if base == DMA else self.write_top)(offset, value)

        assert base in (DMA, TOP)
        return types.SimpleNamespace(read=read, write=write)

    def _allocate(self, shape: Any, dtype: Any) -> Buffer:
        if self.no_memory:
            raise RuntimeError("Failed to allocate Memory!")
        buffer = np.zeros(shape, dtype).view(Buffer)
        buffer.clean = buffer.tobytes()
        buffer[:] = 0x5A
        buffer.board, buffer.physical_address = self, self.free
        self.free += -(-buffer.nbytes // 4096) * 4096
        self.held.append(buffer)
        return buffer

    @property
    def buffers(self) -> list[int]:
        """Where the buffers lie that were not given back."""
        return [buffer.physical_address for buffer in self.held]

    # Memory.

    def write_memory(self, address: int, data: bytes) -> None:
        self.memory[address - MEMORY:address - MEMORY + len(data)] = data

    def read_memory(self, address: int, size: int) -> bytes:
        return bytes(self.memory[address - MEMORY:address - MEMORY + size])

    def inside(self, address: int, size: int) -> bool:
        return address >= MEMORY and address + size <= MEMORY + len(self.memory)

    # The accelerator.

    def load(self) -> None:
        """As after loading the bitstream."""
        self.thresholds = [item["threshold"] for item in self.spec["exits"]]
        self.enables = [1] * len(self.spec["exits"])
        self.modes = [0] * len(self.spec["exits"])
        self.table = list(self.spec["exits"][0]["params"].get("thresholds", []))
        self.batch_length = 1
        self.check_tlast = False
        self.clear()
        for channel in self.dma.values():
            channel.reset()
        self.fifo.clear()

    def clear(self) -> None:
        """As a soft reset does."""
        self.reset_until = self.now + 16
        self.counted_from = self.now
        self.samples_in = self.samples_out = 0
        self.exit_counts = [0] * len(self.spec["exits"])
        self.bytes_in = bytearray()
        self.position = self.sent = 0
        self.of_batch = 0
        self.free_at = [0, 0]
        self.inside_images: list[tuple[int, int, int]] = []  # when done, id, word

    def push(self, data: bytes) -> int:
        """Bytes that the accelerator takes of ``data``."""
        size = 4 * self.spec["input"]["words"]
        fields = {item["name"]: item for item in self.spec["result"]["fields"]}
        identity = self.position % (1 << fields["id"]["width"])
        first = not self.bytes_in
        if first and (len(self.inside_images) >= self.spec["max_in_flight"] or any(item[1] == identity for item in self.inside_images)):
            return 0
        take = min(len(data), size - len(self.bytes_in))
        if first:
            if self.position == 0:
                self.of_batch = self.batch_length
            self.samples_in += 1
            self.begun = self.now
        self.bytes_in += data[:take]
        if len(self.bytes_in) == size:
            self._decide(identity, fields)
            self.position = (self.position + 1) % self.of_batch
            self.bytes_in.clear()
        return take

    def _decide(self, identity: int, fields: dict[str, Any]) -> None:
        shape = self.spec["input"]
        image = np.frombuffer(bytes(self.bytes_in), np.uint8)[: shape["height"] * shape["width"] * shape["channels"]]
        label, score = int(image.sum()) % 5, int(image.max())
        least = self.table[label] if self.table else self.thresholds[0]
        leaves = bool(self.enables[0]) and {0: score >= least, 1: True, 2: False}[self.modes[0] & 3]
        self.free_at[0] = max(self.now, self.free_at[0]) + 20
        done = self.free_at[0]
        if not leaves:
            self.free_at[1] = done = max(done, self.free_at[1]) + 60
        which = 0 if leaves else 1
        self.exit_counts[which] += 1
        values = {"id": identity, "label": label, "exit": which, "confidence": score if leaves else int(image[0]) - 100,
                  "cycles": done - self.begun}
        word = sum((values[name] & ((1 << item["width"]) - 1)) << item["offset"] for name, item in fields.items())
        self.inside_images.append((done, identity, word))

    def read_top(self, offset: int) -> int:
        if offset in self.faults.get("bad", {}):
            return int(self.faults["bad"][offset])
        cycles = 7 if self.faults.get("stuck_clock") else self.now - self.counted_from
        busy = bool(self.inside_images or self.bytes_in or self.now < self.reset_until or self.faults.get("stuck_busy"))
        exits = len(self.spec["exits"])
        errors = self.faults.get("tlast_errors", 0) if self.check_tlast and not self.faults.get("old_map") and self.samples_in else 0
        fixed = {0x00: 0x4F465250, 0x04: 1, 0x08: self.spec["build"],
                 0x10: int(busy) | bool(errors) << 2 | errors << 8 | len(self.inside_images) << 16,
                 0x14: self.batch_length, 0x18: exits, 0x1C: self.spec["classes"], 0x20: len(self.spec["streams"]),
                 0x24: self.spec["gates"], 0x28: self.samples_in, 0x2C: self.samples_out, 0x30: cycles & 0xFFFF_FFFF, 0x34: cycles >> 32,
                 0x300: 3}
        if offset in fixed:
            return fixed[offset]
        if 0x100 <= offset < 0x100 + 16 * exits:
            k, what = divmod(offset - 0x100, 16)
            return int([self.thresholds[k] & 0xFFFF_FFFF, self.enables[k], self.exit_counts[k], self.modes[k]][what // 4])
        assert 0x400 <= offset < 0x400 + 8 * len(self.spec["streams"]), f"SLVERR at {offset:#x}"
        return offset - 0x400

    def write_top(self, offset: int, value: int) -> None:
        if offset == 0x0C:
            self.log.append({0b1101: "soft reset", 0b1010: "clear counters"}[value])
            self.check_tlast = bool(value & 8)
            if value & 1:
                self.clear()
                if "tlast_errors" in self.faults and self.log.count("soft reset") > 1:
                    del self.faults["tlast_errors"]  # it happened in one batch
            self.counted_from = self.now
            self.samples_in, self.samples_out, self.exit_counts = 0, 0, [0] * len(self.spec["exits"])
        elif offset == 0x14:
            self.log.append(("batch length", value))
            self.batch_length = value
        else:
            k, what = divmod(offset - 0x100, 16)
            assert (k in range(len(self.spec["exits"])), what in (0, 4, 12)) == (True, True), f"SLVERR at {offset:#x}"
            signed = value - (1 << 32) if value >> 31 else value
            if what == 0 and k == 0 and self.table:
                self.table[self.modes[0] >> 16] = signed
            elif what == 0:
                self.thresholds[k] = signed
            elif what == 4:
                self.enables[k] = value & 1
            else:
                self.modes[k] = value & 0x3FF0003

    # The DMA.

    def read_dma(self, offset: int) -> int:
        base = 0x30 if offset >= 0x30 else 0
        channel = self.dma[base]
        if offset - base == 0x00:
            return channel.control | (4 if self.resetting or self.faults.get("stuck_reset") else 0)
        return {0x04: channel.status, 0x28: channel.length}[offset - base]

    def write_dma(self, offset: int, value: int) -> None:
        base = 0x30 if offset >= 0x30 else 0
        channel, what = self.dma[base], offset - base
        if self.resetting and what != 0x00:
            raise ProtocolError("a register was written during a reset")
        if what == 0x00 and value & 4:
            self.log.append("dma reset")
            for item in self.dma.values():
                item.reset()
            self.fifo.clear()
            self.resetting = 5
            for name in ("hold_results", "error"):
                self.faults.pop(name, None)
        elif what == 0x00:
            channel.control = value
            if value & 1 and not self.faults.get("no_run"):
                channel.status &= ~1
        elif what == 0x04:
            channel.status &= ~(value & 0x7000)
        elif what == 0x18:
            channel.address = value
        elif what == 0x1C:
            if value:
                raise ProtocolError("there is no memory above 4 GiB")
        elif what == 0x28:
            self._start(base, channel, value)

    def _start(self, base: int, channel: Channel, length: int) -> None:
        self.log.append(("receive" if base else "send", length))
        if channel.busy:
            raise ProtocolError("LENGTH was written while a transfer was going on")
        if channel.status & 1:
            raise ProtocolError("LENGTH was written to a channel that does not run")
        if not 0 < length < 1 << self.spec["dma"]["length_bits"]:
            raise ProtocolError(f"LENGTH of {length} bytes")
        if channel.address % 8:
            raise ProtocolError(f"address {channel.address:#x} is not aligned")
        channel.length, channel.busy, channel.moved = length, True, 0
        channel.status &= ~2
        failing = self.faults.get("error")
        if failing and failing[0] == base:
            channel.fail(failing[1])
        elif not self.inside(channel.address, length):
            channel.fail(0x40)

    # Time.

    def step(self) -> None:
        """What goes on during one access."""
        if "interrupt" in self.faults:
            self.faults["interrupt"] -= 1
            if self.faults["interrupt"] <= 0:
                del self.faults["interrupt"]
                raise KeyboardInterrupt
        for _ in range(self.access_cycles // 4):
            self.now += 4
            self._move()
        self.resetting = max(0, self.resetting - 1)

    def _move(self) -> None:
        """Four cycles: a word in, a result out."""
        send, receive = self.dma[0x00], self.dma[0x30]
        if self.now < self.reset_until:
            return
        if send.busy:
            left = self.read_memory(send.address + send.moved, min(4, send.length - send.moved))
            send.moved += self.push(left)
            if send.moved == send.length:
                send.end()
        ready = [item for item in self.inside_images if item[0] <= self.now]
        holding = self.faults.get("hold_results")
        if ready and len(self.fifo) < 4 and not (holding is not None and self.samples_out >= holding):
            item = min(ready)
            self.inside_images.remove(item)
            word, number = item[2], self.sent
            if self.faults.get("wrong_id") == number:
                word ^= 1
                del self.faults["wrong_id"]
            self.sent += 1
            self.samples_out += 1
            last = self.sent == self.of_batch
            if self.faults.get("short") == number:
                last = True
                del self.faults["short"]
            self.fifo.append((word, last))
            if self.sent == self.of_batch:
                self.sent = 0
        if self.fifo and receive.busy:
            word, last = self.fifo.popleft()
            size = self.spec["result"]["bits"] // 8
            if receive.moved + size > receive.length:
                receive.fail(0x10)
                return
            self.write_memory(receive.address + receive.moved, word.to_bytes(size, "little"))
            receive.moved += size
            if last:
                receive.length = receive.moved
                receive.end()
                for buffer in self.held:
                    buffer.evict()
