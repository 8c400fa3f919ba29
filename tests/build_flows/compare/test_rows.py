"""Rows say what was measured and synthesised, and the CSV says what the JSON says."""

import csv
import io

import numpy as np

from build_flows.artefacts.compare import COUNTS, GROUPS, AccuracyGain, RowExit, Speedup
from build_flows.base.interval import wilson
from build_flows.compare.rows import Answers, finish, make_row, to_csv, uses
from tests.build_flows.compare_samples import config, exit_at, figures, resources, sample, unit


def row(name="a", baseline=None, cycles=1000.0, early=1):
    exits = [exit_at(0, "conv", "softmax"), exit_at(1, "pool", "entropy")][:early]
    shares = [[1.0], [0.75, 0.25], [0.75, 0.0, 0.25]][early]
    return make_row(name, baseline, config(exits), figures(shares, 0.9, cycles), resources(early), f"{name}/config.toml", 1296)


def test_a_row():
    found, synthesised = row(), resources(1)
    assert found.exits == [
        RowExit(after=0, head="conv", policy="softmax", share=0.75, share_interval=wilson(0.75, 10000), accuracy=0.9,
                accuracy_interval=wilson(0.9, 7500)),
        RowExit(after=None, head=None, policy="always", share=0.25, share_interval=wilson(0.25, 10000), accuracy=0.9,
                accuracy_interval=wilson(0.9, 2500)),
    ]
    assert found.accuracy_interval == wilson(0.9, 10000)
    assert [getattr(found, key) for key in COUNTS] == [getattr(synthesised.total, key) for key in COUNTS]
    assert found.samples_per_second == 1e5
    assert found.samples_per_second_per_klut == 1e5 / ((found.lut + found.lutram) / 1000)
    assert (found.cycles_per_sample, found.target_cycles_per_sample, found.clock_mhz) == (1000.0, 1296, 100.0)
    assert (found.shares, found.exits_add, found.config) == (synthesised.shares, synthesised.exits_add, "a/config.toml")


def test_a_rate_is_that_of_the_clock_to_expect():
    slow = make_row("a", None, config([]), figures([1.0], 0.9, 1000.0), resources(0).replace(fmax_estimate_mhz=80.0), "a.toml", 1296,
                    "ab12")
    assert (slow.clock_mhz, slow.expected_clock_mhz, slow.samples_per_second) == (100.0, 80.0, 8e4)
    assert slow.samples_per_second_per_klut == 8e4 / (slow.luts / 1000)
    assert (slow.fits, slow.meets_clock, slow.buildable, slow.rtl) == (True, False, False, "ab12")
    unknown = make_row("a", None, config([]), figures([1.0], 0.9, 1000.0), resources(0).replace(fmax_estimate_mhz=None), "a.toml", 1296)
    assert (unknown.samples_per_second, unknown.meets_clock, unknown.buildable, unknown.rtl) == (1e5, None, True, None)
    large = row("large", early=2).replace(fits=False)
    assert not large.buildable


def answers(wrong, count=1000):
    right = np.ones(count, bool)
    right[list(wrong)] = False
    return Answers(labels=[0] * count, right=right)


def test_answers_to_the_same_images_are_compared_one_by_one():
    """Three networks that are wrong on the same 60 images, and one of them on 12 more: a difference that two sets would hide."""
    wrong = {"rate": range(60), "a": range(60), "b": range(72)}
    rows = [row(name, "rate" if name == "rate" else None).replace(accuracy=1 - len(miss) / 1000, samples=1000)
            for name, miss in wrong.items()]
    apart = finish(rows)
    assert [item.within_noise for item in apart] == [["a", "b"], ["rate", "b"], ["rate", "a"]]
    assert apart[2].accuracy_gain.rate.paired is False
    base, same, worse = finish(rows, {name: answers(miss) for name, miss in wrong.items()})
    assert (base.within_noise, same.within_noise, worse.within_noise) == (["a"], ["rate"], [])
    assert base.accuracy_gain == AccuracyGain(rate=None, resources=None)
    gain = worse.accuracy_gain.rate
    assert (gain.paired, gain.certain, gain.difference) == (True, True, -0.012)
    assert gain.low < -0.012 < gain.high < 0
    assert not same.accuracy_gain.rate.certain


def test_answers_to_other_images_are_two_sets():
    rows = [row("rate", "rate").replace(samples=1000), row("a").replace(samples=1000)]
    other = Answers(labels=[1] * 1000, right=answers(range(100)).right)
    assert finish(rows, {"rate": answers(range(100)), "a": other})[1].accuracy_gain.rate.paired is False
    assert finish(rows, {"a": other})[1].accuracy_gain.rate.paired is False


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
    found = make_row("a", None, config([exit_at(0, "conv", "never")]), figures([0.0, 1.0], 0.9, 10.0), resources(1), "a.toml", 1296)
    (line,) = csv.DictReader(io.StringIO(to_csv([found])))
    assert line["exit_accuracy"] == ";0.9"
