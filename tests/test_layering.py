"""Who may import whom: walks every import statement of the rooms and of the driver, those inside functions and TYPE_CHECKING blocks too."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {"quant_models", "hw", "sim", "build_flows", "offramp_driver"}
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
            or (room == "sim" and top in {"quant_models", "build_flows", "offramp_driver"})
            or (room == "offramp_driver" and top not in {"numpy", "pynq", "offramp_driver"} | STANDARD)
            or (room != "build_flows" and top == "build_flows")
            or (not text.startswith("build_flows/finn_bridge/") and top in FINN)
        ):
            found.append(f"{text} imports {name}")
    return found


def sources() -> list[Path]:
    return [path for room in sorted(ROOMS) for path in sorted((ROOT / room).rglob("*.py"))]


def test_every_room_is_walked() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in sources()} == ROOMS


def test_nobody_imports_what_it_may_not() -> None:
    assert [line for path in sources() for line in violations(path)] == []


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
    ],
)
def test_the_rules_catch_what_they_should(file: str, statement: str, good: bool, tmp_path: Path) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(f"from typing import TYPE_CHECKING\n{statement}\n")
    assert (violations(path, tmp_path) == []) is good
