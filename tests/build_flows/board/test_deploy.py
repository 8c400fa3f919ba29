"""Packages onto a board behind a real sshd: what is copied, what is not, and that the board stays as it was when something fails."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from build_flows.base.files import hash_path
from build_flows.base.ui import SilentUi
from build_flows.board.deploy import DeployError, Package, check_package, deploy, run_selftest
from build_flows.board.package import SUMS, golden_samples, write_package
from build_flows.board.platforms import find_platform
from build_flows.board.ssh import Ssh, SshError
from build_flows.board.stand_in import write_stand_in
from hw.netlist import Netlist
from sim.board.link import environment
from tests import toy
from tests.build_flows.board.golden_toy import write_golden
from tests.build_flows.board.sshd import SSHD, Remote, server
from tests.build_flows.uis import Listening
from tests.sim.board.conftest import toy_job  # noqa: F401 (a fixture)

pytestmark = pytest.mark.skipif(SSHD is None, reason="no sshd: apt-get install openssh-server")

Z2 = find_platform("pynq-z2")


def make(folder: Path, netlist: Netlist | None = None) -> Path:
    """A package of a toy in ``folder``."""
    netlist = toy.build(None, thresholds=(880,) * 8) if netlist is None else netlist
    work = folder / "golden"
    work.mkdir(parents=True)
    golden, exits = write_golden(work, netlist)
    samples = golden_samples(netlist=netlist, golden_file=golden, exits=exits, images=toy.images(40), labels=np.arange(40) % 3)
    write_package(folder / "package", netlist=netlist, board=Z2, bit=write_stand_in(folder, netlist, Z2), samples=samples)
    return folder / "package"


def swell(folder: Path, size: int) -> None:
    """Give a package's bitstream ``size`` bytes more, as a real one has."""
    bit = folder / "toy.bit"
    bit.write_bytes(bit.read_bytes() + np.random.default_rng(1).bytes(size))
    seal(folder)


def seal(folder: Path) -> None:
    """Make the checksums of a package right again."""
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    (folder / SUMS).write_text("".join(f"{hash_path(folder / file)}  {file}\n" for file in files))


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return check_package(make(tmp_path / "made"))


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Remote]:
    with server(tmp_path / "board") as found:
        yield found


def put(package: Package, board: Remote, **options: bool) -> int:
    """Deploy; the bytes that were sent."""
    with Ssh("board", config=board.config) as ssh:
        return deploy(package, ssh, SilentUi(), **options).sent


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_package_is_copied_whole_and_not_again(package: Package, board: Remote) -> None:
    total = sum(len(value) for value in contents(package.folder).values())
    with Ssh("board", config=board.config) as ssh:
        done = deploy(package, ssh, SilentUi())
    assert (done.folder, done.files, done.bytes, done.sent) == (f"{board.home}/offramp/toy", len(package.sums), total, total)
    assert contents(board.home / "offramp" / "toy") == contents(package.folder)
    assert [path.name for path in (board.home / "offramp").iterdir()] == ["toy"]
    assert put(package, board) == 0


def test_another_package_takes_the_place_of_the_one_before(package: Package, board: Remote, tmp_path: Path) -> None:
    put(package, board)
    (board.home / "offramp" / "toy" / "notes.txt").write_text("the user's")
    (board.home / "offramp" / "other").mkdir()
    swell(package.folder, 1000)
    put(check_package(package.folder), board)
    assert contents(board.home / "offramp" / "toy") == contents(package.folder)
    assert sorted(path.name for path in (board.home / "offramp").iterdir()) == ["other", "toy"]


