"""How to train, as the configuration says it: names that it shares with the rooms, and what no single key shows."""

from pathlib import Path

import pytest

from build_flows.base.errors import ConfigError
from build_flows.project.config import Config
from build_flows.project.load import load as load_config
from build_flows.project.load import parse
from build_flows.project.template import template
from build_flows.project.training import ConsistentSection, TrainSection, exit_weights
from quant_models.training import perturb, schemes
from quant_models.training.names import PerturbationName, SchemeName


def parsed(*changes: tuple[str, str], preset: str = "digits") -> Config:
    text = template(preset)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return parse(text, "x.toml")


def test_schemes_and_perturbations_are_those_there_are() -> None:
    assert set(SchemeName) == set(schemes.SCHEMES)
    assert TrainSection.model_fields["scheme"].annotation.__args__ == tuple(map(str, SchemeName))
    assert set(PerturbationName) == set(perturb.PERTURBATIONS)
    inner = ConsistentSection.model_fields["perturb"].annotation.__args__[0]
    assert inner.__args__[0].__args__ == tuple(map(str, PerturbationName))


def test_weights_of_the_exits() -> None:
    assert exit_weights("equal", 3) == (1.0, 1.0, 1.0)
    assert exit_weights([0.5, 2.0], 2) == (0.5, 2.0)
    assert exit_weights("branchynet", 2) == (1.0, 0.3)
    assert exit_weights("branchynet", 3) == pytest.approx((1.0, 0.65, 0.3))
    assert exit_weights("branchynet", 1) == (1.0,)
    assert parsed(('exit_weights = "equal"', 'exit_weights = "branchynet"'), preset="b_lenet").exit_weights == (1.0, 0.3)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([('scheme = "joint"', 'scheme = "personal"')], "train.start = (unset): scheme personal trains heads of a network that was"),
        ([('scheme = "joint"', 'scheme = "personal"')], "personal.samples = (unset): scheme personal needs the user's samples"),
        ([('scheme = "joint"', 'scheme = "exits_only"'), ("# backbone_epochs =", "backbone_epochs = 0")],
         "train.start = (unset): scheme exits_only trains heads of a network that was trained"),
        ([('scheme = "joint"', 'scheme = "exits_only"'), ("# exits =", "exits = [0, 2]")],
         "exits_only.exits = [0, 2]: allowed: early exits, each once, 0 to 1"),
        ([('scheme = "joint"', 'scheme = "exits_only"'), ("# exits =", "exits = [1, 1]")],
         "exits_only.exits = [1, 1]: allowed: early exits, each once, 0 to 1"),
        ([("unlabelled = 0.0", 'unlabelled = 0.0\nsamples = "x.npz"')],
         'consistent.samples = "x.npz": scheme joint has no use for samples without labels; allowed: unset'),
        ([('scheme = "joint"', 'scheme = "jiont"')], 'train.scheme = "jiont": allowed: "joint", "exits_only"'),
        ([('exit_weights = "equal"', "exit_weights = 7")],
         'train.exit_weights = 7: allowed: list of (number above 0 up to 100) or "equal", "branchynet"'),
        ([('scheme = "joint"', 'scheme = "import"')], "import.weights = (unset): scheme import needs the float network's weights"),
        ([('scheme = "joint"', 'scheme = "import"'), ("# start =", 'start = "x"')],
         'train.start = "x": scheme import begins with import.weights; allowed: unset'),
        ([('scheme = "joint"', 'scheme = "import"'), ("# mapping =", 'weights = "x.pt"'), ("# std =", "std = [1, 2.5]")],
         "import.std = [1.0, 2.5]: allowed: 1 value or 1, one for each channel, not 2"),
        ([("# std =", "std = [0]")], "import.std[0] = 0: allowed: number above 0"),
        ([("fine_tune = 0", "fine_tuen = 0")],
         "import.fine_tuen = 0: unknown key (did you mean fine_tune?); allowed: factory, weights, mapping"),
        ([("# mapping =", "mapping = { stage0_conv0 = 1 }")], "import.mapping.stage0_conv0 = 1: allowed: text, not empty"),
        ([("# layer_bits =", "layer_bits = { stage0_conv0 = { weight = 9 } }")],
         "model.layer_bits.stage0_conv0.weight = 9: allowed: whole number from 1 to 8"),
        ([("# layer_bits =", "layer_bits = { stage0_conv0 = 9 }")], "model.layer_bits.stage0_conv0 = 9: allowed: table from "),
    ],
)
def test_what_cannot_be_trained_is_told(changes: list[tuple[str, str]], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(*changes)
    assert any(line.startswith(f"x.toml: {told}") for line in str(caught.value).splitlines()), str(caught.value)


def test_a_network_without_early_exits_has_no_heads_to_train() -> None:
    text = template("digits").replace('scheme = "joint"', 'scheme = "personal"').replace("# start =", 'start = "x"')
    first = text.index("[[exits]]")
    last, end = text.rindex("[[exits]]"), text.index("[calibrate]")
    rest = text[end:].replace("\nhard_share = [0.4, 0.375]", "\n# hard_share =")
    alone = text[:first] + text[last:end] + rest
    with pytest.raises(ConfigError, match=r'train\.scheme = "personal": there are no early exits to train; allowed: "joint", "exits_only"'):
        parse(alone)
    parse(alone.replace('scheme = "personal"', 'scheme = "exits_only"'))
    parse(alone.replace('scheme = "personal"', 'scheme = "distill"'))


@pytest.mark.parametrize("key", ["start", "checkpoint"])
def test_a_file_that_is_not_there_is_told(key: str, tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text(template("digits").replace(f"# {key} =", f'{key} = "gone.safetensors"'))
    with pytest.raises(ConfigError, match=rf'train\.{key} = "gone\.safetensors": there is no file {tmp_path / "gone.safetensors"}'):
        load_config(file)


def test_files_of_the_scheme_are_found_beside_the_configuration(tmp_path: Path) -> None:
    for name in ("start.safetensors", "user.npz"):
        (tmp_path / name).touch()
    text = template("digits").replace('scheme = "joint"', 'scheme = "personal"').replace("# start =", 'start = "start.safetensors"')
    before, after = text.split("[personal]")
    file = tmp_path / "x.toml"
    file.write_text(before + "[personal]" + after.replace("# samples =", 'samples = "user.npz"', 1))
    found = load_config(file)
    assert (found.start, found.samples, found.checkpoint) == (tmp_path / "start.safetensors", tmp_path / "user.npz", None)


def test_float_weights_are_found_beside_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    text = template("digits").replace('scheme = "joint"', 'scheme = "import"').replace("# mapping =", 'weights = "net.pt"')
    file.write_text(text)
    with pytest.raises(ConfigError, match=rf'import\.weights = "net\.pt": there is no file {tmp_path / "net.pt"}'):
        load_config(file)
    (tmp_path / "net.pt").touch()
    found = load_config(file)
    assert found.weights == tmp_path / "net.pt"
    assert found.named("import.weights") == 'import.weights = "net.pt"'
    assert Config.model_validate(found.config.model_dump()) == found.config
    file.write_text(text.replace('scheme = "import"', 'scheme = "joint"'))
    assert load_config(file).weights is None


def test_where_weights_are_taken_nothing_that_trains_is_needed(tmp_path: Path) -> None:
    (tmp_path / "all.safetensors").touch()
    text = template("digits").replace('scheme = "joint"', 'scheme = "personal"').replace("# checkpoint =", 'checkpoint = "all.safetensors"')
    file = tmp_path / "x.toml"
    file.write_text(text.replace("# start =", 'start = "gone.safetensors"'))
    found = load_config(file)
    assert (found.start, found.samples, found.checkpoint) == (None, None, tmp_path / "all.safetensors")
