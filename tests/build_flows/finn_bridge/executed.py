"""Networks that are read must compute what qonnx computes of the same file."""

from pathlib import Path

import numpy as np

from build_flows.artefacts.own_layers import OwnNetwork, write_golden
from build_flows.finn_bridge.read_qonnx import read_qonnx
from build_flows.finn_bridge.run_qonnx import run_qonnx
from build_flows.finn_bridge.write_qonnx import write_qonnx
from build_flows.steps.own import compare_float
from sim import golden

__all__ = ["read_same"]


def read_same(path: Path, count: int = 5) -> OwnNetwork:
    """The network of the QONNX at ``path``: the golden model of it, and the QONNX that is written of it, must give on ``count`` random
    images what qonnx gives of the file, and not the same for all of them."""
    network = read_qonnx(path)
    images = np.random.default_rng(0).integers(0, 256, (count, *network.shape), np.uint8)
    write_golden(network, "small", path.with_suffix(".npz"))
    net = golden.load(path.with_suffix(".npz"))
    written = path.with_suffix(".written.onnx")
    write_qonnx(network, written)
    compare_float(network, net, images, run_qonnx(path, images, network.fed, channels_last=network.channels_last), "qonnx")
    compare_float(network, net, images, run_qonnx(written, images, network.scale, channels_last=False), "what is written")
    assert all(len(np.unique(item, axis=0)) > 1 for item in net.run(images))
    return network
