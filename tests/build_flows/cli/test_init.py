"""``offramp init`` writes a configuration to start from."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from build_flows.project.load import load as load_config
from tests.build_flows.cli.stand_in import offramp


def test_init_writes_a_config_and_leaves_an_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    target = tmp_path / "my-net" / "config.toml"
    assert offramp(monkeypatch, "init", str(target.parent), "--preset", "b_lenet", "--json") == 0
    assert json.loads(capfd.readouterr().out) == {"config": str(target), "preset": "b_lenet"}
    assert load_config(target).name == "my-net"
    before = target.read_bytes()
    assert offramp(monkeypatch, "init", str(target.parent)) == 1
    assert "exists already" in capfd.readouterr().err
    assert target.read_bytes() == before


def test_the_command_that_is_told_can_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    target = tmp_path / "my net's" / "config.toml"
    assert offramp(monkeypatch, "init", str(target.parent)) == 0
    told = capfd.readouterr().out.splitlines()[1]
    assert shlex.split(told) == ["now:", "offramp", "run", str(target)]


@pytest.mark.parametrize(("place", "why"), [("file", "file exists"), ("file/new", "not a directory"), ("a" * 300, "file name too long")])
def test_a_folder_that_cannot_be_made_is_told(place: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    assert offramp(monkeypatch, "init", str(tmp_path / place)) == 1
    told = f"offramp: DIR = {tmp_path / place}: cannot be made ({why}); allowed: a new folder, or one without config.toml\n"
    assert capfd.readouterr().err == told
    assert [item.name for item in tmp_path.iterdir()] == ["file"]
