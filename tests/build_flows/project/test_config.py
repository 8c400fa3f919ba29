"""Every fault of a configuration is one line that names file, key, value and what is allowed."""

import typing
from pathlib import Path

import pytest

from build_flows.base.errors import ConfigError
from build_flows.base.parts import BOARDS
from build_flows.project.load import load as load_config
from build_flows.project.load import parse
from build_flows.project.sections import ExitSection, ModelSection, TargetSection
from build_flows.project.template import TEMPLATES, template
from quant_models.networks.presets import PRESETS

DIGITS = template("digits").replace("# accuracy_loss =", "accuracy_loss = 0.5").replace("\nshares = [0.6, 0.25]", "\n# shares =")
B_LENET = template("b_lenet")


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, "x.toml")
    return caught.value.message.splitlines()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("weight_bits = 4", "weight_bits = 9", "x.toml: model.weight_bits = 9: allowed: whole number from 2 to 8"),
        ("weight_bits = 4", 'weight_bits = "4"', 'x.toml: model.weight_bits = "4": allowed: whole number from 2 to 8'),
        ("weight_bits = 4", "weight_bits = 4.0", "x.toml: model.weight_bits = 4.0: allowed: whole number from 2 to 8"),
        ("weight_bits = 4", "weight_bits = true", "x.toml: model.weight_bits = true: allowed: whole number from 2 to 8"),
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
            "x.toml: exits[0].place = 1: unknown key; allowed: policy, score, after, head, gate_head",
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
        ('preset = "digits"', "", "x.toml: model.preset = (unset): allowed: one of preset, factory and qonnx must be given"),
        (
            'preset = "digits"',
            'preset = "x"',
            'x.toml: model.preset = "x": allowed: "digits", "b_lenet", "triple_wins", "b_alexnet", "har"',
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


def test_all_faults_are_told_at_once() -> None:
    found = faults(DIGITS.replace("weight_bits = 4", "weight_bits = 1").replace("act_bits = 4", "act_bits = 9") + "\n[sim]\n")
    assert [line.split(" ")[1] for line in found] == ["model.weight_bits", "model.act_bits", "sim"]


def test_a_wrong_table_is_told_as_one() -> None:
    keys = "preset, factory, weights, qonnx, weight_bits, act_bits, layer_bits"
    told = f"x.toml: model = 1: must be a table [model]; allowed: a table with {keys}"
    assert told in faults("model = 1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            DIGITS.replace('\n[[exits]]\npolicy = "max_logit"\n# score =\n# after =\n# head =\n', ""),
            'exits = ["softmax", "always"]: digits has 3 exits, not 2; allowed: one [[exits]] table for each, a single one, or any number '
            "with after in each but the last",
        ),
        (B_LENET.replace('policy = "always"', 'policy = "never"'), 'exits[1].policy = "never": the last exit must let every sample leave'),
        (
            B_LENET.replace('policy = "max_logit"', 'policy = "always"'),
            'exits[0].policy = "always": no sample would get past it; allowed before the last exit: max_logit, margin, softmax, entropy, '
            "patience, class_threshold, gate, never",
        ),
        (
            B_LENET.replace('name = "fashion-mnist"', 'name = "digits"').replace('preset = "b_lenet"', 'preset = "triple_wins"'),
            'data.name = "digits": its images are 8x8x1, but triple_wins takes 16x16 at least; allowed: fashion-mnist, cifar10, npz, '
            "folder, sensors",
        ),
        (
            B_LENET.replace('name = "fashion-mnist"', 'name = "npz"'),
            "data.path = (unset): data set npz needs its place; allowed: path of an .npz file",
        ),
        (
            B_LENET.replace('name = "fashion-mnist"', 'name = "folder"'),
            "data.path = (unset): data set folder needs its place; allowed: path of a folder with train/<class>/ and test/<class>/, or",
        ),
        (B_LENET.replace("# resize =", "resize = [8, 8]"), "data.resize = [8, 8]: only images of a folder are converted, not data set"),
        (B_LENET.replace('channels = "auto"', 'channels = "rgb"'), 'data.channels = "rgb": only images of a folder are converted, not'),
        (
            B_LENET.replace('name = "fashion-mnist"', 'name = "folder"').replace("# path =", 'path = "."').replace(
                "# resize =", "resize = [8]"
            ),
            "data.resize = [8]: allowed: 2 values, height and width, not 1",
        ),
        (
            DIGITS.replace("\naccuracy_loss = 0.5", "\nshares = [0.7, 0.6]"),
            "calibrate.shares = [0.7, 0.6]: they sum to 1.3; allowed: 1 at most",
        ),
        (
            DIGITS.replace('mode = "all"', 'mode = "subnet"'),
            "build.exit = (unset): mode subnet builds one exit; allowed: 0 to 2",
        ),
        (
            DIGITS.replace('mode = "all"', 'mode = "subnet"').replace("# exit =", "exit = 3"),
            "build.exit = 3: there are 3 exits; allowed: 0 to 2",
        ),
        (
            B_LENET.replace('mode = "all"', 'mode = "subnet"').replace("# exit =", "exit = 2"),
            "build.exit = 2: there are 2 exits; allowed: 0 or 1",
        ),
        (
            DIGITS.replace("# exit =", "exit = 1"),
            'build.exit = 1: mode all builds every exit; allowed: unset, or mode = "subnet"',
        ),
        (
            DIGITS.replace('policy = "softmax"', 'policy = "gate"', 1).replace("# exchangeable_heads =", "exchangeable_heads = true"),
            'exits[0].policy = "gate": gate heads are sized from their weights',
        ),
        (
            DIGITS.replace('policy = "softmax"', 'policy = "gate"', 1).replace('scheme = "joint"', 'scheme = "import"').replace(
                "# mapping =", 'weights = "float.safetensors"'),
            'exits[0].policy = "gate": gate heads are trained, and import.fine_tune = 0 trains nothing',
        ),
        (
            DIGITS.replace('mode = "all"', 'mode = "anytime"').replace('order = "arrival"', 'order = "input"'),
            'build.order = "input": mode anytime gives results as they come; allowed: "arrival"',
        ),
        (
            DIGITS.replace('mode = "all"', 'mode = "anytime"').replace('policy = "softmax"', 'policy = "never"', 1),
            'exits[0].policy = "never": it finds no class, and in mode anytime every exit answers; allowed: any other policy',
        ),
        (DIGITS.replace("# shares =", "shares = [0.5, 0.2]"), "calibrate.shares = [0.5, 0.2]: allowed: either accuracy_loss or shares"),
        (
            DIGITS.replace("# mean_cost =", "mean_cost = 0.5"),
            "calibrate.mean_cost = 0.5: allowed: either accuracy_loss or mean_cost, not both",
        ),
        (
            DIGITS.replace('mode = "all"', 'mode = "budgeted"'),
            "calibrate.mean_cost = (unset): mode budgeted keeps to a mean cost; allowed: a number above 0 up to 1",
        ),
        (DIGITS.replace("\naccuracy_loss = 0.5", ""), "calibrate.accuracy_loss = (unset): allowed: one of"),
        (
            B_LENET.replace('"max_logit"', '"never"'),
            "calibrate.shares[0] = 0.75: exits[0] has policy never; allowed: 0",
        ),
    ],
)
def test_impossible_layouts_are_errors(text: str, message: str) -> None:
    found = faults(text)
    assert len(found) == 1
    assert found[0].startswith(f"x.toml: {message}")


