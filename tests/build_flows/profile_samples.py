"""A made-up profile: two exits, an input, a convolution, a head and a last layer."""

from typing import Any

from quant_models.judge.profile_records import ProfileFile

__all__ = ["SAMPLES", "content", "sample"]

SAMPLES = 1000


def changes(*pairs: tuple[int, int]) -> list[dict[str, int]]:
    return [{"lost": lost, "gained": gained} for lost, gained in pairs]


def output(**other: Any) -> dict[str, Any]:
    return {"bits": 4, "signed": False, "low": 0.0, "high": 6.5, "common_low": 0.0, "common_high": 5.1, "range_low": 0.0, "range_high": 3.0,
            "clipped": 0.043, "channels": 12, "dead": 3, "dead_float": 1, "saturated": 2, **other}


def weight(**other: Any) -> dict[str, Any]:
    return {"bits": 4, "low": -0.5, "high": 0.75, "reach": 0.75, "sqnr": 17.25, "clipped": 0.0, "zeroed": 0.125, **other}


def unit(name: str, kind: str, **other: Any) -> dict[str, Any]:
    none = changes((0, 0), (0, 0))
    return {"name": name, "kind": kind, "weight": None, "output": None, "sqnr": 12.5, "sqnr_alone": 20.5, "alone": none,
            "alone_weight": None, "alone_output": None, "back": none, **other}


def content(**other: Any) -> dict[str, Any]:
    """As ``profile.json`` holds it; the convolution's weights cost the last exit 2.9 points, its activations none for certain."""
    units = [
        unit("image", "activation", output=output(bits=8, clipped=0.0), sqnr=None, sqnr_alone=None),
        unit("stage0_conv0", "conv", weight=weight(), output=output(), alone=changes((20, 15), (38, 6)),
             alone_weight=changes((12, 9), (33, 4)), alone_output=changes((9, 8), (11, 8)), back=changes((3, 8), (2, 31))),
        unit("head0_fc0", "linear", weight=weight(bits=2), alone=changes((31, 2), (0, 0))),
        unit("head1_fc0", "linear", weight=weight(), alone=changes((0, 0), (5, 4))),
    ]
    return {"version": 1, "project": "small <net>", "preset": True, "reference": "the float weights of net.pt", "samples": SAMPLES,
            "float_accuracy": [0.9, 0.95], "accuracy": [0.87, 0.92], "whole": changes((40, 10), (40, 10)), "units": units, **other}


def sample(**other: Any) -> ProfileFile:
    return ProfileFile.parse(content(**other), "profile.json")
