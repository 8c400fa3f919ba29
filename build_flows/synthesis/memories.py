"""Where a unit's memories ended: block RAM, LUT RAM, shift registers, flip-flops or plain logic, and where they were meant to."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Memory", "find_memories", "surprises"]

STYLES = {"block": "block", "distributed": "distributed", "registers": "registers", "logic": "logic"}
"""What a ``ram_style`` or ``rom_style`` attribute asks for, of what can be told apart here."""

_FLIP_FLOP = re.compile(r"FD[CPRS]E(_1)?")
_SHIFT_REGISTER = "shift register"


@dataclass(frozen=True, kw_only=True)
class Memory:
    """A memory of ``words`` words of ``bits`` bits; ``writable`` or only read.

    ``wanted`` is what an attribute in the RTL asks for (``block``, ``distributed``, ``shift register``; ``auto``: nothing); ``found`` what
    the synthesiser made of it: ``block``, ``distributed``, ``shift register``, ``registers``, or ``logic`` (a table in LUTs; nothing at
    all where it has been optimised away).
    """

    name: str
    words: int
    bits: int
    writable: bool
    wanted: str
    found: str

    @property
    def as_wanted(self) -> bool:
        """Whether it ended where it was meant to; a table that is only read and should be ``distributed`` is LUTs all the same."""
        return self.wanted in ("auto", self.found) or (self.wanted == "distributed" and self.found == "logic" and not self.writable)

    def describe(self) -> str:
        """One line: what it is, what was asked for and what came out."""
        return f"{self.name} ({self.words} x {self.bits} bits): {self.wanted} was asked for, {self.found} came out"


def find_memories(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Memory, ...]:
    """The memories of a design with one module, by name.

    ``before`` is Yosys' JSON of the memories, and of the wires marked ``SHREG_EXTRACT``, before mapping; ``after`` that of the mapped
    netlist.
    """
    (mapped,) = after["modules"].values()
    kinds: dict[str, set[str]] = {}
    for name, cell in mapped["cells"].items():
        kinds.setdefault(name.split("/")[0], set()).add(cell["type"])
    driven = {bit for cell in mapped["cells"].values() if _FLIP_FLOP.fullmatch(cell["type"]) for bit in cell["connections"]["Q"]}
    found = []
    for module in before["modules"].values():
        for cell in module.get("cells", {}).values():
            if cell["type"] in ("$mem", "$mem_v2"):
                found.append(_memory(cell, mapped, kinds))
        for name, net in module.get("netnames", {}).items():
            if str(net["attributes"].get("SHREG_EXTRACT", "")).upper() == "YES":
                bits = mapped["netnames"].get(name, {"bits": []})["bits"]
                left = sum(bit in driven for bit in bits)
                style = "registers" if left > len(net["bits"]) // 2 else _SHIFT_REGISTER
                found.append(Memory(name=name, words=1, bits=len(net["bits"]), writable=True, wanted=_SHIFT_REGISTER, found=style))
    return tuple(sorted(found, key=lambda item: item.name))


def surprises(memories: tuple[Memory, ...]) -> tuple[Memory, ...]:
    """Those that did not end where they were meant to."""
    return tuple(item for item in memories if not item.as_wanted)


def _memory(cell: Mapping[str, Any], mapped: Mapping[str, Any], kinds: Mapping[str, set[str]]) -> Memory:
    parameters, attributes = cell["parameters"], cell["attributes"]
    name = str(parameters["MEMID"]).lstrip("\\")
    asked = next((str(attributes[key]).lower() for key in ("ram_style", "rom_style") if key in attributes), "auto")
    return Memory(
        name=name, words=_number(parameters["SIZE"]), bits=_number(parameters["WIDTH"]), writable=_number(parameters["WR_PORTS"]) > 0,
        wanted=STYLES.get(asked, "auto"), found=_found(name, mapped, kinds),
    )


def _found(name: str, mapped: Mapping[str, Any], kinds: Mapping[str, set[str]]) -> str:
    made = {kind for start, types in kinds.items() if start.startswith((f"{name}.", f"\\{name}.")) for kind in types}
    if any(kind.startswith("RAMB") for kind in made):
        return "block"
    if any(kind.startswith("RAM") for kind in made):
        return "distributed"
    return "registers" if any(_words(name, mapped)) else "logic"


def _words(name: str, mapped: Mapping[str, Any]) -> Iterator[str]:
    """Wires that Yosys makes for the words of a memory in flip-flops: ``name[3]``."""
    return (wire for wire in mapped["netnames"] if re.fullmatch(rf"\\?{re.escape(name)}\[\d+\]", wire))


def _number(value: Any) -> int:
    return int(value, 2) if isinstance(value, str) else int(value)
