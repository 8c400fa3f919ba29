"""Plausible artefacts of a digits run, for the tests of the report."""

import itertools
from collections.abc import Sequence

import numpy as np

from build_flows.artefacts.simulation import ExitFigures, Figures, SampleRecord
from build_flows.base.parts import find_part
from build_flows.pages.report_data import CountedStream, ReportData
from build_flows.project.load import parse
from build_flows.project.template import template
from hw import netlist as nl
from quant_models.exits.records import Calibration, ExitRecord, ExitsFile, Wanted
from quant_models.judge.records import TradeoffCurve, TradeoffPoint
from quant_models.training.records import ExitMetrics, InputRecord, MetricsFile, TakenRecord

LAYERS = [
    # name, stage, head, cycles, folding, DSP, LUT
    ("stage0_conv0", 0, False, 100, {"pe": 4, "simd": 9, "parallel_window": 1}, 12, 700),
    ("head0_fc0", 0, True, 80, {"pe": 2, "simd": 8}, 8, 420),
    ("stage1_conv0", 1, False, 288, {"pe": 4, "simd": 12, "parallel_window": 0}, 16, 900),
    ("stage1_pool0", 1, False, 64, {"pe": 4}, 0, 90),
    ("head1_fc0", 1, True, 256, {"pe": 1, "simd": 10}, 4, 300),
    ("stage2_conv0", 2, False, 576, {"pe": 4, "simd": 8, "parallel_window": 0}, 11, 800),
    ("head2_fc0", 2, True, 320, {"pe": 1, "simd": 1}, 1, 60),
]


def netlist() -> nl.Netlist:
    """A three-exit accelerator."""
    layers = tuple(
        nl.Layer(
            name=name,
            op="MVAU" if "pool" not in name else "MaxPool",
            stage=stage,
            head=head,
            instances=(),
            inputs=(),
            outputs=(),
            folding=folding,
            cycles=cycles,
            in_beats=64,
            out_beats=64,
            cost={"dsp": dsp, "lut": lut, "ff": lut * 1.4, "bram18": 1.0},
            finn={"dsp": dsp + 3, "lut": lut * 1.2, "bram18": 2, "cycles": cycles} if dsp else {},
        )
        for name, stage, head, cycles, folding, dsp, lut in LAYERS
    )
    policies = (("softmax", 69905, 0.031), ("max_logit", 41, 0.052), ("always", 0, 0.02))
    return nl.Netlist(
        name="digits",
        part="xc7z020clg400-1",
        clock_mhz=100.0,
        classes=10,
        order="arrival",
        max_in_flight=32,
        input=nl.Input(height=8, width=8, channels=1, bits=8, signed=False, bus_bits=32, beat_bits=8, frame_beats=64),
        result=nl.Result(bits=64, fields=()),
        stages=tuple(
            nl.Stage(index=k, reach=reach, target_cycles=cycles) for k, (reach, cycles) in enumerate([(1.0, 128), (0.35, 292), (0.12, 853)])
        ),
        layers=layers,
        streams=(
            nl.Stream(name="input_to_stage0_conv0", src=("input", 0), dst=("stage0_conv0", 0), bits=8, frame_beats=64, depth=2),
            nl.Stream(name="stage0_a", src=("stage0_conv0", 0), dst=("head0_fc0", 0), bits=16, frame_beats=64, depth=32),
            nl.Stream(name="stage1_b", src=("stage1_conv0", 0), dst=("stage1_pool0", 0), bits=64, frame_beats=64, depth=2),
            nl.Stream(name="wire", src=("stage1_pool0", 0), dst=("head1_fc0", 0), bits=64, frame_beats=16, depth=0),
            nl.Stream(name="logits", src=("head0_fc0", 0), dst=("exit0", 0), bits=14, frame_beats=10, depth=2),
        ),
        gates=tuple(
            nl.Gate(exit=k, src=("fork", 1), dst=("next", 0), bits=32, frame_beats=64, frames=frames) for k, frames in enumerate((6, 4))
        ),
        exits=tuple(
            nl.Exit(index=k, policy=policy, classes=10, pe=1, acc_bits=14, bias=(0,) * 10, threshold=threshold, enabled=True, scale=scale)
            for k, (policy, threshold, scale) in enumerate(policies)
        ),
    )

