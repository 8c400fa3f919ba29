"""Claims about ExitDecision."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from amaranth.hdl import Array, Cat, Const, Mux, Signal, Value, signed
from amaranth.lib import data

from hw.exits.decision import ExitDecision, Mode
from hw.proofs.contract import Harness, Proof, keeps_contract, kept, level, offers_fairly, took

__all__ = ["PROOFS", "describe"]


@dataclass(frozen=True, kw_only=True)
class _Sample:
    """What the result of a sample is made of: its logits with biases, their greatest and second, the threshold, and what a stream of the
    policy's own gave: the gate's logit, or how many exits agree."""

    logits: Sequence[Value]
    greatest: Value
    second: Value
    threshold: Value
    own: Value


# By policy, the condition to leave and the confidence, before it is limited to its range.
_Rule = Callable[[_Sample], tuple[Value, Value]]


def _softmax(exponentials: Sequence[int], s: _Sample) -> tuple[Value, Value]:
    total = sum((Array(Const(e) for e in exponentials)[(s.greatest - z).as_unsigned()] for z in s.logits), Const(0))
    return total <= s.threshold, total


_RULES: dict[str, _Rule] = {
    "always": lambda s: (Const(1), s.greatest),
    "max_logit": lambda s: (s.greatest >= s.threshold, s.greatest),
    "margin": lambda s: (s.greatest - s.second >= s.threshold, s.greatest - s.second),
    "gate": lambda s: (s.own >= s.threshold, s.own),
    "patience": lambda s: (s.own >= s.threshold, s.own),
    "never": lambda s: (Const(0), Const(0)),
    # The exponentials of 0 to 3 that _SOFTMAX describes.
    "softmax": partial(_softmax, (4, 3, 2, 1)),
}
_SOFTMAX = {"frac_bits": 2, "exponents": ((0, 1, 2, 4),), "guard_bits": 0, "table_bits": 1, "table": (4, 3)}


def describe(h: Harness, unit: ExitDecision) -> None:
    """One result a sample, in order, after a latency that is counted in cycles in which the unit moves; label, exit and confidence right.

    Assumes a threshold within its range, and of a stream of tokens that a token on offer stays as it is until it is taken. Policies
    ``gate`` and ``patience``: one beat of their stream a sample, taken with the move that brings its result.
    """
    own: Any = getattr(unit, "gate", getattr(unit, "token_i", None))
    tokens: Any = getattr(unit, "token_o", None)
    beat = Signal(range(max(2, unit.beats)), name="beat")
    moves, enters, leaves = unit.logits.ready, took(unit.logits), took(unit.o)
    first, last = enters & (beat == 0), enters & (beat == unit.beats - 1)
    with h.m.If(enters):
        h.m.d.sync += beat.eq(Mux(last, 0, beat + 1))
    h.assume((unit.threshold >= unit.threshold_range[0]) & (unit.threshold <= unit.threshold_range[-1]))
    inside = level(h, last, leaves, "whole_samples_inside", bits=5)

    keeps_contract(h, unit.o, "o")
    free = ~unit.o.valid | unit.o.ready
    h.claim("result_has_a_whole_sample_before_it", ~unit.o.valid | (inside != 0))
    if own is None:
        h.claim("unit_moves_unless_its_result_waits", moves == free)
    else:
        can = own.valid if tokens is None else own.valid & tokens.ready
        h.claim("unit_moves_unless_a_stream_of_its_own_or_its_result_waits", Mux(can, moves == free, ~moves | free))
        result_comes = Signal(name="result_has_come")
        h.m.d.sync += result_comes.eq(took(own))
        h.claim("beats_of_its_own_stream_are_taken_with_results_only", (~result_comes | unit.o.valid) & (~took(own) | moves))
    if tokens is not None:
        offers_fairly(h, own, "token_i")
        keeps_contract(h, tokens, "token_o")
        h.claim("tokens_are_given_with_one_taken", ~tokens.valid | own.valid)
        h.cover("token_is_given_before_the_result_can_move", took(tokens) & ~moves)
    _watch_one(h, unit, moves, beat, first, last, own, tokens)
    h.cover("result_waits", unit.o.valid & ~unit.o.ready & unit.logits.valid)
    h.cover("samples_overlap", (inside != 0) & enters)


def _watch_one(h: Harness, unit: ExitDecision, moves: Value, beat: Value, first: Value, last: Value, own: Any,
               tokens: Any) -> None:
    """Watches one sample, whichever, until its result is on offer."""
    m = h.m
    seen, enters, whole = Signal(name="watched_seen"), Signal(name="watched_enters"), Signal(name="watched_is_whole")
    starts = first & h.free("watch_this_sample", 1) & ~seen
    ours = starts | (enters & ~first)
    logits = _logits(h, unit, ours, beat)
    rule = kept(h, starts, Cat(unit.enable, unit.mode), "watched_rule")
    threshold = kept(h, starts, unit.threshold, "watched_threshold")
    # Moves from the one that takes the last beat on.
    age = Signal(range(unit.latency + 2), name="watched_moves")
    with m.If(starts):
        m.d.sync += seen.eq(1)
    m.d.sync += enters.eq(ours & ~last)
    with m.If(ours & last):
        m.d.sync += [whole.eq(1), age.eq(1)]
    on_offer = whole & (age == unit.latency)
    with m.If(on_offer & took(unit.o)):
        m.d.sync += whole.eq(0)
    with m.Elif(whole & moves):
        m.d.sync += age.eq(age + 1)
    label, greatest, second = _top_two(logits)

    def outcome(value: Value) -> tuple[Value, Value]:
        """Whether the watched sample leaves, and its confidence, given what the policy's own stream gave."""
        leaves, score = _RULES[unit.policy](_Sample(logits=logits, greatest=greatest, second=second, threshold=threshold, own=value))
        return rule[0] & ((rule[1:] == Mode.ALWAYS) | ((rule[1:] == Mode.POLICY) & leaves)), score

    value: Value = Const(0, signed(1))
    if own is not None:
        comes = whole & (age == unit.latency - 1)
        h.claim("beat_of_its_own_stream_is_taken_with_its_sample", ~comes | (own.ready == moves))
        now = own.payload if tokens is None else _run(own.payload, label)
        value = kept(h, took(own) & comes, now, "watched_own")
        if tokens is not None:
            _token(h, tokens, own, moves, comes, label, now, outcome(now)[0])
    exits, confidence = outcome(value)
    low, high = -(1 << (unit.confidence_bits - 1)), (1 << (unit.confidence_bits - 1)) - 1
    limited = Mux(confidence > high, high, Mux(confidence < low, low, confidence))
    h.claim("result_is_on_offer_after_the_latency", ~on_offer | unit.o.valid)
    h.claim("label_is_the_first_of_the_greatest", ~on_offer | (unit.o.p.label == (0 if unit.policy == "never" else label)))
    h.claim("exit_is_what_mode_enable_and_policy_say", ~on_offer | (unit.o.p.exit == exits))
    h.claim("confidence_is_the_score", ~on_offer | (unit.o.p.confidence == limited[:unit.confidence_bits]))
    h.cover("watched_sample_stays", on_offer & unit.o.ready & ~unit.o.p.exit)
    h.cover("watched_sample_leaves", on_offer & unit.o.ready & unit.o.p.exit & (rule[1:] == (Mode.ALWAYS if unit.policy == "never" else 0)))


