"""``offramp energy``: what it prints, and what it refuses."""

import json

import pytest
from click.testing import CliRunner

from build_flows.cli.main import cli
from build_flows.steps import energy as module
from tests.build_flows.cli.stand_in import TOO_SLOW
from tests.build_flows.energy_samples import energy

CONFIG = '[project]\nname = "{name}"\n[data]\nname = "digits"\n[model]\npreset = "digits"\n[[exits]]\npolicy = "always"\n'


@pytest.fixture
def configs(tmp_path, monkeypatch):
    """Two designs; the second one switches twice as much, at a third of the rate."""
    for name in ("one", "other"):
        (tmp_path / f"{name}.toml").write_text(CONFIG.format(name=name))
    asked = []

    def stand_in(project, ui, images):
        asked.append((project.name, images))
        made = energy(project.name, cycles=100 if project.name == "one" else 300, times=1 if project.name == "one" else 2)
        return made if project.name == "one" else made.replace(verdict=TOO_SLOW)

    monkeypatch.setattr(module, "measure", stand_in)
    return tmp_path / "one.toml", tmp_path / "other.toml", asked


def invoke(*words):
    return CliRunner().invoke(cli, ["energy", *map(str, words)])


def test_where_it_is_switched_and_by_which_exit(configs):
    result = invoke(configs[0])
    assert result.exit_code == 0, result.output
    assert configs[2] == [("one", 200)]
    for told in ("69.4 %", "22.2 %", "stage 1 and its head", "400.0"):
        assert told in result.output
    assert result.output.splitlines()[-1].endswith("energy.html")


def test_two_designs_beside_each_other(configs):
    result = invoke(configs[0], "--beside", configs[1], "--images", 50)
    assert configs[2] == [("one", 50), ("other", 50)]
    assert "other takes, each at its full rate, 2.00 times (2.00 to 2.00: for all weights)" in result.output
    assert "at the rate of the slower of the two" in result.output
    assert "one fits xc7z020clg400-1" in result.output
    assert "misses its clock of 100 MHz: 92.4 MHz estimated before placement" in result.output, "other cannot be built as it is"


def test_as_json(configs):
    alone = json.loads(invoke(configs[0], "--json").stdout)
    assert alone["beside"] is None
    assert alone["gating"] == pytest.approx(95 / 1800)
    both = json.loads(invoke(configs[0], "--beside", configs[1], "--json").stdout)
    assert both["beside"]["full_rate"] == {"times": 2.0, "least": 2.0, "most": 2.0}
    assert both["cycles_per_sample"] == 100


def test_bad_options_are_one_line(configs):
    few, gone = invoke(configs[0], "--images", "3"), invoke(configs[0], "--beside", "no.toml")
    assert (few.exit_code, "Invalid value for '--images'" in few.output) == (2, True)
    assert (gone.exit_code, str(gone.exception)) == (1, "no.toml: no such file")
    assert configs[2] == []
