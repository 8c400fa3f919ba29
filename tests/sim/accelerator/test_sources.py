import pytest
from amaranth.back import verilog

from hw.layers.dsp_chain import DspChain
from sim.accelerator.sources import accelerator_sources
from sim.errors import BuildError
from sim.tools.verilator import HDL


def test_the_list_with_the_models_that_it_needs(tmp_path, monkeypatch):
    (tmp_path / "rtl").mkdir()
    plain, chain = tmp_path / "rtl" / "plain.v", tmp_path / "rtl" / "chain.v"
    plain.write_text("module plain; endmodule\n")
    chain.write_text(verilog.convert(DspChain(4, False, 4, 2), name="chain", emit_src=False, strip_internal_attrs=True))
    (tmp_path / "rtl" / "filelist.f").write_text("+incdir+headers\nplain.v\n")
    monkeypatch.chdir(tmp_path)
    rtl = plain.parent.relative_to(tmp_path)
    assert accelerator_sources(rtl) == ([plain], [tmp_path / "rtl" / "headers"])
    (tmp_path / "rtl" / "filelist.f").write_text("plain.v\nchain.v\n")
    assert accelerator_sources(rtl) == ([plain, chain, HDL / "DSP48E1.v"], [])


def test_a_source_that_is_missing(tmp_path):
    (tmp_path / "filelist.f").write_text("gone.v\n")
    with pytest.raises(BuildError, match=r"lists gone\.v, which is missing"):
        accelerator_sources(tmp_path)
