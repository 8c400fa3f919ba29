import io
import os
import tarfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from quant_models.datasets import folder, limits
from quant_models.datasets.folder import load_folder
from quant_models.errors import QuantModelError


def picture(seed, size=(4, 5), mode="RGB"):
    """An image of (height, width) whose pixels tell ``seed``."""
    shape = size if mode == "L" else (*size, {"RGB": 3, "RGBA": 4}[mode])
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8), mode=None)


@pytest.fixture
def root(tmp_path):
    """Two classes, three images each to train and two to test, as PNG."""
    pets = tmp_path / "pets"
    seed = 0
    for part, count in (("train", 3), ("test", 2)):
        for label in ("dog", "cat"):
            (pets / part / label).mkdir(parents=True)
            for index in range(count):
                picture(seed).save(pets / part / label / f"{index}.png")
                seed += 1
    return pets


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"))


def packed(root, path, top="", mode="w:xz"):
    with tarfile.open(path, mode) as tar:
        tar.add(root, arcname=top or ".")
    return path


def test_classes_by_name_and_every_image_once(root):
    data = load_folder(root)
    assert (data.name, data.names, data.classes, data.shape) == ("pets", ("cat", "dog"), 2, (4, 5, 3))
    for x, y, part in ((data.x_train, data.y_train, "train"), (data.x_test, data.y_test, "test")):
        for label, name in enumerate(data.names):
            found = {image.tobytes() for image in x[y == label]}
            assert found == {pixels(path).tobytes() for path in (root / part / name).iterdir()}
    assert np.array_equal(load_folder(root).x_train, data.x_train)


def test_samples_are_in_mixed_order(tmp_path):
    for part in ("train", "test"):
        for label in "ab":
            (tmp_path / part / label).mkdir(parents=True)
            for index in range(30):
                picture(index, (2, 2)).save(tmp_path / part / label / f"{index}.png")
    assert 5 < load_folder(tmp_path).y_test[:30].sum() < 25


@pytest.mark.parametrize(("name", "top", "mode"), [
    ("pets.tar", "", "w"), ("pets.tar.xz", "", "w:xz"), ("pets.tgz", "data/pets", "w:gz"), ("pets.tar.gz", "pets", "w:gz"),
])
def test_a_tar_file_is_the_same(root, tmp_path, name, top, mode):
    if "/" in top:
        with pytest.raises(QuantModelError, match="must hold train/<class>/ with images"):
            load_folder(packed(root, tmp_path / name, top, mode))
        return
    data, same = load_folder(root), load_folder(packed(root, tmp_path / name, top, mode))
    assert (same.name, same.names) == (data.name, data.names)
    for key in ("x_train", "y_train", "x_test", "y_test"):
        assert np.array_equal(getattr(same, key), getattr(data, key))


def test_a_tar_file_is_only_read(root, tmp_path):
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(root, arcname=".")
        outside = tarfile.TarInfo("../outside.png")
        outside.size = 3
        tar.addfile(outside, io.BytesIO(b"abc"))
    before = sorted(tmp_path.rglob("*"))
    assert len(load_folder(path).x_train) == 6
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_what_is_no_plain_file_in_a_tar_file_is_refused(root, tmp_path, kind):
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        tar.add(root, arcname=".")
        member = tarfile.TarInfo("train/cat/link.png")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(QuantModelError, match=r"evil\.tar: train/cat/link\.png must be a file, not a link, a pipe or a device"):
        load_folder(tmp_path / "evil.tar")


def test_what_is_no_plain_file_in_a_folder_is_refused_and_not_opened(root):
    for make in (os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to("nowhere")):
        odd = root / "train" / "cat" / "odd.png"
        make(odd)
        with pytest.raises(QuantModelError, match=r"train/cat/odd\.png must be a file, not a folder, a pipe, a device or a link"):
            load_folder(root)
        odd.rmdir() if odd.is_dir() else odd.unlink()


