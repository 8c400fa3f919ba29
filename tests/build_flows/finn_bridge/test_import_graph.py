"""What the reader takes FINN's import builds, and FINN's graph computes what the network does: one contract, over a table of graphs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from build_flows.artefacts.own_layers import OwnNetwork, write_golden
from build_flows.finn_bridge.cut_tail import cut_tails
from build_flows.finn_bridge.execute import execute
from build_flows.finn_bridge.golden_file import read_golden
from build_flows.finn_bridge.import_graph import import_graph
from build_flows.finn_bridge.name_layers import name_layers
from build_flows.finn_bridge.quiet import quiet_finn
from build_flows.finn_bridge.read_qonnx import read_qonnx
from build_flows.finn_bridge.run_qonnx import run_qonnx
from build_flows.finn_bridge.thresholds import reconcile
from build_flows.finn_bridge.write_qonnx import write_qonnx
from build_flows.steps.own import compare_float
from sim import golden
from tests.build_flows.finn_bridge.conftest import PART
from tests.build_flows.finn_bridge.small_graphs import (
    Builder,
    Op,
    act,
    affine,
    avg,
    clip,
    conv,
    fc,
    flat,
    local,
    logits,
    norm,
    pad,
    pool,
    relu,
    resize,
    sign,
    turn,
    write,
)

Parts = tuple[Sequence[Op], Sequence[Op], Sequence[Op], Sequence[Op]]
HEAD = (flat, logits)
REST = (flat, fc(4), act())


def builds(folder: Path, shape: tuple[int, int, int], parts: Parts, start: Op | None = None) -> OwnNetwork:
    """The network of ``parts`` and ``start`` (of :func:`write`) as read; FINN's graph of it must give its logits, bit for bit."""
    path = write(folder / "net.onnx", shape, *parts, start=start)
    network = read_qonnx(path)
    images = np.random.default_rng(1).integers(0, 256, (3, *shape), np.uint8)
    write_golden(network, "small", folder / "golden.npz")
    write_qonnx(network, folder / "model.onnx")
    net = golden.load(folder / "golden.npz")
    compare_float(network, net, images, run_qonnx(path, images, network.fed, channels_last=network.channels_last), "qonnx")
    held = read_golden(folder / "golden.npz")
    with quiet_finn():
        model = import_graph(folder / "model.onnx", PART)
        cut_tails(model, held)
        units = name_layers(model, held)
        reconcile(model, units)
        found = execute(model, {unit.layer.name: unit.name for unit in units if unit.layer is not None}, images)
    wanted = net.run(images)
    for logits_, other, head in zip(found.logits, wanted, network.heads, strict=True):
        assert head[-1].bias is not None
        assert (logits_.reshape(other.shape) + head[-1].bias == other).all()
        assert len(np.unique(other, axis=0)) > 1
    return network


def kinds(network: OwnNetwork) -> list[str]:
    return ["+".join(layer.kind for layer in chain) for chain in (*network.stages, *network.heads)]


def test_linear_layers_alone_on_the_images(tmp_path: Path) -> None:
    """With weights in the order of NHWC, as images arrive: 3 rows, 5 columns, 2 channels."""
    found = builds(tmp_path, (3, 5, 2), ((flat, fc(6), norm(-1, 0, 1), act()), (fc(5), act(), logits), (fc(4), act()), (logits,)))
    assert kinds(found) == ["linear", "linear", "linear+linear", "linear"]


def test_a_pool_in_front_of_the_first_convolution(tmp_path: Path) -> None:
    found = builds(tmp_path, (9, 7, 2), ((pool((3, 2)), pool(2, 1)), (conv(3), act(), *HEAD), (conv(4), act()), HEAD))
    assert kinds(found) == ["maxpool+maxpool", "conv", "conv+linear", "linear"]


def test_1_bit_weights_and_activations(tmp_path: Path) -> None:
    """Of 2 bits before a convolution with padding, else of one: FINN's own thresholds say the same."""
    found = builds(tmp_path, (5, 4, 2), ((conv(4, bits=1), norm(1, -1, 0.5), sign()), HEAD, (conv(3, bits=1), sign(0.7)), HEAD))
    assert [chain[0].act_bits for chain in found.stages] == [2, 1]


@pytest.mark.slow
def test_upsamplings_on_all_ways(tmp_path: Path) -> None:
    """In the trunk with a sign, behind a fork into a head, of one pixel, of the images, of two kinds behind each other."""
    found = builds(tmp_path, (4, 3, 2), ((resize(1, 2), conv(4), resize(2, 1), act(signed=True)), (pool((8, 6)), resize(3, 2), *HEAD),
                                         (resize(2, 3), resize(1, 2), conv(3), act()), (avg, resize(1, 2), act(), *HEAD)))
    assert kinds(found) == ["upsample+conv+upsample", "upsample+upsample+conv", "maxpool+upsample+linear", "global_sum+upsample+linear"]


def summed(b: Builder) -> None:
    """A mean over the whole map, of which logits have the scale."""
    b.scale /= b.shape[1] * b.shape[2]
    avg(b)


