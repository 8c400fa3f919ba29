"""``exits.json`` as far as the golden models need it: read as it stands, or refused with the exit and the key."""

import pytest

from sim.golden import Exit, GoldenError, load_exits, parse_exits

ENTRY = {"index": 0, "policy": "margin", "threshold": -3, "enabled": True}


def file(*entries):
    return {"version": 1, "exits": list(entries)}


def test_all_is_read():
    found = parse_exits(file(ENTRY, {**ENTRY, "index": 1, "policy": "patience", "enabled": False, "params": {"run_bits": 3}, "more": 1}))
    assert found == [Exit(index=0, policy="margin", threshold=-3),
                     Exit(index=1, policy="patience", threshold=-3, enabled=False, params={"run_bits": 3})]


@pytest.mark.parametrize(("raw", "message"), [
    ([], r"exits: version must be 1, not \[\]"),
    ({"version": 2, "exits": [ENTRY]}, "exits: version must be 1, not 2"),
    ({"version": 1}, "exits must be a list of at least one exit, not None"),
    (file(), r"exits must be a list of at least one exit, not \[\]"),
    (file("margin"), "exit 0 must be an object, not 'margin'"),
    (file(ENTRY, {**ENTRY, "index": 2}), "exit 1: index must be 1, not 2"),
    (file({**ENTRY, "index": 1}, ENTRY), "exit 0: index must be 0, not 1"),
    (file({**ENTRY, "threshold": True}), "exit 0: threshold must be int, not True"),
    (file({**ENTRY, "enabled": 1}), "exit 0: enabled must be bool, not 1"),
    (file({**ENTRY, "policy": "luck"}), "exit 0: policy must be one of always, .*, not 'luck'"),
    (file({key: value for key, value in ENTRY.items() if key != "policy"}), "exit 0: policy must be str, not None"),
])
def test_what_is_wrong_is_named(raw, message):
    with pytest.raises(GoldenError, match=message):
        parse_exits(raw)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(GoldenError, match=r"exits\.json: no such file"):
        load_exits(tmp_path / "exits.json")
