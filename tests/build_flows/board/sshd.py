"""A board to deploy to: a real sshd on 127.0.0.1 and ::1, as an ordinary process, with a home and programs of its own."""

import getpass
import os
import re
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd") or next((path for path in ("/usr/sbin/sshd", "/usr/local/sbin/sshd") if Path(path).is_file()), None)


@dataclass(frozen=True, kw_only=True)
class Remote:
    """The running server: its ``port``, the client's ``config`` in which it is called ``board``, its ``home``, and ``programs``, which is
    first in its PATH."""

    folder: Path
    port: int
    config: Path
    home: Path
    programs: Path

    def program(self, name: str, text: str) -> Path:
        """Put a shell script in the board's PATH."""
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def files(self) -> dict[str, bytes]:
        """All that lies in its home."""
        return {path.relative_to(self.home).as_posix(): path.read_bytes() for path in self.home.rglob("*") if path.is_file()}

    def client(self, name: str, **lines: str) -> Path:
        """Another configuration of the client, with some lines of this one's changed."""
        found = dict(line.strip().split(" ", 1) for line in self.config.read_text().splitlines())
        path = self.folder / name
        path.write_text("".join(f"{key} {value}\n" for key, value in (found | lines).items()))
        return path


    def connections(self, wait: float = 0) -> set[Path]:
        """Folders of the connections to it that are still open after ``wait`` seconds at most; of no other board's, since tests run side by
        side."""
        until = time.monotonic() + wait
        while True:
            lines = subprocess.run(["ps", "-ww", "-eo", "stat,args"], capture_output=True, text=True, check=True).stdout.splitlines()
            mine = [line for line in lines if str(self.folder) in line and not line.startswith("Z")]
            found = {Path(folder) for line in mine for folder in re.findall(r"/tmp/offramp-ssh-\w+", line)}
            if not found or time.monotonic() > until:
                return found
            time.sleep(0.05)


def key(path: Path) -> Path:
    """A new key pair without a passphrase."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


@contextmanager
def server(folder: Path, board: str = "Pynq-Z2") -> Iterator[Remote]:
    """A board that calls itself ``board``, its files in ``folder``."""
    assert SSHD is not None
    home, programs = folder / "home", folder / "programs"
    for path in (home, programs):
        path.mkdir(parents=True)
    own, host = key(folder / "key"), key(folder / "host_key")
    (folder / "authorized").write_text(own.with_suffix(".pub").read_text())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    if os.getuid() == 0:
        # Where root's sshd locks up the part of it that has not logged in yet.
        Path("/run/sshd").mkdir(exist_ok=True)
    (folder / "sshd_config").write_text(
        f'Port {port}\nListenAddress 127.0.0.1\nListenAddress ::1\nHostKey "{host}"\nAuthorizedKeysFile "{folder / "authorized"}"\n'
        "PidFile none\nUsePAM no\n"
        f"StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
        f'SetEnv HOME="{home}" BOARD="{board}" PATH="{programs}:/usr/bin:/bin"\n')
    (folder / "config").write_text(
        f'Host board\nHostName 127.0.0.1\nPort {port}\nUser {getpass.getuser()}\nIdentityFile "{own}"\nIdentitiesOnly yes\n'
        f'UserKnownHostsFile "{folder / "known_hosts"}"\nGlobalKnownHostsFile /dev/null\n')
    with (folder / "sshd.log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "sshd_config")], stdout=log, stderr=log)
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert process.poll() is None, (folder / "sshd.log").read_text()
                time.sleep(0.02)
            yield Remote(folder=folder, port=port, config=folder / "config", home=home, programs=programs)
        finally:
            process.terminate()
            process.wait()