def placed(preset: str, *exits: tuple[int | None, str | None], last: str = "", extra: str = "") -> str:
    """A configuration of ``preset`` with early exits at the (after, head) given."""
    tables = ""
    for after, name in exits:
        tables += '[[exits]]\npolicy = "max_logit"\n' + ("" if after is None else f"after = {after}\n")
        tables += "" if name is None else f'head = "{name}"\n'
    data = "digits" if preset == "digits" else "fashion-mnist"
    start = f'[project]\nname = "x"\n[data]\nname = "{data}"\n[model]\npreset = "{preset}"\n{extra}'
    return f'{start}{tables}[[exits]]\npolicy = "always"\n{last}'


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        (placed("digits", (None, None), (None, None)), ((0, "preset"), (1, "preset"))),
        (placed("digits", (None, "pool"), (None, None)), ((0, "pool"), (1, "preset"))),
        (placed("digits"), ()),
        (placed("digits", (1, "linear")), ((1, "linear"),)),
        (placed("b_lenet", (0, None), (1, None)), ((0, "preset"), (1, "linear"))),
        (placed("b_lenet", (0, "conv"), (0, "global"), (1, "pool")), ((0, "conv"), (0, "global"), (1, "pool"))),
    ],
)
def test_exits_stand_where_they_are_placed(text: str, layout: tuple[tuple[int, str], ...]) -> None:
    found = parse(text)
    assert found.layout == layout
    assert found.exit_weights == (1.0,) * (len(layout) + 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            placed("b_lenet", (5, None)),
            "exits[0].after = 5: b_lenet's backbone has blocks 0 to 2; an early exit comes after block 0 or 1",
        ),
        (
            placed("triple_wins", (0, None), (3, None)),
            "exits[1].after = 3: triple_wins's backbone has blocks 0 to 3; an early exit comes after block 0 to 2",
        ),
        (
            placed("digits", (1, None), (0, None)),
            "exits[1].after = 0: exits[0] stands after block 1; allowed: 1 or more, the backbone's order",
        ),
        (placed("digits", (1, None), (None, None)), "exits[1].after = (unset): allowed: after in every exit but the last, or in none"),
        (
            placed("b_lenet", (1, "preset")),
            'exits[0].head = "preset": b_lenet has a head of its own after block 0 only; allowed: "linear", "pool", "conv", "global"',
        ),
        (
            placed("b_lenet", (1, "linear"), (1, None)),
            'exits[1].head = "linear": exits[0] stands after block 1 with this head already; allowed: "pool", "conv", "global"',
        ),
        (
            placed("b_lenet", (0, None), last="after = 2\n"),
            "exits[1].after = 2: the last exit stands after the whole backbone, with the preset's last head; allowed: unset",
        ),
        (
            placed("b_lenet", last='head = "linear"\n'),
            'exits[0].head = "linear": the last exit stands after the whole backbone, with the preset\'s last head; allowed: unset',
        ),
        (
            "exits = []\n" + placed("b_lenet").replace('[[exits]]\npolicy = "always"\n', ""),
            "exits = []: b_lenet has 2 exits, not 0; allowed: one",
        ),
        (
            placed("b_lenet", (0, None), (1, None), extra="[train]\nexit_weights = [1.0, 1.0]\n"),
            "train.exit_weights = [1.0, 1.0]: allowed: 3 values, one for each exit, not 2",
        ),
        (
            placed("b_lenet", extra="[target]\nhard_share = [0.5]\n"),
            "target.hard_share = [0.5]: allowed: 0 values, one for each exit but the last, not 1",
        ),
    ],
)
def test_impossible_places_are_errors(text: str, message: str) -> None:
    [found] = faults(text)
    assert found.startswith(f"x.toml: {message}")