def test_sizes_have_a_limit(root, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MOST_BYTES", 599)
    with pytest.raises(QuantModelError, match=r"pets: 10 images of 4x5 would take 0\.0 GiB of memory; at most 0 are allowed"):
        load_folder(root)
    monkeypatch.setattr(limits, "MOST_BYTES", 600)
    assert len(load_folder(root).x_train) == 6
    monkeypatch.setattr(folder, "MOST_PIXELS", 19)
    with pytest.raises(QuantModelError, match=r"0\.png has 4x5 pixels; at most 19 are allowed"):
        load_folder(root)
    monkeypatch.setattr(folder, "MOST_FILE", 10)
    for place in (root, packed(root, tmp_path / "pets.tar")):
        with pytest.raises(QuantModelError, match=r"0\.png has more than 0 MiB: it is no image to train with"):
            load_folder(place)
    monkeypatch.setattr(limits, "MOST_BYTES", 10)
    with pytest.raises(QuantModelError, match=r"pets\.tar: its images' files would take"):
        load_folder(tmp_path / "pets.tar")


def test_a_class_whose_name_is_not_utf_8_is_named(root, tmp_path):
    os.rename(root / "train" / "cat", os.fsencode(root / "train") + b"/c\xe4t")
    for place in (root, packed(root, tmp_path / "pets.tar")):
        with pytest.raises(QuantModelError, match=r"the name of class b'c.xe4t' must be UTF-8; rename its folders"):
            load_folder(place, cache=tmp_path / "cache")


def test_two_trees_in_a_tar_file_are_refused(root, tmp_path):
    with tarfile.open(tmp_path / "two.tar", "w") as tar:
        for top in ("one", "two"):
            tar.add(root, arcname=top)
    with pytest.raises(QuantModelError, match=r"must hold train/ and test/ once, not in each of one, two"):
        load_folder(tmp_path / "two.tar")


def test_colours(root, tmp_path):
    grey = picture(99, mode="L")
    grey.save(root / "test" / "cat" / "grey.PNG")
    data = load_folder(root)
    assert data.shape == (4, 5, 3)
    assert any(np.array_equal(image, np.repeat(np.asarray(grey)[..., np.newaxis], 3, -1)) for image in data.x_test)
    assert load_folder(root, channels="grey").shape == (4, 5, 1)
    for index, path in enumerate(sorted(root.rglob("*.png"))):
        picture(index, mode="L").save(path)
    data = load_folder(root)
    assert data.shape == (4, 5, 1)
    assert any(np.array_equal(image[..., 0], np.asarray(grey)) for image in data.x_test)
    assert load_folder(root, channels="rgb").shape == (4, 5, 3)


def test_transparency_and_palettes_become_rgb(root):
    picture(7, mode="RGBA").save(root / "train" / "cat" / "alpha.png")
    picture(8).quantize(16).save(root / "train" / "cat" / "palette.png", transparency=0)
    data = load_folder(root)
    assert data.shape == (4, 5, 3)
    for name in ("alpha", "palette"):
        wanted = np.asarray(Image.open(root / "train" / "cat" / f"{name}.png").convert("RGBA"))[..., :3]
        assert any(np.array_equal(image, wanted) for image in data.x_train)


def test_jpeg_and_what_is_no_image(root):
    picture(5).save(root / "train" / "dog" / "photo.JPEG", quality=90)
    (root / "train" / "dog" / "notes.txt").write_text("a good one")
    (root / "train" / "dog" / "._photo.jpg").write_text("not an image")
    (root / ".DS_Store").write_text("")
    assert len(load_folder(root).x_train) == 7


def test_mixed_sizes_are_an_error_unless_resized(root):
    picture(5, (6, 5)).save(root / "train" / "dog" / "9.png")
    with pytest.raises(QuantModelError, match=r"one size .* \(data\.resize\): .*train/cat/0\.png is 4x5, .*train/dog/9\.png is 6x5$"):
        load_folder(root)
    data = load_folder(root, resize=(8, 3))
    assert data.shape == (8, 3, 3)
    wanted = Image.open(root / "train" / "dog" / "9.png").resize((3, 8), Image.Resampling.BILINEAR)
    assert any(np.array_equal(image, np.asarray(wanted)) for image in data.x_train)


def test_decoded_once_until_a_file_changes(root, tmp_path, monkeypatch):
    cache, first = tmp_path / "cache", load_folder(root, cache=tmp_path / "cache")
    opened = []
    original = Image.open
    monkeypatch.setattr(Image, "open", lambda *args, **kwargs: opened.append(1) or original(*args, **kwargs))
    again = load_folder(root, cache=cache)
    assert not opened
    assert (again.names, again.name) == (first.names, first.name)
    assert np.array_equal(again.x_train, first.x_train)
    load_folder(root, cache=cache, channels="grey")
    assert opened
    opened.clear()
    picture(77).save(root / "train" / "cat" / "0.png")
    changed = load_folder(root, cache=cache)
    assert opened
    stamp = (root / "train" / "cat" / "0.png").stat()
    opened.clear()
    for time in (0, stamp.st_mtime_ns):
        os.utime(root / "train" / "cat" / "0.png", ns=(time, time))
        load_folder(root, cache=cache)
    assert not opened, "the same content at another time is the same"
    assert any(np.array_equal(image, np.asarray(picture(77))) for image in changed.x_train)
    # Of the same size, and as old: only the content tells.
    other = root / "train" / "cat" / "1.png"
    stamp, data = other.stat(), bytearray(other.read_bytes())
    other.write_bytes(data)
    load_folder(root, cache=cache)
    opened.clear()
    data[-15] ^= 1
    other.write_bytes(data)
    os.utime(other, ns=(stamp.st_mtime_ns, stamp.st_mtime_ns))
    with suppress(QuantModelError):  # the checksum of its pixels is wrong now
        load_folder(root, cache=cache)
    assert opened
    data[-15] ^= 1
    other.write_bytes(data)
    opened.clear()
    tar = packed(root, tmp_path / "pets.tar.xz")
    load_folder(tar, cache=cache)
    assert opened
    opened.clear()
    assert np.array_equal(load_folder(tar, cache=cache).x_train, changed.x_train)
    assert not opened


def test_images_that_cannot_be_read_are_named(root, tmp_path):
    whole = (root / "train" / "cat" / "1.png").read_bytes()
    for content, message in ((b"hello", "is no PNG or JPEG image"), (b"", "is no PNG or JPEG image"), (whole[:-40], "cannot be read")):
        (root / "train" / "cat" / "1.png").write_bytes(content)
        with pytest.raises(QuantModelError, match=rf"train/cat/1\.png {message}"):
            load_folder(root)
        with pytest.raises(QuantModelError, match=rf"pets\.tar: train/cat/1\.png {message}"):
            load_folder(packed(root, tmp_path / "pets.tar", mode="w"))
    Image.fromarray(np.full((4, 5), 40000, np.uint16)).save(root / "train" / "cat" / "1.png")
    with pytest.raises(QuantModelError, match=r"train/cat/1\.png must have 8 bits a channel, not Pillow's mode I"):
        load_folder(root)


def test_what_is_missing_is_named(root, tmp_path):
    (root / "train" / "bird").mkdir()
    with pytest.raises(QuantModelError, match=r"images of every class in train; train/bird has none"):
        load_folder(root)
    picture(1).save(root / "train" / "bird" / "a.png")
    with pytest.raises(QuantModelError, match=r"images of every class in test; test/bird has none"):
        load_folder(root)
    with pytest.raises(QuantModelError, match=r"images of every class in test; test/bird has none"):
        load_folder(packed(root, tmp_path / "pets.tar", mode="w"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(QuantModelError, match=r"must hold train/<class>/ with images \(\.png, \.jpg, \.jpeg\); there are none"):
        load_folder(tmp_path / "empty")
    with pytest.raises(QuantModelError, match="does not exist"):
        load_folder(tmp_path / "nowhere")
    (tmp_path / "file.zip").write_bytes(b"")
    with pytest.raises(QuantModelError, match=r"must be a folder with train/<class>/ and test/<class>/, or a file of it \(\.tar, "):
        load_folder(tmp_path / "file.zip")
    (tmp_path / "file.tar").write_bytes(b"no tar file")
    with pytest.raises(QuantModelError, match=r"file\.tar cannot be read as a tar file"):
        load_folder(tmp_path / "file.tar")


def test_a_single_class_is_refused(tmp_path):
    for part in ("train", "test"):
        (tmp_path / part / "only").mkdir(parents=True)
        picture(1).save(tmp_path / part / "only" / "a.png")
    with pytest.raises(QuantModelError, match="needs at least 2 classes, not 1"):
        load_folder(tmp_path)


def test_images_without_a_class_are_counted(tmp_path):
    (tmp_path / "train").mkdir()
    for name in ("a.png", "b.jpg", "notes.txt"):
        (tmp_path / "train" / name).touch()
    with pytest.raises(QuantModelError, match=r"there are none; 2 lie in train itself, but the folder between names their class"):
        load_folder(tmp_path)
