"""``offramp init --from``: the configuration of a network of one's own, and what of it can be built."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from build_flows.base.errors import ConfigError
from build_flows.project.load import load as load_config
from tests.build_flows.cli.stand_in import offramp
from tests.build_flows.finn_bridge.small_graphs import act, conv, flat, logits, pool, void, write
from tests.build_flows.own_networks import FACTORY

SHAPE = (6, 5, 2)


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """A QONNX of two exits."""
    return write(tmp_path / "net.onnx", SHAPE, [conv(4), act(4), pool(2)], [flat, logits], [conv(3), act(3)], [flat, logits])


def images(path: Path, shape: tuple[int, ...] = SHAPE, classes: int = 3) -> Path:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (60, *shape), dtype=np.uint8), np.arange(60) % classes
    np.savez(path, x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])
    return path


def test_a_file_is_read_and_what_to_fill_in_is_refused_until_then(
    net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    target = tmp_path / "mine" / "config.toml"
    assert offramp(monkeypatch, "init", str(target.parent), "--from", str(net), "--json") == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["shape"], told["classes"], told["buildable"], told["refusal"]) == ([6, 5, 2], 3, True, None)
    assert [item["output"] for item in told["exits"]] == ["exit0", "exit1"]
    assert "stage0_pool0" in told["exits"][0]["leaves"]
    rows = {row["name"]: row for row in told["layers"]}
    assert rows["stage0_conv0"] | {"node": ""} == {
        "part": "stage0", "name": "stage0_conv0", "kind": "conv", "node": "", "shape": [6, 5, 4], "weight_bits": 4, "bits": 4,
        "signed": False}
    assert rows["head0_fc0"]["part"] == "head0"
    text = target.read_text(encoding="utf-8")
    assert 'qonnx = "../net.onnx"' in text
    assert text.count("\n[[exits]]\n") == 2
    assert "# Exit 0: output exit0; leaves at what stage0_pool0 gives" in text
    with pytest.raises(ConfigError, match=r'data\.path = "FILL-IN\.npz": is where your images are to be named; allowed: an \.npz'):
        load_config(target)
    images(target.parent / "FILL-IN.npz")
    made = load_config(target)
    assert made.qonnx == net
    assert [item.policy for item in made.config.exits] == ["softmax", "always"]


def test_images_are_checked_against_the_network(net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    target = tmp_path / "mine" / "config.toml"
    for shape, classes, told in (
        ((5, 6, 2), 3, "its images are 5x6x2 (height x width x channels), but NET takes 6x5x2 (its axes in another order: images are"),
        ((6, 5, 1), 3, "its images are 6x5x1 (height x width x channels), but NET takes 6x5x2; allowed: the same"),
        (SHAPE, 4, "has 4 classes, but NET 3; allowed: as many"),
    ):
        data = images(tmp_path / "data.npz", shape, classes)
        assert offramp(monkeypatch, "init", str(target.parent), "--from", str(net), "--data", str(data)) == 1
        found = capfd.readouterr().err
        assert told.replace("NET", str(net)) in found
        assert found.count("\n") == 1
        assert not target.exists()
    data = images(tmp_path / "data.npz")
    assert offramp(monkeypatch, "init", str(target.parent), "--from", str(net), "--data", str(data)) == 0
    out = capfd.readouterr().out
    assert "all of it can be built: 2 exits, 5 layers" in out
    assert out.endswith(f"now: offramp run {target}\n")
    assert load_config(target).data == data


def test_what_cannot_be_built_is_told_and_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    tanh = [conv(3), lambda b: void(b.node("Tanh")), act(3)]
    net = write(tmp_path / "net.onnx", SHAPE, [conv(4), act(4)], [flat, logits], tanh, [flat, logits])
    target = tmp_path / "mine" / "config.toml"
    assert offramp(monkeypatch, "init", str(target.parent), "--from", str(net)) == 0
    out = capfd.readouterr().out
    (line,) = [line for line in out.splitlines() if line.startswith("cannot be built: ")]
    assert "my_Tanh" in line
    assert "mend the network" in out
    text = target.read_text(encoding="utf-8")
    assert text.count("\n[[exits]]\n") == 2
    assert "NOT BUILDABLE YET" in text
    assert "takes images of 6x5x2" in text


def test_a_function_is_run_for_images_of_a_shape_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mynet.py").write_text(FACTORY, encoding="utf-8")
    target = tmp_path / "mine" / "config.toml"
    source = f"{tmp_path / 'code' / 'mynet.py'}:make"
    assert offramp(monkeypatch, "init", str(target.parent), "--from", source) == 1
    assert "a module does not say what images it takes" in capfd.readouterr().err
    monkeypatch.chdir(tmp_path / "code")
    assert offramp(monkeypatch, "init", str(target.parent), "--from", "mynet:make", "--shape", "8x8x1", "--json") == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["classes"], told["buildable"], [item["output"] for item in told["exits"]]) == (10, True, ["0", "1"])
    images(target.parent / "FILL-IN.npz", (8, 8, 1), 10)
    made = load_config(target)
    assert (made.config.model.factory, made.modules) == ("mynet:make", tmp_path / "code")


@pytest.mark.parametrize(("arguments", "told"), [
    (("--from", "nowhere.onnx"), "--from nowhere.onnx: there is no such file; allowed: a QONNX file, or MODULE:FUNCTION"),
    (("--from", "no_such_module:make", "--shape", "8x8x1"), "there is no module no_such_module in "),
    (("--from", "no.py:make"), "--from no.py:make: there is no file no.py"),
    (("--shape", "8x8x1"), "--shape 8x8x1: goes with --from alone"),
    (("--from", "FILE", "--shape", "6x5x2"), "says what images it takes; allowed: unset"),
    (("--from", "FILE", "--preset", "digits"), "a network is a preset or your own; allowed: one of them"),
    (("--from", "NONSENSE"), "is not a QONNX model"),
    (("--from", "json:dumps", "--shape", "8x8"), "--shape 8x8: allowed: height x width x channels, each from 1 to 9999, as 28x28x1"),
])
def test_what_is_no_network_is_refused_in_a_line(
    arguments: tuple[str, ...], told: str, net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"not a file")
    names = {"FILE": str(net), "NONSENSE": str(tmp_path / "bad.onnx")}
    target = tmp_path / "mine" / "config.toml"
    assert offramp(monkeypatch, "init", str(target.parent), *(names.get(item, item) for item in arguments)) == 1
    err = capfd.readouterr().err
    assert told in err
    assert len([line for line in err.splitlines() if not line.startswith("  hint:")]) == 1
    assert not target.exists()
