"""The names of training schemes and of perturbations, and what each does in a line: known without torch, to whoever checks a configuration
or explains one. What they do in full stands in :mod:`quant_models.training.schemes` and :mod:`quant_models.training.perturb`."""

from enum import StrEnum

__all__ = ["PerturbationName", "SchemeName"]


class SchemeName(StrEnum):
    """A training scheme, as ``train.scheme`` names it; ``summary`` is what it trains."""

    summary: str

    def __new__(cls, value: str, summary: str) -> "SchemeName":
        member = str.__new__(cls, value)
        member._value_ = value
        member.summary = summary
        return member

    JOINT = "joint", "all exits together, the weighted sum of their losses"
    EXITS_ONLY = "exits_only", "the backbone first, then each early head by itself on the frozen backbone"
    DISTILL = "distill", "joint, earlier exits learning from a later one's soft labels too"
    CONSISTENT = "consistent", "joint, every exit also asked for the same answer on a clean and a perturbed input"
    PERSONAL = "personal", "the early heads re-trained on one user's samples, all else as it was"
    IMPORT = "import", "a float network's weights, quantised after training"


class PerturbationName(StrEnum):
    """A perturbation; ``kind`` is the kind of data that it is meant for, ``image`` or ``window``, and ``summary`` what it does at strength
    1."""

    kind: str
    summary: str

    def __new__(cls, value: str, kind: str, summary: str) -> "PerturbationName":
        member = str.__new__(cls, value)
        member._value_ = value
        member.kind, member.summary = kind, summary
        return member

    SHIFT = "shift", "image", "moved by up to a quarter of its size each way"
    NOISE = "noise", "image", "Gaussian noise of up to 0.4 of the range"
    CUTOUT = "cutout", "image", "a rectangle of up to 0.6 of each side replaced by the mean"
    BRIGHTNESS = "brightness", "image", "pixels times 0.3 to 1.7 at most"
    JITTER = "jitter", "window", "Gaussian noise of up to 0.2 of the range"
    SCALING = "scaling", "window", "each channel's swing times 0.5 to 1.5 at most"
    TIME_SHIFT = "time_shift", "window", "moved by up to a quarter of its length"
    CHANNEL_DROP = "channel_drop", "window", "each channel silent with a probability of up to one half"
