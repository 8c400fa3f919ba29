"""What is said of a design's verdict, in the same words everywhere, and what a user may change."""

from math import floor

from build_flows.artefacts.verdict import Verdict
from build_flows.project.config import Config
from build_flows.project.sections import FOLDINGS

__all__ = ["advice", "at_clock", "clock_told", "fit_told", "headline", "mhz"]

_BASIS = {"predicted": "predicted, not synthesised yet", "synthesised": "synthesised by Yosys", "routed": "placed and routed"}
_CLOCK = {"predicted": "estimated", "synthesised": "estimated before placement", "routed": "routed"}


def mhz(value: float) -> str:
    """A clock, with one decimal where it has one."""
    return f"{value:.1f}".removesuffix(".0") + " MHz"


def fit_told(verdict: Verdict) -> str:
    """Whether it fits, by what, and what is short."""
    if verdict.fits:
        return f"fits {verdict.part} ({_BASIS[verdict.basis]})"
    return f"does not fit {verdict.part}: {', '.join(item.told() for item in verdict.short)} ({_BASIS[verdict.basis]})"


def clock_told(verdict: Verdict) -> str:
    """The clock that is set against the one estimated."""
    fmax, wanted = verdict.fmax_estimate_mhz, mhz(verdict.clock_mhz)
    if fmax is None:
        return f"clock not estimated yet, {wanted} is set" if verdict.basis == "predicted" else f"no clock estimated, {wanted} is set"
    if verdict.meets_clock:
        # The clock really given may differ a little from the one that is set.
        return f"keeps {wanted}: {mhz(max(fmax, verdict.clock_mhz))} {_CLOCK[verdict.basis]}"
    return f"misses its clock of {wanted}: {mhz(fmax)} {_CLOCK[verdict.basis]}"


def headline(verdict: Verdict) -> str:
    """Fit and clock in a line."""
    return f"{fit_told(verdict)}; {clock_told(verdict)}"


def at_clock(verdict: Verdict) -> str:
    """Of what clock, and of what design, a rate is: for behind "samples per second"."""
    fmax = verdict.fmax_estimate_mhz
    known = "the clock set, not estimated yet" if fmax is None else "" if verdict.meets_clock else "the clock estimated"
    told = f"at {mhz(verdict.expected_clock_mhz)}{', ' if known else ''}{known}"
    return told if verdict.fits else f"{told}, if it fitted"


def advice(verdict: Verdict, config: Config) -> str | None:
    """Which keys of ``config`` to change so that the design can be built; None when nothing is in its way, as far as that is known."""
    found = []
    target = config.target
    if not verdict.fits:
        auto = target.cycles_per_sample == "auto"
        keys = ["give target.cycles_per_sample a higher number than \"auto\" found" if auto else
                f"raise target.cycles_per_sample (now {target.cycles_per_sample})"]
        if config.build.folding not in FOLDINGS:
            keys.insert(0, "edit the file of build.folding")
        if not config.model.own:
            keys.append(f"lower model.weight_bits (now {config.model.weight_bits}) or model.act_bits (now {config.model.act_bits})")
        keys.append(f"choose a target.board with a larger part than {target.board}")
        found.append(f"{', '.join(keys[:-1])}, or {keys[-1]}")
    if verdict.meets_clock is False and verdict.fmax_estimate_mhz is not None:
        found.append(f"set target.clock_mhz (now {target.clock_mhz:g}) to {max(1, floor(verdict.fmax_estimate_mhz))} or less")
    return "; ".join(found) or None
