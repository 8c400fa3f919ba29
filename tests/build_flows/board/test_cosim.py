"""The board's driver on the Verilated toy: results compared, errors told and mended, and what is planted is found."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from build_flows.artefacts.manifest import ManifestFile
from build_flows.base.ui import SilentUi
from build_flows.board import cosim
from build_flows.board.cosim import CHECKS, CosimError, cosimulate
from build_flows.board.platforms import find_platform
from hw.netlist import dump
from sim import golden
from sim.result_word import saturate
from tests import toy
from tests.build_flows.board.golden_toy import write_filelist, write_golden
from tests.build_flows.simulation_samples import simulation
from tests.toy_rtl import emit

pytestmark = pytest.mark.cosim

Z2 = find_platform("pynq-z2")
COUNT = 60


@pytest.fixture
def given(tmp_path: Path, model_cache: Path) -> dict[str, Any]:
    return inputs(tmp_path, model_cache)


def inputs(tmp_path: Path, model_cache: Path, **shape: Any) -> dict[str, Any]:
    """What :func:`cosimulate` takes, of a toy whose simulation gave the golden model's results."""
    netlist = emit(tmp_path / "rtl", thresholds=(880,) * 8, **shape)
    write_filelist(tmp_path / "rtl")
    (tmp_path / "netlist.json").write_text(dump(netlist))
    golden_file, exits = write_golden(tmp_path, netlist)
    images = toy.images(COUNT, seed=3)
    found = golden.decide(golden.load(golden_file).run(images), golden.load_exits(exits))
    confidence = saturate(found.confidence, next(item for item in netlist.result.fields if item.name == "confidence"))
    assert set(found.exit.tolist()) == {0, 1}
    simulation(found.label, found.exit, confidence).save(tmp_path / "sim.json")
    return {
        "netlist": tmp_path / "netlist.json", "rtl": tmp_path / "rtl", "golden_file": golden_file, "exits": exits,
        "simulated": tmp_path / "sim.json", "images": images, "labels": np.arange(COUNT) % 3, "board": Z2, "samples": None, "seed": 1,
        "ui": SilentUi(), "work": tmp_path / "run", "cache": model_cache,
    }


def test_all_images_and_all_checks(given: dict[str, Any]) -> None:
    found = cosimulate(**given)
    assert (found.samples, found.agree) == (COUNT, COUNT)
    assert [row.name for row in found.checks] == ["selftest.py", *(check.name for check in CHECKS)]
    told = {row.name: row.told for row in found.checks}
    assert told["selftest.py"].startswith(f"{COUNT} of {COUNT} samples agree")
    assert "its next batch is right" in told["read error"]
    assert "Start the board anew" in told["memory that takes no writes"]
    assert sum(found.exits) == COUNT
    assert found.counters.samples_out == COUNT
    assert found.counters.exits == found.exits
    # 48 bytes on 32 bits: 12 words an image, which cannot go faster than one a cycle.
    assert found.dma[0].words == found.dma[0].least == 12
    assert 12 < found.cycles_per_sample < 200
    assert found.simulated_cycles_per_sample == 20.0


@pytest.mark.slow
def test_a_network_whose_exits_all_answer(tmp_path: Path, model_cache: Path) -> None:
    found = cosimulate(**inputs(tmp_path, model_cache, anytime=True, order="arrival"))
    assert (found.samples, found.agree, len(found.checks)) == (COUNT, COUNT, 1 + len(CHECKS))


@pytest.mark.slow
@pytest.mark.parametrize("samples", [pytest.param(10, marks=pytest.mark.slow), 1])
def test_fewer_images_and_another_seed(samples: int, given: dict[str, Any]) -> None:
    found = cosimulate(**(given | {"samples": samples, "seed": 5}))
    assert (found.samples, found.agree, found.seed) == (samples, samples, 5)
    assert len(found.checks) == 1 + len(CHECKS)


@pytest.mark.parametrize("field", ["label", "exit", "confidence"])
def test_a_result_that_differs_is_named(field: str, given: dict[str, Any]) -> None:
    told = json.loads(given["simulated"].read_text())
    before = told["samples"][7][field]
    told["samples"][7][field] = before + 1
    told["samples"][9][field] += 1
    given["simulated"].write_text(json.dumps(told))
    with pytest.raises(CosimError, match=rf"^2 of {COUNT} results of the driver are not those of the simulation; the first is that of "
                                         rf"image 7: {field} {before} instead of {before + 1}$"):
        cosimulate(**given)


def test_a_driver_that_forgets_to_flush_is_found(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from build_flows.board import package

    def forgetful(folder: Path, **rest: Any) -> ManifestFile:
        made = write(folder, **rest)
        path = folder / "offramp_driver" / "buffers.py"
        text = path.read_text()
        assert text.count("self._memory.flush()") == 1
        path.write_text(text.replace("self._memory.flush()", "pass"))
        return made

    write = package.write_package
    monkeypatch.setattr(package, "write_package", forgetful)
    with pytest.raises(CosimError, match="results of the driver are not those of the simulation"):
        cosimulate(**given)


@pytest.mark.parametrize("forgotten", [("set_clock", "check_clock"), ("widen_port",)], ids=["clock", "width"])
def test_a_driver_that_forgets_to_set_the_processing_system_up_is_found(
        forgotten: tuple[str, ...], given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from build_flows.board import package

    def forgetful(folder: Path, **rest: Any) -> ManifestFile:
        made = write(folder, **rest)
        with (folder / "offramp_driver" / "processing_system.py").open("a") as file:
            file.writelines(f"\nProcessingSystem.{name} = lambda *_: None\n" for name in forgotten)
        return made

    write = package.write_package
    monkeypatch.setattr(package, "write_package", forgetful)
    with pytest.raises(CosimError, match=r"are not those of the simulation|channel tells of an error|ids are wrong|did not end"):
        cosimulate(**given)


def test_a_check_that_does_not_fail_as_it_should_is_told(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    harmless = dataclasses.replace(CHECKS[0], name="nothing wrong", faults={})
    monkeypatch.setattr(cosim, "CHECKS", (harmless,))
    with pytest.raises(CosimError, match=r"^nothing wrong: AssertionError: no DmaError was raised$"):
        cosimulate(**given)
    monkeypatch.setattr(cosim, "CHECKS", (dataclasses.replace(CHECKS[0], told="words that no driver says"),))
    with pytest.raises(CosimError, match=r"must tell of words that no driver says, not: .*memory answered with an error"):
        cosimulate(**given)


def test_a_self_test_that_fails_is_told(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from build_flows.board import package

    known = package.golden_samples

    def wrong(**rest: Any) -> Any:
        samples = known(**rest)
        return dataclasses.replace(samples, expected_label=samples.expected_label + 1)

    monkeypatch.setattr(package, "golden_samples", wrong)
    with pytest.raises(CosimError, match=r"selftest\.py: image 0: label"):
        cosimulate(**given)
