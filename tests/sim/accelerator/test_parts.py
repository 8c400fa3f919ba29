"""Parts: interrupted runs are taken up at the first batch that is not whole, and never mixed."""

import errno

import pytest

from sim.accelerator.parts import Parts

LENGTHS = [2, 1, 2, 3]


def record(work, first, count, lengths):
    """What a run leaves that began with batch ``lengths[0]``, sent images ``first``, ``first + 1``, ... and got ``count`` results."""
    ends = [sum(lengths[: index + 1]) for index in range(len(lengths))]
    lines = [f"I {first + n}\nR {first + n} {int(n + 1 in ends)} {first + n:x}\n" for n in range(count)]
    (work / "results.txt").write_text("".join(lines))


def images(parts):
    return [image for trace in parts.traces for image in trace.images]


def test_whole_batches_are_kept(tmp_path):
    assert Parts(tmp_path, "key", LENGTHS).done == 0
    record(tmp_path, 0, 4, LENGTHS)
    parts = Parts(tmp_path, "key", LENGTHS)
    assert (parts.done, images(parts)) == (2, [0, 1, 2])
    record(tmp_path, 3, 3, LENGTHS[2:])
    parts = Parts(tmp_path, "key", LENGTHS)
    assert (parts.done, images(parts)) == (3, [0, 1, 2, 3, 4])
    parts.finish()
    assert Parts(tmp_path, "key", LENGTHS).done == 0


def test_records_of_another_job_are_thrown_away(tmp_path):
    Parts(tmp_path, "key", LENGTHS)
    record(tmp_path, 0, 4, LENGTHS)
    assert Parts(tmp_path, "other", LENGTHS).done == 0
    assert Parts(tmp_path, "key", LENGTHS).done == 0


def test_a_run_that_begins_anew_forgets_those_before(tmp_path):
    Parts(tmp_path, "key", LENGTHS)
    record(tmp_path, 0, 3, LENGTHS)
    assert Parts(tmp_path, "key", []).done == 0
    record(tmp_path, 100, 3, LENGTHS)
    parts = Parts(tmp_path, "key", LENGTHS)
    assert (parts.done, images(parts)) == (2, [100, 101, 102])


def test_words_that_are_not_final_go_with_their_batch(tmp_path):
    """Bit 0 of a word says whether it is final: of three batches, of 2, 1 and 2 samples, the last one is not whole."""
    words = [(0, 0), (1, 0), (0, 0), (1, 1), (0, 0), (1, 1), (0, 0), (1, 0), (0, 0)]
    text = "".join(f"R {n} {last} {word:x}\n" for n, (word, last) in enumerate(words))
    Parts(tmp_path, "key", LENGTHS, 0)
    (tmp_path / "results.txt").write_text("".join(f"I {n}\n" for n in range(5)) + text)
    parts = Parts(tmp_path, "key", LENGTHS, 0)
    assert (parts.done, images(parts), [len(trace.results) for trace in parts.traces]) == (2, [0, 1, 2], [6])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": "ke', "[" * 100_000, "\0\0"])
def test_a_state_that_cannot_be_read_is_none(tmp_path, text):
    Parts(tmp_path, "key", LENGTHS)
    (tmp_path / "parts" / "state.json").write_text(text)
    assert Parts(tmp_path, "key", LENGTHS).done == 0
    record(tmp_path, 0, 4, LENGTHS)
    assert Parts(tmp_path, "key", LENGTHS).done == 2


def test_a_disk_that_is_full_while_the_state_is_written_is_in_nobodys_way(tmp_path, monkeypatch):
    def full(path, text, **options):
        path.write_bytes(text[:3].encode())
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(type(tmp_path), "write_text", full)
        with pytest.raises(OSError, match="No space left"):
            Parts(tmp_path, "key", LENGTHS)
    assert Parts(tmp_path, "key", LENGTHS).done == 0


@pytest.mark.parametrize("damage", [b"I 0\nR 7", b"", b"\xff\n", b"R x\n"])
def test_a_damaged_record_and_those_after_it_are_thrown_away(tmp_path, damage):
    lengths = [1] * 6
    Parts(tmp_path, "key", lengths)
    for first in (0, 2, 4):
        record(tmp_path, first, 2, lengths)
        assert Parts(tmp_path, "key", lengths).done == first + 2
    next((tmp_path / "parts").glob("part001*")).write_bytes(damage)
    parts = Parts(tmp_path, "key", lengths)
    assert (parts.done, images(parts)) == (2, [0, 1])
    record(tmp_path, 2, 2, lengths)
    assert images(Parts(tmp_path, "key", lengths)) == [0, 1, 2, 3]


@pytest.mark.parametrize("damage", [b"\xff\n", b"R x\n", b"R 1\n"])
def test_the_record_of_a_run_that_cannot_be_read_is_thrown_away(tmp_path, damage):
    Parts(tmp_path, "key", LENGTHS)
    (tmp_path / "results.txt").write_bytes(damage)
    assert Parts(tmp_path, "key", LENGTHS).done == 0
    assert not (tmp_path / "results.txt").exists()


def test_a_record_with_fewer_images_than_results_is_none(tmp_path):
    Parts(tmp_path, "key", LENGTHS)
    record(tmp_path, 0, 4, LENGTHS)
    path = tmp_path / "results.txt"
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if line not in ("I 1\n", "I 2\n")))
    assert Parts(tmp_path, "key", LENGTHS).done == 0
