"""Damages are done as they are called, spread over all sorts of files, and judged by what came of them."""

import random
from pathlib import Path

import pytest

from benchmarks.trust_damage import KINDS, damage, damages, outcome
from benchmarks.trust_fork import KILLED, Told


@pytest.mark.parametrize("kind", KINDS)
def test_a_damage_changes_one_file_and_not_its_hard_links(kind: str, tmp_path: Path) -> None:
    path, other, link = tmp_path / "a.json", tmp_path / "b.json", tmp_path / "link"
    before = bytes(range(200))
    path.write_bytes(before)
    path.chmod(0o755)
    link.hardlink_to(path)
    other.write_bytes(b"other")
    told = damage(path, kind, random.Random(1), [path, other])
    after = path.read_bytes()
    assert told.startswith(f"{kind} (")
    assert link.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o755
    if kind == "truncated":
        assert after == before[:len(after)] != before
    elif kind == "flipped":
        assert sum((left ^ right).bit_count() for left, right in zip(before, after, strict=True)) == 1
    else:
        assert after == (b"" if kind == "empty" else b"other")


def test_damages_are_spread_over_sorts_of_files_and_kinds(tmp_path: Path) -> None:
    output = tmp_path / "build" / "digits"
    for name in ("exits.json", "rtl/a.v", "rtl/b.v", ".steps/train.json", ".steps/sources.json", ".lock", "cosim.json"):
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        (output / name).write_text(name)
    for name in (".synthesis/a.json", ".synthesis/b.json", ".models/board-1/Vtop", ".models/bench-1/Vtop", ".models/.bench-1.lock"):
        (tmp_path / "build" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "build" / name).write_text(name)
    (tmp_path / "config.toml").write_text("mine")
    (output / "empty.json").write_text("")
    found = damages(tmp_path, random.Random(1), 1000)
    assert len({(item.place, item.kind) for item in found}) == len(found) == 10 * len(KINDS)
    runs = {item.place.removeprefix("build/"): item.scenario.name for item in found}
    assert runs == {
        "digits/exits.json": "report", "digits/rtl/a.v": "report", "digits/rtl/b.v": "report", "digits/.steps/train.json": "report",
        "digits/.steps/sources.json": "report", "digits/cosim.json": "cosim", ".synthesis/a.json": "synth again",
        ".synthesis/b.json": "synth again", ".models/board-1/Vtop": "cosim again", ".models/bench-1/Vtop": "simulate again"}
    # Of two files of a sort, one comes before the other is looked at a second time.
    first = damages(tmp_path, random.Random(1), 7 * len(KINDS))
    assert sum(item.place.endswith((".v", "a.json", "b.json")) and "/.steps/" not in item.place for item in first) == 2 * len(KINDS)
    assert damages(tmp_path, random.Random(1), 9) == first[:9]


@pytest.mark.parametrize(("told", "differing", "found"), [
    (Told(0, "x", "", 0), [], "remade"),
    (Told(0, "x", "", 0), ["sim.json"], "other results without a word: sim.json"),
    (Told(0, "x", "warning: rtl is not as offramp left it: kept as rtl.kept-1\n", 0), ["rtl.kept-1/top.v"], "told"),
    (Told(0, "x", "warning: sim.json is not as offramp left it: kept as sim.json.kept-1\n", 0), ["sim.json.kept-1", "sim.json"],
     "other results without a word: sim.json"),
    (Told(0, "x", "kept as sim.json.kept-12\n", 0), ["sim.json.kept-1"], "other results without a word: sim.json.kept-1"),
    (Told(0, "x", "Traceback", 0), [], "traceback"),
    (Told(1, "", "offramp: exits.json is not JSON\n", 0), [], "told"),
    (Told(1, "", "Traceback\n", 0), [], "traceback"),
    (Told(KILLED, "", "", 0), [], "does not end"),
])
def test_outcomes(told: Told, differing: list[str], found: str) -> None:
    assert outcome(told, differing) == found