def test_text_that_is_not_toml() -> None:
    assert faults("[project\n")[0].startswith("x.toml: not valid TOML: ")


def test_places_are_relative_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "sub" / "config.toml"
    file.parent.mkdir()
    file.write_text(DIGITS)
    project = load_config(file)
    assert project.output == tmp_path / "sub" / "build" / "digits"
    assert (project.name, project.data, project.folding) == ("digits", None, None)
    assert project.config.exit_weights == (1.0, 1.0, 1.0)
    assert project.config.part == "xc7z020clg400-1"
    (tmp_path / "idx").mkdir()
    assert load_config(file, data_dir=tmp_path / "idx").data == tmp_path / "idx"
    assert project.dataset == ("digits", None)
    file.write_text(DIGITS.replace("# output =", 'output = "../elsewhere"'))
    assert load_config(file).output == tmp_path / "elsewhere"


def test_the_data_set_is_named_as_quant_models_does(tmp_path: Path) -> None:
    from quant_models.datasets.load import DATASETS

    file = tmp_path / "config.toml"
    file.write_text(B_LENET)
    assert load_config(file).dataset == ("fashion_mnist", None)
    assert load_config(file, data_dir=tmp_path).dataset == ("fashion_mnist", tmp_path)
    assert {"digits", "fashion_mnist"} <= set(DATASETS)
    (tmp_path / "mine.npz").write_bytes(b"")
    file.write_text(template("b_alexnet").replace('"cifar10"', '"npz"').replace("cifar-10-batches-bin", "mine.npz"))
    assert load_config(file).dataset == (str(tmp_path / "mine.npz"), None)


