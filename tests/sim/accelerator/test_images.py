"""Bus words hold image bytes in order, lowest first, each image from a word's start."""

import numpy as np
import pytest

from sim.accelerator.images import image_words, pack, write_words


@pytest.mark.parametrize("bus", [8, 32, 64, 128])
def test_words(bus, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 5, 3, 1), dtype=np.uint8)
    words = pack(images, bus)
    assert words.shape == (3, image_words((5, 3, 1), bus), bus // 8)
    for image, row in zip(images, words, strict=True):
        value = int.from_bytes(row.tobytes(), "little")
        assert value == int.from_bytes(image.tobytes(), "little")
    write_words(words, tmp_path / "words.bin")
    data = (tmp_path / "words.bin").read_bytes()
    assert data[: bus // 8] == bytes(reversed(words[0, 0].tobytes()))
    assert len(data) == words.size


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="bus_bits must be a multiple of 8, not 12"):
        pack(np.zeros((1, 2, 2, 1), np.uint8), 12)
    with pytest.raises(ValueError, match="images must be uint8"):
        pack(np.zeros((1, 2, 2, 1)), 8)
