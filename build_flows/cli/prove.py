"""``offramp prove``: the gateware's proofs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from build_flows.base.errors import OfframpError
from build_flows.cli.shared import answer, debug_option, json_option, print_json, working

if TYPE_CHECKING:
    from sim.formal.prove import ProofResult

__all__ = ["prove"]


class _Prove(click.Command):
    """Its help ends with the units, which are looked up only then: ``--help`` elsewhere stays quick."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from sim.formal.prove import units

        with formatter.section("Units, and their variants"):
            formatter.write_dl([(unit, "; ".join(variants)) for unit, variants in units().items()])


@click.command(cls=_Prove)
@click.argument("units", metavar="[UNIT]...", nargs=-1)
@click.option("--depth", type=click.IntRange(1, 100), metavar="N", help="Look at N cycles only, not at runs of any length.  [default: any]")
@click.option("--vcd", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Folder for the waves of counterexamples.")
@json_option
@debug_option
def prove(units: tuple[str, ...], depth: int | None, vcd: Path | None, as_json: bool) -> None:
    """Prove that the streaming units keep their contract: every beat once, in order, right, without deadlock.

    UNIT is one of the units below, or one of its variants, as 'unit/variant'; all when none is given. Every input may do anything in any
    cycle, within what docs/proofs.md says of the surroundings. Takes a few minutes. The exit code is 0 only when everything is proven.

    \b
    Examples:
      offramp prove
      offramp prove frame_gate stream_fork
      offramp prove exit_merge --depth 8 --vcd waves
    """
    with working() as ui:
        from sim.formal.prove import prove_all, select

        with ui.progress("proving", len(select(units))) as bar:
            results = prove_all(units, depth, vcd=vcd, progress=lambda result: bar.advance())
    if as_json:
        print_json({"proofs": [_as_json(result) for result in results]})
    else:
        answer().table("", ("unit", "variant", "what is proven", "cycles", "seconds", "verdict"), [
            (result.unit, result.variant, result.text, "any" if result.depth is None else f"up to {result.depth}", f"{result.seconds:.1f}",
             "proven" if result.passed else "NOT PROVEN")
            for result in results
        ])
    failed = [result for result in results if not result.passed]
    if failed:
        more = f"; {len(failed) - 1} more failed" if len(failed) > 1 else ""
        raise OfframpError(f"{_told(failed[0])}{more}", hint="--vcd DIR writes the waves" if vcd is None else f"the waves are in {vcd}")


def _told(result: "ProofResult") -> str:
    found = result.counterexample
    if found is None:
        return f"{result.name} proves nothing: there is no run with {', '.join(result.unreached)}"
    return f"{result.name}: not so in cycle {found.cycle}: {found.claim}\n{found.trace}"


def _as_json(result: "ProofResult") -> dict[str, Any]:
    found = result.counterexample
    return {
        "name": result.name, "unit": result.unit, "variant": result.variant, "text": result.text, "depth": result.depth,
        "seconds": round(result.seconds, 2), "passed": result.passed, "claims": result.claims, "reached": dict(result.reached),
        "unreached": list(result.unreached),
        "counterexample": None if found is None else {
            "claim": found.claim, "cycle": found.cycle, "trace": found.trace, "vcd": None if found.vcd is None else str(found.vcd),
        },
    }
