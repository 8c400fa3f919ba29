"""A step's function that loads modules which nothing in its text names: by a name that is put together, and in a process below."""

import importlib
import subprocess
import sys
from typing import Any

__all__ = ["NAMES", "run"]

NAMES = ("hw.streams.fifo", "quant_models.training.names")


def run(settings: None, inputs: object, work: Any) -> None:
    """Writes ``out``."""
    importlib.import_module(".".join(["hw", "streams", "fifo"]))
    subprocess.run([sys.executable, "-c", f"import {NAMES[1]}"], check=True)
    (work.folder / "out").touch()
