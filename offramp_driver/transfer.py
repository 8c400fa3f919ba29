"""Batches through memory reader, accelerator and memory writer, and the way back when one goes wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from offramp_driver.buffers import Buffer
from offramp_driver.control import Control, Stopwatch
from offramp_driver.dma import Dma
from offramp_driver.errors import DmaError, DmaTimeout, DriverError
from offramp_driver.feed import Feed
from offramp_driver.packing import Packing, Unpacking, Values

__all__ = ["Timing", "Transfer"]

ABORT_CYCLES = 10_000
"""How many of the accelerator's cycles an abort may take before the accelerator is reset to let it end; memory answers within hundreds."""
RESET_CYCLES = 1_000_000
"""After how many of the accelerator's cycles a reset or an abort that has not ended is given up; it takes some dozens."""
_LOOKS = 4
"""How often it is looked whether a batch has ended, for each look at the time that it takes or at what went wrong in the stream."""


@dataclass
class Timing:
    """Where the time went: seconds in packing, waiting for the DMA (packing that overlaps it is not waiting) and unpacking, and the
    accelerator's cycles while it was waited for."""

    packing: float = 0.0
    waiting: float = 0.0
    unpacking: float = 0.0
    cycles: int = 0


class Transfer:
    """Sends images and receives results, batch by batch, ``capacity`` images at most in one.

    While one batch is sent out of one buffer, the next one is packed into another. ``limit`` says after how many of the accelerator's
    cycles a batch of so many images is late. Buffers are made as large as is needed, and grow up to ``capacity``.

    Whatever ends a batch before its time (an error of the DMA, a limit passed, Ctrl-C) is raised only after the whole recovery of
    docs/board.md: both channels are stopped, everything inside is forgotten, and the next batch is right.
    """

    def __init__(self, dma: Dma, control: Control, allocate: Callable[..., Any], *, packing: Packing, unpacking: Unpacking, capacity: int,
                 limit: Callable[[int], int]) -> None:
        self._dma, self._control, self._allocate = dma, control, allocate
        self._packing, self._unpacking = packing, unpacking
        self.capacity = capacity
        self._limit = limit
        self._room = 0
        self._send: list[Buffer] = []
        self._receive: Buffer | None = None
        self._length: int | None = None
        self._watch: Stopwatch
        self._underway = True  # until a recovery has ended: nobody knows what was before
        self._turn = 0  # whose batch is under way: a stream that waits may have lost its own to another call

    def run(self, images: npt.NDArray[np.uint8] | npt.NDArray[np.int8], timing: Timing) -> dict[str, Values]:
        """The fields of all results, int64 ``[n]`` in the order of ``images`` (of :meth:`Packing.batch`, at least one), and what
        :meth:`Unpacking.unpack` adds. Adds to ``timing``.

        Raises :class:`DmaTimeout` and :class:`DmaError` (of the DMA, or when the stream lost or doubled words) with the counters of that
        moment, and :class:`DriverError` when results are not
        those of the images; the accelerator is ready for the next batch then. When even a reset does not end, the text says so.
        """
        parts = list(self.stream(iter([images]), min(self.capacity, len(images)), timing))
        return parts[0] if len(parts) == 1 else {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    @property
    def nothing(self) -> dict[str, Values]:
        """The fields of no results."""
        return self._unpacking.unpack(np.zeros(0, self._unpacking.dtype))

    def stream(self, source: Iterator[npt.NDArray[np.uint8] | npt.NDArray[np.int8]], size: int, timing: Timing,
               ) -> Generator[dict[str, Values], None, None]:
        """As :meth:`run`, batch by batch of ``size`` images, the last one of fewer: the results of one while the next one is under way.

        ``source`` gives images of :meth:`Packing.batch`, some at a time. What it raises comes after the results of all images before.
        Where another call was made before the end, or the accelerator was reset or closed, what was under way is lost, and
        :class:`DriverError` is raised.
        """
        if self._underway:
            self.recover()
        size = min(size, self.capacity)
        self._hold(size)
        self._turn += 1
        turn = self._turn
        feed = Feed(self._while_mine(source, turn), self._packing)
        try:
            images, index = self._fill(feed, 0, size, timing), 0
            self._check_turn(turn)
            if images:
                self._prepare(0, images)
                self._start(images)
            while images:
                index += 1
                following = self._fill(feed, index, size, timing)
                self._check_turn(turn)
                if following:
                    self._prepare(index, following)
                words = self._finish(images, timing)
                if following:
                    self._start(following)
                columns = self._unpack(words, images, timing)
                self._underway = following > 0
                yield columns
                if following:
                    self._check_turn(turn)
                images = following
        except BaseException as error:
            # Ctrl-C too: whoever catches it must find an accelerator that works.
            if self._turn == turn:
                self._after(error)
            raise
        if feed.error is not None:
            raise feed.error

    def _while_mine(self, source: Iterator[npt.NDArray[np.uint8] | npt.NDArray[np.int8]], turn: int,
                    ) -> Iterator[npt.NDArray[np.uint8] | npt.NDArray[np.int8]]:
        """``source``, as long as what makes its images makes no other call, which may exchange the buffers."""
        for images in source:
            self._check_turn(turn)
            yield images

    def _check_turn(self, turn: int) -> None:
        if self._turn != turn:
            raise DriverError("the images of this stream that were inside were forgotten: another call was made before its end, or the "
                              "accelerator was reset or closed")

    def recover(self) -> None:
        """Stop both channels, forget every image inside and the result on offer; returns when all is at rest. Thresholds, enables and modes
        stay; counters start again. Raises :class:`DmaError` when something does not end."""
        self._underway = True
        self._turn += 1
        self._length = None
        self._dma.abort()
        if not self._quiet(ABORT_CYCLES):
            # The reader takes no word back, and a full accelerator takes none. An empty one does.
            self._control.soft_reset()
            if not self._quiet(RESET_CYCLES):
                raise self._stuck()
        self._control.soft_reset()
        watch = Stopwatch(self._control, RESET_CYCLES)
        while not self._control.at_rest:
            if not watch.running():
                raise DmaError("the accelerator does not come to rest after a reset: load the bitstream again")
        self._underway = False

    def _quiet(self, cycles: int) -> bool:
        """Whether nothing is under way within so many cycles."""
        watch = Stopwatch(self._control, cycles)
        while self._dma.busy:
            if not watch.running():
                return not self._dma.busy
        return True

    def _stuck(self) -> DmaError:
        """What to tell of a channel that does not end though it was aborted and nothing keeps its words."""
        for channel in self._dma.busy:
            if channel.silent > RESET_CYCLES // 2:
                return DmaError(f"the memory port does not answer: the DMA's {channel.name} channel has waited {channel.silent} cycles for "
                                "it. Start the board anew (reboot), and load no bitstream before: that may hang it")
        return DmaError("the DMA does not come to rest after an abort: load the bitstream again")

    def close(self) -> None:
        """Give the buffers back; a transfer that is still underway is stopped first, so that nothing is written to memory of others, and
        nothing is owed when another bitstream is loaded."""
        self._turn += 1
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
            self._send = [Buffer(self._allocate, room * self._packing.image_bytes, np.dtype(np.uint8))]
            self._send.append(Buffer(self._allocate, room * self._packing.image_bytes, np.dtype(np.uint8)))
            self._receive = Buffer(self._allocate, room * self._unpacking.most, self._unpacking.dtype)
        except DriverError:
            self.close()
            raise
        self._room = room

    def _fill(self, feed: Feed, index: int, size: int, timing: Timing) -> int:
        """Pack the next images into the buffer of batch ``index``; how many."""
        begun = time.perf_counter()
        buffer = self._send[index % 2]
        images = feed.fill(buffer.array, size)
        buffer.flush()
        timing.packing += time.perf_counter() - begun
        return images

    def _prepare(self, index: int, images: int) -> None:
        """Tell the DMA of the batch in buffer ``index``, which is started when the one before it has ended."""
        assert self._receive is not None
        self._dma.receive.prepare(self._receive.address, images * self._unpacking.most * self._unpacking.dtype.itemsize)
        self._dma.send.prepare(self._send[index % 2].address, images * self._packing.image_bytes)

    def _start(self, images: int) -> None:
        """Send the batch that was prepared."""
        assert self._receive is not None
        if self._length != images:
            self._length = None  # Ctrl-C may come after the write, before it is noted
            self._control.set_batch_length(images)
            self._length = images
        # A line of the cache that is written back later would lie over the results.
        self._receive.flush()
        self._underway = True
        self._watch = Stopwatch(self._control, self._limit(images))
        self._dma.start()

    def _finish(self, images: int, timing: Timing) -> npt.NDArray[Any]:
        """Wait for the batch that was started; its result words as they came."""
        assert self._receive is not None
        begun = time.perf_counter()
        watch, looks, late = self._watch, 0, False
        while True:
            sent, received = self._dma.done()
            if sent and received:
                break
            if late:
                self._check_stream(images)
                raise DmaTimeout(f"a batch of {images} images did not end within {watch.limit} cycles; the DMA has "
                                 f"{'sent all of it' if sent else 'not sent all of it'} and "
                                 f"{'received all results' if received else 'not received all results'}")
            looks += 1
            # Seldom, and in turn: each access takes time in which the batch may have ended.
            if looks % _LOOKS:
                continue
            if sent and looks // _LOOKS % 2:
                self._check_stream(images)
            else:
                late = not watch.running()  # one more look after that: the program may have been stopped for a while
        watch.running()
        timing.cycles += watch.elapsed
        self._check_stream(images)
        arrived, most = self._dma.received, images * self._unpacking.most
        if not images <= arrived <= most:
            raise DmaError(f"a batch of {images} images gave {arrived} words of results instead of {images}"
                           f"{f' to {most}' if most > images else ''}")
        self._receive.invalidate()
        words: npt.NDArray[Any] = self._receive.array[:arrived].copy()
        timing.waiting += time.perf_counter() - begun
        return words

    def _unpack(self, words: npt.NDArray[Any], images: int, timing: Timing) -> dict[str, Values]:
        """The columns of a batch."""
        begun = time.perf_counter()
        columns = self._unpacking.unpack(words)
        if len(columns["label"]) != images:
            raise DriverError(f"results of a batch of {images} images were lost, doubled or mixed up: {len(columns['label'])} are final")
        timing.unpacking += time.perf_counter() - begun
        return columns

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
