"""A configuration with other values at some places."""

from benchmarks.edited import edited

VALUES = {"name": "a", "inner": {"count": 3, "kind": "one"}, "rows": [{"count": 4, "kind": "two"}]}


def test_edits_leave_the_values_as_they_were() -> None:
    found = edited(VALUES, {("rows", 0, "count"): 7, ("name",): ..., ("new", "key"): 1, ("absent",): ...})
    assert found == {"inner": {"count": 3, "kind": "one"}, "rows": [{"count": 7, "kind": "two"}], "new": {"key": 1}}
    assert VALUES["name"] == "a"
