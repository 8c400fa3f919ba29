"""What no single field of the configuration shows: values that do not go together."""

from collections.abc import Iterator, Sequence
from typing import Any

from build_flows.project.config import Config
from build_flows.project.own import OWN_SCHEMES, impossible_own, impossible_source
from build_flows.project.places import PLACES
from build_flows.project.sections import DATA_SHAPES, PATHS, BuildSection, numbers
from build_flows.project.thresholds import impossible_thresholds
from build_flows.project.training import impossible_import, impossible_training
from build_flows.project.words import toml
from quant_models.exits.policies import POLICIES
from quant_models.networks.layouts import HEADS

__all__ = ["impossible"]


def impossible(config: Config) -> Iterator[tuple[str, Any, str]]:
    """(key, value, what is wrong and allowed) of every fault that no single field shows."""
    faults = list(impossible_source(config))
    if faults:
        yield from faults
        return
    own, count = config.model.own, len(config.exits)
    policies = [item.policy for item in config.exits]
    early_policies = [name for name in POLICIES if name != "always"]
    if own:
        yield from impossible_own(config)
    if not own and count not in (1, config.outline.exits) and all(item.after is None for item in config.exits):
        yield (
            "exits",
            policies,
            f"{config.model.preset} has {config.outline.exits} exits, not {count}; allowed: one [[exits]] table for each, a single one, or "
            "any "
            "number with after in each but the last",
        )
    elif count:
        if policies[-1] != "always":
            yield f"exits[{count - 1}].policy", policies[-1], 'the last exit must let every sample leave; allowed: "always"'
        for index, policy in enumerate(policies[:-1]):
            if policy == "always":
                yield (
                    f"exits[{index}].policy",
                    policy,
                    f"no sample would get past it; allowed before the last exit: {', '.join(early_policies)}",
                )
        if not own:
            yield from _impossible_layout(config)
        yield from _impossible_counts(config)
    yield from _impossible_data(config)
    yield from _impossible_mode(config.build, count)
    yield from _impossible_gates(config)
    yield from _impossible_anytime(config)
    if config.build.folding == "search":
        yield "build.folding", "search", 'the search is called "optimal" now; allowed: "optimal" (the default), "finn" or a file'
    if config.build.folding == "finn" and config.target.cycles_per_sample == "auto":
        why = "SetFolding is given a target, and none is looked for with it"
        yield "target.cycles_per_sample", "auto", f'{why}; allowed: a whole number, or build.folding = "optimal"'
    tables = config.model_dump()
    for table, key in PLACES:
        place = tables[table][key]
        if place is not None and "\0" in place:
            yield f"{table}.{key}", place, "no path can hold a NUL character; allowed: a path"
    if not own or config.import_.factory is not None or config.train.scheme in OWN_SCHEMES:
        yield from impossible_training(config.train, config.exits_only, config.consistent, config.personal, count)
        yield from impossible_import(config.train, config.import_, DATA_SHAPES.get(config.data.name, (None,))[-1])
    yield from _impossible_calibration(config, policies)
    yield from impossible_thresholds(config)


def _impossible_mode(build: BuildSection, count: int) -> Iterator[tuple[str, Any, str]]:
    if build.mode == "subnet" and (build.exit is None or build.exit >= count):
        there = f"there are {count} exits" if count > 1 else "there is one exit"
        why = "mode subnet builds one exit" if build.exit is None else there
        yield "build.exit", build.exit, f"{why}; allowed: {numbers(range(count))}"
    if build.mode != "subnet" and build.exit is not None:
        yield "build.exit", build.exit, f'mode {build.mode} builds every exit; allowed: unset, or mode = "subnet"'


def _impossible_gates(config: Config) -> Iterator[tuple[str, Any, str]]:
    first = next((k for k, item in enumerate(config.exits) if item.policy == "gate"), None)
    if first is None:
        return
    key, others = f"exits[{first}].policy", ", ".join(toml(name) for name in POLICIES if name not in ("gate", "always"))
    if config.exchangeable:
        why = "gate heads are sized from their weights, so with exchangeable heads they could not stay as they are built"
        yield key, "gate", f"{why}; allowed: {others}, or build.exchangeable_heads = false"
    if config.train.scheme == "import" and not config.import_.fine_tune and config.train.checkpoint is None:
        yield key, "gate", f"gate heads are trained, and import.fine_tune = 0 trains nothing; allowed: {others}, or fine_tune of 1 or more"


def _impossible_anytime(config: Config) -> Iterator[tuple[str, Any, str]]:
    if config.build.mode != "anytime":
        return
    if config.build.order != "arrival":
        yield "build.order", config.build.order, 'mode anytime gives results as they come; allowed: "arrival"'
    for index, item in enumerate(config.exits):
        if item.policy == "never":
            yield f"exits[{index}].policy", "never", "it finds no class, and in mode anytime every exit answers; allowed: any other policy"


