"""The vectors of a generated unit: what they hold, and how they are written for Verilog."""

from typing import Any

import numpy as np
import pytest

from build_flows.exit_unit.bench_files import bench_files
from build_flows.exit_unit.spec import UnitSpec
from build_flows.exit_unit.vectors import Rule, Vectors, draw
from hw.control.registers import offsets
from hw.exits.unit import CONTROLS, ExitUnit
from quant_models.exits.policies import POLICIES
from sim.golden.policies import POLICIES as GOLDEN
from sim.golden.policies import Side


def make(policy: str, control: str = "axi4lite", **more: Any) -> tuple[ExitUnit, Rule, Vectors]:
    spec = UnitSpec(**{"policy": policy, "classes": 4, "pe": 2, "logit_bits": 9, "scale": 0.05, **more})  # type: ignore[arg-type]
    unit = ExitUnit(classes=spec.classes, pe=spec.pe, acc_bits=spec.logit_bits, bias=spec.bias or [0] * spec.classes, policy=policy,
                    params=spec.params, threshold=spec.integer, control=control)
    rule = Rule(threshold=spec.integer, classes=tuple(spec.params.get("thresholds", ())))
    return unit, rule, draw(unit, rule, scale=spec.scale)


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("policy", POLICIES)
def test_the_host_s_writes_lead_back(policy: str, control: str) -> None:
    """None in a long first part; all fit a register; after the last ones everything is as it was at first."""
    _, rule, vectors = make(policy, control)
    held = {("threshold", 0): rule.threshold, ("enable", 0): 1, ("mode", 0): 0,
            **{("class_value", index): value for index, value in enumerate(rule.classes)}}
    before = dict(held)
    for write in vectors.writes:
        held[write.name, write.index] = write.value
        assert -(2**31) <= write.value < 2**31
    assert held == before
    assert [write.at for write in vectors.writes] == sorted(write.at for write in vectors.writes)
    assert vectors.writes[0].at >= 12
    assert vectors.writes[-1].at <= len(vectors)
    assert {(write.name, write.value) for write in vectors.writes} >= {("enable", 0), ("mode", 1), ("mode", 2), ("mode", 3)}


@pytest.mark.parametrize("policy", ["max_logit", "margin", "softmax", "entropy"])
def test_thresholds_meet_scores(policy: str) -> None:
    """Thresholds at which a sample just leaves, and just does not."""
    unit, rule, vectors = make(policy)
    sums = vectors.logits
    just, past = 0, 0
    step = 1 if POLICIES[policy].rising else -1
    for write in (item for item in vectors.writes if item.name == "threshold" and item.at < len(vectors)):
        row = sums[write.at:write.at + 1]
        at, next_to, before = (bool(GOLDEN[policy](row, threshold, unit.decision.score.params, _NONE).leaves[0])
                               for threshold in (write.value, write.value + step, write.value - step))
        just += at and not next_to
        past += before and not at
    assert just >= 20
    assert past >= 20
    assert 0 < vectors.left < len(vectors)
    assert rule.threshold == unit.registers[6].init


_NONE = Side()


def test_the_same_unit_gives_the_same_vectors() -> None:
    files = [bench_files(unit, vectors, "unit", rule) for unit, rule, vectors in (make("patience"), make("patience"))]
    assert files[0] == files[1]
    assert {"token_i.hex", "token_o.hex", "reads.hex"} <= set(files[0])


def test_thresholds_wider_than_a_register_are_left_out() -> None:
    _, _, vectors = make("margin", logit_bits=32, bias=[0, 7, 0, 0], scale=1.0, threshold=40000.0)
    assert all(-(2**31) <= write.value < 2**31 for write in vectors.writes)


def test_files_for_verilog() -> None:
    unit, rule, vectors = make("class_threshold")
    files = bench_files(unit, vectors, "my_unit", rule)
    logits = [int(line, 16) for line in files["logits.hex"].split()]
    beats = [[(word >> 9 * lane & 0x1FF) - (word >> 9 * lane + 8 & 1) * 512 for lane in range(2)] for word in logits]
    assert np.array_equal(np.array(beats).reshape(-1, 4), vectors.logits)
    writes = [int(line, 16) for line in files["writes.hex"].split()]
    by_name = offsets(unit.registers)
    first = next(write for write in vectors.writes if write.name == "class_value")
    assert writes[0] == first.at << 64 | by_name["CLASS_INDEX"] << 48 | first.index
    assert writes[1] == first.at << 64 | by_name["CLASS_THRESHOLD"] << 48 | first.value & 0xFFFFFFFF
    assert "`define U_MODULE my_unit\n" in files["unit.vh"]
    assert f"`define U_SAMPLES {len(vectors)}\n" in files["unit.vh"]
    assert "`define U_HAS_CLASSES\n" in files["unit.vh"]
    assert "`define U_HAS_GATE" not in files["unit.vh"]
