"""One exit of a network by itself, as a description."""

import pytest

from quant_models.errors import QuantModelError
from quant_models.networks.gate_layout import with_gates
from quant_models.networks.layouts import layout
from quant_models.networks.subnet_spec import subnet_spec

SHARED = layout("digits", [(0, "preset"), (0, "linear"), (1, "conv")])


@pytest.mark.parametrize("index", range(4))
def test_the_backbone_up_to_the_fork_and_the_head(index):
    found = subnet_spec(SHARED, index)
    assert found.stages == (tuple(layer for stage in SHARED.stages[: index + 1] for layer in stage),)
    assert found.heads == (SHARED.heads[index],)
    assert (found.name, found.classes, found.height) == (SHARED.name, SHARED.classes, SHARED.height)


def test_it_has_no_gate_head():
    gated = with_gates(SHARED, ["pool", None, None], 4, 4)
    assert gated.gated == (0,)
    assert subnet_spec(gated, 0) == subnet_spec(SHARED, 0)


def test_an_exit_that_is_not_there():
    for index in (-1, 4):
        with pytest.raises(QuantModelError, match=f"exit must be 0 to 3 of digits, not {index}"):
            subnet_spec(SHARED, index)
