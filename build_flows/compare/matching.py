"""The fastest target of a network without exits that fits into given resources, by the cost model of the folding search."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from build_flows.base.errors import OfframpError
from build_flows.base.parts import Part
from build_flows.planning.folding import FoldingError, search
from build_flows.planning.network import Network, read_network

__all__ = ["KEYS", "Match", "Search", "allowance", "match", "match_file"]

KEYS = ("lut", "bram36", "dsp")
"""What must fit; ``lut`` is all LUTs, those used as memory too. Flip-flops are left aside: the parts have two for each LUT."""

Search = Callable[[Network, tuple[int, ...], Part], Any]
Taken = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Match:
    """``cycles`` a sample to design for; ``fits`` False: even the slowest design is too large, and ``cycles`` are its own.

    ``predicted`` is what the layers take by the cost model, ``allowed`` what they may take, both by :data:`KEYS`.
    """

    cycles: int
    fits: bool
    predicted: Taken
    allowed: Taken


def allowance(total: Mapping[str, float], units: Iterable[Mapping[str, Any]]) -> Taken:
    """What layers may take so that they and what else is in ``units`` (synthesised, of a design without exits; all that are no layers)
    take no more than ``total``."""
    found = _taken(total)
    for unit in units:
        if unit["kind"] != "layer":
            for key, value in _taken(unit).items():
                found[key] -= value
    return found


def match(network: Network, part: Part, allowed: Mapping[str, float], find: Search = search) -> Match:
    """The least cycles a sample at which ``network`` (one stage), folded as compile folds it for ``part``, takes no more than ``allowed``.

    Targets are tried from one pixel a cycle upwards, in steps of :data:`RATIO`, and the first step that fits is bisected: a slower design
    can take more of some resource, so that bisection over the whole range could end far from the fastest that fits. Raises
    :class:`OfframpError` for a network with early exits.
    """
    if len(network.stages) != 1:
        raise OfframpError(f"only a network without early exits can be matched, not one with {len(network.stages)} stages")

    def cost(cycles: int) -> Taken | None:
        try:
            found = find(network, (cycles,), part).cost
        except FoldingError:
            return None
        return {"lut": float(found.lut), "bram36": found.bram18 / 2, "dsp": float(found.dsp)}

    def good(taken: Taken | None) -> bool:
        return taken is not None and all(taken[key] <= allowed[key] for key in KEYS)

    slowest = find(network, (_FOREVER,), part).limit(0).cycles
    fast, slow = network.source.pixels - 1, network.source.pixels
    while not good(taken := cost(slow)):
        if slow >= slowest:
            assert taken is not None
            return Match(cycles=slowest, fits=False, predicted=taken, allowed=dict(allowed))
        fast, slow = slow, min(slowest, max(slow + 1, int(slow * RATIO)))
    assert taken is not None
    while slow - fast > 1:
        middle = (fast + slow) // 2
        found = cost(middle)
        if found is not None and good(found):
            slow, taken = middle, found
        else:
            fast = middle
    return Match(cycles=slow, fits=True, predicted=taken, allowed=dict(allowed))


def match_file(golden: Path, part: Part, allowed: Mapping[str, float]) -> Match:
    """:func:`match` for the network that ``golden.npz`` at ``golden`` describes."""
    return match(read_network(golden), part, allowed)


RATIO = 1.05
"""From one target tried to the next."""

_FOREVER = 100_000_000
"""The slowest target that a configuration can ask for."""


def _taken(resources: Mapping[str, Any]) -> Taken:
    return {"lut": resources["lut"] + resources["lutram"], "bram36": resources["bram36"], "dsp": resources["dsp"]}
