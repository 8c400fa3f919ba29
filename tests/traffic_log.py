"""Logs of traffic made by hand, for a toy with two exits."""

import numpy as np

from hw.accelerator import registers
from sim.accelerator.traffic import Kind, Log
from tests import toy

SHAPE = {"exits": 2, "thresholds": (900,)}
IMAGES = toy.images(8, seed=2)


def layers(netlist):
    """What :func:`sim.accelerator.ledger.audit` wants to know of the toy's layers."""
    return lambda images: (toy.logits(images, netlist), {})


def word(netlist, image, exit_, number, *, cycles=20, final=1, **changes):
    """The result word of an image that leaves at an exit, with id ``number``; ``changes`` are fields that are wrong."""
    logits = toy.logits(IMAGES[image:image + 1], netlist)[exit_][0]
    values = {"id": number, "label": int(logits.argmax()), "exit": exit_, "confidence": int(logits.max()), "cycles": cycles, "final": final}
    return sum((values | changes)[item.name] % (1 << item.width) << item.offset for item in netlist.result.fields)


def written(netlist, cycle, name, value, strobe=15):
    """A record of a write."""
    offset = name if isinstance(name, int) else next(item.offset for item in registers(netlist) if item.name == name)
    return (Kind.WRITE, cycle, offset, (value & 0xFFFFFFFF) | strobe << 32)


def image(cycle, number, held=-1):
    """Records of an image that begins."""
    return [(Kind.IMAGE, cycle, number, held), (Kind.ENTERED, cycle + 6, 0, 0)]


def result(cycle, value, last=False, since=None):
    """A record of a result that was taken in ``cycle``, and on offer ``since``."""
    return (Kind.RESULT, cycle, value - (value >> 63 << 64), 2 * (cycle if since is None else since) + last)


def log(records):
    """A log of records in the order of their cycles."""
    return Log(np.array(sorted([*records, (Kind.END, 10_000, 0, 0)], key=lambda record: record[1]), np.int64).reshape(-1, 4))
