"""Batches through DMA and accelerator, and the way back when one goes wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from offramp_driver.control import Control, Stopwatch
from offramp_driver.dma import Dma
from offramp_driver.errors import DmaError, DmaTimeout, DriverError
from offramp_driver.packing import Packing, Unpacking, Values

__all__ = ["Timing", "Transfer"]

RESET_CYCLES = 1_000_000
"""After how many of the accelerator's cycles a reset that has not ended is given up; it takes some dozens."""


@dataclass
class Timing:
    """Where the time went: seconds in packing, waiting for the DMA (packing that overlaps it is not waiting) and unpacking, and the
    accelerator's cycles while it was waited for."""

    packing: float = 0.0
    waiting: float = 0.0
    unpacking: float = 0.0
    cycles: int = 0


class _Buffer:
    """Memory for the DMA: ``array`` is its content as the processor sees it, from ``address`` on as the DMA does."""

    def __init__(self, allocate: Callable[..., Any], size: int, dtype: np.dtype[Any]) -> None:
        try:
            self._memory = allocate((size,), dtype)
        except (MemoryError, RuntimeError) as error:
            raise DriverError(f"there is no contiguous memory for {size * dtype.itemsize} bytes: close other overlays and kernels, or give "
                              f"Accelerator a smaller buffer_bytes ({error})") from error
        self.array: npt.NDArray[Any] = np.asarray(self._memory)
        self.address = int(self._memory.physical_address)

    def flush(self) -> None:
        """Write what the processor's cache holds to memory."""
        self._memory.flush()

    def invalidate(self) -> None:
        """Forget what the processor's cache holds, so that memory is read."""
        self._memory.invalidate()

    def free(self) -> None:
        """Give the memory back; the buffer is not to be used any more."""
        self.array = np.empty(0, self.array.dtype)
        self._memory.freebuffer()


