"""What a configuration may say of a network of one's own, and what it may not."""

from pathlib import Path

import pytest

from build_flows.base.errors import ConfigError
from build_flows.project.load import load as load_config
from build_flows.project.load import parse
from build_flows.project.own import trains_own

TEXT = """
[project]
name = "x"
[data]
name = "digits"
[model]
factory = "pack.nets:make"
[[exits]]
policy = "margin"
[[exits]]
policy = "always"
[calibrate]
accuracy_loss = 1.0
"""
SOURCE = 'factory = "pack.nets:make"'


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, "x.toml")
    return caught.value.message.splitlines()


def test_a_network_of_ones_own_has_any_number_of_exits_and_no_layout() -> None:
    found = parse(TEXT)
    assert (found.model.own, found.layout, len(found.exits)) == (True, ((0, "own"),), 2)
    some = parse(TEXT.replace("[[exits]]", "[[exits]]\nafter = 2", 1))
    assert some.layout == ((2, "own"),)
    many = TEXT.replace("[[exits]]", '[[exits]]\npolicy = "softmax"\n' * 4 + "[[exits]]", 1)
    assert len(parse(many).exits) == 6
    assert not parse(TEXT.replace(SOURCE, 'preset = "b_lenet"').replace('"digits"', '"fashion-mnist"')).model.own


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (SOURCE, "", "model.preset = (unset): allowed: one of preset, factory, qonnx and import.factory must be given"),
        (
            SOURCE, f'{SOURCE}\npreset = "digits"',
            'model.factory = "pack.nets:make": allowed: one of preset, factory, qonnx and import.factory must be given, not preset and '
            "factory",
        ),
        (
            SOURCE, 'factory = "pack.nets"',
            'model.factory = "pack.nets": allowed: text that matches ^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$',
        ),
        (
            SOURCE, 'qonnx = "a.onnx"\nweights = "b.pt"',
            'model.weights = "b.pt": only what a factory returns takes them; allowed: unset, or with model.factory',
        ),
        (SOURCE, f"{SOURCE}\nact_bits = 4", "model.act_bits = 4: bits are those of your network; allowed: unset"),
        (
            'policy = "always"', 'policy = "always"\nafter = 1',
            "exits[1].after = 1: the last exit is your network's last; allowed: unset",
        ),
        (
            'policy = "always"', 'policy = "always"\nhead = "linear"',
            'exits[1].head = "linear": exits have the heads that your network has; allowed: unset',
        ),
        (
            'policy = "margin"', 'policy = "margin"\nafter = 1\n[[exits]]\npolicy = "margin"',
            "exits[1].after = (unset): allowed: after in every exit but the last, or in none",
        ),
        (
            'policy = "margin"', 'policy = "margin"\nafter = 1\n[[exits]]\npolicy = "margin"\nafter = 1',
            "exits[1].after = 1: exits[0] stands after stage 1; allowed: 2 or more",
        ),
        (
            "[[exits]]", "[train]\nepochs = 3\n[[exits]]\nafter = 0",
            "exits[0].after = 0: what is trained here is trained with all its exits; allowed: unset",
        ),
        (
            'policy = "always"',
            'policy = "never"',
            'exits[1].policy = "never": the last exit must let every sample leave; allowed: "always"',
        ),
        (
            "[[exits]]", '[train]\nstart = "a.safetensors"\n[[exits]]',
            'train.start = "a.safetensors": it is of a preset; allowed: unset (a factory\'s network begins with model.weights)',
        ),
        (
            "[[exits]]", '[train]\nscheme = "exits_only"\n[[exits]]',
            'train.scheme = "exits_only": it needs stages and heads, which presets have; allowed: "joint", "distill", "consistent"',
        ),
        (
            "[[exits]]", '[train]\nscheme = "personal"\n[[exits]]',
            'train.scheme = "personal": it needs stages and heads, which presets have; allowed: "joint", "distill", "consistent"',
        ),
        (
            "[[exits]]", '[train]\nscheme = "import"\n[[exits]]',
            'train.scheme = "import": it takes a float network; allowed: "joint", "distill", "consistent"',
        ),
        ("[[exits]]", "[train]\ngate_epochs = 3\n[[exits]]", "train.gate_epochs = 3: only presets have gate heads; allowed: unset"),
        (
            "[[exits]]", "[train]\nexit_weights = [1.0]\n[[exits]]",
            "train.exit_weights = [1.0]: allowed: 2 values, one for each exit, not 1",
        ),
        (
            'policy = "margin"', 'policy = "gate"',
            'exits[0].policy = "gate": only presets have gate heads; allowed: any other policy',
        ),
        (
            "accuracy_loss = 1.0",
            "shares = [0.5, 0.2]",
            "calibrate.shares = [0.5, 0.2]: allowed: 1 values, one for each exit but the last, not 2",
        ),
    ],
)
def test_a_fault_names_file_key_value_and_what_is_allowed(old: str, new: str, message: str) -> None:
    assert old in TEXT
    assert faults(TEXT.replace(old, new, 1)) == [f"x.toml: {message}"]


