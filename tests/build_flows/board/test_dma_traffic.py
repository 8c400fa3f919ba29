"""DMA words, worked out by hand."""

from dataclasses import replace

import pytest

from build_flows.board.dma_traffic import traffic
from hw.netlist import Netlist, Result, ResultField
from tests.build_flows.report_samples import netlist


def net(height: int, width: int, channels: int, bus: int, result: int, widths: tuple[int, ...] = (16, 4, 1, 16, 24)) -> Netlist:
    sample = netlist()
    fields = tuple(ResultField(name=str(k), offset=0, width=bits) for k, bits in enumerate(widths))
    return replace(sample, result=Result(bits=result, fields=fields),
                   input=replace(sample.input, height=height, width=width, channels=channels, bus_bits=bus))


def test_b_lenet_on_32_bits() -> None:
    images, results = traffic(net(28, 28, 1, 32, 64), 76_000.0)
    assert (images.words, images.least, images.payload) == (196, 196, 1.0)
    assert images.mb_per_second == pytest.approx(76_000 * 784 / 1e6)
    assert images.stream_mb_per_second == 400
    assert images.port_mb_per_second == 800
    assert images.used == pytest.approx(59.584 / 400)
    assert images.most_samples == pytest.approx(100e6 / 196)
    assert (results.words, results.least, results.bits) == (1, 1, 64)
    assert results.payload == pytest.approx(61 / 64)


def test_what_a_last_word_holds_beyond_the_image_is_no_payload() -> None:
    images, _ = traffic(net(5, 5, 3, 64, 32, (8, 4, 1, 16)), 1000.0)
    assert images.words == 10  # 75 bytes
    assert images.payload == pytest.approx(75 / 80)


def test_a_bus_wider_than_the_memory_port_is_held_up_by_it() -> None:
    images, _ = traffic(net(32, 32, 3, 128, 64), 10_000.0)
    assert images.stream_mb_per_second == 1600
    assert images.port_mb_per_second == 800
    assert images.used == pytest.approx(30.72 / 800)
    assert images.most_samples == pytest.approx(800e6 / 3072)


def test_without_a_rate_the_words_are_still_told() -> None:
    images, results = traffic(net(28, 28, 1, 32, 64), None)
    assert images.used is images.mb_per_second is results.used is None
    assert images.words == 196
