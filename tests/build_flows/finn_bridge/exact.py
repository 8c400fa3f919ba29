"""A QONNX file read, and its integers held against qonnx' own execution of the file."""

from pathlib import Path

import numpy as np

from build_flows.artefacts.own_layers import OwnNetwork, write_golden
from build_flows.finn_bridge.read_qonnx import read_qonnx
from build_flows.finn_bridge.run_qonnx import run_qonnx
from build_flows.steps.own import compare_float
from sim import golden

__all__ = ["exact"]


def exact(path: Path, count: int = 5) -> OwnNetwork:
    """The network at ``path``, which must compute what qonnx does of the same file, and not the same for all images."""
    network = read_qonnx(path)
    images = np.random.default_rng(0).integers(0, 256, (count, *network.shape), np.uint8)
    write_golden(network, "small", path.with_suffix(".npz"))
    net = golden.load(path.with_suffix(".npz"))
    compare_float(network, net, images, run_qonnx(path, images, network.fed, channels_last=network.channels_last), "qonnx")
    assert all(len(np.unique(item, axis=0)) > 1 for item in net.run(images))
    return network