class Transfer:
    """Sends images and receives results, batch by batch, ``capacity`` images at most in one.

    While the DMA sends one batch out of one buffer, the next one is packed into another. ``limit`` says after how many of the accelerator's
    cycles a batch of so many images is late. Buffers are made as large as is needed, and grow up to ``capacity``.

    Whatever ends a batch before its time (an error of the DMA, a limit passed, Ctrl-C) is raised only after the whole recovery of
    docs/accelerator.md: both sides are stopped, everything inside is forgotten, and the next batch is right.
    """

    def __init__(self, dma: Dma, control: Control, allocate: Callable[..., Any], *, packing: Packing, unpacking: Unpacking, capacity: int,
                 limit: Callable[[int], int]) -> None:
        self._dma, self._control, self._allocate = dma, control, allocate
        self._packing, self._unpacking = packing, unpacking
        self.capacity = capacity
        self._limit = limit
        self._room = 0
        self._send: list[_Buffer] = []
        self._receive: _Buffer | None = None
        self._length: int | None = None
        self._watch: Stopwatch
        self._underway = True  # until a recovery has ended: nobody knows what was before

    def run(self, images: npt.NDArray[np.uint8] | npt.NDArray[np.int8], timing: Timing) -> dict[str, Values]:
        """The fields of all results, int64 ``[n]`` in the order of ``images`` (of :meth:`Packing.batch`, at least one). Adds to ``timing``.

        Raises :class:`DmaTimeout` and :class:`DmaError` (of the DMA, or when the stream lost or doubled words) with the counters of that
        moment, and :class:`DriverError` when results are not
        those of the images; the accelerator is ready for the next batch then. When even a reset does not end, the text says so.
        """
        if self._underway:
            self.recover()
        size = min(self.capacity, len(images))
        self._hold(size)
        chunks = [images[first:first + size] for first in range(0, len(images), size)]
        parts = []
        try:
            self._pack(chunks[0], 0, timing)
            self._start(0, len(chunks[0]))
            for index, chunk in enumerate(chunks):
                following = chunks[index + 1] if index + 1 < len(chunks) else None
                if following is not None:
                    self._pack(following, index + 1, timing)
                words = self._finish(len(chunk), timing)
                if following is not None:
                    self._start(index + 1, len(following))
                begun = time.perf_counter()
                parts.append(self._unpacking.unpack(words))
                timing.unpacking += time.perf_counter() - begun
            self._underway = False
        except BaseException as error:
            # Ctrl-C too: whoever catches it must find an accelerator that works.
            self._after(error)
            raise
        return parts[0] if len(parts) == 1 else {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def recover(self) -> None:
        """Stop the DMA, forget every image inside and the result on offer, which the stopped DMA may not take any more, and empty the DMA
        again, which may have taken stale results in between; returns when all is at rest. Thresholds, enables and modes stay; counters
        start again. Raises :class:`DmaError` when a reset does not end."""
        self._underway = True
        self._length = None
        self._dma.reset(Stopwatch(self._control, RESET_CYCLES).running)
        self._control.soft_reset()
        watch = Stopwatch(self._control, RESET_CYCLES)
        while not self._control.at_rest:
            if not watch.running():
                raise DmaError("the accelerator does not come to rest after a reset: load the bitstream again")
        self._dma.reset(watch.running)
        self._underway = False

    def close(self) -> None:
        """Give the buffers back; a transfer that is still underway is stopped first, so that nothing is written to memory of others."""
        try:
            if self._underway and self._receive is not None:
                self.recover()
        finally:
            for buffer in (*self._send, *([self._receive] if self._receive else [])):
                buffer.free()
            self._send, self._receive, self._room = [], None, 0

    def _hold(self, images: int) -> None:
        """Make the buffers large enough."""
        if images <= self._room:
            return
        self.close()
        room = min(self.capacity, 1 << (images - 1).bit_length())
        try:
            self._send = [_Buffer(self._allocate, room * self._packing.image_bytes, np.dtype(np.uint8))]
            self._send.append(_Buffer(self._allocate, room * self._packing.image_bytes, np.dtype(np.uint8)))
            self._receive = _Buffer(self._allocate, room, self._unpacking.dtype)
        except DriverError:
            self.close()
            raise
        self._room = room

    def _pack(self, images: npt.NDArray[np.uint8] | npt.NDArray[np.int8], index: int, timing: Timing) -> None:
        begun = time.perf_counter()
        buffer = self._send[index % 2]
        self._packing.pack(images, buffer.array)
        buffer.flush()
        timing.packing += time.perf_counter() - begun

    def _start(self, index: int, images: int) -> None:
        """Send the batch in buffer ``index``; results first, so that none ever waits for the DMA."""
        assert self._receive is not None
        if self._length != images:
            self._length = None  # Ctrl-C may come after the write, before it is noted
            self._control.set_batch_length(images)
            self._length = images
        # A line of the cache that is written back later would lie over the results.
        self._receive.flush()
        self._underway = True
        self._dma.receive.start(self._receive.address, images * self._unpacking.dtype.itemsize)
        self._watch = Stopwatch(self._control, self._limit(images))
        self._dma.send.start(self._send[index % 2].address, images * self._packing.image_bytes)

    def _finish(self, images: int, timing: Timing) -> npt.NDArray[Any]:
        """Wait for the batch that was started; its result words as they came."""
        assert self._receive is not None
        begun = time.perf_counter()
        watch, sent, received, late = self._watch, False, False, False
        while True:
            received = received or self._dma.receive.done()
            sent = sent or self._dma.send.done()
            if sent or late:
                self._check_stream(images)
            if sent and received:
                break
            if late:
                raise DmaTimeout(f"a batch of {images} images did not end within {watch.limit} cycles; the DMA has "
                                 f"{'sent all of it' if sent else 'not sent all of it'} and "
                                 f"{'received all results' if received else 'not received all results'}")
            late = not watch.running()  # one more look after that: the program may have been stopped for a while
        watch.running()
        timing.cycles += watch.elapsed
        size = self._unpacking.dtype.itemsize
        arrived = self._dma.receive.received
        if arrived != images * size:
            raise DmaError(f"a batch of {images} images gave {arrived} bytes of results instead of {images * size}")
        self._receive.invalidate()
        words: npt.NDArray[Any] = self._receive.array[:images].copy()
        timing.waiting += time.perf_counter() - begun
        return words

    def _check_stream(self, images: int) -> None:
        """Raise :class:`DmaError` when the words that the accelerator took are not those of whole images: its results are wrong."""
        errors = self._control.status["tlast_errors"]
        if errors:
            raise DmaError(f"words were lost or doubled on the way from the DMA into the accelerator: in a batch of {images} images the "
                           f"mark of its end (TLAST) was {errors} times missing or not with an image's last word")

    def _after(self, error: BaseException) -> None:
        """Recover after ``error``; what happened and the counters of that moment are told in it where it is one of the DMA."""
        if not self._underway:
            return
        counters, status = self._control.counters, self._control.status
        try:
            self.recover()
            end = "The accelerator was reset; its next batch is right"
        except DmaError as worse:
            end = f"After that {worse}"
        if isinstance(error, DmaError):
            error.counters = counters
            inside = f"{status['in_flight']} inside" if status["busy"] else "at rest"
            error.args = (f"{error}: {counters['samples_in']} images in, {counters['samples_out']} results out since the counters were "
                          f"cleared, accelerator {inside}. {end}",)
