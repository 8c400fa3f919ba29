"""What must not go wrong, on an accelerator of real FINN layers: stalls, batches, resets, rewritten thresholds."""

import json

import numpy as np
import pytest

from build_flows.base.ui import SilentUi
from build_flows.project.load import load as load_config
from build_flows.steps import flow
from hw.netlist import load
from sim import golden
from sim.accelerator.agreement import agree
from sim.accelerator.bench import AcceleratorBench
from sim.accelerator.identity import positions
from sim.accelerator.run import expected_ids, simulate
from sim.accelerator.scenario import Cycles, Read, Reset, Results, Send, Sent, Stall, Write
from sim.result_word import unpack
from tests.build_flows.projects import project

pytestmark = pytest.mark.cosim

ALWAYS, NEVER = {"THRESHOLD_0": 2**31 - 1, "THRESHOLD_1": -(2**31)}, {"ENABLE_0": 0, "ENABLE_1": 0}


class Real:
    """The tiny project's accelerator, its golden model and its images."""

    def __init__(self, project):
        self.netlist = load((project.output / "netlist.json").read_text())
        self.rtl = project.output / "rtl"
        self.cache = project.output.parent / ".models"
        self.exits = json.loads((project.output / "exits.json").read_text())
        with np.load(project.data, allow_pickle=False) as data:
            self.images = np.concatenate([data["x_train"], data["x_test"]])
        self.logits = golden.load(project.output / "golden.npz").run(self.images)
        self.fields = {item.name: item for item in self.netlist.result.fields}

    def decide(self, pick, **changes):
        """Golden decisions of the images ``pick``; ``changes`` of exits as ``exit0={...}``."""
        raw = json.loads(json.dumps(self.exits))
        for key, values in changes.items():
            raw["exits"][int(key.removeprefix("exit"))].update(values)
        return golden.decide([values[pick] for values in self.logits], golden.parse_exits(raw))

    def simulate(self, pick, work, batches, **options):
        return simulate(self.netlist, self.rtl, self.images[pick], work=work, cache=self.cache, batches=batches, **options)

    def same(self, wanted, found, batches):
        ids = expected_ids(batches, self.fields["id"].width)
        return agree(wanted, found, confidence=self.fields["confidence"], ids=ids).all()

    def received(self, results, batches):
        found = unpack([word for _, _, word in results], self.netlist.result)
        order = positions(found["id"].tolist(), [last for _, last, _ in results], batches, self.fields["id"].width)
        return type("Received", (), {name: values[np.argsort(order)] for name, values in found.items()})


@pytest.fixture(scope="module")
def real(tiny):
    return Real(tiny)


@pytest.mark.slow
@pytest.mark.parametrize("stall", [0.0, 0.3, 0.9])
def test_stalls_and_batches(real, tmp_path, stall):
    batches = [1, 2, 17, 1, 1, 2, 17]
    pick = np.arange(sum(batches))
    result = real.simulate(pick, tmp_path, batches, stall_in=stall, stall_out=stall, seed=3)
    assert real.same(real.decide(pick), result, batches)
    assert set(result.exit.tolist()) == {0, 1, 2}
    assert result.registers["SAMPLES_IN"] == result.registers["SAMPLES_OUT"] == len(pick)


@pytest.mark.slow
def test_a_batch_of_a_thousand(real, tmp_path):
    pick = np.random.default_rng(1).integers(0, len(real.images), 1000)
    result = real.simulate(pick, tmp_path, [1000])
    assert real.same(real.decide(pick), result, [1000])
    counts = [result.registers[f"EXIT_COUNT_{k}"] for k in range(3)]
    assert counts == np.bincount(result.exit, minlength=3).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["easy", "hard", "alternating", "bursts"])
