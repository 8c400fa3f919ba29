"""How an exploration is run where nothing is said."""

from build_flows.explore.options import Options


def test_processes_of_this_machine_as_long_as_it_takes():
    found = Options()
    assert (found.scheduler, found.count, found.budget, found.data) == (None, None, None, None)
