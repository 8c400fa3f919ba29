"""``python -m build_flows.cli``: the ``offramp`` command."""

from build_flows.cli.main import main

main()
