"""Contents of exchangeable memories out of the Verilog and into files of their own (:mod:`hw.exchangeable`)."""

import re

from hw.exchangeable import CONTENTS

__all__ = ["MEMORIES", "externalise"]

MEMORIES = "memories"
"""Their folder, and that of FINN's, below ``rtl/``."""

_MODULE = re.compile(r"^module (\\\S+|\w+)", re.MULTILINE)
_MEMORY = re.compile(
    rf'^ *\(\* {CONTENTS} = "(?P<contents>\w+)" \*\)\n'
    r"(?P<declared> *reg \[\d+:0\] (?P<name>\\\S+ |\w+) *\[\d+:0\];\n)"
    r"(?P<indent> *)initial begin\n(?P<rows>(?: +\S+ ?\[\d+\] = \d+'(?:h[0-9a-f]+|d\d+);\n)+) *end\n",
    re.MULTILINE,
)
_ROW = re.compile(r"\[(\d+)\] = (\d+)'([hd])([0-9a-f]+);")
_MARKED = re.compile(rf'\(\* {CONTENTS} = "')


def externalise(verilog: str, owner: str | None = None) -> tuple[str, dict[str, str]]:
    """``verilog`` as Amaranth writes it, its exchangeable memories read from files; and these, text by name, hexadecimal, a row a line.

    A memory ``bias`` in module ``top.decision0`` or below is ``memories/decision0_bias.dat``, one of the top itself
    ``memories/top_settings.dat``; where all is one unit of the ``owner``'s, any is ``memories/<owner>_bias.dat``. Raises ValueError for a
    memory that is not as expected, and when two of one name hold different things: a fault of ours.
    """
    files: dict[str, str] = {}
    starts = [(match.start(), match[1].lstrip("\\")) for match in _MODULE.finditer(verilog)]

    def moved(match: re.Match[str]) -> str:
        path = [name for start, name in starts if start < match.start()][-1].split(".")
        file = f"{MEMORIES}/{owner or path[min(1, len(path) - 1)]}_{match['contents']}.dat"
        rows = _ROW.findall(match["rows"])
        if [int(index) for index, *_ in rows] != list(range(len(rows))):
            raise ValueError(f"rows of {file} are not in order")
        # Yosys writes words of 32 bits as decimal numbers.
        text = "".join(f"{int(value, 16 if base == 'h' else 10):0{-(-int(bits) // 4)}x}\n" for _, bits, base, value in rows)
        if files.setdefault(file, text) != text:
            raise ValueError(f"two memories called {file} hold different things")
        return f'{match["declared"]}{match["indent"]}initial $readmemh("{file}", {match["name"]});\n'

    found = _MEMORY.sub(moved, verilog)
    if _MARKED.search(found):
        raise ValueError(f"a memory marked {CONTENTS} is not written as expected")
    return found, files
