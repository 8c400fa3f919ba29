"""Reads the timing of cells from the ``specify`` blocks of a Verilog library: paths and setup times, as the parameters of a cell make them.

Enough of Verilog for the libraries that come with Yosys: ANSI ports, parameters, ``ifdef``, constant functions of ``if`` and assignments,
``if`` around a path or (generated) around a block, ``=>`` and ``*>``, ``$setup``. All else in a module is passed over.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

__all__ = ["CellModel", "DelayPath", "Pin", "Setup", "SpecifyError", "Value", "read_models"]

Pin = tuple[str, int]
"""A port and the index of its bit, from 0; an index counts from the right, as the port's declaration does."""

Value = int | str | None
"""What an expression is worth: a number, a string, or None where it is not known beforehand (a signal, or a value of no branch)."""

_Env = dict[str, Value]
_Expression = Callable[[_Env], Value]

_MODULE = re.compile(r"^module\s+(\\\S+|\w+)\s*\((.*?)^endmodule", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/|\(\*(?!\)).*?\*\)(?!\s*=)", re.DOTALL)
_TIMED = re.compile(r"\bgenerate\b(.*?)\bendgenerate\b|\bspecify\b(.*?)\bendspecify\b", re.DOTALL)
_FUNCTION = re.compile(r"\bfunction\s+integer\s+(\\\S+|\w+)\s*;(.*?)\bendfunction\b", re.DOTALL)
_PARAMETER = re.compile(r"\bparameter\s+(?:integer\s+)?(?:\[[^\]]*\]\s*)?(\w+)\s*=\s*([^;]+);")
_TOKEN = re.compile(r"""\s*("[^"]*"|\\\S+|\d*'s?[bdhBDH][0-9a-fA-FxXzZ_]+|\$?\w+|&&&|&&|\|\||==|!=|=>|\*>|[-+!~&|^?:;,()\[\]{}=<>])""")
_PORT = re.compile(r"\b(input|output|inout)\b|\[\s*(\d+)\s*:\s*(\d+)\s*\]|(\\\S+|\w+)|(,)")
_MODIFIERS = {"reg", "wire", "signed"}
_BASES = {"b": 2, "d": 10, "h": 16}


class SpecifyError(ValueError):
    """Timing written in a way this reader does not know: the message names the cell and where it stumbled."""


@dataclass(frozen=True)
class DelayPath:
    """From each of ``sources`` to each of ``targets`` it takes ``delay``; ``clocked``: from an edge of ``sources``, the clock."""

    sources: tuple[Pin, ...]
    targets: tuple[Pin, ...]
    delay: float
    clocked: bool


@dataclass(frozen=True)
class Setup:
    """Each of ``pins`` must be steady ``time`` before an edge of ``clock``."""

    pins: tuple[Pin, ...]
    clock: str
    time: float


@dataclass(frozen=True)
class CellModel:
    """One cell of the library. ``inputs`` and ``outputs`` give the width of each port, ``parameters`` their defaults."""

    name: str
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    parameters: Mapping[str, Value]
    _body: str = field(repr=False, compare=False)

    @property
    def timed(self) -> bool:
        """Whether the library says anything of its timing."""
        return bool(self._statements)

    def timing(self, parameters: Mapping[str, Value]) -> tuple[list[DelayPath], list[Setup]]:
        """Paths and setup times with ``parameters`` in place of the defaults, in the library's unit (ps in Yosys').

        A parameter that is None is not known, and neither is any signal: what stands under a condition that may be true is given.
        A delay without a value (a function whose branches do not cover the case) is left out. Raises :class:`SpecifyError`.
        """
        paths: list[DelayPath] = []
        setups: list[Setup] = []
        env: _Env = {**self.parameters, **parameters}
        for statement in self._statements:
            for found in statement.run(env):
                if isinstance(found, DelayPath):
                    paths.append(found)
                else:
                    setups.append(found)
        return paths, setups

    def value(self, function: str, parameters: Mapping[str, Value]) -> float | None:
        """What the module's ``function`` (``A.required``) gives with ``parameters`` in place of the defaults; None where it gives nothing.

        Raises KeyError for a function that is not there.
        """
        return _number(self._functions[function]({**self.parameters, **parameters}))

    @cached_property
    def _functions(self) -> dict[str, _Expression]:
        found: dict[str, _Expression] = {}
        for match in _FUNCTION.finditer(self._body):
            name = match[1].lstrip("\\")
            found[name] = _function(name, _Parser(self, match[2]).statements())
        return found

    @cached_property
    def _statements(self) -> "list[_Statement]":
        found: list[_Statement] = []
        for match in _TIMED.finditer(self._body):
            text = match[1] if match[1] is not None else match[2]
            if match[1] is None or "specify" in text:
                found += _Parser(self, text).statements()
        return found


