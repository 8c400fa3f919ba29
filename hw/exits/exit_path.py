"""One exit of the accelerator: its decision, what follows from it, and the gate to the next stage."""

from collections.abc import Callable
from typing import Any

from amaranth.hdl import Module, Value
from amaranth.lib import data, wiring
from amaranth.utils import ceil_log2

from hw.exits.control import apply_control
from hw.exits.decision import ExitDecision
from hw.exits.frame_gate import FrameGate
from hw.exits.gate_group import GateGroup
from hw.exits.result_queue import ResultQueue
from hw.exits.router import ExitRouter, result_layout
from hw.netlist import Netlist
from hw.placing import place
from hw.streams.join import join_bits, queue
from hw.streams.skid import Skid

__all__ = ["RESULT_DEPTH", "ExitPath", "exit_decision", "label_bits", "result_depth"]

RESULT_DEPTH = 4
"""Results an exit may have waiting at the merge before its decisions wait too. (Where every exit answers: the last exit's; of an early
one as many as samples may be inside, so that none waits for results of the batch before.)"""


def result_depth(netlist: Netlist, index: int) -> int:
    """Results of exit ``index`` that may wait at the merge."""
    early = index < len(netlist.exits) - 1
    return max(RESULT_DEPTH, netlist.max_in_flight) if netlist.anytime and early else RESULT_DEPTH


def label_bits(classes: int) -> int:
    """Width of the number of one of ``classes`` classes."""
    return max(1, int(ceil_log2(classes)))


def exit_decision(netlist: Netlist, index: int) -> ExitDecision:
    """The decision of exit ``index``."""
    item = netlist.exits[index]
    return ExitDecision(classes=item.classes, pe=item.pe, acc_bits=item.acc_bits, bias=item.bias, policy=item.policy, params=item.params,
                        exchangeable=netlist.exchangeable)


class ExitPath:
    """Places exit ``index`` of ``netlist`` in module ``m``: ``unit`` as ``decision<k>``, with ``decided<k>`` behind it, which keeps a
    decision that cannot go on, so that the clock enable of ``unit`` hangs on nothing beyond; ``router<k>`` and the queue ``results<k>``;
    unless it is the last one, also ``gate<k>`` with the FIFO ``verdicts<k>`` before it, and the FIFO ``tokens<k + 1>`` of the samples that
    go on.

    Every sample whose logits came takes the next of ``tokens``. It becomes a result (with ``netlist.anytime`` in any case), or its token
    goes on and its frame with it. A sample that can do neither waits, its decision
    made, and in the end the logits of later ones with it. ``wrap`` is that of :func:`hw.placing.place`.

    Parameters
    ----------
    unit : the exit's decision
    token : layout of a token
    tokens : stream of the tokens of the samples that reach this exit, in their order
    control : ``ExitControl``

    Attributes
    ----------
    decision : the ports of ``unit``: ``logits`` and the policy's own streams are for the caller to join
    results : the samples that leave here, stream of ``{token, label, confidence}``; in order ``arrival``, where there are other exits too,
        those of the batch going on alone (:class:`ResultQueue`)
    results_level : how many of them wait
    batch_ends : for the caller to drive, high for one cycle with the last result of a batch, where results wait for it; else None
    taken : high in each cycle in which a sample leaves here
    passed : stream of the tokens of samples that go on, as bits; None at the last exit
    gate : the ports of the ``FrameGate``, or where the cut has several tensors of the ``GateGroup``; None at the last exit
    gate_in, gate_out : frames into it and those that go on, a stream for each tensor
    """

    def __init__(self, m: Module, netlist: Netlist, index: int, unit: ExitDecision, *, token: data.StructLayout, tokens: Any, control: Any,
                 wrap: Callable[[Any], Any]) -> None:
        k, last = index, index == len(netlist.exits) - 1
        self.decision: Any = place(m, f"decision{k}", unit, wrap)
        apply_control(m, control, unit, self.decision)
        router = place(m, f"router{k}", ExitRouter(
            token=token, label_bits=label_bits(netlist.classes), confidence_bits=unit.confidence_bits, last=last,
            anytime=netlist.anytime), wrap)
        decided = place(m, f"decided{k}", Skid(len(Value.cast(self.decision.o.payload))), wrap)
        join_bits(m, self.decision.o, decided.i)
        join_bits(m, decided.o, router.decision)
        join_bits(m, tokens, router.token)
        depth = result_depth(netlist, k)
        # Of one exit alone results come in the order of their batches: the merge takes them as they are.
        fenced = netlist.order == "arrival" and len(netlist.exits) > 1
        if fenced:
            layout = result_layout(token, label_bits=label_bits(netlist.classes), confidence_bits=unit.confidence_bits,
                                   anytime=netlist.anytime)
            results = place(m, f"results{k}", ResultQueue(layout, depth), wrap)
            join_bits(m, router.result, results.i)
        else:
            results = queue(m, f"results{k}", router.result, depth, wrap)
        self.batch_ends: Any = results.ends if fenced else None
        self.results: Any = results.o
        self.results_level: Value = results.level
        self.taken: Value = router.taken
        self.passed: Any = None
        self.gate: Any = None
        self.gate_in: list[Any] = []
        self.gate_out: list[Any] = []
        if not last:
            gate, *others = netlist.cuts[k]
            if others:
                group = GateGroup([(item.bits, item.frame_beats) for item in netlist.cuts[k]], gate.frames)
                self.gate = place(m, f"gate{k}", group, wrap)
                self.gate_in, self.gate_out = ([getattr(self.gate, f"{side}{n}") for n in range(1 + len(others))] for side in "io")
            else:
                self.gate = place(m, f"gate{k}", FrameGate(gate.bits, gate.frame_beats, gate.frames), wrap)
                self.gate_in, self.gate_out = [self.gate.i], [self.gate.o]
            verdicts = queue(m, f"verdicts{k}", router.keep, gate.frames + 1, wrap)
            wiring.connect(m, verdicts.o, self.gate.keep)
            self.passed = queue(m, f"tokens{k + 1}", router.passed, netlist.max_in_flight, wrap).o
