"""A layout in a process of its own: its steps, and how it tells what failed."""

from pathlib import Path

import pytest

from build_flows.base.errors import OfframpError
from build_flows.compare import ahead as module
from build_flows.compare.ahead import Asked, make

CONFIG = """[project]
name = "one"
[data]
name = "digits"
[model]
preset = "digits"
[simulate]
samples = 20
stall = 0.25
seed = 9
[[exits]]
policy = "always"
"""


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    file = tmp_path / "config.toml"
    file.write_text(CONFIG)
    return Asked(name="one", file=file, data=None, part="zc706", full=True)


def test_all_steps_that_its_row_needs(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    monkeypatch.setattr(module.flow, "simulate", lambda project, ui, **options: called.append(("simulate", project.name, options)))
    monkeypatch.setattr(module.flow, "synth", lambda project, ui, **options: called.append(("synth", project.name, options)))
    assert make(None, asked) is None
    assert called == [("simulate", "one", {"samples": 20, "stall": 0.25, "seed": 9}), ("synth", "one", {"part": "zc706", "full": True})]


def test_errors_of_the_users_are_told_and_ours_pass(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(error: Exception) -> None:
        def simulate(project: object, ui: object, **options: object) -> None:
            raise error

        monkeypatch.setattr(module.flow, "simulate", simulate)

    fail(OfframpError("no folding"))
    assert make(None, asked) == "no folding"
    asked.file.write_text("[project]\n")
    assert "data" in str(make(None, asked))
    asked.file.write_text(CONFIG)
    fail(RuntimeError("a bug"))
    with pytest.raises(RuntimeError, match="a bug"):
        make(None, asked)
