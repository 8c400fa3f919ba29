"""A network of which some exits are left out."""

import pytest

from build_flows.planning.layout_network import with_exits
from build_flows.planning.network import NetworkError
from tests.build_flows.networks import network
from tests.build_flows.planning import test_network as forks

STAGES = [[("conv", 3, 1, 1, 4)], [("conv", 3, 1, 1, 8)], [("conv", 3, 1, 1, 8)]]
NET = network((8, 8, 1), STAGES, [[("linear", 5)]] * 3)


def test_stages_between_kept_exits_are_one():
    for kept in ((), (0,), (1,), (0, 1)):
        found = with_exits(NET, kept)
        assert [layer.name for stage in found.stages for layer in stage] == [layer.name for stage in NET.stages for layer in stage]
        assert [head[0].name for head in found.heads] == [NET.heads[exit][0].name for exit in (*kept, 2)]
        for chains in (found.stages, found.heads):
            assert [[layer.stage for layer in chain] for chain in chains] == [[k] * len(chain) for k, chain in enumerate(chains)]
        assert found.chains
    assert with_exits(NET, (0, 1)) == NET


def test_cuts_stay_with_their_exits():
    net = forks.network(
        [[forks.conv("a", "image"), forks.conv("b", "a")], [forks.conv("c", "b")], [forks.plain("f", "add", "a", "c")]],
        [[forks.logits("x", "b")], [forks.logits("y", "c")], [forks.logits("z", "f")]], [["a", "b"], ["a", "c"]])
    assert with_exits(net, (1,)).cut(0) == ("a", "c")
    assert with_exits(net, (0,)).cut(0) == ("a", "b")
    assert with_exits(net, ()).cut(0) == ()


@pytest.mark.parametrize("kept", [(2,), (1, 0), (0, 0), (-1,)])
def test_what_is_no_early_exit_is_refused(kept):
    with pytest.raises(NetworkError, match="kept must be early exits of 2, rising"):
        with_exits(NET, kept)
