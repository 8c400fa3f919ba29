"""How fast is the accelerator on this board, and where does the time go?

Classifies the test images of samples.npz, repeated to as many as wanted, and prints images a second end to end, the accelerator's own pace,
where images leave, and the time that Python takes for packing, waiting for the DMA, and unpacking. Run it as root: see README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# As root it would leave files here that nobody else may remove.
sys.dont_write_bytecode = True

from offramp_driver import Accelerator, DriverError  # noqa: E402

HERE = Path(__file__).resolve().parent


def main(words: Sequence[str] | None = None) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(description="Measure how fast images are classified, and where the time goes.")
    parser.add_argument("--bit", type=Path, metavar="FILE", help="bitstream; that beside this file when not given")
    parser.add_argument("--images", type=int, metavar="N", default=10_000, help="images to classify at a time (%(default)s)")
    parser.add_argument("--repeat", type=int, metavar="R", default=3, help="how often; the fastest counts (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(words)
    if chosen.images < 1:
        parser.error(f"--images must be at least 1, not {chosen.images}")
    if chosen.repeat < 1:
        parser.error(f"--repeat must be at least 1, not {chosen.repeat}")
    # Login shells of a PYNQ image set it, sudo drops it, and without it pynq finds no device.
    os.environ.setdefault("XILINX_XRT", "/usr")
    try:
        found = measure(chosen.bit, chosen.images, chosen.repeat)
    except (DriverError, FileNotFoundError) as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 1
    if chosen.json:
        print(json.dumps(found, sort_keys=True))
    else:
        show(found)
    return 0


def measure(bit: Path | None, images: int, repeat: int) -> dict[str, Any]:
    """What ``Accelerator.benchmark`` tells of so many images, with ``name`` and ``build``."""
    bits = sorted(HERE.glob("*.bit")) if bit is None else [bit]
    if len(bits) != 1:
        raise FileNotFoundError(f"there must be one .bit file in {HERE}, not {len(bits)}: name it with --bit")
    with np.load(HERE / "samples.npz", allow_pickle=False) as archive:
        some = archive["images"]
    many = some[np.arange(images) % len(some)]
    with Accelerator(bits[0]) as acc:
        return {**acc.benchmark(many, repeat), "name": acc.manifest.name, "build": acc.manifest.build}


def show(found: Mapping[str, Any]) -> None:
    """Print ``found`` for a person."""
    each = 1e6 / found["images"]
    rows = [
        ("images", f"{found['images']:,}, the fastest of {found['repeat']} times"),
        ("images a second", f"{found['samples_per_second']:,.0f} end to end"),
        ("accelerator alone", f"{found['accelerator_samples_per_second']:,.0f} a second: {found['cycles_per_sample']:,.1f} cycles an image "
                              f"at {found['clock_mhz']:g} MHz, over a batch of {found['batch']:,}"),
        ("packing", f"{found['packing_s'] * each:.2f} us an image"),
        ("waiting for the DMA", f"{found['dma_s'] * each:.2f} us an image"),
        ("unpacking", f"{found['unpacking_s'] * each:.2f} us an image"),
        *((f"leave at exit {k}", f"{100 * share:.1f} %") for k, share in enumerate(found["exits"])),
    ]
    for name, text in rows:
        print(f"{name:20} {text}")


if __name__ == "__main__":
    sys.exit(main())
