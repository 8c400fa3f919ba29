import pickle
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from quant_models.bring.float_net import save_weights
from quant_models.bring.weights_file import read_weights
from quant_models.errors import QuantModelError
from quant_models.networks.checkpoint import Checkpoint, save_checkpoint
from quant_models.networks.net import MultiExitNet
from tests.quant_models.conftest import build_spec


@pytest.fixture
def state():
    torch.manual_seed(0)
    return nn.Sequential(OrderedDict(z=nn.Conv2d(1, 2, 3), c10=nn.Linear(2, 3), c9=nn.BatchNorm1d(3))).state_dict()


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"epoch": 3, "state_dict": x}, lambda x: {"model": x, "loss": 0.5}])
@pytest.mark.parametrize("suffix", ["pt", "pth"])
def test_a_state_dict_is_read_in_its_own_order(tmp_path, state, wrap, suffix):
    torch.save(wrap(state), tmp_path / f"net.{suffix}")
    found = read_weights(tmp_path / f"net.{suffix}")
    assert found.ordered
    assert list(found.tensors) == list(state)
    assert all(torch.equal(found.tensors[key], value) for key, value in state.items())


def test_safetensors_are_read_by_name_with_numbers_counted(tmp_path, state):
    save_file(state, tmp_path / "net.safetensors")
    found = read_weights(tmp_path / "net.safetensors")
    assert not found.ordered
    assert list(dict.fromkeys(key.split(".")[0] for key in found.tensors)) == ["c9", "c10", "z"]
    assert all(torch.equal(found.tensors[key], value) for key, value in state.items())


def test_halves_become_floats_and_counts_stay(tmp_path, state):
    save_file({key: value.half() if value.is_floating_point() else value for key, value in state.items()}, tmp_path / "net.safetensors")
    found = read_weights(tmp_path / "net.safetensors").tensors
    assert found["z.weight"].dtype == torch.float32
    assert torch.equal(found["z.weight"], state["z.weight"].half().float())
    assert found["c9.num_batches_tracked"].dtype == torch.int64


class Evil:
    def __reduce__(self):
        return (print, ("run",))


def test_a_pickle_s_code_is_never_run(tmp_path, capsys):
    torch.save({"a": Evil()}, tmp_path / "net.pt")
    (tmp_path / "old.pt").write_bytes(pickle.dumps(Evil()))
    for name in ("net.pt", "old.pt"):
        with pytest.raises(QuantModelError, match=rf"{name} cannot be read as a state dict of tensors \("):
            read_weights(tmp_path / name)
    assert capsys.readouterr().out == ""


def test_a_whole_module_is_refused_with_what_to_do(tmp_path):
    torch.save(nn.Linear(2, 3), tmp_path / "net.pt")
    with pytest.raises(QuantModelError, match=r"cannot be read as a state dict.*torch\.save\(model\.state_dict\(\), \.\.\.\) writes one"):
        read_weights(tmp_path / "net.pt")


@pytest.mark.parametrize(("name", "content", "message"), [
    ("net.txt", b"x", r"net\.txt must be a \.safetensors, \.pt or \.pth file"),
    ("net.pt", b"", r"net\.pt cannot be read as a state dict of tensors"),
    ("net.pt", b"no weights", r"net\.pt cannot be read as a state dict of tensors"),
    ("net.safetensors", b"no weights at all", r"net\.safetensors cannot be read as safetensors"),
    ("gone.pt", None, r"gone\.pt does not exist"),
])
def test_files_that_are_none(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(QuantModelError, match=message) as caught:
        read_weights(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("content", "message"), [
    ([torch.zeros(2)], "must hold a state dict, not list"), ({"a.weight": 3}, r"a\.weight must be a tensor, not int"),
    ({}, "holds no tensors"),
])
def test_contents_that_are_no_state_dict(tmp_path, content, message):
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(QuantModelError, match=message):
        read_weights(tmp_path / "net.pt")


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_a_number_that_is_none_is_named(tmp_path, state, number):
    state["c10.weight"][1, 1] = float(number)
    torch.save(state, tmp_path / "net.pt")
    save_file(state, tmp_path / "net.safetensors")
    for name in ("net.pt", "net.safetensors"):
        with pytest.raises(QuantModelError, match=rf"tensor c10\.weight holds {number}, which is no number"):
            read_weights(tmp_path / name)


def test_a_checkpoint_of_a_quantised_network_is_told(tmp_path):
    spec = build_spec()
    save_checkpoint(tmp_path / "net.safetensors", Checkpoint(spec=spec, model=MultiExitNet(spec).state_dict()))
    with pytest.raises(QuantModelError, match=r"is a checkpoint of a quantised network; train\.start or train\.checkpoint takes it"):
        read_weights(tmp_path / "net.safetensors")
    save_weights(nn.Linear(2, 3), tmp_path / "net.safetensors")
    assert set(read_weights(tmp_path / "net.safetensors").tensors) == {"weight", "bias"}