def _impossible_data(config: Config) -> Iterator[tuple[str, Any, str]]:
    data, least = config.data, (1, 1) if config.model.own else config.outline.least
    shape = DATA_SHAPES.get(data.name)
    if shape is not None and (shape[0] < least[0] or shape[1] < least[1]):
        fitting = [name for name, found in DATA_SHAPES.items() if found[0] >= least[0] and found[1] >= least[1]]
        yield (
            "data.name",
            data.name,
            f"its images are {_by(shape)}, but {config.model.preset} takes {_by(least)} at least; allowed: "
            f"{', '.join([*fitting, *(name for name in PATHS if name not in DATA_SHAPES)])}",
        )
    if data.name in PATHS and data.path is None:
        yield "data.path", None, f"data set {data.name} needs its place; allowed: path of {PATHS[data.name][0]}"
    if data.resize is not None and len(data.resize) != 2:
        yield "data.resize", data.resize, f"allowed: 2 values, height and width, not {len(data.resize)}"
    for key, value, unset in (("resize", data.resize, None), ("channels", data.channels, "auto")):
        if value != unset and data.name != "folder":
            yield f"data.{key}", value, f"only images of a folder are converted, not data set {data.name}; allowed: {toml(unset)}"


def _impossible_layout(config: Config) -> Iterator[tuple[str, Any, str]]:
    name, preset, last = config.model.preset, config.outline, len(config.exits) - 1
    for key in ("after", "head"):
        value = getattr(config.exits[last], key)
        if value is not None:
            why = "the last exit stands after the whole backbone, with the preset's last head; allowed: unset"
            yield f"exits[{last}].{key}", value, why
    for index, item in enumerate(config.exits):
        if item.gate_head is not None and item.policy != "gate":
            yield f"exits[{index}].gate_head", item.gate_head, f"policy {item.policy} has no gate head; allowed: unset"
    early = config.exits[:-1]
    unset = [index for index, item in enumerate(early) if item.after is None]
    if unset and len(unset) < len(early):
        yield f"exits[{unset[0]}].after", None, "allowed: after in every exit but the last, or in none"
        return
    for index, (after, head) in enumerate(config.layout):
        key, before = f"exits[{index}]", config.layout[:index]
        if after > preset.blocks - 2:
            blocks = f"{name}'s backbone has blocks 0 to {preset.blocks - 1}"
            yield f"{key}.after", after, f"{blocks}; allowed: an early exit after block {numbers(range(preset.blocks - 1))}"
        elif before and after < before[-1][0]:
            least = before[-1][0]
            yield f"{key}.after", after, f"exits[{index - 1}] stands after block {least}; allowed: {least} or more, the backbone's order"
        elif head == "preset" and after not in preset.places:
            others = ", ".join(toml(item) for item in HEADS if item != "preset")
            yield f"{key}.head", head, f"{name} has a head of its own after block {numbers(preset.places)} only; allowed: {others}"
        elif (after, head) in before:
            others = ", ".join(toml(item) for item in HEADS if (after, item) not in before and (item != "preset" or after in preset.places))
            told = f"exits[{before.index((after, head))}] stands after block {after} with this head already"
            yield f"{key}.head", head, f"{told}; allowed: {others or 'another place'}"


def _impossible_counts(config: Config) -> Iterator[tuple[str, Any, str]]:
    for key, values, count, what in (
        ("train.exit_weights", None if isinstance(config.train.exit_weights, str) else config.train.exit_weights, len(config.exits),
         "one for each exit"),
        ("calibrate.shares", config.calibrate.shares, len(config.exits) - 1, "one for each exit but the last"),
        ("target.hard_share", config.target.hard_share, len(config.exits) - 1, "one for each exit but the last"),
    ):
        if values is not None and len(values) != count:
            yield key, values, f"allowed: {count} values, {what}, not {len(values)}"


def _impossible_calibration(config: Config, policies: Sequence[str]) -> Iterator[tuple[str, Any, str]]:
    shares, cost = config.calibrate.shares, config.calibrate.mean_cost
    given = [key for key in ("accuracy_loss", "shares", "mean_cost") if getattr(config.calibrate, key) is not None]
    if not given:
        yield "calibrate.accuracy_loss", None, "allowed: one of accuracy_loss, shares and mean_cost must be given"
    if len(given) > 1:
        yield f"calibrate.{given[-1]}", getattr(config.calibrate, given[-1]), f"allowed: either {' or '.join(given)}, not both"
    if config.build.mode == "budgeted" and cost is None:
        yield "calibrate.mean_cost", None, "mode budgeted keeps to a mean cost; allowed: a number above 0 up to 1"
    if shares is None:
        return
    if sum(shares) > 1 + 1e-9:
        yield "calibrate.shares", shares, f"they sum to {sum(shares):g}; allowed: 1 at most"
    for index, (share, policy) in enumerate(zip(shares, policies, strict=False)):
        if policy == "never" and share > 0:
            yield f"calibrate.shares[{index}]", share, f"exits[{index}] has policy never; allowed: 0"


def _by(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
