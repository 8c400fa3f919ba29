"""The training of a user's own Brevitas network, by the same loop as all others (:mod:`quant_models.training.loop`)."""

import dataclasses
import hashlib
import inspect
import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from quant_models.bring.bare import BareLogits
from quant_models.datasets.digest import array_digest, data_digest
from quant_models.datasets.load import Dataset
from quant_models.errors import QuantModelError
from quant_models.files import atomic
from quant_models.networks.net import MIN_GAMMA
from quant_models.training.evaluate import images_of
from quant_models.training.loop import Kept, Store, fit
from quant_models.training.schemes import OWN, Scheme
from quant_models.training.settings import Progress, TrainSettings, told

__all__ = ["OwnNet", "OwnSpec", "kept_weights", "save_weights", "settle", "train_own"]

SETTLED = 32
"""Batches over which ranges that begin from statistics are found."""
BATCH = 64


@dataclass(frozen=True, kw_only=True)
class OwnSpec:
    """What is known of a network of the user's own: its name, the images that it takes, its classes, and how many exits it has."""

    name: str
    height: int
    width: int
    channels: int
    classes: int
    exits: int

    @property
    def gated(self) -> tuple[int, ...]:
        """The exits with gate heads: none."""
        return ()


class OwnNet(nn.Module):
    """``network``, which takes pixels times ``fed`` and gives exit k as output ``places[k]``, as a training takes it: ``forward`` takes
    pixel / 256 and gives logits by exit, as they are before a softmax at the end where ``bare``."""

    def __init__(self, network: nn.Module, spec: OwnSpec, *, fed: float, places: tuple[int, ...], bare: bool) -> None:
        super().__init__()
        self.network, self.spec = network, spec
        self.gain, self.places, self.bare = fed * 256, places, bare
        norms = [module for module in network.modules() if isinstance(module, _BatchNorm) and module.weight is not None]
        # A gamma that is negative to begin with is what the user's weights need; the reader turns those round where it can.
        self._rising = [(module, (module.weight.detach() >= 0).clone()) for module in norms]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Float logits ``[n, classes]`` by exit of images ``[n, channels, height, width]`` in 0 to 255/256."""
        with BareLogits() if self.bare else nullcontext():
            found = self.network(x if self.gain == 1 else x * self.gain)
        return tuple(found[place] for place in self.places)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """As ever; what stood in several places still does: Brevitas makes quantisers anew when it loads, one for each place, so that paths
        of a sum that shared a scale would part."""
        places: dict[int, list[str]] = {}
        for name, module in self.named_modules(remove_duplicate=False):
            places.setdefault(id(module), []).append(name)
        found = super().load_state_dict(*args, **kwargs)
        for first, *others in sorted(places.values(), key=lambda names: names[0].count(".")):
            for name in others:
                parent, _, last = name.rpartition(".")
                setattr(self.get_submodule(parent), last, self.get_submodule(first))
        return found

    def clamp(self) -> None:
        """Keep every batch norm's gamma positive that was not negative from the start, and do what the network's own ``clamp()`` does,
        where it has one; call it after each optimiser step.

        Behind a sum or before a pool a negative gamma could not be built.
        """
        with torch.no_grad():
            for module, rising in self._rising:
                weight, rising = module.weight, rising.to(module.weight.device)
                weight.copy_(torch.where(rising, weight.clamp(min=MIN_GAMMA), weight))
            own = getattr(self.network, "clamp", None)
            if inspect.ismethod(own):
                own()


def settle(model: OwnNet, images: np.ndarray, seed: int) -> bool:
    """Let all of Brevitas' ranges that begin from statistics have theirs, of training ``images`` (uint8 NHWC); False where there are none
    to be found.

    Brevitas collects them over hundreds of steps and does not say in a state dict how far it is: a training that was interrupted
    meanwhile would go on as another one.
    """
    pending: list[Any] = [module for module in model.modules()
                          if callable(getattr(module, "init_scale", None)) and module.counter <= module.collect_stats_steps]
    if not pending:
        return False
    training = model.training
    model.train()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        shown = np.random.default_rng(seed).permutation(len(images))[: SETTLED * BATCH]
        for start in range(0, len(shown), BATCH):
            # A batch norm cannot make anything of a single sample.
            if len(some := shown[start : start + BATCH]) > 1:
                model(images_of(images[some]).to(torch.float32) / 256)
    for module in pending:
        module.init_scale()
    model.train(training)
    return True


def train_own(
    model: OwnNet, data: Dataset, settings: TrainSettings, path: Path, progress: Callable[[Progress], None] | None = None, *,
    scheme: Scheme, unlabelled: np.ndarray | None = None,
) -> dict[str, Any]:
    """Train ``model`` (:func:`settle` has seen it) by ``scheme`` on the training part of ``data``, from the weights that it has, and write
    the state dict of the user's network to ``path`` (safetensors); ``model`` is then on the CPU, in evaluation mode.

    Interrupted runs, ``unlabelled``, what is returned and raised are as of :func:`quant_models.training.train.train`.
    """
    if not scheme.takes_own:
        raise QuantModelError(f"scheme {scheme.name} needs stages and heads, and a network of your own has logits alone")
    scheme.check(model.spec)
    if unlabelled is not None and not scheme.takes_unlabelled:
        raise QuantModelError(f"scheme {scheme.name} has no use for samples without labels")
    identity = {
        **told(settings, scheme), "data": data_digest(data), "start": _digest(model),
        **({} if unlabelled is None else {"unlabelled": array_digest(unlabelled)}),
    }
    _try(model, data, settings)
    partial = _Partial(path.with_name(path.name + ".partial"), model.spec)
    metrics = fit(model, data, settings, scheme, scheme.phases(model.spec, settings.epochs), partial, identity, progress, unlabelled)
    model.cpu().eval()
    save_weights(model.network, path)
    partial.path.unlink(missing_ok=True)
    return metrics


def _try(model: OwnNet, data: Dataset, settings: TrainSettings) -> None:
    """Raise :class:`QuantModelError` where not one step could be made: forward fails in training mode, or gives nothing to learn by."""
    if not any(value.requires_grad for value in model.parameters()):
        raise QuantModelError("it has no parameters to train; allowed: the network without training keys, which is taken as it is")
    images = images_of(data.x_train[: max(2, min(settings.batch, 8))]).to(torch.float32) / 256
    state = {key: value.clone() for key, value in model.state_dict().items()}
    model.train()
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            outputs = model(images)
    except Exception as error:
        told_as = " ".join(str(error).split())[:200]
        raise QuantModelError(f"its forward fails in training mode: {type(error).__name__}: {told_as}") from error
    finally:
        model.load_state_dict(state)
    for k, item in enumerate(outputs):
        if not item.requires_grad:
            raise QuantModelError(f"exit {k} has no gradient: forward must not detach it, or run under no_grad")


def save_weights(network: nn.Module, path: Path) -> None:
    """The state dict of ``network`` as a plain ``.safetensors`` file, written atomically."""
    # Copies: a module that stands in two places has its tensors there once, which safetensors refuses.
    whole = {key: value.detach().cpu().contiguous().clone() for key, value in network.state_dict().items()}
    with atomic(path) as temporary:
        temporary.write_bytes(save(whole))


def kept_weights(path: Path) -> dict[str, Tensor]:
    """The weights in an unfinished training that :func:`train_own` left at ``path``, by the names that the user's network has for them."""
    return {key.removeprefix(OWN): value for key, value in _read(path)[1].items() if key.startswith(OWN)}


