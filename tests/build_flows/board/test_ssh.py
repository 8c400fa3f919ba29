"""Connections to a real sshd on 127.0.0.1, and what goes wrong with them."""

import getpass
import io
import shutil
import signal
import socket
import subprocess
import sys
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
    with Ssh("board", config=board.config) as ssh:
        [folder] = board.connections()
        assert folder.is_dir()
        ssh.run("true")
    assert board.connections(wait=5) == set()
    assert not folder.exists()


def test_nor_after_an_error_inside(board: Remote) -> None:
    found: list[Path] = []

    def interrupted() -> None:
        with Ssh("board", config=board.config):
            found.extend(board.connections())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    [folder] = found
    assert board.connections(wait=5) == set()
    assert not folder.exists()


def test_nor_when_the_process_is_killed(board: Remote) -> None:
    program = ("import sys, time; from pathlib import Path; from build_flows.board.ssh import Ssh\n"
               "with Ssh('board', config=Path(sys.argv[1])) as ssh: print(ssh.run('echo there'), flush=True); time.sleep(60)")
    with subprocess.Popen([sys.executable, "-c", program, str(board.config)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        [folder] = board.connections()
        process.send_signal(signal.SIGKILL)
    assert board.connections(wait=5) == set()
    # A process that is killed cannot remove it.
    shutil.rmtree(folder)


def test_options_of_the_command_line(board: Remote) -> None:
    other = board.client("plain", Port="1", IdentityFile="/nowhere")
    with Ssh("board", port=board.port, identity=board.folder / "key", config=other) as ssh:
        assert ssh.run("echo here") == "here\n"


def test_an_address_of_ipv6(board: Remote) -> None:
    with socket.socket(socket.AF_INET6) as probe:
        if probe.connect_ex(("::1", board.port)):
            pytest.skip("no IPv6 here")
    config = board.client("six", Host="::1", HostName="::1")
    for host in ("::1", f"{getpass.getuser()}@::1"):
        with Ssh(host, config=config) as ssh:
            assert ssh.run("echo here") == "here\n"


def test_what_an_alias_has_set_for_its_user_is_not_in_the_way(board: Remote) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        # The port is taken, so that forwarding it would be an error.
        probe.listen()
        config = board.client(
            "alias", RemoteCommand="tmux", RequestTTY="force", LocalForward=f"127.0.0.1:{port} 127.0.0.1:1", ExitOnForwardFailure="yes",
            ControlMaster="auto", ControlPath=str(board.folder / "own-%C"), ControlPersist="60", LogLevel="QUIET")
        with Ssh("board", config=config) as ssh:
            assert ssh.run("echo here") == "here\n"
    assert list(board.folder.glob("own-*")) == []
    assert board.connections(wait=5) == set()


def test_a_host_that_was_never_seen(board: Remote) -> None:
    known = board.folder / "known_none"
    with pytest.raises(SshError, match=r"^the key of board is not accepted \(Host key verification failed"), \
            Ssh("board", config=board.client("strict", UserKnownHostsFile=str(known), StrictHostKeyChecking="yes")):
        pass
    assert not known.exists()
    with Ssh("board", config=board.client("usual", UserKnownHostsFile=str(known))) as ssh:
        ssh.run("true")
    assert known.read_text().startswith(f"[127.0.0.1]:{board.port} ")


def test_a_key_that_others_may_read(board: Remote, tmp_path: Path) -> None:
    mine = tmp_path / "key"
    mine.write_bytes((board.folder / "key").read_bytes())
    mine.chmod(0o644)
    with pytest.raises(SshError, match=r"^board does not let us in: others may read the private key") as caught, \
            Ssh("board", config=board.client("open", IdentityFile=str(mine))):
        pass
    assert caught.value.hint == "chmod 600 on the key file"


def test_a_wrong_key(board: Remote, tmp_path: Path) -> None:
    config = board.client("wrong", IdentityFile=str(key(tmp_path / "other")))
    with pytest.raises(SshError, match=r"^board does not let us in: wrong user, password or key \(.*Permission denied") as caught, \
            Ssh("board", config=config):
        pass
    assert "--identity" in (caught.value.hint or "")
    assert board.connections(wait=5) == set()


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


def test_no_command_connects_by_itself(tmp_path: Path) -> None:
    """It might ask for the password again, where nobody sees it."""
    with server(tmp_path / "board") as found, Ssh("board", config=found.config) as ssh:
        with pytest.raises(SshError, match="broke"):
            ssh.run("kill -9 $(ps -o ppid= -p $$)")
        for _ in range(2):
            with pytest.raises(SshError, match="the connection to board broke"):
                ssh.run("echo here")
        assert (found.folder / "sshd.log").read_text().count("Accepted publickey") == 1


def test_a_user_without_a_shell(tmp_path: Path) -> None:
    with server(tmp_path / "board") as found:
        own = found.folder / "authorized"
        own.write_text(f'command="echo This account is not available." {own.read_text()}')
        with pytest.raises(SshError, match=r"^board lets us in, but runs no commands \("), Ssh("board", config=found.config):
            pass


def test_without_a_client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SshError, match="OpenSSH's client is missing"):
        Ssh("board")
