import subprocess
import sys

import pytest

from hw.layers.static_shape import StaticShape, channel_plans, static_conv_cycles, static_conv_error, static_terms, used_multiples
from tests.hw.layers.static_cases import parameters


@pytest.mark.parametrize(("shape", "cycles"), [
    ({"height": 28, "width": 28, "kernel": (5, 5), "pad": (4, 4), "pixels": 2, "pool": (2, 2)}, 512),
    ({"height": 28, "width": 28, "kernel": (5, 5), "pad": (4, 4), "pixels": 4, "pool": (2, 2)}, 256),
    ({"height": 16, "width": 16, "kernel": (3, 3), "pad": (1, 1), "pool": (2, 2)}, 289),
    ({"height": 16, "width": 16, "kernel": (3, 3), "pad": (1, 1), "pool": (2, 2), "pixels": 2}, 153),
    ({"height": 16, "width": 16, "kernel": (5, 5), "pad": (4, 4), "pool": (2, 2)}, 400),
    ({"height": 1, "width": 1, "kernel": (1, 1)}, 1),
    ({"height": 128, "width": 1, "kernel": (5, 1), "pad": (2, 0), "pool": (2, 1)}, 130),
])
def test_cycles(shape, cycles):
    assert static_conv_cycles(**shape) == cycles


def test_shape_of_b_lenets_first_convolution():
    shape = StaticShape(height=28, width=28, kernel=(5, 5), pad=(4, 4), pool=(2, 2), pixels=4)
    assert (shape.out_height, shape.out_width, shape.window_lanes, shape.lanes) == (16, 16, 4, 2)
    assert (shape.in_beats, shape.out_beats) == (196, 128)
    assert (shape.real_steps, shape.row_steps, shape.rows) == (7, 8, 32)


@pytest.mark.parametrize(("pixels", "stride", "pool", "lanes"), [
    (1, 1, 1, 1), (4, 1, 1, 4), (4, 1, 2, 2), (1, 1, 2, 1), (2, 1, 4, 1), (4, 2, 2, 1), (2, 2, 1, 1), (1, 2, 1, 1), (8, 2, 2, 2),
])
def test_lanes(pixels, stride, pool, lanes):
    shape = StaticShape(height=16, width=16, kernel=(1, 1), stride=(1, stride), pool=(1, pool), pixels=pixels)
    assert shape.lanes == lanes


def test_ages_of_the_columns_that_windows_read():
    """Two windows a step; they are complete one column after the newest pixel of the first."""
    shape = StaticShape(height=4, width=4, kernel=(3, 3), pad=(1, 1), pixels=2)
    assert shape.ending_steps == (1, 2)
    # Step 1 brings columns 2 and 3. Window 0 covers columns -1 to 1, window 1 columns 0 to 2.
    assert [shape.age(0, column) for column in range(3)] == [4, 3, 2]
    assert [shape.age(1, column) for column in range(3)] == [3, 2, 1]


def test_only_what_is_read_is_kept():
    weights = [[[[3], [0], [0]]], [[[0], [-6], [0]]], [[[0], [0], [1]]]]
    shape = StaticShape(height=1, width=4, kernel=(1, 3))
    assert used_multiples(shape, weights) == {(0, 0, 1): [0], (0, 0, 3): [0, 1, 2]}