def test_an_interrupted_copy_is_not_put_in_place_and_goes_on(package: Package, board: Remote) -> None:
    swell(package.folder, 3_000_000)
    package = check_package(package.folder)

    class Stop(SilentUi):
        """Ctrl-C in the middle of the bitstream."""

        done = 0

        def progress(self, description: str, total: float | None = None):
            bar = super().progress(description, total)

            class Bar:
                def __enter__(inner):
                    bar.__enter__()
                    return inner

                def __exit__(inner, *args):
                    return bar.__exit__(*args)

                def advance(inner, amount: float = 1) -> None:
                    self.done += amount
                    if self.done > 1_500_000:
                        raise KeyboardInterrupt

            return Bar()

    with pytest.raises(KeyboardInterrupt), Ssh("board", config=board.config) as ssh:
        deploy(package, ssh, Stop())
    [incoming] = (board.home / "offramp").iterdir()
    assert incoming.name.endswith(".incoming")
    for _ in range(100):
        before = {name: len(value) for name, value in contents(incoming).items()}
        time.sleep(0.05)
        if {name: len(value) for name, value in contents(incoming).items()} == before:
            break
    have = sum(before.values())
    assert 0 < have < 1_700_000
    total = sum(len(value) for value in contents(package.folder).values())
    assert put(package, board) == total - have
    assert contents(board.home / "offramp" / "toy") == contents(package.folder)
    assert [path.name for path in (board.home / "offramp").iterdir()] == ["toy"]


def test_a_part_that_is_not_the_file_s_beginning_is_sent_whole(package: Package, board: Remote) -> None:
    incoming = board.home / "offramp" / f".toy-{package.digest}.incoming"
    incoming.mkdir(parents=True)
    (incoming / "toy.json").write_bytes(b"something else")
    (incoming / "samples.npz").write_bytes(b"x" * package.size("samples.npz"))  # as long, and wrong
    (incoming / "toy.ipynb").write_bytes((package.folder / "toy.ipynb").read_bytes()[:100])
    assert put(package, board) == sum(map(package.size, package.sums)) - 100
    assert contents(board.home / "offramp" / "toy") == contents(package.folder)


def test_what_arrives_otherwise_than_sent_is_not_put_in_place(package: Package, board: Remote) -> None:
    swell(package.folder, 10)
    put(package, board)
    before = contents(board.home / "offramp" / "toy")
    swell(package.folder, 1000)
    package = check_package(package.folder)
    board.program("cat", "/bin/cat; echo more")
    with pytest.raises(DeployError, match=r"^toy.bit, SHA256SUMS did not arrive on board as sent$|^toy.bit did not arrive") as caught:
        put(package, board)
    assert caught.value.hint == "the same command sends it again"
    assert contents(board.home / "offramp" / "toy") == before
    (board.programs / "cat").unlink()
    assert put(package, board) > 0
    assert contents(board.home / "offramp" / "toy") == contents(package.folder)


def test_of_a_file_that_was_changed_on_the_board_only_that_is_sent(package: Package, board: Remote) -> None:
    put(package, board)
    (board.home / "offramp" / "toy" / "selftest.py").write_text("pass")
    (board.home / "offramp" / "toy" / "offramp_driver" / "dma.py").unlink()
    assert put(package, board) == package.size("selftest.py") + package.size("offramp_driver/dma.py")
    assert contents(board.home / "offramp" / "toy") == contents(package.folder)
    assert [path.name for path in (board.home / "offramp").iterdir()] == ["toy"]


def test_names_with_spaces(tmp_path: Path) -> None:
    """Folders of the board's home, of the key and of the package, and a file in it."""
    folder = make(tmp_path / "made of spaces")
    (folder / "read me 'first'.txt").write_text("hello")
    seal(folder)
    package = check_package(folder)
    with server(tmp_path / "a board") as found, Ssh("board", config=found.config, identity=found.folder / "key") as ssh:
        done = deploy(package, ssh, SilentUi())
        assert done.folder == f"{found.home}/offramp/toy"
        assert contents(found.home / "offramp" / "toy") == contents(folder)
        (found.home / "offramp" / "toy" / "selftest.py").write_text("pass")
        deploy(package, ssh, SilentUi())
        assert contents(found.home / "offramp" / "toy") == contents(folder)
        python = found.program("board python", 'echo "{\\"ok\\": true}"')
        assert run_selftest(package, ssh, python=str(python)).to_json() == {"ok": True}


@pytest.mark.parametrize(("label", "told"), [("Pynq-Z1", "board is a Pynq-Z1, and the package is for a Pynq-Z2"),
                                             ("", "board does not say which board it is, and the package is for a Pynq-Z2")])
def test_another_board(label: str, told: str, package: Package, tmp_path: Path) -> None:
    with server(tmp_path / "other", board=label) as found:
        with pytest.raises(DeployError, match=f"^{told}$"):
            put(package, found)
        assert found.files() == {}
        assert put(package, found, any_board=True) > 0


