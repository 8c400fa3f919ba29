"""Who may import whom: walks every import statement of the rooms, those inside functions and TYPE_CHECKING blocks too. Between rooms the
rules of docs/interfaces.md hold, inside them nothing points upwards, and nowhere is there a circle."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {"quant_models", "hw", "sim", "build_flows", "offramp_driver", "offramp", "benchmarks"}
TOP = ("offramp", "benchmarks")
"""What stands on everything else, and is imported by nothing of it."""
FINN = {"finn", "qonnx"}
STANDARD = set(sys.stdlib_module_names)


def imports(path: Path, root: Path = ROOT) -> Iterator[str]:
    """Dotted names of all modules that the file at ``path`` imports; relative ones made absolute."""
    package = path.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def violations(path: Path, root: Path = ROOT) -> list[str]:
    """What ``path`` imports against the rules."""
    where = path.relative_to(root)
    room, text = where.parts[0], where.as_posix()
    found = []
    for name in imports(path, root):
        top = name.partition(".")[0]
        if (
            (room == "hw" and top not in {"amaranth", "hw"} | STANDARD)
            or (room == "quant_models" and top in ROOMS - {"quant_models"})
            or (
                text.startswith("sim/golden/")
                and not (top in {"numpy"} | STANDARD or name in ("sim", "sim.golden") or name.startswith("sim.golden."))
            )
            or (room == "sim" and top in ROOMS - {"hw", "sim"})
            or (room == "offramp_driver" and top not in {"numpy", "pynq", "offramp_driver"} | STANDARD)
            or (room not in ("build_flows", *TOP) and top == "build_flows")
            or (room != "benchmarks" and top == "benchmarks")
            or (room not in TOP and top == "offramp")
            or (not text.startswith("build_flows/finn_bridge/") and top in FINN)
        ):
            found.append(f"{text} imports {name}")
    return found


ORDER = {
    "build_flows": (
        ("base",), ("project",), ("artefacts",), ("planning", "synthesis", "finn_bridge"), ("board", "exit_unit"), ("pages",), ("steps",),
        ("compare", "explore"), ("cli",),
    ),
    "quant_models": (
        ("errors", "files"), ("records",), ("datasets",), ("networks",), ("integers",), ("exits",), ("training",), ("bring",), ("judge",),
    ),
    "hw": (
        ("add3", "exchangeable", "netlist", "placing", "table6"), ("streams", "control"), ("exits", "layers"), ("core",),
        ("core_registers",), ("accelerator", "stage_probe"), ("zynq",), ("proofs",),
    ),
    "sim": (
        ("errors", "golden", "result_word"), ("tools",), ("accelerator", "formal"), ("benches", "board", "units"),
    ),
}
"""The parts of a room from the bottom up: a part imports what stands below it."""

BESIDE = {("explore", "compare"), ("finn_bridge", "planning")}
"""Parts of one height of which the first may import the second."""


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Every module of ours by its dotted name."""
    return {
        path.relative_to(root).as_posix().removesuffix(".py").removesuffix("/__init__").replace("/", "."): path
        for room in sorted(ROOMS) for path in sorted((root / room).rglob("*.py"))
    }


def graph(root: Path = ROOT) -> dict[str, set[str]]:
    """The modules of ours that each of them imports."""
    known = modules(root)
    found = {}
    for name, path in known.items():
        named = set(imports(path, root))
        # `from package import name` gives package and package.name: the deeper of the two is meant where both exist.
        deeper = {item.rpartition(".")[0] for item in named if item in known}
        found[name] = {item for item in named if item in known and (item not in deeper or not _only_a_package(item, known))} - {name}
    return found


