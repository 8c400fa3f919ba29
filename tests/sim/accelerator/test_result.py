"""The steady pace leaves out filling and draining; short runs count everything."""

import pytest

from sim.accelerator.result import steady_cycles


def test_the_pace_at_which_images_are_taken():
    filling = [0, 1, 2, 3, 4, 5, 6, 7]
    images = filling + [100 * k for k in range(1, 93)]
    assert steady_cycles(images, [value + 900 for value in images], 8) == pytest.approx(100)


def test_a_short_run_is_its_mean():
    assert steady_cycles([0, 50], [300, 400], 8) == pytest.approx(200)
