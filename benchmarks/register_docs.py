"""Keeps what is told elsewhere about registers, ports and result word what the gateware has.

``python -m benchmarks.register_docs`` rewrites the generated tables of ``docs/accelerator.md`` and ``docs/board.md``, and all of
``offramp_driver/registers.py`` and ``offramp_driver/dma_registers.py``; a test fails where one of them is not what this would write.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from amaranth.lib.wiring import In

from benchmarks.tables import fill, table
from build_flows.base.files import write_text
from hw.accelerator import Accelerator, counted_streams
from hw.control.register_map import ADDR_WIDTH, MAGIC, VERSION, accelerator_registers
from hw.control.registers import Register, markdown
from hw.exits.decision import Mode
from hw.exits.result_word import result_word
from hw.netlist import Exit, Gate, Input, Netlist, Result
from hw.zynq import dma_map
from hw.zynq.transfer import Fault

__all__ = [
    "BOARD_PAGE", "BOARD_TABLES", "DMA_DRIVER", "DRIVER", "FIELDS", "PAGE", "PORTS", "TABLES", "WRITER", "dma_driver_registers",
    "driver_registers", "example", "with_tables",
]

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "accelerator.md"
BOARD_PAGE = ROOT / "docs" / "board.md"
DRIVER = ROOT / "offramp_driver" / "registers.py"
DMA_DRIVER = ROOT / "offramp_driver" / "dma_registers.py"
WRITER = "benchmarks.register_docs"

PORTS = {
    "ap_clk": "clock",
    "ap_rst_n": "synchronous reset, active low, at least one cycle",
    "s_axis_tdata": "images",
    "s_axis_tvalid": "a word is there",
    "s_axis_tready": "it is taken",
    "s_axis_tlast": "looked at with `CONTROL.check_tlast` alone: images and batches go by count",
    "m_axis_tdata": "one result word per image",
    "m_axis_tvalid": "a result is there",
    "m_axis_tready": "it is taken",
    "m_axis_tlast": "with the last result of a batch",
    "s_axilite_aw*": "registers: where to write",
    "s_axilite_w*": "registers: what to write",
    "s_axilite_b*": "registers: how the write ended",
    "s_axilite_ar*": "registers: what to read",
    "s_axilite_r*": "registers: what was read",
    "irq": "high for **one cycle** after a result with `m_axis_tlast` was taken: make the interrupt edge-triggered",
}
"""What every port is for. A name that ends in ``*`` stands for all ports that begin so, of which the longest such name holds."""

FIELDS = {
    "id": "place of the image in its batch, from 0, modulo `2**width`. An image waits outside while one of its batch with the same id is "
          "inside, so of several results with one id the first belongs to the first image",
    "label": "the class; of equal logits the lowest",
    "exit": "the exit at which the image left",
    "confidence": "the policy's score, saturated to the field ([interfaces.md](interfaces.md), section 3): highest logit for `max_logit` "
                  "and `always`, its lead for `margin`, the sum S for `softmax` and `entropy` (highest probability `2**frac_bits / S`; "
                  "where `params` has a `conf_shift`, S is shifted right by it), the run for `patience`, the gate head's logit for `gate`",
    "cycles": "from the cycle in which the image's first word was taken to that in which its result joins the two that may wait on "
              "`m_axis` (with `order = \"input\"`: comes to the reorder buffer), saturated",
}
"""What every field of the result word is."""


def example(*, exits: int = 2, bus_bits: int = 32, result_bits: int = 64) -> Netlist:
    """A netlist without layers, of ten classes and 16 images in flight: enough to ask for an accelerator's ports, registers and results."""
    return Netlist(
        name="example", part="", clock_mhz=100.0, classes=10, order="arrival", max_in_flight=16,
        input=Input(height=28, width=28, channels=1, bits=8, signed=False, bus_bits=bus_bits, beat_bits=8, frame_beats=784),
        result=result_word(bits=result_bits, classes=10, exits=exits, max_in_flight=16), stages=(), layers=(), streams=(),
        gates=tuple(Gate(exit=k, src=("", 0), dst=("", 0), bits=8, frame_beats=1, frames=2) for k in range(exits - 1)),
        exits=tuple(Exit(index=k, policy="always", classes=10, pe=1, acc_bits=16, bias=(0,) * 10, threshold=0, enabled=True, scale=1.0)
                    for k in range(exits)),
    )


def _about(port: str, used: set[str]) -> str:
    """What ``port`` is for; its entry in :data:`PORTS` is added to ``used``."""
    known = [name for name in PORTS if port == name or (name.endswith("*") and port.startswith(name[:-1]))]
    if not known:
        raise ValueError(f"port {port} of the accelerator is not told in PORTS")
    name = max(known, key=lambda name: (name == port, len(name)))
    used.add(name)
    return PORTS[name]


def _ports() -> str:
    """The ports as a table, from the top's signature: a row for each, but for those of AXI4-Lite, which have a row a channel and width."""
    members = Accelerator(example()).signature.members
    others = {"`input.bus_bits`": example(bus_bits=64), "`result.bits` (32 or 64)": example(result_bits=32)}
    widths = {name: Accelerator(netlist).signature.members for name, netlist in others.items()}
    rows: list[tuple[list[str], str, str, str]] = []
    used: set[str] = set()
    for name, member in members.items():
        changes = [text for text, changed in widths.items() if changed[name].shape != member.shape]
        direction = "in" if member.flow == In else "out"
        row = (direction, changes[0] if changes else str(member.shape), _about(name, used))
        if name.startswith("s_axilite_") and rows and rows[-1][1:] == row:
            rows[-1][0].append(name)
        else:
            rows.append(([name], *row))
    left = sorted(set(PORTS) - used)
    if left:
        raise ValueError(f"PORTS tells of {left[0]}, which is no port of the accelerator")
    return table(("port", "direction", "width", "what"),
                 [(", ".join(f"`{name}`" for name in names), *rest) for names, *rest in rows])


