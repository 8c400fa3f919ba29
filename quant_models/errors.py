"""The exceptions of this room."""

from pathlib import Path

__all__ = ["Diverged", "QuantModelError", "Unreachable"]


class QuantModelError(ValueError):
    """A description, data set, checkpoint or calibration that cannot be used; the message names the value and what is allowed."""


class Diverged(QuantModelError):
    """A training whose loss is no number any more; ``kept`` is the checkpoint of its last good epoch (None: there was none)."""

    def __init__(self, message: str, kept: Path | None) -> None:
        super().__init__(message)
        self.kept = kept


class Unreachable(QuantModelError):
    """A mean cost that no thresholds keep to; ``least`` is the least that there is, as a share of the whole."""

    def __init__(self, message: str, *, least: float) -> None:
        super().__init__(message)
        self.least = least
