"""Golden against simulated results: every sample's class, exit and confidence, and that there is one result per sample."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from hw.netlist import ResultField
from sim.errors import AgreementError
from sim.golden import Decisions
from sim.result_word import saturate

__all__ = ["agree", "compare"]

Values = npt.NDArray[np.int64]


class Simulated(Protocol):
    """Per sample, in image order."""

    @property
    def label(self) -> Values: ...
    @property
    def exit(self) -> Values: ...
    @property
    def confidence(self) -> Values: ...
    @property
    def id(self) -> Values: ...


def agree(golden: Decisions, simulated: Simulated, *, confidence: ResultField, ids: Values) -> npt.NDArray[np.bool_]:
    """For every sample whether class, exit, id and confidence all match, bool ``[n]``.

    ``confidence`` is the field to whose range golden confidences are saturated; ``ids`` are the expected ids ``[n]``.
    """
    matches: npt.NDArray[np.bool_] = (golden.label == simulated.label) & (golden.exit == simulated.exit) & (ids == simulated.id)
    matches &= saturate(golden.confidence, confidence) == simulated.confidence
    return matches


def compare(golden: Decisions, simulated: Simulated, *, confidence: ResultField, ids: Values) -> None:
    """Raise :class:`AgreementError` with the first differing sample, its exit and the values, unless all of them match."""
    if len(golden) != len(simulated.label):
        raise AgreementError(f"{len(golden)} samples went through the golden model, {len(simulated.label)} through the simulation")
    matches = agree(golden, simulated, confidence=confidence, ids=ids)
    if matches.all():
        return
    first = int(np.argmin(matches))
    clamped = saturate(golden.confidence, confidence)
    pairs = (("exit", golden.exit, simulated.exit), ("class", golden.label, simulated.label), ("id", ids, simulated.id),
             ("confidence", clamped, simulated.confidence))
    wrong = ", ".join(f"{name} {int(there[first])} instead of {int(here[first])}"
                      for name, here, there in pairs if here[first] != there[first])
    raise AgreementError(f"{int((~matches).sum())} of {len(golden)} samples differ; the first is sample {first}, which should leave "
                         f"at exit {int(golden.exit[first])}: simulated {wrong}")
