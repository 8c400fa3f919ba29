"""The simulated board from outside: batches, time, bus errors, faults, and how its process lives and ends."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sim.board.link import ENVIRONMENT, Board, BoardJob, BusError, environment, job_from
from sim.errors import SimulationError
from tests import toy
from tests.sim.board.hand import (
    ACCELERATOR_BASE,
    READER,
    WRITER,
    arm,
    dma,
    in_image_order,
    put,
    register,
    results,
    send,
    wait,
    wanted,
)

SHAPES = ({}, {"bus_bits": 128, "result_bits": 32, "order": "input"})


@pytest.mark.slow
@pytest.mark.cosim
@pytest.mark.parametrize("shape", SHAPES, ids=["32 in 64 out", "128 in 32 out, in order"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_batch_comes_back_right_whatever_memory_does(shape: dict, seed: int, start) -> None:
    netlist, board = start(seed=seed, **shape)
    images = toy.images(60, seed=seed)
    label, taken = wanted(images, netlist)
    assert set(taken) == {0, 1}
    arm(board, netlist, len(images))
    send(board, netlist, images)
    assert wait(board, WRITER) == 0
    assert wait(board, READER) == 0
    found = in_image_order(results(board, netlist, len(images)))
    assert found["label"].tolist() == label.tolist()
    assert found["exit"].tolist() == taken.tolist()
    assert dma(board, "WRITER_WORDS") == len(images)
    assert register(board, netlist, "SAMPLES_OUT") == len(images)
    if netlist.order == "input":
        assert results(board, netlist, len(images))["id"].tolist() == list(range(len(images)))


@pytest.mark.cosim
def test_batches_follow_each_other(start) -> None:
    netlist, board = start()
    for seed, count in enumerate((1, 7, 7, 30)):
        images = toy.images(count, seed=seed)
        arm(board, netlist, count)
        send(board, netlist, images)
        assert wait(board, WRITER) == 0
        assert in_image_order(results(board, netlist, count))["label"].tolist() == wanted(images, netlist)[0].tolist()


@pytest.mark.cosim
def test_the_same_seed_takes_the_same_cycles_and_another_does_not(start) -> None:
    def cycles(seed: int) -> int:
        netlist, board = start(seed=seed)
        images = toy.images(200)
        arm(board, netlist, len(images))
        send(board, netlist, images)
        wait(board, WRITER)
        return in_image_order(results(board, netlist, len(images)))["cycles"].tolist()

    assert cycles(1) == cycles(1) != cycles(2)


@pytest.mark.cosim
def test_time_passes_with_every_access(start) -> None:
    """At least so long as an access of the program takes, and as the ports need for one."""
    for access, least, most in ((1, 4 * 3, 4 * 40), (250, 1000, 1000)):
        _, board = start(access_cycles=access)
        before = board.cycles
        for _ in range(4):
            dma(board, "STATUS")
        assert least <= board.cycles - before <= most


@pytest.mark.cosim
def test_bus_errors(start) -> None:
    netlist, board = start()
    for address, told in ((0x0, "nothing answers at 0x0"), (0x4040_1000, "0x40401000 was answered with DECERR"),
                          (ACCELERATOR_BASE + 0x1000, "was answered with DECERR")):
        with pytest.raises(BusError, match=told):
            board.read(address)
        with pytest.raises(BusError, match=told):
            board.write(address, 1)
    # In the pages themselves there is no bus error, which would end a program on a Zynq: bits of STATUS tell.
    assert board.read(ACCELERATOR_BASE + 0xFFC) == 0
    board.write(ACCELERATOR_BASE + 0xFFC, 5)
    assert register(board, netlist, "STATUS") == 8
    assert register(board, netlist, "ID") == int.from_bytes(b"OFRP", "big")


@pytest.mark.cosim
def test_a_version_may_be_wrong(start) -> None:
    netlist, board = start(faults={"version": 7})
    assert register(board, netlist, "VERSION") == 7
    assert register(board, netlist, "EXITS") == 2


@pytest.mark.cosim
def test_memory_outlives_the_bitstream(start, toy_job) -> None:
    netlist, board = start()
    put(board, netlist, toy.images(1))
    before = bytes(board.memory.bytes[:48])
    board.close()
    again = Board(toy_job()[1], board.memory)
    try:
        assert bytes(again.memory.bytes[:48]) == before != bytes(48)
    finally:
        again.close()


@pytest.mark.cosim
def test_a_board_ends_with_its_program(toy_job) -> None:
    _, job = toy_job()
    text = ("import time\nfrom sim.board.link import Board, job_from\nimport os\nboard = Board(job_from(os.environ))\n"
            "print(board._process.pid, flush=True)\ntime.sleep(60)\n")
    program = subprocess.Popen([sys.executable, "-c", text], env={**os.environ, **environment(job)}, stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    with program.stdout:
        board = int(program.stdout.readline())
        program.send_signal(signal.SIGKILL)
        program.wait()
    for _ in range(100):
        state = Path(f"/proc/{board}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError("the board lives on")


@pytest.mark.cosim
def test_a_board_outlives_the_thread_that_started_it(toy_job) -> None:
    _, job = toy_job()
    running: list[Board] = []
    asked: list[int] = []

    def work() -> None:
        running.append(Board(job))
        asked.append(running[0].cycles)  # it has begun to run

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    try:
        time.sleep(0.2)  # for a signal, if there is one
        assert running[0].cycles == asked[0]
    finally:
        running[0].close()


@pytest.mark.cosim
def test_threads_get_their_own_answers(start) -> None:
    netlist, board = start()
    wrong: list[int] = []

    def ask(name: str, value: int) -> None:
        wrong.extend(found for found in (register(board, netlist, name) for _ in range(300)) if found != value)

    known = (("ID", 0x4F465250), ("EXITS", 2), ("CLASSES", 3), ("VERSION", 1))
    threads = [threading.Thread(target=ask, args=item, daemon=True) for item in known]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)  # who gets another's answer leaves that one without any
        assert not thread.is_alive()
    assert wrong == []


@pytest.mark.cosim
@pytest.mark.usefixtures("no_collection")
def test_ctrl_c_comes_between_accesses(start) -> None:
    netlist, board = start()
    stopped = threading.Event()

    def interrupt() -> None:
        for _ in range(200):
            time.sleep(0.002)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        stopped.set()

    count, wrong = 0, []
    # Ours counts and raises in one: where Python's own would raise between two statements of this test it would end it.
    class Interrupted(Exception):
        pass

    def handler(*_: object) -> None:
        nonlocal count
        count += 1
        if inside:
            raise Interrupted

    inside = False
    before = signal.signal(signal.SIGINT, handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        while not stopped.is_set():
            for name, value in (("ID", 0x4F465250), ("EXITS", 2), ("CLASSES", 3)):
                try:
                    inside = True
                    found = register(board, netlist, name)
                    inside = False
                    wrong += [found] if found != value else []
                except Interrupted:
                    inside = False
    finally:
        inside = False
        thread.join()
        signal.signal(signal.SIGINT, before)
    assert wrong == []
    assert count > 50


def test_a_job_goes_through_the_environment(tmp_path: Path) -> None:
    job = BoardJob(model=tmp_path / "model", rtl=tmp_path, accelerator_base=2, seed=5, faults={"version": 3})
    assert job_from(environment(job)) == job
    assert json.loads(environment(job)[ENVIRONMENT])["seed"] == 5
    with pytest.raises(SimulationError, match="there is no simulated board"):
        job_from({})


@pytest.mark.parametrize("faults", [{"nonsense": 1}, {"version": 0}])
def test_an_unknown_fault_is_refused(faults: dict, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"faults must be of read_error, .*, not "):
        BoardJob(model=tmp_path, rtl=tmp_path, accelerator_base=0, faults=faults)


def test_accesses_take_time(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="access_cycles must be at least 1, not 0"):
        BoardJob(model=tmp_path, rtl=tmp_path, accelerator_base=0, access_cycles=0)
