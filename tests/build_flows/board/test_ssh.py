"""Connections to a real sshd on 127.0.0.1, and what goes wrong with them."""

import io
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from build_flows.board.ssh import RemoteError, Ssh, SshError
from tests.build_flows.board.sshd import SSHD, Remote, key, server

pytestmark = pytest.mark.skipif(SSHD is None, reason="no sshd: apt-get install openssh-server")


@pytest.fixture(scope="module")
def board(tmp_path_factory) -> Iterator[Remote]:
    with server(tmp_path_factory.mktemp("board")) as found:
        yield found


def left_behind() -> list[str]:
    """Connections that are still open, by the command lines of their processes."""
    lines = subprocess.run(["ps", "-ww", "-eo", "stat,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if "offramp-ssh-" in line and not line.startswith("Z")]


def test_commands_share_a_connection(board: Remote) -> None:
    with Ssh("board", config=board.config) as ssh:
        assert ssh.run('echo "$HOME"') == f"{board.home}\n"
        assert ssh.run("cat", given="a line\n") == "a line\n"
        assert ssh.ask("echo out; echo err >&2; exit 3") == (3, "out\n", "err\n")
        with pytest.raises(RemoteError, match=r"^complaint$") as caught:
            ssh.run("echo complaint >&2; exit 7")
        assert caught.value.code == 7
        told: list[int] = []
        ssh.send('cat > "$HOME"/sent', io.BytesIO(b"x" * 200_000), told.append)
        assert sum(told) == 200_000 == (board.home / "sent").stat().st_size
        with pytest.raises(RemoteError, match="no room"):
            ssh.send("head -c 10 >/dev/null; echo no room >&2; exit 1", io.BytesIO(b"y" * 2_000_000), told.append)
    accepted = (board.folder / "sshd.log").read_text().count("Accepted publickey")
    with Ssh("board", config=board.config) as ssh:
        for _ in range(3):
            ssh.run("true")
    assert (board.folder / "sshd.log").read_text().count("Accepted publickey") == accepted + 1


def test_nothing_stays_behind(board: Remote) -> None:
    folders = set(Path("/tmp").glob("offramp-ssh-*"))
    with Ssh("board", config=board.config) as ssh:
        assert left_behind()
        ssh.run("true")
    for _ in range(100):
        if not left_behind():
            break
        time.sleep(0.05)
    assert left_behind() == []
    assert set(Path("/tmp").glob("offramp-ssh-*")) <= folders


def test_nor_after_an_error_inside(board: Remote) -> None:
    with pytest.raises(KeyboardInterrupt), Ssh("board", config=board.config):
        raise KeyboardInterrupt
    time.sleep(0.2)
    assert left_behind() == []


def test_options_of_the_command_line(board: Remote) -> None:
    other = board.client("plain", Port="1", IdentityFile="/nowhere")
    with Ssh("board", port=board.port, identity=board.folder / "key", config=other) as ssh:
        assert ssh.run("echo here") == "here\n"


def test_a_wrong_key(board: Remote, tmp_path: Path) -> None:
    config = board.client("wrong", IdentityFile=str(key(tmp_path / "other")))
    with pytest.raises(SshError, match=r"^board does not let us in: wrong user, password or key \(.*Permission denied") as caught, \
            Ssh("board", config=config):
        pass
    assert "--identity" in (caught.value.hint or "")
    assert left_behind() == []


def test_nobody_listens(board: Remote) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(SshError, match=r"^board cannot be reached: connect to host 127.0.0.1 port \d+: Connection refused"), \
            Ssh("board", port=port, config=board.config):
        pass


def test_a_name_that_does_not_exist(board: Remote) -> None:
    with pytest.raises(SshError, match=r"^nobody@nowhere.invalid cannot be reached: Could not resolve hostname nowhere.invalid"), \
            Ssh("nobody@nowhere.invalid", config=board.config):
        pass


def test_another_key_than_before(board: Remote) -> None:
    other = key(board.folder / "older_host_key").with_suffix(".pub").read_text().rsplit(" ", 1)[0]
    known = board.folder / "known_before"
    known.write_text(f"[127.0.0.1]:{board.port} {other}\n")
    with pytest.raises(SshError, match=r"^board is not the host it was: its key has changed$") as caught, \
            Ssh("board", config=board.client("changed", UserKnownHostsFile=str(known))):
        pass
    assert "ssh-keygen -R" in (caught.value.hint or "")


@pytest.mark.parametrize("host", ["", "-oProxyCommand=touch /tmp/x"])
def test_a_host_is_no_option(host: str) -> None:
    with pytest.raises(SshError, match="--host must be a host such as xilinx@"):
        Ssh(host)


def test_a_broken_connection(tmp_path: Path) -> None:
    with server(tmp_path / "board") as found, Ssh("board", config=found.config) as ssh, \
            pytest.raises(SshError, match="the connection to board broke"):
        ssh.run("kill -9 $(ps -o ppid= -p $$)")


def test_without_a_client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SshError, match="OpenSSH's client is missing"):
        Ssh("board")


