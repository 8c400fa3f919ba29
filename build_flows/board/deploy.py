"""A package onto a board: copied so that an interruption costs only the rest, checked there, put in place whole, and tested.

On the board everything lies in ``~/offramp``: ``NAME`` is the package, ``.NAME-DIGEST.incoming`` one that is not whole yet. Nothing in the
latter is ever run. The board needs a POSIX shell with find, df, cat, cp, wc and sha256sum.
"""

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from build_flows.artefacts.manifest import ManifestFile
from build_flows.artefacts.selftest import Selftest
from build_flows.base.errors import OfframpError
from build_flows.base.files import hash_path
from build_flows.base.ui import Ui
from build_flows.board.package import SUMS
from build_flows.board.ssh import RemoteError, Ssh

__all__ = ["DeployError", "Deployed", "Package", "check_package", "deploy", "run_selftest"]

PYTHONS = ("/usr/local/share/pynq-venv/bin/python3", "python3")
"""Where a PYNQ image has its Python, the first that is there."""
_FULL = "remove what is not needed from the board"
SPARE = 1 << 20
"""Bytes that must stay free on the board beside the package."""


class DeployError(OfframpError):
    """The package cannot be put onto the board, or fails there; the board is as it was."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package that was found whole: its ``folder``, ``name``, the ``board`` that it is for and what that one's Linux calls it
    (``label``), the SHA-256 sum of every file by its path, and the ``digest`` of those (12 digits), which tells packages apart."""

    folder: Path
    name: str
    board: str
    label: str
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
    except UnicodeDecodeError:
        raise DeployError(f"the package in {folder} is damaged: {SUMS} is no text", hint=again) from None
    sums = {}
    for line in text.splitlines():
        digest, _, file = line.partition("  ")
        # A name that leads out of the package would be written over something else on the board.
        if not file or file.startswith("/") or ".." in Path(file).parts:
            raise DeployError(f"{folder / SUMS} is no list of the package's files: {line!r}", hint=again)
        sums[file] = digest
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
        if version != ManifestFile.VERSION:
            raise DeployError(f"the package in {folder} is of version {version!r}, and this is offramp with version {ManifestFile.VERSION}",
                              hint=again)
        # No more is looked at: another offramp's manifest of this version may have more in it.
        board, label = manifest["board"], manifest["board_label"]
    except (ValueError, AttributeError, KeyError):
        raise DeployError(f"{folder / manifests[0]} is no manifest", hint=again) from None
    return Package(folder=folder, name=manifests[0].removesuffix(".json"), board=board, label=label,
                   sums={**sums, SUMS: hash_path(folder / SUMS)}, digest=hashlib.sha256(text.encode()).hexdigest()[:12])


def deploy(package: Package, ssh: Ssh, ui: Ui, *, any_board: bool = False, sudo_password: str | None = None) -> Deployed:
    """Copy ``package`` to ``~/offramp/NAME`` on the board behind ``ssh``, unless it is there already.

    Files that an earlier, interrupted attempt brought over, or that are in the package before, are not sent again, and the one it was at
    goes on. ``sudo_password`` removes what root has left in the package before, on a board whose user needs one. Raises
    :class:`DeployError` for a board of another type (unless ``any_board``), too little space, and what does not arrive as it was sent.
    """
    incoming = f".{package.name}-{package.digest}.incoming"
    found = _look(ssh, package.name, incoming)
    _check_board(package, found.board, ssh.host, any_board)
    total = sum(package.size(file) for file in package.sums)
    folder = f"{found.home}/offramp/{package.name}"
    if all(found.placed.get(file) == digest for file, digest in package.sums.items()):
        return Deployed(folder=folder, files=len(package.sums), bytes=total, sent=0)
    missing = [file for file in package.sums if found.incoming.get(file) != package.sums[file]]
    there = [file for file in missing if found.placed.get(file) == package.sums[file]]
    have = {file: _beginning(package, file, found) for file in missing if file not in there}
    needed = sum(package.size(file) - min(found.sizes.get(file, 0), package.size(file)) for file in missing) + SPARE
    if found.free < needed:
        raise DeployError(f"no space on {ssh.host}: the package needs {_mb(needed)}, and {_mb(found.free)} are free", hint=_FULL)
    try:
        _take_over(there, ssh, package.name, incoming)
        sent = _copy(package, have, ssh, incoming, ui)
    except RemoteError as error:
        if "no space left" in str(error).lower() or "quota exceeded" in str(error).lower():
            ssh.ask(f'rm -rf "$HOME"/offramp/{_quoted(incoming)}; rmdir "$HOME"/offramp')
            raise DeployError(f"no space on {ssh.host}: {error}", hint=_FULL) from error
        raise DeployError(f"copying to {ssh.host} failed: {error}") from error
    _check_copy(ssh, incoming)
    _place(ssh, package, incoming, ui, _sudo(sudo_password), sudo_password)
    return Deployed(folder=folder, files=len(package.sums), bytes=total, sent=sent)


