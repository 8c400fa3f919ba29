"""How the commands tell whether a design can be built: option ``--strict``, lines, table rows and JSON."""

from typing import TYPE_CHECKING, Any

import click

from build_flows.base.errors import OfframpError
from build_flows.base.interval import of_those, wilson

if TYPE_CHECKING:
    from rich.text import Text

    from build_flows.artefacts.simulation import Figures
    from build_flows.artefacts.verdict import Verdict
    from build_flows.project.config import Config
    from build_flows.project.load import Project

__all__ = ["alarm", "fields", "published", "refuse_project", "show", "strict_option"]

strict_option = click.option(
    "--strict", is_flag=True, help="Exit code 1 when the design does not fit its part or misses its clock, as far as that is known."
)


def fields(verdict: "Verdict") -> dict[str, Any]:
    """What ``--json`` publishes of a verdict: ``fits``, ``short`` in words, ``fmax_estimate_mhz``, and the ``verdict`` itself."""
    return {
        "fits": verdict.fits, "short": [item.told() for item in verdict.short], "fmax_estimate_mhz": verdict.fmax_estimate_mhz,
        "verdict": verdict.to_json(),
    }


def published(result: "Figures", verdict: "Verdict") -> dict[str, Any]:
    """What ``--json`` publishes of a simulation: its figures with ``samples_per_second`` at the clock that can be expected, 95 % intervals
    of accuracies and shares, and the verdict."""
    found = result.to_json()
    exits = []
    for told, item in zip(found["exits"], result.exits, strict=True):
        exits.append({
            **told, "share_interval": wilson(item.share, result.samples),
            "accuracy_interval": of_those(item.accuracy, item.share, result.samples),
        })
    if result.anytime is not None:
        found["anytime"]["exits"] = [
            {**told, "accuracy_interval": of_those(item.accuracy, item.answered, result.samples)}
            for told, item in zip(found["anytime"]["exits"], result.anytime.exits, strict=True)
        ]
    return {
        **found, **fields(verdict), "exits": exits, "accuracy_interval": wilson(result.accuracy, result.samples),
        "samples_per_second": verdict.rate(result.cycles_per_sample),
    }


def alarm(text: str, wrong: bool) -> "Text":
    """A table's cell, red where something is ``wrong``."""
    from rich.text import Text

    return Text(text, style="bold red" if wrong else "")


def show(name: str, verdict: "Verdict", config: "Config") -> None:
    """The verdict on project ``name`` in a line on stdout; red, with what to change, where it cannot be built."""
    from build_flows.pages.verdict import advice, headline

    told = f"{name} {headline(verdict)}"
    if verdict.buildable:
        click.echo(told)
        return
    click.secho(told, fg="red", bold=True)
    click.secho(f"to change that: {advice(verdict, config)}", fg="red")


def refuse_project(project: "Project", verdict: "Verdict", strict: bool) -> None:
    """Raises :class:`OfframpError` for a design that cannot be built, where the user is ``strict``."""
    from build_flows.pages.verdict import advice, headline

    if strict and not verdict.buildable:
        raise OfframpError(f"--strict: {project.name} {headline(verdict)}", hint=advice(verdict, project.config))
