"""Every fault of a key by itself is one line that names file, key, value and what is allowed; choices are those that there are."""

import typing

import pytest

from build_flows.base.errors import ConfigError
from build_flows.base.parts import BOARDS
from build_flows.project.load import parse
from build_flows.project.sections import ExitSection, ModelSection, TargetSection
from build_flows.project.template import TEMPLATES
from quant_models.exits.policies import POLICIES
from quant_models.networks.presets import PRESETS
from tests.build_flows.project.configs import B_LENET, DIGITS, faults


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("weight_bits = 4", "weight_bits = 9", "x.toml: model.weight_bits = 9: allowed: whole number from 1 to 8"),
        ("weight_bits = 4", 'weight_bits = "4"', 'x.toml: model.weight_bits = "4": allowed: whole number from 1 to 8'),
        ("weight_bits = 4", "weight_bits = 4.0", "x.toml: model.weight_bits = 4.0: allowed: whole number from 1 to 8"),
        ("weight_bits = 4", "weight_bits = true", "x.toml: model.weight_bits = true: allowed: whole number from 1 to 8"),
        ("stall = 0.0", "stall = 1.0", "x.toml: simulate.stall = 1.0: allowed: number from 0 below 1"),
        ("stall = 0.0", "stall = nan", "x.toml: simulate.stall = nan: allowed: number from 0 below 1"),
        ("bus_bits = 32", "bus_bits = 33", "x.toml: build.bus_bits = 33: allowed: 8, 16, 32, 64, 128"),
        ('name = "digits"', 'name = "a b"', 'x.toml: project.name = "a b": allowed: text that matches ^[A-Za-z][A-Za-z0-9_-]*$'),
        (
            "validation = 0.2",
            "validatoin = 0.2",
            "x.toml: data.validatoin = 0.2: unknown key (did you mean validation?); allowed: name, path, resize, channels, "
            "validation",
        ),
        (
            "[[exits]]\n",
            "[[exits]]\nplace = 1\n",
            "x.toml: exits[0].place = 1: unknown key; allowed: policy, score, threshold, after, head, gate_head",
        ),
        ("# after =", "after = -1", "x.toml: exits[0].after = -1: allowed: whole number from 0 to 1000"),
        ("# head =", 'head = "big"', 'x.toml: exits[0].head = "big": allowed: "preset", "linear", "pool", "conv", "global"'),
        (
            'policy = "softmax"',
            'policy = "luck"',
            'x.toml: exits[0].policy = "luck": allowed: "max_logit", "margin", "softmax", "entropy", "patience", "class_threshold", '
            '"gate", "always", "never"',
        ),
        ("# gate_head =", 'gate_head = "pool"', 'x.toml: exits[0].gate_head = "pool": policy softmax has no gate head; allowed: unset'),
        ("# gate_head =", 'gate_head = "conv"', 'x.toml: exits[0].gate_head = "conv": allowed: "global", "pool", "linear"'),
        ("# gate_epochs =", "gate_epochs = 0", "x.toml: train.gate_epochs = 0: allowed: whole number from 1 to 10000"),
        (
            "# score =",
            'score = "patience"',
            'x.toml: exits[0].score = "patience": allowed: "max_logit", "margin", "softmax", "entropy"',
        ),
        ("epsilon = 0.001", "epsilon = 0.2", "x.toml: calibrate.epsilon = 0.2: allowed: number from 1e-06 to 0.1"),
        ("epsilon = 0.001", "epsilon = 0", "x.toml: calibrate.epsilon = 0: allowed: number from 1e-06 to 0.1"),
        ("epsilon = 0.001", "epsilon = nan", "x.toml: calibrate.epsilon = nan: allowed: number from 1e-06 to 0.1"),
        ('preset = "digits"', "",
         "x.toml: model.preset = (unset): allowed: one of preset, factory, qonnx and import.factory must be given"),
        (
            'preset = "digits"',
            'preset = "x"',
            'x.toml: model.preset = "x": allowed: "digits", "b_lenet", "triple_wins", "b_alexnet", "har", "resnet8", "tfc", '
            '"mobilenet_tiny", "cnv", "msdnet_tiny"',
        ),
        ('exit_weights = "equal"', "exit_weights = [1, 2, -3]", "x.toml: train.exit_weights[2] = -3: allowed: number above 0 up to 100"),
        (
            'exit_weights = "equal"',
            "exit_weights = [1, 2]",
            "x.toml: train.exit_weights = [1.0, 2.0]: allowed: 3 values, one for each exit, not 2",
        ),
        (
            "# hard_share =",
            "hard_share = [0.5]",
            "x.toml: target.hard_share = [0.5]: allowed: 2 values, one for each exit but the last, not 1",
        ),
        (
            "# output =",
            'output = "a\\u0000"',
            'x.toml: project.output = "a\\u0000": no path can hold a NUL character; allowed: a path',
        ),
    ],
)
def test_a_fault_names_file_key_value_and_what_is_allowed(old: str, new: str, message: str) -> None:
    assert old in DIGITS
    assert faults(DIGITS.replace(old, new, 1)) == [message]


def test_presets_are_those_of_templates_and_choices() -> None:
    choices = typing.get_args(typing.get_args(ModelSection.model_fields["preset"].annotation)[0])
    assert set(PRESETS) == set(TEMPLATES) == set(choices)
    boards = typing.get_args(TargetSection.model_fields["board"].annotation)[0]
    assert set(BOARDS) == set(typing.get_args(boards))


def test_policies_and_scores_are_those_of_the_table() -> None:
    policies = ExitSection.model_fields["policy"].annotation
    scores = ExitSection.model_fields["score"].annotation
    assert set(getattr(policies, "__args__", ())) == set(POLICIES)
    assert set(typing.get_args(typing.get_args(scores)[0])) == {name for name, row in POLICIES.items() if row.score and row.unit}
    description = ExitSection.model_fields["policy"].description or ""
    for name in POLICIES:
        assert f"{name}: {POLICIES[name].summary}." in description


@pytest.mark.parametrize("policy", ["margin", "entropy", "patience", "class_threshold", "gate", "never"])
def test_every_policy_can_be_asked_for(policy: str) -> None:
    text = B_LENET.replace('policy = "max_logit"', f'policy = "{policy}"', 1).replace("# score =", 'score = "entropy"', 1)
    if policy == "patience":
        # Of one exit alone it could not tell samples apart.
        with pytest.raises(ConfigError, match=r'exits\[0\]\.policy = "patience": .* there is none beside this one'):
            parse(text, "x.toml")
        return
    made = parse(text.replace("epsilon = 0.001", "epsilon = 0.0005"), "x.toml")
    assert [(item.policy, item.score) for item in made.exits] == [(policy, "entropy"), ("always", None)]
    assert made.calibrate.epsilon == 0.0005
