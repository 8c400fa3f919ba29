"""Rows say what was measured and synthesised, and the CSV says what the JSON says."""

import csv
import io

from build_flows.artefacts.compare import COUNTS, GROUPS, RowExit, Speedup
from build_flows.compare.rows import finish, make_row, to_csv, uses
from tests.build_flows.compare_samples import config, exit_at, figures, resources, sample, unit


def row(name="a", baseline=None, cycles=1000.0, early=1):
    exits = [exit_at(0, "conv", "softmax"), exit_at(1, "pool", "entropy")][:early]
    shares = [[1.0], [0.75, 0.25], [0.75, 0.0, 0.25]][early]
    return make_row(name, baseline, config(exits), figures(shares, 0.9, cycles), resources(early), f"{name}/config.toml")


def test_a_row():
    found, synthesised = row(), resources(1)
    assert found.exits == [
        RowExit(after=0, head="conv", policy="softmax", share=0.75, accuracy=0.9),
        RowExit(after=None, head=None, policy="always", share=0.25, accuracy=0.9),
    ]
    assert [getattr(found, key) for key in COUNTS] == [getattr(synthesised.total, key) for key in COUNTS]
    assert found.samples_per_second == 1e5
    assert found.samples_per_second_per_klut == 1e5 / ((found.lut + found.lutram) / 1000)
    assert (found.cycles_per_sample, found.target_cycles_per_sample, found.clock_mhz) == (1000.0, 1296, 100.0)
    assert (found.shares, found.exits_add, found.config) == (synthesised.shares, synthesised.exits_add, "a/config.toml")


def test_every_lut_is_for_something():
    for early in (0, 1, 2):
        found, total = uses(resources(early).units), resources(early).total
        assert [sum(getattr(item, key) for item in found) for key in COUNTS] == [getattr(total, key) for key in COUNTS]
        assert [GROUPS.index(item.group) for item in found] == sorted(GROUPS.index(item.group) for item in found)
        assert ("heads" in {item.group for item in found}) == (early > 0)


def test_what_units_are_for():
    kinds = [("layer", {}), ("layer", {"head": True}), ("layer", {"head": True, "exit_cost": True}), ("decision", {}), ("gate", {}),
             ("router", {}), ("fork", {}), ("fifo", {}), ("stream", {}), ("merge", {}), ("control", {})]
    wanted = ["backbone", "backbone", "heads", "decisions", "gates", "gates", "gates", "streams", "streams", "control", "control"]
    for (kind, more), group in zip(kinds, wanted, strict=True):
        (found,) = uses([unit("u", kind, 100, stage=3, **more)])
        assert (found.group, found.stage) == (group, 3 if group == "backbone" else None)


def test_speed_up_is_over_each_baseline():
    rows = [row("rate", "rate", 1000.0, 0), row("resources", "resources", 2000.0, 0), row("x", None, 500.0)]
    assert [item.speedup for item in finish(rows)] == [
        Speedup(rate=1.0, resources=2.0), Speedup(rate=0.5, resources=1.0), Speedup(rate=2.0, resources=4.0),
    ]
    assert finish([row()])[0].speedup == Speedup(rate=None, resources=None)


def test_csv_says_what_json_says():
    rows = sample().layouts
    read = list(csv.DictReader(io.StringIO(to_csv(rows))))
    assert [line["name"] for line in read] == [item.name for item in rows]
    for line, item in zip(read, [row.to_json() for row in rows], strict=True):
        for key, value in item.items():
            if isinstance(value, bool):
                assert line[key] == str(value).lower()
            elif isinstance(value, int | float):
                assert float(line[key]) == value
            elif key in ("shares", "speedup", "exits_add"):
                assert {name: float(line[f"{key}_{name}"]) for name in value} == value
        assert int(line["exits"]) == len(item["exits"])
        assert line["policy"].split(";") == [found["policy"] for found in item["exits"]]
        assert [float(share) for share in line["exit_share"].split(";")] == [found["share"] for found in item["exits"]]
        assert line["after"].split(";")[:-1] == [str(found["after"]) for found in item["exits"][:-1]]
        assert line["short"].split(";") == (item["short"] or [""])
        assert line["baseline"] == (item["baseline"] or "")
    assert to_csv(rows) == to_csv(sample().layouts)


def test_an_exit_that_nobody_takes_has_an_empty_cell():
    found = make_row("a", None, config([exit_at(0, "conv", "never")]), figures([0.0, 1.0], 0.9, 10.0), resources(1), "a.toml")
    (line,) = csv.DictReader(io.StringIO(to_csv([found])))
    assert line["exit_accuracy"] == ";0.9"
