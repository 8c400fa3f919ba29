"""What of a project cannot be built, as far as that is known before anything is trained: the network's shape and the configuration tell.

The checks are those of the steps that would refuse it later; here they are made before hours of training.
"""

from itertools import accumulate
from math import ceil
from operator import mul
from typing import TYPE_CHECKING

from build_flows.base.errors import ConfigError
from build_flows.base.ui import Ui
from build_flows.planning.network import Network, fused
from build_flows.planning.pace import LEAST_REACH, fastest, planned_reach
from build_flows.planning.read_network import from_meta
from build_flows.project.own import trains_own
from build_flows.steps.calibrate import cost_price
from build_flows.steps.data import data_named, project_dataset
from build_flows.steps.engine import Work
from build_flows.steps.planned import allowed_part, read_folding, refuse_pace, utilisations
from build_flows.steps.promises import refuse_too_few
from build_flows.steps.topology import built, topology
from hw.control.register_map import EXITS

if TYPE_CHECKING:
    from build_flows.project.load import Project

__all__ = ["look_ahead", "refuse_cost", "refuse_unbuildable"]


def look_ahead(project: "Project", ui: Ui, warn: bool = True) -> None:
    """Before a network is trained here, or one of the user's own is read: raise :class:`ConfigError` for what could not be calibrated or
    compiled, and ``warn`` of what can be trained, but not compiled. Of the user's own only the data are known yet.

    Reads the data set, for the shape of its images and their classes; a data set that is unfit is a :class:`ConfigError` too.
    """
    from quant_models.errors import QuantModelError
    from quant_models.integers.describe import describe

    try:
        data = project_dataset(project)
    except QuantModelError as error:
        raise ConfigError(f"{project.file}: {data_named(project)}: {error}") from error
    refuse_too_few(project)
    if trains_own(project.config) or not project.config.model.own:
        _refuse_device(project)
    if project.config.model.own:
        return
    work = Work(folder=project.output, ui=ui, output=project.output, file=project.file)
    spec = built(topology(project), data.classes, data.shape, work)
    network = from_meta(*describe(spec))
    refuse_cost(project, network)
    shared = _told(project)
    for line in shared if warn else ():
        ui.info(f"warning: {line}")
    if shared:
        # What would be built is another network than the one that is trained.
        return
    refuse_unbuildable(project, network, ui)


def refuse_unbuildable(project: "Project", network: Network, ui: Ui) -> None:
    """Raise :class:`ConfigError` for what of ``network``, whose weights need not be known, cannot be built as the configuration wants; warn
    where by the estimate nothing fits the part."""
    config, file = project.config, project.file
    target, build = config.target, config.build
    if build.layers == "fused":
        network = fused(network, config.exchangeable)
    if len(network.stages) > EXITS:
        raise ConfigError(f"{file}: exits = {len(network.stages)} tables: the registers are for at most {EXITS}; allowed: fewer")
    part = allowed_part(target, file)
    if project.folding is not None:
        read_folding(project.folding, network, project.named("build.folding"), file)
    if build.folding != "optimal":
        return
    # Where calibration will find what reaches a stage, that may be as good as nothing.
    stages = len(network.stages) - 1
    reach = planned_reach([LEAST_REACH] * stages if config.hard_share is None else accumulate(config.hard_share[:stages], mul))
    least = refuse_pace(network, reach, target, build, file)
    if target.cycles_per_sample == "auto" and fastest(network, reach, utilisations(target)[-1], part, least) is None:
        ui.info(f"warning: however slow, by the estimate of what is known before training no folding fits {target.board} ({part.name})")


def _told(project: "Project") -> list[str]:
    """Why what is trained could not be compiled, one line each."""
    lines = []
    for refuse in (project.refuse_shared_places, project.refuse_unplanned):
        try:
            refuse()
        except ConfigError as error:
            lines.append(error.message)
    return lines


def _refuse_device(project: "Project") -> None:
    """A GPU that is to train has to be there."""
    from quant_models.errors import QuantModelError
    from quant_models.training.train import device

    if project.checkpoint is not None:
        return
    try:
        device(project.config.train.device)
    except QuantModelError as error:
        raise ConfigError(f"{project.file}: {project.named('train.device')}: {error}") from error


def refuse_cost(project: "Project", network: Network) -> None:
    """Raise :class:`ConfigError` for a mean cost that no threshold meets: below that of every sample's leaving ``network`` at the first
    exit which lets one leave."""
    wanted, policies = project.config.calibrate, [item.policy for item in project.config.built]
    if wanted.mean_cost is None or project.config.subnet is not None:
        return
    first = next((k for k, policy in enumerate(policies) if policy != "never"), len(policies) - 1)
    price = cost_price(network, wanted.cost)
    least = sum(price.steps[: first + 1]) / price.whole
    if wanted.mean_cost < least:
        raise ConfigError(
            f"{project.file}: calibrate.mean_cost = {wanted.mean_cost:g}: a sample that leaves at exit {first} costs {least:.4f} of the "
            f"whole network's {price.unit} already; allowed: {ceil(least * 1e4) / 1e4:g} to 1"
        )
