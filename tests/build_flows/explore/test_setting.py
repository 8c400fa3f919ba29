"""What an exploration is about."""

from dataclasses import FrozenInstanceError

import pytest

from build_flows.explore.setting import Setting
from tests.build_flows.explore.material import GOAL


def test_it_stays_as_it_is():
    made = Setting(search=None, files=None, sources=(), goal=GOAL, space=None)
    with pytest.raises(FrozenInstanceError):
        made.goal = None
