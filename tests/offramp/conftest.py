from tests.build_flows.conftest import copy, tiny  # noqa: F401 - one small project, sent through the real flow
