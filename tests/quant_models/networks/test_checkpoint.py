import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from quant_models.errors import QuantModelError
from quant_models.networks.checkpoint import Checkpoint, load_checkpoint, load_model, save_checkpoint
from tests.quant_models.conftest import build_spec


@pytest.fixture
def path(tmp_path, model):
    save_checkpoint(tmp_path / "net.safetensors", Checkpoint(spec=model.spec, model=model.state_dict(), progress={"epoch": 3}))
    return tmp_path / "net.safetensors"


def test_round_trip(path, model):
    found = load_model(path, model.spec)
    assert not found.training
    x = torch.rand(3, 2, 9, 7)
    with torch.no_grad():
        assert all(torch.equal(a, b) for a, b in zip(model(x), found(x), strict=True))
    checkpoint = load_checkpoint(path)
    assert (checkpoint.spec, checkpoint.progress, checkpoint.optimizer) == (model.spec, {"epoch": 3}, {})


def test_equal_checkpoints_are_equal_bytes(path, tmp_path, model):
    save_checkpoint(tmp_path / "again", Checkpoint(spec=model.spec, model=model.state_dict(), progress={"epoch": 3}))
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_config_that_disagrees(path):
    difference = r"heads\[0\]\[0\]\.weight_bits is 4 in the checkpoint, 3 in the configuration"
    message = rf"of another network than the configuration \({difference}\); remove it and train again, or name another$"
    with pytest.raises(QuantModelError, match=message):
        load_model(path, build_spec(weight_bits=3))


@pytest.mark.parametrize("damage", [
    lambda raw: b"", lambda raw: raw[: len(raw) // 2], lambda raw: b"\xff" * 64, lambda raw: raw[:8] + b"?" + raw[9:],
])
def test_corrupt_file_is_one_clear_line(path, damage):
    path.write_bytes(damage(path.read_bytes()))
    message = r"net\.safetensors cannot be read as a checkpoint \([^\n]*\): it is damaged, or none; allowed: a checkpoint\.safetensors"
    with pytest.raises(QuantModelError, match=message):
        load_model(path)


def rewritten(path, change):
    header = json.loads(json.dumps(load_header(path)))
    tensors = load_file(path)
    change(header, tensors)
    save_file(tensors, path, {"offramp": json.dumps(header)})


def load_header(path):
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    return json.loads(json.loads(raw[8 : 8 + length])["__metadata__"]["offramp"])


@pytest.mark.parametrize(("change", "message"), [
    (lambda h, t: h.update(version=2), "must have version 1, not 2"),
    (lambda h, t: h.update(digest="0"), "its description does not match its hash"),
    (lambda h, t: h.pop("digest"), r"net\.safetensors is corrupt \('digest'\)"),
    (lambda h, t: h.update(net="{}"), r"net\.safetensors is corrupt \(not a network description"),
    (lambda h, t: h.update(progress=3), r"net\.safetensors is corrupt \(its header is no table\)"),
    (lambda h, t: t.pop("model.heads.1.head1_fc0.1.bias"), r"lacks heads\.1\.head1_fc0\.1\.bias"),
    (lambda h, t: t.update({"model.more": torch.zeros(1)}), "has unknown more"),
    (lambda h, t: t.update({"model.heads.1.head1_fc0.1.bias": torch.zeros(5)}), r"bias must be \[4\], not \[5\]"),
])
def test_contents_that_do_not_fit(path, change, message):
    rewritten(path, change)
    with pytest.raises(QuantModelError, match=message):
        load_model(path)


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(QuantModelError, match="does not exist; train first"):
        load_model(tmp_path / "none.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(QuantModelError, match=r"foreign\.safetensors holds tensors, but no checkpoint \(\[import\] weights takes float"):
        load_model(tmp_path / "foreign.safetensors")
