"""Carries out the proofs in :mod:`hw.proofs`."""

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hw.proofs import PROOFS, Harness, Proof
from sim.formal.model_checker import Model, ProofError, Run
from sim.tools.cache import scratch

__all__ = ["Counterexample", "ProofError", "ProofResult", "prove", "prove_all", "select", "units"]

TOGETHER = 2
"""Proofs that run at a time."""
SEARCHED = 6
"""Cycles that are searched before a proof for any number of cycles."""


@dataclass(frozen=True, kw_only=True)
class Counterexample:
    """A shortest run that breaks ``claim`` in ``cycle`` (0 is the first after configuration).

    ``trace`` shows it, a line for each port and a column for each cycle; ``vcd`` is the same with the unit's inner signals, if asked for.
    """

    claim: str
    cycle: int
    trace: str
    vcd: Path | None


@dataclass(frozen=True, kw_only=True)
class ProofResult:
    """What became of one proof, ``unit/variant``.

    ``depth``: cycles that were looked at; None when any number. ``reached`` gives the first cycle in which each cover can happen,
    ``unreached`` what can not happen though it should.
    """

    name: str
    unit: str
    variant: str
    text: str
    depth: int | None
    seconds: float
    claims: int
    reached: Mapping[str, int]
    unreached: tuple[str, ...]
    counterexample: Counterexample | None

    @property
    def passed(self) -> bool:
        """No run breaks a claim, and all that is of interest can happen."""
        return self.counterexample is None and not self.unreached


def prove(proof: Proof, harness: Harness | None = None, *, depth: int | None = None, vcd: Path | None = None) -> ProofResult:
    """Prove the claims of ``harness`` (default: the proof's own) for any number of cycles, or only for ``depth``.

    Also looks for each cover, and for a run that keeps all assumptions, in ``proof.depth`` cycles. ``vcd`` is a folder for the
    counterexample's waves. Raises :class:`ProofError` when a solver does not come to an answer: that is never a pass.
    """
    if depth is not None and depth < 1:
        raise ProofError(f"depth must be at least 1, not {depth}")
    harness = proof.harness() if harness is None else harness
    if not harness.claims or not harness.covers:
        raise ProofError(f"{proof.name} must have claims and covers, not {len(harness.claims)} and {len(harness.covers)}")
    began = time.monotonic()
    with scratch(Path(tempfile.gettempdir()), "offramp-prove-") as folder:
        try:
            model = Model(harness, folder)
            reached = dict(zip(harness.covers, model.reach(list(harness.covers), proof.depth), strict=True))
            unreached = [cover for cover, example in reached.items() if example is None]
            if not model.goes_on(proof.depth):
                unreached.append("a run that keeps all assumptions")
            run = model.break_a_claim(SEARCHED if depth is None else depth)
            if run is None and depth is None and not unreached and (cycles := model.prove(enumerate_states=proof.enumerated)) is not None:
                # An enumeration goes cycle by cycle, so what it finds is a shortest run.
                run = model.break_a_claim(cycles, known=cycles - 1 if proof.enumerated else 0)
                if run is None:
                    raise ProofError("the two solvers contradict each other")
            counterexample = None if run is None else _counterexample(proof, harness, run, folder / "run.vcd", vcd)
        except ProofError as error:
            raise ProofError(f"{proof.name} has no answer: {error}") from None
    return ProofResult(
        name=proof.name, unit=proof.unit, variant=proof.variant, text=proof.text, depth=depth, seconds=time.monotonic() - began,
        claims=len(harness.claims), reached={cover: max(example) for cover, example in reached.items() if example is not None},
        unreached=tuple(unreached), counterexample=counterexample,
    )


def prove_all(names: Iterable[str] | None = None, depth: int | None = None, *, vcd: Path | None = None,
              progress: Callable[[ProofResult], None] = lambda result: None) -> list[ProofResult]:
    """Carry out the proofs of ``names`` (as :func:`select` takes them), two at a time, and give the results in the order of ``PROOFS``.

    ``progress`` is called with each result, in that order. Raises :class:`ProofError` if one has no answer.
    """
    with ThreadPoolExecutor(TOGETHER) as pool:
        runs = [pool.submit(prove, proof, depth=depth, vcd=vcd) for proof in select(names)]
        try:
            for run in runs:
                progress(run.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [run.result() for run in runs]


def select(names: Iterable[str] | None = None) -> list[Proof]:
    """The proofs called ``unit`` or ``unit/variant``; all when there are no names. Raises :class:`ProofError` for an unknown one."""
    wanted = list(names or [])
    known = units()
    for name in wanted:
        if name not in PROOFS and name not in known:
            raise ProofError(f"there is no proof of {name!r}; there are {', '.join(known)}")
    return [proof for name, proof in PROOFS.items() if not wanted or name in wanted or proof.unit in wanted]


def units() -> dict[str, list[str]]:
    """The units of which there are proofs, in alphabetical order, each with its variants."""
    found: dict[str, list[str]] = {}
    for proof in PROOFS.values():
        found.setdefault(proof.unit, []).append(proof.variant)
    return dict(sorted(found.items()))


def _counterexample(proof: Proof, harness: Harness, run: Run, made: Path, folder: Path | None) -> Counterexample:
    last = max(run)
    broken = [name for name in harness.claims if run[last].get(f"claim_{name}") == "0"]
    if not broken:
        raise ProofError("the run that was found breaks no claim")
    target = None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{re.sub('[^a-z0-9]+', '-', proof.name)}.vcd"
        shutil.copyfile(made, target)
    return Counterexample(claim=", ".join(name.replace("_", " ") for name in broken), cycle=last, trace=_table(harness, run), vcd=target)


def _table(harness: Harness, run: Run) -> str:
    """A line for each port, a column for each cycle, values in hexadecimal."""
    rows = [name for name in harness.ports if name != "clk" and not name.startswith(("claim_", "cover_"))]
    lines = [["cycle", *(str(cycle) for cycle in sorted(run))]]
    lines += [[row, *(f"{int(run[cycle].get(row, '0'), 2):x}" for cycle in sorted(run))] for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))])
                     for line in lines)
