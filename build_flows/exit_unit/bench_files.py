"""The files beside the static bench: its parameters and the vectors, as text that Verilog reads."""

from collections.abc import Iterable

from amaranth.utils import ceil_log2

from build_flows.exit_unit.vectors import Rule, Vectors, Write
from hw.control.registers import offsets
from hw.exits.unit import ExitUnit

__all__ = ["bench_files"]

_PORTS = {"threshold": 0, "enable": 1, "mode": 2, "class_value": 3}
"""How the bench numbers what the host sets where there are ports instead of registers."""
_REGISTERS = {"threshold": "THRESHOLD", "enable": "ENABLE", "mode": "MODE", "class_value": "CLASS_THRESHOLD"}


def bench_files(unit: ExitUnit, vectors: Vectors, module: str, initial: Rule) -> dict[str, str]:
    """``{name: text}`` of ``unit.vh`` and the ``.hex`` files, one value a line; ``initial`` is what the unit starts with."""
    widths = {pin.name: pin.bits for pin in unit.pins}
    bits, acc_bits = widths["s_axis_logits_tdata"], unit.decision.acc_bits
    files = {
        "logits.hex": _lines((_pack(row[at:at + unit.decision.pe], acc_bits) for row in vectors.logits.tolist()
                              for at in range(0, unit.decision.classes, unit.decision.pe)), bits),
        "results.hex": _lines(vectors.results.tolist(), 32),
    }
    sides = [("gate", vectors.gate, "s_axis_gate_tdata"), ("token_i", vectors.tokens, "s_axis_token_tdata")]
    for name, values, port in sides:
        if values is not None:
            files[f"{name}.hex"] = _lines(values.tolist(), widths[port])
    gives = "m_axis_token_tdata" in widths
    if gives:
        files["token_o.hex"] = _lines([*vectors.given, 0], widths["m_axis_token_tdata"])
    writes = [word for write in vectors.writes for word in _words(unit, write)]
    files["writes.hex"] = _lines([*writes, 0], 96)
    reads = _reads(unit, vectors)
    if reads:
        files["reads.hex"] = _lines([*reads, 0], 64)
    threshold = widths.get("threshold", widths.get("class_value", 1))
    samples = len(vectors)
    defines: dict[str, object] = {
        "U_MODULE": module, "U_BEATS": unit.beats, "U_LATENCY": unit.latency, "U_LOGITS_BITS": bits, "U_SAMPLES": samples,
        "U_WRITES": len(writes), "U_READS": len(reads), "U_LATE": int(unit.has_classes),
        "U_GATES": samples if vectors.gate is not None else 0, "U_GATE_BITS": widths.get("s_axis_gate_tdata", 8),
        "U_TOKENS": samples if vectors.tokens is not None else 0, "U_GIVEN": len(vectors.given),
        "U_TOKEN_BITS": widths.get("m_axis_token_tdata", 8), "U_INDEX_BITS": ceil_log2(unit.decision.classes),
        "U_THRESHOLD_BITS": threshold, "U_THRESHOLD_INIT": f"{threshold}'h{initial.threshold & (1 << threshold) - 1:x}",
        "U_ENABLE_INIT": f"1'b{initial.enable}",
    }
    if unit.registers:
        defines["U_CONTROL"] = f"6'h{offsets(unit.registers)['CONTROL']:x}"
    flags = {"U_AXI4LITE": unit.registers, "U_HAS_THRESHOLD": unit.has_threshold, "U_HAS_CLASSES": unit.has_classes,
             "U_HAS_GATE": vectors.gate is not None, "U_HAS_TOKEN_I": vectors.tokens is not None, "U_HAS_TOKEN_O": gives}
    lines = ["// What exit_unit_bench.v has to know of the unit and of its vectors."]
    lines += [f"`define {name} {value}" for name, value in defines.items()] + [f"`define {name}" for name, there in flags.items() if there]
    return {"unit.vh": "\n".join(lines) + "\n", **files}


def _lines(values: Iterable[int], bits: int) -> str:
    """Hexadecimal words of ``bits`` bits, two's complement, one a line. Lists that may be empty are given with a 0 at their end."""
    digits, mask = -(-bits // 4), (1 << bits) - 1
    return "\n".join(f"{value & mask:0{digits}x}" for value in values) + "\n"


def _pack(values: list[int], bits: int) -> int:
    return sum((value & (1 << bits) - 1) << lane * bits for lane, value in enumerate(values))


def _words(unit: ExitUnit, write: Write) -> list[int]:
    """A write as the bench has it: before which sample, where, of which class, what."""
    if not unit.registers:
        return [write.at << 64 | _PORTS[write.name] << 48 | write.index << 32 | write.value & 0xFFFFFFFF]
    offset = offsets(unit.registers)
    words = [offset[_REGISTERS[write.name]] << 48 | write.value & 0xFFFFFFFF]
    if write.name == "class_value":
        words.insert(0, offset["CLASS_INDEX"] << 48 | write.index)
    return [write.at << 64 | word for word in words]


def _reads(unit: ExitUnit, vectors: Vectors) -> list[int]:
    """What every register but those of classes reads when the vectors are through."""
    counts = {"SAMPLES": len(vectors), "LEFT": vectors.left}
    return [item.offset << 32 | counts.get(item.name, item.init) & 0xFFFFFFFF for item in unit.registers
            if item.name not in ("CLASS_INDEX", "CLASS_THRESHOLD")]
