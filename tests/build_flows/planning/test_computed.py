"""Costs counted by hand, whoever the network is from."""

import json
from pathlib import Path

import numpy as np

from build_flows.planning.computed import exit_costs, last_alone, layer_costs
from build_flows.planning.network import Network
from build_flows.planning.read_network import from_meta, read_network
from quant_models.integers.describe import describe
from quant_models.networks.cost import Cost
from quant_models.networks.presets import preset
from quant_models.networks.spec import Activation, Conv, GlobalPool, Linear, MaxPool, NetSpec, trace
from tests.quant_models.conftest import build_spec


def of(spec: NetSpec) -> Network:
    return from_meta(*describe(spec))


def by_hand() -> Network:
    act = Activation(bits=3)
    return of(NetSpec(
        name="hand", height=6, width=4, channels=2, classes=3,
        stages=(
            (Conv(out=5, kernel=3, pad=1, weight_bits=2, act=act), MaxPool(kernel=2, stride=2)),
            (Conv(out=4, kernel=(3, 1), weight_bits=4, act=act),),
        ),
        heads=((Linear(out=3, weight_bits=5),), (GlobalPool(act=Activation(bits=6)), Linear(out=3, weight_bits=7))),
    ))


def test_layers_are_counted_as_by_hand() -> None:
    found = {item.name: item.cost for item in layer_costs(by_hand())}
    assert found == {
        "stage0_conv0": Cost(macs=6 * 4 * 5 * 9 * 2, bitops=6 * 4 * 5 * 9 * 2 * 2 * 8),
        "stage0_pool0": Cost(),
        "head0_fc0": Cost(macs=3 * 2 * 5 * 3, bitops=3 * 2 * 5 * 3 * 5 * 3),
        "stage1_conv0": Cost(macs=1 * 2 * 4 * 3 * 5, bitops=1 * 2 * 4 * 3 * 5 * 4 * 3),
        "head1_gap0": Cost(),
        "head1_fc0": Cost(macs=4 * 3, bitops=4 * 3 * 7 * 6),
    }


def test_a_sample_pays_for_every_head_on_its_way() -> None:
    layers = {item.name: item.cost.macs for item in layer_costs(by_hand())}
    first = layers["stage0_conv0"] + layers["head0_fc0"]
    assert [item.macs for item in exit_costs(by_hand())] == [first, first + layers["stage1_conv0"] + layers["head1_fc0"]]
    assert last_alone(by_hand()).macs == exit_costs(by_hand())[-1].macs - layers["head0_fc0"]


def test_every_layer_is_there_and_fewer_bits_cost_less() -> None:
    spec, narrow = build_spec(), of(build_spec(weight_bits=2))
    assert [item.name for item in layer_costs(of(spec))] == [unit.name for _, _, unit in trace(spec)]
    assert [item.macs for item in exit_costs(narrow)] == [item.macs for item in exit_costs(of(spec))]
    assert all(2 * less.bitops == more.bitops for less, more in zip(exit_costs(narrow), exit_costs(of(spec)), strict=True))


def test_published_networks_compute_what_was_published() -> None:
    # MLPerf Tiny's ResNet-8: 12.5 million, without the early heads.
    assert last_alone(of(preset("resnet8"))).macs == 12_501_632
    assert last_alone(of(preset("tfc"))).macs == 784 * 64 + 64 * 64 * 2 + 640
    # 221,184 of the first convolution, then pixels x channels x (9 + outputs) block by block, and 256 x 10.
    assert last_alone(of(preset("mobilenet_tiny"))).macs == 3_331_072
    # FINN's: 57.9 million of convolutions as published, and 0.4 of linear layers.
    assert last_alone(of(preset("cnv", 1, 1))).macs == 59_461_376


def test_channels_by_themselves_count_one_input_and_weights_of_one_bit_one(tmp_path: Path) -> None:
    """As they are in golden.npz: a depthwise convolution with zeros, weights of -1 and 1."""
    weights = np.zeros((3, 2, 2, 3), np.int8)
    weights[range(3), :, :, range(3)] = 1
    common = {"out_bits": 2, "out_signed": False, "out_min": 0, "stride": 1, "pad": 0, "kind": "conv", "kernel": 2}
    meta = {
        "version": 1, "name": "by itself", "classes": 2, "input": {"height": 5, "width": 4, "channels": 3, "bits": 8, "signed": False},
        "stages": [{"layers": [
            {**common, "name": "alone", "weight": "alone", "weight_bits": 4, "thresholds": "steps"},
            {**common, "name": "signs", "weight": "signs", "weight_bits": 1, "thresholds": "steps"},
        ]}],
        "heads": [{"layers": [{"name": "fc", "kind": "linear", "weight": "fc", "weight_bits": 3, "bias": "bias", "scale": 1.0}]}],
    }
    np.savez(tmp_path / "golden.npz", meta=np.array(json.dumps(meta)), alone=weights, signs=np.ones((3, 2, 2, 3), np.int8),
             fc=np.ones((2, 3 * 2 * 3), np.int8), bias=np.zeros(2, np.int64), steps=np.zeros((3, 3), np.int64))
    found = {item.name: item.cost for item in layer_costs(read_network(tmp_path / "golden.npz"))}
    alone, signs = 4 * 3 * 3 * 4, 3 * 2 * 3 * 4 * 3
    assert found == {"alone": Cost(macs=alone, bitops=alone * 4 * 8), "signs": Cost(macs=signs, bitops=signs * 2),
                     "fc": Cost(macs=36, bitops=36 * 3 * 2)}
