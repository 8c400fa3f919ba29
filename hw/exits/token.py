"""Sample identity: the small record that travels beside a sample's data, in FIFOs of its own.

Every unit between admission and merge handles tokens; none of them looks inside the data to know which sample it is.
"""

from amaranth.lib import data
from amaranth.utils import ceil_log2

__all__ = ["STAMP_BITS", "token_layout"]

STAMP_BITS = 32
"""Width of the cycle stamp: latencies wrap after 2**32 cycles (43 s at 100 MHz)."""


def token_layout(*, id_bits: int, max_in_flight: int) -> data.StructLayout:
    """The token of a sample.

    Members
    -------
    id : position of the sample in its batch, modulo ``2**id_bits``
    slot : running number of the sample, modulo ``max_in_flight``; names its place in a reorder buffer
    batch : running number of its batch, wide enough to tell apart all batches that can be in flight
    stamp : free-running cycle count when the first bus word of the sample was taken
    """
    if max_in_flight < 1:
        raise ValueError(f"max_in_flight must be at least 1, not {max_in_flight}")
    if id_bits < ceil_log2(max_in_flight):
        raise ValueError(f"id_bits must hold max_in_flight={max_in_flight} different ids, not id_bits={id_bits}")
    slot_bits = max(1, ceil_log2(max_in_flight))
    return data.StructLayout({"id": id_bits, "slot": slot_bits, "batch": slot_bits + 1, "stamp": STAMP_BITS})
