"""A storm finds what is planted in the gateware, and its figure says so; its scripts hold all that may happen."""

import re
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.trust_storm import emitted, model_of, storm, trust_storm
from benchmarks.trust_storm_script import SHAPES, Values, script
from build_flows.base.ui import SilentUi
from sim.accelerator.in_force import SOFT_RESET
from sim.accelerator.ledger import Ledger
from sim.accelerator.rulings import Pool
from sim.accelerator.traffic import Images, Reset, Traffic, Write
from tests import toy
from tests.planted import plant


@pytest.mark.parametrize("name", ["arrival", "chain"])
def test_a_script_has_every_kind_of_event_and_is_the_same_for_the_same_seed(name: str) -> None:
    netlist = toy.build(None, **SHAPES[name])
    values = Values.of(netlist, Pool(netlist, *model_of(netlist)(toy.images(50))))
    events = script(values, 4000, 7)
    assert events == script(values, 4000, 7) != script(values, 4000, 8)
    assert sum(item.count for item in events if isinstance(item, Images)) >= 4000
    kinds = Counter(type(item).__name__ for item in events)
    assert set(kinds) == {"Write", "Read", "Reset", "Stall", "Tlast", "Pause", "Go", "Halt", "Images", "Drain"}
    written = Counter(str(item.register).rstrip("0123456789") for item in events if isinstance(item, Write))
    assert {"THRESHOLD_", "ENABLE_", "MODE_", "BATCH_LENGTH", "CONTROL"} <= set(written)
    assert sum(item.register == "CONTROL" and item.value & SOFT_RESET for item in events if isinstance(item, Write)) > 3
    assert {item.cycles for item in events if isinstance(item, Reset)} >= {1}
    for number in range(len(netlist.exits) - 1):
        assert len(set(values.thresholds[f"THRESHOLD_{number}"])) > 4


def test_the_figure_counts_what_all_runs_gave(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []

    def run(traffic: str, count: int, seed: int, work: Path) -> Ledger:
        given.append(seed)
        return Ledger(sent=count, answered=count - 1, forgotten=1, wrong=len(given) == 2, reasons=["one"] if len(given) == 2 else [])

    monkeypatch.setattr("benchmarks.trust_storm.emitted", lambda *args, **shape: None)
    monkeypatch.setattr("benchmarks.trust_storm.Traffic", lambda *args: "traffic")
    monkeypatch.setattr("benchmarks.trust_storm.storm", run)
    figure, = trust_storm(SilentUi(), 5, count=1_100_000)
    assert figure.value == f"{12 * -(-1_100_000 // 12):,}; 0 lost, 0 doubled, 1 wrong"
    assert not figure.met
    assert "--seed 5 --count 1100000" in figure.how
    assert len(set(given)) == len(given) == 12 * 4
    fine, = trust_storm(SilentUi(), 5, count=1_100_000, only=["chain"])
    assert (fine.met, fine.value) == (True, "1,100,000; 0 lost, 0 doubled, 0 wrong")
    assert not trust_storm(SilentUi(), 5, count=1000)[0].met


@pytest.mark.slow
@pytest.mark.cosim
@pytest.mark.parametrize(("module", "unit", "old", "new", "told"), [
    ("hw.exits.router", "ExitRouter", "self.token.valid & self.keep.ready & target_ready),\n            self.token.ready.eq("
     "self.decision.valid & self.keep.ready & target_ready)", "self.token.valid & self.keep.ready),\n            self.token.ready.eq("
     "self.decision.valid & self.keep.ready)", "has no result|ends after|is of no image"),
    ("hw.exits.merge", "ExitMerge", "words.o.ready.eq(self.o.ready)", "words.o.ready.eq(self.o.ready & (self.now[:9] != 0))",
     "came again|is of no image|no TLAST"),
    ("hw.streams.offer_hold", "OfferHold", "self.cut & self.o.valid & ~self.o.ready", "0", "was taken back"),
], ids=["a sample is lost at a stall", "a result comes twice", "an offer is withdrawn"])
def test_a_planted_fault_is_found(monkeypatch, model_cache, tmp_path, module, unit, old, new, told) -> None:
    plant(monkeypatch, module, unit, old, new)
    traffic = Traffic(emitted(tmp_path / "rtl", **SHAPES["arrival"]), tmp_path / "rtl", model_cache, checked=False)
    book = storm(traffic, 12_000, 1, tmp_path)
    assert not book.clean
    assert [reason for reason in book.reasons if re.search(told, reason)], book.reasons
