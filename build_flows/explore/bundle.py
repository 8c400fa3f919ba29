"""A design as bytes, for a worker that has none of our disks."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import tomli_w

from build_flows.base.parts import BOARDS
from build_flows.explore.verify import Bundle
from build_flows.project.load import load
from build_flows.steps.data import data_inputs
from quant_models.files import atomic

__all__ = ["DATA", "data_files", "packed", "unpacked"]

DATA, OTHERS, CONFIG = "data", "files", "design/config.toml"


def data_files(config: Path, data: Path | None) -> dict[str, bytes]:
    """The data set of the configuration ``config``, a file or a folder with all that lies in it, by names below :data:`DATA`; ``data`` goes
    before its ``data.path``. Nothing where it comes with a library."""
    place = data_inputs(load(config, data)).get("data")
    if place is None:
        return {}
    if place.is_file():
        return {f"{DATA}/{place.name}": place.read_bytes()}
    found = [file for file in sorted(place.rglob("*")) if file.is_file()]
    return {f"{DATA}/{place.name}/{file.relative_to(place).as_posix()}": file.read_bytes() for file in found}


def packed(config: Path, shared: Mapping[str, bytes], data: Path | None) -> Bundle:
    """The design of the configuration at ``config``, which takes its weights from a checkpoint, or from a QONNX file; its data set, that of
    :func:`data_files` with the same ``data``, is what is ``shared``."""
    project = load(config, data)
    values = tomllib.loads(config.read_text(encoding="utf-8"))
    files: dict[str, bytes] = {}
    board = project.config.target.board
    places = {("train", "checkpoint"): project.checkpoint, ("model", "qonnx"): project.qonnx,
              ("target", "board"): None if board in BOARDS else config.parent / board}
    for (section, key), place in places.items():
        if place is not None:
            files[f"{OTHERS}/{place.name}"] = place.read_bytes()
            values[section][key] = f"../{OTHERS}/{place.name}"
    if shared:
        values["data"]["path"] = "../" + "/".join(next(iter(shared)).split("/")[:2])
    files[CONFIG] = tomli_w.dumps(values).encode()
    return Bundle(files=files, config=CONFIG)


def unpacked(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put what a worker sent back into ``folder``, each file whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        with atomic(folder / name) as temporary:
            temporary.write_bytes(content)
