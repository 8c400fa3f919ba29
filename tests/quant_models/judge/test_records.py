"""``tradeoff.json``, and what thresholds make of samples."""

from pathlib import Path

from quant_models.judge.records import Curve, CurvePoint, Outcome, TradeoffFile
from tests.artefact_checks import checked


def test_a_trade_off(tmp_path: Path) -> None:
    curve = {"exit": 1, "threshold": [-3, 0], "share": [0.9, 0.1], "accuracy": [0.8, 0.9], "at": {"share": 0.4, "accuracy": 0.88}}
    found = checked(TradeoffFile, {"version": 1, "curves": [curve]}, tmp_path)
    assert found.curves[0].at.share == 0.4


def test_a_point_of_a_curve_is_an_outcome_at_a_level() -> None:
    outcome = Outcome(accuracy=0.9, shares=[0.5, 0.5], macs=100.0, bitops=900.0, cycles=None)
    curve = Curve(policy="margin", points=[CurvePoint(level=0.5, **vars(outcome))])
    assert curve.to_json() == {"policy": "margin", "points": [{
        "level": 0.5, "accuracy": 0.9, "shares": [0.5, 0.5], "macs": 100.0, "bitops": 900.0, "cycles": None,
    }]}
