"""Vivado is found, followed, ended and understood; a stand-in fails as Vivado does."""

import os
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

from build_flows.base.errors import explain
from build_flows.board.vivado import LOG, Vivado, VivadoError, explain_log, find_vivado, run_vivado, too_many
from tests.build_flows.board import fake_vivado

ARGUMENTS = ["-mode", "batch", "-source", "build.tcl", "-tclargs", "--name", "tiny", "--design", "tiny_00000001", "--board", "pynq-z2",
             "--part", "xc7z020clg400-1", "--user_id", "0x00000001"]
PLACER = """ERROR: [Place 30-640] Place Check : This design requires more RAMB36/FIFO cells than are available in the target device. This
design requires 324 of such cell types but only 140 compatible sites are available in the target device. Please analyze your results.
ERROR: [Place 30-640] Place Check : This design requires more DSP48E1 cells than are available in the target device. This design
requires 240 of such cell types but only 220 compatible sites are available in the target device.
"""


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is first on PATH, for a stand-in; without one there is no vivado."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin:/bin")
    return tmp_path / "bin"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a project folder must have for the stand-in."""
    made = tmp_path / "project"
    for name in ("build.tcl", "tcl/implement.tcl", "rtl/accelerator.v"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).touch()
    return made


@pytest.mark.parametrize("version", ["2022.2", "2023.1", "2024.2"])
def test_found_with_its_version(version: str, on_path: Path) -> None:
    fake_vivado.install(on_path, version=version)
    assert find_vivado() == Vivado(command=on_path / "vivado", version=version)


def test_none_on_path_offers_the_way_without(on_path: Path) -> None:
    with pytest.raises(VivadoError, match="vivado is not on PATH") as caught:
        find_vivado()
    assert "--project-only" in (caught.value.hint or "")
    assert "--from" in (caught.value.hint or "")


@pytest.mark.parametrize("version", ["2022.1", "2019.2"])
def test_too_old(version: str, on_path: Path) -> None:
    fake_vivado.install(on_path, version=version)
    with pytest.raises(VivadoError, match=rf"Vivado must be 2022\.2 or newer, not {version}"):
        find_vivado()


def test_one_that_does_not_run(on_path: Path) -> None:
    fake_vivado.install(on_path, "broken")
    with pytest.raises(VivadoError, match=r"does not tell a version \(exit code 127\): loader: error while loading .* libtinfo"):
        find_vivado()


def test_phases_are_told_and_all_is_kept(on_path: Path, folder: Path) -> None:
    calls = fake_vivado.install(on_path)
    told: list[tuple[str, str]] = []
    assert run_vivado(find_vivado(), ARGUMENTS, folder, lambda phase, detail: told.append((phase, detail))) == 0
    assert calls.read_text() == " ".join(ARGUMENTS) + "\n"
    phases = list(dict.fromkeys(phase for phase, _ in told))
    assert phases == ["project", "block design", "synthesis", "optimising", "placing", "routing", "reports", "bitstream", "done"]
    assert ("synthesis", "RTL Elaboration : Time (s): cpu = 00:00:05") in told
    assert ("routing", "2.1 Create Timer") in told
    assert (folder / LOG).read_text().startswith("****** Vivado v2022.2")


@pytest.mark.parametrize(("mode", "code"), [("licence", 1), ("silent", 3), ("killed", -signal.SIGKILL), ("killed below", 137)])
def test_exit_codes(mode: str, code: int, on_path: Path, folder: Path) -> None:
    fake_vivado.install(on_path, mode)
    assert run_vivado(find_vivado(), ARGUMENTS, folder, lambda *_: None) == code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_no_process(number: signal.Signals, on_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(BaseException):
        pass

    def raise_it(*_: object) -> None:
        raise Interrupted

    previous = signal.signal(number, raise_it)
    try:
        fake_vivado.install(on_path, "slow")
        tool = find_vivado()

        def interrupt() -> None:
            until, file = time.monotonic() + 30, folder / "processes"
            while not (file.is_file() and len(file.read_text().split()) == 3) and time.monotonic() < until:
                time.sleep(0.05)
            os.kill(os.getpid(), number)

        threading.Thread(target=interrupt).start()
        with pytest.raises(Interrupted):
            run_vivado(tool, ARGUMENTS, folder, lambda *_: None)
    finally:
        signal.signal(number, previous)
    processes = [int(word) for word in (folder / "processes").read_text().split()]
    assert len(processes) == 3
    until = time.monotonic() + 5
    while any(alive(process) for process in processes) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(alive(process) for process in processes)


def alive(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_what_the_placer_finds_too_little_of() -> None:
    assert too_many(PLACER) == ["RAMB36/FIFO: 324 of 140, 184 too many", "DSP48E1: 240 of 220, 20 too many"]
    assert too_many("Phase 1 Placer Initialization") == []


def said(code: int, log: str, **more: list[str]) -> str:
    told = explain(explain_log(code, log, Path("/p/build.log"), part="xc7z020clg400-1", **more))
    assert told is not None
    assert told.hint is not None
    assert "/p/build.log" in f"{told.message} {told.hint}" or "licence" in told.message
    return f"{told.message} | {told.hint}"


def test_explanations() -> None:
    short = "DSP48E1: 240 of 220, 20 too many"
    assert said(1, PLACER).startswith(f"does not fit xc7z020clg400-1: RAMB36/FIFO: 324 of 140, 184 too many; {short} |")
    own = "ERROR: [offramp] the design does not fit xc7z020clg400-1: DSPs: 240 of 220"
    assert said(1, own, short=[short]).startswith(f"does not fit xc7z020clg400-1: {short} |")
    assert said(1, own).startswith("does not fit xc7z020clg400-1: DSPs: 240 of 220 |")
    # What synthesis found too large may have fitted after all.
    assert said(1, "ERROR: [Route 35-7] no", short=["LUT: 53300 of 53200, 100 too many"]).startswith("Vivado stopped: [Route 35-7] no |")
    licence = said(1, "ERROR: [Common 17-345] A valid license was not found for feature 'Synthesis' and/or device 'xc7z020'.")
    assert licence.startswith("Vivado has no licence for xc7z020clg400-1: [Common 17-345] A valid license was not found")
    assert "XILINXD_LICENSE_FILE" in licence
    assert "Vivado was ended by signal 9 (SIGKILL)" in said(-9, "")
    assert "short of memory" in said(137, "ERROR: [Common 17-1] cut off")
    assert "signal 15 (SIGTERM)" in said(143, "")
    assert "exit code 3 and no error of its own; it last said: odd |" in said(3, "hm\nodd\n")
    assert "it last said: nothing" in said(1, "")
    part = said(1, "ERROR: [Coretcl 2-106] Specified part could not be found.")
    assert "is Vivado installed with support for Zynq-7000?" in part


def test_the_first_errors_are_shown_once_each() -> None:
    lines = [f"ERROR: [Synth 8-{number}] fault {number}" for number in (1, 1, 2, 3, 4, 5)]
    message = explain_log(1, "\n".join(lines), Path("log"), part="x").message
    assert message.splitlines() == ["Vivado stopped: [Synth 8-1] fault 1", "  [Synth 8-2] fault 2", "  [Synth 8-3] fault 3", "  and 2 more"]
