"""The second baseline's target: found by the folding search itself, and with made-up costs."""

from dataclasses import dataclass

import pytest

from build_flows.artefacts.compare import Taken
from build_flows.artefacts.resources import Sums
from build_flows.base.errors import OfframpError
from build_flows.base.parts import find_part
from build_flows.compare.matching import KEYS, allowance, match
from build_flows.planning.folding import FoldingError
from build_flows.planning.folding_search import search
from build_flows.planning.layer_costs import Cost
from build_flows.planning.network import Network, Shape
from tests.build_flows import networks
from tests.build_flows.compare_samples import unit

PART = find_part("pynq-z2")


def network(stages: int = 1) -> Network:
    return Network(name="n", classes=10, source=Shape(8, 8, 1), in_bits=8, in_signed=False, stages=((),) * stages, heads=((),) * stages)


@dataclass
class Found:
    cost: Cost
    cycles: int

    def limit(self, stage: int) -> "Found":
        return self


def made_up(net: Network, targets: tuple[int, ...], part: object) -> Found:
    """A design whose slowest form takes 5000 cycles; below 100 there is none."""
    (cycles,) = targets
    if cycles < 100:
        raise FoldingError("too fast")
    taken = min(cycles, 5000)
    return Found(Cost(lut=500 + 1_000_000 // taken, lutram=100, ff=1, bram18=-(-20_000 // taken), dsp=-(-100_000 // taken)), taken)


@pytest.mark.parametrize(("allowed", "cycles"), [
    (Taken(lut=2500, bram36=100, dsp=1000), 500), (Taken(lut=9999, bram36=5, dsp=1000), 2000),
    (Taken(lut=99999, bram36=1000, dsp=500), 200), (Taken(lut=10**9, bram36=10**6, dsp=10**6), 100),
])
def test_it_is_the_fastest_that_fits(allowed, cycles):
    found = match(network(), PART, allowed, made_up)
    assert found.fits
    assert found.allowed == allowed
    # LUTs are whole numbers: a few cycles less may take no more of them.
    assert cycles - 1 <= found.cycles <= cycles
    assert all(getattr(found.predicted, key) <= getattr(allowed, key) for key in KEYS)
    if found.cycles > 100:
        faster = made_up(network(), (found.cycles - 1,), PART).cost
        assert faster.lut > allowed.lut or faster.bram18 / 2 > allowed.bram36 or faster.dsp > allowed.dsp


def test_where_nothing_fits_it_is_the_slowest():
    found = match(network(), PART, Taken(lut=600, bram36=100, dsp=100), made_up)
    assert not found.fits
    assert found.cycles == 5000
    assert found.predicted == Taken(lut=700, bram36=2, dsp=20)


def test_early_exits_are_refused():
    with pytest.raises(OfframpError, match="not one with 2 stages"):
        match(network(2), PART, Taken(lut=1, bram36=1, dsp=1), made_up)


def test_what_lies_outside_the_layers_is_taken_off():
    total = Sums(lut=1000, lut_paired=900, lutram=200, ff=5, bram36=4, dsp=30)
    units = [
        unit("a", "layer", 1).replace(lut=700, lutram=100, bram36=3, dsp=20), unit("b", "stream", 1).replace(lut=10, lutram=20, bram36=0.5),
        unit("c", "control", 1).replace(lut=100, dsp=1),
    ]
    assert allowance(total, units) == Taken(lut=1200 - 130, bram36=3.5, dsp=29)


def test_a_slower_design_that_takes_more_does_not_hide_a_faster_one():
    def bumpy(net: Network, targets: tuple[int, ...], part: object) -> Found:
        found = made_up(net, targets, part)
        # Between 1200 and 4000 cycles a memory moves into block RAM.
        extra = 50 if 1200 <= found.cycles <= 4000 else 0
        return Found(found.cost + Cost(bram18=extra), found.cycles)

    found = match(network(), PART, Taken(lut=2500, bram36=20.5, dsp=1000), bumpy)
    assert found.fits
    assert 499 <= found.cycles <= 500


@pytest.mark.slow
def test_the_real_search_agrees_with_itself():
    conv, pool = ("conv", 3, 1, 1, 8), ("maxpool", 2, 2)
    one_stage = networks.network((12, 12, 1), [[conv, pool, conv, pool]], [[("linear", 10)]])
    fast, slow = (search(one_stage, (cycles,), PART) for cycles in (400, 4000))
    assert fast.cost.dsp > slow.cost.dsp
    allowed = Taken(lut=10**9, bram36=10**9, dsp=slow.cost.dsp)
    found = match(one_stage, PART, allowed)
    assert found.fits
    assert 400 < found.cycles <= 4000
    assert search(one_stage, (found.cycles,), PART).cost.dsp <= slow.cost.dsp < search(one_stage, (found.cycles - 1,), PART).cost.dsp
