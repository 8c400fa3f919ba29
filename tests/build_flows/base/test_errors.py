"""Errors are told in one line, with the way to mend them."""

import errno

import pytest

from build_flows.base.errors import MEMORY, OfframpError, explain
from hw.netlist import NetlistError
from sim.errors import AgreementError, BuildError, ToolError


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        (OfframpError("checkpoint.safetensors is corrupt", hint="remove it"), "checkpoint.safetensors is corrupt", 1),
        (NetlistError("netlist version must be 1,\n not 2"), "netlist version must be 1, not 2", 1),
        (ToolError("the C++ compiler g++ is missing"), "the C++ compiler g++ is missing", 1),
        (AgreementError("sample 3,\n exit 1"), "sample 3, exit 1", 1),
        (BuildError("Verilator failed:\n%Error: a.v:3\n\n  | wire"), "Verilator failed:\n%Error: a.v:3\n  | wire", 1),
        (BuildError("linking failed:\nld: No space left on device"), "the disk is full (linking failed)", 1),
        (BuildError("fork0: FINN cannot generate it: Traceback (most recent call last):\n  File x\nOSError: No space left on device\n"),
         "the disk is full (fork0: FINN cannot generate it: OSError: No space left on device)", 1),
        (BuildError("fork0: FINN cannot generate it: Traceback (most recent call last):\n  File x\nValueError: 3 is odd\n"),
         "fork0: FINN cannot generate it: ValueError: 3 is odd", 1),
        (OfframpError("DMA timeout: OSError: [Errno 28] No space left on device", hint="its files are in x"),
         "the disk is full (DMA timeout: OSError: [Errno 28] No space left on device)", 1),
        (OSError(errno.ENOSPC, "No space left on device", "a/b.npz"), "the disk is full while writing a/b.npz", 1),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full", 1),
        (OSError("320 requested and 0 written"), "the disk is full (320 requested and 0 written)", 1),
        (BuildError("head0_fc0_mvau: FINN cannot generate it: 320 requested and 0 written"),
         "the disk is full (head0_fc0_mvau: FINN cannot generate it: 320 requested and 0 written)", 1),
        (PermissionError(errno.EACCES, "Permission denied", "x"), "x: permission denied", 1),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "g++"), "g++: no such file or directory", 1),
        (KeyboardInterrupt(), "interrupted", 130),
        (MemoryError(), "out of memory", 1),
        (RuntimeError("[enforce fail] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), "out of memory", 1),
        (RuntimeError("can't start new thread"), "out of memory", 1),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "out of memory or of processes ([Errno 12] Cannot allocate memory)", 1),
        (OSError(errno.EIO, "Input/output error"), "the operating system refused something: [Errno 5] Input/output error", 1),
        (OSError("no errno"), "the operating system refused something: no errno", 1),
        (OSError(errno.EROFS, "Read-only file system", "a/b"), "a/b: read-only file system", 1),
        (OSError(errno.EIO, "Input/output error", b"a/\xff"), "a/\udcff: input/output error", 1),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"),
         "a package cannot be loaded: libtorch_cpu.so: failed to map segment from shared object", 1),
        (ModuleNotFoundError("No module named 'torch'"), "a package cannot be loaded: No module named 'torch'", 1),
        (RecursionError("maximum recursion depth exceeded"), "something is nested too deeply to be read", 1),
        (MemoryError("Unable to allocate 1 TiB"), "out of memory (Unable to allocate 1 TiB)", 1),
    ],
)
def test_foreseen_errors_become_one_line(error: BaseException, message: str, code: int) -> None:
    found = explain(error)
    assert found is not None
    assert (found.message, found.code) == (message, code)


@pytest.mark.parametrize(("error", "hint"), [
    (FileNotFoundError(errno.ENOENT, "No such file or directory", "g++"), "run `offramp doctor` to see what is missing"),
    (FileNotFoundError(errno.ENOENT, "No such file or directory", "build/out"), None),
    (ModuleNotFoundError("No module named 'torch'"), "run `offramp doctor` to see what is missing"),
    (ImportError("x.so: failed to map segment from shared object"), MEMORY),
    (OSError(errno.EROFS, "Read-only file system", "a/b"), "copy the project to where it can be written"),
])
def test_hints_are_of_the_cause(error: BaseException, hint: str | None) -> None:
    found = explain(error)
    assert found is not None
    assert found.hint == hint
@pytest.mark.parametrize(("name", "hinted"), [("g++", True), (b"yosys", True), ("out/no/where", False), ("/nowhere/a.npz", False)])
def test_only_what_may_be_a_program_is_looked_for_by_the_doctor(name: str | bytes, hinted: bool) -> None:
    found = explain(FileNotFoundError(errno.ENOENT, "No such file or directory", name))
    assert found is not None
    assert found.hint == ("run `offramp doctor` to see what is missing" if hinted else None)


def test_a_hint_is_kept() -> None:
    found = explain(OfframpError("no g++", hint="install g++"))
    assert found is not None
    assert found.hint == "install g++"


@pytest.mark.parametrize("error", [ValueError("numpy's own"), RuntimeError("a fault of ours")])
def test_unforeseen_errors_keep_their_traceback(error: BaseException) -> None:
    assert explain(error) is None
