import numpy as np
import pytest

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.saved_graph import load_graph, save_graph


def test_a_saved_graph_runs_like_the_compiled_one(compiled, tmp_path):
    graph, _ = compiled
    save_graph(graph, tmp_path / "graph.onnx")
    save_graph(graph, tmp_path / "again.onnx")
    assert (tmp_path / "graph.onnx").read_bytes() == (tmp_path / "again.onnx").read_bytes()
    saved = load_graph(tmp_path / "graph.onnx")
    assert saved.last_layers == ("head0_fc1", "head1_fc0", "head2_fc0")
    assert saved.biases == tuple(item.bias for item in graph.exits)
    images = np.random.default_rng(1).integers(0, 256, (3, 9, 7, 2), dtype=np.uint8)
    for one, other in zip(saved.execute(images).logits, graph.execute(images).logits, strict=True):
        np.testing.assert_array_equal(one, other)


def test_images_that_do_not_fit_are_refused(compiled):
    with pytest.raises(CompileError, match=r"images must be \[1 or more, 9, 7, 2\], not \[1, 7, 9, 2\]"):
        compiled[0].execute(np.zeros((1, 7, 9, 2), np.int64))
    with pytest.raises(CompileError, match="pixels must be from 0 to 255, not 256 to 256"):
        compiled[0].execute(np.full((1, 9, 7, 2), 256))


def test_something_else_is_refused(odd):
    with pytest.raises(CompileError, match=r"model\.onnx is not a compiled graph of version 1"):
        load_graph(odd / "model.onnx")
