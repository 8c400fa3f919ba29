"""The manifest: read whole or refused with the key that is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from offramp_driver import ManifestError
from offramp_driver.manifest import Page, Scale, check_files, load_manifest
from tests.offramp_driver.fake_board import BUILD, anytime, by_class, manifest, write_package


def test_all_is_read(tmp_path: Path) -> None:
    found = load_manifest(write_package(tmp_path, cycles_per_sample=12.5, exits=by_class([1, 2, 3, 4, 5])))
    assert (found.name, found.build, found.clock_mhz, found.cycles_per_sample, found.order) == ("toy", BUILD, 100.0, 12.5, "arrival")
    assert (found.input.height, found.input.words, found.input.signed) == (4, 4, False)
    assert [field.name for field in found.fields] == ["id", "label", "exit", "confidence", "cycles"]
    assert (found.dma, found.accelerator) == (Page(0x4040_0000, 0x1000), Page(0x43C0_0000, 0x1000))
    assert (found.dma_register_map, found.length_bits, found.gates, found.anytime, found.input.scale) == (1, 26, 1, False, None)
    assert [item.policy for item in found.exits] == ["class_threshold", "always"]
    assert found.exits[0].params == {"score": "max_logit", "thresholds": [1, 2, 3, 4, 5]}
    assert (found.exits[0].threshold_range, found.exits[1].threshold_range) == ((-256, 256), None)
    check_files(found, tmp_path)


@pytest.mark.parametrize("key", sorted(set(manifest()) - {"version"}))
def test_every_missing_key_is_named(tmp_path: Path, key: str) -> None:
    bit = write_package(tmp_path)
    raw = json.loads((tmp_path / "toy.json").read_text())
    del raw[key]
    (tmp_path / "toy.json").write_text(json.dumps(raw))
    with pytest.raises(ManifestError, match=f"toy.json lacks '{key}'"):
        load_manifest(bit)


WINDOWS = {**manifest()["input"], "height": 8, "width": 1, "channels": 2, "scale": {"low": [-1.5, 0], "step": [0.25, 2]}}


def test_a_scale_and_answers_of_every_exit_are_read(tmp_path: Path) -> None:
    found = load_manifest(write_package(tmp_path, input=WINDOWS, **anytime()))
    assert found.input.scale == Scale((-1.5, 0.0), (0.25, 2.0))
    assert found.anytime


def spoil(changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**changes, **more}


@pytest.mark.parametrize(("changes", "message"), [
    ({"version": 1}, "is of version 1, and this driver reads 2: take both out of one package"),
    ({"version": 3}, "is of version 3"),
    ({"version": None}, "is of version None"),
    ({"build": "0x12"}, "build must be int, not '0x12'"),
    ({"build": True}, "build must be int, not True"),
    ({"clock_mhz": 0}, "clock_mhz must be positive"),
    ({"exits": []}, "exits at least one, not 100 and 0"),
    ({"order": "any"}, "order must be 'arrival' or 'input', not 'any'"),
    ({"streams": [1]}, r"streams must be a list of texts, not \[1\]"),
    ({"input": spoil(manifest()["input"], words=3)}, "4 x 4 x 1 bytes must fit into the words=3 of bus_bits=32"),
    ({"input": spoil(manifest()["input"], bus_bits=33)}, "must fit into the words=4 of bus_bits=33"),
    ({"input": []}, r"input must be dict, not \[\]"),
    ({"result": {"bits": 48, "fields": manifest()["result"]["fields"]}}, "result must have 32 or 64 bits, not 48"),
    ({"result": {"bits": 64, "fields": manifest()["result"]["fields"][1:]}}, "result lacks the field 'id'"),
    ({"result": {"bits": 64, "fields": [{"name": "id"}]}}, r"result: fields\[0\] lacks 'offset'"),
    ({"dma": spoil(manifest()["dma"], base=0x4040_0004)}, r"must lie on pages of 4096 bytes below 2\*\*32, not at base=0x40400004"),
    ({"accelerator": {"base": 0x43C0_0000, "range": 0x800}}, "accelerator: registers must lie .* with range=0x800"),
    ({"accelerator": {"base": 0xFFFF_F000, "range": 0x2000}}, "below 2"),
    ({"accelerator": {"instance": "accelerator_0"}}, "accelerator lacks 'base'"),
    ({"anytime": True}, "result lacks the field 'final'"),
    ({"anytime": 1}, "anytime must be bool, not 1"),
    ({**anytime(), "order": "input"}, r"order must be 'arrival' where every exit answers \(anytime\), not 'input'"),
    ({"input": spoil(WINDOWS, scale={"low": [0, 0], "step": [1]})}, "scale: step must have one number for each of 2 channels, not"),
    ({"input": spoil(WINDOWS, scale={"low": [0, "1"], "step": [1, 1]})}, "scale: low must have one number for each of 2 channels"),
    ({"input": spoil(WINDOWS, scale={"low": [0, float("nan")], "step": [1, 1]})}, "scale: low must have one number"),
    ({"input": spoil(WINDOWS, scale={"low": [0, 0], "step": [1, 0]})}, "scale: step must be above 0, not 0"),
    ({"input": spoil(WINDOWS, scale={"low": [0, 0]})}, "scale lacks 'step'"),
    ({"input": spoil(WINDOWS, width=2, height=4)}, "an input with a scale must be 1 wide and of 8 bits unsigned, not 2 and 8 bits"),
    ({"input": spoil(WINDOWS, signed=True)}, "not 1 and 8 bits signed"),
    ({"exits": [spoil(manifest()["exits"][0], threshold_range=[5, 1])]}, r"exits\[0\]: threshold_range must be the least and the greatest"),
    ({"exits": [spoil(manifest()["exits"][0], threshold_range=[1])]}, "threshold_range must be"),
    ({"exits": ["always"]}, r"exits\[0\] must be an object, not 'always'"),
    ({"files": {"other.bit": "00"}}, "tells of other.bit, not of toy.bit: keep the package's names"),
])
def test_what_is_wrong_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        load_manifest(write_package(tmp_path, **changes))


def test_a_file_that_is_missing_or_no_json_is_told(tmp_path: Path) -> None:
    bit = write_package(tmp_path)
    (tmp_path / "toy.json").write_text("{")
    with pytest.raises(ManifestError, match=r"toy.json cannot be read: Expecting"):
        load_manifest(bit)
    (tmp_path / "toy.json").write_text("[1]")
    with pytest.raises(ManifestError, match=r"toy.json must be an object, not \[1\]"):
        load_manifest(bit)
    (tmp_path / "toy.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ManifestError, match=r"toy.json cannot be read"):
        load_manifest(bit)
    (tmp_path / "toy.json").unlink()
    with pytest.raises(ManifestError, match=rf"toy.json is missing beside toy.bit in {tmp_path}"):
        load_manifest(bit)


@pytest.mark.parametrize("name", ["toy.bit", "toy.hwh"])
def test_files_are_those_of_the_manifest(tmp_path: Path, name: str) -> None:
    found = load_manifest(write_package(tmp_path))
    (tmp_path / name).write_bytes(b"another")
    with pytest.raises(ManifestError, match=rf"{name} is not the file that toy's manifest was written for .* copy the package again"):
        check_files(found, tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ManifestError, match=f"{name} is missing in .*: copy the whole package"):
        check_files(found, tmp_path)
