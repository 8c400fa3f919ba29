"""The policies' scores. A new policy is one file here with a :class:`Score` in it that names its policy."""

import importlib
import pkgutil

from hw.exits.scores.base import BeatSignature, Score

__sources__ = ("*.py",)
__all__ = ["SCORES", "BeatSignature", "Score"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

SCORES: dict[str, type[Score]] = dict(sorted(Score.registry.items()))
