"""Does the accelerator do on this board what it should?

Loads the bitstream beside this file, classifies the test images of samples.npz, and compares label, exit and confidence of every one with
those of the golden model; then it checks the counters, and moves every early exit's threshold to both ends of its range and back.
The exit code is 0 only when all agrees. Run it as root, as everything that uses pynq: see README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

# As root it would leave files here that nobody else may remove.
sys.dont_write_bytecode = True

from offramp_driver import Accelerator, DriverError, Results  # noqa: E402

HERE = Path(__file__).resolve().parent
SHOWN = 5
"""Images that are named when more differ."""

Samples = Mapping[str, npt.NDArray[Any]]


def main(words: Sequence[str] | None = None) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(description="Classify the test images, compare every result, and check counters and thresholds.")
    parser.add_argument("--bit", type=Path, metavar="FILE", help="bitstream; that beside this file when not given")
    parser.add_argument("--samples", type=Path, metavar="FILE", default=HERE / "samples.npz", help="test images and what must come out")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(words)
    # Login shells of a PYNQ image set it, sudo drops it, and without it pynq finds no device.
    os.environ.setdefault("XILINX_XRT", "/usr")
    found = run(chosen.bit, chosen.samples)
    if chosen.json:
        print(json.dumps(found, sort_keys=True))
    else:
        show(found)
    return 0 if found["ok"] else 1


def run(bit: Path | None, samples: Path) -> dict[str, Any]:
    """The whole test; whatever goes wrong is told under ``errors``."""
    found: dict[str, Any] = {
        "ok": False, "samples": 0, "agree": 0, "build": None, "board": None, "name": None, "python": platform.python_version(),
        "numpy": np.__version__, "errors": [],
    }
    errors: list[str] = found["errors"]
    try:
        wanted = load_samples(samples)
        found["samples"] = len(wanted["images"])
        with Accelerator(find_bitfile(HERE) if bit is None else bit) as acc:
            manifest = acc.manifest
            found.update(build=manifest.build, board=manifest.board, name=manifest.name)
            acc.clear_counters()
            results = acc.classify(wanted["images"])
            right = agreeing(results, wanted)
            found["agree"] = int(right.sum())
            errors += differences(results, wanted, right)
            errors += check_counters(acc, results)
            errors += check_thresholds(acc, wanted["images"], results)
    except (DriverError, FileNotFoundError) as error:
        errors.append(str(error))
    except Exception as error:  # pynq raises what it likes
        traceback.print_exc()
        errors.append(f"{type(error).__name__}: {error}")
    found["ok"] = not errors
    return found


def find_bitfile(folder: Path) -> Path:
    """The one .bit file in ``folder``; raises FileNotFoundError when there is none, or more than one."""
    found = sorted(folder.glob("*.bit"))
    if len(found) != 1:
        raise FileNotFoundError(f"there must be one .bit file in {folder}, not {len(found)}: name it with --bit")
    return found[0]


def load_samples(path: Path) -> dict[str, npt.NDArray[Any]]:
    """What samples.npz holds: ``images``, ``labels``, and the golden model's ``expected_label``, ``_exit`` and ``_confidence``."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in ("images", "labels", "expected_label", "expected_exit", "expected_confidence")}


def agreeing(results: Results, wanted: Samples) -> npt.NDArray[np.bool_]:
    """For every image whether label, exit and confidence are the golden model's."""
    right = np.ones(len(results), np.bool_)
    for name in ("label", "exit", "confidence"):
        right &= getattr(results, name) == wanted[f"expected_{name}"]
    return right


def differences(results: Results, wanted: Samples, right: npt.NDArray[np.bool_]) -> list[str]:
    """A line for each of the first images that differ, and one for how many more there are."""
    wrong = np.flatnonzero(~right)
    lines = []
    for index in wrong[:SHOWN]:
        pairs = [(name, int(getattr(results, name)[index]), int(wanted[f"expected_{name}"][index]))
                 for name in ("label", "exit", "confidence")]
        told = ", ".join(f"{name} {found} instead of {expected}" for name, found, expected in pairs if found != expected)
        lines.append(f"image {index}: {told}")
    if len(wrong) > SHOWN:
        lines.append(f"and {len(wrong) - SHOWN} more of {len(right)} images differ")
    return lines


def check_counters(acc: Accelerator, results: Results) -> list[str]:
    """What the hardware counted against what came out."""
    counters = acc.counters
    left = np.bincount(results.exit, minlength=len(acc.manifest.exits)).tolist()
    checks = [("samples_in", len(results)), ("samples_out", len(results)), ("exits", left)]
    lines = [f"counter {name} reads {counters[name]}, and {expected} were expected"
             for name, expected in checks if counters[name] != expected]
    if any(acc.status.values()):
        lines.append(f"images are still inside after all results came: {acc.status}")
    return lines


def check_thresholds(acc: Accelerator, images: npt.NDArray[Any], before: Results) -> list[str]:
    """At one end of a threshold's range no image may leave at its exit, at the other all must that get there."""
    lines = []
    early = [k for k, item in enumerate(acc.manifest.exits[:-1]) if item.threshold_range is not None and item.enabled]
    for k in early:
        reached = int((before.exit >= k).sum())
        left = []
        for end in acc.thresholds.range(k):
            acc.thresholds[k] = end
            read = acc.thresholds[k]
            if read != end and read != [end] * acc.manifest.exits[k].classes:
                lines.append(f"threshold of exit {k}: {end} was written, and {read} is read")
            left.append(int((acc.classify(images).exit == k).sum()))
        acc.thresholds.restore()
        if sorted(left) != [0, reached]:
            lines.append(f"threshold of exit {k} at the ends of its range: {left[0]} and {left[1]} images left there, "
                         f"not none and {reached}")
    if early:
        after = acc.classify(images)
        if not (np.array_equal(after.label, before.label) and np.array_equal(after.exit, before.exit)):
            lines.append("with the thresholds put back, results are not those of before")
    return lines


def show(found: Mapping[str, Any]) -> None:
    """Print ``found`` for a person."""
    build = "-" if found["build"] is None else f"{found['build']:08x}"
    for name, value in (("network", found["name"] or "-"), ("build", build), ("board", found["board"] or "-"), ("python", found["python"]),
                        ("numpy", found["numpy"]), ("images", found["samples"]), ("agree", found["agree"])):
        print(f"{name:8} {value}")
    for line in found["errors"]:
        print(f"  {line}")
    print("all is well" if found["ok"] else "FAILED: README.md says what to do")


if __name__ == "__main__":
    sys.exit(main())
