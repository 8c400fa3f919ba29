from amaranth.back import verilog

from hw.layers.dsp_chain import DspChain
from sim.tools.primitives import primitives
from sim.tools.verilator import HDL

CHAIN = verilog.convert(DspChain(4, False, 4, 2), name="chain", emit_src=False, strip_internal_attrs=True)
FINN = "module mvu;\n  case(VERSION)\n    DSP48E1: DSP48E1 #(\n    ) dsp ();\n  endcase\nendmodule\n"


def test_a_model_is_there_where_its_primitive_is_instantiated_and_nowhere_else(tmp_path):
    ours, plain, theirs = (tmp_path / name for name in ("ours.v", "plain.v", "mvu.sv"))
    ours.write_text(CHAIN)
    plain.write_text("// DSP48E1 #( is only named here\nmodule plain; endmodule\n")
    # Verilator takes FINN's own description instead.
    theirs.write_text(FINN)
    assert primitives([plain, theirs]) == primitives([]) == []
    assert primitives([theirs, ours, plain, ours]) == [HDL / "DSP48E1.v"]
