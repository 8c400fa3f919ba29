"""One connection to a board by OpenSSH's own client (ssh(1), ssh_config(5)), shared by all commands, so that a password is asked once."""

import contextlib
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from build_flows.base.errors import OfframpError

__all__ = ["RemoteError", "Ssh", "SshError"]

CHUNK = 1 << 16
CONNECT_SECONDS = 10
CLOSE_SECONDS = 2
LOST = 255
"""Exit code of ssh for its own failures; a command's own code else."""
READY = "offramp-connected"


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
    terminal nothing is asked. A board that was never seen is taken as it is unless ssh's configuration is stricter, one whose key has
    changed is refused. However the process ends, killed too, no connection outlives it. Raises :class:`SshError` in one line.
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
        self._master: subprocess.Popen[str] | None = None

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

    def _control(self) -> list[str]:
        assert self._folder is not None
        # What an alias has for its user, a session to start or ports to forward, is not for us.
        return [self._ssh, *self._options, "-T", "-o", f"ControlPath={self._folder / 'control'}", "-o", "RemoteCommand=none",
                "-o", "ClearAllForwardings=yes"]

    def _command(self, script: str) -> list[str]:
        """Runs ``script`` on the board through the connection, and never through one of its own: that might ask again."""
        return [*self._control(), "-o", "ControlMaster=no", "-o", "ProxyCommand=false", self.host, _shell(script)]

    def _connect(self) -> None:
        assert self._folder is not None
        options = ["ControlMaster=yes", "ControlPersist=no", "LogLevel=INFO",
                   f"ConnectTimeout={CONNECT_SECONDS}", "ServerAliveInterval=5", "ServerAliveCountMax=3", "NumberOfPasswordPrompts=2"]
        if sys.stdin is None or not sys.stdin.isatty():
            options.append("BatchMode=yes")
        if self._asks():
            options.append("StrictHostKeyChecking=accept-new")
        log = self._folder / "log"
        with log.open("wb") as complaints:
            # Not in the background (-f): when this process goes, its end of the pipe goes, and the connection with it.
            chosen = [word for option in options for word in ("-o", option)]
            self._master = subprocess.Popen(
                [*self._control(), *chosen, self.host, _shell(f"echo {READY}; read -r end")],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, text=True, errors="replace")
        assert self._master.stdout is not None
        # A shell's own start-up files may say something before.
        while line := self._master.stdout.readline():
            if line.strip() == READY:
                return
        code = self._master.wait()
        raise self._explain(log.read_text(encoding="utf-8", errors="replace"), code)

    def _asks(self) -> bool:
        """Whether ssh would ask about a host that it does not know: its default, when the user has not chosen otherwise."""
        done = subprocess.run([*self._control(), "-G", self.host], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", check=False)
        return "stricthostkeychecking ask" in done.stdout.splitlines()

    def _explain(self, text: str, code: int) -> SshError:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        last = lines[-1] if lines else "ssh gave no reason"
        if code != LOST:
            return SshError(f"{self.host} lets us in, but runs no commands ({last if lines else f'exit code {code}'})",
                            hint="its user needs a POSIX shell")
        if "IDENTIFICATION HAS CHANGED" in text:
            return SshError(f"{self.host} is not the host it was: its key has changed",
                            hint="if that is meant (a new SD card, say), forget the old one: ssh-keygen -R HOST")
        if "Host key verification failed" in text:
            return SshError(f"the key of {self.host} is not accepted ({last})", hint="connect once by hand: ssh HOST")
        if "UNPROTECTED PRIVATE KEY FILE" in text:
            return SshError(f"{self.host} does not let us in: others may read the private key, so ssh does not use it",
                            hint="chmod 600 on the key file")
        if "Permission denied" in text or "Too many authentication failures" in text:
            return SshError(f"{self.host} does not let us in: wrong user, password or key ({last})",
                            hint="name a key with --identity, or copy yours over: ssh-copy-id HOST")
        return SshError(f"{self.host} cannot be reached: {last.removeprefix('ssh: ')}",
                        hint="is it on, and does `ssh HOST` work? a PYNQ board that gets no address is xilinx@192.168.2.99")

    def _close(self) -> None:
        folder, self._folder = self._folder, None
        master, self._master = self._master, None
        try:
            if master is not None:
                assert master.stdin is not None
                with contextlib.suppress(OSError):
                    master.stdin.close()
                try:
                    master.wait(CLOSE_SECONDS)
                except subprocess.TimeoutExpired:
                    # A command still runs there, or the board does not answer.
                    master.terminate()
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        master.wait(CLOSE_SECONDS)
        finally:
            if master is not None:
                master.kill()
                master.wait()
                assert master.stdout is not None
                master.stdout.close()
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)

    def run(self, script: str, given: str = "") -> str:
        """What the POSIX shell ``script`` prints on the board; ``given`` is its standard input.

        Raises :class:`RemoteError` when it ends with another code than 0, and :class:`SshError` when the connection breaks.
        """
        done = subprocess.run(self._command(script), input=given, capture_output=True, text=True, errors="replace", check=False)
        self._judge(done.returncode, done.stderr or done.stdout)
        return done.stdout

    def ask(self, script: str, given: str = "") -> tuple[int, str, str]:
        """As :meth:`run`, for a script that may fail: its exit code, what it printed, and its complaints."""
        done = subprocess.run(self._command(script), input=given, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode == LOST:
            self._judge(LOST, done.stderr)
        return done.returncode, done.stdout, done.stderr

    def send(self, script: str, source: IO[bytes], told: Callable[[int], object]) -> None:
        """Give the rest of ``source`` to ``script`` on the board; ``told`` is called with the bytes of each part sent. Raises as
        :meth:`run`."""
        with tempfile.TemporaryFile() as complaints:
            process = subprocess.Popen(self._command(script), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=complaints)
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


def _shell(script: str) -> str:
    """``script`` for a POSIX shell, whatever the user's own is."""
    return f"exec sh -c {shlex.quote(script)}"
