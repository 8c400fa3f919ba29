"""Mutants of command lines, drawn from the tree of commands as click has it: every option of every command with wrong values, in wrong
places, misspelt; and, by hand, values that only the command itself can tell to be wrong."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from benchmarks.trust_config_mutants import misspelt
from benchmarks.trust_contradictions import os_name
from benchmarks.trust_mutant import Mutant

__all__ = ["commands", "option_mutants", "order_mutants", "told_mutants"]

CONFIG = "config.toml"
LEGAL: Mapping[str, tuple[str, ...]] = {
    "deploy": (CONFIG, "--host", "board"),
    "init": ("new",),
    "doctor": (),
    "prove": (),
    "exit-unit generate": ("--policy", "max_logit", "--classes", "10", "--pe", "1", "--scale", "0.1", "-o", "unit"),
    "exit-unit simulate": ("-o", "unit"),
}
"""What a command needs; a configuration where nothing stands here."""

SYNTHESIS = ("--policy", "softmax", "--classes", "10", "--pe", "2", "--scale", "0.0123")

TOLD: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("simulate", CONFIG, "--stall", "nan"), ("--stall", "nan")),
    (("simulate", CONFIG, "--waves", "a.vcd"), ("--waves", "a.vcd", ".fst")),
    (("simulate", CONFIG, "--waves", "no/such/a.fst"), ("--waves", "no/such")),
    (("simulate", CONFIG, "--waves", ""), ("--waves",)),
    (("simulate", CONFIG, "--waves", "config.toml/a.fst"), ("--waves",)),
    (("synth", CONFIG, "--part", "xc7z999"), ("xc7z999", "xc7z020")),
    (("synth", CONFIG, "--part", ""), ("''", "xc7z020")),
    (("compare", CONFIG, "--part", "pynq"), ("pynq", "pynq-z2")),
    (("compare",), ("--sweep",)),
    (("compare", CONFIG, "--sweep", "sweep.toml"), ("not both",)),
    (("compare", "--sweep", "absent.toml"), ("absent.toml", "no such file")),
    (("compare", "--sweep", CONFIG), ("config.toml", "configuration")),
    (("compare", "--sweep", "."), ("folder",)),
    (("compare", CONFIG, "absent.toml"), ("absent.toml",)),
    (("compare", CONFIG, CONFIG), ("digits", "differ")),
    (("compare", CONFIG, "--pareto", "speed"), ("speed", "throughput")),
    (("compare", CONFIG, "--pareto", ""), ("''", "throughput")),
    (("compare", CONFIG, "--pareto", "accuracy,,lut"), ("throughput",)),
    (("compare", CONFIG, "-o", CONFIG), (CONFIG,)),
    (("train", CONFIG, "--data", "absent"), ("--data", "absent")),
    (("train", CONFIG, "--data", "."), ("--data", "digits")),
    (("train", "npz.toml", "--data", "."), ("--data", ".npz")),
    (("train", "npz.toml", "--data", ""), ("--data",)),
    (("train", ""), ()),
    (("train", "."), ("folder",)),
    (("train", os_name(b"\xff")), ("no such file",)),
    (("deploy", CONFIG), ("--host",)),
    (("deploy", CONFIG, "--host", ""), ("--host",)),
    (("deploy", CONFIG, "--host", "-oProxyCommand=ls"), ("--host", "-oProxyCommand=ls")),
    (("deploy", CONFIG, "--host", "board", "--identity", "absent"), ("--identity", "absent")),
    (("deploy", CONFIG, "--host", "board", "--ssh-config", "absent"), ("--ssh-config", "absent")),
    (("deploy", CONFIG, "--host", "board", "--package", "absent"), ("absent",)),
    (("deploy", CONFIG, "--host", "board", "--board", "zedboard"), ("ZedBoard", "build-only")),
    (("package", CONFIG, "--board", "zedboard"), ("ZedBoard", "build-only")),
    (("build", CONFIG, "--board", "absent"), ("absent",)),
    (("build", CONFIG, "--board", "absent.toml"), ("absent.toml",)),
    (("build", CONFIG, "--plan", "x.zip", "--from", "."), ("--plan", "--from")),
    (("build", CONFIG, "--from", "absent"), ("absent",)),
    (("build", CONFIG, "--from", "."), ("plan.json",)),
    (("build", "fast.toml"), ("250", "target.clock_mhz")),
    (("evaluate", "own.toml"), ("model.preset",)),
    (("init", "there"), ("exists already",)),
    (("init", CONFIG), (CONFIG,)),
    (("init", "config.toml/new"), (CONFIG,)),
    (("init", "/proc/new"), ("/proc/new",)),
    (("init", ""), ()),
    (("init", "new", "--preset", "lenet"), ("--preset", "lenet", "b_lenet")),
    (("init", "a" * 300), ("aaaa",)),
    (("prove", "no_such_unit"), ("no_such_unit",)),
    (("prove", ""), ("''",)),
    (("prove", "--vcd", CONFIG), (CONFIG,)),
    *(((("exit-unit", "generate", *SYNTHESIS, "-o", "unit", *options)), says) for options, says in (
        (("--policy", "softmaxx"), ("softmaxx", "entropy")), (("--policy", ""), ("softmax",)), (("--classes", "1"), ("classes", "1")),
        (("--classes", "1001"), ("classes", "1001")), (("--classes", "-10"), ("classes", "-10")), (("--pe", "0"), ("pe", "0")),
        (("--pe", "3"), ("pe", "3")), (("--pe", "20"), ("pe", "20")), (("--pe", "-1"), ("pe", "-1")),
        (("--scale", "nan"), ("scale", "nan")), (("--scale", "inf"), ("scale", "inf")), (("--scale", "0"), ("scale", "0")),
        (("--scale", "-1"), ("scale", "-1")), (("--scale", "1e400"), ("scale", "inf")), (("--scale", "1e-300"), ("scale", "1e-300")),
        (("--scale", "1e300"), ("scale", "1e+300")), (("--threshold", "nan"), ("threshold", "nan")), (("--threshold", "2"),
        ("threshold", "2")),
        (("--threshold", "-1"), ("threshold", "-1")), (("--threshold", "inf"), ("threshold", "inf")),
        (("--class-thresholds", "0.5,0.5"), ("--class-thresholds", "softmax")), (("--score", "softmax"), ("--score", "softmax")),
        (("--bias", "1,2"), ("bias", "10")), (("--bias", "a,b"), ("--bias", "'a'")), (("--bias", "1.5"), ("--bias", "1.5")),
        (("--bias", ",".join(["9" * 30] * 10)), ("bias",)), (("--bias", ""), ("bias",)), (("--epsilon", "0"), ("epsilon", "0")),
        (("--epsilon", "-1"), ("epsilon", "-1")), (("--epsilon", "nan"), ("epsilon", "nan")), (("--frac-bits", "0"), ("frac", "0")),
        (("--frac-bits", "-1"), ("frac", "-1")), (("--frac-bits", "1000"), ("frac", "1000")), (("--gate-bits", "8"),
        ("--gate-bits", "softmax")),
        (("--exit", "0"), ("--from",)), (("--from", CONFIG), ("--exit",)),
        (("--from", CONFIG, "--exit", "0"), ("--from",)), (("--name", "1st"), ("name", "1st")), (("--name", "module"), ("name", "module")),
        (("--name", "a b"), ("name", "a b")), (("--name", ""), ("name",)), (("--name", "\u00fcnit"), ("name", "\u00fcnit")),
        (("-o", CONFIG), (CONFIG,)),
        (("-o", "config.toml/unit"), (CONFIG,)), (("-o", "full"), ("full",)),
    )),
    *(((("exit-unit", "generate", "-o", "unit", *options)), says) for options, says in (
        ((), ("--policy",)), (("--policy", "softmax"), ("--classes",)), (("--policy", "softmax", "--classes", "10"), ("--pe",)),
        (("--policy", "softmax", "--classes", "10", "--pe", "2"), ("--scale",)),
        (("--from", CONFIG, "--exit", "3"), ("exit", "3")), (("--from", CONFIG, "--exit", "-1"), ("exit", "-1")),
        (("--from", "absent.toml", "--exit", "0"), ("absent.toml",)),
        (("--policy", "class_threshold", "--classes", "2", "--pe", "1", "--scale", "0.1", "--class-thresholds", "0.5"), ("threshold", "2")),
        (("--policy", "class_threshold", "--classes", "2", "--pe", "1", "--scale", "0.1", "--class-thresholds", "0.5,x"), ("'x'",)),
        (("--policy", "class_threshold", "--classes", "2", "--pe", "1", "--scale", "0.1", "--class-thresholds", "0.5,nan"), ("nan",)),
        (("--policy", "class_threshold", "--classes", "2", "--pe", "1", "--scale", "0.1", "--score", "always"), ("score", "always")),
        (("--policy", "patience", "--classes", "2", "--pe", "1", "--threshold", "0"), ("threshold", "0")),
        (("--policy", "always", "--classes", "2", "--pe", "1", "--threshold", "1"), ("--threshold", "always")),
    )),
    *(((("exit-unit", "simulate", "-o", "unit", *options)), says) for options, says in (
        (("--policy", "softmaxx"), ("softmaxx", "entropy")), (("--policy", ""), ("''",)), (("--policy", "softmax,,margin"), ("''",)),
        (("--classes", ""), ("--classes",)), (("--classes", "ten"), ("--classes", "ten")), (("--classes", "1"), ("classes", "1")),
        (("--classes", "1001"), ("classes", "1001")), (("--classes", "0"), ("classes", "0")), (("--pe", "3"), ("pe", "3")), (("--pe", "0"),
        ("pe", "0")),
        (("--pe", "-1"), ("pe", "-1")), (("--pe", "1.5"), ("--pe", "1.5")), (("--scale", "nan"), ("scale", "nan")), (("--scale", "0"),
        ("scale", "0")),
        (("--scale", "-1"), ("scale", "-1")), (("--scale", "inf"), ("scale", "inf")), (("--stall", "nan"), ("--stall", "nan")),
        (("--threshold", "nan"), ("threshold", "nan")), (("--policy", "softmax", "--threshold", "2"), ("threshold", "2")),
        (("--policy", "class_threshold", "--score", "never"), ("score", "never")), (("--score", "x"), ("score", "x")), (("-o", CONFIG),
        (CONFIG,)),
        (("-o", "config.toml/unit"), (CONFIG,)), (("-o", "/proc/unit"), ("/proc/unit",)),
    )),
)
"""Arguments that only the command itself can tell to be wrong, and what must be told."""

Named = tuple[tuple[str, ...], click.Command]


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[Named]:
    """The names and the command of everything below ``group`` that is no group itself."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def _needed(path: Sequence[str]) -> tuple[str, ...]:
    return LEGAL.get(" ".join(path), (CONFIG,))


