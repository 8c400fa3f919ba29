"""Accelerators for a storm of traffic, and what happens to them: scripts of random stalls, resets and register writes."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hw.accelerator import registers
from hw.netlist import Netlist
from quant_models.exits.policies import Head, integer_threshold, policy
from sim.accelerator.in_force import CHECK_TLAST, CLEAR, DISCARD, SOFT_RESET
from sim.accelerator.rulings import Pool
from sim.accelerator.traffic import Drain, Event, Go, Halt, Images, Pause, Read, Reset, Stall, Tlast, Write

__all__ = ["SHAPES", "Values", "script"]

HEAD = Head(classes=3, scale=0.01, logit_bits=12)
SOFTMAX, ENTROPY = (policy(name).constants(HEAD) for name in ("softmax", "entropy"))
RUNS = {"id_bits": 8, "run_bits": 3}
BIASES = ((0, 5, -9), (-40, 0, 3), (7, 0, 0), (0, 60, 0), (0, 0, 30), (0, 0, 0))
NOWHERE = 0xF0
"""An offset without a register."""
TAUS = (0.34, 0.36, 0.4, 0.45, 0.5, 0.6, 0.8)


def _by_class(score: str, params: Mapping[str, Any], thresholds: Sequence[int]) -> dict[str, Any]:
    return {"score": score, "score_params": dict(params), "thresholds": list(thresholds)}


OF_SOFTMAX = _by_class("softmax", SOFTMAX, [integer_threshold("softmax", tau, HEAD, SOFTMAX) for tau in (0.45, 0.5, 0.36)])
ARRIVAL = {"exits": 3, "thresholds": (920, 880), "biases": BIASES[:3]}
SCORES = {"exits": 4, "biases": BIASES[:4], "paces": (4,) * 4, "max_in_flight": 16, "policies": ("margin", "entropy", "softmax"),
          "params": ({}, ENTROPY, SOFTMAX), "thresholds": (100, integer_threshold("entropy", 0.9, HEAD, ENTROPY),
                                                           integer_threshold("softmax", 0.5, HEAD, SOFTMAX))}
CHAIN = {"exits": 6, "biases": BIASES, "paces": (4,) * 6, "max_in_flight": 16, "thresholds": (900, 2, 2, 0, 1),
         "policies": ("gate", "patience", "patience", "class_threshold", "patience"),
         "params": ({"gate_bits": 11}, {**RUNS, "first": True}, RUNS, OF_SOFTMAX, {**RUNS, "first": True})}
CLASSES = {"exits": 3, "biases": BIASES[:3], "policies": ("class_threshold", "class_threshold"), "thresholds": (0, 0), "paces": (2, 3),
           "params": (_by_class("max_logit", {}, (920, 900, 880)), _by_class("margin", {}, (100, 60, 200)))}
RUNS_BY_CLASS = {"exits": 4, "biases": BIASES[:4], "paces": (4,) * 4, "policies": ("class_threshold",) * 3, "thresholds": (0, 0, 0),
                 "params": (_by_class("patience", {**RUNS, "first": True}, (2, 2, 1)), _by_class("patience", RUNS, (2, 1, 2)),
                            _by_class("patience", RUNS, (3, 2, 2)))}

SHAPES: dict[str, dict[str, Any]] = {
    "arrival": ARRIVAL,
    "input order": {"exits": 2, "thresholds": (900,), "order": "input", "result_bits": 32, "bus_bits": 64, "paces": (3,)},
    "anytime": {**ARRIVAL, "anytime": True},
    "scores": SCORES,
    "chain": CHAIN,
    "chain, anytime": {**CHAIN, "anytime": True},
    "class thresholds": CLASSES,
    "class thresholds, input order": {**CLASSES, "order": "input", "max_in_flight": 5},
    "class thresholds, anytime": {**CLASSES, "anytime": True, "result_bits": 32},
    "class thresholds of runs": RUNS_BY_CLASS,
    "three words an image, one inside": {"exits": 2, "thresholds": (900,), "bus_bits": 128, "max_in_flight": 1, "paces": (4,)},
    "ids that come round": {"exits": 2, "thresholds": (900,), "result_bits": 32, "paces": (20,), "max_in_flight": 12},
}
"""Toy accelerators (``tests.toy.build``) by what is special in them."""


@dataclass(frozen=True)
class Values:
    """What may be written to an accelerator's registers: names and values that make a difference, of thresholds around the scores. And
    ``offsets``: of all its registers and one that is none's; ``writable``: names of those that may be written."""

    thresholds: Mapping[str, Sequence[int]]
    exits: int
    classes: int
    lengths: Sequence[int]
    offsets: Sequence[int]
    writable: Sequence[str]

    @classmethod
    def of(cls, netlist: Netlist, pool: Pool, lengths: Sequence[int] = (0, 1, 1, 2, 3, 7, 17, 40)) -> "Values":
        """Those of ``netlist``, for images of which ``pool`` knows the scores."""
        found: dict[str, Sequence[int]] = {}
        for item in netlist.exits[:-1]:
            name = item.params["score"] if item.policy == "class_threshold" else item.policy
            if name == "patience":
                values = list(range(5))
            elif name in ("softmax", "entropy"):
                constants = SOFTMAX if name == "softmax" else ENTROPY
                taus = TAUS if name == "softmax" else tuple(1.2 * tau for tau in TAUS)
                values = [integer_threshold(name, tau, HEAD, constants) for tau in taus]
            else:
                values = [int(value) for value in np.quantile(pool.confidence[item.index], np.linspace(0.05, 0.95, 9))]
            found[f"THRESHOLD_{item.index}"] = [*values, -(1 << 31), (1 << 31) - 1]
        declared = registers(netlist)
        return cls(found, len(netlist.exits), netlist.classes, lengths, [*(item.offset for item in declared), NOWHERE],
                   [item.name for item in declared if item.access == "rw"])