@pytest.mark.parametrize(
    ("table", "trained"),
    [("seed = 2\nthreads = 1\ndevice = \"cpu\"", False), ("epochs = 3", True), ('scheme = "joint"', True), ("flip = false", True)],
)
def test_a_factorys_network_is_trained_where_the_file_says_how(table: str, trained: bool) -> None:
    assert trains_own(parse(TEXT.replace("[[exits]]", f"[train]\n{table}\n[[exits]]", 1))) is trained


FLOAT = TEXT.replace(f"[model]\n{SOURCE}\n", '[import]\nfactory = "pack.nets:make"\n')


def test_a_float_network_of_ones_own_has_bits_and_any_scheme_that_needs_logits_alone() -> None:
    found = parse(FLOAT.replace("[import]", '[model]\nweight_bits = 3\nact_bits = 5\n[train]\nscheme = "distill"\n[import]'))
    assert (found.model.own, found.factory, found.model.weight_bits, found.model.act_bits) == (True, "pack.nets:make", 3, 5)
    assert trains_own(found)
    assert trains_own(parse(FLOAT))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "[import]", '[model]\nqonnx = "a.onnx"\n[import]',
            'import.factory = "pack.nets:make": allowed: one of preset, factory, qonnx and import.factory must be given, not qonnx and '
            "import.factory",
        ),
        ("[import]", '[train]\nscheme = "personal"\n[import]',
         'train.scheme = "personal": it needs stages and heads, which presets have; allowed: "joint", "distill", "consistent"'),
        ('make"\n', 'make"\nmapping = { a = "b" }\n',
         'import.mapping = {a = "b"}: what a factory returns has the layers already; allowed: unset'),
        ("[import]", "[model]\nact_bits = 1\n[import]",
         "model.act_bits = 1: only presets are of 1 bit, or modules that have such quantisers themselves; allowed: 2 to 8"),
        ("[import]", "[model]\nlayer_bits = { a = { act = 3 } }\n[import]",
         "model.layer_bits = {a = {act = 3}}: layers of a float network of your own have no names yet; allowed: unset"),
    ],
)
def test_a_float_network_of_ones_own_is_refused_what_it_cannot(old: str, new: str, message: str) -> None:
    assert old in FLOAT
    assert message in faults(FLOAT.replace(old, new, 1))[0]


def test_a_qonnx_file_is_not_trained() -> None:
    text = TEXT.replace(SOURCE, 'qonnx = "net.onnx"').replace("[[exits]]", "[train]\nshift = 0\nepochs = 3\nflip = true\n[[exits]]", 1)
    assert faults(text) == ["x.toml: train.epochs = 3: a QONNX file is not trained here; allowed: unset, and so shift, flip"]
    assert not trains_own(parse(TEXT.replace(SOURCE, 'qonnx = "net.onnx"')))


def test_no_exits_at_all_are_told() -> None:
    text = TEXT.replace('[[exits]]\npolicy = "margin"\n[[exits]]\npolicy = "always"\n', "").replace("[project]", "exits = []\n[project]")
    assert faults(text) == ["x.toml: exits = []: allowed: one [[exits]] table for each output of the network"]


@pytest.mark.parametrize(("key", "text"), [("qonnx", 'qonnx = "net.onnx"'), ("weights", f'{SOURCE}\nweights = "net.onnx"')])
def test_files_are_beside_the_configuration_and_must_exist(key: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text(TEXT.replace(SOURCE, text))
    with pytest.raises(ConfigError, match=rf'x\.toml: model\.{key} = "net\.onnx": there is no file .*net\.onnx'):
        load_config(file)
    (tmp_path / "net.onnx").write_bytes(b"")
    assert getattr(load_config(file), {"weights": "own_weights"}.get(key, key)) == tmp_path / "net.onnx"


def test_the_folder_of_modules_must_exist_and_is_a_factorys(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text(TEXT.replace(SOURCE, f'{SOURCE}\nmodules = "src"'))
    with pytest.raises(ConfigError, match=r'x\.toml: model\.modules = "src": there is no folder .*src'):
        load_config(file)
    (tmp_path / "src").mkdir()
    assert load_config(file).modules == tmp_path / "src"
    text = TEXT.replace(SOURCE, 'qonnx = "net.onnx"\nmodules = "src"')
    assert faults(text) == ['x.toml: model.modules = "src": only a factory has modules; allowed: unset, or with model.factory']
