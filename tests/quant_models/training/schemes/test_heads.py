import pytest
import torch

from quant_models.errors import QuantModelError
from quant_models.networks.layouts import layout
from quant_models.networks.net import MultiExitNet
from quant_models.training.schemes.heads import begin_heads, check_heads, early, head_losses, head_parts, new_heads
from tests.quant_models.conftest import build_spec
from tests.quant_models.training.schemes.samples import batch, fresh, gradients, owners


def test_early_exits_are_all_but_the_last():
    assert early(build_spec(), None) == (0, 1)
    assert early(build_spec(), [1]) == (1,)


@pytest.mark.parametrize("exits", [[2], [-1], [0, 0]])
def test_others_are_refused(exits):
    with pytest.raises(QuantModelError, match=r"exits must be early exits of tiny, each once \(0 to 1\), not \["):
        check_heads(build_spec(), exits)
    with pytest.raises(QuantModelError, match=r"exits must be early exits of digits, each once \(none\), not \[0\]"):
        check_heads(layout("digits", []), [0])


def test_each_head_is_a_part_of_its_own():
    model = fresh()
    parts = head_parts((0, 1))
    for k, part in enumerate(parts):
        assert part.exits == (k,)
        assert owners(key for key in model.state_dict() if part.owns(key)) == {f"heads.{k}"}


def test_only_the_chosen_heads_are_in_training_mode():
    model = fresh()
    begin_heads(model, (1,))
    modes = {name: module.training for name, module in model.named_modules() if name}
    assert {name.split(".")[1] for name, on in modes.items() if on and name.startswith("heads.")} == {"1"}
    assert not any(on for name, on in modes.items() if name.startswith(("stages", "input_quant")))
    assert all(on for name, on in modes.items() if name.startswith("heads.1"))


def test_a_heads_loss_and_gradient_do_not_depend_on_other_heads():
    given, model = batch(), fresh()
    begin_heads(model, (0, 1))
    both, told = head_losses(model, given, (0, 1))
    assert owners(gradients(both, model)) == {"heads.0", "heads.1"}
    together = {key: value.grad.clone() for key, value in model.named_parameters() if value.grad is not None}
    for k in (0, 1):
        model = fresh()
        begin_heads(model, (k,))
        alone, one = head_losses(model, given, (k,))
        assert one == {f"exit {k}": told[f"exit {k}"]}
        assert owners(gradients(alone, model)) == {f"heads.{k}"}
        for key, value in model.named_parameters():
            if key.startswith(f"heads.{k}."):
                assert torch.equal(value.grad, together[key])


def test_new_heads_are_the_same_in_any_layout():
    few, many = (layout("digits", exits) for exits in ([(1, "linear")], [(0, "conv"), (1, "linear"), (1, "pool")]))
    found = []
    for spec, seed in ((few, 1), (many, 2)):
        torch.manual_seed(seed)
        model = MultiExitNet(spec)
        last = {key: value.clone() for key, value in model.state_dict().items() if key.startswith(f"heads.{spec.exits - 1}.")}
        state = torch.get_rng_state()
        new_heads(model, range(spec.exits - 1), 7)
        assert torch.equal(torch.get_rng_state(), state)
        assert all(torch.equal(model.state_dict()[key], value) for key, value in last.items())
        found.append(model)
    weights = [found[0].heads[0]["head0_fc0"][1].weight, *(found[1].heads[k][f"head{k}_fc0"][1].weight for k in (1, 2))]
    assert torch.equal(weights[0], weights[1])
    assert weights[2].shape != weights[0].shape
    again = found[0]
    new_heads(again, [0], 8)
    assert not torch.equal(again.heads[0]["head0_fc0"][1].weight, weights[1])
