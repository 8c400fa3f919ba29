"""``profile.json`` (docs/interfaces.md): where a network's accuracy goes, layer by layer."""

from quant_models.records import Artefact, Record

__all__ = ["ExitChange", "OutputProfile", "ProfileFile", "UnitProfile", "WeightProfile"]


class ExitChange(Record):
    """At an exit, of all images those that are right before a change and wrong after it (``lost``), and the other way round
    (``gained``)."""

    lost: int
    gained: int


class WeightProfile(Record):
    """A layer's weights, ``bits`` wide: the least and the greatest one, the greatest value that there is room for (``reach``, of the
    channel with the most), the ``sqnr`` in dB (None: nothing is lost), and the shares that lie beyond what can be told (``clipped``) and
    that become 0 without being 0 (``zeroed``)."""

    bits: int
    low: float
    high: float
    reach: float
    sqnr: float | None
    clipped: float
    zeroed: float


class OutputProfile(Record):
    """What a layer gives: the range of the float network, ``low`` to ``high``, and of all but a thousandth of its values at either end
    (``common_low``, ``common_high``), beside what ``bits`` can tell (``range_low``, ``range_high``); the share of values beyond that
    (``clipped``); of ``channels`` those that are the same for every image, quantised (``dead``) and in float (``dead_float``), and those
    half of whose values or more are at an end of the range that is not 0 (``saturated``; None: of 1 bit all are)."""

    bits: int
    signed: bool
    low: float
    high: float
    common_low: float
    common_high: float
    range_low: float
    range_high: float
    clipped: float
    channels: int
    dead: int
    dead_float: int
    saturated: int | None


class UnitProfile(Record):
    """A layer with its activation: signal to quantisation noise of what it gives, in dB (None: they are equal), in the quantised network
    (``sqnr``) and of its own quantisation alone (``sqnr_alone``). By exit, what becomes of answers when it alone is quantised in the float
    network (``alone``), its weights alone (``alone_weight``) or what it gives alone (``alone_output``; None where it has not both), and
    when it alone is float in the quantised network (``back``)."""

    name: str
    kind: str
    weight: WeightProfile | None
    output: OutputProfile | None
    sqnr: float | None
    sqnr_alone: float | None
    alone: list[ExitChange]
    alone_weight: list[ExitChange] | None
    alone_output: list[ExitChange] | None
    back: list[ExitChange]


class ProfileFile(Artefact):
    """The whole file: the ``project``, whose network is a ``preset`` (its layers take other bits from the configuration; False: one of the
    user's own); what it is compared with in words (``reference``), over so many validation ``samples``: by exit the share of right answers
    in float and quantised, and what becomes of answers between the two (``whole``)."""

    project: str
    preset: bool
    reference: str
    samples: int
    float_accuracy: list[float]
    accuracy: list[float]
    whole: list[ExitChange]
    units: list[UnitProfile]
