"""Entries of caches: whole or not there, damage is noticed; working folders of dead processes are removed, and nothing else."""

import os
import signal
import subprocess
import sys

import pytest

from sim.tools.cache import SUMS, intact, publish, scratch, sync_tree


def entry(folder, name="a", text="one"):
    with scratch(folder, ".work-") as work:
        made = work / "made"
        (made / "sub").mkdir(parents=True)
        (made / "model").write_text(text)
        (made / "model").chmod(0o755)
        (made / "sub" / "x").write_bytes(b"0123")
        publish(made, folder / name)
    return folder / name


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_an_entry_is_whole_and_nothing_else_is_left(tmp_path):
    made = entry(tmp_path)
    assert intact(made)
    assert names(tmp_path) == ["a", "a/model", f"a/{SUMS}", "a/sub", "a/sub/x"]


def test_the_first_of_two_stays(tmp_path):
    entry(tmp_path)
    assert (entry(tmp_path, text="two") / "model").read_text() == "one"
    assert names(tmp_path) == ["a", "a/model", f"a/{SUMS}", "a/sub", "a/sub/x"]


def cut(made):
    (made / "sub" / "x").write_bytes(b"012")


def flip(made):
    (made / "model").write_text("ona")


def empty(made):
    (made / "model").write_bytes(b"")


def gone(made):
    (made / "sub" / "x").unlink()


def more(made):
    (made / "sub" / "y").write_bytes(b"")


def mode(made):
    (made / "model").chmod(0o644)


def no_sums(made):
    (made / SUMS).unlink()


def deep_sums(made):
    (made / SUMS).write_text("[" * 100_000)


def empty_sums(made):
    (made / SUMS).write_text("{}")


def swapped(made):
    other = entry(made.parent, "b", "two")
    os.replace(other / "model", made / "model")


@pytest.mark.parametrize("damage", [cut, flip, empty, gone, more, mode, no_sums, deep_sums, empty_sums, swapped])
def test_a_damaged_entry_is_removed_and_can_be_made_again(tmp_path, damage):
    made = entry(tmp_path)
    damage(made)
    assert not intact(made)
    assert not made.exists()
    assert intact(entry(tmp_path))


def test_what_is_no_entry_at_all_is_removed(tmp_path):
    (tmp_path / "a").write_text("")
    assert not intact(tmp_path / "a")
    assert not intact(tmp_path / "a")
    assert names(tmp_path) == []


def test_what_a_dead_process_left_is_removed_and_nothing_of_a_living_one_or_of_anybody_elses(tmp_path):
    (tmp_path / ".work-mine").mkdir()
    (tmp_path / ".work-mine" / "x").write_text("")
    program = "import sys, time, pathlib\nfrom sim.tools.cache import scratch\n"
    program += "with scratch(pathlib.Path(sys.argv[1]), '.work-') as work:\n"
    program += "    (work / 'y').mkdir()\n    print(work.name, flush=True)\n    time.sleep(60)\n"
    other = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        name = other.stdout.readline().strip()
        with scratch(tmp_path, ".work-") as work:
            assert names(tmp_path) == sorted([".work-mine", ".work-mine/x", name, f"{name}/.offramp-scratch", f"{name}/y", work.name,
                                              f"{work.name}/.offramp-scratch"])
        os.kill(other.pid, signal.SIGKILL)
        other.wait(10)
        with scratch(tmp_path, ".work-") as work:
            assert not (tmp_path / name).exists()
    finally:
        other.kill()
        other.wait(10)
        other.stdout.close()
    assert names(tmp_path) == [".work-mine", ".work-mine/x"]


def test_a_tree_is_written_through(tmp_path, monkeypatch):
    made = entry(tmp_path)
    (made / "link").symlink_to(tmp_path)
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}")))
    sync_tree(made)
    assert sorted(synced) == sorted(str(path) for path in (made, made / "model", made / SUMS, made / "sub", made / "sub" / "x"))
    synced.clear()
    entry(tmp_path, "c")
    assert str(tmp_path) in synced, "the name too"
