"""What runs on a simulated board in a storm: the package's own driver, interrupted at any access while memory answers by errors.

``python board_storm_program.py PLAN.json``; ``pynq`` is that of the simulated board. The plan names ``package`` (folder), ``bit`` (file in
it), ``pool`` (.npz: ``images`` and what each ``label``, ``exit`` and ``confidence`` must be), ``count`` of images to be answered and a
``seed``. Says in one line of JSON what became of all images.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pynq

MOST = 60
"""Images in a call."""
ACCESSES = 4, 9
"""Within 2 to the power of these so many accesses to registers an interruption comes: soon after the start, or anywhere in a batch."""
TIMEOUT = 2e-3
"""Seconds of the accelerator's clock that a batch may take, some hundred times as long as it does: nothing here may end that way."""
NOWHERE = 0x4100_0000
"""An address of port GP0 at which the design has nothing: it answers by an error, which kills a program."""


class Interruptions:
    """Ctrl-C, between two accesses to registers: after as many as :meth:`arm` was told, one for each of its numbers."""

    def __init__(self) -> None:
        self.left: list[int] = []
        self.came = 0
        for name in ("read", "write"):
            setattr(pynq.MMIO, name, self.wrapped(getattr(pynq.MMIO, name)))

    def wrapped(self, access: Any) -> Any:
        def counted(*words: Any, **named: Any) -> Any:
            if self.left:
                self.left[0] -= 1
                if self.left[0] < 0:
                    del self.left[0]
                    self.came += 1
                    raise KeyboardInterrupt
            return access(*words, **named)

        return counted

    def arm(self, accesses: list[int]) -> None:
        self.left = accesses


def storm(driver: Any, bit: Path, pool: Any, count: int, seed: int) -> dict[str, Any]:
    """Calls of the driver until ``count`` images are answered; how many of what, and ``reasons`` of the first that was wrong."""
    draw, ctrl_c = random.Random(seed), Interruptions()
    told: dict[str, Any] = {"answered": 0, "wrong": 0, "forgotten": 0, "errors": 0, "refused": 0, "reasons": []}
    wanted = {name: pool[name] for name in ("label", "exit", "confidence")}
    with driver.Accelerator(bit, timeout=TIMEOUT, buffer_bytes=draw.choice([1 << 10, 1 << 11, 1 << 16])) as acc:
        nowhere = pynq.MMIO(NOWHERE, 64)
        while told["answered"] < count:
            chosen = [draw.randrange(len(pool["images"])) for _ in range(draw.randint(1, MOST))]
            times = draw.choice([0, 0, 1, 1, 2])
            ctrl_c.arm([draw.randrange(1 << draw.randint(*ACCESSES)) for _ in range(times)])
            try:
                if draw.random() < 0.05:
                    try:
                        nowhere.read(0)
                    except Exception as error:  # pynq's is SIGBUS
                        if "BusError" not in type(error).__name__:
                            raise
                        told["refused"] += 1
                found = acc.classify(pool["images"][chosen])
            except KeyboardInterrupt:
                told["forgotten"] += len(chosen)
                continue
            except driver.DmaError as error:
                if "memory answered" not in str(error) and "no memory at an address" not in str(error):
                    raise
                told["errors"] += 1
                told["forgotten"] += len(chosen)
                continue
            finally:
                ctrl_c.arm([])
            right = np.ones(len(chosen), np.bool_)
            for name, values in wanted.items():
                right &= getattr(found, name) == values[chosen]
            told["answered"] += len(chosen)
            told["wrong"] += int((~right).sum())
            if not right.all() and len(told["reasons"]) < 3:
                told["reasons"].append(f"seed {seed}: after {told['answered']} images image {chosen[int(np.argmin(right))]} of the pool")
        told["counted"] = acc.counters["samples_out"]
    return {**told, "interruptions": ctrl_c.came}


def main(plan: Path) -> None:
    """Carry out the plan; an error is a traceback and an exit code of 1."""
    chosen = json.loads(plan.read_text(encoding="utf-8"))
    sys.path.insert(0, chosen["package"])
    import offramp_driver as driver

    with np.load(chosen["pool"], allow_pickle=False) as file:
        pool = {name: file[name] for name in file.files}
    print(json.dumps(storm(driver, Path(chosen["package"]) / chosen["bit"], pool, chosen["count"], chosen["seed"])), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
