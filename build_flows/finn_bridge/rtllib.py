"""FINN's RTL library as the units need it: a copy with a few documented edits, so that open tools read it.

The installed package is never touched. Every edit must find its text exactly as often as stated; a FINN whose library has changed there is
an error, so a fault can neither come back nor be patched twice unseen. Licence headers stay.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from build_flows.finn_bridge.errors import CompileError

__all__ = ["EDITS", "LIBRARY", "Edit", "copy_library"]

__tools__ = ("finn-plus",)

LIBRARY: dict[str, tuple[str, ...]] = {
    "FMPadding_rtl": ("fmpadding/hdl/axi2we.sv", "fmpadding/hdl/fmpadding.sv", "fmpadding/hdl/fmpadding_axi.sv"),
    "ConvolutionInputGenerator_rtl": ("swg/swg_pkg.sv", "swg/swg_common.sv"),
    "MVAU_rtl": (
        "mvu/mvu_pkg.sv", "mvu/add_multi.sv", "mvu/replay_buffer.sv", "mvu/mvu.sv", "mvu/mvu_vvu_8sx9_dsp58.sv", "mvu/mvu_vvu_axi.sv",
        "axi/hdl/axilite.sv", "memstream/hdl/memstream.sv", "memstream/hdl/memstream_axi.sv",
    ),
    "Thresholding_rtl": ("axi/hdl/axilite.sv", "thresholding/hdl/thresholding.sv", "thresholding/hdl/thresholding_axi.sv"),
    "StreamingDataWidthConverter_rtl": ("dwc/hdl/vpc.sv", "dwc/hdl/dwc_axi.sv"),
}
"""Library files of each FINN operation, a file after those it needs."""


@dataclass(frozen=True)
class Edit:
    """In ``file``, replace ``old`` (found ``times`` times) by ``new``; ``why`` says what it mends."""

    file: str
    old: str
    new: str
    why: str
    times: int = 1


_LEAF_LOADS = """\
		typedef int unsigned  leaf_load_t[2*N-1];
		function leaf_load_t init_leaf_loads();
			automatic leaf_load_t  res;
			for(int unsigned  i = 2*N-1; i-- > N-1;)  res[i] = 1;
			for(int unsigned  i =   N-1; i-- >   0;)  res[i] = res[2*i+1] + res[2*i+2];
			return  res;
		endfunction : init_leaf_loads
"""

_COMMON = """\
	function int unsigned gcd(input int unsigned  a, input int unsigned  b);
		return  b == 0? a : gcd(b, a % b);
	endfunction : gcd

"""

_SMALL = "Yosys knows the attribute in small letters only, and makes LUTs of a memory that should be block RAM"

EDITS: tuple[Edit, ...] = (
    Edit("mvu/add_multi.sv", _LEAF_LOADS, "", "a constant function inside a generate block stops Verilator and slang"),
    Edit(
        "mvu/add_multi.sv",
        "	uwire [SUM_WIDTH-1:0]  sum0;\n",
        _LEAF_LOADS.replace("\t\t", "\t", 1).replace("\n\t\t", "\n\t") + "\n	uwire [SUM_WIDTH-1:0]  sum0;\n",
        "so it stands in the module",
    ),
    Edit(
        "mvu/mvu.sv", "		initial begin\n			#100ns;\n			Dirty <= 0;\n		end\n", "		initial  Dirty = 0;\n",
        "a delay has no place in synthesis, nor in a simulation without timing",
    ),
    Edit(
        "mvu/mvu_vvu_axi.sv", "MAX_IN_FLIGHT = CORE_PIPELINE_DEPTH;", "MAX_IN_FLIGHT = CORE_PIPELINE_DEPTH + 2;",
        "input stops two cycles after output stalls: a unit that gives a result every cycle then overflows its output queue",
    ),
    Edit(
        "thresholding/hdl/thresholding.sv", "p.ptr[M-1:SN+1] < 2**stage - SCOPE_REDUCE",
        "(p.ptr[M-1:0] >> (SN+1)) < 2**stage - SCOPE_REDUCE", "the part-select is reversed at stage 0, which stops slang",
    ),
    Edit("thresholding/hdl/thresholding.sv", "(* RAM_STYLE = RAM_STYLE *)", "(* ram_style = RAM_STYLE *)", _SMALL),
    Edit("thresholding/hdl/thresholding.sv", ", RAM_STYLE = RAM_STYLE *)", ", ram_style = RAM_STYLE *)", _SMALL),
    Edit("memstream/hdl/memstream.sv", "(* RAM_STYLE = RAM_STYLE *)", "(* ram_style = RAM_STYLE *)", _SMALL),
    Edit(
        "dwc/hdl/dwc_axi.sv", "	vpc #(.W(1), .N(IBITS * OBITS),", _COMMON + "	vpc #(.W(1), .N(IBITS / gcd(IBITS, OBITS) * OBITS),",
        "beats that are a whole number of the other side's take a plain shift register then, not a barrel: a quarter of the LUTs",
    ),
    Edit(
        "swg/swg_common.sv", "        if (DEPTH > 1) Data[DEPTH-1:1] <= Data[DEPTH-2:0];\n",
        "        // verilator lint_off SELRANGE\n        if (DEPTH > 1) Data[DEPTH-1:1] <= Data[DEPTH-2:0];\n"
        "        // verilator lint_on SELRANGE\n",
        "a window one column wide has a buffer of one place, and Verilator looks at the branch that is not taken",
    ),
    Edit("dwc/hdl/vpc.sv", "`default_nettype none\n", "", "a directive inside a module stops slang"),
    Edit("dwc/hdl/vpc.sv", "`default_nettype wire\n", "", "a directive inside a module stops slang"),
)


def copy_library(operations: set[str], rtl_dir: Path) -> dict[str, tuple[str, ...]]:
    """Copy what ``operations`` (FINN op types) need into ``rtl_dir/finn``, edited; operations that need nothing are passed over.

    Returns each operation's files, relative to ``rtl_dir``, in the order in which to compile them. Raises :class:`CompileError` when an
    edit does not apply.
    """
    source = _installed()
    placed = {op: tuple(f"finn/{Path(name).name}" for name in LIBRARY[op]) for op in operations if op in LIBRARY}
    (rtl_dir / "finn").mkdir(parents=True, exist_ok=True)
    for name in sorted({name for op in placed for name in LIBRARY[op]}):
        text = (source / name).read_text(encoding="utf-8")
        for edit in EDITS:
            if edit.file == name:
                if text.count(edit.old) != edit.times:
                    raise CompileError(
                        f"FINN's {name} must hold {edit.old.strip().splitlines()[0]!r} {edit.times} times, not {text.count(edit.old)}: "
                        "this version of FINN has another RTL library"
                    )
                text = text.replace(edit.old, edit.new)
        (rtl_dir / "finn" / Path(name).name).write_text(text, encoding="utf-8")
    return placed


def _installed() -> Path:
    spec = importlib.util.find_spec("finn")
    if spec is None or not spec.submodule_search_locations:
        raise CompileError("FINN is not installed")
    return Path(spec.submodule_search_locations[0]) / "finn-rtllib"
