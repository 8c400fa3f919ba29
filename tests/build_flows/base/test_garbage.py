"""Garbage is looked for seldom, and all is as before afterwards."""

import gc
import weakref

import pytest

from build_flows.base.garbage import YOUNG, rare_collection


class Ring:
    """Garbage that only the collector finds."""

    def __init__(self):
        self.itself = self


@pytest.fixture(autouse=True)
def _nothing_set_aside():
    """As in a process that offramp has to itself; a test runner may have set aside what it is made of."""
    before = gc.get_freeze_count()
    gc.unfreeze()
    yield
    if before:
        gc.freeze()


def test_what_is_there_is_not_looked_at_and_what_is_new_seldom():
    before = gc.get_threshold()
    with rare_collection():
        assert gc.get_threshold() == (YOUNG, *before[1:])
        assert gc.get_freeze_count() > 1000
        lost = weakref.ref(Ring())
        gc.collect()
        assert lost() is None, "what is new can be collected"
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_all_is_as_before_when_the_work_fails():
    before = gc.get_threshold()
    with pytest.raises(KeyError), rare_collection():
        raise KeyError
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_what_somebody_else_set_aside_stays_so():
    with rare_collection():
        with rare_collection():
            pass
        assert gc.get_freeze_count() > 1000
