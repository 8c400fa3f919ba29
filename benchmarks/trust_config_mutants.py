"""Mutants of a configuration whose fault a single value, key or character shows: drawn from the declared tables, for every key."""

import datetime
import math
import random
import tomllib
import types
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from benchmarks.edited import Place, edited
from benchmarks.trust_mutant import Mutant, shown

__all__ = ["Declared", "broken_text", "declared", "fits", "key_mutants", "misspelt", "value_mutants"]

VALUES: tuple[Any, ...] = (
    "text", "", "0", " ", "\u00fc\u4f60", 0, 1, -1, 3, 10**30, -(10**30), 0.5, 2.5, -0.5, 1e308, math.nan, math.inf, -math.inf, True,
    False, [], [1],
    ["a"], [[1]], [0, 1.5], {}, {"a": 1}, datetime.date(2024, 2, 29), datetime.time(7, 32),
)
"""What is tried in the place of every value."""


class Declared(typing.NamedTuple):
    """A declared key: its ``place`` in the file, its type, the constraints of its values, and whether it can be left out."""

    place: Place
    annotation: Any
    metadata: Sequence[Any]
    required: bool

    @property
    def key(self) -> str:
        """As messages name it."""
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" if index else part for index, part in enumerate(self.place))


def declared(model: type[BaseModel], place: Place = ()) -> Iterator[Declared]:
    """Every key of ``model`` that is no table, and of its tables; of a list of tables the first's."""
    for name, info in model.model_fields.items():
        here = (*place, info.alias or name)
        inner = _bare(info.annotation)
        if typing.get_origin(inner) is list and _is_table(typing.get_args(inner)[0]):
            yield from declared(typing.get_args(inner)[0], (*here, 0))
        elif _is_table(inner):
            yield from declared(inner, here)
        else:
            yield Declared(here, info.annotation, info.metadata, info.is_required())


