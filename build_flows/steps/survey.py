"""What a network of the user's own is, and what of it can be built, found before there is a project: for ``offramp init --from``."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from build_flows.artefacts.own_layers import OwnLayer, OwnNetwork, write_golden
from build_flows.base.errors import OfframpError
from build_flows.base.ui import Ui

if TYPE_CHECKING:
    from build_flows.project.own_template import Source

__all__ = ["FoundExit", "Survey", "buildable", "survey"]

Shape = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class FoundExit:
    """One exit: the user's ``output`` (its name, or its place in a tuple), and in words where it leaves the trunk (None: not known, as
    the graph was not read)."""

    output: str
    leaves: str | None


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What was found: images of ``shape`` (height, width, channels), ``classes``, ``exits`` in exit order; the ``network`` in integers, or
    the one-line ``refusal`` that says why there is none; ``notes``, lines on what is taken otherwise than it was given."""

    shape: Shape
    classes: int
    exits: tuple[FoundExit, ...]
    network: OwnNetwork | None
    refusal: str | None
    notes: tuple[str, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Every layer: ``part`` ("stage0", "head1"), ``name``, ``kind``, the user's ``node``, ``shape`` of what it gives, ``weight_bits``
        and ``bits`` (None: it has none) of what it gives, ``signed``."""
        if self.network is None:
            return []
        return [
            {"part": f"{part}{k}", "name": layer.name, "kind": layer.kind, "node": layer.node, "shape": list(layer.out_shape),
             "weight_bits": layer.weight_bits or None, "bits": layer.out_bits or None, "signed": layer.out_signed}
            for k, pair in enumerate(zip(self.network.stages, self.network.heads, strict=True))
            for part, layers in zip(("stage", "head"), pair, strict=True) for layer in layers
        ]


def survey(source: "Source", shape: Shape | None) -> Survey:
    """The network of ``source``; ``shape`` is that of the images, which a factory's module does not tell (a file's goes before it).

    Raises :class:`OfframpError` for what is no network at all: no QONNX, no such function, a module that does not run on such images.
    """
    with tempfile.TemporaryDirectory(prefix="offramp-") as folder:
        if source.qonnx is not None:
            return _of_file(source.qonnx)
        assert source.factory is not None
        if shape is None:
            raise OfframpError(f"--from {source.factory}: a module does not say what images it takes",
                               hint="--shape HEIGHTxWIDTHxCHANNELS says so, or --data FILE.npz")
        return _of_factory(source, shape, Path(folder))


def buildable(text: str, file: Path, found: Survey, ui: Ui) -> str | None:
    """Why the network that was found cannot be built as the configuration ``text``, to be ``file``, wants; None when all of it can. Warns
    where by the estimate nothing fits the part."""
    from build_flows.planning.read_network import read_network
    from build_flows.project.load import Project, parse
    from build_flows.steps.ahead import refuse_unbuildable

    if found.network is None:
        return found.refusal
    output = file.parent.resolve() / "build"
    project = Project(config=parse(text, str(file)), file=file, output=output, data=None, folding=None)
    with tempfile.TemporaryDirectory(prefix="offramp-") as folder:
        golden = Path(folder) / "golden.npz"
        write_golden(found.network, project.name, golden)
        try:
            refuse_unbuildable(project, read_network(golden), ui)
        except OfframpError as error:
            return error.message
    return None


def _of_file(path: Path) -> Survey:
    from build_flows.finn_bridge.errors import CompileError
    from build_flows.finn_bridge.outline import outline
    from build_flows.finn_bridge.read_qonnx import read_qonnx

    try:
        told = outline(path)
    except CompileError as error:
        raise OfframpError(f"--from {path}: {error}") from error
    try:
        network = read_qonnx(path)
    except CompileError as error:
        exits = tuple(FoundExit(output=name, leaves=None) for name in told.outputs)
        return Survey(shape=told.shape, classes=told.classes, exits=exits, network=None, refusal=str(error), notes=())
    return _read(network, told.named)


def _of_factory(source: "Source", shape: Shape, folder: Path) -> Survey:
    import torch

    from build_flows.finn_bridge.errors import CompileError
    from build_flows.finn_bridge.read_qonnx import read_qonnx
    from quant_models.bring.bare import BareLogits
    from quant_models.bring.modules import importable
    from quant_models.bring.own import export_own, load_weights, make_network, run_network
    from quant_models.errors import QuantModelError

    height, width, channels = shape
    assert source.factory is not None
    with importable(source.modules or Path.cwd()):
        try:
            module = make_network(source.factory)
            if source.weights is not None:
                load_weights(module, source.weights)
            with BareLogits():
                logits = run_network(module, torch.zeros(1, channels, height, width))
        except QuantModelError as error:
            raise OfframpError(f"--from {source.factory}: {error}") from error
        outputs = [str(k) for k in range(len(logits))]
        exported = folder / "exported.onnx"
        try:
            export_own(module, shape, exported)
            return _read(read_qonnx(exported), outputs)
        except (QuantModelError, CompileError) as error:
            exits = tuple(FoundExit(output=name, leaves=None) for name in outputs)
            return Survey(shape=shape, classes=logits[0].shape[1], exits=exits, network=None, refusal=str(error), notes=())


def _read(network: OwnNetwork, outputs: Sequence[str]) -> Survey:
    """The survey of a ``network`` that was read; ``outputs`` are what the user calls its outputs."""
    exits, at = [], "the images"
    for k, place in enumerate(network.places):
        if network.stages[k]:
            at = _told(network.stages[k][-1])
        exits.append(FoundExit(output=outputs[place], leaves=at))
    return Survey(shape=network.shape, classes=network.classes, exits=tuple(exits), network=network, refusal=None, notes=network.notes)


def _told(layer: OwnLayer) -> str:
    shape, sign = "x".join(map(str, layer.out_shape)), "signed " if layer.out_signed else ""
    return f"what {layer.name} gives ({layer.node}), {shape} of {sign}{layer.out_bits} bits"
