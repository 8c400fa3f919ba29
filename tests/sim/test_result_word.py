"""Fields of result words, signed and unsigned, and what saturates."""

import numpy as np

from hw.netlist import Result, ResultField
from sim.result_word import saturate, unpack


def test_fields():
    result = Result(bits=64, fields=(ResultField(name="id", offset=0, width=16), ResultField(name="label", offset=16, width=4),
                                     ResultField(name="confidence", offset=20, width=12, signed=True),
                                     ResultField(name="cycles", offset=40, width=24)))
    words = [5 | 9 << 16 | (-3 & 0xFFF) << 20 | 77 << 40, 0xFFFF | 2047 << 20 | 0xFFFFFF << 40, 0x800 << 20]
    found = unpack(words, result)
    assert {name: values.tolist() for name, values in found.items()} == {
        "id": [5, 65535, 0], "label": [9, 0, 0], "confidence": [-3, 2047, -2048], "cycles": [77, 0xFFFFFF, 0]}


def test_saturation():
    values = np.array([-9999, -8, 7, 9999])
    assert saturate(values, ResultField(name="x", offset=0, width=4, signed=True)).tolist() == [-8, -8, 7, 7]
    assert saturate(values, ResultField(name="x", offset=0, width=4)).tolist() == [0, 0, 7, 15]
