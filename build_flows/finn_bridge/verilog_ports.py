"""Read the ports of a Verilog module, with their widths, from its text."""

import re
from dataclasses import dataclass

from build_flows.finn_bridge.errors import CompileError

__all__ = ["Pin", "evaluate", "module_pins"]

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/|\(\*(?!\s*\)).*?\*\)", re.DOTALL)
_PARAMETER = re.compile(r"^\s*(?:localparam|parameter)\s+(?:\w+\s+)*?(\w+)\s*=\s*(.+?)[\s,;]*$", re.MULTILINE)
_PIN = re.compile(r"\b(input|output)\s+(?:wire\s+|reg\s+|logic\s+)?(?:\[([^\]]+):\s*0\]\s*)?(\w+)")
_TOKEN = re.compile(r"\s*(\d+|\$?\w+|\*\*|[<>=!]=|[-+*/%()?:<>])")


@dataclass(frozen=True)
class Pin:
    """One port: ``output`` or not, ``width`` in bits."""

    output: bool
    width: int

    def __str__(self) -> str:
        return f"an {'output' if self.output else 'input'} of {self.width} bits"


def module_pins(text: str, module: str) -> dict[str, Pin]:
    """Ports of ``module`` in ``text`` by name, widths computed from the parameters' defaults. ANSI and plain port lists are read.

    Raises :class:`CompileError` when the module is not there or a width cannot be computed.
    """
    text = _COMMENT.sub(" ", text)
    found = re.search(rf"^\s*module\s+{re.escape(module)}\b(.*?)^\s*endmodule", text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise CompileError(f"no module {module} in its Verilog")
    body = found.group(1)
    parameters = dict(_PARAMETER.findall(body))
    return {
        name: Pin(direction == "output", 1 if high is None or not high else evaluate(high, parameters) + 1)
        for direction, high, name in _PIN.findall(body)
    }


def evaluate(text: str, parameters: dict[str, str]) -> int:
    """Value of a constant integer expression (``+ - * / % **``, comparisons, ``?:``, ``$clog2``) over ``parameters``, expressions too.

    Raises :class:`CompileError` naming the expression when it is anything else.
    """
    tokens = _TOKEN.findall(text)
    if re.sub(r"\s", "", text) != "".join(tokens):
        raise CompileError(f"cannot compute {text!r}")
    value = _Expression(tokens, parameters, text).ternary()
    if tokens:
        raise CompileError(f"cannot compute {text!r}: {tokens[0]!r} is left over")
    return value


class _Expression:
    """Recursive descent over ``tokens``, which is used up from the front."""

    LEVELS = (("<", ">", "<=", ">=", "==", "!="), ("+", "-"), ("*", "/", "%"), ("**",))

    def __init__(self, tokens: list[str], parameters: dict[str, str], text: str) -> None:
        self.tokens, self.parameters, self.text = tokens, parameters, text

    def take(self, wanted: str | None = None) -> str:
        if not self.tokens or (wanted is not None and self.tokens[0] != wanted):
            raise CompileError(f"cannot compute {self.text!r}: {wanted or 'a value'} is missing")
        return self.tokens.pop(0)

    def ternary(self) -> int:
        condition = self.binary(0)
        if self.tokens[:1] != ["?"]:
            return condition
        self.take("?")
        yes = self.ternary()
        self.take(":")
        no = self.ternary()
        return yes if condition else no

    def binary(self, level: int) -> int:
        if level == len(self.LEVELS):
            return self.atom()
        value = self.binary(level + 1)
        while self.tokens and self.tokens[0] in self.LEVELS[level]:
            value = self.apply(self.take(), value, self.binary(level + 1))
        return value

    def apply(self, operator: str, a: int, b: int) -> int:
        match operator:
            case "+":
                return a + b
            case "-":
                return a - b
            case "*":
                return a * b
            case "/":
                return a // b
            case "%":
                return a % b
            case "**":
                return int(a**b)
            case "<":
                return a < b
            case ">":
                return a > b
            case "<=":
                return a <= b
            case ">=":
                return a >= b
            case "==":
                return a == b
            case _:
                return a != b

    def atom(self) -> int:
        token = self.take()
        if token == "(":
            value = self.ternary()
            self.take(")")
            return value
        if token == "-":
            return -self.atom()
        if token == "$clog2":
            return max(0, (self.atom() - 1).bit_length())
        if token.isdigit():
            return int(token)
        if token in self.parameters:
            return evaluate(self.parameters[token], self.parameters)
        raise CompileError(f"cannot compute {self.text!r}: {token} is not known")
