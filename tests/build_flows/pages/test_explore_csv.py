"""``explore.csv`` says of every design what explore.json says."""

import csv
import io

from build_flows.pages.explore_csv import to_csv
from build_flows.pages.explore_figures import designs
from tests.build_flows.explore_samples import sample


def test_a_line_a_design() -> None:
    text = to_csv(sample())
    assert text == to_csv(sample())
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(text))}
    assert list(rows) == [row.id for row in designs(sample())]
    for design in designs(sample()):
        row, point = rows[design.id], design.point
        assert (row["front"], row["alone"], row["moved"]) == tuple(str(side).lower() for side in (design.front, design.alone, design.moved))
        assert row["exits"] == str(len(point.exits))
        assert row["policy"] == ";".join(item.policy for item in point.exits)
        assert row["threshold"] == ";".join(str(item.threshold) for item in point.exits)
        assert (float(row["predicted_accuracy"]), row["predicted_fits"]) == (point.predicted.accuracy, "true")
        assert [float(share) for share in row["predicted_shares"].split(";")] == point.predicted.shares
        if point.measured is None or point.errors is None:
            assert row["measured_lut"] == row["error_lut"] == row["error_inside"] == row["harm_bound"] == ""
        else:
            assert (int(row["measured_lut"]), float(row["error_lut"])) == (point.measured.lut, point.errors.lut)
        assert row["config"] == point.config
    assert None not in {value for row in rows.values() for value in row.values()}


def test_without_designs_there_are_the_names() -> None:
    text = to_csv(sample().replace(front=[], alone=[], moved=[]))
    assert text.startswith("name,front,alone,moved,exits,after,head,policy,threshold,weight_bits,")
    assert text.count("\n") == 1
    assert text.splitlines()[0] == to_csv(sample()).splitlines()[0]
