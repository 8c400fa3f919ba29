"""Draws from a pool whose harm is known: promises are kept, and a promise that is broken is counted as such."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import trust_promise
from benchmarks.trust_promise import Pool, draws
from quant_models.exits.exit_search import Ranked

SAMPLES = 4000


def pool(seed: int = 1, wrong: float = 0.5) -> Pool:
    """One early exit whose sureness, 0 to 999, is the share of right answers among the less sure half; the last exit is mostly right."""
    rng = np.random.default_rng(seed)
    sure = rng.integers(0, 1000, SAMPLES)
    right = rng.random(SAMPLES) > wrong * (1 - sure / 1000) ** 2
    exit_ = Ranked(sure=sure, right=right, rising=True, group=np.zeros(SAMPLES, np.int64), groups=1)
    return Pool("toy", "max_logit", [exit_], [exit_.of(np.arange(0, SAMPLES, 4))], rng.random(SAMPLES) > 0.03)


@pytest.mark.parametrize(("size", "promise"), [(200, "average"), (1500, "confidence")])
def test_promises_are_kept(size: int, promise: str) -> None:
    found = draws(pool(), size, 0.01, 60)
    assert found.promise == promise
    assert found.lost.shape == (60,)
    assert float(found.lost.mean()) <= 0.01
    if promise == "confidence":
        assert found.broken <= 0.2
    assert found.never < 0.2
    assert 0.1 < float(np.median(found.first)) < 1


def test_what_loses_more_than_was_allowed_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cuts that let all go, whatever the proof says."""
    def all_go(drawn: list[Ranked | None], *told: object) -> object:
        return replace(real(drawn, *told), cuts=[np.zeros(1, np.int64)])  # type: ignore[type-var,call-arg,arg-type]

    real = trust_promise.promised
    monkeypatch.setattr(trust_promise, "promised", all_go)
    found = draws(pool(), 1500, 0.01, 3)
    assert (found.broken, found.never) == (1.0, 0.0)
    assert float(found.early.min()) == 1.0


def test_draws_are_the_same_again() -> None:
    one, two = (draws(pool(), 1000, 0.01, 5) for _ in range(2))
    assert np.array_equal(one.lost, two.lost)
    assert np.array_equal(one.first, two.first)
