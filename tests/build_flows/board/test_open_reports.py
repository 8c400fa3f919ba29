"""What the open flow leaves is read, and what is missing in it is named."""

import json
from pathlib import Path

import pytest

from build_flows.artefacts.resources import Capacity, RoutedTiming
from build_flows.board.open_reports import NEXTPNR, TIMING, UTILISATION, OpenReportError, figures, read_timing, read_utilisation, versions
from tests.build_flows.board.fake_open import COUNTS

PART = "xc7z020clg400-1"


def put(folder: Path, name: str, value: object) -> Path:
    path = folder / name
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_counts_of_a_netlist(tmp_path: Path) -> None:
    found = read_utilisation(put(tmp_path, UTILISATION, COUNTS))
    # 20 shift registers of a LUT each, and 8 memories of two.
    assert found == Capacity(lut=1100, lutram=36, ff=2500, bram36=3.5, dsp=4, carry=90)


def test_the_slowest_clock_counts(tmp_path: Path) -> None:
    clocks = [{"net": "a", "mhz": 250.0, "target_mhz": 100.0}, {"net": "b", "mhz": 104.5, "target_mhz": 100.0}]
    path = put(tmp_path, TIMING, {"clock_mhz": 100.0, "clocks": clocks})
    assert read_timing(path) == RoutedTiming(clock_mhz=100.0, fmax_mhz=104.5, met=True)
    for reached, met in ((99.99, False), (99.996, True)):
        clocks[1]["mhz"] = reached
        assert read_timing(put(tmp_path, TIMING, {"clock_mhz": 100.0, "clocks": clocks})).met is met


def test_figures_with_and_without_timing(tmp_path: Path) -> None:
    put(tmp_path, UTILISATION, COUNTS)
    told = figures(tmp_path, tools={"yosys": "0.48"}, board="pynq-z2", part=PART)
    assert (told.timing, told.capacity.dsp, told.by) == (None, 220, "the open flow (yosys 0.48)")
    put(tmp_path, TIMING, {"clock_mhz": 100.0, "clocks": [{"net": "b", "mhz": 104.5, "target_mhz": 100.0}]})
    timing = figures(tmp_path, tools={}, board="pynq-z2", part=PART).timing
    assert timing is not None
    assert timing.fmax_mhz == 104.5


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(OpenReportError, match=r"utilisation\.json is missing"):
        read_utilisation(tmp_path / UTILISATION)
    for text in ("{", "[]", "{}", '{"modules": {}}', '{"modules": {"top": {}}}',
                 '{"modules": {"top": {"num_cells_by_type": {"LUT2": "x"}}}}'):
        with pytest.raises(OpenReportError, match=r"utilisation\.json (is not JSON|does not tell)"):
            read_utilisation(put(tmp_path, UTILISATION, text))
    for text in ("{}", '{"clock_mhz": 100, "clocks": []}', '{"clock_mhz": 100, "clocks": [{}]}'):
        with pytest.raises(OpenReportError, match=r"timing\.json does not tell the clocks"):
            read_timing(put(tmp_path, TIMING, text))


def test_versions_are_those_of_the_logs(tmp_path: Path) -> None:
    assert versions({}) == {}
    assert versions({"yosys.log": put(tmp_path, "yosys.log", "\n Yosys 0.48+5 (git sha1 1, gcc)\n")}) == {"yosys": "0.48+5"}
    assert versions({NEXTPNR: put(tmp_path, NEXTPNR, "Info: hm\n")}) == {}
