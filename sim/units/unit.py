"""An exit-decision unit in plain numbers, samples for it, and what must come out by the golden model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.golden.policies import POLICIES, Score, Side

__all__ = ["MODES", "Expected", "Samples", "Unit", "expect", "score"]

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MODES = {"policy": 0, "always": 1, "never": 2}
"""The unit's run-time mode, as its port has it."""
CONFIDENCE_BITS = 16
CHUNK = 1 << 20
"""Logits that the golden model sees at once."""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A unit: ``classes`` logits of ``bits`` bits, ``pe`` a beat, ``policy`` with its constants and the integer ``threshold``.

    ``limits`` are the least and the greatest threshold (of ``class_threshold``: of the score it composes with). ``scale`` is the logits'
    unit: it only shapes what is drawn. ``bias`` is added to the logits.
    """

    name: str
    policy: str
    classes: int
    pe: int
    bits: int
    params: Mapping[str, Any]
    threshold: int
    limits: tuple[int, int]
    scale: float = 0.0123
    bias: tuple[int, ...] = ()

    @property
    def beats(self) -> int:
        """Beats of a sample."""
        return self.classes // self.pe

    @property
    def scoring(self) -> str:
        """The policy whose score is compared."""
        name: str = self.params["score"] if self.policy == "class_threshold" else self.policy
        return name

    @property
    def constants(self) -> Mapping[str, Any]:
        """The constants of that policy."""
        inner: Mapping[str, Any] = self.params.get("score_params", {}) if self.policy == "class_threshold" else self.params
        return inner

    @property
    def side(self) -> str | None:
        """The stream that brings one beat a sample beside the logits, if there is one."""
        return {"gate": "gate", "patience": None if self.constants.get("first") else "token_i"}.get(self.scoring)

    @property
    def gives_tokens(self) -> bool:
        """Whether samples that stay give a token."""
        return self.scoring == "patience"

    @property
    def label_bits(self) -> int:
        """Width of a label."""
        return (self.classes - 1).bit_length()

    def pack_token(self, ident: Integers, label: Integers, run: Integers) -> Integers:
        """Tokens as they are on the wire."""
        id_bits = int(self.constants["id_bits"])
        return (ident % (1 << id_bits)) | label << id_bits | run << (id_bits + self.label_bits)

    def fields(self, word: int) -> dict[str, int]:
        """What a result word says."""
        confidence = word >> (self.label_bits + 1) & 0xFFFF
        return {"label": word & ((1 << self.label_bits) - 1), "exit": word >> self.label_bits & 1,
                "confidence": confidence - (confidence >> 15 << 16)}


@dataclass(kw_only=True)
class Samples:
    """``n`` samples of a unit.

    Logits, as they are sent, are int32 ``[k, classes]`` ``head``, made for this unit, and then ``body``, which units of as many classes
    share. ``rules`` int64 ``[n, 3]``: threshold, enable and mode that hold for a sample. ``exact`` bool ``[n]``: its score is exactly its
    threshold. ``gate``, and ``label`` and ``run`` of the token that comes with it, int64 ``[n]``, where the unit has such a stream.
    ``class_thresholds`` int64 ``[m, 2]``: class and threshold, to be written before the first sample.
    """

    head: npt.NDArray[np.int32]
    body: npt.NDArray[np.int32]
    rules: Integers
    exact: Flags
    gate: Integers | None = None
    label: Integers | None = None
    run: Integers | None = None
    class_thresholds: Integers = field(default_factory=lambda: np.zeros((0, 2), np.int64))

    def __len__(self) -> int:
        return len(self.rules)

    def take(self, rows: Sequence[int] | Integers) -> Integers:
        """Logits of some samples, int64."""
        where = np.asarray(rows, np.int64)
        at = len(self.head)
        logits = np.empty((len(where), self.head.shape[1]), np.int64)
        logits[where < at] = self.head[where[where < at]]
        logits[where >= at] = self.body[where[where >= at] - at]
        return logits

    def chunks(self) -> Iterator[tuple[slice, Integers]]:
        """All logits, int64, in handy pieces, and which samples they are of."""
        size = max(1, CHUNK // self.head.shape[1])
        at = len(self.head)
        for part, first in ((self.head, 0), (self.body[: len(self) - at], at)):
            for start in range(0, len(part), size):
                rows = part[start : start + size].astype(np.int64)
                yield slice(first + start, first + start + len(rows)), rows

    def side(self, where: slice | Integers) -> Side:
        """What comes beside the logits of some samples."""
        return Side(gate=_at(self.gate, where), label=_at(self.label, where), run=_at(self.run, where))


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Result ``words`` int64 ``[n]``, packed as the unit's are; ``left`` bool ``[n]``; ``tokens`` int64 of those that stay, in order.

    ``seen`` counts what the samples cover: ``ties``, ``all_equal``, ``extreme``, ``first_class_wins``, ``last_class_wins``."""

    words: Integers
    left: Flags
    tokens: Integers
    seen: dict[str, int]


def _at(values: Integers | None, where: slice | Integers) -> Integers | None:
    return None if values is None else values[where]


def score(unit: Unit, logits: Integers, threshold: int | Integers, side: Side) -> Score:
    """Score and verdict of ``logits`` ``[n, classes]``, as they are sent, by the policy whose score is compared."""
    biased = logits + np.array(unit.bias, np.int64) if unit.bias else logits
    return POLICIES[unit.scoring](biased, threshold, unit.constants, side)


def expect(unit: Unit, samples: Samples) -> Expected:
    """What the golden model makes of ``samples``."""
    count = len(samples)
    words, label, run = (np.zeros(count, np.int64) for _ in range(3))
    left = np.zeros(count, np.bool_)
    seen = dict.fromkeys(("ties", "all_equal", "extreme", "first_class_wins", "last_class_wins"), 0)
    params = dict(unit.params)
    if unit.policy == "class_threshold":
        params["thresholds"] = list(params["thresholds"])
        for index, value in samples.class_thresholds.tolist():
            params["thresholds"][index] = value
    low, high = -(1 << (unit.bits - 1)), (1 << (unit.bits - 1)) - 1
    for where, sent in samples.chunks():
        logits = sent + np.array(unit.bias, np.int64) if unit.bias else sent
        found = POLICIES[unit.policy](logits, samples.rules[where, 0], params, samples.side(where))
        enable, mode = samples.rules[where, 1] == 1, samples.rules[where, 2]
        left[where] = enable & np.where(mode == MODES["policy"], found.leaves, mode == MODES["always"])
        best = logits.argmax(axis=1)
        # where no sample leaves nobody asks for the class
        label[where] = best * (unit.scoring != "never")
        confidence = np.clip(found.confidence, -(1 << (CONFIDENCE_BITS - 1)), (1 << (CONFIDENCE_BITS - 1)) - 1)
        words[where] = label[where] | left[where].astype(np.int64) << unit.label_bits | (
            (confidence & ((1 << CONFIDENCE_BITS) - 1)) << (unit.label_bits + 1))
        if found.run is not None:
            run[where] = found.run
        peaks = (logits == logits.max(axis=1, keepdims=True)).sum(axis=1)
        for name, flags in (("ties", peaks > 1), ("all_equal", peaks == unit.classes), ("first_class_wins", best == 0),
                            ("last_class_wins", best == unit.classes - 1), ("extreme", ((sent == low) | (sent == high)).any(axis=1))):
            seen[name] += int(flags.sum())
    tokens = unit.pack_token(np.arange(count), label, run)[~left] if unit.gives_tokens else np.zeros(0, np.int64)
    return Expected(words=words, left=left, tokens=tokens, seen=seen)
