"""Whether the packages that offramp is made of are its own: a folder of one of their names may hide them."""

import importlib.util
from pathlib import Path

__all__ = ["ROOMS", "hidden"]

ROOMS = ("build_flows", "hw", "offramp_driver", "quant_models", "sim")


def hidden() -> str | None:
    """A line that names the package which hides one of offramp's, and what to do; None when there is none."""
    here = Path(__file__).resolve().parents[1]
    for room in ROOMS:
        spec = importlib.util.find_spec(room)
        if spec is None or spec.origin is None:
            return f"offramp's package {room} is missing: install offramp again"
        found = Path(spec.origin).resolve()
        if found != here / room / "__init__.py":
            return f"{found.parent} hides offramp's own package {room}: work in another folder, or give that one another name"
    return None
