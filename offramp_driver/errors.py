"""What can go wrong on the board, as exceptions. All are :class:`DriverError`, and their text says what was found and what to do."""

from __future__ import annotations

from typing import Any

__all__ = ["DmaError", "DmaTimeout", "DriverError", "ExitError", "InputError", "ManifestError", "MismatchError"]


class DriverError(Exception):
    """Any error of this package."""


class InputError(DriverError, ValueError):
    """A value that you gave is not what the accelerator takes: images of another shape or type, a threshold out of its range."""


class ExitError(InputError, KeyError):
    """There is no exit, or class, of that number."""

    __str__ = Exception.__str__  # KeyError's would put quotation marks around the text


class ManifestError(DriverError):
    """A file of the package is missing or damaged, or the manifest beside the bitstream is of another version."""


class MismatchError(DriverError):
    """The hardware is not what the manifest says: another bitstream is loaded, its registers are of another version, its clock is too fast,
    or its port to memory is not as it must be."""


class DmaError(DriverError):
    """A transfer failed. The accelerator was reset (unless the text says otherwise): its next batch is right.

    ``counters`` is what :attr:`Accelerator.counters` held when it happened, before the reset; {} when there was no batch.
    """

    def __init__(self, message: str, counters: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.counters: dict[str, Any] = {} if counters is None else counters


class DmaTimeout(DmaError):
    """A transfer did not end in time. The accelerator was reset (unless the text says otherwise): its next batch is right."""
