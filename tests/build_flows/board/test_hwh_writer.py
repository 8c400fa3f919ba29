from xml.etree import ElementTree

import pytest

from build_flows.base.errors import OfframpError
from build_flows.board.hwh_writer import STREAM, Bus, BusLink, Module, hwh_text

SOURCE = Module(instance="source", vlnv="a:b:maker:1.0", parameters={"SIZE": 3},
                ports=[("clk", "I", None, "clk"), ("out", "O", 2, "undef")],
                buses=[Bus(name="M", prefix="m_", signals=STREAM, data=16, begins=True)])
SINK = Module(instance="sink", vlnv="a:b:taker:1.0", parameters={}, ports=[("in", "I", 2, "undef")],
              buses=[Bus(name="S", prefix="S_", signals=STREAM, data=16, begins=False, upper=True)])


def _text(**changes: object) -> str:
    given: dict = {
        "name": "top", "device": "7z020", "package": "clg400", "speed": "-1", "version": "2022.2", "timestamp": "now", "comment": "by hand",
        "clock_hz": 5, "modules": [SOURCE, SINK], "nets": {("source", "out"): [("sink", "in")]},
        "links": [BusLink(("source", "M"), ("sink", "S"))], **changes}
    return hwh_text(**given)


def test_pins_and_buses_are_joined() -> None:
    root = ElementTree.fromstring(_text())
    ports = {(module.get("INSTANCE"), port.get("NAME")): port for module in root.iter("MODULE") for port in module.iter("PORT")}

    def ends(instance: str, name: str) -> list[tuple[str | None, str | None]]:
        return [(item.get("INSTANCE"), item.get("PORT")) for item in ports[instance, name].iter("CONNECTION")]

    assert ends("source", "out") == [("sink", "in")]
    assert ends("source", "m_tdata") == [("sink", "S_TDATA")]
    assert ends("sink", "S_TREADY") == [("source", "m_tready")]
    assert ends("source", "clk") == []
    assert [ports["sink", name].get("DIR") for name in ("S_TREADY", "S_TDATA")] == ["O", "I"]
    assert (ports["source", "m_tdata"].get("LEFT"), ports["source", "m_tlast"].get("LEFT")) == ("15", None)
    assert ports["source", "clk"].get("CLKFREQUENCY") == "5"
    assert {bus.get("BUSNAME") for bus in root.iter("BUSINTERFACE")} == {"source_M"}


@pytest.mark.parametrize(("changes", "pin"), [
    ({"nets": {("source", "gone"): []}}, "source/gone"),
    ({"nets": {("source", "out"): [("sink", "gone")]}}, "sink/gone"),
    ({"links": [BusLink(("source", "M"), ("sink", "T"))]}, "sink/T"),
])
def test_an_end_that_is_not_there_is_told(changes: dict, pin: str) -> None:
    with pytest.raises(OfframpError, match=f"there is no pin {pin} in the design"):
        _text(**changes)
