import pytest
from amaranth.lib.wiring import In, Out

from hw.zynq.axi3 import Axi3Signature, Burst, Response


def test_widths_are_the_primitives():
    """Those of HP0 and GP0 of PS7, in Yosys' cells_xtra.v."""
    hp, gp = Axi3Signature(64, 6).members, Axi3Signature(32, 12).members
    for name, high, general in (("arid", 6, 12), ("araddr", 32, 32), ("arlen", 4, 4), ("arsize", 2, 2), ("arlock", 2, 2), ("arqos", 4, 4),
                                ("wstrb", 8, 4), ("wdata", 64, 32), ("wid", 6, 12)):
        assert (hp[name], gp[name]) == (Out(high), Out(general))
    assert (hp["arburst"], hp["rresp"], hp["bresp"], hp["bready"], hp["awready"]) == (Out(Burst), In(Response), In(Response), Out(1), In(1))


@pytest.mark.parametrize(("reads", "writes", "first", "missing"), [(True, False, "ar", "aw"), (False, True, "aw", "ar")])
def test_channels_that_are_there(reads, writes, first, missing):
    names = list(Axi3Signature(64, 6, reads=reads, writes=writes).members)
    assert names[0] == f"{first}id"
    assert not any(name.startswith((missing, "b" if reads else "r")) for name in names)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"data_bits": 16, "id_bits": 6}, "data_bits must be 32 or 64, not 16"),
    ({"data_bits": 64, "id_bits": 0}, "id_bits must be at least 1"),
    ({"data_bits": 64, "id_bits": 6, "reads": False, "writes": False}, "reads or writes must be true"),
])
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        Axi3Signature(**arguments)
