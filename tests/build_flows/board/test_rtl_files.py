"""The accelerator's files: in compile order, with all they read, by names that hold where they lie."""

import pytest

from build_flows.base.errors import OfframpError
from build_flows.board.rtl_files import read_rtl

TOP = """module accelerator(ap_clk);
  wire a;
  conv0 \\conv0.unit  (
    .x(a));
  head #(.N(2)) head_1 (
    .x(a));
  not_a_root_but_a_wire = a;
endmodule
"""


@pytest.fixture
def rtl(tmp_path):
    for name, text in {
        "filelist.f": "finn/b.sv // second\nunits/a.v\n+incdir+finn\naccelerator.v\n", "finn/b.sv": "module inner #(\n)();\nendmodule\n",
        "units/a.v": 'module conv0(x);\n inner #(.F("./memories/conv0.dat")) i();\nendmodule\nmodule head(x);\nendmodule\n',
        "accelerator.v": TOP, "finn/shared.svh": "`define A 1\n", "memories/conv0.dat": "00\n", "memories/extra.dat": "11\n",
        "protocol_checker.sv": "module protocol_checker;\nendmodule\n", "verilator.vlt": "x\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_what_there_is(rtl):
    found = read_rtl(rtl)
    assert found.sources == ("finn/b.sv", "units/a.v", "accelerator.v")
    assert found.system == ("finn/b.sv", "units/a.v")
    assert found.headers == ("finn/shared.svh",)
    assert found.data == ("memories/conv0.dat", "memories/extra.dat")
    assert found.includes == ("finn",)
    assert found.roots == ("conv0", "head")
    assert list(found.files) == [*found.sources, *found.headers, *found.data]
    assert found.files["memories/extra.dat"] == b"11\n"


def test_headers_at_the_top(rtl):
    (rtl / "top.svh").write_text("")
    assert read_rtl(rtl).includes == ("finn", ".")


def test_an_accelerator_of_plain_verilog_alone(rtl):
    (rtl / "filelist.f").write_text("accelerator.v\n")
    assert read_rtl(rtl).roots == ()


@pytest.mark.parametrize(("name", "text", "told"), [
    ("filelist.f", None, "filelist.f cannot be read"),
    ("finn/b.sv", None, "lists finn/b.sv, which is missing"),
    ("filelist.f", "units/a.v\n", "lists no accelerator.v"),
    ("memories/conv0.dat", None, "a.v reads memories/conv0.dat, which is not in"),
    ("filelist.f", '"units/a b.v"\naccelerator.v\n', "a file of rtl/ must lie in it, and have a name of letters"),
    ("filelist.f", "../outside.v\naccelerator.v\n", "a file of rtl/ must lie in it"),
])
def test_a_folder_that_is_not_whole(rtl, name, text, told):
    (rtl / "units" / "a b.v").write_text("")
    (rtl.parent / "outside.v").write_text("")
    if text is None:
        (rtl / name).unlink()
    else:
        (rtl / name).write_text(text)
    with pytest.raises(OfframpError, match=told):
        read_rtl(rtl)