def sample_data(leave: Sequence[float] = (0.65, 0.23, 0.12), count: int = 360) -> ReportData:
    """Plausible artefacts of a digits run."""
    random = np.random.default_rng(1)
    taken = random.choice(3, count, p=list(leave))
    first = np.arange(count) * 131
    took = np.array([240, 610, 1450])[taken] + random.gamma(2, 40, count).astype(int)
    right = [0.99, 0.96, 0.9]
    shares = [float((taken == k).mean()) for k in range(3)]
    names = [layer[0] for layer in LAYERS]
    streams = [
        CountedStream(name=f"{a}__{b}", depth=32, most=int(random.integers(2, 31)), stalls=int(random.integers(0, 9000)),
                      cycles=count * 131)
        for a, b in itertools.pairwise(names)
    ]
    streams += [CountedStream(name="gate0", depth=6, most=4, stalls=12, cycles=count * 131), CountedStream(name="results")]
    share = np.linspace(0, 1, 40)
    return ReportData(
        config=parse(template("digits", cycles=128).replace("clock_mhz = 125.0", "clock_mhz = 100.0")),
        results=Figures(
            samples=count,
            agree=count,
            accuracy=0.9722,
            exits=[ExitFigures(share=s, accuracy=a if s else None, latency_median=None) for s, a in zip(shares, right, strict=True)],
            cycles_per_sample=131.2,
            clock_mhz=100.0,
            samples_per_second=762195.1,
            limited_by="stage0_conv0",
            sim_cycles_per_second=2_140_000.0,
            cycles=131 * count,
            stages=[],
        ),
        netlist=netlist(),
        exits=exits(),
        samples=[
            SampleRecord(id=k, label=0, exit=exit, confidence=0, cycle_in=start, cycle_out=start + cycles)
            for k, (exit, start, cycles) in enumerate(zip(taken.tolist(), first.tolist(), took.tolist(), strict=True))
        ],
        streams=streams,
        metrics=metrics(),
        curves=[
            TradeoffCurve(
                exit=k,
                threshold=list(range(40)),
                share=share.tolist(),
                accuracy=(0.976 - (0.05 - 0.02 * k) * share**4).tolist(),
                at=TradeoffPoint(share=0.6, accuracy=0.973),
            )
            for k in range(2)
        ],
        part=find_part("pynq-z2"),
        made={
            "Command": {"command": "offramp run examples/digits.toml"},
            "Versions": {"offramp": "0.1.0", "finn-plus": "1.6.1"},
            "Seeds": {"train": 1},
        },
    )


def exits() -> ExitsFile:
    """The exits of :func:`netlist` as calibration left them."""
    entries = [
        ExitRecord(index=k, policy=p, threshold=1, enabled=True, scale=0.1, params={}, reach=1.0, leave=s, accuracy=0.97)
        for k, (p, s) in enumerate(zip(("softmax", "max_logit", "always"), (0.64, 0.24, 0.12), strict=True))
    ]
    return ExitsFile(exits=entries, calibration=Calibration(
        wanted=Wanted(accuracy_loss=0.005), samples=144, accuracy=0.974, last_exit_accuracy=0.978, exit_accuracy=[0.92, 0.96, 0.978],
        real_thresholds={"0": 0.937}, epsilon={},
    ))


def metrics(epochs: int = 40, taken: TakenRecord | None = None) -> MetricsFile:
    """What a training of so many ``epochs`` left, or weights that were ``taken``."""
    history = [[ExitMetrics(accuracy=0.98 - 0.5 / (e + 1) - 0.03 * (2 - k), loss=1.0) for k in range(3)] for e in range(epochs)]
    return MetricsFile(
        data="digits", input=InputRecord(shape=(8, 8, 1), names=[], scale=None), settings=None, exits=history[-1] if history else [],
        history=history, train_samples=1000, validation_samples=144, **({} if taken is None else {"taken": taken}),
    )
