"""What a worker keeps of a netlist, and when it leaves a command out."""

import json
from pathlib import Path

import pytest

from build_flows.synthesis import worker as synthesis_worker
from build_flows.synthesis.worker import slim

CELL = {"type": "LUT2", "parameters": {"INIT": "1000", "WIDTH": "1"}, "attributes": {"src": "a.v:3", "keep": "1"}, "port_directions": {},
        "connections": {"O": [4]}}


def test_a_netlist_without_contents_still_has_places_pins_and_names() -> None:
    module = {
        "ports": {"q": {"direction": "output", "bits": [4]}},
        "cells": {"lut": CELL, "scope": {**CELL, "type": "$scopeinfo"}},
        "netnames": {"q": {"hide_name": 0, "bits": [4], "attributes": {"src": "a.v:1"}},
                     "$1": {"hide_name": 1, "bits": [5], "attributes": {}}},
    }
    found = slim({"modules": {"top": module}}, "top")["modules"]["top"]
    assert found["cells"] == {"lut": {**CELL, "parameters": {"WIDTH": "1"}, "attributes": {"src": "a.v:3"}}}
    assert found["netnames"] == {"q": {"hide_name": 0, "bits": [4], "attributes": {"src": "a.v:1"}}}
    assert found["ports"] == module["ports"]


@pytest.mark.parametrize(("kind", "expected"), [("$mem_v2", True), ("$dff", False)])
def test_whether_there_is_a_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, expected: bool) -> None:
    monkeypatch.chdir(tmp_path)
    Path("before.json").write_text(json.dumps({"modules": {"top": {"cells": {"a": {"type": kind}}}}}))
    assert synthesis_worker._has_memory() is expected
