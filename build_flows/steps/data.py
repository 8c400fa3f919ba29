"""A project's data set, as the steps that read it are told of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from build_flows.base.errors import ConfigError
from quant_models.training.records import InputRecord, InputScale

if TYPE_CHECKING:
    import numpy.typing as npt

    from build_flows.project.load import Project
    from build_flows.steps.engine import Work
    from quant_models.datasets.base import Dataset

__all__ = [
    "DataSettings", "Held", "data_inputs", "data_named", "data_settings", "dataset", "held_out", "input_record", "project_dataset",
    "read_data", "split_off",
]


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Which data set, and how it is read: its ``name``; for images of a folder the height and width that they are resized to (None: as
    they are) and their ``channels``."""

    name: str
    resize: tuple[int, int] | None
    channels: Literal["auto", "grey", "rgb"]


@dataclass(frozen=True, kw_only=True)
class Held:
    """How the validation split is taken from the training set: its ``fraction``, and the ``seed``."""

    fraction: float
    seed: int


def data_settings(project: "Project") -> DataSettings:
    """What the configuration says of the data set, but for its place."""
    chosen = project.config.data
    resize = None if chosen.resize is None else (chosen.resize[0], chosen.resize[1])
    return DataSettings(name=chosen.name, resize=resize, channels=chosen.channels)


def held_out(project: "Project") -> Held:
    """What the configuration says of the validation split."""
    return Held(fraction=project.config.data.validation, seed=project.config.train.seed)


def data_inputs(project: "Project") -> dict[str, Path]:
    """The file or folder of the data set, as an input; none where it ships with a library."""
    if project.data is not None:
        return {"data": project.data}
    if project.config.data.name == "fashion-mnist":
        from quant_models.datasets.idx import FASHION_DIR

        return {"data": FASHION_DIR} if FASHION_DIR.is_dir() else {}
    return {}


def dataset(settings: DataSettings, inputs: Mapping[str, Path], caches: Path) -> "Dataset":
    """The data set; raises ``quant_models.errors.QuantModelError`` with one line when it is missing or unfit.

    Decoded images of a folder are kept in ``caches``/.data, for all projects there.
    """
    from quant_models.datasets import load

    place = inputs.get("data")
    if settings.name == "npz":
        assert place is not None
        return load.load_npz(place)
    return load.load(
        settings.name.replace("-", "_"), place, resize=settings.resize, channels=settings.channels, cache=caches / ".data"
    )


def data_named(project: "Project") -> str:
    """The key that names the data set, with its value."""
    return project.named("data.name" if project.config.data.path is None else "data.path")


def read_data(settings: DataSettings, inputs: Mapping[str, Path], work: "Work") -> "Dataset":
    """:func:`dataset` for a step that begins with it: tells what was read.

    Raises :class:`ConfigError` when it is missing or unfit; ``work.named["data"]`` is its key (:func:`data_named`).
    """
    from quant_models.errors import QuantModelError

    try:
        data = dataset(settings, inputs, work.caches)
    except QuantModelError as error:
        raise ConfigError(f"{work.file}: {work.named['data']}: {error}") from error
    work.ui.info(f"data: {data.told}")
    return data


def project_dataset(project: "Project") -> "Dataset":
    """The data set of ``project``, as its steps read it."""
    return dataset(data_settings(project), data_inputs(project), project.output.parent)


def split_off(held: Held, data: "Dataset", work: "Work") -> "tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]":
    """Indices of the training samples that are trained on, and of those that validate.

    Every class must be in both, or nothing can be said of it: raises :class:`ConfigError` otherwise.
    """
    from quant_models.datasets.load import split

    parts = split(data, held.fraction, held.seed)
    for part, index in zip(("training", "validation"), parts, strict=True):
        missing = np.setdiff1d(data.y_train, data.y_train[index])
        if len(missing):
            label = int(missing[0])
            raise ConfigError(
                f"{work.file}: data.validation = {held.fraction}: none of the {np.count_nonzero(data.y_train == label)} training samples "
                f"of class {data.names[label] if data.names else label} is in the {part} split; allowed: another share, or more samples"
            )
    return parts


def input_record(data: "Dataset") -> InputRecord:
    """What ``metrics.json`` says of what the network takes and tells."""
    scale = None if data.scale is None else InputScale(low=list(data.scale.low), step=list(data.scale.step))
    return InputRecord(shape=data.shape, names=list(data.names), scale=scale)
