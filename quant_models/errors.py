"""The exceptions of this room."""

from pathlib import Path

__all__ = ["Diverged", "QuantModelError"]


class QuantModelError(ValueError):
    """A description, data set, checkpoint or calibration that cannot be used; the message names the value and what is allowed."""


class Diverged(QuantModelError):
    """A training whose loss is no number any more; ``kept`` is the checkpoint of its last good epoch (None: there was none)."""

    def __init__(self, message: str, kept: Path | None) -> None:
        super().__init__(message)
        self.kept = kept
