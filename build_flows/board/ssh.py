"""One connection to a board by OpenSSH's own client (ssh(1), ssh_config(5)), shared by all commands, so that a password is asked once."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from build_flows.errors import OfframpError

__all__ = ["RemoteError", "Ssh", "SshError"]

CHUNK = 1 << 16
CONNECT_SECONDS = 10
LOST = 255
"""Exit code of ssh for its own failures; a command's own code else."""


class SshError(OfframpError):
    """The board cannot be reached, or does not let us in; the message says which host and why."""


class RemoteError(OfframpError):
    """A command on the board failed; the message is its last complaint, ``code`` its exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Ssh:
    """A connection to ``host`` (as ssh takes it: a name, an alias, ``user@address``), opened by ``with`` and closed behind it.

    ``port``, ``identity`` (a private key) and ``config`` (instead of the user's ssh configuration) are as ssh's own options. Without a
    terminal nothing is asked. A board that was never seen is taken as it is, one whose key has changed is refused. Raises
    :class:`SshError` in one line.
    """

    def __init__(self, host: str, *, port: int | None = None, identity: Path | None = None, config: Path | None = None) -> None:
        if not host or host.startswith("-"):
            raise SshError(f"--host must be a host such as xilinx@192.168.2.99, not {host!r}")
        self.host = host
        found = shutil.which("ssh")
        if found is None:
            raise SshError("OpenSSH's client is missing", hint="apt-get install openssh-client")
        self._ssh = found
        self._options: list[str] = []
        self._options += [] if config is None else ["-F", str(config)]
        self._options += [] if port is None else ["-p", str(port)]
        self._options += [] if identity is None else ["-i", str(identity), "-o", "IdentitiesOnly=yes"]
        self._folder: Path | None = None

    def __enter__(self) -> "Ssh":
        # Unix sockets have paths of some hundred bytes at most, so not in a project's folder.
        self._folder = Path(tempfile.mkdtemp(prefix="offramp-ssh-", dir="/tmp" if Path("/tmp").is_dir() else None))
        try:
            self._connect()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *args: object) -> None:
        self._close()

    def _command(self, *extra: str) -> list[str]:
        assert self._folder is not None
        return [self._ssh, *self._options, "-o", f"ControlPath={self._folder / 'control'}", *extra, self.host]

    def _connect(self) -> None:
        assert self._folder is not None
        batch = [] if sys.stdin is not None and sys.stdin.isatty() else ["-o", "BatchMode=yes"]
        log = self._folder / "log"
        with log.open("wb") as complaints:
            # The master stays behind when this returns, and would hold a pipe open.
            code = subprocess.run(
                self._command("-M", "-N", "-f", "-T", *batch, "-o", f"ConnectTimeout={CONNECT_SECONDS}", "-o", "ServerAliveInterval=5",
                              "-o", "ServerAliveCountMax=3", "-o", "StrictHostKeyChecking=accept-new", "-o", "ControlPersist=no",
                              "-o", "NumberOfPasswordPrompts=2"),
                stderr=complaints, stdout=subprocess.DEVNULL, check=False).returncode
        if code:
            raise self._explain(log.read_text(encoding="utf-8", errors="replace"))

    def _explain(self, text: str) -> SshError:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        last = lines[-1] if lines else "ssh gave no reason"
        if "IDENTIFICATION HAS CHANGED" in text:
            return SshError(f"{self.host} is not the host it was: its key has changed",
                            hint="if that is meant (a new SD card, say), forget the old one: ssh-keygen -R HOST")
        if "Host key verification failed" in text:
            return SshError(f"the key of {self.host} is not accepted ({last})", hint="connect once by hand: ssh HOST")
        if "Permission denied" in text or "Too many authentication failures" in text:
            return SshError(f"{self.host} does not let us in: wrong user, password or key ({last})",
                            hint="name a key with --identity, or copy yours over: ssh-copy-id HOST")
        return SshError(f"{self.host} cannot be reached: {last.removeprefix('ssh: ')}",
                        hint="is it on, and does `ssh HOST` work? a PYNQ board that gets no address is xilinx@192.168.2.99")

    def _close(self) -> None:
        folder, self._folder = self._folder, None
        if folder is None:
            return
        if (folder / "control").exists():
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run([self._ssh, *self._options, "-o", f"ControlPath={folder / 'control'}", "-O", "exit", self.host],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=10)
        shutil.rmtree(folder, ignore_errors=True)

    def run(self, script: str, given: str = "") -> str:
        """What the POSIX shell ``script`` prints on the board; ``given`` is its standard input.

        Raises :class:`RemoteError` when it ends with another code than 0, and :class:`SshError` when the connection breaks.
        """
        done = subprocess.run([*self._command("-T"), script], input=given, capture_output=True, text=True, errors="replace", check=False)
        self._judge(done.returncode, done.stderr or done.stdout)
        return done.stdout

    def ask(self, script: str, given: str = "") -> tuple[int, str, str]:
        """As :meth:`run`, for a script that may fail: its exit code, what it printed, and its complaints."""
        done = subprocess.run([*self._command("-T"), script], input=given, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode == LOST:
            self._judge(LOST, done.stderr)
        return done.returncode, done.stdout, done.stderr

    def send(self, script: str, source: IO[bytes], told: Callable[[int], object]) -> None:
        """Give the rest of ``source`` to ``script`` on the board; ``told`` is called with the bytes of each part sent. Raises as
        :meth:`run`."""
        with tempfile.TemporaryFile() as complaints:
            process = subprocess.Popen([*self._command("-T"), script], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=complaints)
            assert process.stdin is not None
            try:
                with contextlib.suppress(BrokenPipeError):
                    while part := source.read(CHUNK):
                        process.stdin.write(part)
                        told(len(part))
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
                code = process.wait()
            except BaseException:
                process.kill()
                process.wait()
                raise
            complaints.seek(0)
            self._judge(code, complaints.read().decode(errors="replace"))

    def _judge(self, code: int, complaints: str) -> None:
        lines = [line.strip() for line in complaints.splitlines() if line.strip()]
        if code == LOST:
            raise SshError(f"the connection to {self.host} broke ({lines[-1] if lines else 'ssh gave no reason'})",
                           hint="the same command goes on from where it was")
        if code:
            raise RemoteError(lines[-1] if lines else f"exit code {code}", code)