def test_no_space_is_told_before_anything_is_copied(package: Package, board: Remote) -> None:
    board.program("df", 'echo "Filesystem 1024-blocks Used Available Capacity Mounted on"; echo "/dev/root 100 90 10 90% /"')
    with pytest.raises(DeployError, match=r"^no space on board: the package needs 1\.\d MB, and 0\.0 MB are free$"):
        put(package, board)
    assert board.files() == {}


def test_space_that_runs_out_on_the_way(package: Package, board: Remote) -> None:
    board.program("cat", 'head -c 1000; exec /bin/cat > /dev/full')
    with pytest.raises(DeployError, match=r"^no space on board: .*No space left on device$"):
        put(package, board)
    assert list(board.home.iterdir()) == []
    (board.programs / "cat").unlink()
    put(package, board)
    before = board.files()
    swell(package.folder, 2_000_000)
    board.program("cat", 'head -c 500000; exec /bin/cat > /dev/full')
    with pytest.raises(DeployError, match=r"^no space on board: .*No space left on device$"):
        put(check_package(package.folder), board)
    assert board.files() == before


def test_a_card_that_is_full(package: Package, board: Remote) -> None:
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "card", str(board.home)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        filler = board.home / "filler"
        filler.write_bytes(bytes(3_500_000))
        with pytest.raises(DeployError, match=r"^no space on board: the package needs 1\.\d MB, and 0\.\d MB are free$"):
            put(package, board)
        assert [path.name for path in board.home.iterdir()] == ["filler"]
        filler.unlink()
        # Something else fills it meanwhile.
        board.program("cat", 'dd if=/dev/zero of="$HOME"/filler bs=64k 2>/dev/null; exec /bin/cat')
        with pytest.raises(DeployError, match=r"^no space on board: .*No space left on device$"):
            put(package, board)
        assert [path.name for path in board.home.iterdir()] == ["filler"]
        filler.unlink()
        (board.programs / "cat").unlink()
        put(package, board)
        assert contents(board.home / "offramp" / "toy") == contents(package.folder)
    finally:
        subprocess.run(["umount", str(board.home)], check=True)


def test_a_home_that_takes_nothing(package: Package, board: Remote) -> None:
    (board.home / "offramp").write_text("a file")
    with pytest.raises(DeployError, match=r"^copying to board failed: mkdir: .*: (File exists|Not a directory)$"):
        put(package, board)
    assert board.files() == {"offramp": b"a file"}


def test_a_copy_that_fails_otherwise(package: Package, board: Remote) -> None:
    board.program("cat", 'echo "cat: /my space: it is read-only" >&2; exit 1')
    with pytest.raises(DeployError, match=r"^copying to board failed: cat: /my space: it is read-only$"):
        put(package, board)
    assert not (board.home / "offramp" / "toy").exists()


def test_a_host_without_what_is_needed(package: Package, board: Remote) -> None:
    board.program("df", "exit 0")
    with pytest.raises(DeployError, match="board does not say how much space is free"):
        put(package, board)


def test_a_connection_that_breaks_on_the_way(package: Package, board: Remote) -> None:
    board.program("cat", "kill -9 $(ps -o ppid= -p $(ps -o ppid= -p $$))")
    with pytest.raises(SshError, match="the connection to board broke"):
        put(package, board)
    assert not (board.home / "offramp" / "toy").exists()
    (board.programs / "cat").unlink()
    put(package, board)
    assert contents(board.home / "offramp" / "toy") == contents(package.folder)


def test_packages_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="is no package: there is no SHA256SUMS in it"):
        check_package(tmp_path)
    for change, told in (
        (lambda folder: (folder / SUMS).write_text(f"{'0' * 64}  ../.profile\n"), "is no list of the package's files: '0+  ../.profile'"),
        (lambda folder: (folder / SUMS).write_bytes(b"\xff"), "is damaged: SHA256SUMS is no text"),
        (lambda folder: (folder / "selftest.py").write_text("pass"), "is damaged: selftest.py is changed"),
        (lambda folder: (folder / "toy.bit").unlink(), "is damaged: toy.bit is missing"),
    ):
        folder = make(Path(tempfile.mkdtemp(dir=tmp_path)))
        change(folder)
        with pytest.raises(DeployError, match=told):
            check_package(folder)


