"""What the build plans of both flows have in common: the design's Verilog, the accelerator's files, and nothing of where they are made."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from amaranth.build.run import BuildPlan
from amaranth.hdl import Signal

from build_flows.base.errors import OfframpError
from build_flows.board.rtl_files import RtlFiles

__all__ = ["PlanBase", "bare_environment"]

_NET = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_OURS = "AMARANTH_"


@contextmanager
def bare_environment() -> Iterator[None]:
    """Without the variables of the environment that Amaranth looks into (its ``AMARANTH_*``), and with the Yosys of its own wheel, so
    that whatever is set or installed here, a plan is the same. What was set is set again afterwards."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(_OURS)}
    for name in kept:
        del os.environ[name]
    os.environ[f"{_OURS}USE_YOSYS"] = "builtin"
    try:
        yield
    finally:
        del os.environ[f"{_OURS}USE_YOSYS"]
        os.environ.update(kept)


class PlanBase:
    """A mixin for a class of :class:`amaranth.vendor.XilinxPlatform`: its constructor takes the files of ``rtl`` and gives the platform's
    ``toolchain``, and :meth:`plan_of` is its build plan. Subclasses have ``overrides()`` and ``templates`` (file name to template)."""

    toolchain_name = ""
    templates: Mapping[str, str] = {}

    def __init__(self, rtl: RtlFiles) -> None:
        super().__init__(toolchain=self.toolchain_name)  # type: ignore[call-arg]
        self.rtl = rtl

    def overrides(self) -> Mapping[str, str]:
        """What Amaranth's own templates are given."""
        return {}

    @property
    def file_templates(self) -> Mapping[str, str]:
        return self.templates

    def plan_of(self, top: Any, clock: Signal, clock_mhz: float, name: str) -> BuildPlan:
        """The plan of the design ``top``, whose only clock is the net ``clock``, of ``clock_mhz``; ``name`` is its module's. It is the
        same for the same design, whatever the environment holds. An object makes one plan.

        Raises :class:`OfframpError` when ``clock`` is no signal of the design, a file of ``rtl/`` has the name of one of the plan's, or the
        design has constraints of its own.
        """
        for file, content in self.rtl.files.items():
            self.add_file(file, content)  # type: ignore[attr-defined]
        clock.attrs["keep"] = "TRUE"
        self.add_clock_constraint(clock, clock_mhz * 1e6)  # type: ignore[attr-defined]
        with bare_environment():
            try:
                plan: BuildPlan = self.prepare(top, name, emit_src=False, debug_verilog=False, **self.overrides())  # type: ignore[attr-defined]
            except AssertionError as error:
                own = set(self.rtl.files) & {key.replace("{{name}}", name) for key in self.templates}
                if own:
                    raise OfframpError(f"rtl/ holds {sorted(own)[0]}, which the build plan has a file of its own for") from error
                raise
        found = [line for line in plan.files[f"{name}.xdc"].splitlines() if line.lstrip().startswith("create_clock")]
        if len(found) != 1:
            raise OfframpError(f"the design must have one clock constraint, on {clock.name}, not {len(found)}",
                               hint=f"is {clock.name} a signal of the design?")
        net = self.clock_net(clock)
        if not _NET.fullmatch(net):
            raise OfframpError(f"the clock's net must have a plain name, not {net!r}: tools quote others each in its own way")
        return plan

    def clock_net(self, clock: Signal) -> str:
        """The name of ``clock``'s net in the flattened design, from when its Verilog is made. Raises :class:`OfframpError` when it is no
        signal of the design."""
        if clock not in self._name_map:  # type: ignore[attr-defined]
            raise OfframpError(f"the clock {clock.name} is no signal of the design")
        return ".".join(self._name_map[clock][1:])  # type: ignore[attr-defined]
