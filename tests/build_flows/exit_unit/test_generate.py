"""What `offramp exit-unit generate` leaves behind, and that its bench proves it without Python."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from build_flows.artefacts.exit_unit import UnitManifest
from build_flows.base.errors import OfframpError
from build_flows.cli.exit_unit_generate import test_command as command_of_test
from build_flows.exit_unit.generate import generate as generate_unit
from build_flows.exit_unit.generate import of_netlist
from build_flows.exit_unit.spec import UnitSpec
from hw.exits.unit import CONTROLS
from quant_models.exits.policies import POLICIES
from sim.accelerator.waivers import STYLE
from sim.tools.verilator import find
from sim.tools.yosys import run_yosys
from tests.build_flows.report_samples import netlist


def spec(policy: str = "softmax", **more: Any) -> UnitSpec:
    return UnitSpec(**{"policy": policy, "classes": 10, "pe": 5, **more})  # type: ignore[arg-type]


def generate(unit: UnitSpec, out: Path, **options: Any) -> UnitManifest:
    """The unit in the folder ``out``, where nothing of the user's is in the way."""
    said: list[str] = []
    found = generate_unit(unit, out, tell=said.append, **options)
    assert said == []
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def run_bench(folder: Path, built: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What ``offramp exit-unit generate`` prints as the command to run next; not optimised, to build sooner, and with Verilator's runtime
    as it is in ``built``."""
    if built is not None:
        (folder / "build").mkdir()
        for name in ("verilated.o", "verilated_timing.o", "verilated_threads.o"):
            shutil.copy2(built / "build" / name, folder / "build")
    quick = "-MAKEFLAGS OPT_FAST=-O0 -MAKEFLAGS OPT_SLOW=-O0 -MAKEFLAGS OPT_GLOBAL=-O0"
    return subprocess.run(f"{command_of_test(folder)} VERILATOR_FLAGS='{quick}'", shell=True, capture_output=True, text=True, check=False,
                          timeout=300)


@pytest.fixture(scope="module")
def softmax(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A unit whose bench has been built and run."""
    folder = tmp_path_factory.mktemp("softmax") / "out"
    generate(spec(threshold=0.8), folder)
    ran = run_bench(folder)
    assert "PASS: " in ran.stdout, ran.stdout + ran.stderr
    assert ran.returncode == 0
    return folder


STAND_IN = """#!/bin/sh
while [ "$1" != --Mdir ]; do shift; done
case "$2" in *" "*) echo "make cannot build in $2" >&2; exit 1;; esac
mkdir -p "$2" && printf '#!/bin/sh\\necho PASS by %s\\n' "${0##*/}" > "$2/exit_unit_bench" && chmod +x "$2/exit_unit_bench"
"""
"""A Verilator as far as the Makefile uses it."""


@pytest.mark.parametrize("name", ["verilator", "verilator-cli"])
@pytest.mark.parametrize("place", ["out", "ein heit/ü"])
def test_make_finds_verilator_and_builds_in_any_folder(tmp_path: Path, name: str, place: str) -> None:
    folder, tools = tmp_path / place, tmp_path / "to ols"
    generate(spec("never"), folder)
    tools.mkdir()
    for tool in ("sh", "mkdir", "mktemp", "rm", "cp", "test", "chmod", "make", "perl", "g++"):
        (tools / tool).symlink_to(shutil.which(tool) or "/bin/false")
    (tools / name).write_text(STAND_IN)
    (tools / name).chmod(0o755)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    ran = subprocess.run(["make", "-C", str(folder), "test"], capture_output=True, text=True, check=False,
                         env={"PATH": str(tools), "TMPDIR": str(scratch)})
    assert (ran.returncode, f"PASS by {name}" in ran.stdout, list(scratch.iterdir())) == (0, True, []), ran.stdout + ran.stderr
    shutil.rmtree(folder / "build")
    (tools / name).unlink()
    ran = subprocess.run(["make", "-C", str(folder), "test"], capture_output=True, text=True, check=False, env={"PATH": str(tools)})
    assert ran.returncode != 0
    assert "verilator is missing: install Verilator 5, or say where it is: make test VERILATOR=..." in ran.stderr
    (tools / "perl").unlink()
    ran = subprocess.run(["make", "-C", str(folder), "test", "VERILATOR=sh"], capture_output=True, text=True, check=False,
                         env={"PATH": str(tools)})
    assert "perl is missing, in which Verilator's command is written" in ran.stderr


@pytest.mark.slow
@pytest.mark.cosim
def test_the_bench_tells_what_it_checked(softmax: Path) -> None:
    ran = subprocess.run(["build/exit_unit_bench"], cwd=softmax, capture_output=True, text=True, check=True)
    told = re.search(r"^PASS: (\d+) results of (\d+) samples, (\d+) intervals of 2 cycles without a bubble, latency (\d+), (\d+) writes",
                     ran.stdout, re.MULTILINE)
    manifest = json.loads((softmax / "manifest.json").read_text())
    assert told
    results, samples, intervals, latency, writes = map(int, told.groups())
    assert samples == manifest["vectors"]["samples"] >= 200
    assert results >= 3 * samples
    assert intervals >= 200
    assert latency == manifest["latency"]["last_beat_to_result"]
    assert writes >= 3 * manifest["vectors"]["writes"] > 300


@pytest.mark.slow
@pytest.mark.cosim
@pytest.mark.parametrize(("file", "line", "complaint"), [
    ("results.hex", 250, r"FAIL: round 1, .*: result 250: "), ("reads.hex", 1, r"FAIL: round 1, .*: register 4: "),
    ("logits.hex", 9, r"FAIL: round \d, .*: result 4: "), ("writes.hex", 40, r"FAIL: round 1, .*: "),
])
def test_a_vector_that_was_changed_is_found(softmax: Path, file: str, line: int, complaint: str) -> None:
    path = softmax / "bench" / file
    before = path.read_text()
    lines = before.splitlines()
    number = int(lines[line], 16)
    # of logits the highest class, all the way; of writes the threshold's sign
    flipped = number ^ (0xFFFF << 64 if file == "logits.hex" else 0x80000000 if file == "writes.hex" else 1)
    lines[line] = f"{flipped:0{len(lines[line])}x}"
    path.write_text("\n".join(lines) + "\n")
    try:
        ran = subprocess.run(["build/exit_unit_bench"], cwd=softmax, capture_output=True, text=True, check=False)
    finally:
        path.write_text(before)
    assert ran.returncode != 0
    assert re.match(complaint, ran.stdout), ran.stdout
    assert "PASS" not in ran.stdout


@pytest.mark.slow
@pytest.mark.cosim
@pytest.mark.parametrize(("policy", "control", "more"), [
    ("gate", "plain", {"pe": 10, "bias": [3, -200, 7, 0, 0, 0, 0, 0, 0, 99]}),
    ("patience", "axi4lite", {"pe": 10}),
    ("class_threshold", "axi4lite", {"classes": 3, "pe": 1, "score": "margin", "logit_bits": 9, "class_thresholds": [0.1, 0.5, 1.0]}),
])
def test_the_bench_passes(policy: str, control: str, more: dict[str, Any], tmp_path: Path, softmax: Path) -> None:
    generate(spec(policy, **more), tmp_path / "out", control=control, name="my_exit")
    ran = run_bench(tmp_path / "out", softmax)
    assert re.search(r"^PASS: ", ran.stdout, re.MULTILINE), ran.stdout + ran.stderr
    assert ran.returncode == 0


@pytest.mark.slow
@pytest.mark.cosim
def test_hardware_that_is_wrong_fails(tmp_path: Path, softmax: Path) -> None:
    """A decision that confuses `at least` with `more than`: few samples tell."""
    generate(spec("max_logit", classes=4, pe=2), tmp_path)
    path = tmp_path / "exit_unit.v"
    text = path.read_text()
    wrong = re.sub(r"(\$signed\(\S+\)) >= (\$signed\((?:score__)?threshold\S*\))", r"\1 > \2", text)
    assert wrong != text
    path.write_text(wrong)
    ran = run_bench(tmp_path, softmax)
    assert ran.returncode != 0
    assert re.search(r"^FAIL: round 1, .*: result ", ran.stdout, re.MULTILINE), ran.stdout + ran.stderr


@pytest.mark.cosim
def test_yosys_reads_it_as_plain_verilog(tmp_path: Path) -> None:
    generate(spec("entropy", pe=2), tmp_path / "out")
    told = run_yosys([f"read_verilog {tmp_path / 'out' / 'exit_unit.v'}", "hierarchy -check -top exit_unit", "proc", "check -assert",
                      "select -assert-none t:$dlatch"], tmp_path / "yosys")
    assert "Found and reported 0 problems" in told
    assert "Warning" not in told


@pytest.mark.many(3)
@pytest.mark.parametrize(("policy", "control"), [
    # Controls by turns: what is around a unit does not depend on what is in it.
    pytest.param(policy, control, marks=[] if at % len(CONTROLS) == turn else pytest.mark.slow)
    for at, policy in enumerate(POLICIES) for turn, control in enumerate(CONTROLS)
])
def test_every_policy_is_written(policy: str, control: str, tmp_path: Path) -> None:
    made = generate(spec(policy, classes=6, pe=2), tmp_path / "new" / "out", control=control)
    found = contents(tmp_path / "new" / "out")
    manifest = json.loads(found["manifest.json"])
    assert manifest == made.to_json()
    assert found["manifest.json"].decode() == made.dump()
    assert set(found) == {*manifest["files"], "manifest.json"}
    assert {name: hashlib.sha256(data).hexdigest() for name, data in found.items() if name != "manifest.json"} == manifest["files"]
    assert (manifest["version"], manifest["policy"], manifest["classes"], manifest["pe"]) == (1, policy, 6, 2)
    assert manifest["initiation_interval"] == 3
    assert manifest["latency"]["first_beat_to_result"] == manifest["latency"]["last_beat_to_result"] + 2
    assert 0 < manifest["epsilon"] <= 1e-3 if policy in ("softmax", "entropy", "class_threshold") else manifest["epsilon"] == 0
    assert (manifest["threshold_unit"] is None) == (policy in ("always", "never"))
    readme = found["README.md"].decode()
    for port in manifest["ports"]:
        assert f"| `{port['name']}` | {port['direction']} | {port['bits']}" in readme
        assert f".{port['name']}({port['name']})" in readme
    for register in manifest["registers"]:
        assert f"| `{register['name']}` |" in readme
    assert bool(manifest["registers"]) == (control == "axi4lite")
    assert str(tmp_path) not in "".join(data.decode() for data in found.values())
    tool = find()
    told = subprocess.run([tool.binary, "--lint-only", *(f"-Wno-{rule}" for rule in STYLE), "--top-module", "exit_unit",
                           tmp_path / "new" / "out" / "exit_unit.v"], capture_output=True, text=True, check=True,
                          env={**os.environ, "VERILATOR_ROOT": str(tool.root)})
    assert "%" not in told.stderr


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for place in ("a", "b"):
        generate(spec("entropy", pe=2, scale=0.05), tmp_path / place)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_the_manifest_tells_the_thresholds(tmp_path: Path) -> None:
    softmax = generate(spec(threshold=0.9), tmp_path / "softmax")
    assert softmax.threshold == 0.9
    assert softmax.integer_threshold == int(2 ** softmax.params["frac_bits"] / 0.9)
    two = spec("class_threshold", classes=2, pe=1, score="max_logit", scale=0.5, class_thresholds=[1.0, 2.5])
    by_class = generate(two, tmp_path / "class", control="plain")
    assert (by_class.class_thresholds, by_class.integer_class_thresholds) == ([1.0, 2.5], [2, 5])
    assert by_class.threshold is None


def test_a_folder_of_ours_is_written_anew(tmp_path: Path) -> None:
    """What the unit before had and this one has not is gone; what else is there stays."""
    generate(spec("gate"), tmp_path, name="old")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "build").mkdir()
    generate(spec("never"), tmp_path)
    found = contents(tmp_path)
    assert {"notes.txt", "exit_unit.v"} <= set(found)
    assert not {"old.v", "bench/gate.hex"} & set(found)
    assert set(json.loads(found["manifest.json"])["files"]) == set(found) - {"notes.txt", "manifest.json"}


