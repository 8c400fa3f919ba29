"""A user's own Brevitas network: made by a function of theirs, checked, exported as QONNX, and run in float.

The function is the user's code, and is run: nothing here protects from what it does.
"""

import importlib
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from brevitas.export import export_qonnx as brevitas_export
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from quant_models.bring.bare import BareLogits
from quant_models.errors import QuantModelError
from quant_models.files import atomic
from quant_models.integers.view import frozen
from quant_models.training.evaluate import images_of

__all__ = ["export_own", "float_logits", "load_weights", "make_network", "run_network"]


def make_network(factory: str) -> nn.Module:
    """What ``module:function`` returns, in evaluation mode on the CPU; raises :class:`QuantModelError` when it is no network.

    Modules must be :func:`quant_models.bring.modules.importable` meanwhile.
    """
    module, _, function = factory.partition(":")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise QuantModelError(f"there is no module {error.name}" + ("" if error.name == module else f", which {module} needs")) from error
    except Exception as error:
        raise QuantModelError(f"importing {module} fails: {_told(error)}") from error
    make: Any = getattr(found, function, None)
    if make is None:
        raise QuantModelError(f"module {module} has no {function}")
    if not callable(make):
        raise QuantModelError(f"{function} must be a function without parameters that returns a network, not {type(make).__name__}")
    try:
        network = make()
    except Exception as error:
        raise QuantModelError(f"{function}() fails: {_told(error)}") from error
    if not isinstance(network, nn.Module):
        raise QuantModelError(f"{function}() must return a torch.nn.Module, not {type(network).__name__}")
    return network.cpu().eval()


def load_weights(network: nn.Module, path: Path) -> None:
    """Put the state dict in ``path`` (safetensors, or what ``torch.save`` wrote, read without pickled code) into ``network``.

    Raises :class:`QuantModelError` naming the tensor that is missing, left over or of another shape.
    """
    try:
        weights: Any = load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError) as error:
        raise QuantModelError(f"{path.name} cannot be read as weights ({_told(error)})") from error
    except Exception as error:  # torch.load raises pickle's own errors, too
        raise QuantModelError(f"{path.name} cannot be read as weights ({_told(error)})") from error
    if not isinstance(weights, dict) or not all(isinstance(item, Tensor) for item in weights.values()):
        raise QuantModelError(f"{path.name} must hold a state dict, a tensor by each name")
    for key, tensor in sorted(network.state_dict().items()):
        if key in weights and weights[key].shape != tensor.shape:
            wanted, found = list(tensor.shape), list(weights[key].shape)
            raise QuantModelError(f"{path.name}: tensor {key} must be {wanted} as in the network, not {found}")
    # Brevitas has tensors that appear with the first statistics: what is missing is for the modules themselves to say.
    found = network.load_state_dict(weights, strict=False)
    for keys, told in ((found.missing_keys, "lacks"), (found.unexpected_keys, "has an unknown")):
        if keys:
            raise QuantModelError(f"{path.name} {told} tensor {min(keys)}")


def run_network(network: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
    """Float logits ``[n, classes]``, one tensor an exit, of float ``images`` ``[n, channels, height, width]``.

    Raises :class:`QuantModelError` when ``forward`` fails or gives something else.
    """
    try:
        with frozen(network):
            found = network(images)
    except Exception as error:
        raise QuantModelError(f"its forward fails on images {list(images.shape)}: {_told(error)}") from error
    if not isinstance(found, tuple | list) or hasattr(found, "value"):
        raise QuantModelError(f"its forward must return a tuple of logits, a tensor for each exit, not {type(found).__name__}")
    for k, item in enumerate(found):
        if not isinstance(item, Tensor) or not item.is_floating_point():
            raise QuantModelError(f"exit {k} must be a float tensor, not {type(item).__name__} (return_quant_tensor=False)")
        if item.dim() != 2 or len(item) != len(images):
            raise QuantModelError(f"exit {k} must be [{len(images)}, classes], not {list(item.shape)}")
    return tuple(found)


def export_own(network: nn.Module, shape: tuple[int, int, int], path: Path) -> None:
    """Write ``network`` as QONNX for images of ``shape`` (height, width, channels), atomically: input ``image``, outputs ``exit0``, ...,
    with a softmax or argmax where it has one.

    Raises :class:`QuantModelError` when it does not run on such images or cannot be exported.
    """
    height, width, channels = shape
    image = torch.zeros(1, channels, height, width)
    with BareLogits():
        names = [f"exit{k}" for k in range(len(run_network(network, image)))]
    with frozen(network), atomic(path) as temporary:
        try:
            brevitas_export(network, args=image, export_path=str(temporary), dynamo=False, input_names=["image"], output_names=names)
        except Exception as error:
            raise QuantModelError(f"Brevitas cannot export it: {_told(error)}") from error


def float_logits(
    network: nn.Module, images: np.ndarray, scale: float, *, bare: bool = False, batch: int = 256
) -> tuple[np.ndarray, ...]:
    """Float logits ``[n, classes]`` by output, as float64, of uint8 ``images`` ``[n, height, width, channels]`` whose pixels are worth
    ``scale``; ``bare``: as they are before a softmax, argmax or top-k at the end of the network."""
    parts = []
    for start in range(0, len(images), batch):
        some = images_of(images[start : start + batch]).to(torch.float32) * scale
        with BareLogits() if bare else nullcontext():
            parts.append([item.double().numpy() for item in run_network(network, some)])
    return tuple(np.concatenate(rows) for rows in zip(*parts, strict=True))


def _told(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
