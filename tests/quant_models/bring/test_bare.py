"""What stands behind logits, in whatever way it is written, is passed by."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from brevitas import nn as qnn
from torch import Tensor, nn
from torch.nn import functional

from quant_models.bring.bare import BareLogits


@pytest.mark.parametrize(
    "ends",
    [
        nn.Softmax(1), nn.LogSoftmax(dim=1), lambda x: x.softmax(-1), lambda x: functional.log_softmax(x, dim=1), lambda x: x.argmax(1),
        lambda x: torch.argmax(torch.softmax(x, 1), dim=1), lambda x: x.topk(2)[1], lambda x: torch.topk(input=x, k=1).indices,
        lambda x: torch.special.softmax(input=x, dim=1),
    ],
)
def test_logits_come_out_as_they_are(ends: Callable[[Tensor], Any]) -> None:
    logits = torch.tensor([[1.0, 3.0, -2.0]])
    with BareLogits():
        assert ends(logits) is logits
        assert torch.relu(logits).tolist() == [[1, 3, 0]]
    assert ends(logits) is not logits


def test_those_of_a_layer_that_gives_its_scale_too_are_plain() -> None:
    layer = qnn.QuantIdentity(bit_width=8, return_quant_tensor=True).eval()
    with BareLogits():
        found = torch.softmax(layer(torch.ones(1, 2)), 1)
    assert type(found) is Tensor
