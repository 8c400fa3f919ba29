"""Compilation is relocatable and deterministic, and builds what was measured."""

import json
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from build_flows.finn_bridge.finn_folding import finn_folding
from build_flows.planning.folding_file import read_toml
from build_flows.planning.read_network import read_network
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import compile
from hw.netlist import Netlist, load
from quant_models.exits.records import ExitsFile
from sim.tools.verilator import find
from tests.build_flows.alone import alone, work_of
from tests.build_flows.uis import Listening

pytestmark = pytest.mark.cosim


def files(folder: Path) -> dict[str, bytes]:
    return {item.relative_to(folder).as_posix(): item.read_bytes() for item in sorted(folder.rglob("*")) if item.is_file()}


def compiled(project: Project, work: Path) -> Listening:
    ui, output = Listening(), project.output
    alone(project, compile.step(project, output / "model.onnx", output / "golden.npz", output / "exits.json"), work, ui)
    return ui


@pytest.mark.slow
def test_the_same_inputs_give_the_same_bytes_in_any_folder(tiny: Project, tmp_path: Path) -> None:
    work = tmp_path / "quite" / "another-place"
    compiled(tiny, work)
    for name in ("rtl", "netlist.json", "folding.toml", "sizing.json", "dataflow.onnx"):
        first, second = tiny.output / name, work / name
        if first.is_dir():
            assert files(first) == files(second)
        else:
            assert first.read_bytes() == second.read_bytes(), name
    written = b"".join(files(work / "rtl").values()) + (work / "netlist.json").read_bytes() + (work / "dataflow.onnx").read_bytes()
    for place in (work, tiny.output, Path.home(), Path(__file__).parents[3]):
        if len(place.parts) > 2:
            assert str(place).encode() not in written
    assert b"/tmp/" not in written


def test_the_netlist_holds_what_was_measured(tiny: Project) -> None:
    netlist: Netlist = load((tiny.output / "netlist.json").read_text())
    sizing = json.loads((tiny.output / "sizing.json").read_text())
    depths = {item.name: item.depth for item in netlist.streams}
    assert {name: item["depth"] for name, item in sizing["fifos"].items()}.items() <= depths.items()
    assert all(item["depth"] > item["reached"] or item["depth"] >= 2 for item in sizing["fifos"].values())
    assert [gate.frames for gate in netlist.gates] == [gate["frames"] for gate in sizing["gates"]]
    assert all(stage["interval"] <= stage["target"] for stage in sizing["stages"])
    assert netlist.stages[0].target_cycles == sizing["cycles_per_sample"] == 512
    assert sizing["auto"] is False
    exits = json.loads((tiny.output / "exits.json").read_text())["exits"]
    assert [(item.policy, item.threshold) for item in netlist.exits] == [(item["policy"], item["threshold"]) for item in exits]
    listed = (tiny.output / "rtl" / "filelist.f").read_text().splitlines()
    assert listed[-1] == "accelerator.v"
    assert all((tiny.output / "rtl" / name).is_file() for name in listed)


def test_the_pace_is_found_where_none_is_asked_for(tiny: Project, tmp_path: Path) -> None:
    """The same as without a file of one's own, and then that of this file."""
    text = tiny.file.read_text().replace("cycles_per_sample = 512", 'cycles_per_sample = "auto"')
    assert '"auto"' in text
    (tmp_path / "digits.npz").symlink_to(tiny.file.parent / "digits.npz")
    output = tiny.output

    def found(text: str) -> tuple[compile.Plan, Listening]:
        (tmp_path / "config.toml").write_text(text)
        made, ui = load_config(tmp_path / "config.toml"), Listening()
        step = compile.step(made, output / "model.onnx", output / "golden.npz", output / "exits.json")
        calibrated = ExitsFile.load(output / "exits.json").exits
        return compile.make_plan(step.settings, step.inputs, calibrated, work_of(made, tmp_path, ui, step)), ui

    plan, ui = found(text)
    assert plan.cycles == plan.folding.targets[0] == 100
    assert plan.folding.exceeds() == []
    assert ui.said == [plan.note] == [
        'target.cycles_per_sample = "auto": 100 cycles a sample, the fewest whose folding fits xc7z020clg400-1 by the estimate'
    ]
    plan, ui = found(text.replace('"optimal"', f'"{output / "folding.toml"}"'))
    assert ui.said[0].endswith(f'cycles a sample, those of build.folding = "{output / "folding.toml"}"')
    written = tomllib.loads((output / "folding.toml").read_text())
    assert plan.folding.as_dict() == {name: table for name, table in written.items() if name != "version"}
    assert plan.cycles == plan.folding.stage_cycles(0) <= 512
    plan, ui = found(tiny.file.read_text())
    assert (plan.cycles, plan.note, ui.said) == (512, None, [])


@pytest.mark.slow
def test_the_rtl_gives_no_warning(tiny: Project) -> None:
    """As it is shipped: what is synthesised alone, and with the checker of its ports."""
    rtl, tool = tiny.output / "rtl", find()
    listed = (rtl / "filelist.f").read_text().split()
    others = sorted(path.relative_to(rtl).as_posix() for path in rtl.rglob("*") if path.is_file() and path.parent.name != "memories")
    checker = ["protocol_checker.sv", "protocol_checker_bind.sv"]
    assert others == sorted([*listed, *checker, "filelist.f", "verilator.vlt"])
    for more in ([], checker):
        command = [tool.binary, "-Wall", "--lint-only", "-f", "filelist.f", "verilator.vlt", *more, "--top-module", "accelerator"]
        ran = subprocess.run(command, cwd=rtl, env={"VERILATOR_ROOT": str(tool.root)}, capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.slow
def test_too_few_samples_in_flight_are_warned_of(copy, tmp_path: Path) -> None:
    project = copy()
    text = project.file.read_text()
    project.file.write_text(text.replace("[build]\n", '[build]\nmax_in_flight = 2\norder = "input"\n'))
    ui = compiled(load_config(project.file), tmp_path / "work")
    assert any(line.startswith("warning: build.max_in_flight = 2 may set the pace; ") for line in ui.said)
    netlist = load((tmp_path / "work" / "netlist.json").read_text())
    assert (netlist.max_in_flight, netlist.order) == (2, "input")


@pytest.mark.slow
def test_finns_own_folding_compiles_too(copy: Callable[..., Project], tmp_path: Path) -> None:
    project = copy(folding='"finn"')
    compiled(project, tmp_path / "work")
    found = read_toml(tmp_path / "work" / "folding.toml", read_network(project.output / "golden.npz"))
    targets = [stage["target"] for stage in json.loads((tmp_path / "work" / "sizing.json").read_text())["stages"]]
    assert found == finn_folding(project.output / "model.onnx", project.output / "golden.npz", targets, project.config.part)
    assert found != read_toml(project.output / "folding.toml", read_network(project.output / "golden.npz"))
