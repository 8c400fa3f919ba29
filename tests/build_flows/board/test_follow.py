"""A program that is followed: its phases are heard, its exit code comes back, and nothing of it is left."""

import signal
import time

import psutil
import pytest

from build_flows.board.follow import run_followed


def test_phases_and_exit_code(tmp_path):
    heard = []
    code = run_followed(["sh", "-c", "echo offramp: placing; echo 'Phase 1.2 Global | Checksum: x'; pwd; echo wrong >&2; exit 5"], tmp_path,
                        tmp_path / "log", lambda *words: heard.append(words))
    assert code == 5
    assert heard == [("placing", ""), ("placing", "1.2 Global")]
    assert (tmp_path / "log").read_text().splitlines()[-2:] == [str(tmp_path), "wrong"]


def test_a_signal(tmp_path):
    assert run_followed(["sh", "-c", "kill -9 $$"], tmp_path, tmp_path / "log", lambda *words: None) == -signal.SIGKILL


def test_nothing_is_left_when_the_wait_is_broken_off(tmp_path):
    def tell(phase, detail):
        raise KeyboardInterrupt

    program = "sleep 300 & echo $! > pid; setsid sleep 300 & echo $! > apart; echo offramp: on; sleep 300"
    with pytest.raises(KeyboardInterrupt):
        run_followed(["sh", "-c", program], tmp_path, tmp_path / "log", tell)
    for name in ("pid", "apart"):
        number = int((tmp_path / name).read_text())
        until = time.monotonic() + 20
        while psutil.pid_exists(number) and psutil.Process(number).status() != psutil.STATUS_ZOMBIE and time.monotonic() < until:
            time.sleep(0.05)
        assert not psutil.pid_exists(number) or psutil.Process(number).status() == psutil.STATUS_ZOMBIE
