"""``python -m offramp``: the command line."""

from offramp.command import main

main()
