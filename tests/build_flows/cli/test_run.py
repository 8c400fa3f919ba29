"""``offramp run`` goes all the way, and tells the figures."""

from typing import Any

import pytest

from tests.build_flows.cli.stand_in import Flow, offramp


def test_run_goes_through_all_steps_in_order(flow: Flow, config: str, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    assert offramp(monkeypatch, "run", config) == 0
    assert [name for name, _ in flow.calls] == ["train", "compile", "simulate", "report"]
    out = capfd.readouterr().out
    for part in ("97.50 %", "129.5", "772,201", "stage0_conv0", "report.html", "70.0 %"):
        assert part in out
    assert "noise" not in out