@pytest.mark.parametrize(("change", "message"), [
    ({"height": 0}, "height must be at least 1, not 0"),
    ({"stride": (1, 0)}, "stride must be at least 1, not 0"),
    ({"pad": (1, -1)}, "pad must be at least 0, not -1"),
    ({"kernel": (3, 8)}, "kernel must be at most 7, not 8"),
    ({"pad": (3, 1)}, "pad must be less than kernel, not pad=(3, 1), kernel=(3, 3)"),
    ({"height": 1, "pad": (0, 1)}, "kernel must be at most height and its padding, not kernel=(3, 3), height=1, pad=(0, 1)"),
    ({"pool": (6, 1)}, "pool must be at most the windows of height, not pool=(6, 1), windows=5"),
    ({"pixels": 4}, "pixels must divide the map's pixels, not pixels=4, height=5, width=6"),
    ({"pixels": 4, "height": 4, "pad": (0, 2)}, "pixels must leave a step of zeros after each row where only columns are padded, "
     "not pixels=4, width=6, pad=(0, 2)"),
    ({"pixels": 10}, "pixels must be at most width, not pixels=10, width=6"),
    ({"pixels": 3, "stride": (1, 2)}, "pixels must divide the stride of columns or be a multiple of it, not pixels=3, stride=(1, 2)"),
    ({"pixels": 3, "pool": (1, 2)}, "windows a step must divide the pool's columns or be a multiple of them, "
                                    "not pixels=3, stride=(1, 1), pool=(1, 2)"),
    ({"pixels": 3, "pad": (1, 0)}, "lanes must divide the output's width, not lanes=3, width=4, pixels=3"),
    ({"channels": 0}, "channels must be at least 1, not 0"),
    ({"weights": []}, "weights must be at least 1, not 0"),
    ({"bits": 9}, "bits must be 1 to 8, not 9"),
    ({"out_bits": 9}, "out_bits must be 1 to 8, not 9"),
    ({"kernel": (3, 2), "pad": (1, 1)}, "weights must be 3 rows of 2 columns of 2 channels for each output channel"),
    ({"weights": [[[[128]]]], "kernel": (1, 1), "pad": (0, 0), "channels": 1},
     "weights must have at most 8 bits (-128 to 127), not be 128"),
    ({"channels": 200, "weights": [[[[1] * 200] * 3] * 3] * 3},
     "weights times windows a step must be at most 5200, not 5400 (5400 weights, 1 windows)"),
    ({"thresholds": [[1], [2]]}, "thresholds must be given for each output channel, not for 2 of 3"),
    ({"thresholds": [[1], [2], []]}, "thresholds must be equally many for each output channel, at least 1, not [0, 1]"),
    ({"thresholds": [[1, 2], [2, 2], [3, 2]]}, "thresholds must not descend, those of output channel 2 do"),
    ({"out_min": 1}, "outputs from 1 to 16 must fit between 0 and 15"),
    ({"out_min": -1}, "outputs from -1 to 14 must fit between 0 and 15"),
    ({"thresholds": None, "weights": [[[[-1, 1]] * 3] * 3] * 3, "out_bits": 8, "out_signed": True},
     "out_bits must hold sums from -135 to 135, not out_bits=8, out_signed=True"),
])
def test_says_why_it_refuses(change, message):
    # Weights of the kernel asked for, where it is not the kernel that does not fit them.
    given = parameters(**{"kernel": change["kernel"]} if change.get("kernel") == (3, 8) else {})
    assert static_conv_error(**given | change) == message


def test_takes_what_it_does_not_refuse():
    assert static_conv_error(**parameters()) is None
    assert static_conv_error(**parameters(steps=0, out_bits=32, out_signed=True)) is None


def test_counts():
    """Two outputs, of 3a + 4b and of 3a alone: 3a is computed once, at each of two pixels, and b waits for nobody."""
    given = parameters(height=1, width=4, kernel=(1, 2), pad=(0, 0), channels=1, weights=[[[[3], [4]]], [[[3], [0]]]],
                       thresholds=[[5, 9, 11], [5, 9, 11]])
    terms = static_terms(**given)
    assert (terms.macs, terms.zeros, terms.digits, terms.multiples) == (4, 1, 3, 1)
    assert terms.multiple_bits == 6     # of 4 bits three times
    # b stays for one column, 3a for two.
    assert terms.tap_bits == 4 + 2 * 6
    # a*3 + b*4: the two low bits of 3a pass by.
    assert terms.adders == {5: 1}
    assert terms.adder_bits == 5
    assert (terms.levels, terms.search_steps, terms.line_bits) == (1, 2, 0)
    assert terms.search_bits == (7 + 6) * 2
    two = static_terms(**given | {"pixels": 1, "width": 5})
    assert two.macs == terms.macs


def test_needs_no_gateware():
    """Planning counts without Amaranth."""
    program = "import sys, hw.layers.static_shape; sys.exit('amaranth' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_sums_are_planned_once_for_all_numbers_of_pixels() -> None:
    weights = [[[[1, -3], [5, 2]], [[0, 7], [1, 1]]], [[[3, 1], [2, -6]], [[1, 0], [4, 5]]]]
    assert channel_plans(weights, 4, False)[0] is channel_plans(weights, 4, False)[0]
    assert channel_plans(weights, 4, True)[0] is not channel_plans(weights, 4, False)[0]
