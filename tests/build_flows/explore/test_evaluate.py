"""Predictions are kept as they arrive, and what was kept is not predicted again."""

import json
import random

import pytest

from build_flows.base.ui import SilentUi
from build_flows.explore import evaluate as module
from build_flows.explore.evaluate import Known, Request, evaluate
from build_flows.explore.predict import Chunked, Variant
from build_flows.explore.predict import Predicted as Design
from build_flows.explore.space import Asked, Family
from build_flows.explore.store import Store
from tests.build_flows.explore.material import GOAL, InProcess, outcome, source

FAMILIES = [Family((), "always", (4, 4)), Family(((0, "conv"),), "margin", (4, 4)), Family(((0, "pool"), (1, "linear")), "softmax", (4, 4))]
REQUESTS = [Request(0, family, (Asked(0.5, 100, 0.8), Asked(0.5, 120, 0.8))) for family in FAMILIES]
REQUESTS.append(Request(1, FAMILIES[0], (Asked(0.0, 100, 1.0),)))
SOURCES = [source(), source(seed=1, alone=True)]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Predictions that only say what they were asked for."""
    def predict(material, goal, chunk):
        made = [Design(loss=item.loss, cycles=item.cycles, utilisation=item.utilisation, folding=f"{chunk.exits}{item.cycles // 50}",
                       outcome=outcome(0.9, 1e8 / item.cycles)) for item in chunk.asked]
        return Chunked(variants=[Variant(loss=item.loss, thresholds=[1.0] * len(chunk.exits), hard_share=[0.25] * len(chunk.exits))
                                 for item in chunk.asked[:1]], designs=made)

    monkeypatch.setattr(module, "predict", predict)


def run(folder, workers, requests=REQUESTS, code="code", enough=lambda: False, goal=GOAL, sources=SOURCES):
    known = Known()
    with SilentUi().progress("") as bar:
        evaluate(requests, sources, goal, Store(folder), code, lambda: workers, known, bar, enough)
    return known


def test_all_that_is_asked_for_is_known(tmp_path):
    workers = InProcess()
    known = run(tmp_path, workers)
    assert known.thresholds == 7
    assert len(known.foldings) == 4, "of two rates that have one folding one is counted"
    assert {key: len(found) for key, found in known.designs.items()} == {(0, family): 2 for family in FAMILIES} | {(1, FAMILIES[0]): 1}
    assert known.variants[0, FAMILIES[2]][0.5].thresholds == [1.0, 1.0]
    assert [len(batch) for batch in workers.handed_out] == [3, 1], "those of one training go together"


def test_what_was_kept_is_not_predicted_again(tmp_path):
    first = run(tmp_path, InProcess())

    def none():
        raise AssertionError("processes were started for nothing")

    known = Known()
    with SilentUi().progress("") as bar:
        evaluate(REQUESTS, SOURCES, GOAL, Store(tmp_path), "code", none, known, bar, lambda: False)
    assert (known.designs, known.variants, known.foldings) == (first.designs, first.variants, first.foldings)
    assert known.seconds == pytest.approx(first.seconds), "what it took counts, whenever it was"


def test_what_was_interrupted_goes_on(tmp_path):
    stopped = InProcess(stop_after=2)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, stopped)
    assert len(list(tmp_path.glob("*.json"))) == 2
    workers = InProcess()
    known = run(tmp_path, workers)
    assert len(workers.ran) == 2
    assert not set(workers.ran) & set(stopped.ran)
    assert known.thresholds == 7


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"found": {}, "seconds": 1}', '{"found": {"variants": [], "designs": 3}}'])
def test_a_file_that_was_damaged_is_predicted_again(tmp_path, content):
    wanted = run(tmp_path, InProcess())
    damaged = sorted(tmp_path.glob("*.json"))[1]
    whole = json.loads(damaged.read_text())
    damaged.write_text(content)
    workers = InProcess()
    known = run(tmp_path, workers)
    assert workers.ran == [damaged.stem]
    assert known.designs.keys() == wanted.designs.keys()
    assert json.loads(damaged.read_text())["found"] == whole["found"]


@pytest.mark.parametrize("change", ["code", "goal", "training"])
def test_what_follows_from_something_else_is_predicted_again(tmp_path, change):
    run(tmp_path, InProcess())
    workers = InProcess()
    other = {
        "code": {"code": "other"}, "goal": {"goal": type(GOAL)(**{**vars(GOAL), "clock_mhz": 100.0})},
        "training": {"sources": [source(seed=2), SOURCES[1]]},
    }[change]
    run(tmp_path, workers, **other)
    assert len(workers.ran) == (3 if change == "training" else 4)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_tasks_are_done_changes_nothing(tmp_path, seed):
    wanted = run(tmp_path / "a", InProcess())
    known = run(tmp_path / "b", InProcess(order=lambda keys: random.Random(seed).sample(keys, len(keys))))
    assert (known.designs, known.variants, known.foldings) == (wanted.designs, wanted.variants, wanted.foldings)


def test_enough_is_enough(tmp_path):
    workers = InProcess()
    done = iter([False, False, True, True])
    known = run(tmp_path, workers, enough=lambda: next(done))
    assert len(workers.ran) == 2
    assert known.thresholds == 4
    assert run(tmp_path, InProcess(), requests=[], enough=lambda: True).thresholds == 0
