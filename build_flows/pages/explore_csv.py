"""``explore.csv``: one line a design."""

from build_flows.artefacts.explore import Errors, ExploreFile, Outcome, PlacedExit
from build_flows.base import csv_text
from build_flows.base.csv_text import cell
from build_flows.pages.explore_figures import Design, designs
from quant_models.records import Record

__all__ = ["to_csv"]

PLAIN = ("weight_bits", "act_bits", "cycles", "utilisation", "loss")
PARTS: tuple[tuple[str, str, type[Record]], ...] = (
    ("predicted", "predicted", Outcome), ("measured", "measured", Outcome), ("error", "errors", Errors),
)


def to_csv(found: ExploreFile) -> str:
    """The designs of the front, without exits and moved, by falling samples a second, with a line of names: the same values as in JSON,
    with what is predicted and measured and the errors one column a key (``predicted_lut``, empty where it was not verified), and ``exits``
    as their number and one column a key, values from first to last joined by ``;``, as those of other lists are."""
    return csv_text.text([_row(row) for row in designs(found)], _NAMES)


def _row(row: Design) -> dict[str, str]:
    point = row.point
    values = {"name": point.name, "front": row.front, "alone": row.alone, "moved": row.moved, "exits": len(point.exits)}
    values |= {key: [getattr(item, key) for item in point.exits] for key in PlacedExit.model_fields}
    values |= {key: getattr(point, key) for key in PLAIN}
    for prefix, part, kind in PARTS:
        values |= {f"{prefix}_{key}": getattr(getattr(point, part), key, None) for key in kind.model_fields}
    values |= {"harm_bound": point.harm_bound, "config": point.config}
    return {name: cell(value) for name, value in values.items()}


_NAMES = (
    "name", "front", "alone", "moved", "exits", *PlacedExit.model_fields, *PLAIN,
    *(f"{prefix}_{key}" for prefix, _, kind in PARTS for key in kind.model_fields), "harm_bound", "config",
)
