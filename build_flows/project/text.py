"""A configuration as TOML text, for the files that offramp writes itself: only the keys that are set, in the order given."""

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["config_text"]


def config_text(values: Mapping[str, Any], comment: str = "") -> str:
    """``values`` (sections of plain keys, or lists of such sections, as ``tomllib`` reads a configuration) as TOML, with ``comment`` above.

    Reading the text gives ``values`` again. Raises ValueError for a value that TOML does not hold, naming its key.
    """
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    for section, held in values.items():
        for table in held if isinstance(held, list) else [held]:
            lines += [*([""] if lines else []), f"[[{section}]]" if isinstance(held, list) else f"[{section}]"]
            lines += [f"{key} = {_value(value, f'{section}.{key}')}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def _value(value: Any, key: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        # JSON's strings are TOML's, but for DEL, which only TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item, key) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_value(name, key)} = {_value(item, f'{key}.{name}')}" for name, item in value.items()) + "}"
    raise ValueError(f"{key} must be text, a number, true, false or a list or table of them, not {value!r}")
