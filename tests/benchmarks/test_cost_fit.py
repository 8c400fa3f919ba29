import dataclasses

import pytest

from benchmarks.cost_fit import CASES, HELD_OUT, QUOTA, Case, Row, errors, fit, samples, synthesise_rows, write_model
from build_flows.planning.cost_model import FILE, FITTED, FitError, read_model, weigh


def rows(count, noise=0):
    """Units of one kind whose LUTs are 3 a bit and 10 more, flip-flops 2 a bit, and CARRY4 2 a counter."""
    return [
        Row(
            name=f"u{place}", kind="padding", terms={"bits": 8 + 7 * place, "counter": 5 + place % 3, "one": 1}, lutram=0, bram18=0, dsp=0,
            found={"lut": 3 * (8 + 7 * place) + 10 + noise * (-1) ** place, "pairable": 8 + 7 * place, "lutram": 0,
                   "ff": 2 * (8 + 7 * place), "bram18": 0, "dsp": 0, "carry": 2 * (5 + place % 3)},
            finn={"lut": 6 * (8 + 7 * place)}, held_out=place % HELD_OUT == HELD_OUT - 1,
        )
        for place in range(count)
    ]


def test_weights_are_found():
    weights = fit(rows(20))["padding"]
    assert weights["lut"] == pytest.approx({"bits": 3, "one": 10}, rel=1e-3)
    assert weights["ff"] == pytest.approx({"bits": 2}, rel=1e-3)
    assert weights["carry"] == pytest.approx({"counter": 2}, rel=1e-3)


def test_units_held_out_do_not_move_the_weights():
    drawn = rows(20)
    moved = [dataclasses.replace(row, found=dict.fromkeys(row.found, 9999)) if row.held_out else row for row in drawn]
    assert fit(moved) == fit(drawn)


def test_errors_are_those_of_the_units_held_out():
    drawn = rows(20)
    weights = {"lut": {"bits": 3.3, "one": 11}, "pairable": {"bits": 1}, "ff": {"bits": 2}, "carry": {"counter": 1}}
    found = errors(drawn, {"padding": weights})["padding"]
    assert found["lut"].units == 4
    assert found["lut"].model == pytest.approx(0.1, abs=0.001)
    held = [row for row in drawn if row.held_out]
    off = sum(row.finn["lut"] - row.found["lut"] for row in held)  # FINN is above all of them
    assert found["lut"].finn == pytest.approx(off / sum(row.found["lut"] for row in held), abs=1e-4)
    assert found["ff"] == FitError(units=4, model=0, worst=0, finn=None)
    assert found["carry"].model == pytest.approx(0.5)


def test_what_is_written_can_be_read_and_tells_how(tmp_path):
    write_model(rows(20), tmp_path / "model.json", seed=7)
    model = read_model(tmp_path / "model.json")
    assert model.fit.command == "python -m benchmarks.cost_fit --cache FOLDER --seed 7"
    assert model.fit.units == {"padding": 20}
    assert len(model.rows) == 20


def test_the_file_is_what_its_rows_give():
    """Coefficients are those that a fit of the rows in the file finds: none was written by hand."""
    model = read_model()
    kept = [Row(**vars(row)) for row in model.rows]
    found = fit(kept)
    assert {kind: {name: pytest.approx(weights[name], rel=1e-3) for name in FITTED} for kind, weights in model.units.items()} == found
    assert errors(kept, model.units) == model.fit.errors
    assert set(model.units) == set(QUOTA)
    assert model.dump() == FILE.read_text(encoding="utf-8")
    assert not any("b_lenet" in case.network for case in CASES)


@pytest.mark.slow
@pytest.mark.cosim
def test_units_are_drawn_alike_and_synthesised(tmp_path):
    quota = {"padding": 1, "threshold": 1, "converter_up": 1}
    cases = (Case("digits", 4, 4, 1),)
    drawn = samples(3, cases, quota)
    assert {item.plan.model for item in drawn.values()} == set(quota)
    again = samples(3, cases, quota)
    assert {name: item.unit for name, item in again.items()} == {name: item.unit for name, item in drawn.items()}
    units = read_model().units
    for row in synthesise_rows(drawn, tmp_path / "cache"):
        assert (row.lutram, row.bram18, row.dsp) == tuple(row.found[name] for name in ("lutram", "bram18", "dsp"))
        assert weigh(row.terms, units[row.kind]["ff"]) == pytest.approx(row.found["ff"], rel=0.25)
