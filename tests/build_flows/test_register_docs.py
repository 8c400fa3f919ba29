"""The pages about the accelerator say what the gateware and the tests are."""

import json
import re

import pytest

from build_flows.register_docs import BEGIN, END, PAGE, with_table
from hw.accelerator import Accelerator
from hw.netlist import load
from tests.build_flows.report_samples import netlist

ROOT = PAGE.parent.parent
PLAN = (PAGE.parent / "testplan.md").read_text(encoding="utf-8")
SECTIONS = [part for part in PLAN.split("\n## ")[1:] if "`tests/" in part]


def test_the_register_table_is_the_gatewares() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page), "run python -m build_flows.register_docs"
    for part in ("| 0x014 | `BATCH_LENGTH` |", "| 0x110 | `THRESHOLD_1` | 32, signed |", "`.soft_reset` | [0]", "`OCCUPANCY_MAX_4`"):
        assert part in page


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="must have one '<!-- registers"):
        with_table(f"{END}no beginning")
    assert with_table(f"a\n{BEGIN}old\n{END}b\n").startswith(f"a\n{BEGIN}| offset |")


def test_every_port_is_told() -> None:
    told = PAGE.read_text(encoding="utf-8").split("## Images in")[0]
    for name in Accelerator(load(json.dumps(netlist()))).signature.members:
        group, _, rest = name.rpartition("_")
        assert f"`{name}`" in told or f"`_{rest}`" in told or f"`{group}_*`" in told, name


@pytest.mark.parametrize("section", SECTIONS, ids=lambda text: text.split("\n")[0])
def test_every_test_of_the_plan_exists(section: str) -> None:
    files = re.findall(r"`(tests/[\w/]+\.py)`", section)
    source = "".join((ROOT / name).read_text(encoding="utf-8") for name in files)
    names = re.findall(r"`(test_\w+)`", section)
    assert names
    for name in names:
        assert re.search(rf"^def {name}\(", source, re.MULTILINE), name


def test_every_component_of_the_gateware_is_in_the_plan() -> None:
    for path in sorted((ROOT / "tests" / "hw").glob("test_*.py")):
        assert f"`tests/hw/{path.name}`" in PLAN, path.name


@pytest.mark.parametrize("page", ["accelerator.md", "testplan.md"])
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (PAGE.parent / page).read_text(encoding="utf-8")):
        assert (PAGE.parent / target).exists(), target
