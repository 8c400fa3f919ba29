from tests.build_flows.conftest import copy  # noqa: F401 - the small project, in a folder of the test's own