def _quoted(name: str) -> str:
    return shlex.quote(name)


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


@dataclass
class _Found:
    """A board's type (empty when it does not say), home and free bytes; SHA-256 sums of the files of the package that is in place, and of
    those in the incoming folder, and the latter's sizes."""

    board: str = ""
    home: str = ""
    free: int = -1
    placed: dict[str, str] = field(default_factory=dict)
    incoming: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)


def _look(ssh: Ssh, place: str, incoming: str) -> _Found:
    """What the board is, its free space, and what of the package it has."""
    script = f"""
        [ -n "$BOARD" ] || {{ [ -r /etc/profile.d/boardname.sh ] && . /etc/profile.d/boardname.sh; }}
        echo "board $BOARD"
        echo "home $HOME"
        df -Pk "$HOME" | tail -n 1 | while read -r device blocks used free rest; do echo "free $free"; done
        sums() {{ find . -type f -exec sha256sum {{}} + | while read -r sum file; do echo "$1 $sum $file"; done; }}
        if [ -d "$HOME"/offramp/{_quoted(place)} ]; then
            cd "$HOME"/offramp/{_quoted(place)} && sums placed
        fi
        if [ -d "$HOME"/offramp/{_quoted(incoming)} ]; then
            cd "$HOME"/offramp/{_quoted(incoming)} || exit 1
            sums incoming
            find . -type f -exec wc -c {{}} \\; | while read -r size file; do echo "size $size $file"; done
        fi
    """
    found = _Found()
    try:
        lines = ssh.run(script).splitlines()
    except RemoteError as error:
        raise DeployError(f"{ssh.host} is no board with a shell that this can use: {error}") from error
    for line in lines:
        kind, _, rest = line.partition(" ")
        first, _, file = rest.partition(" ")
        file = file.removeprefix("*").removeprefix("./")
        if kind == "placed":
            found.placed[file] = first
        elif kind == "incoming":
            found.incoming[file] = first
        elif kind == "size":
            found.sizes[file] = int(first)
        elif kind == "free" and rest.isdigit():
            found.free = int(rest) * 1024
        elif kind == "board":
            found.board = rest.strip()
        elif kind == "home":
            found.home = rest
    if found.free < 0:
        raise DeployError(f"{ssh.host} does not say how much space is free (df -Pk)")
    return found


def _beginning(package: Package, file: str, found: _Found) -> int:
    """Bytes of ``file`` that need not be sent: what lies in the incoming folder, if ``file`` begins with it."""
    size = found.sizes.get(file, 0)
    if not 0 < size < package.size(file):
        return 0
    with (package.folder / file).open("rb") as source:
        return size if hashlib.sha256(source.read(size)).hexdigest() == found.incoming.get(file) else 0


def _check_board(package: Package, board: str, host: str, any_board: bool) -> None:
    wanted = package.label
    if any_board or board.lower() == wanted.lower():
        return
    hint = "build and package for the other board (--board), or take it all the same: --any-board"
    if not board:
        raise DeployError(f"{host} does not say which board it is, and the package is for a {wanted}", hint=hint)
    raise DeployError(f"{host} is a {board}, and the package is for a {wanted}", hint=hint)


def _take_over(files: Sequence[str], ssh: Ssh, place: str, incoming: str) -> None:
    """Make the incoming folder, and copy ``files`` there from the package that is in place."""
    script = f"""
        export LC_ALL=C
        mkdir -p "$HOME"/offramp/{_quoted(incoming)} && cd "$HOME"/offramp || exit 1
        while IFS= read -r file; do
            mkdir -p {_quoted(incoming)}/"$(dirname "$file")" && cp {_quoted(place)}/"$file" {_quoted(incoming)}/"$file" || exit 1
        done
    """
    ssh.run(script, "".join(f"{file}\n" for file in files))


def _copy(package: Package, have: Mapping[str, int], ssh: Ssh, incoming: str, ui: Ui) -> int:
    """Send the files that ``have`` names, each from that byte on; the bytes that were sent."""
    sent = 0
    with ui.progress(f"copying to {ssh.host}", total=sum(map(package.size, have))) as bar:
        for file, start in have.items():
            bar.advance(start)
            target = Path(file)
            with (package.folder / file).open("rb") as source:
                source.seek(start)
                ssh.send(f"""
                    export LC_ALL=C
                    cd "$HOME"/offramp/{_quoted(incoming)} && mkdir -p {_quoted(str(target.parent))} || exit 1
                    cat {">>" if start else ">"} {_quoted(file)}
                """, source, bar.advance)
            sent += package.size(file) - start
    return sent


