"""Golden vectors of one unit: samples, what the host writes between them, and what must come out by the golden model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from hw.exits.unit import CONFIDENCE_BITS, RESULT_FIELDS, ExitUnit
from quant_models.exits.policies import POLICIES as TABLE
from sim.golden.policies import POLICIES as GOLDEN
from sim.golden.policies import Side
from sim.units.cases import corners, draw_body

__all__ = ["Rule", "Vectors", "Write", "draw"]

Integers = npt.NDArray[np.int64]

_LOGITS = 40_000
"""About how many logits the vectors hold, when there are few classes."""
_MODES = [(0, 0)] * 3 + [(1, 1)] * 3 + [(0, 1)] + [(1, 2)] * 3 + [(1, 3)] * 2
"""Enable and mode of some samples at the end."""
_FAR = (-(1 << 31), (1 << 31) - 1)
"""Thresholds as far out as a register can hold them."""
_LSB = {item.name: item.lsb for item in RESULT_FIELDS}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What holds for a sample: ``threshold``, or those of the ``classes``, and enable and mode."""

    threshold: int = 0
    classes: tuple[int, ...] = ()
    enable: int = 1
    mode: int = 0


@dataclass(frozen=True)
class Write:
    """Before sample ``at``, ``name`` (``threshold``, ``enable``, ``mode`` or ``class_value``) becomes ``value``; of class ``index``."""

    at: int
    name: str
    value: int
    index: int = 0


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """int64 ``logits`` ``[n, classes]`` as they are sent, ``gate`` or packed ``tokens`` ``[n]`` that come beside them, the host's
    ``writes`` (the last ones restore what was there at first), ``results`` ``[n]`` as words, and the packed tokens that are ``given``."""

    logits: Integers
    gate: Integers | None
    tokens: Integers | None
    writes: list[Write]
    results: Integers
    given: list[int]

    def __len__(self) -> int:
        return len(self.logits)

    @property
    def left(self) -> int:
        """How many samples leave."""
        return int((self.results >> _LSB["exit"] & 1).sum())


