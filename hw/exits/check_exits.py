"""Whether a netlist's exits and gates can be built."""

from hw.exits.gate_group import MOST
from hw.netlist import Gate, Netlist, NetlistError, handed_on

__all__ = ["check_exits"]


def check_exits(netlist: Netlist) -> None:
    """Raises :class:`NetlistError` unless exits and gates are in order and every exit can give the answers that are asked of it."""
    if [item.index for item in netlist.exits] != list(range(len(netlist.exits))):
        raise NetlistError(f"exits must be numbered from 0 in order, not {[item.index for item in netlist.exits]}")
    told = [gate.exit for gate in netlist.gates]
    if sorted(set(told)) != list(range(len(netlist.exits) - 1)) or told != sorted(told):
        raise NetlistError(f"every exit but the last needs one gate, in order, not {told}; allowed: one for each tensor of its cut")
    for k, cut in enumerate(netlist.cuts):
        if len(cut) > MOST:
            raise NetlistError(f"exit {k} must have at most {MOST} gates, not {len(cut)}")
        if len({gate.frames for gate in cut}) > 1:
            raise NetlistError(f"the gates of exit {k} must have as many frames, not {[gate.frames for gate in cut]}")
        for n, gate in enumerate(cut):
            if handed_on(gate.dst) is not None and _meets(netlist, k + 1, gate.dst, (f"gate{k}", n)) is None:
                raise NetlistError(f"tensor {n} of gate {k} goes to {gate.dst[0]!r}, {gate.dst[1]}, which does not take it")
            if handed_on(gate.src) is not None and _meets(netlist, k - 1, gate.src, (f"gate{k}", n)) is None:
                raise NetlistError(f"tensor {n} of gate {k} comes from {gate.src[0]!r}, {gate.src[1]}, which does not hand it on")
    if netlist.anytime:
        if netlist.order != "arrival":
            raise NetlistError(f"where every exit answers, order must be 'arrival', not {netlist.order!r}")
        mute = [item.index for item in netlist.exits if item.policy == "never"]
        if mute:
            raise NetlistError(f"exit {mute[0]} has policy never, which finds no class, and every exit must answer")


def _meets(netlist: Netlist, k: int, where: tuple[str, int], other: tuple[str, int]) -> Gate | None:
    """The gate ``where``, if it is one of exit ``k``'s and its other end is ``other``."""
    cut = netlist.cuts[k] if 0 <= k < len(netlist.cuts) else ()
    if where[0] != f"gate{k}" or where[1] >= len(cut):
        return None
    gate = cut[where[1]]
    return gate if other in (gate.src, gate.dst) else None
