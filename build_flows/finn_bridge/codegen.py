"""Verilog of every unit: FINN's code generation into one relocatable folder."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from build_flows.base.workers import call_all
from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.name_layers import Unit
from build_flows.finn_bridge.rtl_layers.amaranth_backend import AmaranthBackend
from build_flows.finn_bridge.rtllib import copy_library

__all__ = ["Generated", "generate"]

UNITS, MEMORIES = "units", "memories"


@dataclass(frozen=True)
class Generated:
    """What was written, relative to the ``rtl/`` folder, by unit: ``sources``, library first, in compile order, and ``memories`` (.dat)."""

    sources: dict[str, tuple[str, ...]]
    memories: dict[str, tuple[str, ...]]


def generate(model: ModelWrapper, units: tuple[Unit, ...], part: str, clock_mhz: float, rtl_dir: Path) -> Generated:
    """Write the units' Verilog to ``rtl_dir/units``, memory contents to ``rtl_dir/memories`` and FINN's library to ``rtl_dir/finn``.

    Memories are named relative to ``rtl_dir``, so tools run with it as working folder (or the ``.dat`` next to where they run). The same
    model gives the same bytes. Raises :class:`CompileError` when FINN refuses a unit or writes something that cannot be moved.
    """
    for part_of in (UNITS, MEMORIES):
        (rtl_dir / part_of).mkdir(parents=True, exist_ok=True)
    nodes = {node.name: node for node in model.graph.node}
    library = copy_library({node.op_type for node in nodes.values()}, rtl_dir)
    sources, memories = {}, {}
    # Ours take nearly all of the time, and each by itself: they are converted on all cores, and FINN's written in this process.
    ops = {unit.name: getCustomOp(nodes[unit.name]) for unit in units}
    ours = {name: op for name, op in ops.items() if isinstance(op, AmaranthBackend)}
    for op, found in zip(ours.values(), call_all([op.conversion(model) for op in ours.values()]), strict=True):
        op.verilog = found
    with tempfile.TemporaryDirectory() as scratch:
        for unit in units:
            node, op = nodes[unit.name], ops[unit.name]
            folder = Path(scratch) / unit.name
            folder.mkdir()
            op.set_nodeattr("code_gen_dir_ipgen", str(folder))
            try:
                op.code_generation_ipgen(model, part, 1000 / clock_mhz)
            except Exception as error:
                raise CompileError(f"{unit.name}: FINN cannot generate it: {error}") from error
            written, data = _place(unit.name, folder, rtl_dir)
            sources[unit.name] = (*library.get(node.op_type, ()), *written)
            memories[unit.name] = data
            _forget(node)
    return Generated(sources, memories)


def _place(name: str, folder: Path, rtl_dir: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    written, data = [], []
    for path in sorted(folder.iterdir()):
        if path.suffix in (".v", ".sv"):
            text = path.read_text(encoding="utf-8")
            text = text.replace(f"{folder}/memblock.dat", f"{MEMORIES}/{name}_memblock.dat")
            text = text.replace(f'"./{name}_"', f'"{MEMORIES}/{name}_"')
            if str(folder.parent) in text or re.search(r'"/[\w/]', text):
                raise CompileError(f"{name}: FINN wrote an absolute path into {path.name}")
            (rtl_dir / UNITS / path.name).write_text(text, encoding="utf-8")
            written.append(f"{UNITS}/{path.name}")
        elif path.suffix == ".dat":
            target = path.name if path.name.startswith(name) else f"{name}_{path.name}"
            (rtl_dir / MEMORIES / target).write_bytes(path.read_bytes())
            data.append(f"{MEMORIES}/{target}")
    return tuple(written), tuple(data)


def _forget(node: object) -> None:
    """Drop the scratch folder's name from the node: it is gone after this, and differs from run to run."""
    attributes = node.attribute  # type: ignore[attr-defined]
    for item in [item for item in attributes if item.name in ("code_gen_dir_ipgen", "ipgen_path", "ip_path")]:
        attributes.remove(item)
