import json
import runpy
import sys
from pathlib import Path

import pytest

from tests.build_flows.board.payload.board_package import Setup
from tests.offramp_driver.fake_board import BUILD


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    monkeypatch.setattr(sys, "argv", ["benchmark.py", *words])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(folder / "benchmark.py"), run_name="__main__")
    return caught.value.code


def test_json(setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    board, folder = setup(30)
    assert run(folder, monkeypatch, "--images", "70", "--repeat", "2", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["images"], found["repeat"], found["name"], found["build"]) == (70, 2, "toy", BUILD)
    assert 0 < found["packing_s"] + found["dma_s"] + found["unpacking_s"] < found["seconds"]
    assert sum(found["exits"]) == pytest.approx(1)
    assert found["cycles_per_sample"] > 20
    assert board.buffers == []


def test_for_a_person(setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _, folder = setup(10)
    assert run(folder, monkeypatch, "--images", "20", "--repeat", "1") == 0
    text = capsys.readouterr().out
    for told in ("20, the fastest of 1 times", "end to end", "cycles an image at 100 MHz", "packing", "waiting for the DMA", "unpacking",
                 "leave at exit 1"):
        assert told in text


@pytest.mark.parametrize(("words", "message"), [
    (("--images", "0"), "--images must be at least 1, not 0"), (("--repeat", "0"), "--repeat must be at least 1, not 0"),
])
def test_numbers_out_of_range(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, str], message: str
) -> None:
    _, folder = setup(10)
    assert run(folder, monkeypatch, *words) == 2
    assert message in capsys.readouterr().err


def test_errors_are_one_line(setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    board, folder = setup(10)
    board.faults["bad"] = {0x08: 5}
    assert run(folder, monkeypatch, "--json") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [f"benchmark: another bitstream is loaded: BUILD reads 0x00000005, and toy has {BUILD:#010x}"]
    (folder / "toy.bit").unlink()
    assert run(folder, monkeypatch) == 1
    assert "there must be one .bit file" in capsys.readouterr().err
