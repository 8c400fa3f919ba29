"""Two solvers that come with Yosys: its own, which finds shortest runs up to a depth, and ABC, which proves for any number of cycles.

They read a circuit in different forms and search in different ways, so neither is believed on its own: a run that ABC finds must be found
by the other too, and what ABC proves was searched for a few cycles before.
"""

import importlib.util
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from amaranth.back import rtlil

from hw.proofs import Harness
from sim.errors import YosysError
from sim.tools.yosys import run_yosys

__all__ = ["Model", "ProofError", "Run"]

Run = Mapping[int, Mapping[str, str]]
"""A run: by cycle, from 0, the bits of each signal by its name."""

TIMEOUT = 1800.0
"""Seconds after which a solver is given up, which is an error."""
NODES = 5_000_000
"""The most nodes of the decision diagrams of an enumeration: more are no answer, an error too. The largest proof here takes 360 MB."""
FRAMES = 10_000
"""The most cycles to the farthest state of an enumeration: more are no answer."""

# Undefined bits (a memory read outside its rows) may be anything, so that no claim leans on them. Cleaned before it is optimised: what is
# left of the initial value of a register that was found constant else contradicts that of the next one to be found so, an error.
_PREPARE = ("hierarchy -check -top top", "proc", "flatten", "memory_collect", "memory_map", "setundef -anyseq", "async2sync", "dffunmap",
            "chformal -lower", "opt_clean", "opt")
_AND_GATES = ("formalff -clk2ff -ff2anyinit", "techmap", "opt -full", "aigmap", "opt_clean",
              "delete -output o:*", "write_aiger -zinit model.aig")
_ROW = re.compile(r"^ +(\d+) \\(\S+) +\S+ +\S+ +([01]+)$", re.MULTILINE)


class ProofError(RuntimeError):
    """A proof came to no answer, or there is no such proof: the message names it and says why."""


class Model:
    """The circuit of ``harness``, with files in ``folder``. Every method raises :class:`ProofError` when its solver gives no answer."""

    def __init__(self, harness: Harness, folder: Path) -> None:
        self.folder = folder
        self.harness = harness
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "harness.il").write_text(rtlil.convert(harness, ports=harness.ports, emit_src=False), encoding="utf-8")
        self._yosys([f"read_rtlil {folder / 'harness.il'}", *_PREPARE, "write_rtlil model.il", *_AND_GATES])

    def break_a_claim(self, depth: int, *, known: int = 0) -> Run | None:
        """A shortest run that breaks a claim in its last cycle, also written to ``run.vcd``; None when none of ``depth`` cycles does. That
        none of ``known`` cycles does is known already."""
        log = self._yosys(["read_rtlil model.il", f"sat -set-assumes -show-public -tempinduct-baseonly -maxsteps {depth} "
                           f"-tempinduct-skip {known} -prove-asserts -dump_vcd run.vcd"])
        return _run(log)

    def reach(self, covers: Sequence[str], depth: int) -> list[Run | None]:
        """For each of ``covers`` a shortest run that ends with it; None when none of ``depth`` cycles does."""
        log = self._yosys(["read_rtlil model.il", *(
            f"sat -set-assumes -show-ports -tempinduct-baseonly -maxsteps {depth} -prove cover_{name} 0" for name in covers)])
        sections = re.split(r"^\d+\. Executing SAT pass.*$", log, flags=re.MULTILINE)[1:]
        if len(sections) != len(covers):
            raise ProofError(f"{len(sections)} of {len(covers)} searches came to an end")
        return [_run(section) for section in sections]

    def goes_on(self, depth: int) -> bool:
        """There is a run of ``depth`` cycles that keeps all assumptions."""
        log = self._yosys(["read_rtlil model.il", f"sat -set-assumes -show-ports -seq {depth}"])
        found, none = "SAT solving finished - model found" in log, "SAT solving finished - no model found" in log
        if found == none:
            raise ProofError("the solver says neither that a run exists nor that none does")
        return found

    def prove(self, *, enumerate_states: bool = False) -> int | None:
        """None when no run of any length breaks a claim; else the number of cycles of one that does.

        By PDR, or by enumerating the states that can be reached, as binary decision diagrams (:attr:`hw.proofs.Proof.enumerated`).

        ABC first finds out which registers always have the same value (signal correspondence, by induction): PDR alone takes hours for a
        counter of 32 bits beside the one that a claim counts with. Where that leaves nothing to prove the solver says nothing, and is asked
        alone.
        """
        spec = importlib.util.find_spec("pyosys")
        if spec is None or spec.origin is None:
            raise ProofError("ABC is missing; get it with: pip install pyosys")
        solver = f"reach -B {NODES} -F {FRAMES}" if enumerate_states else "pdr"
        for commands in (f"scorr; {solver}", solver):
            try:
                ran = subprocess.run([Path(spec.origin).with_name("yosys-abc"), "-c", f"read_aiger model.aig; fold; strash; {commands}"],
                                     cwd=self.folder, capture_output=True, text=True, errors="replace", timeout=TIMEOUT, check=False)
            except subprocess.TimeoutExpired:
                raise ProofError(f"ABC took longer than {TIMEOUT:g} seconds") from None
            (self.folder / "abc.log").write_text(ran.stdout + ran.stderr, encoding="utf-8")
            broken = re.search(r"was asserted in frame (\d+)", ran.stdout)
            proved = "Property proved." in ran.stdout or "The miter is proved unreachable" in ran.stdout
            if ran.returncode == 0 and proved != (broken is not None):
                return None if broken is None else int(broken[1]) + 1
        raise ProofError("ABC says neither that the claims hold nor that they do not")

    def _yosys(self, commands: Sequence[str]) -> str:
        try:
            return run_yosys(commands, self.folder, timeout=TIMEOUT)
        except YosysError as error:
            raise ProofError(str(error)) from None


def _run(log: str) -> Run | None:
    none = "proved base case for" in log and "SUCCESS!" in log
    found = "model found for base case: FAIL!" in log
    if none == found:
        raise ProofError("the solver says neither that a run exists nor that none does")
    if none:
        return None
    steps: dict[int, dict[str, str]] = {}
    for step, name, bits in _ROW.findall(log):
        steps.setdefault(int(step) - 1, {})[name] = bits
    return steps
