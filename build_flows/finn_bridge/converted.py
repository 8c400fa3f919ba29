"""One of our units as Verilog, from what it is made of: what takes longest of a unit, and needs nothing of FINN's."""

from functools import partial
from typing import Any

from build_flows.artefacts.memory_files import externalise
from build_flows.finn_bridge.errors import CompileError
from hw.streams.axis import axis_verilog

__all__ = ["converted"]


def converted(recipe: partial[Any], name: str) -> tuple[str, dict[str, str]]:
    """Verilog of the component that ``recipe`` makes, which has an input stream ``i`` and an output stream ``o``, or arrays of them, as the
    module ``name`` with the ports of a FINN unit; and what stands in its exchangeable memories, by file. Raises :class:`CompileError` that
    names the unit when it cannot be made."""
    try:
        component = recipe()
        inputs, outputs = (
            {f"{side}{index}_V": stream for index, stream in enumerate(end if isinstance(end, list) else [end])}
            for side, end in (("in", component.i), ("out", component.o))
        )
        return externalise(axis_verilog(component, name, inputs=inputs, outputs=outputs), name)
    except Exception as error:
        raise CompileError(f"{name}: it cannot be generated: {error}") from error
