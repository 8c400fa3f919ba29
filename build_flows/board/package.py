"""What goes onto the board, as one folder with checksums, or as one archive of it (docs/interfaces.md, Package)."""

import gzip
import hashlib
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from build_flows.artefacts.manifest import ManifestFile, ScaleRecord
from build_flows.base.errors import OfframpError
from build_flows.base.files import atomic_path, hash_path, move_into_place, write_text
from build_flows.board.design import file_name
from build_flows.board.manifest import manifest
from build_flows.board.pair import check_pair
from build_flows.board.platforms import BoardPlatform
from hw.netlist import Netlist
from sim import golden
from sim.result_word import saturate

__all__ = ["SAMPLES", "SUMS", "Samples", "golden_samples", "write_archive", "write_package"]

SUMS = "SHA256SUMS"
"""The file in a package with the checksums of all others, as ``sha256sum -c`` reads it."""

SAMPLES = 100
"""Test images in a package, when there are as many."""

_HERE = Path(__file__).parent
__sources__ = ("payload", "../../offramp_driver")
_DRIVER = _HERE.parent.parent / "offramp_driver"
_PAYLOAD = _HERE / "payload"

Values = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Test images and what must come out.

    ``images`` are ``[n, height, width, channels]``, uint8, or int8 where the network takes signed values; ``labels`` is what they show, and
    ``expected_label``, ``expected_exit`` and ``expected_confidence`` are the golden model's results, int64 ``[n]``.
    """

    images: npt.NDArray[np.uint8] | npt.NDArray[np.int8]
    labels: Values
    expected_label: Values
    expected_exit: Values
    expected_confidence: Values

    def write(self, path: Path) -> None:
        """As ``samples.npz``, uncompressed and without pickles: the same samples give the same bytes."""
        arrays: dict[str, Any] = {name: np.ascontiguousarray(value) for name, value in vars(self).items()}
        with atomic_path(path) as temporary:
            np.savez(temporary, allow_pickle=False, **arrays)


def golden_samples(
    *, netlist: Netlist, golden_file: Path, exits: Path, images: npt.NDArray[np.uint8], labels: npt.ArrayLike, count: int = SAMPLES
) -> Samples:
    """The first ``count`` of ``images`` (all when there are fewer), with the results of the golden model in ``golden_file`` and the
    thresholds in ``exits`` (exits.json), confidences saturated as in the result word of ``netlist``."""
    chosen: npt.NDArray[Any] = images[:count].view(np.int8 if netlist.input.signed else np.uint8)
    known = np.asarray(labels, np.int64)[:count]
    wanted = golden.decide_images(golden.load(golden_file), golden.load_exits(exits), chosen)
    confidence = next(item for item in netlist.result.fields if item.name == "confidence")
    return Samples(images=chosen, labels=known, expected_label=wanted.label,
                   expected_exit=wanted.exit, expected_confidence=saturate(wanted.confidence, confidence))


def write_package(folder: Path, *, netlist: Netlist, board: BoardPlatform, bit: Path, samples: Samples, hwh: Path | None = None,
                  scale: ScaleRecord | None = None) -> ManifestFile:
    """Make ``folder`` the package of ``netlist`` for ``board``, replacing what is there, and give its manifest.

    ``bit`` and ``hwh`` (None: there is none; the driver needs none) may have any names; they are checked against the netlist first, and
    nothing is written when they are not its own (:func:`build_flows.board.pair.check_pair` tells what that raises). ``scale`` is how
    sensor windows become integers. The same inputs give the same bytes, wherever the folder lies.
    Raises :class:`OfframpError` when samples are not of the network's input.
    """
    shape = (netlist.input.height, netlist.input.width, netlist.input.channels)
    if samples.images.shape[1:] != shape or not len(samples.images):
        raise OfframpError(f"samples must be at least one image of {shape}, not an array of {samples.images.shape}")
    check_pair(bit, hwh, netlist, board)
    work = folder.with_name(f".{folder.name}.new")
    if work.exists():
        shutil.rmtree(work)
    work.mkdir(parents=True)
    try:
        found = _fill(work, netlist, board, {"bit": bit, **({} if hwh is None else {"hwh": hwh})}, samples, scale)
        move_into_place(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return found


def write_archive(folder: Path, name: str, target: Path) -> None:
    """The package in ``folder`` as the .tar.gz file ``target``, everything under ``name``; the same package gives the same bytes."""
    with atomic_path(target) as temporary, temporary.open("wb") as raw, \
            gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed, \
            tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in (folder, *sorted(folder.rglob("*"))):
            entry = archive.gettarinfo(path, f"{name}/{path.relative_to(folder).as_posix()}".removesuffix("/."))
            entry.uid = entry.gid = entry.mtime = 0
            entry.uname = entry.gname = "root"
            entry.mode = 0o755 if path.is_dir() else 0o644
            if path.is_dir():
                archive.addfile(entry)
            else:
                with path.open("rb") as file:
                    archive.addfile(entry, file)


def _fill(work: Path, netlist: Netlist, board: BoardPlatform, built: Mapping[str, Path], samples: Samples,
          scale: ScaleRecord | None) -> ManifestFile:
    name = file_name(netlist)
    hardware = {f"{name}.{ending}": path for ending, path in built.items()}
    copies = {**hardware, f"{name}.ipynb": _PAYLOAD / "notebook.ipynb"}
    copies |= {script: _PAYLOAD / script for script in ("selftest.py", "benchmark.py")}
    copies |= {f"offramp_driver/{path.name}": path for path in sorted(_DRIVER.glob("*.py"))}
    for target, source in copies.items():
        (work / target).parent.mkdir(exist_ok=True)
        shutil.copyfile(source, work / target)
    found = manifest(netlist, board, {file: hash_path(work / file) for file in hardware}, scale)
    found.save(work / f"{name}.json")
    samples.write(work / "samples.npz")
    write_text(work / "README.md", _readme(name, found, len(samples.images)))
    write_text(work / SUMS, _sums(work))
    return found


def _readme(name: str, found: ManifestFile, samples: int) -> str:
    import jinja2

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    template = environment.from_string((_PAYLOAD / "README.md.j2").read_text(encoding="utf-8"))
    return template.render(name=name, manifest=found, samples=samples)


def _sums(folder: Path) -> str:
    """The checksums of all files in ``folder``, sorted by name, as ``sha256sum`` writes them."""
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return "".join(f"{hashlib.sha256((folder / file).read_bytes()).hexdigest()}  {file}\n" for file in files)
