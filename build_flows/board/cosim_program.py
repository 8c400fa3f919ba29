"""What co-simulation runs in the place of a board's program: the package's own driver, as it lies in the package, on every test image.

``python cosim_program.py PLAN.json``. The plan names ``package`` (folder), ``bit`` (file in it), ``images`` (.npz with ``images``),
``results`` (.npz to write) and ``case``; ``pynq`` is that of the simulated board. Says how far it is in JSON, one object a line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SLICE = 500
"""Images between two reports of progress."""
RESET_CYCLES = 50_000
"""Cycles that the driver waits for a port that never answers. On a board it waits 20 times as long, which there is 10 ms, and here would be
most of the co-simulation."""
BATCHES = 4
"""Batches that a slice is sent in, so that packing one while the DMA carries another is seen too."""

Images = npt.NDArray[Any]


def _say(**told: Any) -> None:
    print(json.dumps(told), flush=True)


def _small(acc: Any) -> int:
    """Bytes of a buffer such that a slice takes several batches."""
    words = acc.manifest.input.words * acc.manifest.input.bus_bits // 8
    return int(-(-SLICE // BATCHES) * words)


def classify(driver: Any, bit: Path, images: Images, results: Path) -> None:
    """All images, slice by slice, into ``results``; then the pace of the accelerator behind the DMA, over one batch."""
    with driver.Accelerator(bit) as acc:
        small = _small(acc)
        parts = []
        again = driver.Accelerator(bit, download=False, buffer_bytes=small)
        with again:
            for start in range(0, len(images), SLICE):
                parts.append(again.classify(images[start : start + SLICE]))
                _say(done=start + len(parts[-1]))
            counters = again.counters
        found = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("label", "exit", "confidence")}
        if parts[0].cycles is not None:
            found["cycles"] = np.concatenate([part.cycles for part in parts])
        with results.open("wb") as file:
            np.savez(file, allow_pickle=False, **found)
        pace = driver.Accelerator(bit, download=False)
        with pace:
            figures = pace.benchmark(images[:SLICE], repeat=1)
    _say(counters=counters, benchmark=figures)


def _expect(kind: type[BaseException], work: Callable[[], object]) -> Any:
    try:
        work()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


def fail_and_recover(driver: Any, bit: Path, images: Images, results: Path) -> None:
    """A transfer that goes wrong is told with counters, and the same images are right afterwards: into ``results``."""
    with driver.Accelerator(bit) as probe:
        cycles = 50_000 + 8 * len(images) * probe.manifest.cycles_all_hard
        seconds = cycles / (probe.manifest.clock_mhz * 1e6)
    with driver.Accelerator(bit, download=False, timeout=seconds) as acc:
        error = _expect(driver.DmaError, lambda: acc.classify(images))
        _say(error=str(error), counters=error.counters)
        if any(acc.status.values()):
            raise AssertionError(f"after the recovery the accelerator is not idle: {acc.status}")
        found = acc.classify(images)
    with results.open("wb") as file:
        np.savez(file, allow_pickle=False, label=found.label, exit=found.exit, confidence=found.confidence)


def fail_for_good(driver: Any, bit: Path, images: Images, results: Path) -> None:
    """A port at which memory does not answer any more is told as what it is, in bounded time; nothing mends it but a new start."""
    driver.transfer.RESET_CYCLES = min(RESET_CYCLES, driver.transfer.RESET_CYCLES)
    with driver.Accelerator(bit) as probe:
        seconds = (50_000 + 8 * len(images) * probe.manifest.cycles_all_hard) / (probe.manifest.clock_mhz * 1e6)
    acc = driver.Accelerator(bit, download=False, timeout=seconds)
    error = _expect(driver.DmaError, lambda: acc.classify(images))
    _say(error=str(error), counters=error.counters)
    _expect(driver.DmaError, acc.close)


def refuse(driver: Any, bit: Path, images: Images, results: Path) -> None:
    """Hardware of another version is refused before any image is sent."""
    error = _expect(driver.MismatchError, lambda: driver.Accelerator(bit))
    _say(error=str(error))


CASES: dict[str, Callable[[Any, Path, Images, Path], None]] = {
    "classify": classify, "fail_and_recover": fail_and_recover, "fail_for_good": fail_for_good, "refuse": refuse,
}


def main(plan: Path) -> None:
    """Carry out the plan; an error is a traceback and an exit code of 1."""
    chosen = json.loads(plan.read_text(encoding="utf-8"))
    package = Path(chosen["package"])
    # The driver that goes onto the board, not the one installed here.
    sys.path.insert(0, str(package))
    import offramp_driver as driver

    if Path(driver.__file__).resolve().parent.parent != package.resolve():
        raise AssertionError(f"the driver must be that of {package}, not {driver.__file__}")
    with np.load(chosen["images"], allow_pickle=False) as file:
        images = file["images"]
    CASES[chosen["case"]](driver, package / chosen["bit"], images, Path(chosen["results"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