def read_models(text: str, *, defines: Sequence[str] = ()) -> dict[str, CellModel]:
    """The cells of a library's ``text``, by name, with the macros ``defines`` set. A cell's timing is read when it is asked for."""
    models: dict[str, CellModel] = {}
    for match in _MODULE.finditer(text):
        body = _COMMENT.sub(" ", _preprocess(match[2], set(defines)))
        header, _, rest = body.partition(";")
        inputs, outputs = _ports(header)
        name = match[1].lstrip("\\")
        models[name] = CellModel(name, inputs, outputs, _parameters(rest), rest)
    return models


def _preprocess(text: str, defines: set[str]) -> str:
    kept: list[str] = []
    open_: list[bool] = []
    for line in text.splitlines():
        word, *rest = line.split() or [""]
        if word in ("`ifdef", "`ifndef"):
            open_.append((rest[0] in defines) == (word == "`ifdef"))
        elif word == "`else":
            open_[-1] = not open_[-1]
        elif word == "`endif":
            open_.pop()
        elif all(open_):
            kept.append(line)
    return "\n".join(kept)


def _ports(header: str) -> tuple[dict[str, int], dict[str, int]]:
    ports: dict[str, dict[str, int]] = {"input": {}, "output": {}, "inout": {}}
    direction, width = "", 1
    for match in _PORT.finditer(header):
        if match[1]:
            direction, width = match[1], 1
        elif match[2]:
            width = abs(int(match[2]) - int(match[3])) + 1
        elif match[4] and match[4] not in _MODIFIERS and direction:
            ports[direction][match[4]] = width
    return ports["input"] | ports["inout"], ports["output"] | ports["inout"]


def _parameters(body: str) -> dict[str, Value]:
    return {match[1]: literal for match in _PARAMETER.finditer(body) if (literal := _literal(match[2].strip())) is not None}


def _literal(token: str) -> Value:
    if token.startswith('"'):
        return token[1:-1]
    if token.isdigit():
        return int(token)
    match = re.fullmatch(r"\d*'s?([bdh])([0-9a-f_]+)", token.lower())
    return int(match[2].replace("_", ""), _BASES[match[1]]) if match else None


def _number(value: Value) -> float | None:
    return float(value) if isinstance(value, int) else None


@dataclass(frozen=True)
class _Statement:
    """``run`` gives what it stands for, in an environment; an assignment changes the environment instead."""

    run: Callable[[_Env], Iterator[DelayPath | Setup]]


def _function(name: str, statements: list[_Statement]) -> _Expression:
    def call(env: _Env) -> Value:
        inner: _Env = {**env, name: None}
        for statement in statements:
            for _ in statement.run(inner):
                pass
        return inner[name]

    return call


