"""A layout cut out of a network trained with more exits computes what that network computed there."""

import itertools

import numpy as np
import pytest
import torch

from quant_models.errors import QuantModelError
from quant_models.integers.view import integer_logits, integer_outputs
from quant_models.networks.checkpoint import Checkpoint, load_checkpoint, load_model, save_checkpoint
from quant_models.networks.cut import cut
from quant_models.networks.gate_layout import with_gates
from quant_models.networks.layer_bits import with_bits
from quant_models.networks.layouts import layout
from quant_models.networks.presets import preset
from tests.quant_models.conftest import build_model

ALL = [(0, "preset"), (0, "global"), (0, "linear"), (1, "preset"), (1, "conv")]


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(2).integers(0, 256, (30, 8, 8, 1), dtype=np.uint8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("trained") / "all.safetensors"
    model = build_model(layout("digits", ALL))
    save_checkpoint(path, Checkpoint(spec=model.spec, model=model.state_dict(), progress={"run": {"data": "x"}}))
    return path


@pytest.mark.parametrize("chosen", [(), (0, 1, 2, 3, 4), *itertools.combinations(range(5), 1), (0, 3), (1, 4), (1, 2)])
def test_every_layout_computes_what_the_whole_network_does(tmp_path, trained, images, chosen):
    spec = layout("digits", [ALL[index] for index in chosen])
    found = cut(trained, spec)
    assert found.progress["cut"]["exits"] == [*chosen, 5]
    assert found.progress["run"] == {"data": "x"}
    save_checkpoint(tmp_path / "cut.safetensors", found)
    whole = integer_logits(load_model(trained), images)
    for index, logits in zip([*chosen, 5], integer_logits(load_model(tmp_path / "cut.safetensors", spec), images), strict=True):
        assert np.array_equal(logits, whole[index])


def test_scales_are_cut_between(tmp_path):
    """Fewer exits need fewer of the finer maps; other bits are told layer by layer."""
    shape = (8, 8, 1)
    model = build_model(layout("msdnet_tiny", [(0, "pool"), (3, "preset"), (4, "preset")], shape=shape))
    images = np.random.default_rng(2).integers(0, 256, (20, *shape), dtype=np.uint8)
    whole, path = integer_logits(model, images), tmp_path / "all"
    save_checkpoint(path, Checkpoint(spec=model.spec, model=model.state_dict()))
    for exits, places in (([(4, "preset")], [2, 3]), ([], [3])):
        spec = layout("msdnet_tiny", exits, shape=shape)
        save_checkpoint(tmp_path / "cut", cut(path, spec))
        for place, logits in zip(places, integer_logits(load_model(tmp_path / "cut", spec), images), strict=True):
            assert np.array_equal(logits, whole[place])
    other = with_bits(layout("msdnet_tiny", [], shape=shape), {"stage0_conv4": (3, None)})
    with pytest.raises(QuantModelError, match=r"layer 2 of its backbone is a dense layer of scales of weight_bits=4, act_bits=4; .*, not a "
                                              r"dense layer of scales of weight_bits=4, act_bits=4; weight_bits=3, act_bits=4; "):
        cut(path, other)


def test_residual_blocks_are_cut_between(tmp_path):
    """Exits moved to other blocks of resnet8 take the weights along; other bits are told block by block."""
    shape = (8, 8, 1)
    model = build_model(layout("resnet8", [(0, "global"), (1, "preset"), (2, "preset")], shape=shape))
    images = np.random.default_rng(2).integers(0, 256, (30, *shape), dtype=np.uint8)
    whole, path = integer_logits(model, images), tmp_path / "all"
    save_checkpoint(path, Checkpoint(spec=model.spec, model=model.state_dict()))
    for exits, places in (([(2, "preset")], [2, 3]), ([], [3]), ([(0, "global"), (2, "preset")], [0, 2, 3])):
        spec = layout("resnet8", exits, shape=shape)
        save_checkpoint(tmp_path / "cut", cut(path, spec))
        for place, logits in zip(places, integer_logits(load_model(tmp_path / "cut", spec), images), strict=True):
            assert np.array_equal(logits, whole[place])
    with pytest.raises(QuantModelError, match="layer 1 of its backbone is a residual block of weight_bits=4, act_bits=4; weight_bits=4, "
                                              "act_bits=5, act_bits=4 of the sum, not a residual block of weight_bits=4, act_bits=4; "
                                              "weight_bits=4, act_bits=5, act_bits=3 of the sum"):
        cut(path, with_bits(layout("resnet8", [], shape=shape), {"stage0_add0": (None, 3)}))
    with pytest.raises(QuantModelError, match=r"has another backbone: resnet8 \(convolution 16, residual block 16, residual block 32, "
                                              r"residual block 64\), not digits"):
        cut(path, preset("digits"))
    cut(path, layout("resnet8", [], 3, 5, shape=shape), other_bits=True)


def test_gate_heads_are_cut_out_with_their_exits(tmp_path, images):
    """Of a layout trained with gate heads, with and without them; a gate head that was not trained is told."""
    model = build_model(with_gates(layout("digits", ALL), ["pool", None, "linear", "global", None], 4, 4))
    whole, path = integer_outputs(model, images), tmp_path / "all"
    save_checkpoint(path, Checkpoint(spec=model.spec, model=model.state_dict()))
    for chosen, gates in (((0, 3), ["pool", "global"]), ((2,), ["linear"]), ((0, 1), ["pool", None]), ((0, 3), [None, "global"])):
        spec = with_gates(layout("digits", [ALL[index] for index in chosen]), gates, 4, 4)
        save_checkpoint(tmp_path / "cut", cut(path, spec))
        logits, learned = integer_outputs(load_model(tmp_path / "cut", spec), images)
        for k, (index, values) in enumerate(zip([*chosen, 5], logits, strict=True)):
            assert np.array_equal(values, whole[0][index])
            assert (k in learned) == (k < len(gates) and gates[k] is not None)
            assert k not in learned or np.array_equal(learned[k], whole[1][index])
    for gates, message in ((["global", None], "not trained with the gate head of exit 0, global pool, linear 1; it has max-pool, linear 1"),
                           ([None, "pool"], "not trained with the gate head of exit 1, max-pool, linear 1; it has none there")):
        with pytest.raises(QuantModelError, match=message):
            cut(path, with_gates(layout("digits", [ALL[0], ALL[1]]), gates, 4, 4))


def test_the_heads_of_some_exits_and_other_bits(trained):
    spec = layout("digits", [(0, "pool"), (1, "conv")], weight_bits=8, act_bits=6)
    found, whole = cut(trained, spec, (1, 2), other_bits=True), load_checkpoint(trained).model
    assert found.progress["cut"]["exits"] == [4, 5]
    assert not any(key.startswith("heads.0.") for key in found.model)
    for new, old in (("stages.0.stage0_conv0", "stages.0.stage0_conv0"), ("heads.1.head1_conv0", "heads.4.head4_conv0"),
                     ("heads.2.head2_fc0", "heads.5.head5_fc0")):
        there = [key for key in found.model if key.startswith(f"{new}.")]
        assert there
        assert all(torch.equal(found.model[key], whole[key.replace(new, old)]) for key in there)
    with pytest.raises(QuantModelError, match="bit widths: layer 0 of its backbone is weight_bits=4, act_bits=4, not weight_bits=8"):
        cut(trained, spec, (1, 2))
    with pytest.raises(QuantModelError, match="was not trained with the head of exit 0, after block 0: max-pool, linear 10"):
        cut(trained, spec, other_bits=True)


@pytest.mark.parametrize(("spec", "message"), [
    (
        layout("digits", [(0, "pool")]),
        r"was not trained with the head of exit 0, after block 0: max-pool, linear 10; it has after block 0: max-pool, linear 10; "
        r"after block 0: global pool, linear 10; .*after block 2: global pool, linear 10",
    ),
    (layout("digits", [(1, "global")]), "not trained with the head of exit 0, after block 1: global pool, linear 10; it has after block 0"),
    (layout("digits", [], weight_bits=3), "bit widths: layer 0 of its backbone is weight_bits=4, act_bits=4, not weight_bits=3,"),
    (layout("digits", [], classes=9), "has classes = 10, not 9"),
    (preset("b_lenet"), "has height = 8, not 28"),
])
def test_what_is_missing_is_named(trained, spec, message):
    with pytest.raises(QuantModelError, match=message):
        cut(trained, spec)


def test_another_backbone_is_named(tmp_path):
    model = build_model(preset("b_lenet"))
    save_checkpoint(tmp_path / "x", Checkpoint(spec=model.spec, model=model.state_dict()))
    with pytest.raises(QuantModelError, match=r"has another backbone: b_lenet \(convolution 5, max-pool, .*\), not triple_wins"):
        cut(tmp_path / "x", preset("triple_wins"))
    with pytest.raises(QuantModelError, match="does not exist"):
        cut(tmp_path / "y", preset("triple_wins"))
