"""``tradeoff.json`` (docs/interfaces.md): what moving one exit's threshold would buy."""

from quant_models.records import Artefact, Record

__all__ = ["TradeoffCurve", "TradeoffFile", "TradeoffPoint"]


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