def fits(annotation: Any, metadata: Sequence[Any], value: Any) -> bool:
    """Whether ``value`` is of the declared type and within the declared bounds; written down here once more, so as not to ask those whose
    answer is looked at."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        inner = [item for extra in args[1:] for item in (extra.metadata if isinstance(extra, FieldInfo) else [extra])]
        return fits(args[0], [*inner, *metadata], value)
    if origin in (typing.Union, types.UnionType):
        return any(fits(arg, metadata, value) for arg in args if arg is not type(None))
    if origin is Literal:
        return any(type(value) is type(arg) and value == arg for arg in args)
    if origin is list:
        return isinstance(value, list) and all(fits(args[0], (), item) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(args[0], (), key) and fits(args[1], (), item) for key, item in value.items())
    if isinstance(value, bool) or annotation is bool:
        return isinstance(value, bool) and annotation is bool
    if annotation is str:
        # What a text with a pattern allows is for a person to say: none of the values here is a name.
        return isinstance(value, str) and not any(getattr(item, "pattern", None) for item in metadata) and (
            len(value) >= max((getattr(item, "min_length", None) or 0 for item in metadata), default=0))
    if annotation is int:
        return isinstance(value, int) and _within(metadata, value)
    return isinstance(value, int | float) and math.isfinite(value) and _within(metadata, value)


def _within(metadata: Sequence[Any], value: float) -> bool:
    for item in metadata:
        least, above, most, below = (getattr(item, key, None) for key in ("ge", "gt", "le", "lt"))
        if (least is not None and value < least) or (above is not None and value <= above):
            return False
        if (most is not None and value > most) or (below is not None and value >= below):
            return False
    return True


def _bare(annotation: Any) -> Any:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next(arg for arg in typing.get_args(annotation) if arg is not type(None))
    return annotation


def _is_table(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def misspelt(word: str, rng: random.Random, known: Collection[str] = ()) -> str:
    """``word`` with a letter doubled, left out, or changed with its neighbour; never the word that it was, nor one of those ``known``."""
    while True:
        at = rng.randrange(len(word))
        found = rng.choice((word[:at] + word[at] + word[at:], word[:at] + word[at + 1:],
            word[:at] + word[at + 1:at + 2] + word[at] + word[at + 2:]))
        if found and found != word and found not in known:
            return found


def value_mutants(
    model: type[BaseModel], values: Mapping[str, Any], args: Sequence[Sequence[str]], rng: random.Random, *, each: int = 4,
    files: Mapping[str, bytes] | None = None,
) -> Iterator[Mutant]:
    """For every key of ``model`` ``each`` values that it does not allow, in the place of what ``values`` have: other types, numbers out of
    range, text that is misspelt. ``args`` are the command lines to draw from, of which one has ``{config}`` for the file."""
    for key in declared(model):
        wrong = [value for value in (*VALUES, *_beside(key, rng)) if not fits(key.annotation, key.metadata, value)]
        for value in rng.sample(wrong, min(each, len(wrong))):
            what = f"{key.key} = {value!r}"
            yield _mutant("value", what, edited(values, {key.place: value}), rng.choice(args), (key.key, shown(value), "allowed"), files)


def _beside(key: Declared, rng: random.Random) -> Iterator[Any]:
    """Values just out of bounds, and words misspelt."""
    inner = _bare(key.annotation)
    for item in key.metadata:
        step = 1 if inner is int else 1e-9
        for bound, sign in (("ge", -1), ("gt", 0), ("le", 1), ("lt", 0)):
            value = getattr(item, bound, None)
            if value is not None:
                yield value + sign * step
    if typing.get_origin(inner) is Literal:
        words = [word for word in typing.get_args(inner) if isinstance(word, str)]
        yield from (misspelt(word, rng) for word in rng.sample(words, min(2, len(words))))
        yield from (word.upper() for word in words[:1])


def key_mutants(
    model: type[BaseModel], values: Mapping[str, Any], args: Sequence[Sequence[str]], rng: random.Random,
    files: Mapping[str, bytes] | None = None,
) -> Iterator[Mutant]:
    """Every key of ``model`` misspelt, one that must be there left out, a key of another table, tables that are no tables."""
    known = {str(key.place[-1]) for key in declared(model)} | {info.alias or name for name, info in model.model_fields.items()}
    for key in declared(model):
        *table, name = key.place
        word = misspelt(str(name), rng, known)
        told = Declared((*table, word), None, (), False).key
        changes = {(*table, word): "value", **({key.place: ...} if key.required else {})}
        yield _mutant("misspelt key", told, edited(values, changes), rng.choice(args), (told, "unknown key", "allowed"), files)
        if key.required:
            yield _mutant("missing key", key.key, edited(values, {key.place: ...}), rng.choice(args), (key.key, "missing"), files)
    for name, info in model.model_fields.items():
        table_name = info.alias or name
        word = misspelt(table_name, rng, known)
        yield _mutant("misspelt table", word, edited(values, {(word, "a"): 1}), rng.choice(args), (word, "unknown key", "allowed"), files)
        inner = _bare(info.annotation)
        if _is_table(inner) or (typing.get_origin(inner) is list and _is_table(typing.get_args(inner)[0])):
            for value in rng.sample(("text", 3, [1, 2], True, datetime.date(2024, 1, 1)), 2):
                yield _mutant("no table", f"{table_name} = {value!r}", edited(values, {(table_name,): value}), rng.choice(args),
                              (table_name, shown(value), "allowed"), files)
        if info.is_required():
            yield _mutant("missing table", table_name, edited(values, {(table_name,): ...}), rng.choice(args),
                (table_name, "missing"), files)


def broken_text(
    text: str, args: Sequence[Sequence[str]], rng: random.Random, *, count: int, files: Mapping[str, bytes] | None = None,
) -> Iterator[Mutant]:
    """``count`` times ``text`` with a character or a line changed so that it is no TOML, and as many times with bytes in it that are no
    UTF-8."""
    made = 0
    while made < count:
        at = rng.randrange(len(text))
        found = rng.choice((
            text[:at] + rng.choice('"=[]{}\'\x00\x07,') + text[at:], text[:at], text[:at] + text[at + 1:],
            text[:at] + rng.choice(text.splitlines()) + "\n" + text[at:],
        ))
        try:
            tomllib.loads(found)
        except tomllib.TOMLDecodeError:
            made += 1
            yield _mutant("no TOML", f"character {at}", found.encode(), rng.choice(args), ("not valid TOML",), files)
    raw = text.encode()
    for _ in range(count):
        at = rng.randrange(len(raw))
        bad = rng.choice((b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xe4", text[:8].encode("utf-16")))
        yield _mutant("no UTF-8", f"byte {at}", raw[:at] + bad + raw[at:], rng.choice(args), ("not UTF-8",), files)


def _mutant(
    kind: str, what: str, content: Mapping[str, Any] | bytes, args: Sequence[str], says: tuple[str, ...], files: Mapping[str, bytes] | None,
) -> Mutant:
    raw = content if isinstance(content, bytes) else tomli_w.dumps(dict(content)).encode()
    return Mutant(kind=kind, what=what, args=tuple(item.replace("{config}", "config.toml") for item in args),
                  files={**(files or {}), "config.toml": raw}, says=says)
