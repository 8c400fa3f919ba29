"""A configuration is read from its file, and its places are found beside it."""

import os
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
    (tmp_path / "idx").mkdir()
    assert load_config(file, data_dir=tmp_path / "idx").dataset == ("fashion_mnist", tmp_path / "idx")
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
            with pytest.raises(ConfigError, match=f'data.path = "{bad}": {message}'):
                load_config(file)


def test_a_sweep_file_is_no_configuration_and_told_as_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "sweep.toml"
    file.write_text('version = 1\nbase = "base.toml"\n[[layouts]]\nname = "a"\n')
    with pytest.raises(ConfigError, match=r"sweep\.toml is a sweep file, not a configuration") as caught:
        load_config(file)
    assert caught.value.hint == f"offramp compare --sweep {file} compares its layouts"


@pytest.mark.parametrize("text", ["[stage0_conv0]\npe = 4\nsimd = 9\n", '[stage0_conv0]\nbody = "static"\npixels = 2\n'])
def test_a_folding_is_no_configuration_and_told_as_what_it_is(text: str, tmp_path: Path) -> None:
    file = tmp_path / "folding.toml"
    file.write_text(f"version = 2\n{text}")
    with pytest.raises(ConfigError, match=r"folding\.toml is a folding of layers, not a configuration") as caught:
        load_config(file)
    assert caught.value.hint == "a configuration names it as build.folding"


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
    with pytest.raises(ConfigError, match=r'data\.path = "nowhere": there is no'):
        load_config(file)
    file.write_text(DIGITS.replace("# checkpoint =", 'checkpoint = "all.safetensors"'))
    with pytest.raises(ConfigError, match=r'train\.checkpoint = "all\.safetensors": there is no file .*all\.safetensors'):
        load_config(file)
    (tmp_path / "all.safetensors").write_bytes(b"")
    assert load_config(file).checkpoint == tmp_path / "all.safetensors"
    with pytest.raises(ConfigError, match=r'--data = ".*gone": there is no'):
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


def test_a_file_that_the_project_writes_is_refused_as_its_input(tmp_path: Path) -> None:
    output = tmp_path / "build" / "digits"
    (output / "rtl").mkdir(parents=True)
    for name in ("folding.toml", "checkpoint.safetensors"):
        (output / name).touch()
    file = tmp_path / "config.toml"
    for text, told in (
        (DIGITS.replace('folding = "optimal"', 'folding = "build/digits/folding.toml"'), 'build.folding = "build/digits/folding.toml"'),
        (DIGITS.replace("# start =", 'start = "build/digits/checkpoint.safetensors"'), 'train.start = "build/digits/check'),
        (DIGITS.replace("# checkpoint =", 'checkpoint = "build/digits/checkpoint.safetensors"'), "train.checkpoint = "),
        (DIGITS.replace("# output =", 'output = "."').replace('folding = "optimal"', 'folding = "folding.toml"'), "build.folding = "),
    ):
        (tmp_path / "folding.toml").touch()
        file.write_text(text)
        with pytest.raises(ConfigError, match="is what the project itself writes; allowed: a copy of it outside the output") as caught:
            load_config(file)
        assert told in caught.value.message
    # Files of the user's own may lie beside the artefacts, in whatever folder.
    (output / "my.toml").touch()
    file.write_text(DIGITS.replace('folding = "optimal"', 'folding = "build/digits/my.toml"'))
    assert load_config(file).folding == output / "my.toml"


