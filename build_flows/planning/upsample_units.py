"""Upsamplings that repeat pixels: one unit each (:class:`hw.layers.upsample.Upsample`)."""

from build_flows.planning.memory_map import place
from build_flows.planning.network import Layer
from build_flows.planning.unit import Unit
from build_flows.planning.unit_terms import log2
from hw.layers.upsample import kept_beats

__all__ = ["upsample_unit"]


def upsample_unit(layer: Layer, pe: int) -> Unit:
    """The unit of ``layer`` with ``pe`` channels a beat. What it keeps is a memory, unless that is one beat, which is the register that it
    has of the last one.

    The cost model weighs the ``bits`` of a beat, of which there is a register; ``chosen``, those where there is a memory to choose from;
    ``read``, those registered behind a memory in LUTs; ``mux``, those of multiplexers behind its parts; ``registers`` that are memory;
    ``counters`` of places in a frame and ``address`` of one in memory.
    """
    folds, bits = layer.source.channels // pe, pe * layer.in_bits
    words = kept_beats(layer.source.width, folds, layer.factor)
    # It is written where it is read, so one port does both.
    kept = place(words, bits, shared=True)
    in_beats = layer.source.pixels * folds
    sizes = (folds, layer.source.width if layer.factor[0] > 1 else 1, *layer.factor)
    return Unit(
        kind="upsample", folding={"pe": pe}, in_bits=bits, out_bits=bits, in_beats=in_beats, out_beats=layer.target.pixels * folds,
        cycles=layer.target.pixels * folds, model="upsample", bram18=kept.bram18,
        ram_style="block" if kept.style == "block" else "distributed" if words > 1 else "",
        terms={
            "bits": bits, "chosen": bits * (words > 1), "read": bits * (words > 1 and kept.style != "block"),
            "mux": bits * (kept.banks - 1), "registers": kept.registers * (words > 1), "counters": sum(log2(size) for size in sizes),
            "address": log2(words), "memory": kept.lutram, "one": 1,
        },
    )
