"""Average pools over windows and over whole maps, with a quantiser behind them and without."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.read_qonnx import read_qonnx
from tests.build_flows.finn_bridge.executed import read_same
from tests.build_flows.finn_bridge.small_graphs import (
    Builder,
    Op,
    act,
    affine,
    avg,
    conv,
    flat,
    local,
    logits,
    norm,
    pool,
    relu,
    sign,
    two,
    write,
)

SHAPE = (6, 4, 2)
BARE = {"pads": [0, 0, 0, 0]}


@pytest.mark.parametrize(
    "ops",
    [
        (conv(4), act(), local(), act()),
        (conv(4), act(), local((3, 2), (2, 1)), act(signed=True)),
        (conv(4), act(signed=True), local((3, 3), (2, 2), pads=[1, 1, 1, 1], count_include_pad=1), act(signed=True)),
        (conv(4), act(), local((3, 3), (2, 2), auto_pad="SAME_UPPER", count_include_pad=1), act()),
        (conv(4), act(), local(), norm(1, -1, 0), act(signed=True)),
        (local(), act(8), conv(4), act()),
    ],
)
def test_means_of_windows_with_a_quantiser_are_exact(ops: Sequence[Op], tmp_path: Path) -> None:
    read_same(two(tmp_path / "net.onnx", SHAPE, *ops))


@pytest.mark.parametrize(
    ("ops", "bits"),
    [
        ((conv(4), act(), local()), 6),
        ((conv(4), act(3, signed=True), local((3, 3), (1, 1), **BARE)), 7),
        ((conv(4), sign(), local()), 4),
        ((conv(4), act(2), avg), 7),
    ],
)
def test_sums_of_few_bits_need_no_quantiser_wherever_they_go(ops: Sequence[Op], bits: int, tmp_path: Path) -> None:
    """As here: to a head, and onwards."""
    assert read_same(two(tmp_path / "net.onnx", SHAPE, *ops)).stages[0][-1].act_bits == bits


def scaled(b: Builder) -> None:
    """A mean over the whole map, of which logits have the scale."""
    b.scale /= b.shape[1] * b.shape[2]
    avg(b)


@pytest.mark.parametrize(
    "ops",
    [
        (scaled, flat, logits),
        (local((2, 2), (2, 2)), flat, logits),
        (local((3, 2), (1, 2), pads=[1, 0, 1, 0], count_include_pad=1), flat, logits),
        (local((2, 3), (3, 1)), flat, logits),
        (local(), conv(4), act(), flat, logits),
        (local((3, 3), (1, 1), pads=[1, 1, 1, 1], count_include_pad=1), conv(4, (2, 1), strides=[2, 1], **BARE), act(), flat, logits),
        (local(), affine("Add", 0.1, 0.2), conv(4, (2, 2), **BARE), act(), flat, logits),
        (scaled, affine("Mul", 2), conv(4, (1, 1)), act(), flat, logits),
    ],
)
def test_sums_of_many_bits_become_part_of_the_next_layer(ops: Sequence[Op], tmp_path: Path) -> None:
    network = read_same(write(tmp_path / "net.onnx", SHAPE, (conv(4), act(8)), ops, (conv(4), act()), (flat, logits)))
    assert len(network.heads[0]) == 1 + (len(ops) > 4 or ops[1] is not flat)


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        ((local(), relu, conv(4), act()), "Conv my_Conv_8 follows AveragePool my_AveragePool_5 without a quantiser between them; allowed"),
        ((local(), pool(2), conv(4), act()), "Conv my_Conv_8 follows AveragePool my_AveragePool_5 without a quantiser between them; allow"),
        ((local(), norm(1, 2), conv(4), act()), "Conv my_Conv_8 follows Average.*, but its channels have scales of their own; allowed"),
        ((local((3, 3), (2, 2)), conv(4), act()), "Conv my_Conv_7 pads what AveragePool my_AveragePool_5 averages, whose windows overlap"),
        ((local(), affine("Add", 0.1), conv(4), act()), "Conv my_Conv_8 pads what .* or to which something is added; allowed: a Quant nod"),
        ((local((5, 3), (1, 1)), conv(4, (2, 2), bits=8, **BARE), act()), "and its weights add up to .* bits where windows overlap; allow"),
        ((local((3, 3), (2, 2), pads=[1, 1, 1, 1]), act()), r"AveragePool my_A.*_5: a mean at the border .*\(count_include_pad=True"),
        ((local((2, 2), (2, 2), dilations=[2, 1]), act()), r"AveragePool my_A.*: must average neighbouring pixels, not dilations \[2, 1\]"),
        ((local((4, 3), (3, 1), ceil_mode=1), act()), r"AveragePool my_A.*: its output must be \[1, 4, 1, 2\] \(sizes are rounded down"),
        ((local(),), "is not quantised; allowed: forks behind a Quant node"),
    ],
)
def test_what_is_not_exact_is_refused(ops: Sequence[Op], message: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=message):
        read_qonnx(two(tmp_path / "net.onnx", SHAPE, conv(4), act(8), *ops))