def draw(unit: ExitUnit, initial: Rule, *, scale: float, seed: int = 1) -> Vectors:
    """Vectors for ``unit``, whose registers start with ``initial``: a long run under it, then ties, extremes and logits as networks of unit
    ``scale`` have them (:mod:`sim.units.cases`) with thresholds just below, at and just above their scores, then the farthest thresholds,
    and every enable and mode. The same arguments give the same vectors.
    """
    rng = np.random.default_rng(seed)
    decision = unit.decision
    quiet, more = (max(12, min(most, _LOGITS // (share * decision.classes))) for most, share in ((200, 2), (96, 4)))
    body = draw_body(decision.classes, decision.acc_bits, quiet + more + len(_FAR) + len(_MODES), seed,
                     min(max(scale, 2.0**-40), 2.0**16)).astype(np.int64)
    rows = np.concatenate([body[:quiet], np.repeat(corners(decision.classes, decision.acc_bits), 3, axis=0), body[quiet:]])
    sums = rows + np.array(decision.bias, np.int64)
    gate, tokens, side = _beside(unit, sums, rng)
    near = np.clip(_limited(unit, _scores(unit, sums, side) + np.tile([-1, 0, 1], len(rows))[:len(rows)]), *_FAR)
    far = len(rows) - len(_MODES) - len(_FAR)
    near[far:far + len(_FAR)] = _FAR if unit.registers else _limited(unit, np.array(_FAR, np.int64))
    rules = [initial] * quiet
    for index in range(quiet, len(rows)):
        enable, mode = _MODES[index - len(rows)] if index >= len(rows) - len(_MODES) else (1, 0)
        rules.append(_aim(unit, replace(rules[-1], enable=enable, mode=mode), int(near[index]), int(sums[index].argmax())))
    results, given = _expected(unit, sums, side, rules)
    return Vectors(logits=rows, gate=gate, tokens=tokens, writes=_writes([*rules, initial]), results=results, given=given)


def _beside(unit: ExitUnit, sums: Integers, rng: np.random.Generator) -> tuple[Integers | None, Integers | None, Side]:
    """What comes on the policy's own streams."""
    ports, count = unit.decision.score.ports, len(sums)
    if "gate" in ports:
        top = 1 << _inner(unit)[1]["gate_bits"] - 1
        gate = rng.integers(-top, top, count)
        gate[:2] = -top, top - 1
        return gate, None, Side(gate=gate)
    if "token_i" not in ports:
        return None, None, Side()
    layout: Any = unit.decision.token_i.payload.shape()
    label = np.where(rng.random(count) < 0.6, sums.argmax(axis=1), rng.integers(0, unit.decision.classes, count))
    run = rng.integers(0, 1 << layout["run"].width, count)
    number = np.arange(count) & (1 << layout["id"].width) - 1
    return None, _packed(layout, id=number, label=label, run=run), Side(label=label, run=run)


def _packed(layout: Any, **fields: Integers) -> Integers:
    """The fields of a layout, side by side."""
    return sum((value.astype(np.int64) << layout[name].offset for name, value in fields.items()), start=np.zeros(1, np.int64))


def _inner(unit: ExitUnit) -> tuple[str, dict[str, Any]]:
    """The policy whose score is compared, and its constants."""
    params: dict[str, Any] = unit.decision.score.params
    return (params["score"], params.get("score_params", {})) if unit.has_classes else (unit.decision.policy, params)


def _scores(unit: ExitUnit, sums: Integers, side: Side) -> Integers:
    """What the thresholds are compared with: only to choose interesting ones."""
    name, params = _inner(unit)
    score = TABLE[name].score if name in TABLE else None
    return score(sums, params) if score is not None else GOLDEN[name](sums, 0, params, side).confidence


def _limited(unit: ExitUnit, thresholds: Integers) -> Integers:
    """Thresholds as they act."""
    score: Any = unit.decision.score
    limits: range = score.value_range if unit.has_classes else unit.decision.threshold_range
    return np.clip(thresholds, limits[0], limits[-1])


def _aim(unit: ExitUnit, before: Rule, value: int, label: int) -> Rule:
    """The rule with ``value`` as the threshold of a sample of class ``label``."""
    if unit.has_classes:
        return replace(before, classes=(*before.classes[:label], value, *before.classes[label + 1:]))
    return replace(before, threshold=value) if unit.has_threshold else before


def _writes(rules: Sequence[Rule]) -> list[Write]:
    """What leads from each rule to the next."""
    found = []
    for at, (before, after) in enumerate(pairwise(rules), start=1):
        found += [Write(at, name, getattr(after, name)) for name in ("threshold", "enable", "mode")
                  if getattr(before, name) != getattr(after, name)]
        found += [Write(at, "class_value", new, index) for index, (old, new) in enumerate(zip(before.classes, after.classes, strict=True))
                  if old != new]
    return found


def _expected(unit: ExitUnit, sums: Integers, side: Side, rules: Sequence[Rule]) -> tuple[Integers, list[int]]:
    """Result words, and packed tokens of the samples that do not leave."""
    decision = unit.decision
    golden = GOLDEN[decision.policy]
    leaves, confidence, run = np.zeros(len(sums), np.bool_), np.zeros(len(sums), np.int64), np.zeros(len(sums), np.int64)
    for rule, group in groupby(range(len(sums)), key=lambda index: rules[index]):
        indices = list(group)
        here = slice(indices[0], indices[-1] + 1)
        thresholds = _limited(unit, np.array([rule.threshold, *rule.classes])).tolist()
        params = {**decision.score.params, **({"thresholds": thresholds[1:]} if unit.has_classes else {})}
        beside = Side(**{name: None if value is None else value[here] for name, value in vars(side).items()})
        score = golden(sums[here], thresholds[0], params, beside)
        leaves[here] = rule.enable and (score.leaves if rule.mode == 0 else rule.mode == 1)
        confidence[here] = score.confidence
        run[here] = 0 if score.run is None else score.run
    label = sums.argmax(axis=1) * (decision.policy != "never")
    most = (1 << CONFIDENCE_BITS - 1) - 1
    fields = {"label": label, "exit": leaves, "confidence": np.clip(confidence, -most - 1, most) & 2 * most + 1}
    words = sum((fields[name].astype(np.int64) << lsb for name, lsb in _LSB.items()), start=np.zeros(len(sums), np.int64))
    if "token_o" not in decision.score.ports:
        return words, []
    layout: Any = decision.token_o.payload.shape()
    tokens = _packed(layout, id=np.arange(len(sums)) & (1 << layout["id"].width) - 1, label=label, run=run)
    return words, [int(value) for value in tokens[~leaves]]