@pytest.mark.parametrize(
    ("text", "told"),
    [('{"version": 0}', "is of version 0, and this is offramp with version 2"), ("[]", "is no manifest"),
     ('{"version": 2, "board": "pynq-z2"}', "is no manifest"),
     (None, "it must have one manifest, not none")],
)
def test_manifests_of_another_time(text: str | None, told: str, tmp_path: Path) -> None:
    folder = make(tmp_path)
    if text is None:
        (folder / "toy.json").unlink()
    else:
        (folder / "toy.json").write_text(text)
    seal(folder)
    with pytest.raises(DeployError, match=told) as caught:
        check_package(folder)
    assert caught.value.hint == "make it again: offramp package CONFIG"


def test_the_self_test_of_the_board(package: Package, board: Remote) -> None:
    put(package, board)
    python = board.program("board_python", 'echo noise; pwd > "$HOME"/where; echo "{\\"ok\\": true, \\"told\\": \\"$*\\"}"')
    with Ssh("board", config=board.config) as ssh:
        assert run_selftest(package, ssh, python=str(python)).to_json() == {"ok": True, "told": "selftest.py --json"}
    assert (board.home / "where").read_text() == f"{board.home}/offramp/toy\n"


@pytest.mark.parametrize("root", [True, False])
def test_the_self_test_has_what_a_login_shell_sets(root: bool, package: Package, board: Remote) -> None:
    """PYNQ's XRT is found by a variable, its tools by the PATH; neither sshd nor sudo gives them."""
    put(package, board)
    (board.home / ".profile").write_text(f"echo welcome; export XILINX_XRT=/some/where; PATH='{board.home}/tools':$PATH\n")
    (board.home / "tools").mkdir()
    board.program("tool", "echo right").rename(board.home / "tools" / "tool")
    board.program("tool", "echo wrong")
    if not root:
        board.program("id", "echo 1000")
        board.program("sudo", '[ "$1" = -n ] || exit 1; shift; exec env -i HOME="$HOME" PATH=/usr/bin:/bin "$@"')
    board.program("board_python", "printf '{\"ok\": true, \"xrt\": \"%s\", \"tool\": \"%s\", \"in\": \"%s\"}' $XILINX_XRT $(tool) $PWD")
    with Ssh("board", config=board.config) as ssh:
        found = run_selftest(package, ssh, python="board_python")
    assert found.to_json() == {"ok": True, "xrt": "/some/where", "tool": "right", "in": f"{board.home}/offramp/toy"}


@pytest.mark.parametrize(
    ("script", "told"),
    [("echo Traceback >&2; echo 'ImportError: no pynq' >&2; exit 1", "ended with code 1 and no result: ImportError: no pynq"),
     ("exit 0", "ended with code 0 and no result: it said nothing"), ("echo [1]", "ended with code 0 and no result: it said nothing"),
     ("echo '{\"ok\": true, \"errors\": 3}'", "ended with code 0 and no result: it said nothing"),
     ("echo '{\"ok\": true}'; echo Aborted >&2; exit 134", "ended with code 134 and no result: Aborted")],
)
def test_a_self_test_without_a_result(script: str, told: str, package: Package, board: Remote) -> None:
    put(package, board)
    board.program("board_python", script)
    with Ssh("board", config=board.config) as ssh, pytest.raises(DeployError, match=f"^the self-test on board {told}$"):
        run_selftest(package, ssh, python="board_python")


def test_a_python_that_is_not_there(package: Package, board: Remote) -> None:
    put(package, board)
    with Ssh("board", config=board.config) as ssh, pytest.raises(DeployError, match="there is no /no/python on board"):
        run_selftest(package, ssh, python="/no/python")


