"""Answers of every exit that a sample passes, of accelerators that give them (``netlist.anytime``): which word is of which sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hw.netlist import ResultField
from sim.errors import AgreementError, SimulationError
from sim.golden import Answers
from sim.result_word import saturate

__all__ = ["Provisional", "compare_answers", "owners", "provisional"]

Values = npt.NDArray[np.int64]
COLUMNS = ("label", "confidence", "latency", "cycle_out")


@dataclass(frozen=True, kw_only=True)
class Provisional:
    """What exits said of samples that then went on: int64 ``[n, exits - 1]``, by sample and exit; all are -1 where ``answered`` (bool, of
    the same shape) is false: the sample had left, or left there. ``latency`` is the word's ``cycles`` (0 where it has none)."""

    answered: npt.NDArray[np.bool_]
    label: Values
    confidence: Values
    latency: Values
    cycle_out: Values

    def rows(self) -> list[list[dict[str, int]]]:
        """By sample, what ``sim.json`` holds of it: an object for each exit that it passed."""
        columns = {"label": self.label, "confidence": self.confidence, "cycle_out": self.cycle_out}
        return [[{"exit": int(k), **{name: int(values[sample, k]) for name, values in columns.items()}} for k in np.flatnonzero(said)]
                for sample, said in enumerate(self.answered)]


def owners(ids: Sequence[int], exits: Sequence[int], final: Sequence[bool], last: Sequence[bool]) -> Values:
    """For every result word, in order of arrival, the number of the final word (counted from 0) of its sample, int64 ``[words]``.

    A sample's id is given to no other before its final word has left, so a word belongs to the next final one with its id. Raises
    :class:`SimulationError` unless the words of each sample come of exits 0, 1, ... up to the final one, in this order and in its batch.
    """
    found = np.zeros(len(ids), np.int64)
    said: dict[int, list[int]] = {}
    done = 0
    for word, (id_, exit_, is_final, is_last) in enumerate(zip(ids, exits, final, last, strict=True)):
        words = said.setdefault(id_, [])
        if exit_ != len(words):
            raise SimulationError(f"result word {word}, of id {id_}: exit {exit_} answered where exit {len(words)} was to be next")
        words.append(word)
        if is_final:
            found[said.pop(id_)] = done
            done += 1
        if is_last and said:
            raise SimulationError(f"result word {word} ends its batch, and id {min(said)} has had no final result")
    if said:
        raise SimulationError(f"id {min(said)} has had no final result")
    return found


def provisional(fields: Mapping[str, Values], sample: Values, cycle: Values, *, count: int, exits: int) -> Provisional:
    """The words that are not final, put in their places: ``fields``, ``sample`` and ``cycle`` (when it came) are of these words alone, of
    ``count`` samples."""
    shape, places = (count, exits - 1), (sample, fields["exit"])
    answered = np.zeros(shape, np.bool_)
    answered[places] = True
    values = {"label": fields["label"], "confidence": fields["confidence"], "latency": fields.get("cycles", np.zeros_like(cycle)),
              "cycle_out": cycle}
    columns = {name: np.full(shape, -1, np.int64) for name in COLUMNS}
    for name, column in columns.items():
        column[places] = values[name]
    return Provisional(answered=answered, **columns)


def compare_answers(golden: Answers, taken: Values, found: Provisional | Any, *, confidence: ResultField) -> None:
    """Raise :class:`AgreementError` with the first sample and exit that differ, unless every sample was answered by all exits before
    ``taken`` (int64 ``[n]``, where it leaves), with class and confidence of ``golden``, and by no other."""
    early = golden.label.shape[1] - 1
    due = taken[:, None] > np.arange(early)
    clamped = saturate(golden.confidence, confidence)
    label, score = golden.label[:, :early], clamped[:, :early]
    wrong = (due != found.answered) | (due & ((label != found.label) | (score != found.confidence)))
    if not wrong.any():
        return
    sample, k = (int(item) for item in np.argwhere(wrong)[0])
    if due[sample, k] != found.answered[sample, k]:
        told = "gave no answer" if due[sample, k] else "answered, though the sample does not pass it"
    else:
        told = ", ".join(f"{name} {int(there[sample, k])} instead of {int(here[sample, k])}" for name, here, there in (
            ("class", label, found.label), ("confidence", score, found.confidence)) if here[sample, k] != there[sample, k])
    raise AgreementError(f"{int(wrong.any(axis=1).sum())} of {len(taken)} samples differ in what exits say before they leave; the first is "
                         f"sample {sample}, exit {k}: {told}")