def test_places_of_data_sets_are_of_their_kind(tmp_path: Path) -> None:
    file, images = tmp_path / "config.toml", tmp_path / "images"
    images.mkdir()
    (tmp_path / "images.tar").write_bytes(b"")
    for name, good, bad, message in (
        ("npz", "images.tar", "images", "must be an .npz file, not a folder"),
        ("sensors", "images.tar", "images", "must be an .npz file, not a folder"),
        ("cifar10", "images", "images.tar", "must be the folder of CIFAR-10's binary files, not a file"),
        ("folder", "images", None, ""),
        ("folder", "images.tar", None, ""),
    ):
        text = B_LENET.replace('name = "fashion-mnist"', f'name = "{name}"')
        file.write_text(text.replace("# path =", f'path = "{good}"'))
        assert load_config(file).dataset == ((str(tmp_path / good), None) if name == "npz" else (name, tmp_path / good))
        if bad is not None:
            file.write_text(text.replace("# path =", f'path = "{bad}"'))
            with pytest.raises(ConfigError, match=f"data.path = '{bad}': {message}"):
                load_config(file)


def test_missing_files_are_named(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    with pytest.raises(ConfigError, match=r"config\.toml: no such file"):
        load_config(file)
    with pytest.raises(ConfigError, match="is a folder, not a config file"):
        load_config(tmp_path)
    file.write_text(DIGITS.replace('folding = "optimal"', 'folding = "mine.toml"'))
    with pytest.raises(ConfigError, match=r'build\.folding = "mine\.toml": there is no .*; allowed: "optimal" or "finn", or a file'):
        load_config(file)
    file.write_text(DIGITS.replace("# path =", 'path = "nowhere"'))
    with pytest.raises(ConfigError, match=r"data\.path = 'nowhere': there is no"):
        load_config(file)
    file.write_text(DIGITS.replace("# checkpoint =", 'checkpoint = "all.safetensors"'))
    with pytest.raises(ConfigError, match=r'train\.checkpoint = "all\.safetensors": there is no file .*all\.safetensors'):
        load_config(file)
    (tmp_path / "all.safetensors").write_bytes(b"")
    assert load_config(file).checkpoint == tmp_path / "all.safetensors"
    with pytest.raises(ConfigError, match=r"--data = '.*gone': there is no"):
        load_config(file, data_dir=tmp_path / "gone")
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(file)


def test_folding_is_found_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    for mode in ("optimal", "finn"):
        file.write_text(DIGITS.replace('folding = "optimal"', f'folding = "{mode}"'))
        assert load_config(file).folding is None
    (tmp_path / "mine.toml").touch()
    file.write_text(DIGITS.replace('folding = "optimal"', 'folding = "mine.toml"'))
    assert load_config(file).folding == tmp_path / "mine.toml"
    file.write_text(DIGITS.replace('folding = "optimal"', 'folding = "search"'))
    with pytest.raises(ConfigError, match=r'build\.folding = "search": the search is called "optimal" now; allowed: "optimal" '):
        load_config(file)


def test_presets_are_those_of_templates_and_choices() -> None:
    choices = typing.get_args(typing.get_args(ModelSection.model_fields["preset"].annotation)[0])
    assert set(PRESETS) == set(TEMPLATES) == set(choices)
    boards = TargetSection.model_fields["board"].annotation
    assert set(BOARDS) == set(getattr(boards, "__args__", ()))


def test_policies_and_scores_are_those_of_the_table() -> None:
    from quant_models.exits.policies import POLICIES

    policies = ExitSection.model_fields["policy"].annotation
    scores = ExitSection.model_fields["score"].annotation
    assert set(getattr(policies, "__args__", ())) == set(POLICIES)
    assert set(typing.get_args(typing.get_args(scores)[0])) == {name for name, row in POLICIES.items() if row.score and row.unit}
    description = ExitSection.model_fields["policy"].description or ""
    for name in POLICIES:
        assert f"{name}: {POLICIES[name].summary}." in description


    assert parse(B_LENET).gates == (None,)
    text = B_LENET.replace('policy = "max_logit"', 'policy = "gate"', 1)
    assert parse(text).gates == ("pool",)
    assert parse(text.replace("# gate_head =", 'gate_head = "linear"', 1)).gates == ("linear",)


@pytest.mark.parametrize("policy", ["margin", "entropy", "patience", "class_threshold", "gate", "never"])
def test_every_policy_can_be_asked_for(policy: str) -> None:
    text = B_LENET.replace('policy = "max_logit"', f'policy = "{policy}"', 1).replace("# score =", 'score = "entropy"', 1)
    made = parse(text.replace("shares = [0.75]", "shares = [0]").replace("epsilon = 0.001", "epsilon = 0.0005"), "x.toml")
    assert [(item.policy, item.score) for item in made.exits] == [(policy, "entropy"), ("always", None)]
    assert made.calibrate.epsilon == 0.0005
