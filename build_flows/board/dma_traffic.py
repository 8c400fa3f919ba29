"""What the DMA carries for each image and result, and how near that is to what stream and memory port can."""

from build_flows.artefacts.cosim import TrafficRow
from hw.netlist import Netlist

__all__ = ["HP_BITS", "traffic"]

HP_BITS = 64
"""Width of a Zynq-7000 high-performance port (UG585, AXI_HP interfaces); it is clocked by the fabric, like the accelerator."""


def traffic(netlist: Netlist, samples_per_second: float | None) -> list[TrafficRow]:
    """A row for images in and one for results out, of the accelerator of ``netlist`` at ``samples_per_second`` (None: no rate is known)."""
    entry, result = netlist.input, netlist.result
    values = entry.height * entry.width * entry.channels
    told = sum(field.width for field in result.fields)
    rows = []
    for name, bits, payload, words in (
        ("images in", entry.bus_bits, 8 * values, -(-8 * values // entry.bus_bits)),
        ("results out", result.bits, told, 1),
    ):
        stream, port = netlist.clock_mhz * bits / 8, netlist.clock_mhz * HP_BITS / 8
        carried = words * bits / 8
        limit = min(stream, port)
        rate = None if samples_per_second is None else carried * samples_per_second / 1e6
        rows.append(TrafficRow(
            name=name, bits=bits, words=words, least=-(-payload // bits), payload=payload / (words * bits), mb_per_second=rate,
            stream_mb_per_second=stream, port_mb_per_second=port, used=None if rate is None else rate / limit,
            most_samples=limit * 1e6 / carried,
        ))
    return rows
