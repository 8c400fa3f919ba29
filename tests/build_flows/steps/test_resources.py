"""resources.json holds what there is of Yosys and of Vivado, and follows both."""

from pathlib import Path

from build_flows.artefacts.resources import Capacity, ResourcesFile
from build_flows.board.built import BITSTREAM, DESCRIPTION
from build_flows.project.load import Project
from build_flows.steps import resources
from build_flows.steps.engine import Build
from hw.netlist import load
from tests.build_flows.board.bitstreams import put_bitstream
from tests.build_flows.board.compiled import SUMS, flow_of
from tests.build_flows.compare_samples import CAPACITY


def made(project: Project) -> tuple[ResourcesFile, list[str]]:
    """What the step leaves of invented figures of synthesis, and the steps that ran."""
    with Build(project.output) as build:
        return flow_of(project, build).synth(), build.ran


def test_what_there_is_of_both(project: Project) -> None:
    put_bitstream(project.output, load((project.output / "netlist.json").read_text()), reports="2022.2")
    found, ran = made(project)
    assert ran == ["resources"]
    assert found == ResourcesFile.load(project.output / "resources.json")
    assert (found.total, found.capacity) == (SUMS, CAPACITY)
    assert found.vivado is not None
    assert found.vivado.utilisation == Capacity(lut=18214, lutram=5160, ff=30122, bram36=8.5, dsp=205)
    assert made(project)[1] == []
    # Another netlist's bitstream says nothing of this one.
    netlist = project.output / "netlist.json"
    netlist.write_text(netlist.read_text().replace('"clock_mhz": 100.0', '"clock_mhz": 90.0'))
    found, ran = made(project)
    assert (ran, found.vivado) == (["resources"], None)


def test_without_a_bitstream(project: Project) -> None:
    found, _ = made(project)
    assert found.vivado is None
    assert not (project.output / BITSTREAM).exists()


def test_a_bitstream_that_comes_later_is_taken_up(project: Project) -> None:
    assert made(project)[0].vivado is None
    put_bitstream(project.output, load((project.output / "netlist.json").read_text()), reports="2022.2")
    found, ran = made(project)
    assert ran == ["resources"]
    assert found.vivado is not None
    assert found.vivado.vivado == "2022.2"


def test_a_bitstream_is_an_input_only_where_one_is(tmp_path: Path) -> None:
    files = (tmp_path / "synthesis.json", tmp_path / "netlist.json", tmp_path / "bitstream")
    assert set(resources.step(*files).inputs) == {"synthesis", "netlist"}
    files[2].mkdir()
    assert set(resources.step(*files).inputs) == {"synthesis", "netlist"}
    (files[2] / DESCRIPTION).touch()
    assert set(resources.step(*files).inputs) == {"synthesis", "netlist", "bitstream"}
