"""A package onto a board: copied so that an interruption costs only the rest, checked there, put in place whole, and tested.

On the board everything lies in ``~/offramp``: ``NAME`` is the package, ``.NAME-DIGEST.incoming`` one that is not whole yet. Nothing in the
latter is ever run. The board needs a POSIX shell with find, df, cat, wc and sha256sum.
"""

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from build_flows.board.manifest import VERSION
from build_flows.board.package import SUMS
from build_flows.board.ssh import RemoteError, Ssh
from build_flows.errors import OfframpError
from build_flows.files import hash_path
from build_flows.ui import Ui

__all__ = ["DeployError", "Deployed", "Package", "check_package", "deploy", "run_selftest"]

PYTHONS = ("/usr/local/share/pynq-venv/bin/python3", "python3")
"""Where a PYNQ image has its Python, the first that is there."""
SPARE = 1 << 20
"""Bytes that must stay free on the board beside the package."""


class DeployError(OfframpError):
    """The package cannot be put onto the board, or fails there; the board is as it was."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package that was found whole: its ``folder``, ``name``, ``manifest``, the SHA-256 sum of every file by its path, and the
    ``digest`` of those (12 digits), which tells packages apart."""

    folder: Path
    name: str
    manifest: Mapping[str, Any]
    sums: Mapping[str, str]
    digest: str

    def size(self, file: str) -> int:
        """Bytes of a file."""
        return (self.folder / file).stat().st_size


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """What came of it: the ``folder`` on the board, how many ``files`` of how many ``bytes`` the package has, and the bytes that were
    ``sent``: 0 when it was there already."""

    folder: str
    files: int
    bytes: int
    sent: int


def check_package(folder: Path) -> Package:
    """The package in ``folder``; raises :class:`DeployError` when it is none, of another version, or not as its checksums say."""
    again = "make it again: offramp package CONFIG"
    try:
        text = (folder / SUMS).read_text(encoding="utf-8")
    except OSError:
        raise DeployError(f"{folder} is no package: there is no {SUMS} in it", hint=again) from None
    sums = {file: digest for digest, _, file in (line.partition("  ") for line in text.splitlines())}
    for file, digest in sums.items():
        found = hash_path(folder / file)
        if found != digest:
            raise DeployError(f"the package in {folder} is damaged: {file} is {'missing' if found == 'absent' else 'changed'}", hint=again)
    manifests = [file for file in sums if "/" not in file and file.endswith(".json")]
    if len(manifests) != 1:
        raise DeployError(f"{folder} is no package: it must have one manifest, not {', '.join(manifests) or 'none'}", hint=again)
    try:
        manifest = json.loads((folder / manifests[0]).read_text(encoding="utf-8"))
        version = manifest.get("version")
    except (ValueError, AttributeError):
        raise DeployError(f"{folder / manifests[0]} is no manifest", hint=again) from None
    if version != VERSION:
        raise DeployError(f"the package in {folder} is of version {version!r}, and this is offramp with version {VERSION}", hint=again)
    return Package(folder=folder, name=manifests[0].removesuffix(".json"), manifest=manifest, sums={**sums, SUMS: hash_path(folder / SUMS)},
                   digest=hashlib.sha256(text.encode()).hexdigest()[:12])


