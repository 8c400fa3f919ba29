"""The configuration of a network of one's own: what is not allowed there is commented out, and places are told from its folder."""

import tomllib
from pathlib import Path

from build_flows.project.load import parse
from build_flows.project.own_template import Source, own_template, told_from


def text(folder: Path, source: Source, data: Path | None = None) -> str:
    return own_template(source, folder, data=data, network=["Two exits."], images="Of 8x8x1.", exits=["Exit 0.", "Exit 1."])


def test_it_is_valid_and_says_where_everything_lies(tmp_path: Path) -> None:
    long = tmp_path / ("a" * 100)
    found = text(tmp_path / "mine", Source(factory="net:make", modules=long, weights=long / "net.pt"), tmp_path / "images.npz")
    config = parse(found)
    assert config.project.name == "mine"
    assert (config.model.factory, config.model.modules) == ("net:make", f"../{long.name}")
    assert (config.model.weights, config.data.path) == (f"../{long.name}/net.pt", "../images.npz")
    assert [item.policy for item in config.exits] == ["softmax", "always"]
    raw = tomllib.loads(found)
    assert raw["train"] == {}
    assert "\n# epochs = 20\n" in found
    places = [found.index(item) for item in ("# Two exits.", "[model]", "# Exit 0.", "[[exits]]", "# Exit 1.")]
    assert places == sorted(places)


def test_a_file_of_the_folders_own(tmp_path: Path) -> None:
    found = parse(text(tmp_path, Source(qonnx=tmp_path / "net.onnx")))
    assert (found.model.qonnx, found.data.path) == ("net.onnx", "FILL-IN.npz")
    beside = parse(text(tmp_path, Source(factory="net:make", modules=tmp_path)))
    assert beside.model.modules is None


def test_what_shares_only_the_root_is_told_whole() -> None:
    assert told_from(Path("/one/folder"), Path("/other/net.onnx")) == "/other/net.onnx"
    assert told_from(Path("/one/folder"), Path("/one/net.onnx")) == "../net.onnx"
