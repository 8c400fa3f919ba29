"""What a run of batches tells the bench to do, step by step; the runs themselves are played in tests/cosim."""

from types import SimpleNamespace

import numpy as np
import pytest

from sim.accelerator import run
from sim.accelerator.run import BATCH, _split, _steps, expected_ids
from sim.accelerator.scenario import Read, Reset, Results, Send, Sent, Stall, Write
from sim.accelerator.trace import Trace
from sim.errors import SimulationError

STALL = Stall(0.1, 0.2)


def test_ids_count_within_a_batch_and_wrap():
    assert expected_ids([3, 1, 6], 2).tolist() == [0, 1, 2, 0, 0, 1, 2, 3, 0, 1]


def test_images_are_shared_out_to_batches():
    assert _split(2 * BATCH + 5, None) == [BATCH, BATCH, 5]
    assert _split(4, (1, 3)) == [1, 3]
    for batches in (2, 1), (5, 0), (6, -1):
        with pytest.raises(ValueError, match=rf"batches must be positive and add up to 5 images, not \[{batches[0]}, {batches[1]}\]"):
            _split(5, batches)


def test_batches_of_one_length_follow_each_other_and_of_another_after_its_length_was_written():
    found = _steps([2, 2, 3, 1], 12, 5, {"MODE_0": 1}, STALL)
    assert found == [
        Reset(), STALL, Write("MODE_0", 1), Write("BATCH_LENGTH", 2), Send(0, 48), Sent(), Write("BATCH_LENGTH", 3), Send(4, 36), Sent(),
        Write("BATCH_LENGTH", 1), Send(7, 12), Sent(), Results(8), Read(),
    ]


@pytest.mark.parametrize("words", [4, 5])
def test_where_a_whole_image_may_wait_outside_all_results_come_before_another_length(words):
    found = _steps([2, 3, 3, 1], words, 5, {}, STALL)
    assert found == [
        Reset(), STALL, Write("BATCH_LENGTH", 2), Send(0, 2 * words), Sent(), Results(2),
        Write("BATCH_LENGTH", 3), Send(2, 6 * words), Sent(), Results(6),
        Write("BATCH_LENGTH", 1), Send(8, words), Sent(), Results(1), Read(),
    ]


@pytest.mark.parametrize(("error", "kept"), [(SimulationError("2 images were sent, 1 were taken"), False), (KeyboardInterrupt(), True)])
def test_records_that_make_no_whole_are_not_gone_on_from_and_those_of_an_interrupted_run_are(tmp_path, monkeypatch, error, kept):
    """An error at the end would come again in every run that goes on from the same records; what was interrupted there is done."""
    model = SimpleNamespace(parent=SimpleNamespace(name="model"))
    bench = SimpleNamespace(model=model, final=None, idle_limit=100, image_words=1, run=lambda *_, **__: Trace(images=[0], results=[]))

    def fails(*_, **__):
        raise error

    monkeypatch.setattr(run, "AcceleratorBench", lambda *_, **__: bench)
    monkeypatch.setattr(run, "_contents", lambda _: "rtl")
    monkeypatch.setattr(run, "entry_words", lambda _: 1)
    monkeypatch.setattr(run, "assemble", fails)
    with pytest.raises(type(error)):
        run.simulate(None, tmp_path / "rtl", np.zeros((2, 1, 1, 1), np.uint8), work=tmp_path / "work", cache=tmp_path / "cache", jobs=1)
    assert (tmp_path / "work" / "parts" / "state.json").exists() is kept
