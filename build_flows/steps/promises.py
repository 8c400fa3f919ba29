"""What a project's validation images are used for, and whether there are enough of them: known before anything is trained."""

from math import ceil
from typing import TYPE_CHECKING

from build_flows.base.errors import ConfigError
from build_flows.steps.data import Held, held_out, project_dataset

if TYPE_CHECKING:
    from build_flows.project.load import Project
    from build_flows.project.sections import CalibrateSection
    from quant_models.datasets.base import Dataset
    from quant_models.exits.promise import Division, TooFew

__all__ = ["MOST_HELD", "division", "held_images", "refuse_too_few"]

MOST_HELD = 0.5
"""The share of the training images that may validate is below this."""


def division(wanted: "CalibrateSection", fixed: bool, images: int, train_images: int, file: str) -> "Division":
    """How ``images`` of the validation split are used, of ``train_images`` in all; ``fixed``: thresholds are not to be found.

    Raises :class:`ConfigError` that names ``file`` where they are too few for what is wanted, with how many it takes and what else to do.
    """
    from quant_models.exits.promise import TooFew, divide, halve

    if fixed or wanted.accuracy_loss is None:
        return halve(images)
    try:
        return divide(images, wanted.accuracy_loss / 100, wanted.confidence)
    except TooFew as error:
        raise ConfigError(f"{file}: {_too_few(wanted, error, images, train_images)}") from error


def _too_few(wanted: "CalibrateSection", error: "TooFew", images: int, train_images: int) -> str:
    loss = wanted.accuracy_loss
    assert loss is not None
    assert error.average is not None
    proof = images - max(1, images // 6)
    ways = []
    share = ceil(1000 * error.average / train_images) / 1000
    if share < MOST_HELD:
        ways.append(f"data.validation = {share:g} or more")
    least = ceil(1e4 / (proof + 1) - 1e-9) / 100
    if least < 100:
        ways.append(f"calibrate.accuracy_loss = {least:g} or more")
    # So sure could one be if none of them were harmed.
    sure = 1 - (1 - loss / 100) ** proof
    if sure >= 0.5:
        ways.append(f"calibrate.confidence = {int(sure * 1000) / 1000:g} or less")
    ways.append("calibrate.shares (nothing is promised then)")
    return (
        f"calibrate.accuracy_loss = {loss:g}: {images} validation images are too few to promise that of new ones: {error.average} are "
        f"needed for a promise on average, {error.confident} for one with confidence {wanted.confidence:g}; allowed: {', or '.join(ways)}"
    )


def refuse_too_few(project: "Project") -> None:
    """Raise :class:`ConfigError` where the data set has too few validation images for the accuracy that is to be promised, or where fixed
    thresholds are none for so many classes: what no training is needed for to see."""
    config = project.config
    early = [item for item in config.built[:-1] if item.policy != "never"]
    if not early:
        return
    data = project_dataset(project)
    _refuse_thresholds(project, data)
    division(config.calibrate, early[0].threshold is not None, held_images(held_out(project), data), len(data.y_train), str(project.file))


def held_images(held: Held, data: "Dataset") -> int:
    """How many images validate."""
    from quant_models.datasets.load import split

    return len(split(data, held.fraction, held.seed)[1])


def _refuse_thresholds(project: "Project", data: "Dataset") -> None:
    from quant_models.exits.policies import Head, policy

    for k, item in enumerate(project.config.built[:-1]):
        scored = (item.score or "softmax") if item.policy == "class_threshold" else item.policy
        if item.threshold is None or scored not in ("softmax", "entropy"):
            continue
        least, most = policy(scored).limits(Head(classes=data.classes, scale=1.0))
        if not least <= item.threshold <= most:
            raise ConfigError(
                f"{project.file}: exits[{k}].threshold = {item.threshold:g}: no threshold of {scored}, of {data.classes} classes; "
                f"allowed: {least:.4g} to {most:.4g} ({policy(scored).unit})"
            )
