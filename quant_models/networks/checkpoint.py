"""Checkpoints: safetensors with JSON metadata, whole or not there, never a pickle."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from quant_models.errors import QuantModelError
from quant_models.files import atomic
from quant_models.networks.net import MultiExitNet
from quant_models.networks.spec import NetSpec

__all__ = ["Checkpoint", "load_checkpoint", "load_model", "save_checkpoint"]

VERSION = 1
MEND = "remove it and train again, or name another"
OURS = "allowed: a checkpoint.safetensors that offramp train wrote"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Weights (``model``), what else an unfinished training goes on from (``optimizer``: its moments, the best weights so far; empty in a
    finished one) and ``progress`` (JSON data: epoch, settings, metrics) of ``spec``."""

    spec: NetSpec
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor] = field(default_factory=dict)
    progress: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint`` to ``path`` atomically: an interrupted write leaves the earlier file."""
    tensors = {f"model.{key}": value for key, value in checkpoint.model.items()}
    tensors |= {f"optimizer.{key}": value for key, value in checkpoint.optimizer.items()}
    # One key only: safetensors writes several in an order that changes from run to run.
    header = {"version": VERSION, "net": checkpoint.spec.to_json(), "digest": checkpoint.spec.digest(), "progress": checkpoint.progress}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary:
        whole = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
        temporary.write_bytes(save(whole, {"offramp": json.dumps(header, sort_keys=True)}))


def load_checkpoint(path: Path, spec: NetSpec | None = None) -> Checkpoint:
    """Read ``path``; with ``spec``, the checkpoint must be of that very network.

    Raises :class:`QuantModelError` with one line when the file is missing, corrupt, of another version or of another network.
    """
    if not path.is_file():
        raise QuantModelError(f"{path} does not exist; train first")
    try:
        with safe_open(path, framework="pt") as file:
            found = file.metadata() or {}
            if "offramp" not in found:
                raise QuantModelError(f"{path} holds tensors, but no checkpoint ([import] weights takes float weights); {OURS}")
            header = json.loads(found["offramp"])
            if not isinstance(header, dict) or not isinstance(header.get("progress", {}), dict):
                raise ValueError("its header is no table")
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise QuantModelError(f"{path} cannot be read as a checkpoint ({error}): it is damaged, or none; {OURS}") from error
    except QuantModelError:
        raise
    except (KeyError, ValueError, RecursionError) as error:
        raise QuantModelError(f"checkpoint {path} is corrupt ({error}); {MEND}") from error
    if header.get("version") != VERSION:
        raise QuantModelError(f"checkpoint {path} must have version {VERSION}, not {header.get('version')!r}; {MEND}")
    try:
        found = NetSpec.from_json(header["net"])
        digest, progress = header["digest"], header["progress"]
    except (KeyError, QuantModelError) as error:
        raise QuantModelError(f"checkpoint {path} is corrupt ({error}); {MEND}") from error
    if found.digest() != digest:
        raise QuantModelError(f"checkpoint {path} is corrupt (its description does not match its hash); {MEND}")
    if spec is not None and found != spec:
        raise QuantModelError(f"checkpoint {path} is of another network than the configuration ({_difference(found, spec)}); {MEND}")

    def part(prefix: str) -> dict[str, Tensor]:
        return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}

    return Checkpoint(spec=found, model=part("model."), optimizer=part("optimizer."), progress=progress)


def _difference(found: NetSpec, wanted: NetSpec) -> str:
    def walk(a: Any, b: Any, where: str) -> str | None:
        if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
            return next((text for key in a if (text := walk(a[key], b[key], f"{where}.{key}"))), None)
        if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            return next((text for i, (x, y) in enumerate(zip(a, b, strict=True)) if (text := walk(x, y, f"{where}[{i}]"))), None)
        return None if a == b else f"{where[1:]} is {json.dumps(a)} in the checkpoint, {json.dumps(b)} in the configuration"

    return walk(json.loads(found.to_json()), json.loads(wanted.to_json()), "") or "unknown difference"


def restore(model: MultiExitNet, weights: dict[str, Tensor], path: Path) -> None:
    """Put ``weights`` into ``model``; raises :class:`QuantModelError` when one is missing, left over or of another shape."""
    expected = model.state_dict()
    for key in sorted(expected.keys() | weights.keys()):
        if key not in expected or key not in weights:
            raise QuantModelError(f"checkpoint {path} is corrupt ({'lacks' if key in expected else 'has unknown'} {key}); {MEND}")
        wanted, found = list(expected[key].shape), list(weights[key].shape)
        if wanted != found:
            raise QuantModelError(f"checkpoint {path} is corrupt ({key} must be {wanted}, not {found}); {MEND}")
    model.load_state_dict(weights)


def load_model(path: Path, spec: NetSpec | None = None) -> MultiExitNet:
    """The network of a checkpoint, in evaluation mode; errors as :func:`load_checkpoint`."""
    checkpoint = load_checkpoint(path, spec)
    model = MultiExitNet(checkpoint.spec)
    restore(model, checkpoint.model, path)
    model.eval()
    return model
