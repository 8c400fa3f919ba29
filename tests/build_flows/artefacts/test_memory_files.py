"""Contents of marked memories go into files; what is left is the same whatever they are."""

import dataclasses
from functools import lru_cache

import pytest
from amaranth.back import verilog

from build_flows.artefacts.memory_files import externalise
from hw.accelerator import Accelerator, build_id
from quant_models.exits.policies import POLICIES, Head
from tests import toy

MEMORY = """module \\top.decision0.pipeline (a);
  (* contents = "bias" *)
  reg [{top}:0] \\U$0  [1:0];
  initial begin
    \\U$0 [0] = {one};
    \\U$0 [1] = {two};
  end
endmodule
"""


@lru_cache
def top(scale: float, thresholds: tuple[int, int], bias: int) -> tuple[str, dict[str, str], int]:
    params = POLICIES["softmax"].constants(Head(classes=3, scale=scale, fixed_bits=17))
    netlist = dataclasses.replace(
        toy.build(None, exits=3, policies=("softmax", "class_threshold", "always"), thresholds=(thresholds[0], 0, 0),
                  params=(params, {"score": "margin", "thresholds": [3, thresholds[1], 5]}, {}), biases=((0, bias, 0),) * 3),
        exchangeable=True,
    )
    found = externalise(verilog.convert(Accelerator(netlist), name="accelerator", emit_src=False, strip_internal_attrs=True))
    return *found, build_id(netlist)


@pytest.mark.slow
def test_other_heads_change_files_alone() -> None:
    (first, contents, build), (second, others, _) = top(0.01, (300, 4), 0), top(0.3, (500, 7), -9)
    assert first == second
    assert sorted(contents) == sorted(others) == [
        "memories/accelerator_settings.dat", *(f"memories/decision0_{name}.dat" for name in ("bias", "exponents0", "exponents1",
                                                                                              "exponents2")),
        "memories/decision1_bias.dat", "memories/decision1_thresholds.dat", "memories/decision2_bias.dat",
    ]
    assert all(contents[name] != others[name] for name in contents if not name.endswith("exponents2.dat"))
    assert contents["memories/accelerator_settings.dat"] == f"{build:08x}\n{300:08x}\n{0:08x}\n{0:08x}\n"
    assert others["memories/decision1_bias.dat"].splitlines()[0] == "0000fff70000"
    assert first.count("$readmemh(\"memories/decision0_exponents0.dat\"") == 3


def test_words_of_any_base() -> None:
    text, files = externalise(MEMORY.format(top=31, one="32'd17", two="32'hff"))
    assert files == {"memories/decision0_bias.dat": "00000011\n000000ff\n"}
    assert 'initial $readmemh("memories/decision0_bias.dat", \\U$0 );' in text
    assert externalise("module plain;\n  reg [3:0] a [1:0];\nendmodule\n")[1] == {}


def test_memories_of_one_unit_are_called_after_it() -> None:
    text, files = externalise(MEMORY.format(top=7, one="8'h01", two="8'h02").replace("top.decision0", "head0_fc0.unit"), "head0_fc0")
    assert files == {"memories/head0_fc0_bias.dat": "01\n02\n"}
    assert 'initial $readmemh("memories/head0_fc0_bias.dat"' in text


@pytest.mark.parametrize(("text", "message"), [
    (MEMORY.format(top=7, one="8'h01", two="8'bxx"), "a memory marked contents is not written as expected"),
    (MEMORY.format(top=7, one="8'h01", two="8'h02").replace("[1] =", "[3] ="), "rows of memories/decision0_bias.dat are not in order"),
    (MEMORY.format(top=7, one="8'h01", two="8'h02") + MEMORY.format(top=7, one="8'h01", two="8'h03"),
     "two memories called memories/decision0_bias.dat hold different things"),
])
def test_what_is_not_as_expected(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        externalise(text)
