"""A step depends on all code behind its function, and on nothing else: closures on small trees, and on our own, edited."""

import json
import shutil
from importlib import metadata
from pathlib import Path

import pytest

from benchmarks.step_docs import STEPS, closures
from build_flows.steps.sources import EXCLUDED, ROOMS, Sources, imported_files
from tests.test_layering import ROOT


def write(root: Path, **files: str) -> Path:
    """Files below ``root``; ``__`` in a name parts folders."""
    for name, content in files.items():
        path = root.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    for room in ("hw", "sim"):
        (root / room).mkdir(parents=True, exist_ok=True)
        (root / room / "__init__.py").touch()
    return root


def test_imports_at_the_top_inside_functions_and_relative_ones_count(tmp_path: Path) -> None:
    root = write(
        tmp_path, hw__a="import os\nimport numpy\nfrom hw.b import x\ndef f():\n    from sim import c\n",
        hw__b="from . import d\nx = 1\n",
        hw__d="", hw__e="", sim__c="import sklearn.metrics\n",
    )
    found = Sources(root).closure("hw.a")
    assert found.modules == ["hw", "hw.a", "hw.b", "hw.d", "sim", "sim.c"]
    assert found.tools == {"numpy", "scikit-learn"}


def test_imports_for_type_checkers_do_not_count(tmp_path: Path) -> None:
    root = write(tmp_path, hw__a="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from hw.b import x\nelse:\n    import hw.c\n",
                 hw__b="", hw__c="")
    assert Sources(root).closure("hw.a").modules == ["hw", "hw.a", "hw.c"]


def test_what_is_declared_beside_its_loader_counts(tmp_path: Path) -> None:
    declared = "__sources__ = ('data', '../sim/x.cpp', 'sim.c', 'p*.py')\n__tools__ = ('verilator',)\n"
    root = write(tmp_path, hw__a=declared, hw__p1="import hw.b\n", hw__b="", sim__c="")
    (root / "hw" / "data" / "deep").mkdir(parents=True)
    (root / "hw" / "data" / "deep" / "t.tcl").write_text("1")
    (root / "sim" / "x.cpp").write_text("1")
    found = Sources(root).closure("hw.a")
    assert found.modules == ["hw", "hw.a", "hw.b", "hw.p1", "sim", "sim.c"]
    assert {name for name in found.files if not name.endswith(".py")} == {"hw/data/deep/t.tcl", "sim/x.cpp"}
    assert found.tools == {"verilator"}
    (root / "hw" / "data" / "deep" / "t.tcl").write_text("2")
    assert Sources(root).closure("hw.a") != found


def test_a_declared_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    root = write(tmp_path, hw__a="__sources__ = ('gone',)\n")
    with pytest.raises(ValueError, match="names 'gone', and there is no such file"):
        Sources(root).closure("hw.a")
    with pytest.raises(ValueError, match=r"must begin with a module of .*, not 'hw\.nothing'"):
        Sources(root).closure("hw.nothing")


def test_comments_and_docstrings_do_not_count_and_all_else_does(tmp_path: Path) -> None:
    def digest(text: str) -> str:
        return Sources(write(tmp_path, hw__a=text)).closure("hw.a").files["hw/a.py"]

    before = digest('"""One."""\nx = 1\n"""Of x."""\ndef f():\n    """Two."""\n    return "three"\n')
    assert digest('"""Other."""\n\nx = 1  # why\ndef f():\n    return "three"\n') == before
    assert digest('x = 1\ndef f():\n    return "four"\n') != before


def test_modules_apart_and_what_only_they_import_are_left_out(tmp_path: Path) -> None:
    root = write(tmp_path, hw__a="import hw.b\nimport hw.c\n", hw__b="import hw.d\n", hw__c="", hw__d="")
    assert Sources(root).closure("hw.a", apart=("hw.b",)).modules == ["hw", "hw.a", "hw.c"]


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"version": 0}', '{"version": 1, "python": [3, 11], "files": {"a": {"digest": 1, "b": 2}}}']
)
def test_a_damaged_cache_is_no_cache(tmp_path: Path, damage: str) -> None:
    root, cache = write(tmp_path, hw__a="import hw.b\n", hw__b=""), tmp_path / "cache.json"
    wanted = Sources(root).closure("hw.a")
    cache.write_text(damage)
    assert Sources(root, cache).closure("hw.a") == wanted
    assert Sources(root, cache).closure("hw.a") == wanted
    assert len(cache.read_text()) > len(damage)
    (root / "hw" / "b.py").write_text("x = 1\n")
    assert Sources(root, cache).closure("hw.a") == Sources(root).closure("hw.a") != wanted


def test_a_cache_of_another_version_is_no_cache(tmp_path: Path) -> None:
    root, cache = write(tmp_path, hw__a="import hw.b\n", hw__b=""), tmp_path / "cache.json"
    wanted = Sources(root, cache).closure("hw.a")
    raw = json.loads(cache.read_text())
    other = {key: {**value, "digest": "of another way to tell"} for key, value in raw["files"].items()}
    for change in {"version": raw["version"] - 1}, {"python": [3, 1]}:
        cache.write_text(json.dumps({**raw, **change, "files": other}))
        assert Sources(root, cache).closure("hw.a") == wanted
    cache.write_text(json.dumps({**raw, "files": other}))
    assert Sources(root, cache).closure("hw.a") != wanted