def _options(command: click.Command) -> list[click.Option]:
    return [item for item in command.params if isinstance(item, click.Option)]


def option_mutants(root: click.Group, files: Mapping[str, bytes], rng: random.Random) -> Iterator[Mutant]:
    """Every option of every command: misspelt, without its value, with values of another type, out of range, or not among its choices."""
    for path, command in commands(root):
        needed = _needed(path)
        known = [name for item in _options(command) for name in item.opts]
        for item in _options(command):
            name = item.opts[-1]

            def one(what: str, *args: str, says: Sequence[str], base: tuple[str, ...] = needed, words: tuple[str, ...] = path) -> Mutant:
                return Mutant(kind=what, what=" ".join(args), args=(*words, *base, *args), files=files, says=tuple(says))

            wrong = f"--{misspelt(name.lstrip('-'), rng, [word.lstrip('-') for word in known])}"
            yield one("misspelt option", wrong, *(() if item.is_flag else ("1",)), says=(wrong,))
            if item.is_flag:
                yield one("flag with a value", f"{name}=1", says=(name,))
                continue
            yield one("option without value", name, says=(name,))
            whole = isinstance(item.type, click.types.IntParamType | click.Choice)
            for value in _wrong(item.type, rng):
                # Of a number that is none of a few digits, a float shows the nearest.
                yield one("wrong option value", name, value, says=(name, value if whole or len(value) < 10 else ""))