def script(values: Values, images: int, seed: int) -> list[Event]:
    """Events in which ``images`` images or some more begin, the last ones to their end. Blocks with steady rules and such with writes at
    any time follow each other; between them everything is waited for, or a reset comes of any kind, in any cycle."""
    draw = random.Random(seed)
    events: list[Event] = [*_programmed(draw, values), Go()]
    sent = 0
    while sent < images:
        events += [_stalls(draw), Tlast(draw.choice([1, 1, 0, -1]))]
        busy, block = draw.random() < 0.5, draw.randrange(10, 160)
        while block > 0:
            step = draw.randrange(1, 40)
            block, sent = block - step, sent + step
            events.append(Images(step))
            if busy or draw.random() < 0.2:
                events += [_write(draw, values) for _ in range(draw.choice([1, 1, 2, 5]))]
            if draw.random() < 0.2:
                events.append(Read(draw.choice(values.offsets), delay=draw.randrange(60)))
        events += _end(draw, values)
    return [*events, Stall(), Pause(), *_drained(draw, values)]


def _stalls(draw: random.Random) -> Stall:
    if draw.random() < 0.25:
        return Stall()
    return Stall(draw.choice([0, 0.1, 0.3, 0.6, 0.9]), draw.choice([0, 0.1, 0.3, 0.6, 0.9, 0.97]))


def _late(draw: random.Random) -> dict[str, int]:
    """Address, data and the taking of the answer, apart."""
    apart = [draw.choice([0, 0, 0, 1, 2, draw.randrange(40)]) for _ in range(3)]
    return {"address_after": apart[0], "data_after": apart[1], "answer_after": apart[2], "delay": draw.choice([0, 1, draw.randrange(150)])}


