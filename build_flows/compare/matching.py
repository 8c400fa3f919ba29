"""The fastest target of a network without exits that fits into given resources, by the cost model of the folding search."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from build_flows.artefacts.compare import MatchFile, Taken
from build_flows.artefacts.resources import Sums, UnitRecord
from build_flows.base.errors import OfframpError
from build_flows.base.parts import Part
from build_flows.planning.folding import FoldingError
from build_flows.planning.folding_search import search
from build_flows.planning.least_targets import least_targets
from build_flows.planning.network import Network
from build_flows.planning.read_network import read_network

__all__ = ["KEYS", "Search", "allowance", "match", "match_file"]

KEYS = ("lut", "bram36", "dsp")
"""What must fit; ``lut`` is all LUTs, those used as memory too. Flip-flops are left aside: the parts have two for each LUT."""

Search = Callable[[Network, tuple[int, ...], Part], Any]


def allowance(total: Sums, units: Iterable[UnitRecord]) -> Taken:
    """What layers may take so that they and what else is in ``units`` (synthesised, of a design without exits; all that are no layers)
    take no more than ``total``."""
    beside = [unit for unit in units if unit.kind != "layer"]
    return Taken(
        lut=total.lut + total.lutram - sum(unit.lut + unit.lutram for unit in beside),
        bram36=total.bram36 - sum(unit.bram36 for unit in beside), dsp=total.dsp - sum(unit.dsp for unit in beside),
    )


def match(network: Network, part: Part, allowed: Taken, find: Search = search, least: int | None = None) -> MatchFile:
    """The least cycles a sample at which ``network`` (one stage), folded as compile folds it for ``part``, takes no more than ``allowed``.

    Targets are tried from ``least`` upwards (None: one pixel a cycle), in steps of :data:`RATIO`, and the first step that fits is
    bisected: a slower design can take more of some resource, so that bisection over the whole range could end far from the fastest that
    fits. Raises :class:`OfframpError` for a network with early exits.
    """
    if len(network.stages) != 1:
        raise OfframpError(f"only a network without early exits can be matched, not one with {len(network.stages)} stages")

    def cost(cycles: int) -> Taken | None:
        try:
            found = find(network, (cycles,), part).cost
        except FoldingError:
            return None
        return Taken(lut=float(found.lut), bram36=found.bram18 / 2, dsp=float(found.dsp))

    def good(taken: Taken | None) -> bool:
        return taken is not None and all(getattr(taken, key) <= getattr(allowed, key) for key in KEYS)

    slowest = find(network, (_FOREVER,), part).limit(0).cycles
    slow = least or network.source.pixels
    fast = slow - 1
    while not good(taken := cost(slow)):
        if slow >= slowest:
            assert taken is not None
            return MatchFile(cycles=slowest, fits=False, predicted=taken, allowed=allowed)
        fast, slow = slow, min(slowest, max(slow + 1, int(slow * RATIO)))
    assert taken is not None
    while slow - fast > 1:
        middle = (fast + slow) // 2
        found = cost(middle)
        if found is not None and good(found):
            slow, taken = middle, found
        else:
            fast = middle
    return MatchFile(cycles=slow, fits=True, predicted=taken, allowed=allowed)


def match_file(golden: Path, part: Part, allowed: Taken, layers: str) -> MatchFile:
    """:func:`match` for the network that ``golden.npz`` at ``golden`` describes, of ``layers`` as ``build.layers`` says."""
    network = read_network(golden, layers=layers)
    least = min(network.source.pixels, max(item.target for item in least_targets(network)))
    return match(network, part, allowed, least=least)


RATIO = 1.05
"""From one target tried to the next."""

_FOREVER = 100_000_000
"""The slowest target that a configuration can ask for."""
