"""The search file: what may vary, what must hold, and what is weighed (docs/explore.md)."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import Field

from build_flows.base.errors import ConfigError
from build_flows.base.toml_file import read_toml_file
from build_flows.explore.objectives import OBJECTIVES
from build_flows.project.section import Section
from build_flows.project.sections import Bits, HeadName
from build_flows.project.words import checked
from quant_models.exits.policies import POLICIES

__all__ = ["POLICY_NAMES", "BitsSection", "MustSection", "PlaceSection", "SearchFile", "read_search"]

POLICY_NAMES = tuple(row.name for row in POLICIES.values() if row.real is not None and row.unit is not None and row.name != "gate")
"""The policies that one threshold decides, and that logits alone are enough for."""

if TYPE_CHECKING:
    Policy: TypeAlias = str
    Objective: TypeAlias = str
else:
    Policy, Objective = Literal[POLICY_NAMES], Literal[tuple(OBJECTIVES)]

LARGEST = 20_000
"""Spaces of up to so many designs are enumerated."""


PERCENTILE = 99.0
"""Of so many percent of the samples latency is told unless asked otherwise."""


class PlaceSection(Section):
    """Where an early exit may stand."""

    after: int = Field(ge=0, le=1000, description="Block of the backbone after which it may stand; of a network of your own the exit.")
    heads: list[HeadName] = Field(default=[], description="The heads that it may have. Unset: preset where that is possible, else linear.")


class BitsSection(Section):
    """Bits of weights and activations of the whole network."""

    weight: Bits = Field(description="Bits of every weight.")
    act: Bits = Field(description="Bits of every activation.")


class MustSection(Section):
    """What every design on the front must hold; all must fit."""

    accuracy: float | None = Field(default=None, gt=0, le=100, description="Accuracy at least, in percent.")
    samples_per_second: float | None = Field(default=None, gt=0, description="Samples a second at least.")
    latency_us: float | None = Field(
        default=None, gt=0, description="Microseconds at most from a sample's first word in to its result, at full rate.")
    latency_percentile: float = Field(default=PERCENTILE, gt=0, le=100, description="Of so many percent of the samples.")

    def told(self) -> dict[str, float]:
        """What must hold, by key."""
        kept = {"latency_percentile"} if self.latency_us is None and self.latency_percentile == PERCENTILE else set()
        return {key: value for key, value in self.model_dump(exclude=kept).items() if value is not None}


class SearchFile(Section):
    """The whole search file."""

    version: Literal[1] = Field(description="Version of this format.")
    base: str = Field(min_length=1, description="Configuration that every design starts from, relative to this file.")
    exits: list[PlaceSection] = Field(description="Where early exits may stand; every choice of them is tried, and none at all.")
    most_exits: Annotated[int, Field(ge=0, le=10)] | None = Field(default=None, description="Early exits at most. Unset: any number.")
    policies: list[Policy] = Field(default=["max_logit", "margin", "softmax"], description="Policies; a design has one for all exits.")
    accuracy_loss: list[Annotated[float, Field(ge=0, le=100)]] = Field(
        default=[0.1, 0.25, 0.5, 1.0, 2.0],
        description="Thresholds are searched for that lose at most so much accuracy against the last exit alone, in percentage points, on "
        "the validation images that select.",
    )
    cycles_per_sample: list[Annotated[int, Field(ge=1, le=100_000_000)]] | Literal["auto"] = Field(
        default="auto", description="Cycles a sample to design for. auto: rates of them, from the fastest that can be asked for on."
    )
    rates: int = Field(
        default=24, ge=1, le=1000, description="How many cycles a sample auto tries, each an eighth more than the one before."
    )
    utilisation: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        default=[0.8, 0.95], description="How busy later stages are planned to be."
    )
    bits: list[BitsSection] = Field(
        default=[], description="Bits of the network; each but the first is fine-tuned from the first one's weights. Unset: the base's."
    )
    fine_tune: int = Field(default=1, ge=1, le=10_000, description="Epochs of fine-tuning for each further entry of bits.")
    objectives: list[Objective] = Field(
        default=["accuracy", "throughput", "lut"],
        description=f"What is weighed: {'; '.join(f'{name}: {item.told}' for name, item in OBJECTIVES.items())}.",
    )
    must: MustSection = Field(default=MustSection(), description="What every design on the front must hold.")
    alone: bool = Field(
        default=True, description="Train the network without exits by itself too: the better one of it and of the last exit of all stands "
        "for it."
    )
    enumerate_up_to: int = Field(
        default=LARGEST, ge=1, le=10_000_000, description="Spaces of up to so many designs are gone through whole; of larger ones an "
        "optimiser looks at so many."
    )
    verify: int = Field(default=8, ge=0, le=1000, description="Designs of the front that are compiled, simulated and synthesised.")
    confidence: float = Field(
        default=0.9, ge=0.5, lt=1,
        description="How sure the bounds of what exits cost in accuracy are to be, those of all verified designs together."
    )
    seed: int = Field(default=1, ge=0, lt=2**32, description="Seed of the optimiser, and of what parts the validation images.")


def read_search(path: Path) -> SearchFile:
    """The search file at ``path``. Raises :class:`ConfigError` with one line a fault."""
    if not path.exists():
        raise ConfigError(f"{path}: no such file", hint="docs/explore.md says what a search file holds")
    if path.is_dir():
        raise ConfigError(f"{path} is a folder, not a search file")
    raw = read_toml_file(path)
    if "project" in raw and "base" not in raw:
        raise ConfigError(
            f"{path} is a configuration, not a search file (base, and what may vary)",
            hint=f'a search file with base = "{path.name}" explores it; docs/explore.md says what it holds. '
            f"offramp run {shlex.quote(str(path))} runs it as it is",
        )
    return checked(SearchFile, raw, str(path), _impossible)


def _impossible(search: SearchFile) -> Iterator[tuple[str, Any, str]]:
    """(key, value, what is wrong and allowed) of every fault that no single field shows."""
    for key in ("exits", "policies", "accuracy_loss", "cycles_per_sample", "utilisation", "objectives"):
        if not getattr(search, key):
            yield key, [], "nothing to choose from; allowed: one at least"
    after = [item.after for item in search.exits]
    if after != sorted(set(after)):
        yield "exits[].after", after, "must rise; allowed: one table for each place, first place first"
    for key in ("policies", "accuracy_loss", "utilisation", "objectives", "cycles_per_sample"):
        found = getattr(search, key)
        if isinstance(found, list) and len(set(found)) < len(found):
            yield key, found, "one of them is there twice; allowed: each once"
    for index, item in enumerate(search.exits):
        if len(set(item.heads)) < len(item.heads):
            yield f"exits[{index}].heads", item.heads, "one of them is there twice; allowed: each once"
    bits = [(item.weight, item.act) for item in search.bits]
    if len(set(bits)) < len(bits):
        yield "bits", [list(pair) for pair in bits], "one of them is there twice; allowed: each once"
