"""What the types of all artefacts have in common: frozen, checked data, with load and dump.

A field that is not given stays unset and is not written; the others are, null where a value is None. Names of fields are the names in the
file, and stay once they were published.
"""

import json
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from quant_models.errors import QuantModelError
from quant_models.files import atomic

__all__ = ["Artefact", "ArtefactError", "Record"]


class ArtefactError(QuantModelError):
    """A file that is not the artefact it should be; ``hint`` says how to get a good one."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Record(BaseModel):
    """Frozen data with checked fields; what is in the data and not among the fields is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, ser_json_inf_nan="constants")

    def to_json(self) -> dict[str, Any]:
        """As plain data: the fields that were set."""
        return self.model_dump(mode="json", exclude_unset=True, by_alias=True)

    def replace(self, **changes: Any) -> Self:
        """The same with other values of some fields."""
        return type(self).model_validate({**{name: getattr(self, name) for name in self.model_fields_set}, **changes})


class Artefact(Record):
    """A record that is a file of its own, of a ``version``."""

    VERSION: ClassVar[int] = 1

    version: int = 1

    @classmethod
    def parse(cls, value: Any, where: str) -> Self:
        """The artefact that ``value``, decoded JSON, is; ``where`` names it in messages. Raises :class:`ArtefactError`."""
        found = value.get("version") if isinstance(value, dict) else None
        if found != cls.VERSION:
            raise ArtefactError(f"{where}: version must be {cls.VERSION}, not {found!r}", _AGAIN)
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
            raise ArtefactError(f"{where}: {place}: {first['msg'].lower()}, not {str(first['input'])[:60]}", _AGAIN) from None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the artefact at ``path``. Raises :class:`ArtefactError` for a file that is missing, no JSON, of another version, or not
        whole."""
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ArtefactError(f"{path} is missing", "run the command again: it is made anew") from None
        except (ValueError, RecursionError) as error:
            raise ArtefactError(f"{path} is not JSON: {error}", _AGAIN) from None
        return cls.parse(value, str(path))

    def dump(self) -> str:
        """The file's text, JSON sorted by key: equal artefacts give equal text. NaN is refused (ValueError)."""
        return json.dumps({"version": self.VERSION, **self.to_json()}, indent=1, sort_keys=True, allow_nan=False) + "\n"

    def save(self, path: Path) -> None:
        """Write it to ``path``, whole or not at all; the folder is made where there is none."""
        text = self.dump()
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


_AGAIN = "run the command again: the step that makes this file is repeated when the file is removed"