def test_a_convolution_of_one_channel_to_one(tmp_path: Path) -> None:
    builds(tmp_path, (6, 5, 1), ((conv(1, bits=8), act(8, signed=True), conv(1, (1, 1), bits=8), act(signed=True)), HEAD, REST, (logits,)))


def signed(b: Builder) -> None:
    """Normalised images, quantised to seven bits with a sign."""
    affine("Sub", 0.4)(b)
    b.quant(1 / 100, 7, signed=True)
    b.scale = 1 / 100


def centred(b: Builder) -> None:
    """Pixels, normalised, as they are."""
    b.quant(1 / 256, 8, signed=False)
    affine("Sub", 0.4)(b)
    affine("Div", 0.25)(b)
    b.scale = 4 / 256


@pytest.mark.parametrize("channels", [1, 3])
def test_integers_of_images_that_a_layer_in_front_makes(channels: int, tmp_path: Path) -> None:
    found = builds(tmp_path, (6, 5, channels), ((conv(4), act()), HEAD, REST, (logits,)), signed)
    assert kinds(found)[0] == "conv+conv"


def test_a_mean_in_the_first_layers_offsets(tmp_path: Path) -> None:
    found = builds(tmp_path, (6, 5, 2), ((pool((2, 1)), conv(4, (2, 2), pads=[0] * 4), act()), HEAD, REST, (logits,)), centred)
    assert kinds(found)[0] == "maxpool+conv"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "parts"),
    [
        ((6, 5, 2), ((avg, act()), HEAD, (conv(4, (1, 1)), act()), HEAD)),
        ((6, 5, 2), ((pool(), flat, fc(6), act()), (logits,), (fc(4), act()), (logits,))),
        ((6, 5, 2), ((flat, fc(6), act(3, signed=True)), (logits,), (fc(4), act(2)), (fc(5), act(), logits))),
        ((6, 5, 2), ((conv(4), act(), flat, fc(6), act()), (logits,), (fc(4), act()), (logits,))),
        ((6, 5, 2), ((conv(4), act()), (avg, act(6), *HEAD), (avg, act(6), conv(3, (1, 1)), act()), HEAD)),
        ((6, 5, 2), ((conv(4), act(), pool(1, 2)), HEAD, REST, (logits,))),
        ((6, 5, 2), ((conv(4), act(), pool((6, 5))), HEAD, REST, (logits,))),
        ((6, 5, 2), ((conv(4, (6, 5), pads=[0] * 4), act()), HEAD, REST, (logits,))),
        ((6, 5, 2), ((conv(4, (2, 2), pads=[3, 2, 3, 2]), act()), HEAD, (conv(3), act()), HEAD)),
        ((6, 5, 2), ((conv(4, (3, 5), auto_pad="SAME_UPPER"), act()), HEAD, REST, (logits,))),
        ((6, 5, 2), ((conv(4, bits=8), act(8), conv(4, bits=2), act(2)), HEAD, (conv(4), act(5, signed=True), pool()), HEAD)),
        ((6, 5, 2), ((conv(4), norm(0, -1, 1), pool(), relu, act(relu=False)), HEAD, REST, (logits,))),
        ((6, 5, 2), ((conv(4), act(), turn(0, 2, 3, 1), turn(0, 3, 1, 2)), HEAD, REST, (logits,))),
        ((1, 1, 3), ((conv(4, (1, 1)), act()), HEAD, REST, (logits,))),
        # What is rewritten.
        ((6, 5, 2), ((conv(4), act(), conv(6, group=2), act()), HEAD, (conv(6, group=6, dilations=[2, 1], strides=[2, 1]), act()), HEAD)),
        ((6, 5, 2), ((conv(4, auto_pad="SAME_LOWER", strides=[2, 2]), act()), HEAD, (pad(0, 1, 1, 0), conv(3, pads=[0] * 4), act()), HEAD)),
        ((6, 5, 2), ((conv(4), act(), local()), HEAD, (conv(4), act(8)), (summed, flat, logits))),
        ((6, 5, 2), ((conv(4), pool(3, 2, pads=[1] * 4), clip(0, 0.4), act()), HEAD, REST, (logits,))),
        ((6, 5, 2), ((conv(4), relu, norm(1, -1, 0), act(signed=True)), HEAD, (avg, norm(1, -1), act()), HEAD)),
        ((6, 5, 2), ((conv(4), clip(-0.3, 0.8), pool(), act(signed=True)), HEAD, (conv(3, bits=1), act(1)), HEAD)),
        ((12, 1, 2), ((conv(4, (3, 1)), act(), pool((2, 1))), HEAD, (conv(4, (4, 1), strides=[2, 1]), act()), HEAD)),
        ((1, 12, 2), ((conv(4, (1, 3)), act(), pool((1, 2))), HEAD, (conv(4, (1, 2), pads=[0] * 4), act()), HEAD)),
    ],
)
def test_the_rest_of_the_table(shape: tuple[int, int, int], parts: Parts, tmp_path: Path) -> None:
    builds(tmp_path, shape, parts)
