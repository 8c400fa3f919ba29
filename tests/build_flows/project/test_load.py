"""A configuration is read from its file, and its places are found beside it."""

from pathlib import Path

import pytest

from build_flows.base.errors import ConfigError
from build_flows.project.load import load as load_config
from build_flows.project.load import parse, resolved
from build_flows.project.template import template
from quant_models.datasets.load import DATASETS
from tests.build_flows.project.configs import B_LENET, DIGITS, faults


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


def test_places_hold_from_a_folder_that_is_yet_to_be_made(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    for name in ("net", "mine.toml", "store/x"):
        (tmp_path / name).touch()
    (tmp_path / "images.npz").symlink_to(tmp_path / "store" / "x")
    (tmp_path / "link").symlink_to(tmp_path / "store", target_is_directory=True)
    text = B_LENET.replace('name = "fashion-mnist"', 'name = "npz"').replace("# path =", 'path = "../../images.npz"')
    text = text.replace("# checkpoint =", 'checkpoint = "../../net"').replace('folding = "optimal"', 'folding = "../../mine.toml"')
    project = resolved(parse(text), tmp_path / "build" / "later" / "config.toml")
    assert (project.checkpoint, project.folding) == (tmp_path / "net", tmp_path / "mine.toml")
    assert project.data == tmp_path / "images.npz", "a link keeps its name"
    (tmp_path / "mine.toml").rename(tmp_path / "store" / "mine.toml")
    assert resolved(parse(text.replace("../../mine", "../../link/mine")), project.file).folding == tmp_path / "store" / "mine.toml"


def test_the_data_set_is_named_as_quant_models_does(tmp_path: Path) -> None:
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
        text = DIGITS.replace('cycles_per_sample = "auto"', "cycles_per_sample = 128")
        file.write_text(text.replace('folding = "optimal"', f'folding = "{mode}"'))
        assert load_config(file).folding is None
    (tmp_path / "mine.toml").touch()
    file.write_text(DIGITS.replace('folding = "optimal"', 'folding = "mine.toml"'))
    assert load_config(file).folding == tmp_path / "mine.toml"
    file.write_text(DIGITS.replace('folding = "optimal"', 'folding = "search"'))
    with pytest.raises(ConfigError, match=r'build\.folding = "search": the search is called "optimal" now; allowed: "optimal" '):
        load_config(file)
