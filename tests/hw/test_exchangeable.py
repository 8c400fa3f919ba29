"""Memories whose contents belong to exchangeable heads."""

from amaranth.hdl import unsigned

from hw.exchangeable import CONTENTS, exchangeable_memory


def test_rows_and_name():
    for rows, depth in ((1, 2), (2, 2), (3, 4), (65, 128)):
        memory = exchangeable_memory("bias", unsigned(8), range(rows))
        assert (memory.depth, list(memory.init)) == (depth, [*range(rows), *[0] * (depth - rows)])
        assert memory.attrs[CONTENTS] == "bias"
        memory._MustUse__silence = True
