"""The pace of stages and gates, sample by sample: what is simple is exact, and what bursts and batches cost is near what RTL took."""

import pytest

from build_flows.planning.gate_model import throughput_loss
from build_flows.planning.throughput import BATCH, cycles_a_sample
from build_flows.steps import simulate


def test_one_stage_takes_what_it_takes() -> None:
    assert cycles_a_sample(98, (169,), (0,), (), (1.0,)) == 169
    assert cycles_a_sample(98, (64,), (0,), (), (1.0,)) == 98


def test_where_next_to_none_go_on_the_first_stage_sets_the_pace() -> None:
    assert cycles_a_sample(98, (128, 2000), (172, 0), (7,), (1.0, 0.0)) == pytest.approx(128)
    assert cycles_a_sample(98, (64, 2000), (114, 0), (7,), (1.0, 0.0)) == pytest.approx(98, rel=1e-3)


def test_where_all_go_on_the_slowest_stage_does() -> None:
    assert cycles_a_sample(10, (128, 720, 300), (60, 80, 0), (4, 4), (1.0, 1.0, 1.0)) == pytest.approx(720, rel=0.01)


def test_bursts_cost_what_the_queue_model_says() -> None:
    """Batches apart, which cost little here: what a gate holds is soon done."""
    plain = cycles_a_sample(10, (128, 450), (100, 0), (5,), (1.0, 0.25))
    assert plain == pytest.approx(128 / (1 - throughput_loss(128, 0.25, 450, 5, 100)), rel=0.01)
    small, large = (cycles_a_sample(10, (128, 450), (100, 0), (frames,), (1.0, 0.25)) for frames in (3, 16))
    assert small > plain > large


def test_the_end_of_a_batch_waits_for_its_last_hard_samples() -> None:
    """b_lenet, a stage of 2000 cycles that 5.44 % reach: 141.8 cycles a sample in RTL, 4.9 of them at the ends of batches of 1,000; the
    order of those images alone makes 3 % more of it than others do."""
    found = cycles_a_sample(100, (128, 2000, 13836), (174, 1820, 0), (7, 8), (1.0, 0.0544, 0.0))
    assert found == pytest.approx(141.8, rel=0.06)
    assert found > 128 / (1 - throughput_loss(128, 0.0544, 2000, 7, 174))


@pytest.mark.parametrize(("stages", "verdicts", "frames", "arrive", "words", "took"), [
    ((85, 10104), (137, 0), (12,), (1.0, 0.0001), 100, 100.0),
    ((64, 10104), (116, 0), (12,), (1.0, 0.0004), 100, 100.3),
    ((128, 1000, 9248), (174, 818, 0), (5, 5), (1.0, 0.0544, 0.0), 100, 128.4),
    ((256, 800), (322, 0), (6,), (1.0, 0.3828), 198, 309.3),
    ((128, 256, 648), (120, 163, 0), (5, 5), (1.0, 0.2778, 0.1889), 18, 132.7),
], ids=["b_lenet, next to all leave", "b_lenet, a small head", "b_lenet, three exits", "b_lenet, too many go on", "digits"])
def test_the_pace_of_designs_that_were_run(
    stages: tuple[int, ...], verdicts: tuple[int, ...], frames: tuple[int, ...], arrive: tuple[float, ...], words: int, took: float,
) -> None:
    """What the RTL took for all test images (digits: 360), by the stages, verdicts and gates that were measured and built."""
    assert cycles_a_sample(words, stages, verdicts, frames, arrive) == pytest.approx(took, rel=0.025)


def test_batches_are_those_of_the_simulation() -> None:
    assert BATCH == simulate.BATCH


def test_it_is_the_same_every_time() -> None:
    args = 100, (128, 2000), (174, 0), (7,), (1.0, 0.05)
    first = cycles_a_sample(*args)
    cycles_a_sample.cache_clear()
    assert cycles_a_sample(*args) == first
