"""What a network computes for a sample, layer by layer and exit by exit, whoever it is from: of the integers that are built.

Convolutions count what a full window at every output place takes, padding included, as the hardware computes it; one each of whose
outputs is known to be of one input counts that input alone. Pools, sums and activations have no multiply-accumulates.
"""

from build_flows.planning.network import Layer, Network
from quant_models.networks.cost import Cost, LayerCost

__all__ = ["exit_costs", "last_alone", "layer_costs"]


def layer_costs(network: Network) -> list[LayerCost]:
    """Every layer of ``network``: stage 0, head 0, its gate head, stage 1, ..."""
    parts = {"stage": network.stages, "head": network.heads, "gate": network.gates or ((),) * len(network.heads)}
    return [
        LayerCost(name=layer.name, where=where, index=k, cost=_cost(layer))
        for k in range(len(network.heads)) for where, chains in parts.items() for layer in chains[k]
    ]


def _cost(layer: Layer) -> Cost:
    macs = layer.macs // layer.source.channels if layer.depthwise else layer.macs
    return Cost(macs=macs, bitops=macs * (1 if layer.binary else layer.weight_bits) * layer.in_bits)


def exit_costs(network: Network) -> list[Cost]:
    """By exit, what a sample costs that leaves there: all stages, heads and gate heads up to it, since each head on the way has been
    computed."""
    layers = layer_costs(network)
    return [sum((item.cost for item in layers if item.index <= k), Cost()) for k in range(len(network.heads))]


def last_alone(network: Network) -> Cost:
    """What every sample costs without early exits: all stages and the last head."""
    last = len(network.heads) - 1
    return sum((item.cost for item in layer_costs(network) if item.where == "stage" or item.index == last), Cost())
