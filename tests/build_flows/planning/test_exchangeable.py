"""Widths of logits by data types: no weights leave them, and extreme ones need them."""

import numpy as np
import pytest

from build_flows.planning.exchangeable import logit_bits
from build_flows.planning.read_network import from_meta
from hw.exits.decision import BIAS_BITS, ExitDecision
from quant_models.integers.describe import describe
from quant_models.integers.export import golden
from quant_models.networks.spec import trace
from tests.quant_models.conftest import bit_spec, build_model, build_spec


@pytest.mark.parametrize("spec", [build_spec(), bit_spec()], ids=["4 bits", "1 bit"])
def test_extreme_weights_just_fit(spec):
    last = [[unit for where, index, unit in trace(spec) if (where, index) == ("head", k)][-1] for k in range(spec.exits)]
    for bits, unit in zip(logit_bits(from_meta(*describe(spec))), last, strict=True):
        low, high = (-(2 ** (unit.in_bits - 1)), 2 ** (unit.in_bits - 1) - 1) if unit.in_signed else (0, 2**unit.in_bits - 1)
        most = int(np.prod(unit.in_shape)) * max(high, -low) * max(1, 2 ** (unit.layer.weight_bits - 1) - 1)
        assert most + 2 ** (BIAS_BITS - 1) - 1 < 2 ** (bits - 1) < 4 * (most + 2 ** (BIAS_BITS - 1))
        acc_bits = 1 + most.bit_length()
        decision = ExitDecision(classes=4, pe=4, acc_bits=acc_bits, bias=[0] * 4, policy="always", params={}, exchangeable=True)
        assert decision.logit_bits == bits


@pytest.mark.parametrize("seed", [0, 1])
def test_biases_are_of_their_type(seed):
    meta, arrays = golden(build_model(build_spec(), seed))
    for head in meta["heads"]:
        assert abs(arrays[head["layers"][-1]["bias"]]).max() < 2 ** (BIAS_BITS - 1)
