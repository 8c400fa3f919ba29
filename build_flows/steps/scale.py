"""How sensor windows became integers, as a package tells it."""

from typing import TYPE_CHECKING

from build_flows.artefacts.manifest import ScaleRecord

if TYPE_CHECKING:
    from quant_models.datasets.base import Dataset

__all__ = ["scale_record"]


def scale_record(data: "Dataset") -> ScaleRecord | None:
    """What a package's manifest says of how windows of ``data`` became integers; None where the integers are the data."""
    return None if data.scale is None else ScaleRecord(low=list(data.scale.low), step=list(data.scale.step))
