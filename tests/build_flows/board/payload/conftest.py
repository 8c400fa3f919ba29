from tests.build_flows.board.payload.board_package import setup  # noqa: F401