def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(OfframpError, match="is not empty, and holds no unit made before") as told:
        generate(spec("never"), tmp_path)
    assert told.value.hint
    assert contents(tmp_path) == {"README.md": b"mine"}
    said: list[str] = []
    generate_unit(spec("never"), tmp_path, force=True, tell=said.append)
    assert said == ["warning: README.md is not as offramp left it: kept as README.md.kept-1"]
    assert (tmp_path / "README.md.kept-1").read_text() == "mine"
    (tmp_path / "other.v").write_text("mine")
    with pytest.raises(OfframpError, match=r"other\.v is in the way, and was not made here"):
        generate(spec("never"), tmp_path, name="other")
    assert (tmp_path / "other.v").read_text() == "mine"
    with pytest.raises(OfframpError, match="is not a folder"):
        generate(spec("never"), tmp_path / "other.v")


def test_what_was_edited_of_an_earlier_unit_is_kept(tmp_path: Path) -> None:
    generate(spec("never"), tmp_path)
    for name in ("exit_unit.v", "bench/gone.hex"):
        (tmp_path / name).write_text("edited")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["files"]["bench/gone.hex"] = "of another unit"
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    said: list[str] = []
    generate_unit(spec("never"), tmp_path, tell=said.append)
    assert said == [f"warning: {name} is not as offramp left it: kept as {name}.kept-1" for name in ("bench/gone.hex", "exit_unit.v")]
    assert [(tmp_path / f"{name}.kept-1").read_text() for name in ("bench/gone.hex", "exit_unit.v")] == ["edited", "edited"]
    assert not (tmp_path / "bench" / "gone.hex").exists()