@pytest.mark.parametrize(("output", "message"), [
    ("/", 'project.output = "/": must be a folder of its own, not /'),
    ("config.toml", 'project.output = "config.toml": must be a folder, but .*/config.toml is a file'),
    ("config.toml/x", 'project.output = "config.toml/x": must be a folder, but .*/config.toml is a file'),
])
def test_an_output_that_can_be_none_is_refused(tmp_path: Path, output: str, message: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(DIGITS.replace("# output =", f'output = "{output}"'))
    with pytest.raises(ConfigError, match=message):
        load_config(file)


def test_data_that_hold_the_output_would_never_be_the_same(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(B_LENET.replace("# path =", 'path = "."'))
    with pytest.raises(ConfigError, match=r'data\.path = "\.": holds .*/build, where the project writes; allowed: a folder of the data'):
        load_config(file)


def test_a_pipe_is_no_data(tmp_path: Path) -> None:
    (tmp_path / "a-file").touch()
    os.mkfifo(tmp_path / "pipe")
    file = tmp_path / "config.toml"
    file.write_text(B_LENET.replace("# path =", 'path = "pipe"'))
    with pytest.raises(ConfigError, match=r'data\.path = "pipe": must be a file or a folder, not a pipe or a device'):
        load_config(file)
    file.write_text(B_LENET.replace("# start =", 'start = "pipe"'))
    with pytest.raises(ConfigError, match=r'train\.start = "pipe": .*/pipe is no plain file; allowed: a file'):
        load_config(file)


def test_places_may_be_of_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "idx").mkdir(parents=True)
    (tmp_path / "sub").mkdir()
    file = tmp_path / "sub" / "config.toml"
    file.write_text(B_LENET.replace("# path =", 'path = "~/idx"').replace("# output =", 'output = "~/out"'))
    found = load_config(file)
    assert (found.data, found.output) == (tmp_path / "home" / "idx", tmp_path / "home" / "out")
    assert load_config(file, data_dir=Path("~/idx")).data == tmp_path / "home" / "idx"


def test_line_ends_and_a_byte_order_mark_of_other_systems(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"\xef\xbb\xbf" + DIGITS.replace("\n", "\r\n").encode())
    assert load_config(file).config == parse(DIGITS)


@pytest.mark.parametrize(("old", "new", "message"), [
    ("# path =", 'path = "a-file"', r'data\.path = "a-file": data set digits ships with scikit-learn; allowed: unset, or another'),
    ("# start =", f'start = "{"x" * 300}"', r'train\.start = "x+\.\.\.: file name too long; allowed: the path of a file or folder'),
    ('folding = "optimal"', f'folding = "{"x/" * 3000}"', r'build\.folding = "[x/]+\.\.\.: file name too long'),
    ("# output =", f'output = "{"x" * 300}"', r'project\.output = "x+\.\.\.: file name too long'),
    ("# checkpoint =", 'checkpoint = "a\\u0000b"', r"train\.checkpoint = .*: no path can hold a NUL"),
])
def test_places_that_can_be_none_are_told_with_their_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "a-file").touch()
    file = tmp_path / "config.toml"
    file.write_text(DIGITS.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        load_config(file)


def test_a_board_may_be_a_file_beside_the_configuration(tmp_path: Path) -> None:
    file, board = tmp_path / "config.toml", tmp_path / "boards" / "mine.toml"
    board.parent.mkdir()
    board.write_text('name = "mine"\npart = "xc7z010clg400-1"\n')
    file.write_text(DIGITS.replace('board = "pynq-z2"', 'board = "boards/mine.toml"'))
    project = load_config(file)
    assert (project.config.part, project.config.target.part, project.config.target.board) == (
        "xc7z010clg400-1", "xc7z010clg400-1", "boards/mine.toml")
    assert parse(DIGITS).target.part == "xc7z020clg400-1"


@pytest.mark.parametrize(("content", "message"), [
    (None, r'target\.board = "mine\.toml": there is no file .*mine\.toml'),
    ("name = 1", r"mine\.toml: part is missing; allowed: xc7z010clg400-1, "),
    ('part = "xc7z999"', r'mine\.toml: part = "xc7z999"; allowed: xc7z010clg400-1, '),
    ("part = [1]", r"mine\.toml: part = \[1\]; allowed: "),
    ("part = ", "not valid TOML"),
])
def test_a_faulty_board_is_told(content: str | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "mine.toml").write_text(content)
    file = tmp_path / "config.toml"
    file.write_text(DIGITS.replace('board = "pynq-z2"', 'board = "mine.toml"'))
    with pytest.raises(ConfigError, match=message):
        load_config(file)


def test_a_board_that_is_neither_is_told_with_those_there_are() -> None:
    told = faults(DIGITS.replace('board = "pynq-z2"', 'board = "zcu104"'))
    assert len(told) == 1
    assert told[0].startswith('x.toml: target.board = "zcu104": allowed: "pynq-z1", "pynq-z2", "arty-z7-20"')
    assert told[0].endswith("or the path of a board's own file, as board.toml")
