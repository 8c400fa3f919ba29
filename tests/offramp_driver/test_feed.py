"""Images out of an iterable into buffers."""

from collections.abc import Iterator

import numpy as np
import pytest

from offramp_driver.feed import Feed
from offramp_driver.packing import Packing
from tests.offramp_driver.test_packing import entry

PACKING = Packing(entry(2, 2, 1))


def images(count: int, first: int = 0) -> np.ndarray:
    return np.arange(first * 4, (first + count) * 4, dtype=np.uint8).reshape(count, 2, 2, 1)


@pytest.mark.parametrize("most", [1, 2, 5, 100])
@pytest.mark.parametrize("sizes", [[], [0], [1, 1, 1], [3, 0, 4], [11]])
def test_all_images_in_order_so_many_at_a_time(sizes: list[int], most: int) -> None:
    total, ends = sum(sizes), np.cumsum([0, *sizes])
    feed = Feed(iter([images(size, int(first)) for size, first in zip(sizes, ends, strict=False)]), PACKING)
    found, counts = b"", []
    while True:
        out = np.full(4 * most + 3, 0xEE, np.uint8)
        count = feed.fill(out, most)
        if not count:
            break
        counts.append(count)
        found += out[:4 * count].tobytes()
        assert set(out[4 * count:]) == {0xEE}
    assert found == images(total).tobytes()
    assert counts == [most] * (total // most) + [total % most] * (total % most > 0)
    assert feed.fill(np.zeros(8, np.uint8), 1) == 0


def test_no_item_is_asked_for_before_it_is_needed() -> None:
    asked: list[int] = []

    def source() -> Iterator[np.ndarray]:
        for k in range(9):
            asked.append(k)
            yield images(2, 2 * k)

    feed, out = Feed(source(), PACKING), np.zeros(100, np.uint8)
    for most, items in ((1, 1), (1, 1), (3, 3), (1, 3), (0, 3)):
        assert feed.fill(out, most) == most
        assert len(asked) == items


def test_what_the_source_raises_is_kept_and_it_is_not_asked_again() -> None:
    class Broken:
        asked = 0

        def __iter__(self) -> "Broken":
            return self

        def __next__(self) -> np.ndarray:
            self.asked += 1
            if self.asked == 2:
                raise ValueError("gone")
            return images(1)

    source = Broken()
    feed, out = Feed(source, PACKING), np.zeros(100, np.uint8)
    assert feed.error is None
    assert feed.fill(out, 5) == 1
    assert str(feed.error) == "gone"
    assert (feed.fill(out, 5), source.asked) == (0, 2)


def test_ctrl_c_passes() -> None:
    def source() -> Iterator[np.ndarray]:
        yield images(1)
        raise KeyboardInterrupt

    feed = Feed(source(), PACKING)
    with pytest.raises(KeyboardInterrupt):
        feed.fill(np.zeros(100, np.uint8), 5)
    assert feed.error is None