class _Parser:
    """Reads statements and expressions of one cell; names of functions are looked up when they are called."""

    def __init__(self, cell: CellModel, text: str) -> None:
        self._cell = cell
        self._tokens = [match[1] for match in _TOKEN.finditer(text)]
        self._at = 0

    def statements(self) -> list[_Statement]:
        found = []
        while self._at < len(self._tokens):
            found.append(self._statement())
        return found

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, *expected: str) -> str:
        token = self._peek()
        if not token or (expected and token not in expected):
            before = " ".join(self._tokens[max(0, self._at - 8):self._at])
            wanted = " or ".join(expected) or "more"
            raise SpecifyError(f"cell {self._cell.name}: expected {wanted}, found {token or 'the end'!r} after: {before}")
        self._at += 1
        return token

    def _accept(self, token: str) -> bool:
        if self._peek() == token:
            self._at += 1
            return True
        return False

    def _statement(self) -> _Statement:
        token = self._peek()
        if token in ("begin", "specify"):
            return self._block()
        if token == "if":
            return self._if()
        if token == "$setup":
            return self._setup()
        if token == "(":
            return self._path()
        if self._accept(";"):
            return _Statement(lambda env: iter(()))
        return self._assignment()

    def _block(self) -> _Statement:
        end = "end" if self._take() == "begin" else "endspecify"
        inside = []
        while not self._accept(end):
            inside.append(self._statement())

        def run(env: _Env) -> Iterator[DelayPath | Setup]:
            for statement in inside:
                yield from statement.run(env)

        return _Statement(run)

    def _if(self) -> _Statement:
        self._take("if")
        self._take("(")
        condition = self._expression()
        self._take(")")
        then = self._statement()
        otherwise = self._statement() if self._accept("else") else None

        def run(env: _Env) -> Iterator[DelayPath | Setup]:
            value = condition(env)
            if value is None or value:
                yield from then.run(env)
            if otherwise is not None and not value:
                yield from otherwise.run(env)

        return _Statement(run)

    def _assignment(self) -> _Statement:
        name = self._take().lstrip("\\")
        self._take("=")
        expression = self._expression()
        self._take(";")

        def run(env: _Env) -> Iterator[DelayPath | Setup]:
            env[name] = expression(env)
            return iter(())

        return _Statement(run)

    def _setup(self) -> _Statement:
        self._take("$setup")
        self._take("(")
        pins = self._pins()
        self._take(",")
        self._take("posedge", "negedge")
        clock = self._take()
        condition = self._expression() if self._accept("&&&") else None
        self._take(",")
        time = self._expression()
        self._take(")")
        self._take(";")

        def run(env: _Env) -> Iterator[DelayPath | Setup]:
            number = _number(time(env))
            if number is not None and (condition is None or condition(env) in (None, 1)):
                yield Setup(pins, clock, number)

        return _Statement(run)

    def _path(self) -> _Statement:
        self._take("(")
        clocked = self._accept("posedge") or self._accept("negedge")
        sources = self._pins()
        self._take("=>", "*>")
        if self._accept("("):
            targets = self._pins()
            self._take(":")
            self._expression()  # what the output takes on
            self._take(")")
        else:
            targets = self._pins()
        self._take(")")
        self._take("=")
        delay = self._expression()
        self._take(";")

        def run(env: _Env) -> Iterator[DelayPath | Setup]:
            number = _number(delay(env))
            if number is not None:
                yield DelayPath(sources, targets, number, clocked)

        return _Statement(run)

    def _pins(self) -> tuple[Pin, ...]:
        port = self._take().lstrip("\\")
        width = self._cell.inputs.get(port, self._cell.outputs.get(port))
        if width is None:
            raise SpecifyError(f"cell {self._cell.name}: it has timing for {port}, which is none of its ports")
        if not self._accept("["):
            return tuple((port, bit) for bit in range(width))
        bit = int(self._take())
        self._take("]")
        return ((port, bit),)

    def _expression(self) -> _Expression:
        condition = self._binary(0)
        if not self._accept("?"):
            return condition
        yes = self._expression()
        self._take(":")
        no = self._expression()

        def choose(env: _Env) -> Value:
            value = condition(env)
            return None if value is None else yes(env) if value else no(env)

        return choose

    def _binary(self, level: int) -> _Expression:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while self._peek() in _LEVELS[level]:
            left = _combine(self._take(), left, self._binary(level + 1))
        return left

    def _unary(self) -> _Expression:
        token = self._take()
        if token == "(":
            inner = self._expression()
            self._take(")")
            return inner
        if token in _UNARY:
            operand, apply = self._unary(), _UNARY[token]

            def reduce(env: _Env) -> Value:
                value = operand(env)
                return int(apply(value)) if isinstance(value, int) else None

            return reduce
        if token[0].isdigit() or token[0] in "\"'":
            value = _literal(token)
            return lambda env: value
        name = token.lstrip("\\")
        if self._accept("("):
            self._take(")")
            return lambda env: self._cell._functions[name](env)
        if self._accept("["):
            self._take()
            self._take("]")
            return lambda env: None
        return lambda env: env.get(name)


# A number is 32 bits wide, as an integer parameter is; "~" is only of single bits.
_UNARY: dict[str, Callable[[int], bool]] = {"!": lambda value: not value, "~": lambda value: not value, "|": bool,
                                            "&": lambda value: value & 0xFFFFFFFF == 0xFFFFFFFF}
_LEVELS = (("||",), ("&&",), ("|", "^", "&"), ("==", "!="), ("+", "-"))


def _combine(operator: str, left: _Expression, right: _Expression) -> _Expression:
    def evaluate(env: _Env) -> Value:
        a, b = left(env), right(env)
        if operator in ("&&", "||"):
            deciding = operator == "||"
            known = [bool(value) for value in (a, b) if value is not None]
            return int(deciding) if deciding in known else int(not deciding) if len(known) == 2 else None
        if a is None or b is None:
            return None
        if operator in ("==", "!="):
            return int((a == b) == (operator == "=="))
        if isinstance(a, str) or isinstance(b, str):
            return None
        return {"+": a + b, "-": a - b, "|": a | b, "^": a ^ b, "&": a & b}[operator]

    return evaluate