def test_the_users_own_helpers_are_found(tmp_path: Path) -> None:
    write(tmp_path, nets="from helper import block\nimport numpy\nfrom pack import inner\n", helper="import deeper\n", deeper="",
          other="", pack__inner="from . import more\n", pack__more="not python (")
    names = [path.relative_to(tmp_path).as_posix() for path in imported_files("nets", tmp_path)]
    assert names == ["deeper.py", "helper.py", "nets.py", "pack/inner.py", "pack/more.py"]


def test_every_distribution_that_counts_is_installed() -> None:
    """Or no step that counts it could ever run."""
    tools = {tool for closure in closures(Sources()).values() for tool in closure.tools}
    assert tools >= {"torch", "verilator", "pyosys"}
    assert "pynq" not in tools
    for tool in sorted(tools):
        assert metadata.version(tool)


def test_nothing_of_how_things_are_told_counts() -> None:
    found = closures(Sources())
    for name, closure in found.items():
        told = [module for module in closure.modules if any(f"{module}.".startswith(f"{item}.") for item in EXCLUDED)]
        assert told == [], name
    # Pages are made by the steps that make pages, and by no other.
    assert {name for name, closure in found.items() if any(module.startswith("build_flows.pages.") for module in closure.modules)} == {
        "report", "evaluate", "evaluate, simulated", "profile", "energy"
    }
    assert "build_flows.base.ui" in EXCLUDED


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the rooms, to edit."""
    root = tmp_path_factory.mktemp("tree")
    for room in ROOMS:
        shutil.copytree(ROOT / room, root / room, ignore=shutil.ignore_patterns("__pycache__"))
    return root


EDITS = {
    "a learning rate": ("build_flows/steps/train_setup.py", "learning_rate=train.learning_rate", "learning_rate=2 * train.learning_rate",
                        {"train", "train, import"}),
    "a scheme": ("quant_models/training/schemes/joint.py", "weighted(", "1 * weighted(", {"train", "train, import", "profile"}),
    "another file written by export": (
        "build_flows/steps/export.py", '"model.onnx")\n', '"model.onnx")\n    (work.folder / "more").touch()\n', {"export"},
    ),
    "a data loader": ("quant_models/datasets/npz.py", "def read_npz(", "x = 1\n\n\ndef read_npz(",
                      {"train", "train, import", "train, checkpoint", "train, own", "calibrate", "agree", "simulate", "evaluate",
                       "evaluate, simulated", "package", "cosim", "profile"}),
    "a page": ("build_flows/pages/report.py", "def render(", "x = 1\ndef render(", {"report"}),
    "a template": ("build_flows/pages/templates/report.html.j2", "<section", "<section ", {"report"}),
    "a template of several pages": ("build_flows/pages/templates/wide.html.j2", "main {", "main  {",
                                    {"evaluate", "evaluate, simulated", "profile"}),
    "the template of all pages": ("build_flows/pages/templates/base.html.j2", "<body", "<body ",
                                  {"report", "evaluate", "evaluate, simulated", "profile"}),
    "a comment": ("quant_models/training/train.py", "import dataclasses\n", "import dataclasses  # why\n", set()),
    "a docstring": ("quant_models/training/train.py", '"""The training loop', '"""The loop', set()),
    "a help text": ("build_flows/cli/train.py", "Train the network by", "Train it by", set()),
    "a key's description": ("build_flows/project/sections.py", "Name of the project", "What the project is called", set()),
    "a bench in SystemVerilog": ("sim/hdl/bench.sv", "module bench", "/* */ module bench",
                                 {"compile", "simulate", "evaluate, simulated", "cosim"}),
    "a score": ("hw/exits/scores/softmax.py", "class Softmax", "x = 1\nclass Softmax",
                {"compile", "simulate", "evaluate, simulated", "resources", "package", "cosim", "plan-vivado", "report"}),
    "a coefficient": ("build_flows/planning/cost_model.json", '"version": 1', '"version":  1', {"compile", "agree", "match", "report"}),
    "a map for the open flow": ("build_flows/board/yosys/lut_ram.v", "module ", "module  ", {"plan-vivado"}),
    "the driver": ("offramp_driver/packing.py", "import numpy as np\n", "import numpy as np\nimport json\n", {"package", "cosim"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_makes_stale_what_depends_on_it_and_nothing_else(edit: str, tree: Path) -> None:
    file, old, new, stale = EDITS[edit]
    path = tree / file
    before, content = closures(Sources(tree)), path.read_text(encoding="utf-8")
    assert old in content
    path.write_text(content.replace(old, new, 1), encoding="utf-8")
    try:
        after = closures(Sources(tree))
    finally:
        path.write_text(content, encoding="utf-8")
    assert {name for name in STEPS if before[name] != after[name]} == stale
