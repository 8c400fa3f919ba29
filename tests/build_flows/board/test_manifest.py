"""What the manifest tells of a netlist."""

import dataclasses
import json
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from build_flows.artefacts.manifest import ManifestExit
from build_flows.base.errors import OfframpError
from build_flows.board.manifest import manifest, threshold_range
from build_flows.board.platforms import PLATFORMS, find_platform
from build_flows.exit_unit.spec import UnitSpec
from hw.accelerator import build_id
from hw.netlist import Exit
from offramp_driver.manifest import load_manifest
from sim.golden import POLICIES, Side
from tests import toy

Z2 = find_platform("pynq-z2")
INNER = ("softmax", "margin", "entropy", "max_logit")


def _exit(policy: str, score: str | None = None) -> Exit:
    unit = UnitSpec(policy=policy, classes=10, pe=2, logit_bits=12, **({} if score is None else {"score": score}))
    return Exit(index=0, policy=policy, classes=10, pe=2, acc_bits=12, bias=(0,) * 10, threshold=unit.integer, enabled=True, scale=0.0123,
                params=unit.params)


def _with(item: Exit) -> ManifestExit:
    netlist = toy.build(None)
    return manifest(dataclasses.replace(netlist, exits=(item, *netlist.exits[1:])), Z2, {}).exits[0]


def test_toy_in_full() -> None:
    netlist = toy.build(None, exits=2, classes=3, size=4, bus_bits=32, thresholds=(500,))
    files = {"toy.bit": "ab", "toy.hwh": "cd"}
    found = manifest(netlist, Z2, files)
    build = build_id(netlist)
    assert json.loads(found.dump()) == {
        "version": 2, "name": "toy", "offramp": metadata.version("offramp"), "board": "pynq-z2", "board_label": "Pynq-Z2",
        "part": "xc7z020clg400-1",
        "clock_mhz": 100.0, "build": build, "design": f"toy_{build:08x}", "register_map": 1, "files": files,
        "input": {"height": 4, "width": 4, "channels": 3, "bits": 8, "signed": False, "bus_bits": 32, "words": 12, "scale": None},
        "result": {"bits": 64, "fields": [dataclasses.asdict(item) for item in netlist.result.fields]},
        "order": "arrival", "anytime": False, "classes": 3, "max_in_flight": 8, "cycles_per_sample": 16.0, "cycles_all_hard": 16,
        "streams": ["input", "gate0", "exit0", "exit1", "output"], "gates": 1,
        "dma": {"base": 0x4040_0000, "range": 0x1000, "register_map": 1, "length_bits": 26},
        "accelerator": {"base": 0x43C0_0000, "range": 0x1000},
        "exits": [
            {"policy": "max_logit", "classes": 3, "threshold": 500, "enabled": True, "scale": 0.01, "threshold_range": [-1024, 1024],
             "params": {}},
            {"policy": "always", "classes": 3, "threshold": 0, "enabled": True, "scale": 0.01, "threshold_range": None, "params": {}},
        ],
    }


def test_the_driver_reads_it(tmp_path: Path) -> None:
    netlist = toy.build(None, exits=3)
    manifest(netlist, Z2, {"toy.bit": "ab"}).save(tmp_path / "toy.json")
    read = load_manifest(tmp_path / "toy.bit")
    assert read.build == build_id(netlist)
    assert [item.threshold_range for item in read.exits] == [(-1024, 1024), (-1024, 1024), None]


@pytest.mark.parametrize(("paces", "planned", "hard"), [((4,), 16.0, 16), ((16,), 32.0, 64), ((40,), 80.0, 160)])
def test_cycles_are_those_of_the_slowest_stage(paces: tuple[int], planned: float, hard: int) -> None:
    found = manifest(toy.build(None, paces=paces), Z2, {})
    assert (found.cycles_per_sample, found.cycles_all_hard) == (planned, hard)


def test_a_narrow_bus_sets_the_pace() -> None:
    found = manifest(toy.build(None, bus_bits=8), Z2, {})
    assert (found.input.words, found.cycles_per_sample, found.cycles_all_hard) == (48, 48.0, 48)


def test_the_clock_is_the_one_there_will_be() -> None:
    assert manifest(dataclasses.replace(toy.build(None), clock_mhz=123.0), Z2, {}).clock_mhz == 125.0


def test_constants_are_scalars_and_tables_stay_behind() -> None:
    params = _with(_exit("softmax")).params
    assert {"frac_bits", "table_bits"} <= set(params)
    assert all(isinstance(value, int) for value in params.values())


@pytest.mark.parametrize("score", INNER)
def test_thresholds_of_classes(score: str) -> None:
    item = _exit("class_threshold", score)
    params = _with(item).params
    assert (params["score"], params["thresholds"]) == (score, item.params["thresholds"])
    assert all(isinstance(value, int) for value in params["score_params"].values())


@pytest.mark.parametrize(("policy", "score"), [(name, None) for name in POLICIES if name not in ("always", "never", "class_threshold")]
                         + [("class_threshold", score) for score in INNER])
def test_at_one_end_of_the_range_none_leaves_and_at_the_other_all(policy: str, score: str | None) -> None:
    item = _exit(policy, score)
    random = np.random.default_rng(1)
    logits = random.integers(-2048, 2048, (400, 10)).astype(np.int64)
    logits[:3] = [[-2048] * 10, [2047] * 10, [2047] + [-2048] * 9]
    span = threshold_range(item)
    assert span is not None
    left = set()
    for threshold in span:
        params = {**item.params, "thresholds": [threshold] * 10} if policy == "class_threshold" else item.params
        side = Side(gate=random.integers(-2**15, 2**15, 400) if policy == "gate" else None)
        left.add(int(POLICIES[policy](logits, threshold, params, side).leaves.sum()))
    assert left == {0, 400}


def test_the_unit_of_a_gate_heads_logit_stands_beside_the_constants() -> None:
    item = _exit("gate")
    told = _with(dataclasses.replace(item, params={**item.params, "gate_scale": 0.25}))
    assert told.gate_scale == 0.25
    assert "gate_scale" not in told.params
    assert "gate_scale" not in _with(item).to_json()


@pytest.mark.parametrize("policy", ["always", "never"])
def test_no_range_without_a_threshold(policy: str) -> None:
    assert threshold_range(_exit(policy)) is None


def test_another_part_is_told() -> None:
    with pytest.raises(OfframpError, match=r"pynq-z2 has part xc7z020clg400-1, but toy is made for xc7z010clg400-1"):
        manifest(dataclasses.replace(toy.build(None), part="xc7z010clg400-1"), PLATFORMS["pynq-z2"], {})
