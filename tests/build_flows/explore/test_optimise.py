"""The optimiser on a space that can be gone through whole."""

from itertools import product

import numpy as np
import pytest

from build_flows.explore.objectives import Scale, front
from build_flows.explore.optimise import optimise
from build_flows.explore.space import NO_POLICY, Family, Space

PLACES = [[(0, "conv"), (0, "pool")], [(1, "linear"), (1, "global")], [(2, "linear")]]
POLICIES = ("margin", "max_logit", "softmax")


def layouts(most=3):
    found = [tuple(place for place in choice if place) for choice in product(*[[None, *heads] for heads in PLACES])]
    return [layout for layout in found if len(layout) <= most]


def whole(most=3):
    families = [Family((), NO_POLICY, (4, 4)),
                *(Family(layout, policy, (4, 4)) for layout in layouts(most) if layout for policy in POLICIES)]
    return Space(tuple(families), (0.1, 0.5, 1.0, 2.0), tuple(range(100, 340, 20)), (0.8, 0.95))


def objectives(design):
    """Made up, but of the kind: exits cost little and save much, later ones less; what loses more is faster; faster is larger."""
    family, asked = design
    worth = sum({0: 0.5, 1: 0.3, 2: 0.05}[after] * (1.0 if head in ("conv", "linear") else 0.9) for after, head in family.layout)
    score = {"margin": 0.97, "max_logit": 1.0, "softmax": 0.95}.get(family.policy, 1.0)
    work = 1 - worth * score * (0.7 + 0.1 * asked.loss) if family.layout else 1
    heads = sum(400 if head in ("conv", "global") else 150 for _, head in family.layout)
    return np.array([-0.92 + asked.loss / 100 * len(family.layout) ** 0.3 if family.layout else -0.92, float(asked.cycles),
                     2000 + heads + 4e6 * work / asked.cycles * (1.1 - 0.1 * asked.utilisation)])


class Looking:
    """Looks, and notes at what."""

    def __init__(self, possible=lambda design: True, value=objectives):
        self.seen, self.calls, self.possible, self.value = [], [], possible, value

    def __call__(self, designs):
        self.calls.append(list(designs))
        self.seen += designs
        return [self.value(design) if self.possible(design) else None for design in designs]


def run(looking, budget, seed=1, most=3, count=3, enough=lambda: False):
    return optimise(whole(most), PLACES, most, looking, count, budget, seed, enough)


def test_the_same_seed_looks_at_the_same_designs_and_none_twice():
    np.random.seed(1)
    one, other, third = Looking(), Looking(), Looking()
    assert run(one, 150) == 150
    np.random.seed(2)
    run(other, 150)
    assert one.calls == other.calls, "whatever else draws numbers"
    run(third, 150, seed=2)
    assert third.seen != one.seen
    assert len(set(one.seen)) == len(one.seen) == 150, "the budget is kept, and nothing is looked at twice"
    assert set(one.seen) <= {(family, asked) for family in whole().families for asked in whole().asked(family)}


def test_it_finds_most_of_the_front():
    space = whole()
    every = [(family, asked) for family in space.families for asked in space.asked(family)]
    values = np.array([objectives(design) for design in every])
    scale = Scale.of(values)
    best = scale.hypervolume(values[front(values)])
    budget = len(every) // 10
    looking = Looking()
    run(looking, budget)
    found = np.array([objectives(design) for design in looking.seen])
    assert scale.hypervolume(found[front(found)]) >= 0.97 * best
    draw = np.random.default_rng(1)
    chance = values[draw.choice(len(every), budget, replace=False)]
    assert scale.hypervolume(found[front(found)]) > scale.hypervolume(chance[front(chance)]), "better than luck"


@pytest.mark.parametrize("count", [1, 2, 4])
def test_any_number_of_objectives_where_not_even_the_first_design_can_be(count):
    looking = Looking(possible=lambda design: bool(design[0].layout), value=lambda design: np.resize(objectives(design), count))
    assert 50 < run(looking, 90, count=count) <= 90


def test_nothing_may_be_possible():
    assert run(Looking(possible=lambda design: False), 60) <= 60


def test_a_small_space_is_gone_through_and_no_more():
    small = Space((Family((), NO_POLICY, (4, 4)), Family(((0, "conv"),), "margin", (4, 4))), (0.5,), (100, 200, 300), (0.8,))
    looking = Looking()
    assert optimise(small, [[(0, "conv")]], 1, looking, 3, 50, 1) <= small.size
    assert len(set(looking.seen)) == len(looking.seen) == small.size


def test_exits_at_most():
    looking = Looking()
    run(looking, 100, most=1)
    assert max(len(family.layout) for family, _ in looking.seen) == 1


def test_enough_is_enough():
    looking = Looking()
    assert run(looking, 500, enough=lambda: len(looking.seen) >= 50) < 150
