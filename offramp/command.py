"""The ``offramp`` command: looks whether offramp's packages are its own before any of them is loaded."""

import sys

from offramp.rooms import hidden

__all__ = ["main"]


def main() -> None:
    """The command line (:mod:`build_flows.cli.main`); ends with a line on stderr and exit code 1 where another package hides one of
    ours."""
    told = hidden()
    if told is not None:
        print(f"offramp: {told}", file=sys.stderr)
        sys.exit(1)
    from build_flows.cli.main import main as run

    run()
