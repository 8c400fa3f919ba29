"""The files that a network of the user's own is made from."""

from pathlib import Path
from typing import TYPE_CHECKING

from build_flows.base.errors import ConfigError
from build_flows.steps.sources import imported_files

if TYPE_CHECKING:
    from build_flows.project.load import Project

__all__ = ["own_source"]


def own_source(project: "Project") -> dict[str, Path]:
    """The files that a step which makes the network depends on, by name: the QONNX file; or the module that the factory is in, every module
    beside it that it imports, directly or not, and the weights.

    Raises :class:`ConfigError` when there is no such module.
    """
    from quant_models.bring.modules import find_source
    from quant_models.errors import QuantModelError

    factory, folder = project.config.factory, project.modules
    if factory is None:
        assert project.qonnx is not None
        return {"qonnx": project.qonnx}
    try:
        found = {"factory": find_source(factory, folder)}
    except QuantModelError as error:
        told = f"{project.file}: {project.named('model.factory' if project.config.model.factory else 'import.factory')}"
        raise ConfigError(f"{told}: {error}; allowed: module:function; model.modules names another folder") from error
    for file in imported_files(factory.partition(":")[0], folder):
        found[f"factory/{file.relative_to(folder).as_posix()}"] = file
    weights = project.own_weights or project.weights
    return found if weights is None else {**found, "weights": weights}
