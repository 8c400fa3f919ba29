"""What the configuration asks of a network's folding, before any of it is compiled: one check for those who ask early, before anything is
trained, and for the step that compiles."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from build_flows.base.errors import ConfigError
from build_flows.base.parts import Part, find_part
from build_flows.planning.folding import FoldingError, evaluate, stage_targets
from build_flows.planning.folding_file import read_toml
from build_flows.planning.folding_search import search
from build_flows.planning.layer_costs import Fold
from build_flows.planning.network import Network
from build_flows.planning.pace import SLOWEST, UTILISATIONS, fastest, least_pace
from build_flows.project.sections import BuildSection, TargetSection

__all__ = ["allowed_part", "auto_told", "file_pace", "pace", "read_folding", "refuse_pace", "utilisations"]


def allowed_part(target: TargetSection, file: Path) -> Part:
    """The board's part, less what the configuration ``file`` wants kept free of it; raises :class:`ConfigError` where that is more than it
    has."""
    part, kept = find_part(target.part), target.keep_free or {}
    for key, count in kept.items():
        if count > getattr(part, key):
            raise ConfigError(f"{file}: target.keep_free.{key} = {count}: {part.name} has {getattr(part, key)}; allowed: at most that")
    return replace(part, **{key: getattr(part, key) - count for key, count in kept.items()})


def utilisations(target: TargetSection) -> tuple[float, ...]:
    """How busy later stages may be planned to be, rising: what is asked for, or all that "auto" chooses from."""
    return UTILISATIONS if target.utilisation == "auto" else (target.utilisation,)


def refuse_pace(network: Network, reach: Sequence[float], target: TargetSection, build: BuildSection, file: Path) -> int:
    """The least cycles a sample that some folding of ``network`` keeps at the planned ``reach``, unless the configuration ``file`` asks for
    fewer: raises :class:`ConfigError` with what takes longer, and what is allowed."""
    least = least_pace(network, reach, utilisations(target)[-1], build.bus_bits)
    cycles = target.cycles_per_sample
    if cycles != "auto" and cycles < least.cycles:
        raise ConfigError(
            f'{file}: target.cycles_per_sample = {cycles}: {least.what}; allowed: "auto", or a whole number from {least.cycles} to '
            f"{SLOWEST}"
        )
    return least.cycles


def pace(
    network: Network, reach: Sequence[float], target: TargetSection, build: BuildSection, part: Part, file: Path
) -> tuple[int, float]:
    """Cycles a sample that a folding is searched for, and how busy later stages are to be: what is asked for; or the fewest cycles that
    fit ``part`` by the estimate, and what makes them so, or at given cycles leaves most of the part free.

    Raises :class:`ConfigError` for a pace that no folding keeps, and where nothing fits.
    """
    least = refuse_pace(network, reach, target, build, file)
    chosen = utilisations(target)
    if target.cycles_per_sample != "auto":
        cycles = target.cycles_per_sample
        if len(chosen) > 1:
            kept = [busy for busy in chosen if least_pace(network, reach, busy, build.bus_bits).cycles <= cycles]
            chosen = (min(kept, key=lambda busy: search(network, stage_targets(cycles, reach, busy), part, reach=reach).fullest),)
        return cycles, chosen[0]
    tried = [(fastest(network, reach, busy, part, max(least, least_pace(network, reach, busy, build.bus_bits).cycles)), busy)
             for busy in chosen]
    found = min([(cycles, busy) for cycles, busy in tried if cycles is not None], default=None)
    if found is None:
        raise ConfigError(
            f'{file}: target.cycles_per_sample = "auto": however slow, no folding found fits {target.board} ({part.name}) by the estimate; '
            "allowed: a number, at which it is built though it does not fit; fewer exits, fewer bits or a smaller network may fit"
        )
    return found


def file_pace(
    network: Network, folds: dict[str, Fold], reach: Sequence[float], target: TargetSection, build: BuildSection, part: Part
) -> tuple[int, float]:
    """Cycles a sample that the folding of a file is evaluated for: those asked for, or those that it makes of stage 0 and the bus; and how
    busy later stages are taken to be."""
    busy = utilisations(target)[0]
    if target.cycles_per_sample != "auto":
        return target.cycles_per_sample, busy
    made = evaluate(network, folds, stage_targets(1, reach, busy), part).stage_cycles(0)
    return max(made, -(-network.source.values // (build.bus_bits // 8))), busy


def read_folding(path: Path, network: Network, named: str, file: Path) -> dict[str, Fold]:
    """The foldings in the user's ``path``, by layer; raises :class:`ConfigError` that begins with the configuration ``file`` and the key as
    it is ``named`` there."""
    try:
        return read_toml(path, network)
    except FoldingError as error:
        raise ConfigError(f"{file}: {named}: {error.message}") from error


def auto_told(cycles: int, part: Part, folding: str | None) -> str:
    """What is said of ``cycles`` a sample that the configuration does not give; ``folding`` is the key of the file that they follow from
    (None: they were looked for)."""
    why = f"the fewest whose folding fits {part.name} by the estimate" if folding is None else f"those of {folding}"
    return f'target.cycles_per_sample = "auto": {cycles} cycles a sample, {why}'
