"""Faults planted in the gateware's source, for one test."""

import importlib.util
from types import ModuleType
from typing import Any

USED_IN = {"AcceleratorCore": "hw.accelerator", "ExitMerge": "hw.core", "Admission": "hw.core", "ExitRouter": "hw.exits.exit_path",
           "OfferHold": "hw.core"}
"""The module that takes each unit into the accelerator."""


def planted(name: str, old: str, new: str) -> ModuleType:
    """Module ``name`` with ``new`` where it reads ``old``, once."""
    spec = importlib.util.find_spec(name)
    source = spec.loader.get_source(name)  # type: ignore[union-attr]
    assert source.count(old) == 1, f"{old!r} is there {source.count(old)} times"
    module = ModuleType("planted")
    exec(compile(source.replace(old, new), f"<planted: {new}>", "exec"), module.__dict__)
    return module


def plant(monkeypatch: Any, name: str, unit: str, old: str, new: str) -> Any:
    """Has accelerators made from here on take ``unit`` of module ``name`` with the fault in it; gives the unit."""
    changed = getattr(planted(name, old, new), unit)
    if unit in USED_IN:
        monkeypatch.setattr(f"{USED_IN[unit]}.{unit}", changed)
    return changed
