"""A small network for the tests of descriptions and modules: two exits, odd sizes."""

from typing import Any

from quant_models.networks.spec import Activation, Conv, GlobalPool, Linear, MaxPool, NetSpec

__all__ = ["spec"]


def spec(**changes: Any) -> NetSpec:
    """The network with ``changes`` of its fields."""
    fields: dict[str, Any] = {
        "name": "tiny", "height": 6, "width": 5, "channels": 2, "classes": 3,
        "stages": ((Conv(out=4, kernel=3, pad=1), MaxPool(kernel=2, stride=2)), (Conv(out=5, kernel=2, act=Activation(kind="identity")),)),
        "heads": ((Linear(out=3),), (GlobalPool(), Linear(out=6, act=Activation(bits=3)), Linear(out=3))),
    }
    return NetSpec(**{**fields, **changes})
