"""A user's factory: run, refused with one line; its network exported and run in float."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from quant_models.bring.modules import importable
from quant_models.bring.own import export_own, float_logits, load_weights, make_network, run_network
from quant_models.errors import QuantModelError
from quant_models.networks.net import MultiExitNet
from quant_models.networks.presets import preset

TEXT = """
import torch
from torch import nn
import own_test_parts

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, own_test_parts.CLASSES)

    def forward(self, x):
        return (self.layer(x.flatten(1)),)

make = Net
number = 3
def fails():
    raise RuntimeError("no\\ndata")
def gives_text():
    return "text"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "own_test_nets.py").write_text(TEXT)
    (tmp_path / "own_test_parts.py").write_text("CLASSES = 3\n")
    (tmp_path / "own_test_broken.py").write_text("1 / 0\n")
    (tmp_path / "own_test_needs.py").write_text("import own_test_absent\n")
    with importable(tmp_path):
        yield tmp_path


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("own_test_gone:make", "there is no module own_test_gone$"),
        ("own_test_needs:make", "there is no module own_test_absent, which own_test_needs needs"),
        ("own_test_broken:make", "importing own_test_broken fails: ZeroDivisionError: division by zero"),
        ("own_test_nets:absent", "module own_test_nets has no absent"),
        ("own_test_nets:number", "number must be a function without parameters that returns a network, not int"),
        ("own_test_nets:fails", r"fails\(\) fails: RuntimeError: no data"),
        ("own_test_nets:gives_text", r"gives_text\(\) must return a torch.nn.Module, not str"),
    ],
)
def test_what_is_no_factory_is_one_line(factory: str, message: str, folder: Path) -> None:
    with pytest.raises(QuantModelError, match=message):
        make_network(factory)


class Giving(nn.Module):
    """Gives what it was told to."""

    def __init__(self, found: object) -> None:
        super().__init__()
        self.found = found

    def forward(self, x: torch.Tensor) -> object:
        return self.found


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (torch.zeros(2, 3), "its forward must return a tuple of logits, a tensor for each exit, not Tensor"),
        ((torch.zeros(2, 3), 1.0), "exit 1 must be a float tensor, not float"),
        ((torch.zeros(2, 3, 1, 1),), r"exit 0 must be \[2, classes\], not \[2, 3, 1, 1\]"),
    ],
)
def test_forward_must_give_a_tuple_of_logits(found: object, message: str) -> None:
    with pytest.raises(QuantModelError, match=message):
        run_network(Giving(found), torch.zeros(2, 1, 2, 2))


def test_a_forward_that_fails_is_one_line(folder: Path) -> None:
    network = make_network("own_test_nets:make")
    with pytest.raises(QuantModelError, match=r"its forward fails on images \[2, 1, 9, 9\]: RuntimeError: mat1 and mat2"):
        run_network(network, torch.zeros(2, 1, 9, 9))
    assert not network.training


def test_weights_must_fit(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(2, 3))
    weights = {key: value + 1 for key, value in network.state_dict().items()}
    torch.save(weights, tmp_path / "good.pt")
    load_weights(network, tmp_path / "good.pt")
    assert torch.equal(network.state_dict()["0.bias"], weights["0.bias"])
    for name, changed, message in (
        ("less", {"0.bias": weights["0.bias"]}, r"less\.pt lacks tensor 0\.weight"),
        ("more", {**weights, "b": torch.zeros(1)}, r"more\.pt has an unknown tensor b"),
        (
            "other",
            {**weights, "0.weight": torch.zeros(3, 4)},
            r"other\.pt: tensor 0\.weight must be \[3, 2\] as in the network, not \[3, 4\]",
        ),
        ("list", [1], r"list\.pt must hold a state dict"),
    ):
        torch.save(changed, tmp_path / f"{name}.pt")
        with pytest.raises(QuantModelError, match=message):
            load_weights(network, tmp_path / f"{name}.pt")
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(QuantModelError, match=r"text\.safetensors cannot be read as weights"):
        load_weights(network, tmp_path / "text.safetensors")


def test_the_network_is_exported_with_an_output_for_each_exit(tmp_path: Path) -> None:
    torch.manual_seed(0)    # float sums of other batches may round the other way, in some networks
    model = MultiExitNet(preset("digits", 3, 3))
    export_own(model, (8, 8, 1), tmp_path / "net.onnx")
    graph = onnx.load(str(tmp_path / "net.onnx")).graph
    weights = {item.name for item in graph.initializer}
    assert [item.name for item in (*graph.input, *graph.output) if item.name not in weights] == ["image", "exit0", "exit1", "exit2"]
    images = np.arange(3 * 64, dtype=np.uint8).reshape(3, 8, 8, 1)
    found = float_logits(model, images, 1 / 256, batch=2)
    wanted = model.eval()(torch.from_numpy(images.transpose(0, 3, 1, 2) / np.float32(256)))
    assert [item.shape for item in found] == [(3, 10)] * 3
    assert all(np.allclose(a, b.detach().numpy()) for a, b in zip(found, wanted, strict=True))


class Sure(nn.Module):
    """Two exits that end in something else than logits."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self.layer(x.flatten(1))
        return logits.softmax(1), logits.argmax(1)


def test_logits_are_those_before_a_softmax(tmp_path: Path) -> None:
    model, images = Sure(), np.arange(8, dtype=np.uint8).reshape(2, 2, 2, 1)
    export_own(model, (2, 2, 1), tmp_path / "net.onnx")
    assert {"Softmax", "ArgMax"} <= {item.op_type for item in onnx.load(str(tmp_path / "net.onnx")).graph.node}
    found = float_logits(model, images, 1 / 256, bare=True)
    wanted = model.layer(torch.from_numpy(images.reshape(2, 4).astype(np.float32)) / 256).detach().numpy()
    assert all(np.allclose(item, wanted) for item in found)
    with pytest.raises(QuantModelError, match="exit 1 must be a float tensor, not Tensor"):
        float_logits(model, images, 1 / 256)


class Viewed(nn.Module):
    """Takes images to lie in memory as any torch code may."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (x.view(x.shape[0], -1)[:, :3] * 1.0,)


def test_images_come_as_any_torch_code_takes_them() -> None:
    images = np.arange(2 * 3 * 2 * 2, dtype=np.uint8).reshape(2, 3, 2, 2)
    [found] = float_logits(Viewed(), images, 1.0)
    assert found.tolist() == [[0, 2, 4], [12, 14, 16]]
