import dataclasses

import pytest

from build_flows.finn_bridge import rtllib
from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.rtllib import EDITS, LIBRARY, copy_library


def test_every_edit_is_made_and_licences_stay(tmp_path):
    placed = copy_library({*LIBRARY, "MaxPool_rtl"}, tmp_path)
    assert set(placed) == set(LIBRARY)
    for files in placed.values():
        for name in files:
            text = (tmp_path / name).read_text()
            assert "copyright" in text.lower() or "license" in text.lower(), name
    for edit in EDITS:
        text = (tmp_path / "finn" / edit.file.rsplit("/", 1)[1]).read_text()
        assert edit.new in text
        assert edit.new or edit.old not in text


def test_another_library_is_an_error(tmp_path, monkeypatch):
    odd = dataclasses.replace(EDITS[-1], old="never there")
    monkeypatch.setattr(rtllib, "EDITS", (odd,))
    with pytest.raises(CompileError, match=r"FINN's dwc/hdl/vpc\.sv must hold 'never there' 1 times, not 0"):
        copy_library({"StreamingDataWidthConverter_rtl"}, tmp_path)
