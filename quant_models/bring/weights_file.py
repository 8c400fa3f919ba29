"""The tensors of a float PyTorch network out of a state dict's file: ``.safetensors``, ``.pt`` or ``.pth``. Never a pickle's code."""

import math
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from quant_models.errors import QuantModelError

__all__ = ["WeightsFile", "read_weights"]

INSIDE = ("state_dict", "model_state_dict", "model")
"""Where checkpoints of training programs hold the state dict."""

_NUMBER = re.compile(r"(\d+)")


@dataclass(frozen=True)
class WeightsFile:
    """``tensors`` by name, floats as float32, of the file ``path``. ``ordered``: in the order in which the network defines them; else (a
    ``.safetensors`` file does not keep it) by name, numbers within names counted."""

    path: Path
    tensors: Mapping[str, Tensor]
    ordered: bool


def read_weights(path: Path) -> WeightsFile:
    """The state dict in ``path``.

    Raises :class:`QuantModelError` with one line when the file cannot be read, holds anything but tensors, or holds a number that is none;
    the message names the tensor.
    """
    if path.suffix not in (".safetensors", ".pt", ".pth"):
        raise QuantModelError(f"weights {path} must be a .safetensors, .pt or .pth file")
    if not path.is_file():
        raise QuantModelError(f"weights {path} does not exist")
    found = _safetensors(path) if path.suffix == ".safetensors" else _state_dict(path)
    if not found:
        raise QuantModelError(f"weights {path} holds no tensors")
    for key, value in found.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise QuantModelError(f"weights {path}: tensor {key} holds {_bad(value)}, which is no number")
    return WeightsFile(path, found, path.suffix != ".safetensors")


def _bad(value: Tensor) -> float:
    wrong = value[~torch.isfinite(value)]
    number = float(wrong[0])
    return math.nan if math.isnan(number) else number


def _plain(value: Tensor) -> Tensor:
    return value.detach().to(torch.float32) if value.is_floating_point() else value.detach()


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            if "offramp" in (file.metadata() or {}):
                raise QuantModelError(f"weights {path} is a checkpoint of a quantised network; train.start or train.checkpoint takes it")
            names = sorted(file.keys(), key=_natural)
            return {key: _plain(file.get_tensor(key)) for key in names}
    except (SafetensorError, OSError) as error:
        raise QuantModelError(f"weights {path} cannot be read as safetensors ({error})") from error


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _NUMBER.split(name)]


def _state_dict(path: Path) -> dict[str, Tensor]:
    try:
        raw: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        # What a look-up misses tells nobody anything.
        told = "" if isinstance(error, KeyError | IndexError) else str(error).strip()
        reason = told.splitlines()[0] if told else "not a file of torch.save"
        raise QuantModelError(
            f"weights {path} cannot be read as a state dict of tensors ({reason}); torch.save(model.state_dict(), ...) writes one"
        ) from error
    if isinstance(raw, Mapping):
        raw = next((raw[key] for key in INSIDE if isinstance(raw.get(key), Mapping)), raw)
    if not isinstance(raw, Mapping):
        raise QuantModelError(f"weights {path} must hold a state dict, not {type(raw).__name__}")
    for key, value in raw.items():
        if not isinstance(value, Tensor):
            raise QuantModelError(f"weights {path}: {key} must be a tensor, not {type(value).__name__}")
    return {str(key): _plain(value) for key, value in raw.items()}
