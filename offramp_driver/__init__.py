"""Drives an offramp accelerator, a multi-exit network in programmable logic, from Python on a PYNQ board.

    from offramp_driver import Accelerator

    with Accelerator("digits.bit") as acc:
        print(acc.classify(images).label)

Begin with ``help(Accelerator)``. Needs Python 3.10, numpy and pynq, which a PYNQ 3 image has, and nothing else.
"""

from offramp_driver.accelerator import Accelerator
from offramp_driver.errors import DmaError, DmaTimeout, DriverError, ExitError, InputError, ManifestError, MismatchError
from offramp_driver.results import Answers, Result, Results

__all__ = [
    "Accelerator", "Answers", "DmaError", "DmaTimeout", "DriverError", "ExitError", "InputError", "ManifestError", "MismatchError",
    "Result", "Results", "__version__",
]

__version__ = "0.1.0"
