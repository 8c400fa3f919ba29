"""A network's quantisers, found by running it, and switched off one by one.

One that is off passes its values on as they are, with its scale and bit width, so that all behind it works as before. With all of them
off a network is its own float twin: the same weights and non-linearities, nothing rounded. That is so for any network of Brevitas modules.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

__all__ = ["Quantised", "Seen", "Unit"]

ACTS = ("input_quant", "act_quant", "output_quant")


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A layer with its activation, or one of the two alone: its ``name``, its ``kind`` ("conv", "linear", "activation"), and the names of
    its quantisers, of the ``weight`` and of the ``output`` (None: it has none); ``module`` is the layer, else the activation."""

    name: str
    kind: str
    module: Any
    weight: str | None
    output: str | None

    @property
    def quantisers(self) -> tuple[str, ...]:
        """Both, as far as there are."""
        return tuple(name for name in (self.weight, self.output) if name is not None)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a quantiser did once: of ``x`` it made ``quantised``, integers of ``bits`` times ``scale`` less ``zero``, and ``gave`` that, or
    x where it was off. Where there is no quantiser (logits) all three are the layer's output, and the others None."""

    x: Tensor
    quantised: Tensor
    gave: Tensor
    scale: Tensor | None = None
    zero: Tensor | None = None
    bits: Tensor | None = None


class Quantised:
    """The quantisers of ``network``, which ``forward`` runs on an image or more; ``named`` says what a unit is called whose module is at
    a path in the network.

    ``units`` are in the order in which they ran. An activation belongs to the layer before it unless another activation ran between them;
    one that runs several times, to where it ran first.
    """

    def __init__(self, network: nn.Module, forward: Callable[[], object], named: Callable[[str], str] = str) -> None:
        self._modules: dict[str, nn.Module] = {}
        self._biases: dict[str, nn.Module] = {}
        self._clips: dict[str, nn.Module] = {}
        self._signed: dict[str, bool] = {}
        self._narrow: dict[str, bool] = {}
        for path, module in network.named_modules():
            self._find(path, module)
        calls: list[str] = []
        with ExitStack() as stack:
            for name, module in self._modules.items():
                stack.callback(module.register_forward_hook(lambda *_, name=name: calls.append(name)).remove)
            forward()
        self.units = tuple(_units(calls, dict(network.named_modules()), named))

    def _find(self, path: str, module: Any) -> None:
        weight = getattr(getattr(module, "weight_quant", None), "tensor_quant", None)
        if weight is not None and getattr(module, "weight", None) is not None:
            self._keep(f"{path}:weight", weight, module.weight_quant)
            bias = getattr(getattr(module, "bias_quant", None), "tensor_quant", None)
            if bias is not None:
                self._biases[f"{path}:weight"] = bias
        for key in ACTS:
            proxy: Any = getattr(module, key, None)
            found = getattr(getattr(proxy, "fused_activation_quant_proxy", None), "tensor_quant", None)
            if found is not None:
                self._keep(f"{path}:{key}", found, proxy)
                clip = getattr(proxy.quant_injector, "act_impl", None) if "act_impl" in proxy.quant_injector else None
                if isinstance(clip, nn.Hardtanh):
                    # Brevitas leaves it out where the quantiser clips as well.
                    self._clips[f"{path}:{key}"] = clip

    def _keep(self, name: str, quantiser: nn.Module, proxy: Any) -> None:
        self._modules[name] = quantiser
        self._signed[name], self._narrow[name] = bool(proxy.is_signed), bool(proxy.is_narrow_range)

    @property
    def names(self) -> tuple[str, ...]:
        """The quantisers of all units."""
        return tuple(name for unit in self.units for name in unit.quantisers)

    @contextmanager
    def switched(self, on: Collection[str], seen: dict[str, list[Seen]] | None = None) -> Iterator[None]:
        """Meanwhile only the quantisers ``on`` round; a layer's bias is rounded as its weights are. What each unit gives is added to
        ``seen``, by the unit's name."""
        outputs = {unit.output: unit.name for unit in self.units if unit.output is not None}
        with ExitStack() as stack:
            for name, module in self._modules.items():
                told = None if seen is None or name not in outputs else seen.setdefault(outputs[name], [])
                stack.callback(module.register_forward_hook(self._hook(name, name in on, told)).remove)
            for name, module in self._biases.items():
                stack.callback(module.register_forward_hook(self._hook(name, name in on, None)).remove)
            for unit in self.units:
                if unit.output is None and seen is not None:
                    stack.callback(unit.module.register_forward_hook(_plain(seen.setdefault(unit.name, []))).remove)
            yield

    def _hook(self, name: str, on: bool, told: list[Seen] | None) -> Callable[[Any, Any, Any], Any]:
        clip = self._clips.get(name)

        def hook(module: nn.Module, args: Sequence[Tensor], out: Sequence[Tensor]) -> tuple[Tensor, ...]:
            x = args[0] if clip is None else clip(args[0])
            gave = out[0] if on else x
            if told is not None:
                told.append(Seen(x=x, quantised=out[0], gave=gave, scale=out[1], zero=out[2], bits=out[3]))
            return (gave, *out[1:])

        return hook

    def weights(self, unit: Unit) -> Seen:
        """What becomes of the weights of a ``unit`` that has some."""
        assert unit.weight is not None
        x = unit.module.weight.detach()
        out = self._modules[unit.weight](x)
        return Seen(x=x, quantised=out[0].detach(), gave=out[0].detach(), scale=out[1].detach(), zero=out[2].detach(), bits=out[3].detach())

    def ends(self, name: str, seen: Seen) -> tuple[Tensor, Tensor]:
        """The least and the greatest value that the quantiser ``name`` can give, as it was ``seen``; of the shape of its scale."""
        assert seen.scale is not None
        assert seen.zero is not None
        low, high = self.limits(name, seen)
        return (low - seen.zero) * seen.scale, (high - seen.zero) * seen.scale

    def limits(self, name: str, seen: Seen) -> tuple[int, int]:
        """Its least and its greatest integer; of 1 bit -1 and 1."""
        assert seen.bits is not None
        bits, signed = int(seen.bits), self._signed[name]
        if bits == 1 and signed:
            return -1, 1
        narrow = self._narrow[name]
        return (-(1 << (bits - 1)) + narrow, (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1 - narrow)

    def signed(self, name: str) -> bool:
        """Whether the integers of the quantiser ``name`` have a sign."""
        return self._signed[name]


def _plain(told: list[Seen]) -> Callable[[Any, Any, Any], None]:
    def hook(module: nn.Module, args: Any, out: Any) -> None:
        value = getattr(out, "value", out)
        told.append(Seen(x=value, quantised=value, gave=value))

    return hook


def _units(calls: Sequence[str], modules: Mapping[str, Any], named: Callable[[str], str]) -> Iterator[Unit]:
    """Units from the quantisers in the order in which they were called."""
    pairs: list[list[str | None]] = []
    known: set[str] = set()
    opened = False
    for name in calls:
        weight, again = name.endswith(":weight"), name in known
        known.add(name)
        if weight and not again:
            pairs.append([name, None])
        elif not weight and not again:
            if opened:
                pairs[-1][1] = name
            else:
                pairs.append([None, name])
        opened = weight and not again
    for weights, output in pairs:
        path = (weights or output or "").rpartition(":")[0]
        module = modules[path]
        kind = "activation" if weights is None else "linear" if module.weight.dim() == 2 else "conv"
        yield Unit(name=named(path), kind=kind, module=module, weight=weights, output=output)
