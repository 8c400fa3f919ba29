"""What is in a generated unit's folder, as text: Verilog, bench, vectors, README and manifest."""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from amaranth.back import verilog

from build_flows.artefacts.exit_unit import Latency, UnitManifest, VectorCounts
from build_flows.base.errors import OfframpError
from build_flows.exit_unit.bench_files import bench_files
from build_flows.exit_unit.spec import UnitSpec
from build_flows.exit_unit.vectors import Rule, Vectors, draw
from hw.control.registers import Field, markdown
from hw.exits.unit import RESULT_FIELDS, ExitUnit
from quant_models.exits.policies import POLICIES, integer_threshold, real_threshold
from sim.golden.policies import POLICIES as GOLDEN

__all__ = ["MANIFEST", "Contents"]

MANIFEST = "manifest.json"
BENCH = Path(__file__).parent / "exit_unit_bench.v"
__sources__ = ("exit_unit_bench.v", "templates")
_WORDS = frozenset({
    "always", "and", "assign", "begin", "buf", "case", "casex", "casez", "default", "defparam", "disable", "edge", "else", "end", "endcase",
    "endfunction", "endmodule", "endtask", "event", "exit_unit_bench", "for", "force", "forever", "fork", "function", "generate", "genvar",
    "if", "initial", "inout", "input", "integer", "join", "localparam", "module", "nand", "negedge", "nor", "not", "or", "output",
    "parameter", "posedge", "real", "realtime", "reg", "release", "repeat", "signed", "specify", "supply0", "supply1", "table", "task",
    "time", "tri", "unsigned", "wait", "wand", "while", "wire", "wor", "xnor", "xor",
})
"""Names that a module may not have."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The files of the unit ``spec`` as Verilog module ``name`` with ``control`` port; ``enabled`` is its initial enable.

    Raises :class:`OfframpError` with one line when the name is none or the unit cannot be built. The same arguments give the same bytes.
    """

    spec: UnitSpec
    name: str
    control: str
    enabled: bool = True

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.name) or self.name in _WORDS:
            raise OfframpError(f"the module's name must be a Verilog identifier that is no keyword, not {self.name!r}")

    @cached_property
    def unit(self) -> ExitUnit:
        """The gateware."""
        spec = self.spec
        try:
            return ExitUnit(
                classes=spec.classes, pe=spec.pe, acc_bits=spec.logit_bits, bias=spec.bias or [0] * spec.classes, policy=spec.policy,
                params=spec.params, threshold=spec.integer, enable=self.enabled, control=self.control,
            )
        except ValueError as error:
            raise OfframpError(str(error)) from None

    @cached_property
    def rule(self) -> Rule:
        """What the unit starts with."""
        return Rule(threshold=self.spec.integer, classes=tuple(self.spec.params.get("thresholds", ())), enable=int(self.enabled))

    @cached_property
    def vectors(self) -> Vectors:
        """The golden vectors."""
        return draw(self.unit, self.rule, scale=self.spec.scale)

    @cached_property
    def manifest(self) -> UnitManifest:
        """All about the unit, but for the files."""
        spec, unit = self.spec, self.unit
        by_class = unit.has_classes
        reals = [self._back(value) for value in self.rule.classes] if spec.made else spec.class_thresholds
        limits = unit.decision.score.value_range if by_class else unit.decision.threshold_range
        compared = unit.has_threshold or by_class
        return UnitManifest(
            version=UnitManifest.VERSION, made_by=f"offramp {metadata.version('offramp')}", module=self.name, policy=spec.policy,
            score=spec.scoring, classes=spec.classes, pe=spec.pe, logit_bits=spec.logit_bits, scale=spec.scale,
            bias=list(spec.bias or [0] * spec.classes), params=spec.params,
            threshold=self._real if unit.has_threshold else None,
            integer_threshold=spec.integer if unit.has_threshold else None,
            class_thresholds=list(reals or [spec.real] * spec.classes) if by_class else None,
            integer_class_thresholds=list(self.rule.classes) if by_class else None,
            threshold_unit=POLICIES[spec.scoring].unit if compared else None,
            threshold_range=(limits[0], limits[-1]) if compared else None,
            enabled=self.enabled, epsilon=spec.bound if spec.bound is not None else 0.0,
            latency=Latency(first_beat_to_result=unit.beats - 1 + unit.latency, last_beat_to_result=unit.latency),
            initiation_interval=unit.beats, control=self.control, ports=list(unit.pins), result=list(RESULT_FIELDS), token=list(self.token),
            registers=list(unit.registers),
            vectors=VectorCounts(samples=len(self.vectors), leave=self.vectors.left, writes=len(self.vectors.writes)),
        )

    @property
    def _inner(self) -> dict[str, Any]:
        """The constants of the policy whose score is compared."""
        params = self.spec.params
        return params.get("score_params", {}) if self.unit.has_classes else params

    def _back(self, threshold: int) -> float:
        return real_threshold(self.spec.scoring, threshold, self.spec.head, self._inner)

    @property
    def _real(self) -> float:
        return self._back(self.spec.integer) if self.spec.made and self.unit.has_threshold else self.spec.real

    @property
    def token(self) -> tuple[Field, ...]:
        """The fields of a token, from bit 0 up; none where the unit has no tokens."""
        if "token_o" not in self.unit.decision.score.ports:
            return ()
        docs = {"id": "number of the sample", "label": "the class that the exit found",
                "run": "how many exits in a row, that one included, found this class; stops at its greatest number"}
        layout: Any = self.unit.decision.token_o.payload.shape()
        return tuple(Field(name=name, lsb=item.offset, bits=item.width, doc=docs.get(name, "")) for name, item in layout)

    def _thresholds(self) -> list[tuple[float, int]]:
        """Real thresholds around the unit's own, and what to write for them."""
        spec, row, real = self.spec, POLICIES[self.spec.scoring], self._real
        if row.unit is None:
            return []
        least, most = row.limits(spec.head)
        ways = ((least, 0.5), (least, 0.25), (real, 0.0), (most, 0.25), (most, 0.5))
        reals = {round(real + (end - real) * share, 6) for end, share in ways}
        return [(value, integer_threshold(spec.scoring, value, spec.head, self._inner)) for value in sorted(reals)]

    def verilog(self) -> str:
        """The module, and its submodules under names that begin with its own."""
        text = verilog.convert(self.unit, name=self.name, emit_src=False, strip_internal_attrs=True)
        spec = self.spec
        return (f"// {self.name}: exit decision of a multi-exit network; policy {spec.policy}, {spec.classes} classes, {spec.pe} a beat.\n"
                f"// Ports, registers, timing and how to use it: README.md\n{text}")

    def files(self) -> tuple[dict[str, bytes], UnitManifest]:
        """All files by their path in the folder, and the manifest, the last of them, which has the hashes of all others."""
        import jinja2

        environment = jinja2.Environment(loader=jinja2.PackageLoader("build_flows.exit_unit"), undefined=jinja2.StrictUndefined,
                                         trim_blocks=True,
                                         lstrip_blocks=True, keep_trailing_newline=True, autoescape=False)
        spec, unit = self.spec, self.unit
        golden = [" ".join((GOLDEN[name].__doc__ or "").replace("``", "`").replace("**", "^").split())
                  for name in dict.fromkeys((spec.policy, spec.scoring))]
        facts = {
            "unit": unit, "spec": spec, "manifest": self.manifest, "row": POLICIES[spec.scoring], "own": POLICIES[spec.policy],
            "golden": golden, "registers": markdown(unit.registers), "thresholds": self._thresholds(), "token": self.token,
            "result": RESULT_FIELDS, "constants": {name: value for name, value in sorted(self._inner.items()) if isinstance(value, int)},
        }
        texts = {
            f"{self.name}.v": self.verilog(),
            "README.md": environment.get_template("exit_unit_readme.md.j2").render(**facts),
            "Makefile": environment.get_template("exit_unit.mk.j2").render(**facts),
            f"bench/{BENCH.name}": BENCH.read_text(encoding="utf-8"),
            **{f"bench/{name}": text for name, text in bench_files(unit, self.vectors, self.name, self.rule).items()},
        }
        files = {name: text.encode() for name, text in texts.items()}
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        manifest = self.manifest.replace(files=hashes)
        return {**files, MANIFEST: manifest.dump().encode()}, manifest
