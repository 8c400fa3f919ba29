"""Which tensors of a float network's state dict are which layer's: by a mapping, by equal names, else by order and shapes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from quant_models.bring.weights_file import WeightsFile
from quant_models.errors import QuantModelError
from quant_models.networks.spec import Conv, Linear, NetSpec, Unit, both, trace

__all__ = ["Match", "match"]

NORM = ".norm"


@dataclass(frozen=True)
class Match:
    """Where the tensors of a layer ``unit`` are: the modules ``linear`` (its ``weight`` and, if it has one, ``bias``) and ``norm`` (its
    batch norm; None: it has none)."""

    unit: Unit
    linear: str
    norm: str | None

    def __str__(self) -> str:
        return f"{self.unit.name} = {self.linear or '(root)'}{'' if self.norm is None else f' and {self.norm}'}"


def match(spec: NetSpec, file: WeightsFile, mapping: Mapping[str, str] | None = None) -> tuple[list[Match], list[str]]:
    """A :class:`Match` for every convolution and linear layer of ``spec``, in order of computation, and lines on what was guessed.

    ``mapping`` gives modules of the file for layers of ``spec`` (names of :func:`quant_models.networks.spec.trace`): the convolution or
    linear layer itself, or one that holds it and its batch norm; ``<layer>.norm`` gives the batch norm where it lies elsewhere. A layer
    that is not in it takes the module of its own name; if there is none, layers whose weights have one shape take the modules of that shape
    in their order. Raises :class:`QuantModelError` that names the tensor or layer that does not fit.
    """
    return _Matching(spec, file, dict(mapping or {})).run()


class _Matching:
    def __init__(self, spec: NetSpec, file: WeightsFile, mapping: dict[str, str]) -> None:
        self.file = file
        self.mapping = mapping
        self.units = [unit for _, _, unit in trace(spec) if isinstance(unit.layer, Conv | Linear)]
        self.modules: dict[str, dict[str, Tensor]] = {}
        for key, value in file.tensors.items():
            module, _, leaf = key.rpartition(".")
            self.modules.setdefault(module, {})[leaf] = value
        self.norms = [name for name, held in self.modules.items() if "running_mean" in held or "running_var" in held]
        self.linears = [name for name, held in self.modules.items() if name not in self.norms and "weight" in held]
        self.taken: dict[str, str] = {}
        self.places: dict[str, str] = {}
        self.norm_of: dict[str, str] = {}
        self.notes: list[str] = []

    def fail(self, text: str) -> QuantModelError:
        return QuantModelError(f"weights {self.file.path}: {text}")

    def run(self) -> tuple[list[Match], list[str]]:
        self._check()
        by_name = all([self._named(unit) for unit in self.units])
        if not by_name:
            self._by_shape()
        self._place_norms()
        used = {*self.taken.values(), *self.norm_of.values()}
        left = [name for name in (*self.linears, *self.norms) if name not in used]
        if left and not by_name:
            told = ", ".join(map(self._told, left))
            raise self.fail(f"fits no layer of the network: {told}; a mapping of every layer leaves it out")
        if left:
            self.notes.append(f"not used: {', '.join(left)}")
        return [Match(unit, self.taken[unit.name], self.norm_of.get(unit.name)) for unit in self.units], self.notes

    def _check(self) -> None:
        known = [unit.name for unit in self.units]
        for key in self.mapping:
            if key not in known and not (key.endswith(NORM) and key.removesuffix(NORM) in known):
                raise self.fail(f"mapping has no layer {key!r}; those are {', '.join(known)}, and a layer's batch norm is <layer>{NORM}")
        for name, held in self.modules.items():
            for leaf, value in held.items():
                dims = {"weight": (1,) if name in self.norms else (2, 3, 4), "bias": (1,), "running_mean": (1,), "running_var": (1,)}
                if leaf != "num_batches_tracked" and value.dim() not in dims.get(leaf, ()):
                    key = f"{name}.{leaf}" if name else leaf
                    raise self.fail(f"tensor {key} {list(value.shape)} is none of a convolution, linear layer or batch norm")
            if "weight" not in held and name not in self.norms:
                raise self.fail(f"module {name} has {', '.join(held)} but no weight")
            if name in self.norms and not {"running_mean", "running_var"} <= held.keys():
                raise self.fail(f"batch norm {name} lacks {'running_var' if 'running_mean' in held else 'running_mean'}")

    def _told(self, name: str) -> str:
        value = self.modules[name]["running_mean" if name in self.norms else "weight"]
        return f"{name or '(root)'} {list(value.shape)}"

    def _named(self, unit: Unit) -> bool:
        """Take what the mapping or an equal name says; whether either does."""
        if unit.name in self.mapping:
            place = self.mapping[unit.name]
            found = [name for name in self.linears if name == place or name.startswith(f"{place}.")]
            if not found:
                raise self.fail(f"mapping of {unit.name}: there is no module {place!r}; there are {', '.join(self.linears)}")
        else:
            found = [name for name in self.linears if unit.name in name.split(".")]
            if not found:
                return False
            parts = found[0].split(".")
            place = ".".join(parts[: parts.index(unit.name) + 1])
        if len(found) > 1:
            raise self.fail(f"{unit.name} may be any of {', '.join(found)}; mapping must name one")
        other = next((name for name, taken in self.taken.items() if taken == found[0]), None)
        if other is not None:
            raise self.fail(f"module {found[0]} is both {other} and {unit.name}")
        weight = self.modules[found[0]]["weight"]
        if not _fits(weight, unit):
            raise self.fail(f"tensor {found[0]}.weight is {list(weight.shape)}, layer {unit.name} takes {_shape(unit)}")
        self.taken[unit.name], self.places[unit.name] = found[0], place
        return True

    def _by_shape(self) -> None:
        open_units = [unit for unit in self.units if unit.name not in self.taken]
        free = [name for name in self.linears if name not in self.taken.values()]
        shapes = {tuple(_shape(unit)): unit for unit in open_units}
        for unit in shapes.values():
            ours = [item for item in open_units if _shape(item) == _shape(unit)]
            theirs = [name for name in free if _fits(self.modules[name]["weight"], unit)]
            names = ", ".join(item.name for item in ours)
            if len(theirs) < len(ours):
                unfit = [name for name in free if not any(_fits(self.modules[name]["weight"], item) for item in open_units)]
                left = ", ".join(map(self._told, unfit)) or "none"
                raise self.fail(f"{names} need {len(ours)} tensors {_shape(unit)}, it has {len(theirs)}; tensors that fit no layer: {left}")
            if len(theirs) > len(ours):
                raise self.fail(f"{', '.join(theirs)} have all the shape {_shape(unit)} of {names}; mapping must say which to take")
            if len(ours) > 1:
                order = "the network's order" if self.file.ordered else "the order of their names"
                self.notes.append(f"{names} have one shape: {', '.join(theirs)} are taken in {order}; mapping can say otherwise")
            self.taken |= {item.name: name for item, name in zip(ours, theirs, strict=True)}

    def _size(self, norm: str) -> int:
        return int(self.modules[norm]["running_mean"].shape[0])

    def _take_norm(self, unit: Unit, norm: str) -> None:
        size = self._size(norm)
        if size != unit.layer.out:  # type: ignore[union-attr]
            raise self.fail(f"tensor {norm}.running_mean is [{size}], layer {unit.name} takes [{unit.layer.out}]")  # type: ignore[union-attr]
        self.norm_of[unit.name] = norm

    def _place_norms(self) -> None:
        hidden = [unit for unit in self.units if unit.layer.act is not None]  # type: ignore[union-attr]
        for unit in self.units:
            wanted = self.mapping.get(f"{unit.name}{NORM}")
            if wanted is None:
                continue
            if unit not in hidden:
                raise self.fail(f"mapping of {unit.name}{NORM}: the last layer of a head has no batch norm")
            if wanted not in self.norms:
                there = ", ".join(self.norms) or "none"
                raise self.fail(f"mapping of {unit.name}{NORM}: there is no batch norm {wanted!r}; there are {there}")
            self._take_norm(unit, wanted)
        for unit in hidden:
            place = self.places.get(unit.name)
            inside = [name for name in self._free_norms() if place is not None and name.startswith(f"{place}.")]
            if unit.name not in self.norm_of and len(inside) == 1:
                self._take_norm(unit, inside[0])
        waiting = [unit for unit in hidden if unit.name not in self.norm_of]
        if not self._follow(waiting):
            self._by_size(waiting)

    def _free_norms(self) -> list[str]:
        return [name for name in self.norms if name not in self.norm_of.values()]

    def _follow(self, units: Sequence[Unit]) -> bool:
        """Take for each of ``units`` the batch norm defined right after it, if that places every batch norm that is left."""
        names, free = list(self.modules), self._free_norms()
        owner = {names[at - 1]: names[at] for at in range(1, len(names)) if names[at] in free}
        found = {
            unit.name: owner[self.taken[unit.name]] for unit in units
            if self.taken[unit.name] in owner and self._size(owner[self.taken[unit.name]]) == unit.layer.out  # type: ignore[union-attr]
        }
        rest = [name for name in free if name not in found.values()]
        unused = [name for name in self.linears if name not in self.taken.values()]
        if not self.file.ordered or any(names[names.index(name) - 1] not in unused for name in rest):
            return False
        self.norm_of |= found
        return True

    def _by_size(self, units: Sequence[Unit]) -> None:
        free = self._free_norms()
        for size in dict.fromkeys(self._size(name) for name in free):
            theirs = [name for name in free if self._size(name) == size]
            ours = [unit for unit in units if unit.layer.out == size]  # type: ignore[union-attr]
            if len(theirs) != len(ours):
                names = ", ".join(unit.name for unit in ours) or "no layer"
                told = f"{', '.join(theirs)} of {size} channels: {names} can take {'it' if len(theirs) == 1 else 'them'}"
                raise self.fail(f"batch norm {told}; mapping must say which, as <layer>{NORM}")
            if len(ours) > 1:
                names = ", ".join(unit.name for unit in ours)
                self.notes.append(f"batch norms {', '.join(theirs)} are taken for {names} in this order; mapping can say otherwise")
            for unit, name in zip(ours, theirs, strict=True):
                self._take_norm(unit, name)


def _shape(unit: Unit) -> list[int]:
    """The shape of a layer's weights as PyTorch has them."""
    layer, (height, width, channels) = unit.layer, unit.in_shape
    if isinstance(layer, Conv):
        return [layer.out, channels // layer.groups, *both(layer.kernel)]
    return [layer.out, height * width * channels]  # type: ignore[union-attr]


def _fits(weight: Tensor, unit: Unit) -> bool:
    """Whether ``weight`` can be the layer's: a 1-D convolution's is one of width 1."""
    shape = _shape(unit)
    return list(weight.shape) == shape or (len(shape) == 4 and shape[3] == 1 and list(weight.shape) == shape[:3])
