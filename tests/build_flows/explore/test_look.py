"""Going through a space: whole, or by the optimiser, until the time is up."""

from types import SimpleNamespace

import pytest

from build_flows.explore import evaluate as evaluate_module
from build_flows.explore import look as module
from build_flows.explore.evaluate import Known
from build_flows.explore.look import Looked, look
from build_flows.explore.optimise import NAME
from build_flows.explore.predict import Chunked, Predicted, Variant
from build_flows.explore.search_file import SearchFile
from build_flows.explore.setting import Setting
from build_flows.explore.space import space
from tests.build_flows.explore.material import GOAL, InProcess, outcome
from tests.build_flows.explore.space_samples import SOURCES
from tests.build_flows.uis import Plain

HEADS = [["conv", "pool"], ["linear"]]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Predictions that only say what they were asked for, and cheap hashes of code."""
    def predict(material, goal, chunk):
        early = len(chunk.exits)
        made = [Predicted(loss=item.loss, cycles=item.cycles, utilisation=item.utilisation, folding=f"{item.cycles}", outcome=outcome(
            0.9 - early * item.loss / 100, (1 + early) * 1e8 / item.cycles, 1000 * early + 4e6 / item.cycles)) for item in chunk.asked]
        variants = {item.loss: Variant(loss=item.loss, thresholds=[1.0] * early, hard_share=[0.3] * early) for item in chunk.asked}
        return Chunked(variants=list(variants.values()), designs=made)

    monkeypatch.setattr(evaluate_module, "predict", predict)
    monkeypatch.setattr(module, "Sources", lambda cache: SimpleNamespace(closure=lambda name: SimpleNamespace(files={name: "code"})))


def setting(folder, **changes):
    search = SearchFile.model_validate({"version": 1, "base": "base.toml", "exits": [{"after": 0}, {"after": 1}], "rates": 5, **changes})
    files = SimpleNamespace(folder=folder, bits=((4, 4),), alone=object(), heads=HEADS)
    return Setting(search=search, files=files, sources=SOURCES, goal=GOAL, space=space(search, HEADS, files.bits, 100))


def run(made, workers=None, deadline=None, ui=None):
    known, workers = Known(), workers or InProcess()
    looked = look(made, known, lambda: workers, ui or Plain(), deadline)
    return known, looked, workers


def asked(known):
    return {(key[1], item.loss, item.cycles, item.utilisation) for key, found in known.designs.items() for item in found}


def test_a_small_space_is_gone_through_whole(tmp_path):
    made = setting(tmp_path)
    known, looked, _ = run(made)
    assert looked == Looked(complete=True)
    every = {(family, item.loss, item.cycles, item.utilisation) for family in made.space.families for item in made.space.asked(family)}
    assert asked(known) == every
    assert len(every) == made.space.size
    alone = [key for key in known.designs if not key[1].layout]
    assert sorted(source for source, _ in alone) == [0, 1], "without exits the weights of either training"
    again, _, workers = run(made)
    assert workers.ran == []
    assert asked(again) == every


def test_when_the_time_is_up_it_ends_and_says_so(tmp_path):
    known, looked, workers = run(setting(tmp_path), deadline=0.0)
    assert (known.thresholds, workers.ran) == (0, [])
    assert looked == Looked(complete=False), "no optimiser had a part in it"
    _, looked, _ = run(setting(tmp_path, enumerate_up_to=20), deadline=0.0)
    assert looked == Looked(complete=False, optimiser=NAME)


def test_of_a_large_space_the_optimiser_looks_at_so_many(tmp_path):
    made = setting(tmp_path, enumerate_up_to=60)
    known, looked, _workers = run(made)
    assert looked == Looked(complete=False, optimiser=NAME)
    assert len(asked(known)) == 60 < made.space.size
    assert all(len(family.layout) <= 2 for family, *_ in asked(known))
    again, _, later = run(made)
    assert later.ran == [], "the same seed asks for the same designs, which are kept"
    assert again.designs == known.designs
    other, _, later = run(setting(tmp_path, enumerate_up_to=60, seed=2))
    assert later.ran
    assert asked(other) != asked(known)


def test_the_optimiser_goes_on_where_it_was_interrupted(tmp_path):
    made = setting(tmp_path, enumerate_up_to=60)
    stopped = InProcess(stop_after=15)
    with pytest.raises(KeyboardInterrupt):
        run(made, stopped)
    known, _, workers = run(made)
    assert not set(workers.ran) & set(stopped.ran)
    whole, _, everything = run(setting(tmp_path / "other", enumerate_up_to=60))
    assert known.designs == whole.designs
    assert len(stopped.ran) + len(workers.ran) == len(everything.ran)


def test_exits_at_most(tmp_path):
    known, _, _ = run(setting(tmp_path, enumerate_up_to=40, most_exits=1))
    assert max(len(family.layout) for family, *_ in asked(known)) == 1


def test_the_front_is_told_now_and_then(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TOLD", 0.0)
    seen = []
    monkeypatch.setattr(module.Designs, "hypervolume", property(lambda self: seen.append(len(self.rows)) or 0.5))
    run(setting(tmp_path))
    assert seen == sorted(seen)
    assert len(seen) > 5
