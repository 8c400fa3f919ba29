"""``offramp doctor`` answers in JSON too."""

import json
from typing import Any

import pytest

from tests.build_flows.cli.stand_in import offramp


def test_doctor_answers_in_json(monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    assert offramp(monkeypatch, "doctor", "--json") == 0
    answer = json.loads(capfd.readouterr().out)
    assert answer["ok"]
    assert {"name", "ok", "found", "hint", "purpose", "required"} == set(answer["checks"][0])
