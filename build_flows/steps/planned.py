"""What the configuration asks of a network's folding, before any of it is compiled: one check for those who ask early, before anything is
trained, and for the step that compiles."""

from collections.abc import Sequence
from pathlib import Path

from build_flows.base.errors import ConfigError
from build_flows.base.parts import Part
from build_flows.planning.folding import FoldingError, evaluate, stage_targets
from build_flows.planning.folding_file import read_toml
from build_flows.planning.layer_costs import Fold
from build_flows.planning.network import Network
from build_flows.planning.pace import SLOWEST, fastest, least_pace
from build_flows.project.sections import BuildSection, TargetSection

__all__ = ["auto_told", "file_pace", "pace", "read_folding", "refuse_pace"]


def refuse_pace(network: Network, reach: Sequence[float], target: TargetSection, build: BuildSection, file: Path) -> int:
    """The least cycles a sample that some folding of ``network`` keeps at the planned ``reach``, unless the configuration ``file`` asks for
    fewer: raises :class:`ConfigError` with what takes longer, and what is allowed."""
    least = least_pace(network, reach, target.utilisation, build.bus_bits)
    cycles = target.cycles_per_sample
    if cycles != "auto" and cycles < least.cycles:
        raise ConfigError(
            f'{file}: target.cycles_per_sample = {cycles}: {least.what}; allowed: "auto", or a whole number from {least.cycles} to '
            f"{SLOWEST}"
        )
    return least.cycles


def pace(network: Network, reach: Sequence[float], target: TargetSection, build: BuildSection, part: Part, file: Path) -> int:
    """Cycles a sample that a folding is searched for: those asked for, or the fewest that fit ``part`` by the estimate.

    Raises :class:`ConfigError` for a pace that no folding keeps, and where nothing fits.
    """
    least = refuse_pace(network, reach, target, build, file)
    if target.cycles_per_sample != "auto":
        return target.cycles_per_sample
    found = fastest(network, reach, target.utilisation, part, least)
    if found is None:
        raise ConfigError(
            f'{file}: target.cycles_per_sample = "auto": however slow, no folding found fits {target.board} ({part.name}) by the estimate; '
            "allowed: a number, at which it is built though it does not fit; fewer exits, fewer bits or a smaller network may fit"
        )
    return found


def file_pace(
    network: Network, folds: dict[str, Fold], reach: Sequence[float], target: TargetSection, build: BuildSection, part: Part
) -> int:
    """Cycles a sample that the folding of a file is evaluated for: those asked for, or those that it makes of stage 0 and the bus."""
    if target.cycles_per_sample != "auto":
        return target.cycles_per_sample
    made = evaluate(network, folds, stage_targets(1, reach, target.utilisation), part).stage_cycles(0)
    return max(made, -(-network.source.values // (build.bus_bits // 8)))


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