def _write(draw: random.Random, values: Values) -> Event:
    """Any write but one that resets."""
    kind = draw.random()
    late: Any = _late(draw)
    if kind < 0.4:
        name = draw.choice(list(values.thresholds))
        if draw.random() < 0.1:
            return Write(name, draw.getrandbits(32), draw.randrange(16), **late)
        return Write(name, draw.choice(values.thresholds[name]), **late)
    if kind < 0.7:
        return Write("BATCH_LENGTH", draw.choice(values.lengths), draw.choice([15, 15, 15, draw.randrange(16)]), **late)
    exit_ = draw.randrange(values.exits)
    if kind < 0.8:
        return Write(f"ENABLE_{exit_}", draw.choice([0, 1, 1, 1]), draw.choice([15, 15, draw.randrange(16)]), **late)
    if kind < 0.92:
        value = draw.choice([0, 0, 0, 1, 2]) | draw.randrange(values.classes + 1) << 16
        return Write(f"MODE_{exit_}", value, draw.choice([15, 15, 1, 4, 12]), **late)
    if kind < 0.97:
        return Write("CONTROL", draw.choice([CLEAR, CHECK_TLAST, CLEAR | CHECK_TLAST, DISCARD, 0]), **late)
    others: list[str | int] = ["VERSION", "SAMPLES_IN", "STATUS", NOWHERE, 0x0D]
    return Write(draw.choice(others), draw.getrandbits(32) & ~SOFT_RESET, **late)


def _programmed(draw: random.Random, values: Values) -> list[Event]:
    """A length, and mostly the policies in force, with thresholds that part the images."""
    events: list[Event] = [Write("BATCH_LENGTH", draw.choice(values.lengths)), Write("CONTROL", draw.choice([0, CHECK_TLAST]))]
    if draw.random() < 0.7:
        for name, choice in values.thresholds.items():
            number = name.split("_")[1]
            events += [Write(f"ENABLE_{number}", 1), Write(f"MODE_{number}", draw.randrange(values.classes) << 16),
                       Write(name, draw.choice(choice[:-2]))]
    return events


def _drained(draw: random.Random, values: Values) -> list[Event]:
    """Waits for everything, and looks whether the registers say so."""
    names = ["STATUS", "SAMPLES_IN", "SAMPLES_OUT", *(f"EXIT_COUNT_{k}" for k in range(values.exits))]
    return [Drain(), Read(draw.choice(values.writable), delay=60), *(Read(name) for name in names)]


def _end(draw: random.Random, values: Values) -> list[Event]:
    """How a block of traffic ends, and what is set for the next one."""
    kind = draw.random()
    soft = SOFT_RESET | draw.choice([0, 0, DISCARD, CHECK_TLAST, CLEAR])
    late: Any = _late(draw)
    if kind < 0.45:
        cleared = [Write("CONTROL", CLEAR | draw.choice([0, CHECK_TLAST]))] if draw.random() < 0.4 else []
        return [Pause(), *_drained(draw, values), *cleared, *(_programmed(draw, values) if draw.random() < 0.7 else []), Go()]
    if kind < 0.6:
        # The source goes on: a word on offer is the first one of the next image.
        return [Write("CONTROL", soft, **late), *(_programmed(draw, values) if draw.random() < 0.5 else [])]
    if kind < 0.75:
        # As the documents have it, and the DMA that feeds it is reset before.
        events: list[Event] = [Halt(delay=draw.randrange(40)), Write("CONTROL", soft, **late), Read("STATUS", delay=draw.randrange(20))]
        if draw.random() < 0.3:
            events.append(Write("CONTROL", DISCARD, delay=draw.randrange(60)))
        return [*events, *(_programmed(draw, values) if draw.random() < 0.5 else []), Go(delay=draw.randrange(30))]
    if kind < 0.87:
        # Again before, while, or after the first one is over.
        again = [Write("CONTROL", SOFT_RESET | draw.choice([0, 0, DISCARD]), delay=draw.choice([0, 1, draw.randrange(60)]))
                 for _ in range(draw.choice([1, 1, 2]))]
        return [Write("CONTROL", soft, **late), *again]
    # What is under way on AXI4-Lite then is given up.
    before = [_write(draw, values)] if draw.random() < 0.5 else [Write("CONTROL", soft, **late)] if draw.random() < 0.5 else []
    reset = Reset(draw.choice([1, 1, 2, 5, 16, 30]), delay=draw.randrange(60))
    return [*before, reset, *(_programmed(draw, values) if draw.random() < 0.8 else [])]
