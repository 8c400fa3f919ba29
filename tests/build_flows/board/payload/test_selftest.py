import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import offramp_driver
from tests.build_flows.board.payload.board_package import Setup, change_samples
from tests.offramp_driver.fake_board import BUILD, by_class


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The script as ``python selftest.py`` runs it; its exit code."""
    monkeypatch.setattr(sys, "argv", ["selftest.py", *words])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(folder / "selftest.py"), run_name="__main__")
    assert isinstance(caught.value.code, int)
    return caught.value.code


def told(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """What it says with --json."""
    code = run(folder, monkeypatch, "--json", *words)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["ok"] is (code == 0)
    assert found["ok"] is (found["errors"] == [])
    return found


def test_all_is_well(setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    board, folder = setup()
    found = told(folder, monkeypatch, capsys)
    assert found.pop("python").count(".") == 2
    assert found == {"ok": True, "samples": 30, "agree": 30, "build": BUILD, "board": "pynq-z2", "name": "toy", "numpy": np.__version__,
                     "errors": []}
    assert board.thresholds == [128, 0]
    assert board.buffers == []


def test_for_a_person(setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _, folder = setup()
    assert run(folder, monkeypatch) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "all is well"
    assert ["agree", "30"] in [line.split() for line in lines]


def test_images_that_differ_are_named(setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _, folder = setup()
    change_samples(folder, expected_label=lambda values: np.where(np.arange(30) == 7, (values + 1) % 5, values),
                   expected_exit=lambda values: np.where(np.arange(30) == 9, 1 - values, values),
                   expected_confidence=lambda values: np.where(np.arange(30) == 9, values + 2, values))
    found = told(folder, monkeypatch, capsys)
    assert found["agree"] == 28
    assert len(found["errors"]) == 2
    assert found["errors"][0].startswith("image 7: label ")
    assert "exit " in found["errors"][1]
    assert "confidence " in found["errors"][1]
    assert run(folder, monkeypatch) == 1
    assert "FAILED" in capsys.readouterr().out


def test_many_that_differ_are_counted(setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _, folder = setup()
    change_samples(folder, expected_confidence=lambda values: values + 1)
    found = told(folder, monkeypatch, capsys)
    assert found["agree"] == 0
    assert [line.split(":")[0] for line in found["errors"]] == [*(f"image {n}" for n in range(5)), "and 25 more of 30 images differ"]


def test_counters_that_lie(setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    board, folder = setup()
    board.faults["bad"] = {0x28: 31, 0x108: 5}
    errors = told(folder, monkeypatch, capsys)["errors"]
    assert errors[0] == "counter samples_in reads 31, and 30 were expected"
    assert errors[1].startswith("counter exits reads [5, ")


def test_a_threshold_that_cannot_be_moved(setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    board, folder = setup()
    write = board.write_top
    monkeypatch.setattr(board, "write_top", lambda offset, value: None if offset == 0x100 else write(offset, value))
    errors = told(folder, monkeypatch, capsys)["errors"]
    assert errors[:2] == ["threshold of exit 0: -256 was written, and 128 is read", "threshold of exit 0: 256 was written, and 128 is read"]
    assert errors[2].startswith("threshold of exit 0 at the ends of its range: ")


def test_a_threshold_that_does_nothing(setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    board, folder = setup()
    decide = board._decide

    def fixed(*args: Any) -> None:
        kept, board.thresholds = board.thresholds, [128, 0]
        decide(*args)
        board.thresholds = kept

    monkeypatch.setattr(board, "_decide", fixed)
    (error,) = told(folder, monkeypatch, capsys)["errors"]
    assert error.startswith("threshold of exit 0 at the ends of its range: ")


def test_thresholds_of_classes(setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    board, folder = setup(exits=by_class([128] * 5))
    assert told(folder, monkeypatch, capsys)["ok"]
    assert board.table == [128] * 5


def test_another_bitstream(setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    board, folder = setup()
    board.faults["bad"] = {0x08: 5}
    found = told(folder, monkeypatch, capsys)
    assert (found["samples"], found["agree"], found["build"]) == (30, 0, None)
    assert found["errors"] == [f"another bitstream is loaded: BUILD reads 0x00000005, and toy has {BUILD:#010x}"]


def test_a_transfer_that_fails(setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    # As slow as the dividers make it, so that a second is few accesses.
    board, folder = setup(clock_mhz=1000 / 63**2)
    start = board.dma.writer.start

    def hold() -> None:
        board.faults["hold_results"] = 3
        start()

    monkeypatch.setattr(board.dma.writer, "start", hold)
    found = told(folder, monkeypatch, capsys)
    (error,) = found["errors"]
    assert "did not end within" in error
    assert found["agree"] == 0
    assert board.buffers == []


def test_what_pynq_raises_is_told(setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    board, folder = setup()

    def refuse(*args: object, **options: object) -> None:
        raise RuntimeError("No Devices Found")

    monkeypatch.setattr(board.pynq, "Bitstream", refuse)
    assert told(folder, monkeypatch, capsys)["errors"] == ["RuntimeError: No Devices Found"]


def test_pynq_finds_its_device_under_sudo(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    board, folder = setup()
    monkeypatch.delenv("XILINX_XRT", raising=False)
    seen = []
    bitstream = board.pynq.Bitstream

    def look(*args: Any, **options: Any) -> Any:
        seen.append(os.environ.get("XILINX_XRT"))
        return bitstream(*args, **options)

    monkeypatch.setattr(board.pynq, "Bitstream", look)
    run(folder, monkeypatch)
    assert seen == ["/usr"]


@pytest.mark.parametrize(("remove", "message"), [
    ("toy.bit", "there must be one .bit file in"), ("samples.npz", "No such file"), ("toy.json", "toy.json is missing"),
])
def test_missing_files(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], remove: str, message: str
) -> None:
    _, folder = setup()
    (folder / remove).unlink()
    (error,) = told(folder, monkeypatch, capsys)["errors"]
    assert message in error


def test_nothing_is_left_beside_it(setup: Setup) -> None:
    """Run as root, compiled modules would be root's, and the next package could not replace this one."""
    _, folder = setup()
    shutil.copytree(Path(offramp_driver.__file__).parent, folder / "offramp_driver", ignore=shutil.ignore_patterns("__pycache__"))
    before = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    for script in ("selftest.py", "benchmark.py"):
        subprocess.run([sys.executable, folder / script], env=clean, capture_output=True, check=False)
    assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == before


def test_files_elsewhere(setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, folder = setup()
    (folder / "other.bit").write_bytes(b"")
    (folder / "samples.npz").rename(folder / "kept.npz")
    assert told(folder, monkeypatch, capsys, "--bit", str(folder / "toy.bit"), "--samples", str(folder / "kept.npz"))["ok"]


