import random

import pytest

from hw.layers.sum_plan import ODD, plan_sum, signed_digits, value_bits


def value(digits):
    return sum((-1 if digit.negative else 1) * (digit.odd << digit.shift) for digit in digits)


def test_every_weight_is_its_digits():
    for weight in range(-128, 128):
        digits = signed_digits(weight)
        assert value(digits) == weight
        assert len(digits) <= 2
        assert all(digit.odd in ODD for digit in digits)


@pytest.mark.parametrize(("weight", "count"), [(0, 0), (1, 1), (-8, 1), (7, 1), (56, 1), (-96, 1), (9, 2), (127, 2), (-128, 1)])
def test_no_more_digits_than_needed(weight, count):
    assert len(signed_digits(weight)) == count


@pytest.mark.parametrize("weight", [128, -129])
def test_refuses_more_than_eight_bits(weight):
    with pytest.raises(ValueError, match=rf"^a weight must have at most 8 bits \(-128 to 127\), not be {weight}$"):
        signed_digits(weight)


@pytest.mark.parametrize(("least", "most", "bits"), [
    (0, 0, 0), (0, 1, 1), (0, 15, 4), (0, 16, 5), (-1, 0, 1), (-8, 7, 4), (-9, 7, 5), (-1, 8, 5),
])
def test_value_bits(least, most, bits):
    assert value_bits(least, most) == bits


def evaluate(plan, inputs):
    """Each node's value by what it says of itself."""
    done = {}
    for level in plan.levels:
        for node in level:
            if node.source is not None:
                number, odd = node.source
                result = odd * inputs[number]
            else:
                result = 0
                for at, part in enumerate(node.parts):
                    sign = -1 if at and node.subtracts else 1
                    result += sign * (done.get(id(part), 0) << (part.shift - node.shift))
            assert node.least <= result <= node.most
            done[id(node)] = result
    return done[id(plan.total)] if plan.levels else 0


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("weight_bits", "least", "most"), [(1, 0, 1), (4, 0, 15), (4, -8, 7), (8, 0, 255), (8, -128, 127)])
def test_the_plan_is_the_sum(seed, weight_bits, least, most):
    rng = random.Random(seed)
    high = 1 << (weight_bits - 1)
    weights = [rng.randrange(-high, high) if rng.random() < 0.9 else 0 for _ in range(rng.randint(1, 30))]
    plan = plan_sum(weights, least, most)
    assert not plan.total.negative
    assert plan.total.shift == 0
    extremes = [[most if weight > 0 else least for weight in weights], [least if weight > 0 else most for weight in weights]]
    for inputs in [*extremes, *([rng.randint(least, most) for _ in weights] for _ in range(20))]:
        assert evaluate(plan, inputs) == sum(weight * given for weight, given in zip(weights, inputs, strict=True))
    # Ranges are no wider than what can be.
    assert (plan.total.least, plan.total.most) == tuple(
        sum(weight * given for weight, given in zip(weights, inputs, strict=True)) for inputs in reversed(extremes))


@pytest.mark.parametrize("weights", [[-1], [-4], [4], [-1, -2], [-1, -1, -1], [-8, 7], [7, -8], [4, 8], [-4, 8], [8, -4]])
def test_small_sums(weights):
    plan = plan_sum(weights, -3, 3)
    for first in range(-3, 4):
        inputs = [first, 2, -1][:len(weights)]
        assert evaluate(plan, inputs) == sum(weight * given for weight, given in zip(weights, inputs, strict=True))
    assert (plan.total.negative, plan.total.shift) == (False, 0)


def test_no_weights_but_zeros():
    plan = plan_sum([0, 0], 0, 15)
    assert (plan.levels, plan.depth, plan.total.least, plan.total.most) == ((), 0, 0, 0)


def test_low_bits_pass_by_an_adder():
    """a + 4b of 4 bits each: 7 bits of which 2 are a's; a - 4b too, and 4b - a has to carry from the lowest bit on."""
    assert plan_sum([1, 4], 0, 15).adders == {5: 1}
    assert plan_sum([1, -4], 0, 15).adders == {5: 1}
    assert plan_sum([-1, 4], 0, 15).adders == {7: 1}


def test_neighbours_of_equal_shift_are_added():
    """Twice two of equal shift, so each first adder has 4 bits and a carry."""
    plan = plan_sum([1, 8, 1, 8], 0, 15)
    assert [node.shift for node in plan.levels[1]] == [0, 3]
    assert plan.adders == {5: 2, 6: 1}
    assert (plan.adder_bits, plan.register_bits) == (16, 19)


def test_the_same_weights_give_the_same_plan():
    weights = [random.Random(1).randrange(-8, 8) for _ in range(40)]
    assert plan_sum(weights, 0, 15) == plan_sum(list(weights), 0, 15)
