"""A board in plain Python for tests of the driver: what it uses of ``pynq``, memory reader and writer, and a two-exit accelerator.

Time passes with every access to a register. What real hardware leaves undefined, or what may stop a board, is a :class:`ProtocolError`.
Buffers are a cache of their own, as on the board: without flush and invalidate nothing gets to the other side. It starts wrong, as a board
may: another clock, and a port to memory that is 32 bits wide.
"""

import hashlib
import json
import types
from pathlib import Path
from typing import Any

import numpy as np

from tests.offramp_driver.fake_dma import FakeDma, ProtocolError

DMA, TOP, AFI = 0x4040_0000, 0x43C0_0000, 0xF800_8000
MEMORY = 0x1000_0000
BUILD = 0x1A2B_3C4D
REST = {"busy": False, "in_flight": 0, "output_pending": False, "tlast_errors": 0, "bad_address": False}
"""The driver's status of an accelerator in which nothing is and nothing went wrong."""
GIVEN_BACK = 0xA7
"""What memory holds that was given back: another program's."""
SLOTS = 63
"""What either of the two dividers before FCLK0 may be at most."""


def manifest(**changes: Any) -> dict[str, Any]:
    """A manifest of a network of 4 x 4 x 1 bytes, 5 classes and two exits; ``changes`` replace whole keys."""
    found: dict[str, Any] = {
        "version": 2, "name": "toy", "offramp": "0.1.0", "board": "pynq-z2", "board_label": "Pynq-Z2", "part": "xc7z020clg400-1",
        "clock_mhz": 100.0, "build": BUILD, "design": f"toy_{BUILD:08x}", "register_map": 1, "files": {},
        "input": {"height": 4, "width": 4, "channels": 1, "bits": 8, "signed": False, "bus_bits": 32, "words": 4, "scale": None},
        "result": {"bits": 64, "fields": [
            {"name": "id", "offset": 0, "width": 4, "signed": False}, {"name": "label", "offset": 4, "width": 3, "signed": False},
            {"name": "exit", "offset": 7, "width": 1, "signed": False}, {"name": "confidence", "offset": 8, "width": 16, "signed": True},
            {"name": "cycles", "offset": 24, "width": 24, "signed": False}]},
        "order": "arrival", "anytime": False, "classes": 5, "max_in_flight": 8, "cycles_per_sample": 20, "cycles_all_hard": 60,
        "streams": ["input", "gate0", "exit0", "exit1", "output"], "gates": 1,
        "dma": {"base": DMA, "range": 0x1000, "register_map": 1, "length_bits": 26}, "accelerator": {"base": TOP, "range": 0x1000},
        "exits": [
            {"policy": "max_logit", "classes": 5, "threshold": 128, "enabled": True, "scale": 0.5, "threshold_range": [-256, 256],
             "params": {}},
            {"policy": "always", "classes": 5, "threshold": 0, "enabled": True, "scale": 0.25, "threshold_range": None, "params": {}}],
    }
    return {**found, **changes}


def anytime(bits: int = 64) -> dict[str, Any]:
    """What makes :func:`manifest` one of a network whose exits all answer, with results of so many bits."""
    fields = [item for item in manifest()["result"]["fields"] if item["name"] != "cycles" or bits == 64]
    return {"anytime": True, "result": {"bits": bits, "fields": [
        *fields, {"name": "final", "offset": bits - 1, "width": 1, "signed": False}]}}


def by_class(thresholds: list[int]) -> list[dict[str, Any]]:
    """The exits of :func:`manifest`, with a threshold for every class at the first."""
    first, last = manifest()["exits"]
    return [{**first, "policy": "class_threshold", "threshold": 0, "params": {"score": "max_logit", "thresholds": thresholds}}, last]


def write_package(folder: Path, **changes: Any) -> Path:
    """A package's three files in ``folder``; the path of the .bit. Without ``files`` among the changes the manifest names both others."""
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
    flat = images.reshape(len(images), int(np.prod(images.shape[1:]))).astype(np.int64)
    label = flat.sum(1) % 5
    least = np.asarray(thresholds)[label] if isinstance(thresholds, list) else thresholds
    leave = flat.max(1) >= least
    return label, np.where(leave, 0, 1), np.where(leave, flat.max(1), flat[:, 0] - 100)


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
        self.view(np.ndarray)[:] = GIVEN_BACK
        self.board.freed.append(self)


