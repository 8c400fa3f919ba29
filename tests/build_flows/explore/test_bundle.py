"""A design as bytes: it loads in another folder, and finds there what it takes."""

import numpy as np
import pytest
import tomli_w

from build_flows.explore.bundle import data_files, packed, unpacked
from build_flows.project.load import load
from tests.build_flows.explore.test_design_files import BASE


def write(bundle, shared, folder):
    for name, content in {**shared, **bundle.files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder / bundle.config


def config(folder, **tables):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trained.bin").write_bytes(b"weights")
    values = {**BASE, "train": {"checkpoint": "trained.bin"}, "project": {"name": "a", "output": "."}, **tables}
    (folder / "config.toml").write_text(tomli_w.dumps(values))
    return folder / "config.toml"


@pytest.mark.parametrize("given", [False, True], ids=["data.path", "--data"])
def test_a_file_of_data_and_weights(tmp_path, given):
    here = tmp_path / "here"
    here.mkdir()
    data = here / ("other.npz" if given else "images.npz")
    np.savez(data, x_train=np.zeros(3))
    path = config(here, data={"name": "npz", "path": "gone.npz" if given else "images.npz"})
    option = data if given else None
    shared = data_files(path, option)
    assert list(shared) == [f"data/{data.name}"]
    there = load(write(packed(path, shared, option), shared, tmp_path / "there"))
    assert there.data.read_bytes() == data.read_bytes()
    assert there.checkpoint.read_bytes() == b"weights"
    for place in (there.data, there.checkpoint, there.output):
        assert place.is_relative_to(tmp_path / "there")
    assert there.config.target == load(path, option).config.target
    assert there.config.exits == load(path, option).config.exits


@pytest.mark.parametrize("names", [["a/1.png"], ["a/1.png", "b/2.png", "b/deep/3.png"], ["only.bin"]])
def test_a_folder_of_data_stays_a_folder(tmp_path, names):
    here = tmp_path / "here"
    for name in names:
        (here / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (here / "images" / name).write_text(name)
    path = config(here, data={"name": "folder", "path": "images"})
    shared = data_files(path, None)
    assert sorted(shared) == [f"data/images/{name}" for name in sorted(names)]
    there = load(write(packed(path, shared, None), shared, tmp_path / "there"))
    assert there.data.is_dir()
    assert sorted(file.relative_to(there.data).as_posix() for file in there.data.rglob("*") if file.is_file()) == sorted(names)


def test_data_that_come_with_a_library_and_a_board_of_ones_own(tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    path = config(here, data={"name": "digits"}, model={"preset": "digits"}, exits=[{"policy": "always"}],
                  calibrate={"accuracy_loss": 1.0}, target={"board": "mine.toml"})
    (here / "mine.toml").write_text('name = "mine"\npart = "xc7z010clg400-1"\n')
    assert data_files(path, None) == {}
    there = load(write(packed(path, {}, None), {}, tmp_path / "there"))
    assert there.data is None
    assert there.config.part == "xc7z010clg400-1"


def test_what_is_sent_back_is_put_where_it_belongs(tmp_path):
    unpacked(tmp_path / "verified", {"sim.json": b"{}", "rtl.tar.gz": b"1"})
    unpacked(tmp_path / "verified", {"sim.json": b"[]"})
    assert {path.name: path.read_bytes() for path in (tmp_path / "verified").iterdir()} == {"sim.json": b"[]", "rtl.tar.gz": b"1"}
