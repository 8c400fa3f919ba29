"""``offramp deploy``: options, answers, and one line for what goes wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from build_flows.project.load import Project
from tests.build_flows.board.sshd import SSHD, Remote, key, server
from tests.build_flows.board.test_deploy import contents, make, seal, swell

pytestmark = pytest.mark.skipif(SSHD is None, reason="no sshd: apt-get install openssh-server")


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Remote]:
    with server(tmp_path / "board") as found:
        yield found


def command(project: Project, board: Remote, *words: str) -> list[str]:
    options = ["--host", "board", "--ssh-config", str(board.config), *words]
    return [sys.executable, "-m", "build_flows.cli.main", "deploy", str(project.file), *options]


def offramp(project: Project, board: Remote, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(project, board, *words), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_it_copies_tests_and_tells(project: Project, board: Remote, tmp_path: Path) -> None:
    package = make(tmp_path / "made")
    python = board.program("board_python", 'echo "{\\"ok\\": true, \\"samples\\": 40, \\"agree\\": 40, \\"python\\": \\"3.10\\"}"')
    done = offramp(project, board, "--package", str(package), "--run", "--python", str(python), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["project"], told["host"], told["board"], told["folder"]) == ("digits", "board", "pynq-z2", f"{board.home}/offramp/toy")
    assert told["sent"] == told["bytes"] > 0
    assert told["selftest"] == {"ok": True, "samples": 40, "agree": 40, "python": "3.10"}
    assert json.loads((project.output / "selftest.json").read_text()) == {"version": 1, "host": "board", **told["selftest"]}
    again = offramp(project, board, "--package", str(package), "--run", "--python", str(python))
    assert again.returncode == 0
    assert "nothing: it was there" in again.stdout
    assert "40 of 40" in again.stdout


def test_a_self_test_that_fails_is_an_error_with_its_reasons(project: Project, board: Remote, tmp_path: Path) -> None:
    lines = ", ".join(f'\\"image {index}: label 3 instead of 4\\"' for index in range(7))
    python = board.program("board_python", f'echo "{{\\"ok\\": false, \\"errors\\": [{lines}]}}"; exit 1')
    done = offramp(project, board, "--package", str(make(tmp_path / "made")), "--run", "--python", str(python), "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["selftest"]["ok"] is False
    assert "offramp: the self-test failed on board: image 0: label 3 instead of 4; " in done.stderr
    assert "image 4: label 3 instead of 4, and 2 more\n" in done.stderr
    assert json.loads((project.output / "selftest.json").read_text())["ok"] is False


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopped_in_the_middle_of_a_file_it_goes_on(number: signal.Signals, project: Project, board: Remote, tmp_path: Path) -> None:
    package = make(tmp_path / "made")
    swell(package, 3_000_000)
    # A slow card: it takes that much of the bitstream, and then waits for the end.
    board.program("cat", 'head -c 1500000; [ "$(head -c 1 | wc -c)" = 0 ] || sleep 2; exec /bin/cat >/dev/null')
    words = ["--package", str(package), "--json"]
    with subprocess.Popen(command(project, board, *words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, start_new_session=True) as process:
        until = time.monotonic() + 60
        while not any(path.stat().st_size == 1_500_000 for path in board.home.rglob("toy.bit")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.02)
        [folder] = board.connections()
        if number == signal.SIGINT:
            # As a terminal does: to all in the foreground.
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        said, complaints = process.communicate(timeout=30)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    assert said == ""
    assert "Traceback" not in complaints
    assert board.connections(wait=10) == set()
    # A process that is killed cannot remove it.
    assert folder.exists() == (number == signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)
    assert not (board.home / "offramp" / "toy").exists()
    have = sum(map(len, board.files().values()))
    assert have >= 1_500_000
    (board.programs / "cat").unlink()
    told = json.loads(offramp(project, board, *words).stdout)
    assert told["sent"] == told["bytes"] - have
    assert contents(board.home / "offramp" / "toy") == contents(package)


def test_without_a_bitstream_nobody_is_called(project: Project, board: Remote) -> None:
    done = offramp(project, board)
    assert done.returncode == 1
    assert "has no bitstream yet" in done.stderr
    assert "Accepted" not in (board.folder / "sshd.log").read_text()


@pytest.mark.slow
def test_what_goes_wrong_is_one_line(project: Project, board: Remote, tmp_path: Path) -> None:
    package = make(tmp_path / "made")
    old = make(tmp_path / "old")
    (old / "toy.json").write_text('{"version": 0}')
    seal(old)
    for words, told in (
        (["--package", str(package), "--identity", str(key(tmp_path / "other")), "--ssh-config",
          str(board.client("wrong", IdentityFile=str(tmp_path / "other")))], "board does not let us in"),
        (["--package", str(package), "--port", "1"], "board cannot be reached"),
        (["--package", str(package), "--identity", "/no/key"], "--identity /no/key: no such file"),
        (["--package", str(old)], "is of version 0"),
        (["--package", str(tmp_path)], "is no package"),
        (["--package", str(package), "--host", "-x"], "--host must be a host"),
    ):
        done = offramp(project, board, *words)
        assert done.returncode == 1
        assert done.stdout == ""
        [line] = [line for line in done.stderr.splitlines() if line.startswith("offramp: ")]
        assert told in line
        assert "Traceback" not in done.stderr
    assert board.files() == {}
