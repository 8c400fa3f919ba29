"""Costs counted by hand, and by running the layers."""

from quant_models.networks.cost import Cost, exit_costs, last_alone, layer_costs
from quant_models.networks.spec import Activation, Conv, GlobalPool, Linear, MaxPool, NetSpec, trace
from tests.quant_models.conftest import build_spec


def by_hand() -> NetSpec:
    act = Activation(bits=3)
    return NetSpec(
        name="hand", height=6, width=4, channels=2, classes=3,
        stages=(
            (Conv(out=5, kernel=3, pad=1, weight_bits=2, act=act), MaxPool(kernel=2, stride=2)),
            (Conv(out=4, kernel=(3, 1), weight_bits=4, act=act), Conv(out=8, kernel=1, weight_bits=4, act=act, groups=4)),
        ),
        heads=((Linear(out=3, weight_bits=5),), (GlobalPool(act=Activation(bits=6)), Linear(out=3, weight_bits=7))),
    )


def test_layers_are_counted_as_by_hand() -> None:
    found = {item.name: item.cost for item in layer_costs(by_hand())}
    assert found == {
        "stage0_conv0": Cost(macs=6 * 4 * 5 * 9 * 2, bitops=6 * 4 * 5 * 9 * 2 * 2 * 8),
        "stage0_pool0": Cost(),
        "head0_fc0": Cost(macs=3 * 2 * 5 * 3, bitops=3 * 2 * 5 * 3 * 5 * 3),
        "stage1_conv0": Cost(macs=1 * 2 * 4 * 3 * 5, bitops=1 * 2 * 4 * 3 * 5 * 4 * 3),
        "stage1_conv1": Cost(macs=1 * 2 * 8, bitops=1 * 2 * 8 * 4 * 3),
        "head1_gap0": Cost(),
        "head1_fc0": Cost(macs=8 * 3, bitops=8 * 3 * 7 * 6),
    }


def test_a_sample_pays_for_every_head_on_its_way() -> None:
    layers = {item.name: item.cost.macs for item in layer_costs(by_hand())}
    first = layers["stage0_conv0"] + layers["head0_fc0"]
    rest = layers["stage1_conv0"] + layers["stage1_conv1"] + layers["head1_fc0"]
    assert [item.macs for item in exit_costs(by_hand())] == [first, first + rest]
    assert last_alone(by_hand()).macs == exit_costs(by_hand())[-1].macs - layers["head0_fc0"]


def test_every_layer_is_there_and_fewer_bits_cost_less() -> None:
    spec = build_spec()
    assert [item.name for item in layer_costs(spec)] == [unit.name for _, _, unit in trace(spec)]
    narrow = build_spec(weight_bits=2)
    assert [item.macs for item in exit_costs(narrow)] == [item.macs for item in exit_costs(spec)]
    assert all(2 * less.bitops == more.bitops for less, more in zip(exit_costs(narrow), exit_costs(spec), strict=True))
