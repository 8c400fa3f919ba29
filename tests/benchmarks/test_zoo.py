"""The zoo: every row is there, what becomes of a network is told, and nothing that is not as it must be passes."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import zoo
from benchmarks.zoo import NAMED, Found, look, names, text
from benchmarks.zoo_files import FILES
from benchmarks.zoo_modules import MODULES


def test_every_row_has_networks_and_each_refusal_says_what_it_must_name() -> None:
    rows = Counter(row for _, row in names().values())
    assert len(names()) == len(MODULES) + len(FILES) >= 40
    assert {"graphs", "layers", "inputs", "ends", "files", "refused"} <= set(rows)
    assert set(NAMED) == {name for name, (_, row) in names().items() if row == "refused"}


@pytest.mark.parametrize(("name", "state", "told"), [
    ("2 bits", "equal", "64 images, Brevitas"), ("tanh", "refused", "Tanh /onward/onward.1/Tanh"),
    ("opset 11", "equal", "12 images, qonnx"), ("file: Erf", "refused", "my_Erf"), ("outputs turned", "equal", "in another order"),
])
def test_what_becomes_of_a_network(name: str, state: str, told: str, tmp_path: Path) -> None:
    found = look(name, tmp_path)
    assert (found.state, found.good) == (state, True)
    assert told in found.told
    assert "\n" not in found.told


def test_other_logits_are_not_let_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    was = zoo._module

    def moved(name: str, folder: Path) -> tuple[object, list[np.ndarray], str]:
        network, logits, by = was(name, folder)
        return network, [item + 10 * network.heads[k][-1].scale for k, item in enumerate(logits)], by

    monkeypatch.setattr(zoo, "_module", moved)
    found = look("2 bits", tmp_path)
    assert (found.state, found.good) == ("WRONG", False)
    assert "the integer network has" in found.told


def test_only_what_must_be_refused_may_be() -> None:
    row = Found(name="tanh", kind="module", row="refused", state="refused", told="Tanh /onward/onward.1/Tanh has no hardware layer")
    assert row.good
    assert not replace(row, told="no").good
    assert not replace(row, state="equal").good
    assert not replace(row, row="graphs").good
    assert replace(row, row="open").good
    told = text([row, replace(row, name="2 bits", row="layers")], 3.0)
    assert "2 networks: 0 equal, 2 refused; not as they must be: 2 bits" in told
