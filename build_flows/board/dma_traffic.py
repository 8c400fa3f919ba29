"""What the DMA carries for each image and result, and how near that is to what stream and memory port can."""

from collections.abc import Mapping
from typing import Any

__all__ = ["HP_BITS", "traffic"]

HP_BITS = 64
"""Width of a Zynq-7000 high-performance port (UG585, AXI_HP interfaces); it is clocked by the fabric, like the accelerator."""


def traffic(netlist: Mapping[str, Any], samples_per_second: float | None) -> list[dict[str, Any]]:
    """A row for images in and one for results out, of the accelerator of a decoded ``netlist.json`` at ``samples_per_second``.

    ``bits`` of a word; ``words`` a sample, and ``least``, the fewest such words that hold what a sample is (an image's values take a byte
    each; a result has its fields); ``payload``, the share of the words' bits that says something. ``mb_per_second`` at that rate,
    ``stream_mb_per_second`` one word a cycle, ``port_mb_per_second`` the memory port's own limit, all in 10**6 bytes, and
    ``used``, the rate's share of the lower of the two (both None when there is no rate). ``most_samples`` is the rate at which that one
    would set the pace.
    """
    entry, result = netlist["input"], netlist["result"]
    clock = netlist["clock_mhz"]
    values = entry["height"] * entry["width"] * entry["channels"]
    told = sum(field["width"] for field in result["fields"])
    rows = []
    for name, bits, payload, words in (
        ("images in", entry["bus_bits"], 8 * values, -(-8 * values // entry["bus_bits"])),
        ("results out", result["bits"], told, 1),
    ):
        stream, port = clock * bits / 8, clock * HP_BITS / 8
        carried = words * bits / 8
        limit = min(stream, port)
        rate = None if samples_per_second is None else carried * samples_per_second / 1e6
        rows.append({
            "name": name, "bits": bits, "words": words, "least": -(-payload // bits), "payload": payload / (words * bits),
            "mb_per_second": rate, "stream_mb_per_second": stream, "port_mb_per_second": port,
            "used": None if rate is None else rate / limit, "most_samples": limit * 1e6 / carried,
        })
    return rows
