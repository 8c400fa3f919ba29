"""The answers of every exit, against lists that are taken apart word by word."""

import numpy as np
import pytest

from offramp_driver import DriverError
from offramp_driver.answers import PREFIX, answers

FIELDS = ("id", "label", "exit", "confidence", "cycles", "final")


def batch(count: int, exits: int, id_bits: int, seed: int) -> tuple[list[list[tuple[int, ...]]], list[tuple[int, ...]]]:
    """Words image by image, and as they arrive: mixed, with images of one id one after the other."""
    rng = np.random.default_rng(seed)
    images = []
    for n in range(count):
        last = int(rng.integers(0, exits))
        images.append([(n % 2**id_bits, int(rng.integers(0, 10)), k, int(rng.integers(-99, 99)), int(rng.integers(1, 999)), int(k == last))
                       for k in range(last + 1)])
    left, arrived = [list(words) for words in images], []
    while any(left):
        ready = [n for n, words in enumerate(left) if words and not any(left[m] for m in range(n % 2**id_bits, n, 2**id_bits))]
        arrived.append(left[int(rng.choice(ready[:6]))].pop(0))
    return images, arrived


def columns(words: list[tuple[int, ...]]) -> dict[str, np.ndarray]:
    return {name: np.array([word[k] for word in words], np.int64) for k, name in enumerate(FIELDS)}


@pytest.mark.parametrize(("exits", "id_bits"), [(1, 3), (2, 2), (3, 16), (4, 0)])
@pytest.mark.parametrize("count", [1, 7, 60])
def test_words_belong_to_the_next_final_one_of_their_id(exits: int, id_bits: int, count: int) -> None:
    for seed in range(5):
        images, arrived = batch(count, exits, id_bits, seed)
        found = answers(columns(arrived), exits)
        finals = [word for word in arrived if word[-1]]
        for k, name in enumerate(FIELDS[:-1]):
            assert found[name].tolist() == [word[k] for word in finals]
        assert "final" not in found
        # In the order in which final words of an id came they are those of its images.
        waiting = {identity: [image for image in images if image[0][0] == identity] for identity in {word[0] for word in finals}}
        for n, word in enumerate(finals):
            image = waiting[word[0]].pop(0)
            for name, k, absent in (("label", 1, -1), ("confidence", 3, 0), ("cycles", 4, 0)):
                wanted = [item[k] for item in image] + [absent] * (exits - len(image))
                assert found[PREFIX + name][n].tolist() == wanted


def test_words_of_32_bits_have_no_cycles_and_no_words_give_nothing() -> None:
    values = columns([(0, 3, 0, 5, 0, 1)])
    del values["cycles"]
    assert PREFIX + "cycles" not in answers(values, 2)
    found = answers(columns([]), 3)
    assert {name: value.shape for name, value in found.items() if name.startswith(PREFIX)} == {
        PREFIX + name: (0, 3) for name in ("label", "confidence", "cycles")}
    assert len(found["label"]) == 0


@pytest.mark.parametrize("words", [
    [(0, 0, 1, 0, 0, 1)],                                              # exit 0 did not answer
    [(0, 0, 0, 0, 0, 0)],                                              # no final one
    [(0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0), (0, 0, 1, 0, 0, 1)],      # exit 0 twice
    [(0, 0, 0, 0, 0, 0), (1, 0, 0, 0, 0, 1)],                          # the final one of another image
    [(0, 0, 0, 0, 0, 0), (0, 0, 2, 0, 0, 1)],                          # exit 1 is missing
    [(0, 0, 1, 0, 0, 0), (0, 0, 0, 0, 0, 1)],                          # in another order
    [(0, 0, 0, 0, 0, 0), (0, 0, 1, 0, 0, 0), (0, 0, 2, 0, 0, 0), (0, 0, 3, 0, 0, 1)],  # an exit that there is not
    [(1, 0, 0, 0, 0, 1), (0, 0, 0, 0, 0, 1), (2, 0, 0, 0, 0, 0)],      # one more word than there should be
])
def test_words_that_are_not_those_of_images_are_told(words: list[tuple[int, ...]]) -> None:
    with pytest.raises(DriverError, match="were lost, doubled or mixed up: some exits' answers have no final one, or are not those of all"):
        answers(columns(words), 3)
