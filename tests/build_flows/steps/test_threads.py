"""A step takes the threads that it may, and no others."""

import torch

from build_flows.steps.threads import set_threads


def test_threads_are_those_wanted_and_zero_leaves_them() -> None:
    before = torch.get_num_threads()
    try:
        for count in (2, 1):
            set_threads(count)
            assert torch.get_num_threads() == count
        set_threads(0)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
