from pathlib import Path

import pytest

from build_flows.board.hwh import HwhError, read_hwh

# The elements that are read, as Vivado 2022.1 lays them out; written by hand after a .hwh that PYNQ publishes.
TEXT = """\ufeff<?xml version="1.0" encoding="UTF-8" standalone="no" ?>
<EDKSYSTEM EDWVERSION="1.2" TIMESTAMP="Sat Oct 22 00:35:56 2022" VIVADOVERSION="2022.1">
  <SYSTEMINFO ARCH="zynq" DEVICE="7z020" NAME="base" PACKAGE="clg400" SPEEDGRADE="-1"/>
  <EXTERNALPORTS/>
  <MODULES>
    <MODULE FULLNAME="/group/axi_dma_0" INSTANCE="group_axi_dma_0" MODTYPE="axi_dma" VLNV="xilinx.com:ip:axi_dma:7.1">
      <PARAMETERS>
        <PARAMETER NAME="C_SG_LENGTH_WIDTH" VALUE="23"/>
      </PARAMETERS>
      <BUSINTERFACES>
        <BUSINTERFACE NAME="S_AXI_LITE"><PARAMETER NAME="DATA_WIDTH" VALUE="32"/></BUSINTERFACE>
      </BUSINTERFACES>
      <MEMORYMAP>
        <MEMRANGE BASEVALUE="0x00000000" HIGHVALUE="0x1FFFFFFF" INSTANCE="ps7_0" MASTERBUSINTERFACE="M_AXI_S2MM"/>
      </MEMORYMAP>
    </MODULE>
    <MODULE FULLNAME="/ps7_0" INSTANCE="ps7_0" IS_PL="FALSE" MODTYPE="processing_system7" VLNV="xilinx.com:ip:processing_system7:5.5">
      <PARAMETERS/>
      <MEMORYMAP>
        <MEMRANGE BASEVALUE="0x80430000" HIGHVALUE="0x8043FFFF" INSTANCE="group_axi_dma_0" MASTERBUSINTERFACE="M_AXI_GP1"/>
      </MEMORYMAP>
    </MODULE>
  </MODULES>
</EDKSYSTEM>
"""


def _file(folder: Path, text: str) -> Path:
    path = folder / "some.hwh"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_read(tmp_path: Path) -> None:
    found = read_hwh(_file(tmp_path, TEXT))
    assert (found.name, found.part, found.version) == ("base", "xc7z020clg400-1", "2022.1")
    assert found.kinds == {"group_axi_dma_0": "axi_dma", "ps7_0": "processing_system7"}
    assert found.parameters == {"group_axi_dma_0": {"C_SG_LENGTH_WIDTH": "23"}, "ps7_0": {}}
    assert found.ranges == {"group_axi_dma_0": (0x8043_0000, 0x1_0000)}


@pytest.mark.parametrize(("text", "message"), [
    ("", "is no .hwh file"),
    (TEXT[:700], "is no .hwh file"),
    ("<html/>", "is no .hwh file of a design"),
    (TEXT.replace("processing_system7", "zynq_ultra_ps_e"), "with one processing system7"),
    (TEXT.replace("0x8043FFFF", "high"), "group_axi_dma_0 has the address range 0x80430000 to high"),
])
def test_other_files_are_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(HwhError, match=message):
        read_hwh(_file(tmp_path, text))


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(HwhError, match=r"none\.hwh: No such file"):
        read_hwh(tmp_path / "none.hwh")
