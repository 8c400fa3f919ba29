import dataclasses
import hashlib
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

from build_flows.artefacts.manifest import ManifestFile
from build_flows.base.errors import OfframpError
from build_flows.board.package import SUMS, Samples, golden_samples, write_archive, write_package
from build_flows.board.pair import PairError
from build_flows.board.platforms import find_platform
from build_flows.board.stand_in import write_stand_in
from hw.accelerator import build_id
from hw.netlist import Netlist
from offramp_driver.manifest import check_files, load_manifest
from tests import toy
from tests.build_flows.board.golden_toy import write_golden

Z2 = find_platform("pynq-z2")
NETLIST = toy.build(None, thresholds=(900,))
DRIVER = sorted(path.name for path in (Path(__file__).parents[3] / "offramp_driver").glob("*.py"))


def _samples(folder: Path, netlist: Netlist = NETLIST, count: int = 100, of: int = 120) -> Samples:
    folder.mkdir(parents=True, exist_ok=True)
    golden, exits = write_golden(folder, netlist)
    return golden_samples(netlist=netlist, golden_file=golden, exits=exits, images=toy.images(of), labels=np.arange(of) % 3, count=count)


def _package(place: Path, netlist: Netlist = NETLIST) -> tuple[Path, ManifestFile]:
    bit = write_stand_in(place, netlist, Z2)
    return place / "package", write_package(place / "package", netlist=netlist, board=Z2, bit=bit, samples=_samples(place / "golden"))


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_inside(tmp_path: Path) -> None:
    folder, found = _package(tmp_path)
    assert set(_contents(folder)) == {
        "toy.bit", "toy.json", "toy.ipynb", "samples.npz", "selftest.py", "benchmark.py", "README.md", SUMS,
        *(f"offramp_driver/{name}" for name in DRIVER)}
    assert "offramp_driver/accelerator.py" in _contents(folder)
    assert (folder / "toy.json").read_text() == found.dump()
    assert found.files == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("toy.bit",)}
    assert found.build == build_id(NETLIST)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_driver_takes_it(tmp_path: Path) -> None:
    folder, _ = _package(tmp_path)
    check_files(load_manifest(folder / "toy.bit"), folder)


def test_sha256sum_takes_it_and_finds_what_was_changed(tmp_path: Path) -> None:
    folder, _ = _package(tmp_path)
    check = ["sha256sum", "--strict", "-c", SUMS]
    assert subprocess.run(check, cwd=folder, capture_output=True, check=False).returncode == 0
    named = [line.split("  ", 1)[1] for line in (folder / SUMS).read_text().splitlines()]
    assert named == sorted(set(_contents(folder)) - {SUMS})
    (folder / "offramp_driver" / "dma.py").write_text("")
    assert b"offramp_driver/dma.py: FAILED" in subprocess.run(check, cwd=folder, capture_output=True, check=False).stdout


def test_same_bytes_elsewhere_and_no_absolute_path(tmp_path: Path) -> None:
    (first, _), (second, _) = _package(tmp_path / "a"), _package(tmp_path / "some" / "where" / "else")
    assert _contents(first) == _contents(second)
    for name, content in _contents(first).items():
        assert str(tmp_path).encode() not in content, name
        assert str(Path(__file__).parents[3]).encode() not in content, name


def test_same_archive_elsewhere(tmp_path: Path) -> None:
    archives = []
    for name in "ab":
        folder, _ = _package(tmp_path / name)
        if name == "b":
            (folder / "selftest.py").chmod(0o600)
            (folder / "README.md").touch()
        archives.append(tmp_path / f"{name}.tar.gz")
        write_archive(folder, "toy", archives[-1])
    assert archives[0].read_bytes() == archives[1].read_bytes()
    with tarfile.open(archives[0]) as archive:
        assert {item.name for item in archive if item.isfile()} == {f"toy/{name}" for name in _contents(tmp_path / "a" / "package")}
        assert {(item.uid, item.gid, item.mtime, item.uname) for item in archive} == {(0, 0, 0, "root")}
        archive.extractall(tmp_path / "out", filter="data")
    assert _contents(tmp_path / "out" / "toy") == _contents(tmp_path / "a" / "package")