def deploy(package: Package, ssh: Ssh, ui: Ui, *, any_board: bool = False) -> Deployed:
    """Copy ``package`` to ``~/offramp/NAME`` on the board behind ``ssh``, unless it is there already.

    Files that an earlier, interrupted attempt brought over are not sent again, and the one it was at goes on. Raises
    :class:`DeployError` for a board of another type (unless ``any_board``), too little space, and what does not arrive as it was sent.
    """
    place, incoming = _quoted(package.name), _quoted(f".{package.name}-{package.digest}.incoming")
    found = _look(ssh, place, incoming)
    _check_board(package, found["board"], ssh.host, any_board)
    total = sum(package.size(file) for file in package.sums)
    folder = f"{found['home']}/offramp/{package.name}"
    if all(found["placed"].get(file) == digest for file, digest in package.sums.items()):
        return Deployed(folder=folder, files=len(package.sums), bytes=total, sent=0)
    missing = [file for file in package.sums if found["whole"].get(file) != package.sums[file]]
    wanted = sum(package.size(file) for file in missing)
    have = sum(min(found["sizes"].get(file, 0), package.size(file)) for file in missing)
    if found["free"] < wanted - have + SPARE:
        raise DeployError(f"no space on {ssh.host}: the package needs {_mb(wanted - have + SPARE)} more, and {_mb(found['free'])} are free",
                          hint="remove what is not needed from the board")
    ssh.run(f'mkdir -p "$HOME"/offramp/{incoming}')
    try:
        sent = _copy(package, missing, found["sizes"], ssh, incoming, ui)
    except RemoteError as error:
        if "space" in str(error).lower() or "quota" in str(error).lower():
            ssh.ask(f'rm -rf "$HOME"/offramp/{incoming}')
            raise DeployError(f"no space on {ssh.host}: {error}", hint="remove what is not needed from the board") from error
        raise DeployError(f"copying to {ssh.host} failed: {error}") from error
    _place(ssh, place, incoming, package, ui)
    return Deployed(folder=folder, files=len(package.sums), bytes=total, sent=sent)


def _quoted(name: str) -> str:
    return shlex.quote(name)


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _look(ssh: Ssh, place: str, incoming: str) -> dict[str, Any]:
    """What the board is, its free space, and what of the package it has."""
    script = f"""
        [ -n "$BOARD" ] || {{ [ -r /etc/profile.d/boardname.sh ] && . /etc/profile.d/boardname.sh; }}
        echo "board $BOARD"
        echo "home $HOME"
        df -Pk "$HOME" | tail -n 1 | while read -r device blocks used free rest; do echo "free $free"; done
        for at in placed:{place} whole:{incoming}; do
            [ -d "$HOME/offramp/${{at#*:}}" ] || continue
            cd "$HOME/offramp/${{at#*:}}" || exit 1
            find . -type f -exec sha256sum {{}} + | while read -r sum file; do echo "${{at%%:*}} $sum $file"; done
            find . -type f -exec wc -c {{}} \\; | while read -r size file; do echo "size:${{at%%:*}} $size $file"; done
        done
    """
    found: dict[str, Any] = {"board": "", "home": "", "free": None, "placed": {}, "whole": {}, "sizes": {}}
    try:
        lines = ssh.run(script).splitlines()
    except RemoteError as error:
        raise DeployError(f"{ssh.host} is no board with a shell that this can use: {error}") from error
    for line in lines:
        kind, _, rest = line.partition(" ")
        first, _, file = rest.partition(" ")
        file = file.removeprefix("*").removeprefix("./")
        if kind in ("placed", "whole"):
            found[kind][file] = first
        elif kind == "size:whole":
            found["sizes"][file] = int(first)
        elif kind == "free" and rest.isdigit():
            found["free"] = int(rest) * 1024
        elif kind in ("board", "home"):
            found[kind] = rest.strip()
    if found["free"] is None:
        raise DeployError(f"{ssh.host} does not say how much space is free (df -Pk)")
    return found


def _check_board(package: Package, board: str, host: str, any_board: bool) -> None:
    wanted = str(package.manifest.get("board_label"))
    if any_board or board.lower() == wanted.lower():
        return
    hint = "build and package for the other board (--board), or take it all the same: --any-board"
    if not board:
        raise DeployError(f"{host} does not say which board it is, and the package is for a {wanted}", hint=hint)
    raise DeployError(f"{host} is a {board}, and the package is for a {wanted}", hint=hint)


def _copy(package: Package, missing: list[str], sizes: Mapping[str, int], ssh: Ssh, incoming: str, ui: Ui) -> int:
    """Send the missing files; the bytes that were sent."""
    sent = 0
    total = sum(package.size(file) for file in missing)
    with ui.progress(f"copying to {ssh.host}", total=total) as bar:
        for file in missing:
            size = package.size(file)
            # As long as it should be and still not right: from the beginning.
            have = sizes.get(file, 0) if sizes.get(file, 0) < size else 0
            bar.advance(have)
            parent = str(Path(file).parent)
            target = f'"$HOME"/offramp/{incoming}/{_quoted(file)}'
            made = "" if parent == "." else f'mkdir -p "$HOME"/offramp/{incoming}/{_quoted(parent)} && '
            with (package.folder / file).open("rb") as source:
                source.seek(have)
                ssh.send(f"{made}cat {'>>' if have else '>'} {target}", source, bar.advance)
            sent += size - have
    return sent


