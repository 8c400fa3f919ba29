"""Slow tests by turns: each file has its turn, and no file is left out for ever."""

import hashlib
import subprocess
import sys

import pytest

from tests.conftest import its_turn
from tests.test_layering import ROOT

FILES = [f"tests/room/test_{number}.py" for number in range(60)]


@pytest.mark.parametrize("shares", [1, 2, 3])
def test_every_file_has_its_turn(shares: int) -> None:
    turns = [hashlib.sha1(bytes([number])).hexdigest() for number in range(40)]
    found = {turn: frozenset(file for file in FILES if its_turn(file, turn, shares)) for turn in turns}
    assert frozenset().union(*found.values()) == frozenset(FILES)
    assert len(set(found.values())) == shares
    assert sum(map(len, set(found.values()))) == len(FILES)


def collected(file: str, *options: str) -> list[str]:
    command = [sys.executable, "-m", "pytest", "-n", "0", "--collect-only", *options, file]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def test_of_many_cases_some_are_always_run_and_all_are_in_the_end() -> None:
    file, function = "tests/hw/exits/test_arrivals.py", "test_stamps_and_tlast["
    often, rest, every = ({line for line in collected(file, "-m", which) if function in line}
                          for which in ("not slow", "slow", ""))
    assert often | rest == every
    assert not often & rest
    assert 0 < len(often) < len(every)


def test_only_slow_tests_wait_for_their_turn() -> None:
    every, some = (collected("tests/hw/test_core.py", "-m", "", *options) for options in ((), ("--share", str(1 << 256))))
    assert any("test_every_image_gives_its_result_once" in line for line in every)
    assert not any("test_every_image_gives_its_result_once" in line for line in some)
    assert any("test_easy_and_hard_images" in line for line in some)


def test_what_is_long_is_in_no_turn() -> None:
    file, name = "tests/examples/test_tour.py", "test_the_tour_runs"
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    # Of many commits no small number of shares has the file in its turn; the difference of the two hashes always does.
    first, second = (int(hashlib.sha256(text.encode()).hexdigest(), 16) for text in (file, head))
    turn = abs(first - second)
    assert its_turn(file, head, turn)
    every, some = (collected(file, "-m", "", *options) for options in ((), ("--share", str(turn))))
    assert any(name in line for line in every)
    assert not any(name in line for line in some)
