"""What thresholds make of samples; and ``tradeoff.json`` (docs/interfaces.md): what moving one exit's threshold would buy."""

from quant_models.records import Artefact, Record

__all__ = ["Curve", "CurvePoint", "MeanCost", "Outcome", "TradeoffCurve", "TradeoffFile", "TradeoffPoint"]


class MeanCost(Record):
    """MACs, bit operations and ``cycles`` a sample on the whole. Cycles are predicted: the slowest stage sets the pace, each taking its
    interval for the share that reaches it; None where intervals are not known."""

    macs: float
    bitops: float
    cycles: float | None


class Outcome(MeanCost):
    """Of decided samples the ``accuracy`` of all and the ``shares`` that leave at each exit, 0 to 1, and what they cost."""

    accuracy: float
    shares: list[float]


class CurvePoint(Outcome):
    """The outcome where every exit would let the share ``level`` of the validation samples go, were all to reach it (``patience``: the
    exits in a row that must agree)."""

    level: float


class Curve(Record):
    """The outcomes of a policy with its thresholds swept together."""

    policy: str
    points: list[CurvePoint]


class TradeoffPoint(Record):
    """The share of samples that leave at an exit, and the accuracy of all, 0 to 1."""

    share: float
    accuracy: float


class TradeoffCurve(Record):
    """Of exit ``exit``: integer thresholds with share and accuracy at each, the others as they are, and where it stands (``at``)."""

    exit: int
    threshold: list[int]
    share: list[float]
    accuracy: list[float]
    at: TradeoffPoint


class TradeoffFile(Artefact):
    """The whole file."""

    curves: list[TradeoffCurve]
