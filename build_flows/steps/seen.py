"""What a float network saw of a data set, as ``[import]`` says it."""

from typing import TYPE_CHECKING

from build_flows.project.training import ImportSection

if TYPE_CHECKING:
    from quant_models.bring.importing import Seen
    from quant_models.datasets.base import Dataset

__all__ = ["seen"]


def seen(own: ImportSection, data: "Dataset") -> "Seen":
    """What the float network saw of ``data``, as ``[import]`` says it."""
    from quant_models.bring.importing import seen_pixels, seen_values

    if own.divisor is None and data.scale is not None:
        return seen_values(data.scale.low, data.scale.step, own.mean, own.std)
    return seen_pixels(data.shape[2], 255.0 if own.divisor is None else own.divisor, own.mean, own.std)