def _result() -> str:
    """The result word as a table: its fields, and where they stand in the words of an example."""
    words: list[Result] = [example(result_bits=bits).result for bits in (64, 32)]
    names = [field.name for field in words[0].fields]
    if sorted(names) != sorted(FIELDS):
        raise ValueError(f"FIELDS must tell of {', '.join(names)}, not of {', '.join(FIELDS)}")
    rows = []
    for name in names:
        places, signed = [], False
        for word in words:
            found = [field for field in word.fields if field.name == name]
            places += [f"{field.offset + field.width - 1}:{field.offset}" if field.width > 1 else str(field.offset) for field in found]
            places += [] if found else ["none"]
            signed |= any(field.signed for field in found)
        rows.append((f"`{name}`", *places, f"{'signed; ' if signed else ''}{FIELDS[name]}"))
    return table(("field", "bits, in a word of 64", "in one of 32", "what"), rows)


def _registers() -> str:
    """The registers as a table, of the accelerator of two exits."""
    netlist = example()
    return markdown(accelerator_registers(
        exits=len(netlist.exits), streams=len(counted_streams(netlist)), gates=len(netlist.cuts)))


def _dma_registers() -> str:
    """The registers of memory reader and writer as a table, of words of 32 and 64 bits."""
    return markdown(dma_map.dma_registers(32, 64))


TABLES: dict[str, Callable[[], str]] = {"ports": _ports, "result word": _result, "registers": _registers}
"""What writes each generated table of the accelerator's page."""
BOARD_TABLES: dict[str, Callable[[], str]] = {"registers of the DMA": _dma_registers}
"""What writes each generated table of the board's page."""


def with_tables(text: str, tables: Mapping[str, Callable[[], str]] = TABLES) -> str:
    """``text`` with every table of ``tables`` in its part; otherwise as :func:`benchmarks.tables.fill`."""
    return fill(text, {name: write() for name, write in tables.items()}, WRITER)


def driver_registers() -> str:
    """The source of ``offramp_driver/registers.py``: offsets in bytes, fields as mask and lowest bit.

    A register that every exit, gate or counted stream has is there once, with the offset of number 0 and the bytes to the next one's.
    """
    lines = [
        '"""Registers of the accelerator: written by ``python -m benchmarks.register_docs`` from',
        "``hw/control/register_map.py``, not by hand.",
        "",
        "Offsets are in bytes. Of what every exit, gate or counted stream has, number k lies k times the stride further. A field",
        "has the mask of its bits and the number of the lowest one; what each means stands in docs/accelerator.md.",
        '"""',
        "",
        *_identity("OFRP", MAGIC, VERSION, ADDR_WIDTH),
        *_constants(accelerator_registers(exits=2, streams=2, gates=2)),
        "",
        "# What MODE.mode may hold.",
        *(f"MODE_MODE_{name} = {mode.value}" for name, mode in Mode.__members__.items()),
    ]
    return "\n".join(lines) + "\n"


def dma_driver_registers() -> str:
    """The source of ``offramp_driver/dma_registers.py``, as :func:`driver_registers`."""
    lines = [
        '"""Registers of memory reader and writer: written by ``python -m benchmarks.register_docs`` from',
        "``hw/zynq/dma_map.py``, not by hand.",
        "",
        "Offsets are in bytes. A field has the mask of its bits and the number of the lowest one; what each means stands in",
        "docs/board.md.",
        '"""',
        "",
        *_identity("OFRD", dma_map.MAGIC, dma_map.VERSION, dma_map.ADDR_WIDTH),
        *_constants(dma_map.dma_registers(32, 64)),
        "",
        "# What STATUS.reader_error and STATUS.writer_error may hold.",
        *(f"ERROR_{name} = {fault.value}" for name, fault in Fault.__members__.items()),
    ]
    return "\n".join(lines) + "\n"


def _identity(letters: str, magic: int, version: int, addr_width: int) -> list[str]:
    """What tells one map of registers from another, as constants."""
    return [
        f"MAGIC = {magic:#010x}",
        f'"""What ID reads: the letters {letters}."""',
        f"MAP_VERSION = {version}",
        '"""Version of the register map that these constants describe: what VERSION reads."""',
        f"SPAN = {1 << addr_width:#x}",
        '"""Bytes of the address space that the registers have."""',
        "",
    ]


def _constants(declared: Sequence[Register]) -> list[str]:
    """Offsets, strides and fields of the registers as constants."""
    lines = []
    offsets = {item.name: item.offset for item in declared}
    for item in declared:
        many = re.fullmatch(r"(.*)_(\d+)", item.name)
        if many and many[2] != "0":
            continue
        name = many[1] if many else item.name
        lines.append(f"{name} = {item.offset:#05x}")
        if many:
            lines.append(f"{name}_STRIDE = {offsets[f'{name}_1'] - item.offset:#x}")
        for field in item.fields:
            lines += [f"{name}_{field.name.upper()} = {((1 << field.bits) - 1) << field.lsb:#x}",
                      f"{name}_{field.name.upper()}_LSB = {field.lsb}"]
    return lines


if __name__ == "__main__":
    write_text(PAGE, with_tables(PAGE.read_text(encoding="utf-8")))
    write_text(BOARD_PAGE, with_tables(BOARD_PAGE.read_text(encoding="utf-8"), BOARD_TABLES))
    write_text(DRIVER, driver_registers())
    write_text(DMA_DRIVER, dma_driver_registers())
