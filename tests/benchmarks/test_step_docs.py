"""The page of what every step depends on is written from the code, and no step is missing on it."""

import ast

import pytest

from benchmarks.step_docs import PAGE, STEPS, closures, text
from build_flows.steps.sources import EXCLUDED, Sources
from tests.test_layering import ROOT


@pytest.fixture(scope="module")
def page() -> str:
    return text()


def test_the_closures_are_those_that_were_reviewed(page: str) -> None:
    assert PAGE.read_text(encoding="utf-8") == page, "run `python -m benchmarks.step_docs`, and look at what a step now depends on"


def test_every_step_has_its_place() -> None:
    """Every module that makes a ``Step`` has one there."""
    made = set()
    for path in sorted((ROOT / "build_flows").rglob("*.py")):
        calls = (node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
        if any(isinstance(call, ast.Name) and call.id == "Step" for call in calls):
            made.add(path.relative_to(ROOT).as_posix().removesuffix(".py").replace("/", "."))
    assert len(made) > 15
    # That with hardware is the one without, run by another function.
    assert made | {"build_flows.steps.evaluate_hardware"} == {module for module, _ in STEPS.values()}


def test_the_page_names_modules_and_distributions(page: str) -> None:
    found = closures(Sources())
    assert set(found) == set(STEPS)
    assert all(f"\n## {name}\n\n`{module}`" in page for name, (module, _) in STEPS.items())
    assert "Distributions: brevitas, numpy" in page
    assert all(f"`{name}`" in page for name in EXCLUDED)