def _place(ssh: Ssh, place: str, incoming: str, package: Package, ui: Ui) -> None:
    """Check what arrived, and put it in the place of what was there."""
    code, said, complaints = ssh.ask(f'cd "$HOME"/offramp/{incoming} && sha256sum -c {SUMS}')
    if code:
        wrong = [line.rpartition(":")[0] for line in said.splitlines() if line.endswith("FAILED") or "FAILED open" in line]
        if not wrong:
            raise DeployError(f"the copy on {ssh.host} cannot be checked: {complaints.strip()}")
        # A part that was there before was not the beginning of this file: it is sent whole the next time.
        names = " ".join(_quoted(file) for file in wrong)
        ssh.ask(f'cd "$HOME"/offramp/{incoming} && rm -f {names}')
        raise DeployError(f"{', '.join(wrong)} did not arrive on {ssh.host} as sent", hint="the same command sends it again")
    old = _quoted(f".{package.name}.old")
    others = _quoted(f".{package.name}-")
    try:
        ssh.run(f"""
            set -e
            cd "$HOME"/offramp
            if [ -e {old} ]; then rm -rf {old} 2>/dev/null || sudo -n rm -rf {old}; fi
            if [ -e {place} ]; then mv {place} {old}; fi
            mv {incoming} {place}
        """)
    except RemoteError as error:
        raise DeployError(f"the package cannot be put in its place on {ssh.host}: {error}") from error
    code, _, complaints = ssh.ask(f"""
        cd "$HOME"/offramp || exit 1
        rm -rf {others}*.incoming
        if [ -e {old} ]; then rm -rf {old} 2>/dev/null || sudo -n rm -rf {old}; fi
    """)
    if code:
        ui.info(f"the package that was there before is kept as ~/offramp/.{package.name}.old: root has left files in it")


def run_selftest(package: Package, ssh: Ssh, *, python: str | None = None, sudo_password: str | None = None) -> dict[str, Any]:
    """Run the package's self-test on the board as root and give its JSON (docs/interfaces.md).

    ``python`` is the board's Python (None: that of a PYNQ image). ``sudo_password`` is for a board whose user needs one. Raises
    :class:`DeployError` when it cannot be run; whether it passed is in the JSON.
    """
    script = f"""
        cd "$HOME"/offramp/{_quoted(package.name)} || exit 1
        if [ "$(id -u)" = 0 ]; then as=; elif {_sudo(sudo_password)} true; then as={_quoted(_sudo(sudo_password))}; else exit 97; fi
        for python in {" ".join(map(_quoted, PYTHONS if python is None else (python,)))}; do
            command -v "$python" >/dev/null && exec $as "$python" selftest.py --json
        done
        exit 98
    """
    given = "" if sudo_password is None else f"{sudo_password}\n" * 2
    code, said, complaints = ssh.ask(script, given)
    if code == 97:
        raise DeployError(f"the self-test needs root on {ssh.host}, and sudo does not give it",
                          hint="deploy to root@..., or give sudo's password: --ask-sudo")
    if code == 98:
        tried = " and no ".join(PYTHONS) if python is None else python
        raise DeployError(f"there is no {tried} on {ssh.host}", hint="name one: --python PATH")
    try:
        found = json.loads(said.strip().splitlines()[-1])
        assert isinstance(found, dict)
    except (IndexError, ValueError, AssertionError):
        lines = [line for line in complaints.splitlines() if line.strip()]
        raise DeployError(f"the self-test on {ssh.host} ended with code {code} and no result: {lines[-1] if lines else 'it said nothing'}",
                          hint=f"log in and run ~/offramp/{package.name}/selftest.py as root") from None
    return found


def _sudo(password: str | None) -> str:
    return "sudo -n" if password is None else "sudo -S -p :"
