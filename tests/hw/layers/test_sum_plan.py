import random
from collections import Counter

import pytest

from hw.layers.sum_plan import ODD, plan_sum, plan_sums, registers, signed_digits, value_bits


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
    """The sum by what each node says of itself."""
    done = {}

    def value(node):
        if id(node) not in done:
            if node.source is not None:
                number, odd = node.source
                done[id(node)] = odd * inputs[number]
            else:
                done[id(node)] = sum((-1 if part.negative else 1) * (value(part.node) << part.shift) for part in node.parts)
            assert node.least <= done[id(node)] <= node.most
        return done[id(node)]

    found = {sum((-1 if term.negative else 1) * (value(term.node) << term.shift) for term in level) for level in plan.levels}
    assert len(found) <= 1      # each level is the whole sum
    return found.pop() if found else 0


def assert_plain(plan):
    assert [(term.shift, term.negative) for term in plan.levels[-1]] == [(0, False)]


def adders(*plans):
    """How many adders there are of each number of bits."""
    return dict(Counter(node.adder_bits for node in registers(plans) if len(node.parts) > 1))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("weight_bits", "least", "most"), [(1, 0, 1), (4, 0, 15), (4, -8, 7), (8, 0, 255), (8, -128, 127)])
def test_the_plan_is_the_sum(seed, weight_bits, least, most):
    rng = random.Random(seed)
    high = 1 << (weight_bits - 1)
    weights = [rng.randrange(-high, high) if rng.random() < 0.9 else 0 for _ in range(rng.randint(1, 30))]
    plan = plan_sum(weights, least, most)
    assert_plain(plan)
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
    assert_plain(plan)


def test_no_weights_but_zeros():
    plan = plan_sum([0, 0], 0, 15)
    assert (plan.levels, plan.depth, plan.total.least, plan.total.most) == ((), 0, 0, 0)


def test_low_bits_pass_by_an_adder():
    """a + 4b of 4 bits each: 7 bits of which 2 are a's; a - 4b too, and 4b - a has to carry from the lowest bit on."""
    assert adders(plan_sum([1, 4], 0, 15)) == {5: 1}
    assert adders(plan_sum([1, -4], 0, 15)) == {5: 1}
    assert adders(plan_sum([-1, 4], 0, 15)) == {7: 1}


def test_neighbours_of_equal_shift_are_added():
    """Twice three of equal shift, so each first adder has 4 bits and two of carries; 3 bits pass by the last one."""
    plan = plan_sum([1, 8, 1, 8, 1, 8], 0, 15)
    assert [term.shift for term in plan.levels[1]] == [0, 3]
    assert adders(plan) == {6: 3}
    assert sum(node.bits for node in registers([plan])) == 2 * 6 + 9


@pytest.mark.parametrize(("parts", "parts_added", "depth"), [
    (2, [2], 1), (3, [3], 1), (4, [2, 3], 2), (5, [3, 3], 2), (6, [2, 3, 3], 2), (7, [3, 3, 3], 2), (8, [2, 3, 3, 3], 2), (9, [3] * 4, 2),
    (11, [3] * 5, 3), (27, [3] * 13, 3),
])
def test_adders_are_of_three_but_for_one(parts, parts_added, depth):
    """Of n parts (n - 1) / 2 adders, and one of two where n is even."""
    plan = plan_sum([1] * parts, 0, 15)
    assert sorted(len(node.parts) for node in registers([plan]) if len(node.parts) > 1) == parts_added
    assert plan.depth == depth


def test_of_three_that_are_added_the_lowest_bits_pass_by_unless_they_are_subtracted():
    assert adders(plan_sum([1, 4, 16], 0, 15)) == {7: 1}     # 9 bits of which 2 are of the first alone
    assert adders(plan_sum([1, -4, -16], 0, 15)) == {8: 1}   # from -300 to 15
    assert adders(plan_sum([-1, 4, 16], 0, 15)) == {10: 1}   # from -15 to 300, from the lowest bit on


def test_pairs_that_several_sums_have_are_added_once():
    """a + 2b, minus four times the same, and twice it; where two sums alone have a pair, an adder of three in each takes no more."""
    rows = [[1, 2, 1, 0], [-4, -8, 0, 3], [2, 4, 5, 1], [1, -2, 0, 0]]
    plans = plan_sums(rows, 0, 15)
    one, other, third, neither = ({id(term.node) for term in plan.levels[1]} for plan in plans)
    assert len(one & other & third) == 1
    assert not neither & one
    for inputs in ([1, 2, 3, 4], [15, 0, 15, 0], [0, 15, 0, 15]):
        assert [evaluate(plan, inputs) for plan in plans] == [
            sum(weight * value for weight, value in zip(row, inputs, strict=True)) for row in rows]
    few = plan_sums(rows[:2], 0, 15)
    assert not {id(term.node) for term in few[0].levels[1]} & {id(term.node) for term in few[1].levels[1]}


def test_two_digits_of_a_weight_are_two_parts():
    """9a = a + 8a is of the same multiple of the same input twice, and the same in all sums."""
    plans = plan_sums([[9, 1], [18, 3], [36, 7]], 0, 15)
    assert [evaluate(plan, [7, 5]) for plan in plans] == [68, 141, 287]
    assert len(registers(plans)) < sum(len(registers([plan])) for plan in plans)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("weight_bits", "least", "most"), [(2, 0, 15), (4, -8, 7), (8, 0, 255)])
def test_many_sums_with_shared_pairs(seed, weight_bits, least, most):
    rng = random.Random(seed)
    high = 1 << (weight_bits - 1)
    rows = [[rng.randrange(-high, high) for _ in range(20)] for _ in range(8)]
    plans = plan_sums(rows, least, most)
    for _ in range(20):
        inputs = [rng.choice([least, most, rng.randint(least, most)]) for _ in range(20)]
        assert [evaluate(plan, inputs) for plan in plans] == [
            sum(weight * given for weight, given in zip(row, inputs, strict=True)) for row in rows]
    for plan in plans:
        assert_plain(plan)
    alone = [node for row in rows for node in registers([plan_sum(row, least, most)])]
    assert sum(node.adder_bits for node in registers(plans)) <= sum(node.adder_bits for node in alone)
    assert len({id(node) for node in registers(plans)}) < len(alone) or weight_bits > 2, "two bits have many pairs in common"


def test_the_same_weights_give_the_same_plan():
    weights = [random.Random(1).randrange(-8, 8) for _ in range(40)]
    assert plan_sum(weights, 0, 15) == plan_sum(list(weights), 0, 15)