class FakeBoard:
    """The board. ``log`` tells what was asked of it, in order; ``pynq`` is the module to give to the driver.

    ``faults``, over after one: ``error`` (channel, number): the next transfer of ``"reader"`` or ``"writer"`` ends with that error;
    ``short`` n: TLAST comes with result n; ``wrong_id`` n: result n has the id of another; ``interrupt`` n: Ctrl-C at the n-th access from
    now. Until an abort: ``hold_results`` n: after n results no more are taken. And for good: ``dead`` (memory does not answer),
    ``stuck_abort``, ``stuck_busy`` (STATUS), ``stuck_clock`` (that of CYCLES), ``stuck_width``, ``stuck_fclk``; ``bad``, ``bad_dma``
    {offset: value}: what registers read.
    """

    def __init__(self, access_cycles: int = 20, *, pll_mhz: float = 1000.0, **changes: Any) -> None:
        self.spec = manifest(**changes)
        self.access_cycles = access_cycles
        self.pll_mhz = pll_mhz
        self.memory = bytearray(1 << 20)
        self.free = MEMORY
        self.held: list[Buffer] = []
        self.freed: list[Buffer] = []
        self.log: list[Any] = []
        self.faults: dict[str, Any] = {}
        self.no_memory = False
        self.loaded = False
        self.now = 0
        self.dividers = 1, 4
        self.afi = {0x00: 0x3B1, 0x14: 0xF01}
        self.dma = FakeDma(self.spec["input"]["bus_bits"], self.spec["result"]["bits"], self.log, self.faults, self._port_reads,
                           self._port_writes)
        board = self

        class Clocks:
            """FCLK0 out of a PLL through two dividers, as pynq sets them: the nearest product."""

            @property
            def fclk0_mhz(self) -> float:
                return round(board.fclk0, 6)

            @fclk0_mhz.setter
            def fclk0_mhz(self, mhz: float) -> None:
                board.set_clock(mhz)

        class Bitstream:
            def __init__(self, path: str) -> None:
                assert isinstance(path, str)
                self.path = Path(path)

            def download(self) -> None:
                board.download(self.path)

        self.pynq = types.SimpleNamespace(Bitstream=Bitstream, Clocks=Clocks(), MMIO=self._mmio, allocate=self._allocate)
        self.load()

    # What pynq offers.

    @property
    def fclk0(self) -> float:
        return self.pll_mhz / (self.dividers[0] * self.dividers[1])

    def set_clock(self, mhz: float) -> None:
        self.log.append(("clock", mhz))
        pairs = [(first, second) for first in range(1, SLOTS + 1) for second in range(first, SLOTS + 1)]
        if not mhz > 0:
            raise ValueError("Frequency divider 0 value out of range.")
        if not self.faults.get("stuck_fclk"):
            self.dividers = min(pairs, key=lambda pair: abs(pair[0] * pair[1] - self.pll_mhz / mhz))

    def download(self, path: Path) -> None:
        assert path.is_file()
        self.log.append(("download", path.name))
        if self.dma.busy:
            raise ProtocolError("a bitstream was loaded while memory may owe something: the board may hang")
        self.loaded = True
        self.load()

    def _mmio(self, base: int, length: int) -> Any:
        reads = {DMA: self.dma.read, TOP: lambda offset: self.read_top(offset), AFI: lambda offset: self.afi[offset]}
        writes = {DMA: self._write_dma, TOP: lambda offset, value: self.write_top(offset, value), AFI: self._write_afi}

        def access(offset: int) -> None:
            self.step()
            assert offset in range(0, length, 4)
            if base != AFI and not self.loaded:
                raise ProtocolError("registers of logic that was never loaded: the board has stopped")

        def read(offset: int) -> int:
            access(offset)
            return int(reads[base](offset))

        def write(offset: int, value: int) -> None:
            access(offset)
            assert 0 <= value < 1 << 32
            assert type(value) is int  # pynq takes no other
            writes[base](offset, value)

        assert length == 0x1000
        assert base in reads
        return types.SimpleNamespace(read=read, write=write)

    def _write_afi(self, offset: int, value: int) -> None:
        if (self.afi[offset] ^ value) >> 1:
            raise ProtocolError(f"other bits of the port's register {offset:#x} were changed")
        if self.dma.busy and self.afi[offset] != value:
            raise ProtocolError("the port's width was changed while it was in use")
        self.afi[offset] = value | int(bool(self.faults.get("stuck_width")))

    def _write_dma(self, offset: int, value: int) -> None:
        aborts = self.log.count("abort")
        self.dma.write(offset, value)
        if self.log.count("abort") > aborts:
            self.faults.pop("hold_results", None)
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

    @property
    def given_back_is_left_alone(self) -> bool:
        """Whether the program has written nothing into buffers that it gave back."""
        return all((buffer.view(np.ndarray) == GIVEN_BACK).all() for buffer in self.freed)

    # Memory, and the port to it.

    def write_memory(self, address: int, data: bytes) -> None:
        self.memory[address - MEMORY:address - MEMORY + len(data)] = data

    def read_memory(self, address: int, size: int) -> bytes:
        return bytes(self.memory[address - MEMORY:address - MEMORY + size])

    def _port_reads(self, address: int, size: int) -> bytes | None:
        """None where there is no memory. Of a port that is 32 bits wide the upper half of every 64 bits is nothing."""
        if not MEMORY <= address <= MEMORY + len(self.memory) - size:
            return None
        data = self.read_memory(address, size)
        return bytes(0 if self.afi[0x00] & 1 and (address + k) & 4 else value for k, value in enumerate(data))

    def _port_writes(self, address: int, data: bytes) -> None:
        """A port that is 32 bits wide takes the lower half of every 64 bits, one after the other."""
        if self.afi[0x14] & 1:
            data = b"".join(data[k:k + 4] for k in range(0, len(data), 8))
        self.write_memory(address, data)

    # The accelerator.

    def load(self) -> None:
        """As after loading the bitstream."""
        self.thresholds = [item["threshold"] for item in self.spec["exits"]]
        self.enables = [1] * len(self.spec["exits"])
        self.modes = [0] * len(self.spec["exits"])
        self.table = list(self.spec["exits"][0]["params"].get("thresholds", []))
        self.batch_length = 1
        self.check_tlast = False
        self.offered: tuple[int, int, int, bool, int] | None = None
        self.stale: int | None = None
        self.clear()
        self.dma.reset()

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
        if self.offered is not None and self.stale is None:
            self.stale = self.offered[2]
        self.offered = None
        self.inside: dict[int, int] = {}  # the ids of images, by a number of theirs
        self.results: list[tuple[int, int, int, bool, int]] = []  # when done, of all words which, word, whether final, its image's number

    def push(self, data: bytes) -> int:
        """Bytes that the accelerator takes of ``data``."""
        size = 4 * self.spec["input"]["words"]
        fields = {item["name"]: item for item in self.spec["result"]["fields"]}
        identity = self.position % (1 << fields["id"]["width"])
        first = not self.bytes_in
        if self.now < self.reset_until or self.stale is not None:
            return 0
        if first and (len(self.inside) >= self.spec["max_in_flight"] or identity in self.inside.values()):
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
        key = self.samples_in
        self.inside[key] = identity
        for k in range(which + 1):
            if k != which and not self.spec["anytime"]:
                continue
            ends = self.free_at[0] if k == 0 else done
            values = {"id": identity, "label": label, "exit": k, "confidence": score if k == 0 else int(image[0]) - 100,
                      "cycles": ends - self.begun, "final": k == which}
            word = sum((values[name] & ((1 << item["width"]) - 1)) << item["offset"] for name, item in fields.items())
            self.results.append((ends, 2 * key + k, word, k == which, key))

    def read_top(self, offset: int) -> int:
        if offset in self.faults.get("bad", {}):
            return int(self.faults["bad"][offset])
        cycles = 7 if self.faults.get("stuck_clock") else self.now - self.counted_from
        busy = bool(self.inside or self.bytes_in or self.now < self.reset_until or self.faults.get("stuck_busy"))
        exits = len(self.spec["exits"])
        errors = self.faults.get("tlast_errors", 0) if self.check_tlast and not self.faults.get("old_map") and self.samples_in else 0
        fixed = {0x00: 0x4F465250, 0x04: 1, 0x08: self.spec["build"],
                 0x10: int(busy) | (self.stale is not None) << 1 | bool(errors) << 2 | errors << 8 | len(self.inside) << 16,
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
            self.log.append({0b1101: "soft reset", 0b1001: "soft reset", 0b1010: "clear counters"}[value])
            self.check_tlast = bool(value & 8)
            if value & 1:
                self.clear()
                self.stale = None if value & 4 else self.stale
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

    def _move(self) -> None:
        """Four cycles: a word in, a result out."""
        self.dma.step_reader(4, lambda word: self.push(word) == len(word))
        if self.now >= self.reset_until:
            self._give()
        if self.dma.step_writer(4):
            for buffer in self.held:
                buffer.evict()

    def _give(self) -> None:
        """Offer the next result, if there is one, and let the writer take it."""
        ready = [item for item in self.results if item[0] <= self.now]
        if self.offered is None and self.stale is None and ready:
            self.offered = min(ready)
        holding = self.faults.get("hold_results")
        if not self.dma.takes or (holding is not None and self.samples_out >= holding):
            return
        size = self.spec["result"]["bits"] // 8
        if self.stale is not None:
            self.dma.result(self.stale.to_bytes(size, "little"), False)
            self.stale = None
        elif self.offered is not None:
            _, _, word, final, key = self.offered
            self.results.remove(self.offered)
            self.offered = None
            number = self.sent
            if self.faults.get("wrong_id") == number:
                word ^= 1
                del self.faults["wrong_id"]
            if final:
                del self.inside[key]
                self.sent += 1
                self.samples_out += 1
            if self.fclk0 > 1.001 * self.spec["clock_mhz"]:
                word ^= 1 << 8  # logic that is clocked too fast
            last = self.sent == self.of_batch
            if final and self.faults.get("short") == number:
                last = True
                del self.faults["short"]
            self.dma.result(word.to_bytes(size, "little"), last)
            if self.sent == self.of_batch:
                self.sent = 0
