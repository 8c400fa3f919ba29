"""What early exits are worth, those that do not fire counted too (FlexDNN, Fang et al., 2020): every sample that passes a head pays for
it."""

from collections.abc import Sequence

from build_flows.artefacts.explore import ExitPays
from build_flows.explore.space import Place
from build_flows.planning.computed import last_alone, layer_costs
from build_flows.planning.network import Network

__all__ = ["pays"]


def pays(point: str, network: Network, layout: Sequence[Place], shares: Sequence[float]) -> list[ExitPays]:
    """What each early exit of ``network``, which has those of ``layout`` and its last one, is worth when ``shares`` (0 to 1) of all samples
    leave at each exit, the last one included."""
    whole, layers = last_alone(network).macs, layer_costs(network)
    found, passed = [], 1.0
    for k, (after, head) in enumerate(layout):
        own = sum(item.cost.macs for item in layers if item.where != "stage" and item.index == k)
        behind = sum(item.cost.macs for item in layers if item.index > k)
        cost, saved = own / whole, behind / whole
        found.append(ExitPays(
            point=point, exit=k, after=after, head=head, passed=passed, left=shares[k], cost=cost, saved=saved,
            pays=shares[k] * saved > passed * cost,
        ))
        passed -= shares[k]
    return found
