"""What a configuration field allows, a value and a fault, in the words and spelling of the TOML file."""

import difflib
import json
import re
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from build_flows.base.errors import ConfigError

__all__ = ["allowed", "checked", "fault", "toml"]

File = TypeVar("File", bound=BaseModel)

_MEMBER = re.compile(r"(list|dict|literal|function-[a-z]+)\[|constrained-|(str|int|float|bool)$")
"""Names of pydantic's kinds, as they stand in the place of a fault."""


def checked(model: type[File], raw: Any, name: str, impossible: Callable[[File], Iterator[tuple[str, Any, str]]]) -> File:
    """``raw`` as a ``model``; ``impossible`` gives (key, value, what is wrong and allowed) of what no single field shows.

    Raises :class:`ConfigError` with one line per fault, each beginning with ``name``.
    """
    try:
        found = model.model_validate(raw)
    except ValidationError as error:
        lines = [fault(model, item["type"], loc, item["input"]) for loc, item in _without_members(error.errors())]
    else:
        lines = [f"{key} = {toml(value)}: {why}" for key, value, why in impossible(found)]
        if not lines:
            return found
    raise ConfigError("\n".join(f"{name}: {line}" for line in dict.fromkeys(lines)))


def _without_members(errors: Sequence[Any]) -> Iterator[tuple[tuple[int | str, ...], Any]]:
    """Faults with their places as the file has them: of a value that may be of several kinds pydantic tells one for each kind, whose name
    it puts into the place. The one that got furthest into the value says most."""
    deepest: dict[tuple[int | str, ...], list[tuple[tuple[int | str, ...], Any]]] = {}
    for item in errors:
        loc = tuple(part for part in item["loc"] if part != "[key]")
        at = next((index for index, part in enumerate(loc) if isinstance(part, str) and _MEMBER.match(part)), len(loc))
        place, inside = loc[:at], loc[at + 1 :]
        found = deepest.setdefault(place, [])
        if found and len(inside) != len(found[0][0]):
            if len(inside) < len(found[0][0]):
                continue
            found.clear()
        found.append((inside, item))
    for place, found in deepest.items():
        for inside, item in found:
            yield (*place, *inside), item


def allowed(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """What values ``annotation`` with its constraints allows, in words."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        told = next((extra.title for extra in args[1:] if isinstance(extra, FieldInfo) and extra.title), None)
        if told:
            return told
        inner = [item for extra in args[1:] for item in (extra.metadata if isinstance(extra, FieldInfo) else [extra])]
        return allowed(args[0], [*inner, *metadata])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(allowed(arg, metadata) for arg in args if arg is not type(None))
    if origin is Literal:
        return ", ".join(toml(arg) for arg in args)
    if origin is list:
        return f"list of ({allowed(args[0])})"
    if origin is dict:
        return f"table from {'a name' if args[0] is str else allowed(args[0])} to ({allowed(args[1])})"
    bounds = {
        key: getattr(item, key) for item in metadata for key in ("ge", "gt", "le", "lt", "pattern", "max_length") if hasattr(item, key)
    }
    bounds = {key: value for key, value in bounds.items() if value is not None}
    if annotation is str:
        return f"text that matches {bounds['pattern']}" if "pattern" in bounds else "text, not empty"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"a table with {', '.join(annotation.model_fields)}"
    kind = {int: "whole number", float: "number", bool: "true or false"}.get(annotation, str(annotation))
    words = {"ge": "from {}", "gt": "above {}", "le": "to {}" if "ge" in bounds else "up to {}", "lt": "below {}"}
    return " ".join([kind, *(words[key].format(_plain(bounds[key])) for key in ("ge", "gt", "le", "lt") if key in bounds)])


def _plain(value: float) -> str:
    return f"{int(value)}" if float(value).is_integer() else f"{value:g}"


def fault(model: type[BaseModel], kind: str, loc: Sequence[int | str], value: Any) -> str:
    """pydantic's fault (its ``type``, ``loc`` and ``input``) in a value for ``model``, as ``key = value: allowed: ...``."""
    annotation, metadata, parents = _declared(model, loc)
    key = _key(loc)
    if kind == "missing":
        return f"{key} is missing; allowed: {allowed(annotation, metadata)}"
    if kind == "extra_forbidden":
        known = [declared.alias or key for key, declared in parents.model_fields.items()]
        return f"{key} = {toml(value)}: {_unknown(str(loc[-1]), known)}"
    keys = _literal_keys(_declared(model, loc[:-1])[0]) if loc else ()
    if keys and loc[-1] not in keys:
        return f"{key}: {_unknown(str(loc[-1]), keys)}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and isinstance(loc[-1], str) and not isinstance(value, dict):
        return f"{key} = {toml(value)}: must be a table [{key}]; allowed: {allowed(annotation)}"
    return f"{key} = {toml(value)}: allowed: {allowed(annotation, metadata)}"


def _unknown(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"unknown key{f' (did you mean {close[0]}?)' if close else ''}; allowed: {', '.join(known)}"


def _literal_keys(annotation: Any) -> tuple[str, ...]:
    """The keys that a table declared as a dict may have; empty where it is none, or any key will do."""
    bare = _bare(annotation)
    keys = typing.get_args(bare)[0] if typing.get_origin(bare) is dict else None
    return typing.get_args(keys) if typing.get_origin(keys) is Literal else ()


def _declared(root: type[BaseModel], loc: Sequence[int | str]) -> tuple[Any, Sequence[Any], type[BaseModel]]:
    """(annotation, metadata, model that holds it) of the deepest declared part of ``loc``."""
    model = root
    annotation: Any = root
    metadata: Sequence[Any] = ()
    for part in loc:
        if typing.get_origin(_bare(annotation)) is dict:
            annotation, metadata = typing.get_args(_bare(annotation))[1], ()
        elif isinstance(part, int):
            annotation, metadata = next(iter(typing.get_args(_bare(annotation))), annotation), ()
        elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
            found = next((declared for key, declared in model.model_fields.items() if (declared.alias or key) == part), None)
            if found is None:
                break
            annotation, metadata = found.annotation, found.metadata
    return annotation, metadata, model


def _bare(annotation: Any) -> Any:
    """``annotation`` without ``| None``."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next(arg for arg in typing.get_args(annotation) if arg is not type(None))
    return annotation


def _key(loc: Sequence[int | str]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def toml(value: Any) -> str:
    """``value`` as TOML shows it, cut short when long."""
    if value is None:
        return "(unset)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, list | tuple):
        text = "[" + ", ".join(map(toml, value)) + "]"
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    else:
        text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."
