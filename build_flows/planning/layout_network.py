"""A network with some of its early exits left out."""

from collections.abc import Sequence
from dataclasses import replace

from build_flows.planning.network import Layer, Network, NetworkError

__all__ = ["with_exits"]


def with_exits(network: Network, kept: Sequence[int]) -> Network:
    """``network`` with the early exits ``kept``, rising, and its last one: stages between them are one, and layers have its number; they
    keep their names.

    Raises :class:`NetworkError` for exits that are not early ones of it, or do not rise.
    """
    last = len(network.stages) - 1
    if any(not 0 <= exit < last for exit in kept) or list(kept) != sorted(set(kept)):
        raise NetworkError(f"kept must be early exits of {last}, rising, not {list(kept)}")
    built = (*kept, last)
    begins = (0, *(exit + 1 for exit in kept))
    stages = tuple(_numbered([layer for stage in network.stages[begin : exit + 1] for layer in stage], index)
                   for index, (begin, exit) in enumerate(zip(begins, built, strict=True)))
    gates = tuple(_numbered(network.gates[exit], index) for index, exit in enumerate(built)) if network.gates else ()
    return replace(
        network, stages=stages, heads=tuple(_numbered(network.heads[exit], index) for index, exit in enumerate(built)),
        gates=gates if any(gates) else (), cuts=tuple(network.cuts[exit] for exit in built) if network.cuts else (),
    )


def _numbered(layers: Sequence[Layer], stage: int) -> tuple[Layer, ...]:
    return tuple(replace(layer, stage=stage) for layer in layers)
