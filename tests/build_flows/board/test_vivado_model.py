"""Commands for projects and implementation, one by one."""

import pytest

from build_flows.board.vivado_commands import Refused, Word
from build_flows.board.vivado_model import VivadoModel
from build_flows.board.vivado_state import Behaviour


@pytest.fixture
def model():
    return VivadoModel(behaviour=Behaviour(version="2024.2", dsps=205))


@pytest.fixture
def run(model, tmp_path):
    """Runs commands on a model with a project open, in a folder with one source."""
    (tmp_path / "top.v").write_text("module top(a);\n  input a;\nendmodule\n")

    def run(command: str, *words: str) -> list[str] | str:
        return model.run(command, [Word(word, tuple(word.split())) for word in words], tmp_path)

    run("create_project", "-force", "toy", "project", "-part", "xc7z020clg400-1")
    return run


def test_project_and_files(run, model, tmp_path):
    assert run("version", "-short") == "2024.2"
    assert run("get_property", "DIRECTORY", "project") == str(tmp_path / "project")
    assert run("can_resolve_reference", "top") == "0"
    run("add_files", "-norecurse", "-fileset", "sources_1", "top.v")
    assert run("get_files", "top.v") == [str(tmp_path / "top.v")]
    assert run("can_resolve_reference", "top") == "1"
    run("set_property", "top", "top", "fileset")
    assert model.properties["fileset", "top"] == "top"
    run("set_msg_config", "-id", "Synth 8-4445", "-new_severity", "ERROR")
    assert model.severities == {"Synth 8-4445": "ERROR"}
    assert model.calls["add_files"] == 1


def test_figures_are_those_it_was_given(run, model):
    model.done += ["synth_design"]
    assert run("report_utilization", "-return_string").split("|")[1:3] == [" DSPs           ", " 205 "]
    assert run("get_property", "SLACK", run("get_timing_paths", "-quiet", "-delay_type", "max")[0]) == "0.412"
    assert run("get_property", "SLACK", run("get_timing_paths", "-delay_type", "min")[0]) == "0.031"


@pytest.mark.parametrize(("words", "message"), [
    (("add_files", "missing.v"), r"missing\.v is no file, or of no known kind"),
    (("get_files", "missing.v"), r"get_files: missing\.v are 0 files"),
    (("get_filesets", "sim_1"), "no file set is called sim_1"),
    (("set_param", "general.maxThreads", "0"), r"set_param: general\.maxThreads 0"),
    (("set_param", "general.threads", "4"), r"set_param: general\.threads 4"),
    (("set_msg_config", "-id", "all", "-new_severity", "ERROR"), "no message is called all"),
    (("set_property", "target_language", "SystemVerilog", "project"), "target_language of project cannot be 'SystemVerilog'"),
    (("set_property", "flatten", "none", "fileset"), "flatten of fileset cannot be 'none'"),
    (("get_property", "PART", "project"), "project has no PART"),
    (("place_design",), "it needs opt_design before"),
    (("write_bitstream", "-force", "toy.bit"), "it needs route_design before"),
    (("report_power", "-file", "power.rpt"), "it needs route_design before"),
    (("current_design",), "it needs synth_design before"),
])
def test_what_is_refused(run, words, message):
    with pytest.raises(Refused, match=message):
        run(*words)


def test_without_a_project(tmp_path):
    with pytest.raises(Refused, match="no project is open"):
        VivadoModel().run("current_project", [], tmp_path)
