"""Kernels with zeros added compute what they did: against convolutions that are written out."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from build_flows.finn_bridge.qonnx_kernels import dense, even, placed, spread
from sim.golden import layers

Array = Any


def summed(x: Array, weight: Array, pads: tuple[int, ...], stride: tuple[int, int], dilation: tuple[int, int] = (1, 1)) -> Array:
    """The convolution of ``x`` (``[rows, columns, in]``) with ``weight`` (``[out, in, rows, columns]``), product by product."""
    x = np.pad(x, ((pads[0], pads[2]), (pads[1], pads[3]), (0, 0)))
    sides = [(size - 1) * step + 1 for size, step in zip(weight.shape[2:], dilation, strict=True)]
    rows, columns = ((x.shape[at] - sides[at]) // stride[at] + 1 for at in (0, 1))
    found = np.zeros((rows, columns, len(weight)), np.int64)
    for row, column in np.ndindex(rows, columns):
        for i, j in np.ndindex(*weight.shape[2:]):
            found[row, column] += weight[:, :, i, j] @ x[row * stride[0] + i * dilation[0], column * stride[1] + j * dilation[1]]
    return found


def drawn(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).integers(-7, 8, shape)


side = st.tuples(st.integers(1, 4), st.integers(1, 4))


@settings(max_examples=60, deadline=None)
@given(size=st.tuples(st.integers(1, 8), st.integers(1, 8)), pads=st.tuples(*[st.integers(0, 3)] * 4), kernel=side, stride=side)
def test_padding_of_any_kind_is_the_same_on_opposite_sides(
    size: tuple[int, int], pads: tuple[int, int, int, int], kernel: tuple[int, int], stride: tuple[int, int]
) -> None:
    assume(all(size[at] + pads[at] + pads[at + 2] >= kernel[at] for at in (0, 1)))
    x, weight = drawn(*size, 2), drawn(3, 2, *kernel)
    wanted = summed(x, weight, pads, stride)
    found, pad = even(weight, size, pads, stride)
    assert (layers.conv(x[None], found.transpose(0, 2, 3, 1), pad, stride, 7)[0] == wanted).all()
    if pads[:2] == pads[2:]:
        assert (found.shape, pad) == (weight.shape, pads[:2])


@pytest.mark.parametrize(
    ("pads", "stride", "kernel", "pad"),
    [
        ((0, 0, 1, 1), (1, 1), (4, 4), (1, 1)),
        # Of padding that no window reaches there may be any.
        ((1, 0, 0, 1), (2, 2), (3, 4), (1, 1)),
        ((2, 0, 0, 0), (1, 1), (5, 3), (2, 0)),
    ],
)
def test_a_kernel_grows_only_by_what_it_must(pads: Any, stride: Any, kernel: Any, pad: Any) -> None:
    found, around = even(drawn(1, 1, 3, 3), (6, 6), pads, stride)
    assert (found.shape[2:], around) == (kernel, pad)


@pytest.mark.parametrize("dilation", [(1, 1), (2, 1), (1, 3), (2, 2)])
def test_dilations_are_zeros_in_the_kernel(dilation: tuple[int, int]) -> None:
    x, weight = drawn(9, 8, 2), drawn(3, 2, 3, 2)
    wanted = summed(x, weight, (1, 0, 1, 0), (1, 2), dilation)
    assert (summed(x, spread(weight, dilation), (1, 0, 1, 0), (1, 2)) == wanted).all()


@pytest.mark.parametrize("group", [1, 2, 4])
def test_groups_are_zeros_between_channels(group: int) -> None:
    x, weight = drawn(4, 3, 4), drawn(8, 4 // group, 2, 3)
    parts = [
        summed(x[:, :, at * 4 // group : (at + 1) * 4 // group], weight[at * 8 // group : (at + 1) * 8 // group], (0,) * 4, (1, 1))
        for at in range(group)
    ]
    assert (summed(x, dense(weight, group), (0,) * 4, (1, 1)) == np.concatenate(parts, axis=2)).all()


@pytest.mark.parametrize(("kernel", "stride"), [((2, 2), (2, 2)), ((3, 2), (1, 2)), ((1, 2), (3, 3))])
def test_sums_of_sums_are_sums(kernel: tuple[int, int], stride: tuple[int, int]) -> None:
    x, weight = drawn(9, 8, 2), drawn(3, 2, 2, 2)
    window = np.ones(kernel, np.int64)
    window[0, 0] = 2
    inner = summed(x, np.eye(2, dtype=np.int64)[:, :, None, None] * window, (0,) * 4, stride)
    found = placed(weight.transpose(0, 2, 3, 1), window, stride).transpose(0, 3, 1, 2)
    assert (summed(x, found, (0,) * 4, stride)[: inner.shape[0] - 1, : inner.shape[1] - 1] == summed(inner, weight, (0,) * 4, (1, 1))).all()
