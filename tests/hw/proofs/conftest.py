"""Units with a planted bug, made from their own source, that the proofs have to find."""

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from hw.proofs import PROOFS
from sim.formal.prove import ProofResult, prove


def mutant(unit: Any, old: str, new: str) -> Any:
    """A unit like ``unit`` whose module reads ``new`` where it read ``old``, once."""
    home, name = inspect.getmodule(type(unit)), type(unit).__name__
    source = inspect.getsource(home)
    assert source.count(old) == 1, f"{old!r} is there {source.count(old)} times"
    planted = ModuleType("planted")
    exec(compile(source.replace(old, new), f"<planted: {new}>", "exec"), planted.__dict__)
    unit.__class__ = getattr(planted, name)
    # What else is in there (an enumeration, say) stays the one that the unit was made with.
    planted.__dict__.update({other: value for other, value in vars(home).items() if other != name})
    return unit


@pytest.fixture(scope="session")
def find() -> Callable[..., ProofResult]:
    """``find(proof, old, new)``: what becomes of the proof of a unit with that bug, or with the bug in its ``part``."""

    def find(name: str, old: str, new: str, part: Callable[[Any], Any] = lambda unit: unit) -> ProofResult:
        proof = PROOFS[name]
        unit = proof.make()
        mutant(part(unit), old, new)
        return prove(proof, proof.harness(unit))

    return find
