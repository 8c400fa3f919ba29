"""The order in which exits leave the trunk is found in the graph, whatever the order of the outputs."""

from itertools import permutations
from pathlib import Path

import onnx
import pytest

from build_flows.finn_bridge.read_qonnx import read_qonnx
from tests.build_flows.finn_bridge.executed import read_same
from tests.build_flows.finn_bridge.small_graphs import act, conv, fc, flat, logits, pool, write


def listed(path: Path, order: tuple[int, ...]) -> Path:
    """The same graph, its outputs listed in ``order``."""
    model = onnx.load(str(path))
    items = list(model.graph.output)
    del model.graph.output[:]
    model.graph.output.extend(items[place] for place in order)
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_three_outputs_in_any_order_are_the_same_network(order: tuple[int, ...], odd: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes((odd / "model.onnx").read_bytes())
    wanted, found = read_qonnx(path), read_qonnx(listed(path, order))
    assert [[layer.node for layer in chain] for chain in found.heads] == [[layer.node for layer in chain] for chain in wanted.heads]
    assert [order[place] for place in found.places] == [0, 1, 2]
    if order == (0, 1, 2):
        assert found.notes == ()
    else:
        (note,) = found.notes
        assert note.startswith("outputs are in another order than that in which they leave the trunk, which they were put into: exit 0 is "
                               f"number {found.places[0] + 1} (exit0), exit 1 is number ")


def test_the_last_of_two_is_what_holds_more_of_the_trunk(tmp_path: Path) -> None:
    """Here the file says it the other way round."""
    path = write(tmp_path / "net.onnx", (6, 5, 2), (conv(4), act()), (conv(4), act(), flat, logits), (), (flat, logits))
    found = read_same(path)
    assert found.places == (1, 0)
    assert [layer.kind for layer in found.stages[1]] == ["conv"]


def test_without_convolutions_it_is_what_has_more_layers(tmp_path: Path) -> None:
    assert read_same(write(tmp_path / "net.onnx", (4, 3, 1), (flat, fc(6), act()), (fc(4), act(), logits), (), (logits,))).places == (1, 0)
    file = write(tmp_path / "pool.onnx", (6, 5, 2), (conv(4), act()), (pool(), flat, logits), (), (flat, logits))
    assert read_same(file).places == (1, 0)


def test_where_both_may_be_the_last_the_users_order_holds(tmp_path: Path) -> None:
    early, onward = (conv(4), act(), conv(3), act(), flat, fc(5), act(), logits), (conv(4), act())
    found = read_same(write(tmp_path / "net.onnx", (6, 5, 2), (conv(4), act()), early, onward, (flat, logits)))
    assert (found.places, found.notes) == ((0, 1), ())
    assert len(found.heads[0]) == 4
    found = read_same(write(tmp_path / "flat.onnx", (6, 5, 2), (conv(4), act()), early, (flat, fc(4), act()), (logits,)))
    assert found.places == (0, 1)
