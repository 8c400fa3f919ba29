"""The fastest target of a network without exits that fits into given resources, by the cost model of the folding search."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from build_flows.errors import OfframpError
from build_flows.folding import FoldingError, search
from build_flows.network import Network, read_network
from build_flows.parts import Part

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
    """The least cycles a sample at which the cheapest folding of ``network`` (one stage) takes no more than ``allowed``.

    Found by bisection between one pixel a cycle and the slowest design. Fewer cycles take more DSPs but not always more LUTs, so that
    now and then a slightly faster design may fit as well. Raises :class:`OfframpError` for a network with early exits.
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

    slow = find(network, (_FOREVER,), part).limit(0).cycles
    fast, taken = network.source.pixels - 1, cost(slow)
    assert taken is not None
    if not good(taken):
        return Match(cycles=slow, fits=False, predicted=taken, allowed=dict(allowed))
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


_FOREVER = 100_000_000
"""The slowest target that a configuration can ask for."""


def _taken(resources: Mapping[str, Any]) -> Taken:
    return {"lut": resources["lut"] + resources["lutram"], "bram36": resources["bram36"], "dsp": resources["dsp"]}
