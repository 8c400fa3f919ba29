"""A simulation that failed is told with the end of its log, or as the full disk that its log tells of."""

import errno

import pytest

from sim.errors import SimulationError
from sim.tools.cocotb_process import _judge

GOOD = '<testsuites><testcase name="a"/></testsuites>'
BAD = '<testsuites><testcase name="a"/><testcase name="b"><failure/></testcase></testsuites>'


@pytest.fixture
def judge(tmp_path):
    def judged(code, results, log):
        (tmp_path / "sim.log").write_text(log)
        if results is not None:
            (tmp_path / "results.xml").write_text(results)
        _judge(code, tmp_path / "results.xml", tmp_path / "sim.log")

    return judged


def test_a_run_whose_tests_passed_is_good(judge):
    judge(0, GOOD, "a word about No space left on device\n")


@pytest.mark.parametrize(("code", "results", "log", "message"), [
    (0, BAD, "one\ntwo\n", "failed: b; the log .* ends with:\none\ntwo"), (0, "<testsuites/>", "", "failed: there were no tests"),
    (3, GOOD, "one\n", "the simulator ended with code 3; its log .* ends with:\none"), (-9, None, "one\n", "ended with code -9 before its"),
])
def test_one_that_failed_is_told_with_the_end_of_its_log(judge, code, results, log, message):
    with pytest.raises(SimulationError, match=message):
        judge(code, results, log)


@pytest.mark.parametrize(("code", "results"), [(0, BAD), (3, GOOD), (1, None)])
@pytest.mark.parametrize("log", ["cannot write the report: [Errno 28] No space left on device: 'r.json'\nmore\n",
                                 "%Fatal: bench.sv:106: bench: cannot write a/results.txt\n"])
def test_a_full_disk_is_told_as_one(judge, code, results, log, tmp_path):
    with pytest.raises(OSError, match="No space left on device") as caught:
        judge(code, results, log)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path))
