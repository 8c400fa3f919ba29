"""Simulates images through a whole accelerator and says what came out, when, and what it cost in cycles."""

import hashlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hw.netlist import Netlist
from sim.accelerator.bench import AcceleratorBench
from sim.accelerator.parts import Parts
from sim.accelerator.protocol import entry_words
from sim.accelerator.result import SimResult, StageUse, StreamUse, assemble
from sim.accelerator.scenario import Read, Reset, Results, Send, Sent, Stall, Step, Write
from sim.errors import SimulationError
from sim.tools.cocotb_process import Cancel, Progress

__all__ = ["SimResult", "StageUse", "StreamUse", "expected_ids", "simulate"]

BATCH = 1000
"""Images in a batch unless the caller says otherwise: an interrupted run is taken up at a batch's start."""

LONGEST = (1 << 32) - 1
"""The bench counts idle cycles in 32 bits."""


def expected_ids(batches: Sequence[int], id_bits: int) -> npt.NDArray[np.int64]:
    """The id every image must get, int64 ``[n]``: its place in its batch, modulo ``2**id_bits``."""
    return np.concatenate([np.arange(length) for length in batches]).astype(np.int64) % (1 << id_bits)


def _split(length: int, batches: Sequence[int] | None) -> list[int]:
    if batches is None:
        batches = [min(BATCH, length - start) for start in range(0, length, BATCH)]
    if any(item < 1 for item in batches) or sum(batches) != length:
        raise ValueError(f"batches must be positive and add up to {length} images, not {list(batches)}")
    return list(batches)


def _steps(batches: Sequence[int], words: int, held: int, writes: Mapping[str, int], stall: Stall) -> list[Step]:
    steps: list[Step] = [Reset(), stall, *(Write(name, value) for name, value in writes.items())]
    first = awaited = 0
    # batches of one length follow each other without a gap; another length has to be written between two of them
    for length, run in groupby(batches):
        if words <= held and first:
            # the last image may be taken as a whole and not have entered, and the length is taken over when it does
            steps.append(Results(first - awaited))
            awaited = first
        count = length * len(list(run))
        steps += [Write("BATCH_LENGTH", length), Send(first, count * words), Sent()]
        first += count
    return [*steps, Results(first - awaited), Read()]


def _contents(folder: Path) -> dict[str, str]:
    """Digests of all files in ``folder``: the model reads weights and thresholds from there when it starts."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class _Total:
    """Adds up the progress of several processes."""

    def __init__(self, tell: Progress | None, done: int) -> None:
        self._tell = tell
        self._done = done
        self._states: dict[int, Mapping[str, Any]] = {}
        self._lock = threading.Lock()

    def share(self, index: int) -> Progress:
        def progress(state: Mapping[str, Any]) -> None:
            with self._lock:
                self._states[index] = state
                if self._tell is not None:
                    total = {name: sum(item[name] for item in self._states.values()) for name in state}
                    self._tell(total | {"results": total["results"] + self._done, "images_in": total["images_in"] + self._done})

        return progress


def simulate(
    netlist: Netlist, rtl: Path, images: npt.NDArray[np.uint8], *, work: Path, cache: Path, stall_in: float = 0.0, stall_out: float = 0.0,
    seed: int = 1, batches: Sequence[int] | None = None, writes: Mapping[str, int] | None = None, waves: Path | None = None,
    idle_limit: int | None = None, optimise: str = "O1", jobs: int = 2, resume: bool = True, progress: Progress | None = None,
    tick: int = 250_000,
) -> SimResult:
    """Send ``images`` (uint8 ``[n, h, w, c]``, at least one) through the accelerator of ``netlist``, whose Verilog is in ``rtl``.

    ``stall_in`` and ``stall_out`` (0 to below 1) are the shares of cycles that source and sink sit out at random, drawn from ``seed``.
    ``batches`` are batch lengths that add up to ``n``, 1000 each unless given; one after another without waiting. Four batches and more
    are shared out to up to ``jobs`` processes, each with an accelerator of its own that gets consecutive batches. ``writes`` are registers
    to set before. ``waves`` gets an FST file, of one process. Files of the run go to ``work``, built models to ``cache``. After an
    interruption (a kill too), the same call goes on at the first batch that was not finished, unless ``resume`` is off.

    ``progress`` is told ``results``, ``images_in`` and ``cycle``, added up, every ``tick`` cycles. Raises what
    :class:`AcceleratorBench` raises, and :class:`sim.errors.SimulationError` for results that are lost, doubled or mixed up.
    """
    if not len(images):
        raise ValueError("images must be at least one, not 0")
    for name, value in (("stall_in", stall_in), ("stall_out", stall_out)):
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be from 0 to below 1, not {value}")
    lengths = _split(len(images), batches)
    bench = AcceleratorBench(netlist, rtl, cache, trace=waves is not None, optimise=optimise)
    writes = dict(writes or {})
    key = hashlib.sha256(json.dumps([str(bench.model.parent.name), _contents(rtl), images.shape, lengths, stall_in, stall_out, seed, writes,
                                     jobs]).encode() + np.ascontiguousarray(images).tobytes()).hexdigest()
    limit = min(LONGEST, round(bench.idle_limit / ((1 - stall_in) * (1 - stall_out)))) if idle_limit is None else idle_limit
    stall = Stall(stall_in, stall_out)
    processes = 1 if waves is not None else max(1, min(jobs, len(lengths) // 2))
    shares = [part.tolist() for part in np.array_split(np.array(lengths), processes)]
    folders = [work if processes == 1 else work / f"process{index}" for index in range(processes)]
    parts = [Parts(folders[index], f"{key}-{index}", share if resume else [], bench.final) for index, share in enumerate(shares)]
    resumed = any(part.done for part in parts)
    total = _Total(progress, sum(sum(share[: part.done]) for share, part in zip(shares, parts, strict=True)))
    cancel = Cancel()
    failures: list[BaseException] = []

    def one(index: int) -> None:
        share, part = shares[index], parts[index]
        rest = share[part.done :]
        if not rest:
            return
        first = sum(sum(other) for other in shares[:index]) + sum(share[: part.done])
        try:
            part.traces.append(bench.run(
                images[first : first + sum(rest)], _steps(rest, bench.image_words, entry_words(netlist), writes, stall),
                work=folders[index], seed=seed + index, waves=waves, idle_limit=limit, tick=tick, progress=total.share(index),
                cancel=cancel))
        except BaseException as error:
            part.keep()
            failures.append(error)
            cancel.fire()

    started = time.perf_counter()
    with ThreadPoolExecutor(processes) as pool:
        tasks = [pool.submit(one, index) for index in range(processes)]
        try:
            for task in tasks:
                task.result()
        except BaseException:
            cancel.fire()
            raise
    if failures:
        # the first one; the others were cancelled because of it
        raise failures[0]
    traces = [trace for part in parts for trace in part.traces]
    # one process times itself from inside: starting it is no part of the simulation
    ran = [trace for trace in traces if trace.cycles]
    seconds = ran[0].seconds if len(ran) == 1 else time.perf_counter() - started if ran else 0.0
    try:
        result = assemble(netlist, lengths, traces, seconds=seconds, resumed=resumed)
    except SimulationError:
        # No other run is to go on from records that make no whole.
        for part in parts:
            part.finish()
        raise
    for part in parts:
        part.finish()
    return result
