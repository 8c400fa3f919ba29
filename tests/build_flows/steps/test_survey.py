"""What a network is and what of it can be built is found before there is a project."""

from pathlib import Path

import onnx
import pytest

from build_flows.base.errors import OfframpError
from build_flows.project.own_template import Source, own_template
from build_flows.steps.survey import Survey, buildable, survey
from tests.build_flows.finn_bridge.small_graphs import act, conv, fc, flat, logits, write
from tests.build_flows.own_networks import FACTORY
from tests.build_flows.uis import Listening

SHAPE = (6, 5, 2)


def config(source: Source, folder: Path) -> str:
    return own_template(source, folder, data=None, network=[], images="", exits=["", ""])


def found(tmp_path: Path) -> tuple[Source, Survey]:
    source = Source(qonnx=write(tmp_path / "net.onnx", SHAPE, [conv(4), act(4)], [flat, logits], [flat, fc(4), act()], [logits]))
    return source, survey(source, None)


def test_exits_say_where_they_leave(tmp_path: Path) -> None:
    _, seen = found(tmp_path)
    assert [item.output for item in seen.exits] == ["exit0", "exit1"]
    assert seen.exits[0].leaves is not None
    assert seen.exits[0].leaves.startswith("what stage0_conv0 gives (Conv my_Conv")
    assert seen.exits[0].leaves.endswith("6x5x4 of 4 bits")
    assert [(row["part"], row["name"]) for row in seen.rows()] == [
        ("stage0", "stage0_conv0"), ("head0", "head0_fc0"), ("stage1", "stage1_fc0"), ("head1", "head1_fc0")]


def test_outputs_are_told_in_exit_order(tmp_path: Path) -> None:
    source, _ = found(tmp_path)
    assert source.qonnx is not None
    model = onnx.load(str(source.qonnx))
    outputs = [*reversed(model.graph.output)]
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    onnx.save(model, str(source.qonnx))
    seen = survey(source, None)
    assert [item.output for item in seen.exits] == ["exit0", "exit1"]
    assert any("another order" in note for note in seen.notes)


def test_what_the_configuration_does_not_allow_is_told(tmp_path: Path) -> None:
    source, seen = found(tmp_path)
    text, ui = config(source, tmp_path), Listening()
    assert buildable(text, tmp_path / "config.toml", seen, ui) is None
    fast = text.replace('cycles_per_sample = "auto"', "cycles_per_sample = 1")
    told = buildable(fast, tmp_path / "config.toml", seen, ui)
    assert told is not None
    assert "target.cycles_per_sample = 1" in told


def test_a_module_is_run_and_its_faults_are_told(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(FACTORY, encoding="utf-8")
    source = Source(factory="odd:make", modules=tmp_path)
    seen = survey(source, (8, 8, 1))
    assert (seen.classes, len(seen.exits), seen.refusal) == (10, 2, None)
    with pytest.raises(OfframpError, match=r"--from odd:make: its forward fails on images \[1, 2, 8, 8\]"):
        survey(source, (8, 8, 2))
    with pytest.raises(OfframpError, match="a module does not say what images it takes"):
        survey(source, None)


def test_a_module_that_cannot_be_exported_is_surveyed_all_the_same(tmp_path: Path) -> None:
    text = FACTORY.replace("self.late(late.view(late.shape[0], -1))", "self.late(late.view(late.shape[0], -1)).tanh()")
    (tmp_path / "odd2.py").write_text(text, encoding="utf-8")
    seen = survey(Source(factory="odd2:make", modules=tmp_path), (8, 8, 1))
    assert (seen.classes, [item.output for item in seen.exits], seen.network) == (10, ["0", "1"], None)
    assert seen.refusal is not None
    assert "Tanh" in seen.refusal
    assert seen.rows() == []