def test_a_manifest_from_elsewhere_removes_nothing_outside(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    out = tmp_path / "out"
    generate(spec("never"), out)
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["files"].update({"../victim": "", str(victim): "", "bench/../../victim": ""})
    (out / "manifest.json").write_text(json.dumps(manifest))
    generate(spec("never"), out)
    assert victim.read_text() == "mine"


@pytest.mark.parametrize(("change", "how", "message"), [
    ({"pe": 3}, {}, "pe must divide classes, not pe=3, classes=10"),
    ({"classes": 1, "pe": 1}, {}, "classes must be from 2 to 1000, not 1"),
    ({"threshold": 1.5}, {}, r"threshold of softmax must be from 0\.1 to 1 \(a probability\), not 1\.5"),
    ({"scale": 0.0}, {}, r"scale must be positive, not 0\.0"),
    ({"frac_bits": 6}, {}, r"too few bits for epsilon=0\.001: softmax of 10 classes comes to .* with frac_bits=6"),
    ({"bias": [1, 2]}, {}, "bias must have one integer per class, not 2 for 10 classes"),
    ({}, {"name": "2fast"}, "the module's name must be a Verilog identifier that is no keyword, not '2fast'"),
    ({}, {"name": "module"}, "not 'module'"),
    ({}, {"control": "wishbone"}, "control must be one of axi4lite, plain, not 'wishbone'"),
])
def test_nothing_is_written_for_bad_input(change: dict[str, Any], how: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(OfframpError, match=message) as told:
        generate(spec(**change), tmp_path / "out", **how)
    assert "\n" not in told.value.message
    assert list(tmp_path.iterdir()) == []


def test_the_unit_of_a_netlist(tmp_path: Path) -> None:
    """Its constants, threshold and bias are those of the netlist, to the last bit, even where they are not what we would choose."""
    sample = netlist()
    params = {**spec(scale=0.05).params, "conf_shift": 9}
    item = replace(sample.exits[0], params=params, threshold=777, bias=tuple(range(10)), enabled=False)
    built = replace(sample, exits=(item, *sample.exits[1:]))
    made, enabled = of_netlist(built, 0)
    manifest = generate(made, tmp_path / "out", enabled=enabled)
    assert (manifest.logit_bits, manifest.integer_threshold, manifest.bias) == (item.acc_bits, 777, list(range(10)))
    assert (manifest.policy, manifest.classes, manifest.pe, manifest.scale) == (item.policy, item.classes, item.pe, item.scale)
    assert (manifest.params, manifest.enabled) == (params, False)
    init = {register.name: register.init for register in manifest.registers}
    assert (init["THRESHOLD"], init["ENABLE"]) == (777, 0)
    for index in (-1, 3):
        with pytest.raises(OfframpError, match=f"--exit must be from 0 to 2, not {index}"):
            of_netlist(built, index)
