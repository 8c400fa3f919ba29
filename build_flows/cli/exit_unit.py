"""``offramp exit-unit``: the exit decision as a product of its own."""

import click

from build_flows.cli.exit_unit_generate import generate
from build_flows.cli.exit_unit_simulate import simulate

__all__ = ["exit_unit"]


@click.group("exit-unit")
def exit_unit() -> None:
    """Generate, simulate and measure single exit-decision units, for designs of your own.

    \b
    Examples:
      offramp exit-unit generate --policy softmax --classes 10 --pe 2 --scale 0.0123 --threshold 0.9 -o out/
      offramp exit-unit generate --help    all policies, and what their thresholds mean
      offramp exit-unit simulate --policy all --classes 2,10,100 --pe 1,2,10
    """


exit_unit.add_command(generate)
exit_unit.add_command(simulate)