def _only_a_package(name: str, known: dict[str, Path]) -> bool:
    return known[name].name == "__init__.py"


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Modules that import each other, directly or not: the strongly connected components of more than one (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(arrows[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            at = stack.index(name)
            part = stack[at:]
            del stack[at:]
            if len(part) > 1:
                found.append(sorted(part))

    for name in sorted(arrows):
        if name not in index:
            visit(name)
    return found


def upwards(arrows: dict[str, set[str]]) -> list[str]:
    """Arrows from a part of a room to one that does not stand below it."""
    found = []
    for name, others in sorted(arrows.items()):
        room, _, rest = name.partition(".")
        heights = {part: height for height, parts in enumerate(ORDER.get(room, ())) for part in parts}
        part = rest.partition(".")[0]
        for other in sorted(others):
            top, _, below = other.partition(".")
            there = below.partition(".")[0]
            if top != room or not heights or not part or not there or part == there:
                continue
            if heights[there] >= heights[part] and (part, there) not in BESIDE:
                found.append(f"{name} imports {other}")
    return found


def sources() -> list[Path]:
    return [path for room in sorted(ROOMS) for path in sorted((ROOT / room).rglob("*.py"))]


def test_every_room_is_walked() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in sources()} == ROOMS


def test_nobody_imports_what_it_may_not() -> None:
    assert [line for path in sources() for line in violations(path)] == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circles(graph()) == []


def test_no_arrow_points_upwards() -> None:
    assert upwards(graph()) == []


def test_the_order_names_every_part() -> None:
    for room, order in ORDER.items():
        there = {path.stem if path.is_file() else path.name for path in (ROOT / room).iterdir()
                 if path.suffix == ".py" or (path / "__init__.py").is_file()} - {"__init__"}
        assert there <= {part for parts in order for part in parts}, room


def test_circles_and_arrows_upwards_are_found() -> None:
    arrows: dict[str, set[str]] = {"hw.a": {"hw.b"}, "hw.b": {"hw.c"}, "hw.c": {"hw.a"}, "hw.d": {"hw.a"}}
    assert circles(arrows) == [["hw.a", "hw.b", "hw.c"]]
    assert upwards({"build_flows.pages.a": {"build_flows.steps.b", "build_flows.base.c"}}) == [
        "build_flows.pages.a imports build_flows.steps.b"
    ]
    assert upwards({"build_flows.planning.a": {"build_flows.finn_bridge.b"}, "build_flows.finn_bridge.b": {"build_flows.planning.c"}}) == [
        "build_flows.planning.a imports build_flows.finn_bridge.b"
    ]


@pytest.mark.parametrize(
    ("file", "statement", "good"),
    [
        ("hw/a.py", "from amaranth.lib import wiring", True),
        ("hw/a.py", "import json", True),
        ("hw/exits/scores/a.py", "from ..token import Token", True),
        ("hw/a.py", "import numpy", False),
        ("hw/a.py", "def f():\n    from sim import axi", False),
        ("quant_models/a.py", "import torch, brevitas", True),
        ("quant_models/a.py", "from hw.netlist import load", False),
        ("quant_models/a.py", "from qonnx.core.modelwrapper import ModelWrapper", False),
        ("sim/golden/a.py", "import numpy as np\nfrom sim.golden import layers\nfrom . import layers", True),
        ("sim/golden/a.py", "from hw.netlist import load", False),
        ("sim/golden/a.py", "from sim.benches.axi import Driver", False),
        ("sim/golden/a.py", "from ..axi import Driver", False),
        ("sim/golden/a.py", "import quant_models", False),
        ("sim/a.py", "from hw.netlist import load\nimport cocotb", True),
        ("sim/a.py", "from quant_models.networks.net import NetSpec", False),
        ("sim/a.py", "import build_flows.project.config", False),
        ("sim/a.py", "from offramp_driver import Accelerator", False),
        ("offramp_driver/a.py", "import json\nimport numpy as np\nimport pynq\nfrom offramp_driver.dma import Dma", True),
        ("offramp_driver/a.py", "from hw.netlist import load", False),
        ("offramp_driver/a.py", "import scipy", False),
        ("build_flows/a.py", "import quant_models, hw, sim.golden", True),
        ("build_flows/a.py", "if TYPE_CHECKING:\n    import finn", False),
        ("build_flows/finn_bridge/a.py", "import finn, qonnx.core", True),
        ("build_flows/a.py", "import benchmarks.bench", False),
        ("build_flows/a.py", "import offramp", False),
        ("benchmarks/a.py", "import offramp, build_flows.cli.main", True),
        ("offramp/a.py", "from build_flows.steps import flow", True),
        ("sim/a.py", "import offramp", False),
    ],
)
def test_the_rules_catch_what_they_should(file: str, statement: str, good: bool, tmp_path: Path) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(f"from typing import TYPE_CHECKING\n{statement}\n")
    assert (violations(path, tmp_path) == []) is good
