"""Checks a Vivado project folder without Vivado: a real Tcl interpreter runs its Tcl on a model of Vivado's commands.

The model (:mod:`build_flows.board.vivado_model`) knows the IP blocks and reads the accelerator's ports from the emitted Verilog. What it
cannot find stands in CONTRIBUTING.md.
"""

import base64
import shlex
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from build_flows.base.errors import OfframpError
from build_flows.board.vivado_commands import COMMANDS, Refused, Word
from build_flows.board.vivado_model import VivadoModel
from build_flows.board.vivado_state import Behaviour
from sim.tools.cache import scratch

__all__ = ["CheckError", "Checked", "check_project", "project_arguments"]

_FORWARD = Path(__file__).with_name("forward.tcl")
__sources__ = ("forward.tcl",)
_LIMIT = 120.0
"""Seconds that the Tcl may take; it takes less than one."""


class CheckError(OfframpError):
    """The Tcl did not run to its end: the message is what stopped it, or all that is open in the block design."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A project whose Tcl runs to its end.

    How many ``cells`` the block design has, how many ``connections`` of pins and ``interfaces`` were checked, how many ``addresses`` are
    assigned; which pins and interfaces are ``left_open`` since nothing needs them; the files it leaves in ``results``, the ``summary``
    among them (build.txt), and the ``model`` it ran on.
    """

    cells: int
    connections: int
    interfaces: int
    addresses: int
    left_open: tuple[str, ...]
    results: tuple[str, ...]
    summary: dict[str, str]
    model: VivadoModel


def project_arguments(folder: Path) -> list[str]:
    """The arguments that ``build.sh`` in the project ``folder`` gives to the Tcl. Raises :class:`CheckError` when it has none."""
    for line in (folder / "build.sh").read_text(encoding="utf-8").splitlines():
        words = shlex.split(line, comments=True)
        if "-tclargs" in words:
            return words[words.index("-tclargs") + 1:]
    raise CheckError(f"{folder / 'build.sh'} gives no -tclargs")


def check_project(folder: Path, arguments: Sequence[str] | None = None, behaviour: Behaviour | None = None) -> Checked:
    """Run the Tcl of the project ``folder`` (left as it is) with ``arguments``, by default those of its ``build.sh``.

    Raises :class:`CheckError` for an unknown command, option, cell, pin or parameter, for ends that do not fit, for anything left open
    that must not be, and when the Tcl itself refuses; :class:`OfframpError` when there is no ``tclsh``.
    """
    tclsh = shutil.which("tclsh")
    if tclsh is None:
        raise OfframpError("tclsh is not on PATH", hint="apt-get install tcl")
    words = project_arguments(folder) if arguments is None else list(arguments)
    model = VivadoModel(behaviour=Behaviour() if behaviour is None else behaviour)
    with scratch(Path(tempfile.gettempdir()), "offramp-check-") as above:
        # Without what Vivado may have left there.
        copy = above.resolve() / "project"
        copy.mkdir()
        shutil.copyfile(folder / "build.tcl", copy / "build.tcl")
        for name in ("tcl", "rtl"):
            shutil.copytree(folder / name, copy / name)
        _run([tclsh, str(_FORWARD), "build.tcl", " ".join(COMMANDS), *words], copy, model)
        results = copy / "results"
        found = tuple(sorted(path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file()))
        lines = (results / "build.txt").read_text(encoding="utf-8").splitlines()
    design = model.design
    if design is None:
        raise CheckError("the Tcl ended without a block design")
    faults = design.faults()
    if faults:
        raise CheckError("the block design is not whole:\n" + "\n".join(faults))
    return Checked(
        cells=len(design.cells), connections=sum(len(loads) for loads in design.nets.values()), interfaces=len(design.joined) // 2,
        addresses=sum(len(item) for item in design.assigned.values()), left_open=tuple(design.left_open()), results=found,
        summary=dict(line.split(" ", 1) for line in lines), model=model,
    )


def _run(command: list[str], folder: Path, model: VivadoModel) -> None:
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        watch = threading.Timer(_LIMIT, process.kill)
        watch.start()
        try:
            for line in process.stdout:
                kind, where, *words = (_decode(part) for part in line.split())
                if kind.text == "ask":
                    process.stdin.write(_answer(model, words, Path(where.text)) + "\n")
                    process.stdin.flush()
                elif kind.text == "error":
                    raise CheckError(words[0].text, hint=_place(words[1].text, folder))
                elif kind.text == "end":
                    return
            raise CheckError(f"tclsh ended with exit code {process.wait()} before the Tcl did: {process.stderr.read().strip()}")
        finally:
            watch.cancel()
            process.kill()


def _answer(model: VivadoModel, words: list[Word], folder: Path) -> str:
    command, *given = words
    try:
        answer = model.run(command.text, given, folder)
    except Refused as error:
        return f"refused {_encode(str(error))}"
    return " ".join(["ok", *map(_encode, answer)]) if isinstance(answer, list) else f"text {_encode(answer)}"


def _encode(text: str) -> str:
    return f".{base64.b64encode(text.encode()).decode()}"


def _decode(part: str) -> Word:
    text, *items = (base64.b64decode(item[1:]).decode() for item in part.split(","))
    return Word(text, tuple(items))


def _place(trace: str, folder: Path) -> str:
    """Where in the Tcl it was: the innermost command and procedure of an error's trace."""
    lines = [line.strip().replace(f"{folder}/", "") for line in trace.splitlines() if line.strip().startswith(("(procedure", '"'))]
    return "in the Tcl: " + "; ".join(lines[:3]) if lines else "in the Tcl"
