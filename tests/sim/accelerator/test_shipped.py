import subprocess

import pytest

from sim.accelerator.protocol import CHECKER
from sim.accelerator.shipped import simulation_files
from sim.tools.verilator import find
from tests.toy_rtl import emit


@pytest.mark.slow
@pytest.mark.cosim
@pytest.mark.parametrize("anytime", [False, True])
def test_the_checker_is_bound_to_a_toy_without_a_warning(tmp_path, anytime):
    rtl = tmp_path / "rtl"
    netlist = emit(rtl, exits=2, anytime=anytime)
    listed = sorted(path.name for path in rtl.iterdir())
    (rtl / "filelist.f").write_text("\n".join(listed))
    files = simulation_files(netlist, rtl)
    assert set(files) == {"protocol_checker.sv", "protocol_checker_bind.sv", "verilator.vlt"}
    assert files["protocol_checker.sv"] == CHECKER.read_text()
    assert not set(files) & set(listed)
    for name, text in files.items():
        (rtl / name).write_text(text)
    tool = find()

    def lint():
        command = [tool.binary, "-Wall", "--lint-only", "-f", "filelist.f", *files, "--top-module", "accelerator"]
        return subprocess.run(command, cwd=rtl, env={"VERILATOR_ROOT": str(tool.root)}, capture_output=True, text=True, check=False).stderr

    assert lint() == ""
    binding = files["protocol_checker_bind.sv"]
    (rtl / "protocol_checker_bind.sv").write_text(binding.replace(".BUS_BITS(32)", ".BUS_BITS(40)"))
    assert "%Warning-WIDTH" in lint()
