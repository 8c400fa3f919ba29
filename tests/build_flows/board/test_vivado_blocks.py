"""Commands for block designs, one by one: what they answer, and what they refuse before the design itself is asked."""

from pathlib import Path

import pytest

from build_flows.board.vivado_commands import Refused, Word
from build_flows.board.vivado_model import VivadoModel

DMA, CONCAT = "xilinx.com:ip:axi_dma:7.1", "xilinx.com:ip:xlconcat:2.1"


@pytest.fixture
def run(tmp_path):
    """Runs commands on a model with an empty block design open."""
    model = VivadoModel()

    def run(command: str, *words: str) -> list[str] | str:
        return model.run(command, [Word(word, tuple(word.split())) for word in words], tmp_path)

    run("create_project", "-force", "toy", "project", "-part", "xc7z020clg400-1")
    run("create_bd_design", "toy_1")
    return run


def test_objects_have_vivados_names(run):
    assert run("create_bd_cell", "-type", "ip", "-vlnv", DMA, "dma") == ["/dma"]
    assert run("get_bd_cells", "dma") == ["/dma"]
    assert run("get_bd_pins", "dma/axi_resetn") == run("get_bd_pins", "/dma/axi_resetn") == ["/dma/axi_resetn"]
    assert run("get_bd_intf_pins", "dma/S_AXI_LITE") == ["/dma/S_AXI_LITE"]
    assert run("get_bd_addr_segs", "dma/S_AXI_LITE/Reg") == ["/dma/S_AXI_LITE/Reg"]
    assert run("get_bd_addr_spaces", "dma/Data_MM2S") == ["/dma/Data_MM2S"]
    assert run("create_bd_intf_port", "-mode", "Master", "-vlnv", "xilinx.com:interface:ddrx_rtl:1.0", "DDR") == ["/DDR"]
    assert run("get_bd_intf_ports", "DDR") == ["/DDR"]
    assert run("get_ipdefs", "-quiet", "-all", DMA) == [DMA]
    assert run("get_ipdefs", "-all", "xilinx.com:ip:axi_dma:9.9") == []


def test_parameters_are_set_together(run):
    run("create_bd_cell", "-type", "ip", "-vlnv", CONCAT, "concat")
    with pytest.raises(Refused, match="concat has no pin In2"):
        run("get_bd_pins", "concat/In2")
    run("set_property", "-dict", "CONFIG.NUM_PORTS 3", "/concat")
    assert run("get_bd_pins", "concat/In2") == ["/concat/In2"]
    with pytest.raises(Refused, match="a cell has no NUM_PORTS"):
        run("set_property", "-dict", "NUM_PORTS 3", "/concat")
    with pytest.raises(Refused, match=r"no object to set CONFIG\.NUM_PORTS of"):
        run("set_property", "-dict", "CONFIG.NUM_PORTS 3", "")


@pytest.mark.parametrize(("words", "message"), [
    (("create_bd_cell", "-type", "ip", "-vlnv", "xilinx.com:ip:axi_gpio:2.0", "gpio"), "there is no xilinx.com:ip:axi_gpio:2.0"),
    (("create_bd_cell", "-type", "hier", "group"), "create_bd_cell: -type hier"),
    (("create_bd_cell", "-type", "module", "-reference", "top", "top_0"), "no Verilog file added has a module top"),
    (("create_bd_design", "1st"), "create_bd_design: 1st is no name"),
    (("create_bd_intf_port", "-mode", "Slave", "-vlnv", "v", "DDR"), "create_bd_intf_port: -mode Slave"),
    (("get_bd_intf_ports", "DDR"), "no port is called DDR"),
    (("get_bd_cells", "dma"), "no cell is called dma"),
    (("assign_bd_address", "-offset", "64K", "-range", "4096", "-target_address_space", "s", "seg"), "-offset 64K is no number"),
    (("generate_target", "all", "toy_1.bd"), "generate_target: it needs all, and a valid block design"),
])
def test_what_is_refused(run, words, message):
    with pytest.raises(Refused, match=message):
        run(*words)


def test_without_a_block_design():
    with pytest.raises(Refused, match="no block design is open"):
        VivadoModel().run("validate_bd_design", [], Path())
