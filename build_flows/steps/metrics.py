"""What every way to a network leaves: ``metrics.json``, and a word where its weights may know the images that calibrate."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from build_flows.steps.data import Held, input_record
from quant_models.training.records import MetricsFile

if TYPE_CHECKING:
    from build_flows.steps.engine import Work
    from quant_models.datasets.base import Dataset

__all__ = ["OUTPUTS", "warn_of_other_split", "write_metrics"]

OUTPUTS = ("checkpoint.safetensors", "metrics.json")
"""What a network that was trained here leaves."""


def write_metrics(work: "Work", data: "Dataset", found: Mapping[str, Any]) -> None:
    """Writes ``metrics.json``: what was ``found``, and of what data."""
    MetricsFile.model_validate({"data": data.name, "input": input_record(data), **found}).save(work.folder / "metrics.json")


def warn_of_other_split(held: Held, trained: Mapping[str, Any], data: "Dataset", work: "Work") -> None:
    """Say so when weights of the training ``trained`` may have seen what calibrates."""
    from quant_models.datasets.digest import data_digest

    before = trained.get("settings") or {}
    if (trained.get("data"), before.get("validation"), before.get("seed")) != (data_digest(data), held.fraction, held.seed):
        work.ui.info(
            "warning: the weights were trained with other images, data.validation or train.seed; thresholds may be calibrated on images "
            "that they were trained on"
        )
