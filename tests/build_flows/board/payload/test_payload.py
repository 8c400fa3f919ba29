"""What runs on the board runs there: Python 3.10, the standard library, numpy, matplotlib in the notebook, and the driver beside it."""

import ast
import json
import sys
from collections.abc import Iterator

import pytest

from tests.build_flows.board.payload.board_package import PAYLOAD

NOTEBOOK = json.loads((PAYLOAD / "notebook.ipynb").read_text(encoding="utf-8"))
SOURCES = {
    **{name: (PAYLOAD / name).read_text(encoding="utf-8") for name in ("selftest.py", "benchmark.py")},
    "notebook": "\n\n".join("".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"),
}


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("name", SOURCES)
def test_python_3_10_and_nothing_that_the_image_lacks(name: str) -> None:
    tree = ast.parse(SOURCES[name], feature_version=(3, 10))
    allowed = {"numpy", "offramp_driver"} | ({"matplotlib"} if name == "notebook" else set())
    assert set(_imports(tree)) - set(sys.stdlib_module_names) <= allowed