def _wrong(kind: click.ParamType[Any], rng: random.Random) -> list[str]:
    """Values that an option of this type does not take."""
    if isinstance(kind, click.Choice):
        return [misspelt(str(kind.choices[0]), rng, [str(item) for item in kind.choices]), "", str(kind.choices[0]) + " "]
    whole = isinstance(kind, click.types.IntParamType)
    if not whole and not isinstance(kind, click.types.FloatParamType):
        return []
    found = ["", "x", "1,5", "0x10", "--", *(("1.5", "1e3", "nan") if whole else ())]
    low, high = getattr(kind, "min", None), getattr(kind, "max", None)
    found += [] if low is None else [str(low - 1), "-1000000000000000000000000"]
    found += [] if high is None else [str(high + 1), "9" * 40]
    return rng.sample(found, min(5, len(found)))


def order_mutants(root: click.Group, files: Mapping[str, bytes], rng: random.Random) -> Iterator[Mutant]:
    """Commands misspelt, without or with too many arguments, options before the command, and options of other commands."""
    everything = list(commands(root))
    for path, command in everything:
        needed = _needed(path)

        def one(what: str, args: tuple[str, ...], *says: str) -> Mutant:
            return Mutant(kind=what, what=" ".join(args), args=args, files=files, says=says)

        *above, name = path
        word = misspelt(name, rng, [item[0][-1] for item in everything])
        yield one("unknown command", (*above, word, *needed), word)
        yield one("command in capitals", (*above, name.upper(), *needed), name.upper())
        arguments = [item for item in command.params if isinstance(item, click.Argument)]
        if arguments and arguments[0].nargs == 1:
            yield one("missing argument", path, "Missing argument")
        if not arguments or arguments[-1].nargs == 1:
            yield one("too many arguments", (*path, *needed, "more"), "more")
        own = {name for item in _options(command) for name in (*item.opts, *item.secondary_opts)}
        for option in rng.sample(_options(command), min(2, len(_options(command)))):
            if "--debug" not in option.opts:
                yield one("option before the command",
                    (option.opts[-1], *(() if option.is_flag else ("1",)), *path, *needed), option.opts[-1])
        foreign = sorted({name for _, other in everything for item in _options(other) for name in item.opts} - own - {"-o"})
        for option_name in rng.sample(foreign, min(2, len(foreign))):
            yield one("another command's option", (*path, *needed, option_name, "1"), option_name)


def told_mutants(files: Mapping[str, bytes]) -> Iterator[Mutant]:
    """Every entry of :data:`TOLD`."""
    for args, says in TOLD:
        yield Mutant(kind="wrong argument", what=" ".join(args)[:120], args=args, files=files, says=says)
