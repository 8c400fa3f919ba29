"""The whole exploration, with trainings, predictions and verifications that are made up; and once as it is."""

import importlib.util
import shutil
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import tomli_w

from build_flows.base.errors import OfframpError
from build_flows.explore import evaluate, look, verify_front
from build_flows.explore import explore as module
from build_flows.explore.explore import explore
from build_flows.explore.options import Options
from build_flows.explore.search_file import SearchFile, read_search
from build_flows.explore.space import space
from build_flows.explore.verify import Verified
from sim.errors import ToolError
from tests.build_flows.explore.material import GOAL, InProcess, source, write_source
from tests.build_flows.explore.test_design_files import BASE, SEARCH
from tests.build_flows.explore.test_look import quick  # noqa: F401
from tests.build_flows.uis import Listening
from tests.test_layering import ROOT

SOURCES = [source(), source(seed=1, alone=True)]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """``run(options, **keys of the search file)``: what the exploration gives, what was told, and which processes there were."""
    (tmp_path / "images.npz").write_bytes(b"")
    (tmp_path / "base.toml").write_text(tomli_w.dumps(BASE))

    def prepared(search, files, ui, options):
        for training in (*files.trainings.values(), files.alone):
            write_source(training.folder)
        return SOURCES, GOAL, space(search, files.heads, files.bits, 100)

    monkeypatch.setattr(module, "prepared", prepared)

    def make(options=None, workers=None, verifier=as_predicted, **changes):
        ui, workers, begun = Listening(), workers or InProcess(), []

        @contextmanager
        def processes(ui, scheduler, count):
            begun.append((scheduler, count))
            yield workers

        monkeypatch.setattr(module, "workers", processes)
        monkeypatch.setattr(verify_front, "verify_here", verifier)
        search = SearchFile.model_validate({**SEARCH, "rates": 4, "verify": 2, **changes})
        found, folder = explore(search, tmp_path / "trial.toml", ui, options or Options())
        assert folder == tmp_path / "build" / "trial"
        return found, ui, SimpleNamespace(workers=workers, begun=begun)

    return make


def as_predicted(data, path):
    """Measured is what was predicted, to which the design's name is the key."""
    from tests.build_flows.explore.material import outcome

    name = path.parent.name
    cycles = int(name.split("-w4a4-")[1].split("-")[0])
    early = 0 if name.startswith("no-exits") else name.count("conv") + name.count("pool") + name.count("linear")
    loss = int(name.split("-l")[-1]) / 1000 if early else 0.0
    return Verified(outcome(0.9 - early * loss / 100, (1 + early) * 1e8 / cycles, 1000 * early + 4e6 / cycles,
                            shares=[*[0.7 / max(1, early)] * early, 1 - 0.7 * bool(early)]))


def predicted_shares(monkeypatch):
    """Predictions whose shares fit their layouts."""
    made = evaluate.predict

    def predict(material, goal, chunk):
        found, early = made(material, goal, chunk), len(chunk.exits)
        shares = [*[0.7 / max(1, early)] * early, 1 - 0.7 * bool(early)]
        return found.replace(designs=[item.replace(outcome=item.outcome.replace(shares=shares)) for item in found.designs])

    monkeypatch.setattr(evaluate, "predict", predict)


@pytest.fixture(autouse=True)
def shares(quick, monkeypatch):  # noqa: F811
    predicted_shares(monkeypatch)


