"""The configurations behind an exploration: one training of all exits for each number of bits, the network without exits trained by itself,
and one for each design that is worth it. All are such as a sweep makes (:mod:`build_flows.compare.sweep`)."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from build_flows.base.errors import ConfigError
from build_flows.compare.sweep import LAYER_BITS, SHARED, Layout, LayoutExit, LayoutSection, SweepFile, plan_layouts, write
from build_flows.explore.search_file import SearchFile
from build_flows.explore.space import Asked, Bits, Family, Place
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.project.sections import CalibrateSection, TargetSection

__all__ = ["ALONE", "Chosen", "DesignFiles", "Training", "name_of"]

ALONE = "alone"
MOST_NAME = 64
UNSET = ("target.hard_share", "train.exit_weights", "calibrate.shares", "build.mode", "build.exit")
"""Keys of the base that are of its own exits."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """A network with all ``exits`` that may be chosen, in its order, of ``bits``, and the ``layout`` that trains it; ``alone``: it has no
    early exit, and is trained by itself."""

    bits: Bits
    exits: tuple[Place, ...]
    layout: Layout
    alone: bool = False

    @property
    def folder(self) -> Path:
        """Where its artefacts go."""
        return self.layout.file.parent


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A design: its ``family`` and what it was ``asked`` for, the real ``thresholds`` of its exits and what each is planned to pass on;
    ``alone``: it has the weights of the network that was trained without exits."""

    family: Family
    asked: Asked
    thresholds: tuple[float, ...] = ()
    hard_share: tuple[float, ...] = ()
    alone: bool = False

    @property
    def name(self) -> str:
        """Of the design, and of its folder."""
        return name_of(self.family, self.asked, self.alone)


