"""``offramp doctor``: what is installed, what is missing, and how to get it."""

from dataclasses import asdict
from pathlib import Path

import click

from build_flows.base.errors import OfframpError
from build_flows.cli.shared import answer, debug_option, json_option, print_json, working

__all__ = ["doctor"]


@click.command()
@json_option
@debug_option
def doctor(as_json: bool) -> None:
    """Say what is installed, what is missing, and how to get it.

    Exit code 0 when nothing required is missing.

    \b
    Example:
      offramp doctor
    """
    from build_flows.cli.checks import checks

    with working():
        found = list(checks(Path.cwd()))
    missing = [check for check in found if check.required and not check.ok]
    if as_json:
        print_json({"ok": not missing, "checks": [asdict(check) for check in found]})
    else:
        rows = [
            (check.name, "ok" if check.ok else "MISSING" if check.required else "absent", check.found, "" if check.ok else check.hint)
            for check in found
        ]
        answer().table("", ("what", "state", "found", "how to get it"), rows)
    if missing:
        raise OfframpError(f"{len(missing)} missing: {', '.join(check.name for check in missing)}", hint=missing[0].hint)