def _digest(model: OwnNet) -> str:
    found = hashlib.sha256(json.dumps([model.gain, model.places]).encode())
    for key, value in sorted(model.state_dict().items()):
        found.update(key.encode())
        found.update(value.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Tensor]]:
    """Header, weights and the rest of an unfinished training."""
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})["offramp"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise QuantModelError(f"{path} is no unfinished training ({error}); remove it and train again") from error
    parts = ({key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
             for prefix in ("model.", "optimizer."))
    return header, next(parts), next(parts)


class _Partial(Store):
    """The unfinished training of a network of the user's own."""

    def __init__(self, path: Path, spec: OwnSpec) -> None:
        super().__init__(path)
        self.spec = dataclasses.asdict(spec)

    def read(self) -> Kept | None:
        if not self.path.is_file():
            return None
        header, model, optimizer = _read(self.path)
        return Kept(model=model, optimizer=optimizer, progress=header["progress"]) if header["own"] == self.spec else None

    def restore(self, model: OwnNet, weights: dict[str, Tensor]) -> None:
        model.load_state_dict(weights)

    def write(self, kept: Kept) -> None:
        tensors = {f"model.{key}": value for key, value in kept.model.items()}
        tensors |= {f"optimizer.{key}": value for key, value in kept.optimizer.items()}
        whole = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
        header = json.dumps({"own": self.spec, "progress": kept.progress}, sort_keys=True)
        with atomic(self.path) as temporary:
            temporary.write_bytes(save(whole, {"offramp": header}))
