"""``selftest.json`` (docs/interfaces.md): what the self-test of a package found on a board."""

from pydantic import ConfigDict, Field

from quant_models.records import Artefact, Record

__all__ = ["Selftest", "SelftestFile"]


class Selftest(Record):
    """What ``selftest.py --json`` prints, whatever else there is with it: whether it passed, on how many ``samples`` the results ``agree``,
    what went wrong, a line each, and the board's Python and numpy."""

    model_config = ConfigDict(extra="allow")

    ok: bool = False
    samples: int | None = None
    agree: int | None = None
    errors: list[str] = Field(default_factory=list)
    python: str | None = None
    numpy: str | None = None


class SelftestFile(Selftest, Artefact):
    """The same, and the ``host`` that it ran on."""

    model_config = ConfigDict(extra="allow")

    host: str
