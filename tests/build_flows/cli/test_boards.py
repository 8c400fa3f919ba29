"""``offramp boards`` lists what a bitstream can be made for."""

import json

from click.testing import CliRunner

from build_flows.board.platforms import PLATFORMS
from build_flows.cli.main import cli


def test_boards_in_json() -> None:
    found = json.loads(CliRunner().invoke(cli, ["boards", "--json"]).stdout)["boards"]
    assert {row["name"]: row["part"] for row in found} == {name: board.part for name, board in PLATFORMS.items()}
    assert {row["name"] for row in found if row["pynq"]} == {"pynq-z1", "pynq-z2"}


def test_boards_for_a_person() -> None:
    ran = CliRunner().invoke(cli, ["boards"])
    assert ran.exit_code == 0
    rows = {line.split()[0]: line for line in ran.stdout.splitlines() if line.strip()}
    assert rows["pynq-z2"].endswith("PYNQ image") or "PYNQ image" in rows["pynq-z2"]
    assert "build-only" in rows["zedboard"]
    assert "xc7z020clg484-1" in rows["zedboard"]
