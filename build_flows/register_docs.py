"""Keeps the register table of ``docs/accelerator.md`` what the gateware has: ``python -m build_flows.register_docs`` rewrites it."""

from pathlib import Path

from hw.register_map import accelerator_registers
from hw.registers import markdown

__all__ = ["BEGIN", "END", "PAGE", "with_table"]

PAGE = Path(__file__).parent.parent / "docs" / "accelerator.md"
BEGIN = "<!-- registers: written by python -m build_flows.register_docs -->\n"
END = "<!-- end of registers -->\n"
EXITS = 2
"""Of the accelerator whose registers are shown; it has a gate less, and counts its input, output, gates and exits."""


def with_table(text: str) -> str:
    """``text`` with the register table between :data:`BEGIN` and :data:`END`; :class:`ValueError` when it has not one of each."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"the page must have one {BEGIN.strip()!r} and one {END.strip()!r}")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    table = markdown(accelerator_registers(exits=EXITS, streams=2 * EXITS + 1, gates=EXITS - 1))
    return f"{before}{BEGIN}{table}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