def test_an_earlier_package_is_replaced_whole(tmp_path: Path) -> None:
    folder, _ = _package(tmp_path)
    (folder / "left_over.py").write_text("")
    folder, _ = _package(tmp_path)
    assert "left_over.py" not in _contents(folder)


def test_files_of_another_netlist_leave_the_earlier_package(tmp_path: Path) -> None:
    folder, _ = _package(tmp_path)
    before = _contents(folder)
    bit = write_stand_in(tmp_path / "other", toy.build(None), Z2)
    with pytest.raises(PairError, match=r"toy\.bit: UserID must be"):
        write_package(folder, netlist=NETLIST, board=Z2, bit=bit, samples=_samples(tmp_path / "golden"))
    assert _contents(folder) == before


def test_names_with_a_dash_are_identifiers_on_the_board(tmp_path: Path) -> None:
    folder, found = _package(tmp_path, dataclasses.replace(NETLIST, name="my-net"))
    assert {"my_net.bit", "my_net.json", "my_net.ipynb"} <= set(_contents(folder))
    assert (found.name, sorted(found.files)) == ("my-net", ["my_net.bit"])
    assert load_manifest(folder / "my_net.bit").name == "my-net"


def test_samples_are_the_golden_models(tmp_path: Path) -> None:
    samples = _samples(tmp_path)
    images = toy.images(120)[:100]
    logits = toy.logits(images, NETLIST)[0]
    assert np.array_equal(samples.images, images)
    assert np.array_equal(samples.labels, np.arange(100) % 3)
    assert np.array_equal(samples.expected_label, logits.argmax(1))
    assert np.array_equal(samples.expected_exit, np.where(logits.max(1) >= 900, 0, 1))
    assert set(samples.expected_exit) == {0, 1}
    assert np.array_equal(samples.expected_confidence, logits.max(1))


def test_confidences_are_those_of_the_result_word(tmp_path: Path) -> None:
    fields = tuple(dataclasses.replace(item, width=8) if item.name == "confidence" else item for item in NETLIST.result.fields)
    narrow = dataclasses.replace(NETLIST, result=dataclasses.replace(NETLIST.result, fields=fields))
    assert set(_samples(tmp_path, narrow).expected_confidence) == {127}


def test_written_samples(tmp_path: Path) -> None:
    samples = _samples(tmp_path, count=7)
    samples.write(tmp_path / "samples.npz")
    with np.load(tmp_path / "samples.npz", allow_pickle=False) as archive:
        read = dict(archive)
    kinds = {name: (value.dtype.name, value.shape) for name, value in read.items()}
    wide = ("int64", (7,))
    assert kinds == {"images": ("uint8", (7, 4, 4, 3)), "labels": wide, "expected_label": wide, "expected_exit": wide,
                     "expected_confidence": wide}
    assert np.array_equal(read["expected_exit"], samples.expected_exit)


def test_few_images_are_all_taken(tmp_path: Path) -> None:
    assert len(_samples(tmp_path, of=5).images) == 5


def test_images_of_another_shape_are_told(tmp_path: Path) -> None:
    bit = write_stand_in(tmp_path, NETLIST, Z2)
    samples = _samples(tmp_path / "golden")
    for images in (samples.images[:, :3], samples.images[:0]):
        with pytest.raises(OfframpError, match=r"samples must be at least one image of \(4, 4, 3\)"):
            write_package(tmp_path / "package", netlist=NETLIST, board=Z2, bit=bit,
                          samples=dataclasses.replace(samples, images=images))
    assert not (tmp_path / "package").exists()


def test_readme_tells_of_this_network(tmp_path: Path) -> None:
    folder, found = _package(tmp_path)
    text = (folder / "README.md").read_text()
    for told in ("# toy on Pynq-Z2", "4 x 4 x 3 images", "3 classes, 2 exits (max_logit, always), 100 MHz", "100 test images",
                 f"build `{found.build:08x}`", "uint8 [n, 4, 4, 3]", "toy.ipynb"):
        assert told in text
    assert "{{" not in text
    for name in ("toy.bit", "toy.json", "samples.npz", "selftest.py", "benchmark.py", "toy.ipynb", SUMS):
        assert f"`{name}`" in text