def test_kinds_of_traffic(real, tmp_path, kind):
    taken = real.decide(np.arange(len(real.images))).exit
    easy, hard = np.flatnonzero(taken == 0), np.flatnonzero(taken == 2)
    assert len(easy) > 40
    assert len(hard) > 10
    pattern = {"easy": [0], "hard": [1], "alternating": [0, 1], "bursts": [0] * 16 + [1] * 16}[kind]
    pick = np.array([(easy, hard)[flag][n % len((easy, hard)[flag])] for n, flag in enumerate((pattern * 96)[:96])])
    result = real.simulate(pick, tmp_path, [96])
    assert real.same(real.decide(pick), result, [96])


@pytest.mark.slow
def test_switches_send_everything_one_way(real, tmp_path):
    pick = np.arange(40)
    result = real.simulate(pick, tmp_path, [40], writes=NEVER)
    assert (result.exit == 2).all()
    assert real.same(real.decide(pick, exit0={"enabled": False}, exit1={"enabled": False}), result, [40])
    result = real.simulate(pick, tmp_path, [40], writes=ALWAYS)  # softmax leaves below its threshold, max_logit above
    assert (result.exit == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize(("cycles", "when"), [(1, 3), (2, 7), (16, 11)])
def test_a_reset_in_the_middle_of_a_batch(real, tmp_path, cycles, when):
    bench = AcceleratorBench(real.netlist, real.rtl, real.cache)
    words = bench.image_words
    trace = bench.run(real.images[:60], [
        Reset(), Stall(0.2, 0.2), Write("BATCH_LENGTH", 40), Send(0, 40 * words), Results(when), Reset(cycles), Write("BATCH_LENGTH", 20),
        Cycles(50), Send(40, 20 * words), Sent(), Results(20), Read(),
    ], work=tmp_path)
    fresh = trace.after(5)
    assert len(fresh) == 20
    assert real.same(real.decide(np.arange(40, 60)), real.received(fresh, [20]), [20])


@pytest.mark.slow
@pytest.mark.parametrize("cut", [1, 9])
def test_soft_reset_after_a_batch_cut_short(real, tmp_path, cut):
    bench = AcceleratorBench(real.netlist, real.rtl, real.cache)
    words = bench.image_words
    trace = bench.run(real.images[:60], [
        Reset(), Write("BATCH_LENGTH", 30), Send(0, 10 * words + cut), Sent(), Cycles(20_000), Send(0, 0), Write("CONTROL", 1), Cycles(40),
        Write("BATCH_LENGTH", 30), Send(30, 30 * words), Sent(), Results(30), Read(),
    ], work=tmp_path)
    fresh = trace.after(7)
    assert len(trace.results) == 40
    assert real.same(real.decide(np.arange(30, 60)), real.received(fresh, [30]), [30])
    assert trace.snapshots[0]["SAMPLES_IN"] == trace.snapshots[0]["SAMPLES_OUT"] == 30


@pytest.mark.slow
def test_windows_of_sensors_run_through_1d_layers(tmp_path, model_cache):
    """Digits as windows of 16 samples on 4 channels: all of them through the RTL of ``har``, with stalls and without."""
    made = project(tmp_path, model_cache, preset='"har"', epochs="1", cycles_per_sample="64")
    made.file.write_text(made.file.read_text().replace('"npz"', '"sensors"'))
    made = load_config(made.file)
    with np.load(made.data, allow_pickle=False) as found:
        arrays = {key: found[key].reshape(-1, 16, 4) / 8 - 3 if key[0] == "x" else found[key] for key in found}
    np.savez(made.data, **arrays)
    for options in ({}, {"stall": 0.5, "seed": 3}):
        answer = flow.simulate(made, SilentUi(), samples=40, **options)
        assert (answer.samples, answer.agree) == (40, 40)
    layers = {layer.name for layer in load((made.output / "netlist.json").read_text()).layers}
    assert {"stage0_conv0_pad", "stage0_conv0_swg", "stage0_pool0", "head2_gap0"} <= layers
    assert golden.load(made.output / "golden.npz").shape == (16, 1, 4)