def test_who_is_not_root_needs_sudo(package: Package, board: Remote) -> None:
    put(package, board)
    board.program("id", "echo 1000")
    board.program("board_python", 'echo "{\\"ok\\": true, \\"by\\": \\"$BY\\"}"')
    board.program("sudo", "echo 'sudo: a password is required' >&2; exit 1")
    with Ssh("board", config=board.config) as ssh:
        with pytest.raises(DeployError, match="the self-test needs root on board, and sudo does not give it"):
            run_selftest(package, ssh, python="board_python")
        board.program("sudo", '[ "$1" = -n ] || exit 1; shift; BY=sudo exec "$@"')
        assert run_selftest(package, ssh, python="board_python").to_json() == {"ok": True, "by": "sudo"}
        board.program("sudo", '[ "$1 $2" = "-S -p" ] || exit 1; read -r word; [ "$word" = secret ] || exit 1; shift 3; BY=word exec "$@"')
        assert run_selftest(package, ssh, python="board_python", sudo_password="secret").to_json() == {"ok": True, "by": "word"}
        with pytest.raises(DeployError, match="needs root"):
            run_selftest(package, ssh, python="board_python", sudo_password="wrong")


def test_what_root_left_behind_is_removed_or_told(package: Package, board: Remote) -> None:
    put(package, board)
    board.program("rm", 'case "$*" in *.old*) exit 1;; esac; exec /bin/rm "$@"')
    board.program("sudo", "exit 1")
    # Not in the way of this deployment, nor of the next.
    for number in (1, 2):
        swell(package.folder, number)
        ui = Listening()
        with Ssh("board", config=board.config) as ssh:
            deploy(check_package(package.folder), ssh, ui)
        assert [line for line in ui.said if "~/offramp/.toy.old.*" in line]
        assert contents(board.home / "offramp" / "toy") == contents(package.folder)
        assert sorted(path.name for path in (board.home / "offramp").iterdir()) == [f".toy.old.{k + 1}" for k in range(number)] + ["toy"]
    board.program("sudo", '[ "$1 $2 $3" = "-S -p :" ] || exit 1; read -r word; [ "$word" = secret ] || exit 1; shift 4; exec /bin/rm "$@"')
    swell(package.folder, 3)
    ui = Listening()
    with Ssh("board", config=board.config) as ssh:
        deploy(check_package(package.folder), ssh, ui, sudo_password="secret")
    assert sorted(path.name for path in (board.home / "offramp").iterdir()) == ["toy"]
    assert not [line for line in ui.said if ".old" in line]


def test_what_cannot_be_put_in_place_leaves_what_is_there(package: Package, board: Remote) -> None:
    put(package, board)
    before = contents(board.home / "offramp" / "toy")
    swell(package.folder, 5)
    board.program("mv", 'case "$1" in *.incoming) echo "mv: the card is read-only" >&2; exit 1;; esac; exec /bin/mv "$@"')
    with pytest.raises(DeployError, match=r"^the package cannot be put in its place on board: mv: the card is read-only$"):
        put(check_package(package.folder), board)
    assert contents(board.home / "offramp" / "toy") == before
    (board.programs / "mv").unlink()
    assert put(check_package(package.folder), board) == 0  # all had arrived
    assert contents(board.home / "offramp" / "toy") == contents(package.folder)


@pytest.mark.slow
@pytest.mark.cosim
def test_the_real_self_test_runs_on_a_simulated_board(toy_job, board: Remote, tmp_path: Path) -> None:  # noqa: F811
    """The board's Python is the co-simulation: driver and self-test run as deployed, on the Verilated accelerator."""
    netlist, job = toy_job()
    package = check_package(make(tmp_path / "cosim", netlist))
    put(package, board)
    names = "".join(f"export {name}='{value}'\n" for name, value in environment(job).items())
    python = board.program("board_python", f"{names}exec {sys.executable} \"$@\"")
    with Ssh("board", config=board.config) as ssh:
        found = run_selftest(package, ssh, python=str(python))
    assert (found.ok, found.samples, found.agree, found.errors) == (True, 40, 40, [])
    assert contents(board.home / "offramp" / "toy") == contents(package.folder)
    # A bitstream of another network is noticed, and told.
    other, _ = toy_job(bus_bits=128, result_bits=32, order="input")
    foreign = check_package(make(tmp_path / "foreign", other))
    put(foreign, board)
    with Ssh("board", config=board.config) as ssh:
        found = run_selftest(foreign, ssh, python=str(python))
    assert not found.ok
    assert "BUILD" in found.errors[0] or "build" in found.errors[0]


