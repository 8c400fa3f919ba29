"""Mutants of a configuration whose fault no single value shows, files and places among them; and odd ones that are legal. Written by hand
from what the template and docs/ say."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tomli_w

from benchmarks.edited import Place, edited
from benchmarks.trust_mutant import Mutant

__all__ = ["contradictions", "legal_variants", "odd_files", "odd_places"]

SOFTMAX, LAST = {"policy": "softmax"}, {"policy": "always"}


def _early(*exits: Mapping[str, Any]) -> dict[Place, Any]:
    """Early ``exits``, a last one, and a calibration that goes with any number of them."""
    return {("exits",): [*exits, LAST], ("calibrate",): {"accuracy_loss": 0.5}}


DIGITS: tuple[tuple[Mapping[Place, Any], tuple[str, ...]], ...] = (
    # exits that the network does not have
    ({("exits",): []}, ("exits",)),
    ({("exits",): [SOFTMAX, LAST]}, ("exits", "3 exits, not 2")),
    ({("exits",): [SOFTMAX] * 3 + [LAST]}, ("exits", "3 exits, not 4")),
    ({("exits",): [SOFTMAX] * 100 + [LAST]}, ("exits", "not 101")),
    ({("exits", 2, "policy"): "softmax"}, ("exits[2].policy", "always")),
    ({("exits", 2, "policy"): "never"}, ("exits[2].policy", "always")),
    ({("exits", 0, "policy"): "always"}, ("exits[0].policy", "no sample would get past it")),
    ({("exits", 1, "policy"): "always"}, ("exits[1].policy", "no sample would get past it")),
    ({("exits", 2, "after"): 1}, ("exits[2].after = 1", "unset")),
    ({("exits", 2, "head"): "linear"}, ("exits[2].head", "unset")),
    ({("exits", 0, "after"): 0}, ("exits[1].after", "in none")),
    (_early({**SOFTMAX, "after": 1}, {**SOFTMAX, "after": 0}), ("exits[1].after = 0", "1 or more")),
    (_early({**SOFTMAX, "after": 2}), ("exits[0].after = 2", "0 or 1")),
    (_early({**SOFTMAX, "after": 1000}), ("exits[0].after = 1000",)),
    (_early({**SOFTMAX, "after": 0, "head": "pool"}, {**SOFTMAX, "after": 0, "head": "pool"}), ("exits[1].head",)),
    (_early({**SOFTMAX, "after": 0, "gate_head": "pool"}), ("exits[0].gate_head", "unset")),
    ({("exits", 0, "gate_head"): "linear"}, ("exits[0].gate_head", "unset")),
    # targets of calibration
    ({("calibrate", "accuracy_loss"): 0.5}, ("calibrate.", "not both")),
    ({("calibrate", "mean_cost"): 0.5}, ("calibrate.mean_cost", "not both")),
    ({("calibrate", "accuracy_loss"): 0.5, ("calibrate", "mean_cost"): 0.5}, ("calibrate.", "not both")),
    ({("calibrate", "shares"): []}, ("calibrate.shares", "2 values")),
    ({("calibrate", "shares"): [0.5]}, ("calibrate.shares = [0.5]", "2 values")),
    ({("calibrate", "shares"): [0.2, 0.2, 0.2]}, ("calibrate.shares", "2 values")),
    ({("calibrate", "shares"): [0.8, 0.8]}, ("calibrate.shares", "1 at most")),
    ({("calibrate", "shares"): [1.0, 1e-6]}, ("calibrate.shares", "1 at most")),
    ({("calibrate", "shares"): [0.5, 1.5]}, ("calibrate.shares[1] = 1.5", "from 0 to 1")),
    ({("exits", 0, "policy"): "never"}, ("calibrate.shares[0]", "policy never")),
    ({("build", "mode"): "budgeted"}, ("calibrate.mean_cost", "budgeted")),
    ({("target", "hard_share"): [0.5]}, ("target.hard_share", "2 values")),
    ({("target", "hard_share"): [0.5, 0.0]}, ("target.hard_share[1] = 0.0", "above 0")),
    ({("train", "exit_weights"): [1.0, 1.0]}, ("train.exit_weights", "3 values")),
    ({("train", "exit_weights"): [1.0, 1.0, 0.0]}, ("train.exit_weights[2]", "above 0")),
    ({("train", "exit_weights"): "branchy"}, ("train.exit_weights", "branchynet")),
    # modes
    ({("build", "exit"): 0}, ("build.exit = 0", "subnet")),
    ({("build", "mode"): "subnet"}, ("build.exit", "0 to 2")),
    ({("build", "mode"): "subnet", ("build", "exit"): 3}, ("build.exit = 3", "0 to 2")),
    ({("build", "mode"): "anytime", ("build", "order"): "input"}, ("build.order", "arrival")),
    ({("build", "mode"): "anytime", ("exits", 1, "policy"): "never", ("calibrate", "shares"): [0.6, 0.0]}, ("exits[1].policy", "never")),
    ({("build", "exchangeable_heads"): True, ("exits", 0, "policy"): "gate"}, ("exits[0].policy", "exchangeable")),
    # schemes
    ({("train", "scheme"): "personal"}, ("train.start", "personal.samples")),
    ({("train", "scheme"): "personal", ("train", "start"): "config.toml"}, ("personal.samples",)),
    ({("train", "scheme"): "personal", ("train", "start"): "config.toml", ("personal", "samples"): "config.toml", **_early()},
     ("train.scheme", "no early exits")),
    ({("train", "scheme"): "exits_only", ("exits_only", "backbone_epochs"): 0}, ("train.start",)),
    ({("train", "scheme"): "exits_only", ("exits_only", "exits"): [2]}, ("exits_only.exits", "0 to 1")),
    ({("train", "scheme"): "exits_only", ("exits_only", "exits"): [0, 0]}, ("exits_only.exits", "each once")),
    ({("consistent", "samples"): "config.toml"}, ("consistent.samples", "unset")),
    ({("train", "scheme"): "import"}, ("import.weights",)),
    ({("train", "scheme"): "import", ("import", "weights"): "config.toml", ("train", "start"): "config.toml"}, ("train.start", "unset")),
    ({("train", "scheme"): "import", ("import", "weights"): "config.toml", ("import", "mean"): [0.5, 0.5]}, ("import.mean", "1 value")),
    ({("train", "scheme"): "import", ("import", "weights"): "config.toml", ("import", "std"): [0.5, 0.5, 0.5]}, ("import.std", "1 value")),
    ({("train", "scheme"): "import", ("import", "weights"): "config.toml", ("exits", 0, "policy"): "gate"},
    ("exits[0].policy", "fine_tune")),
    # data
    ({("data", "name"): "npz"}, ("data.path", "npz")),
    ({("data", "name"): "folder"}, ("data.path", "folder")),
    ({("data", "name"): "cifar10"}, ("data.path",)),
    ({("data", "name"): "sensors"}, ("data.path",)),
    ({("data", "resize"): [8, 8]}, ("data.resize", "unset")),
    ({("data", "channels"): "rgb"}, ("data.channels", "auto")),
    ({("data", "name"): "folder", ("data", "path"): ".", ("data", "resize"): [8]}, ("data.resize", "2 values")),
    ({("data", "name"): "npz", ("data", "path"): "."}, ("data.path", "npz file")),
    ({("data", "name"): "sensors", ("data", "path"): "."}, ("data.path", "npz file")),
    ({("data", "name"): "cifar10", ("data", "path"): "config.toml"}, ("data.path", "folder")),
    ({("data", "name"): "fashion-mnist", ("data", "path"): "config.toml"}, ("data.path", "folder")),
    ({("data", "path"): "config.toml"}, ("data.path", "digits")),
    ({("model", "preset"): "b_alexnet", **_early(SOFTMAX)}, ("data.name", "b_alexnet")),
    ({("model", "preset"): "har", **_early(SOFTMAX, SOFTMAX)}, ("data.name", "har")),
    # where the network comes from
    ({("model", "preset"): ...}, ("model.preset", "must be given")),
    ({("model", "factory"): "module:network"}, ("model.", "must be given")),
    ({("model", "qonnx"): "config.toml"}, ("model.", "must be given")),
    ({("model", "weights"): "config.toml"}, ("model.weights", "factory")),
    ({("model", "modules"): "."}, ("model.modules", "factory")),
    ({("model", "factory"): "no-module", ("model", "preset"): ...}, ("model.factory",)),
    ({("model", "layer_bits"): {"no_such_layer": {"weight": 8}}}, ("model.layer_bits", "no_such_layer")),
    ({("model", "layer_bits"): {"stage0_conv0": {"weight": 9}}}, ("model.layer_bits.stage0_conv0.weight = 9", "2 to 8")),
    ({("model", "layer_bits"): {"stage0_conv0": {"weigth": 8}}}, ("model.layer_bits", "weight")),
    # the plan
    ({("build", "folding"): "search"}, ("build.folding", "optimal")),
    ({("build", "folding"): "optimall"}, ("build.folding", "optimal")),
    ({("build", "folding"): "."}, ("build.folding",)),
    ({("target", "cycles_per_sample"): 1}, ("target.cycles_per_sample = 1",)),
    ({("project", "name"): "../digits"}, ("project.name",)),
    ({("project", "name"): "d\u00edgits"}, ("project.name",)),
    ({("project", "name"): "a" * 65}, ("project.name",)),
    ({("project", "output"): "/"}, ("project.output",)),
    ({("project", "output"): "config.toml"}, ("output",)),
    ({("project", "output"): "config.toml/out"}, ("output",)),
    ({("project", "output"): "/proc/out"}, ("output",)),
    ({("project", "output"): "a" * 300}, ("output",)),
)
"""Changes of examples/digits.toml, and what must be told."""

FILES = ("train.checkpoint", "train.start", "consistent.samples", "personal.samples", "import.weights", "model.qonnx", "model.weights",
         "model.modules", "data.path", "build.folding")
"""Keys that name files or folders which must be there."""

NEEDS: Mapping[str, Mapping[Place, Any]] = {
    "consistent.samples": {("train", "scheme"): "consistent"},
    "personal.samples": {("train", "scheme"): "personal", ("train", "start"): "config.toml", ("calibrate",): {"shares": [0.6, 0.25]}},
    "import.weights": {("train", "scheme"): "import"},
    "model.qonnx": {("model",): {}, ("train",): {}},
    "model.weights": {("model",): {"factory": "module:network"}, ("train",): {}},
    "model.modules": {("model",): {"factory": "module:network"}, ("train",): {}},
    "data.path": {("data", "name"): "npz"},
}
"""Without which such a key is not looked at, or would be wrong already."""

PLACES = ("no-such", "no/such/file", "config.toml/inside", "a" * 300, "a/" * 3000 + "a", "\u00e4\u4f60 nothing", "nul\x00inside", "loop",
    "..", "/", "~/no-such",
          "/dev/null", "/dev/zero", "pipe", "\x01\x1b[31m")
"""Places at which there is no file, or none that can be read."""


def contradictions(values: Mapping[str, Any], args: Sequence[Sequence[str]], rng: random.Random) -> Iterator[Mutant]:
    """Every entry of :data:`DIGITS` with the ``values`` of examples/digits.toml, for one of the command lines ``args`` each."""
    for changes, says in DIGITS:
        yield _with(values, changes, says, rng.choice(args), "contradiction")


def odd_places(values: Mapping[str, Any], args: Sequence[Sequence[str]], rng: random.Random) -> Iterator[Mutant]:
    """Every key that names a file, with every one of :data:`PLACES`."""
    for key in FILES:
        for place in PLACES:
            if key == "model.modules" and place in ("..", "/"):
                continue  # folders, which that is
            section, name = key.split(".")
            found = _with(values, {**NEEDS.get(key, {}), (section, name): place}, (key,), rng.choice(args), "odd place")
            yield Mutant(**{**vars(found), "links": {"loop": "loop"}, "pipes": ("pipe",)})


def odd_files(text: str, args: Sequence[Sequence[str]], rng: random.Random) -> Iterator[Mutant]:
    """Configurations that are no files, or files that no parser should be given; ``text`` is a whole one."""
    raw = text.encode()

    def one(what: str, place: str, *says: str, **more: Any) -> Mutant:
        command = tuple(item.replace("{config}", place) for item in rng.choice(args))
        return Mutant(kind="odd file", what=what, args=command, says=says, **more)

    yield one("absent", "absent.toml", "absent.toml", "no such file")
    yield one("a folder", "folder", "folder", folders=("folder",))
    yield one("inside a file", "config.toml/config.toml", "config.toml", files={"config.toml": raw})
    yield one("a link to itself", "loop.toml", "loop.toml", links={"loop.toml": "loop.toml"})
    yield one("a link to nothing", "link.toml", "link.toml", links={"link.toml": "nothing"})
    yield one("a long name", "a" * 300, "aaaa")
    yield one("a long path", "a/" * 3000, "a/a/")
    yield one("empty text", "", "")
    yield one("no end", "/dev/zero", "/dev/zero")
    yield one("nothing", "/dev/null", "/dev/null")
    yield one("a process", "/proc/self/mem", "/proc/self/mem")
    yield one("an empty file", "config.toml", "project", "missing", files={"config.toml": b""})
    yield one("spaces", "config.toml", "project", "missing", files={"config.toml": b" \n\n"})
    yield one("not UTF-8 in the name", os_name(b"\xff\xfe.toml"), "no such file")
    for what, content in (
        ("lists in lists", b"x = " + b"[" * 20_000), ("tables in tables", b"x = " + b"{a=" * 20_000),
        ("lists, closed", b"x = " + b"[" * 5000 + b"]" * 5000),
        ("dotted keys", b"a." * 20_000 + b"b = 1"), ("dotted table", b"[" + b"a." * 20_000 + b"b]"),
        ("a long number", b"x = " + b"9" * 10_000),
        ("a great exponent", b"[train]\nclip = 1e999999"), ("100 MB", b"#" * 100_000_000),
        ("a long line", b"x = '" + b"a" * 3_000_000 + b"'"),
        ("UTF-16", text.encode("utf-16")), ("UTF-16 without mark", text.encode("utf-16-le")), ("UTF-32", text.encode("utf-32")),
        ("gzip", b"\x1f\x8b\x08\x00" + raw), ("zip", b"PK\x03\x04" + raw), ("JSON", b'{"project": {"name": "digits"}}'),
        ("two projects", raw + raw), ("NUL", raw + b"\0"), ("an old Mac's lines", raw.replace(b"\n", b"\r")),
    ):
        yield one(what, "config.toml", "config.toml", files={"config.toml": content})


def os_name(raw: bytes) -> str:
    """A name of the bytes ``raw``, as Python hands those on that are no UTF-8."""
    return raw.decode("utf-8", "surrogateescape")


def legal_variants(text: str, values: Mapping[str, Any], args: Sequence[Sequence[str]], rng: random.Random) -> Iterator[Mutant]:
    """What looks odd and is legal: it must be taken."""
    raw = text.encode()

    def one(what: str, content: bytes, place: str = "config.toml", **more: Any) -> Mutant:
        command = tuple(item.replace("{config}", place) for item in rng.choice(args))
        return Mutant(kind="legal", what=what, args=command, files={place: content}, legal=True, **more)

    yield one("as it is", raw)
    yield one("CRLF", raw.replace(b"\n", b"\r\n"))
    yield one("byte order mark", b"\xef\xbb\xbf" + raw)
    yield one("both", b"\xef\xbb\xbf" + raw.replace(b"\n", b"\r\n"))
    yield one("no newline at the end", raw.rstrip())
    for place in ("m\u00fcller/config.toml", "a b/c d.toml", "\u4f60/\u597d.toml", "it's/\"x\".toml", "$HOME/;ls/config.toml", "config",
        "%s{}/x.toml", "new\nline/x.toml",
                  "[bold]/x.toml"):
        yield one(f"in {place!r}", raw, place)
    odd: tuple[Mapping[Place, Any], ...] = (
        {("target", "clock_mhz"): 100}, {("target", "hard_share"): [1, 1]}, {("calibrate", "shares"): [0, 1]}, {("calibrate",
            "shares"): [0.0, 0.0]},
        _early({**SOFTMAX, "after": 0}), _early(), {("exits", 0, "score"): "margin"}, {("build", "max_in_flight"): 2},
        {("exits", 0, "policy"): "never", ("calibrate", "shares"): [0.0, 0.25]}, {("simulate", "stall"): 0}, {("train", "seed"): 2**32 - 1},
        {("project", "output"): "some where/\u00fc"}, {("train", "exit_weights"): [1, 2.5, 100]}, {("build", "mode"): "subnet",
            ("build", "exit"): 2},
        {("model", "layer_bits"): {"stage0_conv0": {"weight": 8}}}, {("model", "layer_bits"): {}},
    )
    for changes in odd:
        yield one(str(changes), tomli_w.dumps(edited(values, changes)).encode())


def _with(
    values: Mapping[str, Any], changes: Mapping[Place, Any], says: tuple[str, ...], args: Sequence[str], kind: str,
) -> Mutant:
    content = tomli_w.dumps(edited(values, changes)).encode()
    return Mutant(kind=kind, what=str(dict(changes))[:120], args=tuple(item.replace("{config}", "config.toml") for item in args),
                  files={"config.toml": content}, says=says)
