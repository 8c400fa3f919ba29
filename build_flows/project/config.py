"""The whole configuration, as one typed object."""

from itertools import pairwise

from pydantic import ConfigDict, Field

from build_flows.project.section import Section
from build_flows.project.sections import (
    BuildSection,
    CalibrateSection,
    DataSection,
    ExitSection,
    ModelSection,
    ProjectSection,
    SimulateSection,
    TargetSection,
)
from build_flows.project.training import (
    ConsistentSection,
    DistillSection,
    ExitsOnlySection,
    ImportSection,
    PersonalSection,
    TrainSection,
    exit_weights,
)
from quant_models.networks.layouts import Outline, outline

__all__ = ["Config"]


class Config(Section):
    """The whole file."""

    # `import` is a word of Python's.
    model_config = ConfigDict(serialize_by_alias=True)

    project: ProjectSection
    data: DataSection
    model: ModelSection = ModelSection()
    train: TrainSection = TrainSection()
    exits_only: ExitsOnlySection = ExitsOnlySection()
    distill: DistillSection = DistillSection()
    consistent: ConsistentSection = ConsistentSection()
    personal: PersonalSection = PersonalSection()
    import_: ImportSection = Field(default=ImportSection(), alias="import")
    exits: list[ExitSection]
    calibrate: CalibrateSection = CalibrateSection(accuracy_loss=0.5)
    target: TargetSection = TargetSection()
    build: BuildSection = BuildSection()
    simulate: SimulateSection = SimulateSection()

    @property
    def exit_weights(self) -> tuple[float, ...]:
        """Weight of every exit's loss."""
        return exit_weights(self.train.exit_weights, len(self.exits))

    @property
    def factory(self) -> str | None:
        """The function that makes the network of the user's own, a Brevitas module or a float one."""
        return self.model.factory or self.import_.factory

    @property
    def outline(self) -> Outline:
        """What has to be known of the network's preset; a network of the user's own has none."""
        assert self.model.preset is not None
        return outline(self.model.preset)

    @property
    def layout(self) -> tuple[tuple[int, str], ...]:
        """(block after which it stands, head) of every exit but the last, nothing left unset; the blocks of a network of the user's own are
        the stages between its exits, its heads "own"."""
        if self.model.own:
            return tuple((index if item.after is None else item.after, "own") for index, item in enumerate(self.exits[:-1]))
        places = self.outline.places
        found = []
        for index, item in enumerate(self.exits[:-1]):
            after = places[index] if item.after is None else item.after
            found.append((after, item.head or ("preset" if after in places else "linear")))
        return tuple(found)

    @property
    def subnet(self) -> int | None:
        """The exit that is built alone; None: all are."""
        return self.build.exit if self.build.mode == "subnet" else None

    @property
    def built(self) -> tuple[ExitSection, ...]:
        """The exits that are built. One that is built alone lets every sample leave."""
        return tuple(self.exits) if self.subnet is None else (ExitSection(policy="always"),)

    @property
    def exchangeable(self) -> bool:
        """Whether heads are sized from data types alone."""
        chosen = self.build.exchangeable_heads
        return self.train.scheme == "personal" if chosen is None else chosen

    @property
    def hard_share(self) -> list[float] | None:
        """Share of the samples at each exit but the last that is planned to go on; None: what calibration finds."""
        if self.target.hard_share is not None or not self.exchangeable or self.calibrate.shares is None:
            return self.target.hard_share
        reach = [1.0]
        for share in self.calibrate.shares:
            reach.append(max(0.0, reach[-1] - share))
        return [after / before if before else 0.0 for before, after in pairwise(reach)]

    @property
    def gates(self) -> tuple[str | None, ...]:
        """The gate head of every exit but the last, nothing left unset; None where there is none."""
        return tuple((item.gate_head or "pool") if item.policy == "gate" else None for item in self.exits[:-1])

    @property
    def part(self) -> str:
        """The FPGA part on the board."""
        return self.target.part