def _run(token: Any, label: Value) -> Value:
    """How many exits in a row agree on ``label``, if those before say ``token``; as many as the field holds at most."""
    most = (1 << len(token.run)) - 1
    return Mux((token.label == label) & (token.run != 0), Mux(token.run == most, most, token.run + 1), 1)[:len(token.run)]


def _token(h: Harness, tokens: Any, own: Any, moves: Value, comes: Value, label: Value, run: Value, exits: Value) -> None:
    """The watched sample's token goes to the next exit once if it stays, and never if it leaves."""
    given = Signal(name="watched_token_is_given")
    h.m.d.sync += given.eq(comes & ~moves & (given | took(tokens)))
    h.claim("token_is_on_offer_until_it_is_given_if_the_sample_stays", ~comes | (tokens.valid == (own.valid & ~exits & ~given)))
    h.claim("no_sample_goes_on_without_its_token", ~(comes & moves) | exits | given | took(tokens))
    right = (tokens.p.id == own.p.id) & (tokens.p.label == label) & (tokens.p.run == run)
    h.claim("token_says_what_was_found", ~(comes & tokens.valid) | right)


def _logits(h: Harness, unit: ExitDecision, ours: Value, beat: Value) -> list[Value]:
    """The watched sample's logits, biases added."""
    lanes = data.View(data.ArrayLayout(signed(unit.acc_bits), unit.pe), unit.logits.payload)
    logits = []
    for c in range(unit.classes):
        stored = kept(h, ours & took(unit.logits) & (beat == c // unit.pe), lanes[c % unit.pe], f"watched_logit{c}")
        logits.append(stored + unit.bias[c])
    return logits


def _top_two(logits: Sequence[Value]) -> tuple[Value, Value, Value]:
    """The class of the greatest logit, the lowest of equals; the greatest, and the greatest of the others."""
    label: Value = Const(0)
    greatest, second = logits[0], logits[1]
    for c, logit in enumerate(logits[1:], 1):
        behind = logit if c == 1 else Mux(logit > second, logit, second)
        second = Mux(logit > greatest, greatest, behind)
        label, greatest = Mux(logit > greatest, c, label), Mux(logit > greatest, logit, greatest)
    return label, greatest, second


def _make(policy: str, classes: int, pe: int, bits: int, bias: bool) -> ExitDecision:
    params: dict[str, dict[str, Any]] = {"gate": {"gate_bits": 2}, "patience": {"id_bits": 1, "run_bits": 2}, "softmax": _SOFTMAX}
    return ExitDecision(classes=classes, pe=pe, acc_bits=bits, bias=[c % 2 - 2 * (c == 2) if bias else 0 for c in range(classes)],
                        policy=policy, params=params.get(policy, {}), confidence_bits=3 if policy != "softmax" else 5)


PROOFS = tuple(
    Proof(unit="exit_decision", variant=f"{policy}, {classes} classes, pe {pe}{', bias' if bias else ''}{', reset' if reset else ''}",
          reset=reset, depth=depth, text="label, exit, confidence right; constant latency",
          make=partial(_make, policy, classes, pe, bits, bias), describe=describe)
    for policy, classes, pe, bits, bias, depth, reset in (
        ("always", 2, 2, 2, False, 6, False),
        ("never", 2, 1, 2, False, 6, False),
        ("max_logit", 2, 1, 3, False, 8, False),
        ("max_logit", 2, 1, 3, False, 8, True),
        ("max_logit", 3, 3, 2, True, 8, False),
        ("max_logit", 4, 2, 2, True, 10, False),
        ("margin", 3, 1, 2, False, 10, False),
        ("gate", 2, 1, 2, False, 8, False),
        ("gate", 2, 2, 2, False, 8, True),
        ("patience", 2, 2, 2, False, 8, False),
        ("patience", 2, 2, 2, False, 8, True),
        ("softmax", 2, 1, 2, False, 20, False),
    )
)