def _check_copy(ssh: Ssh, incoming: str) -> None:
    """Check what arrived; what is not right is removed, so that it is sent whole the next time."""
    code, said, complaints = ssh.ask(f'export LC_ALL=C; cd "$HOME"/offramp/{_quoted(incoming)} && sha256sum -c {SUMS}')
    if not code:
        return
    wrong = [line.rpartition(":")[0] for line in said.splitlines() if line.rpartition(":")[2].strip().startswith("FAILED")]
    if not wrong:
        raise DeployError(f"the copy on {ssh.host} cannot be checked: {complaints.strip() or f'sha256sum ended with code {code}'}")
    ssh.ask(f'cd "$HOME"/offramp/{_quoted(incoming)} && rm -f {" ".join(map(_quoted, wrong))}')
    raise DeployError(f"{', '.join(wrong)} did not arrive on {ssh.host} as sent", hint="the same command sends it again")


def _place(ssh: Ssh, package: Package, incoming: str, ui: Ui, sudo: str, password: str | None) -> None:
    """Put what arrived in the place of what was there. The connection may break at any moment; one of them stays in place."""
    place, old, others = _quoted(package.name), _quoted(f".{package.name}.old"), _quoted(f".{package.name}-")
    try:
        # What is in memory only would be lost where boards are switched off by their plug. What root left behind may keep earlier ones.
        ssh.run(f"""
            trap '' HUP INT TERM PIPE
            cd "$HOME"/offramp || exit 1
            find {_quoted(incoming)} -type f -exec sync {{}} + 2>/dev/null
            number=1
            while [ -e {old}.$number ]; do number=$((number + 1)); done
            if [ -e {place} ]; then mv {place} {old}.$number || exit 1; fi
            mv {_quoted(incoming)} {place} && exit 0
            if [ -e {old}.$number ]; then mv {old}.$number {place}; fi
            exit 1
        """)
    except RemoteError as error:
        raise DeployError(f"the package cannot be put in its place on {ssh.host}: {error}") from error
    code, _, _ = ssh.ask(f"""
        cd "$HOME"/offramp || exit 1
        rm -rf {others}*.incoming
        rm -rf {old}.* 2>/dev/null || {sudo} rm -rf {old}.*
    """, "" if password is None else f"{password}\n")
    if code:
        ui.info(f"a package that was there before is kept as ~/offramp/.{package.name}.old.*: root has left files in it, and removing them "
                "needs sudo (--ask-sudo)")


def run_selftest(package: Package, ssh: Ssh, *, python: str | None = None, sudo_password: str | None = None) -> Selftest:
    """Run the package's self-test on the board as root, with the environment of a login shell, and give what it printed.

    ``python`` is the board's Python (None: that of a PYNQ image). ``sudo_password`` is for a board whose user needs one. Raises
    :class:`DeployError` when it cannot be run; whether it passed is in what it printed.
    """
    # sudo and sshd start with an environment of their own; what PYNQ's XRT and tools need is set by the files that login shells read, which
    # are for bash.
    inside = 'PATH=$PATH:$1; shift; for python; do command -v "$python" >/dev/null && exec "$python" selftest.py --json; done; exit 98'
    script = f"""
        cd "$HOME"/offramp/{_quoted(package.name)} || exit 1
        if [ "$(id -u)" = 0 ]; then as=; elif {_sudo(sudo_password)} true; then as={_quoted(_sudo(sudo_password))}; else exit 97; fi
        shell=$(command -v bash) || shell=sh
        exec $as "$shell" -lc {_quoted(inside)} sh "$PATH" {" ".join(map(_quoted, PYTHONS if python is None else (python,)))}
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
        found = Selftest.model_validate_json(said.strip().splitlines()[-1])
        # What dies after its last line has not passed.
        assert code == 0 or not found.ok
    except (IndexError, ValidationError, AssertionError):
        lines = [line for line in complaints.splitlines() if line.strip()]
        raise DeployError(f"the self-test on {ssh.host} ended with code {code} and no result: {lines[-1] if lines else 'it said nothing'}",
                          hint=f"log in and run ~/offramp/{package.name}/selftest.py as root") from None
    return found


def _sudo(password: str | None) -> str:
    return "sudo -n" if password is None else "sudo -S -p :"