class DesignFiles:
    """What the search file ``search``, at ``source``, needs beside itself; everything goes to ``folder``. Nothing is written before
    :meth:`write`.

    Raises :class:`ConfigError` for a base that cannot be explored.
    """

    def __init__(self, search: SearchFile, source: Path, data: Path | None) -> None:
        self.search, self.source, self.data = search, source, data
        self.home = source.resolve().parent
        self.folder = self.home / "build" / source.stem
        base_file = self.home / search.base
        if not base_file.is_file():
            raise ConfigError(f'{source}: base = "{search.base}": there is no file {base_file}')
        self.base: Project = load_config(base_file, data)
        self.base_home = base_file.parent
        model = self.base.config.model
        if self.base.checkpoint is not None:
            raise ConfigError(f"{source}: the base's train.checkpoint: exits are trained together here; allowed: unset")
        if model.own and search.bits:
            raise ConfigError(f"{source}: bits: those of a network of your own are its module's; allowed: unset")
        if model.layer_bits:
            raise ConfigError(f"{source}: the base's model.layer_bits: {LAYER_BITS}; allowed: unset")
        for index, place in enumerate(search.exits):
            if model.own and place.heads:
                raise ConfigError(f"{source}: exits[{index}].heads: those of a network of your own are its module's; allowed: unset")
        own = (model.weight_bits, model.act_bits)
        self.bits: tuple[Bits, ...] = tuple((item.weight, item.act) for item in search.bits) or (own,)
        self.trainings = {bits: self._training(bits) for bits in self.bits}
        self.heads = self._heads()
        self.alone = None if model.own or not search.alone else self._alone()

    def _heads(self) -> list[list[str]]:
        """The heads that each place may have, as the configuration calls them."""
        known = self.trainings[self.bits[0]].exits
        return [place.heads or [head for after, head in known if after == place.after] for place in self.search.exits]

    def _changes(self, bits: Bits) -> dict[str, dict[str, Any]]:
        changes: dict[str, dict[str, Any]] = {}
        if not self.base.config.model.own:
            changes["model"] = {"weight_bits": bits[0], "act_bits": bits[1]}
        if bits != self.bits[0]:
            first = self.folder / _told(self.bits[0]) / SHARED / "checkpoint.safetensors"
            changes["train"] = {"start": os.path.relpath(first, self.base_home), "epochs": self.search.fine_tune}
        return changes

    def _training(self, bits: Bits) -> Training:
        own = self.base.config.model.own
        exits = [LayoutExit.model_validate({"after": place.after, "policy": "max_logit", **({"head": head} if head and not own else {})})
                 for place in self.search.exits for head in (place.heads or [""])]
        sweep = self._sweep([LayoutSection(name=f"candidate-{index}", exits=[item]) for index, item in enumerate(exits)])
        plan = plan_layouts(sweep, str(self.source), self.home, self.folder / _told(bits), self.data, self._changes(bits))
        [layout] = plan.trainings
        return Training(bits=bits, exits=tuple(layout.config.layout), layout=layout)

    def _alone(self) -> Training:
        bits = self.bits[0]
        sweep = self._sweep([LayoutSection(name=ALONE)], shared=False)
        plan = plan_layouts(sweep, str(self.source), self.home, self.folder / _told(bits), self.data, self._changes(bits))
        return Training(bits=bits, exits=(), layout=plan.layouts[0], alone=True)

    def _sweep(self, layouts: Sequence[LayoutSection], shared: bool = True) -> SweepFile:
        return SweepFile(version=1, base=self.search.base, shared_training=shared, unset=list(UNSET), layouts=list(layouts))

    def layout(self, chosen: Chosen) -> Layout:
        """The configuration of a design."""
        own = self.base.config.model.own
        exits = [
            LayoutExit.model_validate({"after": after, "policy": chosen.family.policy, "threshold": threshold,
                                       **({} if own else {"head": head})})
            for (after, head), threshold in zip(chosen.family.layout, chosen.thresholds, strict=True)
        ]
        target: dict[str, Any] = {"cycles_per_sample": chosen.asked.cycles}
        if exits:
            target |= {"utilisation": chosen.asked.utilisation, "hard_share": [max(1e-6, share) for share in chosen.hard_share]}
        section = LayoutSection(name=chosen.name, exits=exits, target=TargetSection(**target),
                                calibrate=CalibrateSection(confidence=self.search.confidence))
        bits = chosen.family.bits
        changes = self._changes(bits)
        if chosen.alone:
            assert self.alone is not None
            checkpoint = os.path.relpath(self.alone.folder / "checkpoint.safetensors", self.base_home)
            changes["train"] = {"checkpoint": checkpoint}
        else:
            changes.pop("train", None)
        sweep = self._sweep([section], shared=not chosen.alone)
        return plan_layouts(sweep, str(self.source), self.home, self.folder / _told(bits), self.data, changes).layouts[0]

    def write(self, layout: Layout, tell: Callable[[str], None]) -> Path:
        """Write a configuration, and give its place. One that the user has edited is set aside, and ``tell`` is given a line about it."""
        write(layout, tell)
        return layout.file


def name_of(family: Family, asked: Asked, alone: bool = False) -> str:
    """What a design is called, and no other one of its space: by its exits, policy, bits, cycles a sample, utilisation in hundredths and
    loss in thousandths of a point, or by a hash where that is too long."""
    exits = "_".join(f"{after}{head}" for after, head in family.layout)
    told = f"w{family.bits[0]}a{family.bits[1]}-{asked.cycles}"
    if not family.layout:
        return f"no-exits-{ALONE if alone else SHARED}-{told}"
    busy, loss = (f"{share:.12g}".replace(".", "_") for share in (100 * asked.utilisation, 1000 * asked.loss))
    name = f"exits-{exits}-{family.policy}-{told}-u{busy}-l{loss}"
    if len(name) <= MOST_NAME:
        return name
    return f"exits-{family.policy}-{told}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _told(bits: Bits) -> str:
    return f"w{bits[0]}a{bits[1]}"
