"""Units' netlists become one: every connection of the top is there, and nothing else is joined."""

from typing import Any

import pytest

from build_flows.base.errors import OfframpError
from build_flows.synthesis.linked_netlist import link


def cell(kind: str, **pins: list[Any]) -> dict[str, Any]:
    return {"type": kind, "parameters": {}, "attributes": {}, "port_directions": {}, "connections": pins}


def port(direction: str, *bits: Any) -> dict[str, Any]:
    return {"direction": direction, "bits": list(bits)}


def net(*bits: Any) -> dict[str, Any]:
    return {"hide_name": 0, "bits": list(bits), "attributes": {}}


# d -> flip-flop -> q, and a wire straight through, and a constant.
STAGE = {
    "ports": {"d": port("input", 2), "q": port("output", 3), "in": port("input", 4), "out": port("output", 4), "one": port("output", "1")},
    "cells": {"ff": cell("FDRE", D=[2], Q=[3], CE=["1"])},
    "netnames": {"alias_q": net(3)},
}
TOP = {
    "ports": {"i": port("input", 2), "o": port("output", 9)},
    "cells": {
        "a": cell("stage", d=[2], q=[3], **{"in": [3], "out": [4]}, one=[8]),
        "b": cell("stage", d=[4], q=[5], **{"in": ["0"], "out": [7]}, one=[6]),
        "lut": cell("LUT2", I0=[5], I1=[8], O=[9]),
    },
    "netnames": {"o": net(9)},
}


def test_two_units_in_a_row() -> None:
    found = link(TOP, {"stage": STAGE}, "alias")
    assert set(found["cells"]) == {"a.ff", "b.ff", "lut"}
    first, second, lut = (found["cells"][name]["connections"] for name in ("a.ff", "b.ff", "lut"))
    assert first["D"] == found["ports"]["i"]["bits"]
    assert second["D"] == first["Q"]  # through the wire of a
    assert lut["I0"] == second["Q"]
    assert first["CE"] == ["1"]
    assert lut["O"] == found["ports"]["o"]["bits"]
    assert found["netnames"]["a.a_q"]["bits"] == first["Q"]
    assert len({*first["D"], *first["Q"], *second["Q"], *lut["O"], *lut["I1"]}) == 5
    assert set(TOP["cells"]) == {"a", "b", "lut"}  # the input is left as it was


def test_nets_inside_stay_apart() -> None:
    inner = {"ports": {"d": port("input", 2)}, "cells": {"x": cell("INV", I=[2], O=[3]), "y": cell("INV", I=[3], O=[4])}, "netnames": {}}
    top = {"ports": {"i": port("input", 7)}, "cells": {"a": cell("u", d=[7]), "b": cell("u", d=[7])}, "netnames": {}}
    found = link(top, {"u": inner})["cells"]
    outputs = [found[name]["connections"]["O"][0] for name in ("a.x", "a.y", "b.x", "b.y")]
    assert len(set(outputs)) == 4
    assert found["a.y"]["connections"]["I"] == [outputs[0]]
    assert found["b.x"]["connections"]["I"] == [7]


def test_a_port_of_another_width_is_refused() -> None:
    top = {**TOP, "cells": {"a": cell("stage", d=[2, 3])}}
    with pytest.raises(OfframpError, match=r"^a: port d must have 1 bits in the top, not 2$"):
        link(top, {"stage": STAGE})
