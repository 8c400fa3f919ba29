"""What ``offramp exit-unit generate`` does: a folder with one exit-decision unit, ready for a design of the user's own."""

import json
from contextlib import ExitStack, suppress
from pathlib import Path, PurePosixPath

from build_flows.artefacts.exit_unit import UnitManifest
from build_flows.base.errors import OfframpError
from build_flows.base.files import atomic_path
from build_flows.exit_unit.contents import MANIFEST, Contents
from build_flows.exit_unit.spec import UnitSpec
from hw.netlist import Netlist

__all__ = ["check_exit", "generate", "of_netlist"]


def generate(
    spec: UnitSpec, out: Path, *, name: str = "exit_unit", control: str = "axi4lite", enabled: bool = True, force: bool = False,
) -> UnitManifest:
    """Write the unit into folder ``out`` and give its manifest.

    A folder that is not empty is written to when it holds a unit made before: its files are replaced, all others left alone. Anything else
    needs ``force``, and so does a file in the way that is not the earlier unit's. Nothing is written unless everything could be made.
    Raises :class:`OfframpError` otherwise.
    """
    contents = Contents(spec=spec, name=name, control=control, enabled=enabled)
    before = _named(out)
    _check_folder(out, before, {f"{name}.v", "README.md", "Makefile", MANIFEST}, force=force)
    files, manifest = contents.files()
    _check_folder(out, before, set(files), force=force)
    with ExitStack() as stack:
        # Renamed in the opposite order, the manifest last, when all of them are written.
        for path in [MANIFEST, *sorted(set(files) - {MANIFEST})]:
            stack.enter_context(atomic_path(out / path)).write_bytes(files[path])
    for path in before - set(files):
        with suppress(OSError):
            (out / path).unlink(missing_ok=True)
    return manifest


def _named(out: Path) -> set[str]:
    """The files of the unit that ``out`` holds, by its manifest; none when it has no manifest of ours."""
    try:
        found = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    if not isinstance(found, dict) or found.get("version") != UnitManifest.VERSION:
        return set()
    if not isinstance(found.get("files"), dict) or "policy" not in found:
        return set()
    # A manifest from elsewhere must not make us touch anything outside its folder.
    paths = {name: PurePosixPath(name) for name in found["files"]}
    inside = {name for name, path in paths.items() if not path.is_absolute() and ".." not in path.parts}
    return {MANIFEST, *(name for name in inside if (out / name).resolve().is_relative_to(out.resolve()))}


def _check_folder(out: Path, before: set[str], files: set[str], *, force: bool) -> None:
    if out.exists() and not out.is_dir():
        raise OfframpError(f"{out} is not a folder", hint="choose another place with -o")
    if force or not out.is_dir():
        return
    if not before and any(out.iterdir()):
        raise OfframpError(f"{out} is not empty, and holds no unit made before", hint="choose another folder with -o, or add --force")
    foreign = sorted(path for path in files - before if (out / path).exists())
    if foreign:
        raise OfframpError(f"{out / foreign[0]} is in the way, and was not made here", hint="choose another folder with -o, or add --force")


def of_netlist(netlist: Netlist, index: int) -> tuple[UnitSpec, bool]:
    """Exit ``index`` as the accelerator of ``netlist`` has it, and whether it is enabled; raises :class:`OfframpError` when there is no
    such exit."""
    check_exit(index, len(netlist.exits))
    item = netlist.exits[index]
    # A unit by itself takes the gate head's logit with its bias in it.
    params = {key: value for key, value in item.params.items() if key not in ("gate_acc_bits", "gate_bias", "gate_scale")}
    spec = UnitSpec(
        policy=item.policy, classes=item.classes, pe=item.pe, logit_bits=item.acc_bits, scale=item.scale, bias=item.bias,
        score=item.params.get("score", "softmax"), gate_bits=item.params.get("gate_bits", 16), run_bits=item.params.get("run_bits", 4),
        id_bits=item.params.get("id_bits", 16), made=(params, item.threshold),
        gate_scale=item.params.get("gate_scale"),
    )
    return spec, item.enabled


def check_exit(index: int, exits: int) -> None:
    """Raise :class:`OfframpError` unless there is an exit ``index``."""
    if not 0 <= index < exits:
        raise OfframpError(f"--exit must be from 0 to {exits - 1}, not {index}")
