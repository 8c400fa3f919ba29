"""Yosys in a process of its own, and what it leaves."""

import errno
from pathlib import Path

import pytest

from sim.errors import YosysError
from sim.tools.yosys import read_written, run_yosys


def test_json_that_is_not_whole_is_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "cells.json"
    for text in ("", '{"modules": {', '{"modules": {}}\n"'):
        path.write_text(text)
        with pytest.raises(OSError, match=r"No space left on device: '.*cells\.json'") as caught:
            read_written(path)
        assert caught.value.errno == errno.ENOSPC
    path.write_text('{"modules": {}}\n')
    assert read_written(path) == {"modules": {}}


def test_a_command_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(YosysError, match=r"Yosys failed: ERROR: .*missing\.v.*its log is .*yosys\.log"):
        run_yosys(["read_verilog missing.v"], tmp_path)
