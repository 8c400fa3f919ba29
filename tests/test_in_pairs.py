"""Each two values of two parameters meet, in fewer cases than all combinations."""

from itertools import combinations

from tests.in_pairs import in_pairs

VALUES = {"policy": list("abcdef"), ("classes", "pe"): [(2, 1), (2, 2), (10, 5), (10, 10)], "stall": [0.0, 0.5, 0.8], "reset": [None, 7]}


def test_every_two_values_meet():
    mark = in_pairs(VALUES).mark
    names, cases = mark.args
    assert names == ["policy", "classes", "pe", "stall", "reset"]
    grouped = [(policy, (classes, pe), stall, reset) for policy, classes, pe, stall, reset in cases]
    for one, other in combinations(range(4), 2):
        wanted = {(a, b) for a in list(VALUES.values())[one] for b in list(VALUES.values())[other]}
        assert {(case[one], case[other]) for case in grouped} == wanted
    assert len(cases) < 40


def test_the_same_cases_in_every_run():
    assert in_pairs(VALUES).mark.args == in_pairs(VALUES).mark.args