def test_a_missing_yosys_is_told_before_anything_is_trained(run, monkeypatch):
    """Where designs are to be verified here; predictions, and verification elsewhere, do without."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "pyosys" else find(name, *more))
    with pytest.raises(ToolError, match="Yosys is missing; get it with: pip install pyosys"):
        run()
    assert run(verify=0)[0].front


def test_a_front_that_is_verified_and_certified(run):
    found, ui, made = run()
    assert found.evaluated.complete
    assert found.evaluated.optimiser is None
    assert (found.evaluated.size, found.evaluated.fitting) == (4 * (1 + 5 * 3 * 5 * 2), len(found.cloud.accuracy))
    assert made.begun == [(None, None)]
    measured = [item for item in found.front if item.measured is not None]
    assert found.front[: len(measured)] == measured, "verified ones first"
    assert len(measured) >= 2
    for item in (*found.front, *found.alone):
        assert (item.harm_bound is None) is (item.measured is None or not item.exits)
        assert item.config is not None
    assert {item.point for item in found.pays} == {item.name for item in found.front if item.exits}
    assert any(line.startswith(f"front: {len(found.front)} of ") for line in ui.said)
    assert (found.moved, found.failed) == ([], [])
    assert (found.name, found.source, found.seed, found.confidence) == ("trial", "trial.toml", 1, 0.95)


def test_the_bounds_of_all_verified_designs_hold_together(run):
    """One design is certified with the confidence asked for, several each with more."""
    from build_flows.explore.decisions import Scoring, harm_bound
    from tests.build_flows.explore.material import PLACES, answers

    found, _, _ = run(verify=6, confidence=0.9)
    certified = [item for item in (*found.front, *found.moved) if item.harm_bound is not None]
    assert len(certified) >= 2
    for item in certified:
        exits = [PLACES.index((one.after, one.head)) for one in item.exits]
        wanted = harm_bound(answers(), exits, item.exits[0].policy, [one.threshold for one in item.exits], GOAL.seed, Scoring(),
                            1 - 0.1 / len(certified))
        assert item.harm_bound == pytest.approx(wanted)


def test_what_fails_is_on_no_front_and_what_is_beaten_stands_apart(run):
    broken = run()[0].front[0].name

    def verify(data, path):
        return Verified(None, "no FIFOs") if path.parent.name == broken else as_predicted(data, path)

    found, _, _ = run(verifier=verify)
    assert [(item.name, item.error) for item in found.failed] == [(broken, "no FIFOs")]
    assert broken not in {item.name for item in (*found.front, *found.moved)}

    def slow(data, path):
        made = as_predicted(data, path).measured
        return Verified(made.replace(samples_per_second=1.0, lut=1e6, accuracy=0.01) if path.parent.name == broken else made)

    found, _, _ = run(verifier=slow)
    assert [item.name for item in found.moved] == [broken]
    assert broken not in {item.name for item in found.front}


def test_the_front_does_not_depend_on_who_worked_and_in_which_order(run, tmp_path):
    def told(found):
        return found.replace(evaluated=found.evaluated.replace(seconds=0, workers=1))

    one, _, _ = run()
    shutil.rmtree(tmp_path / "build")
    other, _, _ = run(Options(count=3), InProcess(count=3, order=lambda keys: keys[::-1]))
    assert (one.evaluated.workers, other.evaluated.workers) == (1, 3)
    assert told(other) == told(one)


def test_it_goes_on_where_it_was(run):
    stopped = InProcess(stop_after=7)
    with pytest.raises(KeyboardInterrupt):
        run(workers=stopped)
    found, _, made = run()
    assert not set(made.workers.ran) & set(stopped.ran)
    again, _, later = run()
    assert all(key.startswith(("exits-", "no-exits-")) for key in later.workers.ran), "verifications are steps, which skip themselves"
    assert again.front == found.front


def test_where_no_design_is_left_it_says_why(run, monkeypatch):
    with pytest.raises(OfframpError, match=r"none of the [0-9,]+ designs predicted fits xc7z020clg400-1 and holds what it must"):
        run(must={"accuracy": 99.0})
    with pytest.raises(OfframpError, match="the time was up before any design was predicted") as caught:
        run(Options(budget=-1.0), seed=2, rates=7)
    assert "--budget" in caught.value.hint
    monkeypatch.setattr(look, "evaluate", lambda *arguments: None)
    with pytest.raises(OfframpError, match="no folding keeps the rates asked for"):
        run(seed=3)


SMALL = """
version = 1
base = "base.toml"
exits = [{ after = 0, heads = ["linear"] }]
policies = ["max_logit"]
accuracy_loss = [2.0]
cycles_per_sample = [300, 500]
utilisation = [0.8]
verify = 1
"""


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(3600)
def test_digits_as_they_are(tmp_path, monkeypatch):
    monkeypatch.undo()
    text = (ROOT / "examples" / "digits.toml").read_text()
    changed = {"epochs": "epochs = 2", "clock_mhz": "clock_mhz = 60.0"}
    (tmp_path / "base.toml").write_text("\n".join(changed.get(line.partition(" ")[0], line) for line in text.splitlines()))
    (tmp_path / "small.toml").write_text(SMALL)
    found, folder = explore(read_search(tmp_path / "small.toml"), tmp_path / "small.toml", Listening(), Options(count=2))
    verified = [item for item in (*found.front, *found.moved, *found.alone) if item.measured is not None]
    assert verified
    assert found.failed == []
    for item in verified:
        assert (folder / item.config).is_file()
        assert item.measured.shares == pytest.approx(item.predicted.shares, abs=0.1)
        assert abs(item.errors.bram36) <= 1
