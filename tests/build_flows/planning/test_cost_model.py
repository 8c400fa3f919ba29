import json

import pytest

from build_flows.base.parts import find_part
from build_flows.planning.cost_model import FILE, FITTED, Cost, coefficients, price, read_model, weigh
from quant_models.records import ArtefactError


def test_a_price_is_the_weighted_sum_and_counts_memory_among_the_luts():
    kind, terms = "padding", {"bits": 20, "counter": 13, "memory": 5, "shift": 2, "one": 1}
    found = price(kind, terms, bram18=3, dsp=4)
    weights = coefficients(kind)
    assert found == Cost(
        lut=round(weigh(terms, weights["lut"])) + 7, lutram=7, ff=round(weigh(terms, weights["ff"])), bram18=3, dsp=4,
        carry=round(weigh(terms, weights["carry"])), pairable=round(weigh(terms, weights["pairable"])),
    )
    assert 0 < found.pairable < found.lut - 7
    assert found.carry > 0
    assert found.lut > 20
    assert found.ff > 40


def test_no_weight_is_below_zero_and_every_kind_has_all():
    for kind, resources in read_model().units.items():
        assert set(resources) == set(FITTED), kind
        assert all(weight > 0 for weights in resources.values() for weight in weights.values()), kind


def test_errors_on_units_held_out_are_those_stated():
    """The target of the model: LUTs, flip-flops and carry chains of all units held out within 15 %, DSPs and block RAMs exact."""
    model = read_model()
    held = [row for row in model.rows if row.held_out]
    assert len(held) > 15
    for name in FITTED:
        found = sum(row.found[name] for row in held)
        estimated = sum(weigh(row.terms, model.units[row.kind][name]) for row in held)
        assert estimated == pytest.approx(found, rel=0.15), name
    assert all(getattr(row, name) == row.found[name] for row in model.rows for name in ("dsp", "bram18"))
    # Which registers of a static unit Yosys makes shift registers is not counted ahead.
    exact = [row for row in model.rows if row.kind != "static"]
    memory = sum(abs(row.lutram - row.found["lutram"]) for row in exact)
    assert memory <= 0.01 * sum(row.found["lutram"] for row in exact)


def test_of_pairs_most_are_counted_once():
    assert Cost(lut=1000, lutram=100, pairable=400).occupied == 720
    assert Cost(lut=532 + 70, pairable=100).shares(find_part("pynq-z2"))["LUT"] == pytest.approx(0.01)


def test_a_sum_is_taken_resource_by_resource():
    a, b = Cost(lut=1, lutram=2, ff=3, bram18=4, dsp=5, carry=6, pairable=7), Cost(10, 20, 30, 40, 50, 60, 70)
    assert a + b == Cost(lut=11, lutram=22, ff=33, bram18=44, dsp=55, carry=66, pairable=77)


def test_shares_are_of_the_part():
    shares = Cost(lut=532, lutram=174, ff=1064, bram18=28, dsp=22, carry=1330).shares(find_part("pynq-z2"))
    assert shares == pytest.approx({"LUT": 0.01, "LUTRAM": 0.01, "FF": 0.01, "BRAM18": 0.1, "DSP": 0.1, "CARRY4": 0.1})


def test_another_version_is_refused(tmp_path):
    path = tmp_path / "model.json"
    path.write_text(json.dumps({**json.loads(FILE.read_text()), "version": 99}))
    with pytest.raises(ArtefactError, match="version must be 1, not 99"):
        read_model(path)
