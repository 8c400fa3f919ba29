"""The accelerator on the board, as one object."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from offramp_driver import dma_registers, registers
from offramp_driver.control import Control
from offramp_driver.dma import Dma
from offramp_driver.errors import DriverError, InputError, ManifestError, MismatchError
from offramp_driver.exits import Enabled, Modes
from offramp_driver.manifest import Manifest, check_files, load_manifest
from offramp_driver.packing import Packing, Unpacking
from offramp_driver.processing_system import ProcessingSystem
from offramp_driver.results import Result, Results
from offramp_driver.thresholds import Thresholds
from offramp_driver.transfer import Timing, Transfer

__all__ = ["Accelerator"]


class Accelerator:
    """A multi-exit network in the programmable logic of a PYNQ board.

        from offramp_driver import Accelerator

        with Accelerator("digits.bit") as acc:             # loads the bitstream and checks that it is the right one
            results = acc.classify(images)                 # uint8 [n, height, width, channels]; acc.input_shape tells
            results.label, results.exit                    # class of every image, and the exit at which it left
            acc.thresholds[0]                              # integer threshold of exit 0, out of the hardware
            acc.thresholds.set_real(0, 0.9)                # the same in the unit of its policy, say a probability
            acc.enabled[0] = False                         # no image leaves at exit 0 any more
            acc.modes[0] = "all"                           # or every image does: "policy", "all", "none"
            acc.counters["exits"]                          # images that left, exit by exit
            acc.benchmark(images)["samples_per_second"]
            for result in acc.stream(camera):              # a result for every frame, as they come
                print(result.label)

    Parameters
    ----------
    bitfile
        ``NAME.bit``; ``NAME.json`` out of the same package lies beside it, and the SHA-256 sums of the files that it names are checked.
    download
        True: sets the clock FCLK0 to that of the manifest and loads the bitstream. False: the bitstream has been loaded before, and
        thresholds, enables and modes stay what they are. Reading registers of logic that was never loaded stops the whole board, so leave
        it True when in doubt.
    timeout
        Seconds that a batch may take, counted in the accelerator's own cycles. None: one second, and four times what the batch takes when
        every image goes through the whole network.
    buffer_bytes
        Images are sent in batches of at most so many bytes, one image at least. Two such buffers of contiguous memory are held, and one
        for results.

    The memory port HP0 is made 64 bits wide, whatever loaded before left it to be.

    Opening resets the accelerator (thresholds, enables and modes stay; counters start at 0), so that nothing of a program that was
    killed is left inside. Only one program may use it at a time, and one thread of it. Use it in a ``with`` block, or call :meth:`close`.

    Raises :class:`~offramp_driver.errors.ManifestError` before anything is loaded when the package is damaged or of another version,
    and :class:`~offramp_driver.errors.MismatchError` when the hardware is not that of the manifest. All errors of this package are
    :class:`~offramp_driver.errors.DriverError`.
    """

    def __init__(self, bitfile: str | Path, *, download: bool = True, timeout: float | None = None, buffer_bytes: int = 4 << 20) -> None:
        self._transfer: Transfer | None = None
        if timeout is not None and not timeout > 0:
            raise InputError(f"timeout must be more than 0 seconds, not {timeout}")
        path = Path(bitfile).resolve()
        self.manifest: Manifest = load_manifest(path)
        check_files(self.manifest, path.parent)
        manifest = self.manifest
        for which, version, known in (("registers", manifest.register_map, registers.MAP_VERSION),
                                      ("registers of memory reader and writer", manifest.dma_register_map, dma_registers.MAP_VERSION)):
            if version != known:
                raise MismatchError(f"{manifest.name} has version {version} of the {which}, and this driver knows {known}: take driver and "
                                    "bitstream out of one package")
        self._packing = Packing(manifest.input)
        unpacking = Unpacking(manifest.result_bits, manifest.fields, manifest.order, len(manifest.exits) if manifest.anytime else 0)
        most = (1 << manifest.length_bits) - 1
        if max(manifest.input.words, unpacking.most) > most:
            raise ManifestError(f"an image of {manifest.input.words} words in and {unpacking.most} out is more than the DMA carries at "
                                f"once, {most}")
        room = max(buffer_bytes // self._packing.image_bytes, 1)
        capacity = min(room, most // manifest.input.words, most // unpacking.most)

        import pynq  # here, since it takes seconds and exists on the board alone

        self._system = ProcessingSystem(pynq)
        if download:
            self._system.set_clock(manifest.clock_mhz)
            pynq.Bitstream(str(path)).download()
        else:
            self._system.check_clock(manifest.clock_mhz)
        self._system.widen_port()
        dma = Dma(pynq.MMIO(manifest.dma.base, manifest.dma.range), reader_bits=manifest.input.bus_bits,
                  writer_bits=manifest.result_bits, length_bits=manifest.length_bits)
        dma.check(manifest)
        self._control = Control(pynq.MMIO(manifest.accelerator.base, manifest.accelerator.range), exits=len(manifest.exits),
                                gates=manifest.gates, streams=manifest.streams)
        self._control.check(manifest)
        self._clock_mhz = self._system.clock_mhz
        transfer = Transfer(dma, self._control, pynq.allocate, packing=self._packing, unpacking=unpacking, capacity=capacity,
                            limit=self._limit)
        transfer.recover()
        self._transfer = transfer
        self._timeout = timeout
        self._thresholds = Thresholds(self._control, manifest.exits, as_built=download)
        self._enabled = Enabled(self._control, len(manifest.exits))
        self._modes = Modes(self._control, len(manifest.exits))

    def _limit(self, images: int) -> int:
        """Cycles that a batch of so many images may take."""
        clock = self._clock_mhz * 1e6
        return round(clock + 4 * images * self.manifest.cycles_all_hard if self._timeout is None else self._timeout * clock)

    def _open(self) -> Transfer:
        if self._transfer is None:
            raise DriverError("this Accelerator is closed: open another")
        return self._transfer

    def __enter__(self) -> Accelerator:
        self._open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        height, width, channels = self.input_shape
        policies = ", ".join(item.policy for item in self.manifest.exits)
        return (f"<Accelerator {self.manifest.name}: {height} x {width} x {channels} {self.input_dtype} into {self.manifest.classes} "
                f"classes, {len(self.manifest.exits)} exits ({policies}), "
                f"{self.manifest.clock_mhz:g} MHz{', closed' if self._transfer is None else ''}>")

    def close(self) -> None:
        """Stop what is under way and give the memory back. The bitstream stays loaded. More than once is fine."""
        transfer, self._transfer = self._transfer, None
        if transfer is not None:
            transfer.close()

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        return self._packing.shape

    @property
    def input_dtype(self) -> np.dtype[Any]:
        """Type of images: uint8, or int8 where the network takes signed values."""
        return self._packing.dtype

    def classify(self, images: npt.ArrayLike) -> Results:
        """Classify images; any number of them.

        ``images`` are uint8 (:attr:`input_dtype`) ``[n, height, width, channels]``, ``[n, height, width]`` where the network has one
        channel, or one image without ``n``. Where the network takes windows of sensors (``manifest.input.scale``) they are real numbers
        ``[n, time, channels]``, as the sensor gives them, or scaled already to uint8. Results are in their order. No images give no
        results.

        Raises :class:`~offramp_driver.errors.InputError` for another shape or type, and
        :class:`~offramp_driver.errors.DmaTimeout` or :class:`~offramp_driver.errors.DmaError` when a transfer fails; their
        ``counters`` tell how far it came, the accelerator has been reset then, and the next call is right. So it is after Ctrl-C.
        """
        return self._classify(images, Timing())

    def _classify(self, images: npt.ArrayLike, timing: Timing) -> Results:
        transfer = self._open()
        batch = self._packing.batch(images)
        return Results.of(transfer.run(batch, timing) if len(batch) else transfer.nothing)

    def stream(self, frames: Iterable[npt.ArrayLike], *, batch: int = 64) -> Iterator[Result]:
        """A result for every image of ``frames``, in order, while they come: ``label``, ``exit``, ``confidence`` and ``cycles``, which is
        None where results have 32 bits.

        ``frames`` gives images one by one, or some at a time, each as :meth:`classify` takes them; its memory may be used again. They go in
        batches of ``batch`` images: the next one is collected while one is under way, so a result comes when up to ``2 * batch`` frames
        have been taken; ``batch=1`` answers soonest, larger ones are faster.

        What ``frames`` raises, and :class:`~offramp_driver.errors.InputError` for an image that is none, comes after the results of all
        images before. Other errors are those of :meth:`classify`. Whoever makes another call that sends images, resets or closes before the
        end ends the stream: :class:`~offramp_driver.errors.DriverError`. Left early, it is stopped, and what is inside forgotten.
        """
        if batch < 1:
            raise InputError(f"batch must be at least 1, not {batch}")
        self._open()
        return self._stream(frames, batch)

    def _stream(self, frames: Iterable[npt.ArrayLike], batch: int) -> Iterator[Result]:
        with closing(self._open().stream(map(self._packing.batch, frames), batch, Timing())) as parts:
            for found in parts:
                yield from Results.of(found)

    @property
    def thresholds(self) -> Thresholds:
        """Thresholds of all exits, readable and writable while it runs: ``acc.thresholds[0] = 700``, ``acc.thresholds.set_real(0, 0.9)``.
        See ``help(acc.thresholds)``."""
        self._open()
        return self._thresholds

    @property
    def enabled(self) -> Enabled:
        """Whether images may leave, exit by exit, readable and writable: ``acc.enabled[0] = False``."""
        self._open()
        return self._enabled

    @property
    def modes(self) -> Modes:
        """What exits do, readable and writable: ``acc.modes[0] = "all"``; ``"policy"``, ``"all"`` or ``"none"``."""
        self._open()
        return self._modes

    @property
    def counters(self) -> dict[str, Any]:
        """What the hardware has counted since it was opened, reset, or its counters cleared. All but ``cycles`` wrap at 32 bits.

        ``samples_in``, ``samples_out``: images that entered, results that left. ``cycles``: clock cycles. ``exits``: images that left, by
        exit. ``gates``: most frames that the buffer behind each early exit ever held. ``streams``: by name (``input``, ``gate0``, ...,
        ``exit0``, ..., ``output``) the cycles in which it was ``stall``ed and the most that its FIFO ever held, ``occupancy``.
        """
        self._open()
        return self._control.counters

    def clear_counters(self) -> None:
        """Set all counters to 0."""
        self._open()
        self._control.clear_counters()

    @property
    def status(self) -> dict[str, Any]:
        """``busy``: images are inside, or a reset goes on; ``in_flight``: how many. ``output_pending``: a result of before a reset is on
        offer. ``tlast_errors``: how often the stream's mark of an end was missing or misplaced (255: so often or more), ``bad_address``:
        an address without a register was read or written, both since the counters were cleared."""
        self._open()
        return self._control.status

    def reset(self) -> None:
        """Stop the DMA and forget every image inside. Thresholds, enables and modes stay; counters start again. Is done by itself after
        every error."""
        self._open().recover()

    def benchmark(self, images: npt.ArrayLike, repeat: int = 3) -> dict[str, Any]:
        """Measure how fast ``images`` are classified: ``repeat`` times all of them, of which the fastest counts, and once as many as go
        into one batch for the accelerator's own pace.

        Returns numbers by name: ``images``; ``repeat``; ``samples_per_second``, end to end; ``seconds`` for all, of which ``packing_s``,
        ``dma_s`` and ``unpacking_s`` (packing the next batch while the DMA carries one is not waiting for it, so ``dma_s`` is what Python
        waited); ``cycles_per_sample`` of a batch of ``batch`` images, from its start until Python sees its end;
        ``clock_mhz``, FCLK0 as it was when this was opened; ``accelerator_samples_per_second``, what that makes; ``exits``, the share of
        images that left at each.
        """
        if repeat < 1:
            raise InputError(f"repeat must be at least 1, not {repeat}")
        batch = self._packing.batch(images)
        if not len(batch):
            raise InputError("images must be at least one")
        size = min(len(batch), self._open().capacity)
        alone = Timing()
        self._classify(batch[:size], alone)
        best, timing, results = float("inf"), Timing(), None
        for _ in range(repeat):
            now = Timing()
            begun = time.perf_counter()
            found = self._classify(batch, now)
            seconds = time.perf_counter() - begun
            if seconds < best:
                best, timing, results = seconds, now, found
        assert results is not None
        cycles = alone.cycles / size
        counts = np.bincount(results.exit.astype(np.intp), minlength=len(self.manifest.exits))
        return {
            "images": len(batch), "repeat": repeat, "seconds": best, "samples_per_second": len(batch) / best,
            "packing_s": timing.packing, "dma_s": timing.waiting, "unpacking_s": timing.unpacking,
            "batch": size, "cycles_per_sample": cycles, "clock_mhz": self._clock_mhz,
            "accelerator_samples_per_second": self._clock_mhz * 1e6 / cycles,
            "exits": [int(count) / len(batch) for count in counts],
        }
